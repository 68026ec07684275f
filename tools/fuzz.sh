#!/bin/sh
# Runs one fuzzer for some seconds on its corpus. New inputs are kept beside the fuzzer, not in the tree; the input of a crash
# too, and its path is printed.
#
#   tools/fuzz.sh build/fuzz/fuzz_gguf 60 [SEED [RUNS]]    with a seed it goes the same way each time, RUNS inputs far or as far as the time lets it
set -eu

fuzzer=$1
seconds=$2
seed=${3:-0}
runs=${4:--1}
name=$(basename "$fuzzer")
found=$(dirname "$fuzzer")/found/$name
mkdir -p "$found"
if ! "$fuzzer" -max_total_time="$seconds" -seed="$seed" -runs="$runs" -timeout=60 -rss_limit_mb=2048 -malloc_limit_mb=1024 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="$found/crash-" "$found" "fuzz/corpus/${name#fuzz_}" >"$found.log" 2>&1; then
    tail -n 60 "$found.log"
    echo "$name: failed; its input is in $found"
    exit 1
fi
awk -v name="$name" '/number_of_executed_units/ { n = $2 } /slowest_unit/ { s = $2 } END { printf "%s: %d runs, slowest %d s\n", name, n, s }' "$found.log"
