#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Runs the Check programs given, two at a time, each with a time limit; prints a line each and, at the end,
# "N passed, N failed" in checks. The output of a failed one is shown whole.
set -u
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
[ $# -gt 0 ] || { echo "unit: no test programs" >&2; exit 1; }
printf '%s\n' "$@" | xargs -P 2 -I{} sh -c '
    name=$(basename {})
    CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-30} timeout 300 {} >"$0/$name.log" 2>&1
    echo $? >"$0/$name.rc"' "$out"
passed=0 failed=0 bad=0
for program in "$@"; do
    name=$(basename "$program")
    rc=$(cat "$out/$name.rc")
    # Check closes with "100%: Checks: 12, Failures: 0, Errors: 0"; a program may run several suites.
    set -- $(sed -nE 's/^[0-9]+%: Checks: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+)$/\1 \2 \3/p' "$out/$name.log" |
        awk '{c+=$1; f+=$2+$3} END {print c+0, f+0}')
    passed=$((passed + $1 - $2)) failed=$((failed + $2))
    if [ "$rc" = 0 ] && [ "$1" -gt 0 ] && [ "$2" = 0 ]; then
        echo "ok    $name ($1 checks)"
    else
        bad=1
        [ "$2" -gt 0 ] || failed=$((failed + 1))
        echo "FAIL  $name (exit $rc)"
        tail -60 "$out/$name.log"
    fi
done
echo "unit: $passed passed, $failed failed"
exit $bad
