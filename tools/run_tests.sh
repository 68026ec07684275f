#!/bin/sh
# Runs ctest in a build folder and ends with one line that counts: "N passed, N failed" (", N skipped" where there are any).
#
#   tools/run_tests.sh BUILD [ctest options]
set -eu

build=$1
shift
results=$build/results.xml
rm -f "$results"
ctest --test-dir "$build" --output-on-failure --no-tests=error --output-junit "$(pwd)/$results" "$@" </dev/null || true

# One <testsuite> line carries the counts; a test that could not even start counts as failed.
awk '
    function number(name) {
        return match($0, name "=\"[0-9]+\"") ? substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 3) + 0 : 0
    }
    /tests="/ { tests = number("tests") }
    /failures="/ { failed = number("failures") }
    /disabled="/ { skipped += number("disabled") }
    /skipped="/ { skipped += number("skipped") }
    END {
        printf "%d passed, %d failed%s\n", tests - failed - skipped, failed, skipped ? ", " skipped " skipped" : ""
        exit tests == 0 || failed > 0
    }' "$results"
