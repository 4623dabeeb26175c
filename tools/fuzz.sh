#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# Runs each fuzz program for SECONDS on a copy of its kept corpus. Usage: tools/fuzz.sh SECONDS PROGRAM...
# FUZZ_FIXED=RUNS repeats the same RUNS inputs every time (a fixed seed), at most SECONDS long: for the checks of main, which must not
# turn red by chance; without it every run explores anew.
# A finding stays in build/fuzz/found/ with the command to see it again.
set -u
seconds=$1
shift
[ $# -gt 0 ] || { echo "fuzz: no programs" >&2; exit 1; }
found=build/fuzz/found
mkdir -p "$found"
bad=0
for program in "$@"; do
    name=$(basename "$program")
    work=build/fuzz/work/$name
    mkdir -p "$work"
    kept=tests/fuzz/corpus/${name#fuzz_}
    [ -d "$kept" ] || { echo "fuzz: $kept is missing" >&2; bad=1; continue; }
    [ -z "${FUZZ_FIXED:-}" ] || rm -rf "$work" && mkdir -p "$work"
    # shellcheck disable=SC2086
    if "$program" ${FUZZ_FIXED:+-seed=1 -runs=$FUZZ_FIXED} -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$found/$name-" "$work" "$kept" >"$work.log" 2>&1; then
        echo "ok    $name: $(grep -oE 'Done [0-9]+ runs in [0-9]+ second' "$work.log" | tail -1)"
    else
        bad=1
        echo "FOUND $name; see it again with: $program $found/$name-*"
        tail -40 "$work.log"
    fi
done
exit $bad
