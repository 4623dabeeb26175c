#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Fetches the foreign servers that Debian does not have into build/peers and runs tests/peers against them. A peer that cannot
# be had (no registry in reach) is named loudly and its tests are left out; a peer that was had and a test that failed is a
# failure. Kept between runs by version. DRAHT_GOTOSOCIAL=PROGRAM uses a GoToSocial that is there already.
set -u
cd "$(dirname "$0")/.."
peers=build/peers
synapse=1.163.2
gotosocial=latest
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

# ---- Synapse: a Python package, in a venv of its own ----
if [ "$(cat "$peers/synapse.version" 2>/dev/null)" = "$synapse" ] && "$peers/venv/bin/python" -c 'import synapse' 2>/dev/null; then
    tests="$tests tests/peers/matrix.test.js"
else
    echo "fetching Synapse $synapse into $peers/venv"
    rm -rf "$peers/venv" "$peers/synapse.version"
    if ! /usr/bin/python3 -m venv "$peers/venv" >"$peers/synapse.log" 2>&1; then
        miss Synapse "no venv could be made: $(last "$peers/synapse.log")"
    elif timeout 300 "$peers/venv/bin/pip" install --disable-pip-version-check --no-input --quiet --only-binary :all: \
        "matrix-synapse==$synapse" >"$peers/synapse.log" 2>&1; then
        echo "$synapse" >"$peers/synapse.version"
        tests="$tests tests/peers/matrix.test.js"
    else
        miss Synapse "pip says: $(last "$peers/synapse.log")"
    fi
fi

# ---- GoToSocial: a Go program; its home has moved, so both names are asked for once each ----
program=${DRAHT_GOTOSOCIAL:-$peers/bin/gotosocial}
if [ ! -x "$program" ] && ! command -v go >/dev/null 2>&1; then
    miss GoToSocial "there is no go on this machine, and Debian's is too old for it"
elif [ ! -x "$program" ]; then
    for module in code.superseriousbusiness.org/gotosocial codeberg.org/superseriousbusiness/gotosocial; do
        GOBIN="$(pwd)/$peers/bin" timeout 240 go install "$module/cmd/gotosocial@$gotosocial" >"$peers/gotosocial.log" 2>&1 && break
    done
    [ -x "$program" ] || miss GoToSocial "the Go module proxy says: $(last "$peers/gotosocial.log")"
fi
if [ -x "$program" ] && [ -e tests/peers/mastodon.test.js ]; then
    export DRAHT_GOTOSOCIAL="$program"
    tests="$tests tests/peers/mastodon.test.js"
fi

status=0
if [ -n "$tests" ]; then
    # shellcheck disable=SC2086
    node --test --test-reporter=spec --test-concurrency=1 --test-timeout=300000 $tests || status=1
fi
[ -z "$missed" ] || printf '%s\n' "$missed" >&2
exit "$status"
