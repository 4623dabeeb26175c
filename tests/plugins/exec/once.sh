#!/bin/sh
# SPDX-License-Identifier: EUPL-1.2
# A program that is run for each reply and does what the text of the reply says.
read -r LINE || exit 66
echo "stderr of a run" >&2
case $LINE in
*'do: busy'*)
    if [ -e "$TMPDIR/busy" ]; then echo id-busy; exit 0; fi
    : > "$TMPDIR/busy"
    echo 'The line is busy.'
    exit 75 ;;
*'do: refused'*) echo 'The number does not exist.'; exit 69 ;;
*'do: data'*) exit 65 ;;
*'do: noperm'*) exit 77 ;;
*'do: config'*) exit 78 ;;
*'do: usage'*) exit 64 ;;
*'do: one'*) exit 1 ;;
*'do: never'*)
    sleep 600 &
    echo $! > "$TMPDIR/grandchild"
    trap '' TERM
    sleep 600 ;;
*'do: flood'*) exec yes ;;
*'do: 65536'*) head -c 65536 /dev/zero | tr '\0' x; exit 0 ;;
*'do: 65537'*) head -c 65537 /dev/zero | tr '\0' x; exit 0 ;;
*'do: fork'*) setsid sleep 600 & echo $! > "$TMPDIR/forked"; echo id-fork; exit 0 ;;
*'do: killed'*)
    if [ -e "$TMPDIR/killed" ]; then echo id-killed; exit 0; fi
    : > "$TMPDIR/killed"
    kill -9 $$ ;;
*'do: wait'*)
    : > "$TMPDIR/run-$$"
    while [ ! -e "$TMPDIR/go" ]; do sleep 0.05; done
    rm "$TMPDIR/run-$$" ;;
*'do: file'*) FILE=${LINE##*\"file\":\"}; FILE=${FILE%%\"*}; echo "id-$(cat "$FILE")"; exit 0 ;;
*'do: secret'*) case $LINE in *'"pin":"geheim-0815"'*) echo id-secret; echo geheim-0815 >&2; exit 0 ;; esac; exit 1 ;;
esac
echo "id-$$"
