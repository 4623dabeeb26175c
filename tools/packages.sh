#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Installs the Debian packages of the named lists (config/packages/LIST.txt) that are missing.
# Says what and why first; asks for sudo when not root. Usage: tools/packages.sh build [test]
set -eu
cd "$(dirname "$0")/.."
missing=
for list in "$@"; do
    for package in $(grep -v '^#' "config/packages/$list.txt"); do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
done
# Node from Debian or any other source will do, from version 18 on; 20 for the tests.
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
[ -n "$missing" ] || exit 0
echo "Draht needs these Debian packages to build and run ($*):"
echo "   $missing" | fold -s -w 96
run=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "Run this as root: apt-get install$missing" >&2
        exit 1
    }
    echo "They are installed with sudo apt-get; it may ask for your password."
    run=sudo
fi
# A package's own service must not start: Draht and its tests start what they need on ports of their own.
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $run tee "$policy" >/dev/null && $run chmod +x "$policy" && made=1
fi
trap '[ -z "$made" ] || $run rm -f "$policy"' EXIT
$run apt-get update -qq
# shellcheck disable=SC2086
$run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
