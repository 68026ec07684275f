#!/bin/sh
# TRIT_MEMORY_TRACK: the device's memory is watched, a run leaves nothing behind, and prints the same.
set -eu
. "$TRIT_SOURCE/tests/shell.sh"

expect 0 run --temp 0 -n 8 "Once upon a time"
mv out plain
if grep -q "memory of" err; then fail "a report that nobody asked for"; fi
for level in basic standard detailed; do
    export TRIT_MEMORY_TRACK=$level
    expect 0 run --temp 0 -n 8 "Once upon a time"
    cmp -s plain out || fail "$level: other tokens"
    says "memory of cpu: [1-9][0-9]* blocks taken.* 0 are live" err
done
TRIT_MEMORY_TRACK=everything
expect 2 run -n 1 hello
says 'TRIT_MEMORY_TRACK: "everything"' err
