#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Fetches the foreign servers and clients that Debian does not have into build/peers and runs tests/peers against them. A peer that cannot
# be had (no registry in reach) is named loudly and its tests are left out; a peer that was had and a test that failed is a
# failure. Kept between runs by version.
set -u
cd "$(dirname "$0")/.."
peers=build/peers
synapse=1.163.2
georeport=0.3.1
three=0.8.0
gotosocial=v0.18.3
gotosocial_sum=h1:xSptoQ8fGg/d+itJWXHpKDpoc3N0Ls6fNX36l1860Hw=
mkdir -p "$peers"
tests=
missed=

miss() {
    line="PEER NOT HAD: $1 because $2"
    echo "$line" >&2
    missed="$missed$line
"
}
last() {
    grep -v '^ *$' "$1" | tail -2 | tr -s '\n\t' '  ' | cut -c 1-400
}

# A Python package in a venv of its own: python NAME FOLDER VERSION TEST PIP-ARGUMENTS...
python() {
    name=$1 folder=$peers/$2 version=$3 test=$4 log=$peers/$2.log
    shift 4
    if [ "$(cat "$folder.version" 2>/dev/null)" = "$version" ] && [ -x "$folder/bin/python" ]; then
        tests="$tests $test"
        return
    fi
    echo "fetching $name $version into $folder"
    rm -rf "$folder" "$folder.version"
    if ! /usr/bin/python3 -m venv "$folder" >"$log" 2>&1; then
        miss "$name" "no venv could be made: $(last "$log")"
    elif timeout 300 "$folder/bin/pip" install --disable-pip-version-check --no-input --quiet "$@" >"$log" 2>&1; then
        echo "$version" >"$folder.version"
        tests="$tests $test"
    else
        miss "$name" "pip says: $(last "$log")"
    fi
}

python Synapse venv "$synapse" tests/peers/matrix.test.js --only-binary :all: "matrix-synapse==$synapse"
# three and relaxml exist as source only.
python "Open311 clients" open311 "$georeport $three" tests/peers/open311-clients.test.js "georeport==$georeport" "three==$three" relaxml==0.1.3

# ---- GoToSocial: a Go program, built from its module by our pinned sum; what it needs is checked by its own go.sum ----
gotosocial() {
    module=github.com/superseriousbusiness/gotosocial folder=$peers/gotosocial log=$peers/gotosocial.log
    rm -rf "$folder" "$folder.version" "$folder.src"
    if ! command -v go >/dev/null 2>&1; then
        echo "there is no go on this machine, and Debian's is too old for it" >"$log"
        return 1
    fi
    echo "fetching GoToSocial $gotosocial and building it into $folder (some minutes)"
    GONOSUMDB=$module GOFLAGS=-mod=mod timeout 240 go mod download -json "$module@$gotosocial" >"$log" 2>&1 || return 1
    dir=$(sed -n 's/^.*"Dir": "\(.*\)",$/\1/p' "$log")
    grep -q "\"Sum\": \"$gotosocial_sum\"" "$log" || { echo "its sum is not the pinned one" >"$log"; return 1; }
    cp -r "$dir" "$folder.src" && chmod -R u+w "$folder.src" && rm -rf "$folder.src/vendor" && mkdir -p "$folder" || return 1
    out=$(pwd)/$folder/gotosocial
    (cd "$folder.src" && GOTOOLCHAIN=local GOFLAGS=-mod=mod CGO_ENABLED=0 timeout 900 go build -tags nootel,noerrcaller -ldflags '-s -w' -o "$out" ./cmd/gotosocial) >"$log" 2>&1 || return 1
    cp -r "$folder.src/web" "$folder/web" && rm -rf "$folder.src" && echo "$gotosocial" >"$folder.version"
}
if [ "$(cat "$peers/gotosocial.version" 2>/dev/null)" = "$gotosocial" ] || gotosocial; then
    tests="$tests tests/peers/mastodon.test.js"
else
    miss GoToSocial "$(last "$peers/gotosocial.log")"
fi

status=0
if [ -n "$tests" ]; then
    # shellcheck disable=SC2086
    node --test --test-reporter=spec --test-concurrency=1 --test-timeout=300000 $tests || status=1
fi
[ -z "$missed" ] || printf '%s\n' "$missed" >&2
exit "$status"
