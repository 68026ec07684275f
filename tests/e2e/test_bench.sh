#!/bin/sh
# trit bench and its subcommands on the model inside the program: documents, tables, comparisons, files that are none.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
t info -m '' >/dev/null 2>&1 || exit 77 # no model inside
rm -rf ./*

# measures CODE arguments...: as expect, and again where the machine was too busy for figures that can be true, which the program says itself.
measures() {
    wanted=$1 tries=0
    shift
    while :; do
        code=0 tries=$((tries + 1))
        t bench "$@" -q >out 2>err || code=$?
        if [ $tries = 20 ] || ! grep -q 'measure again on a quiet machine' err; then break; fi
    done
    [ "$code" = "$wanted" ] || fail "trit bench $*: exit $code instead of $wanted"
}

# The document: the same on standard output and in the file, each row once.
measures 0 -p 16,20 -n 4 -t 1,2 -b 1,2 --depth 32 -r 2 --json -o run.json
cmp out run.json || fail "the file is not what was printed"
for key in test threads batch depth tps iqr gb_s limit_gb_s of_limit gmac_s limit_gmac_s samples; do
    [ "$(grep -o "\"$key\": " out | wc -l)" -ge 10 ] || fail "not ten times \"$key\""
done
[ "$(grep -o '"test": "pp16"' out | wc -l)" = 2 ] || fail "pp16 on 1 and 2 threads"
[ "$(grep -o '"test": "tg4"' out | wc -l)" = 6 ] || fail "tg4: 2 batches and a depth on 1 and 2 threads"
for key in cpu tier cores memory_bytes version compiler revision date read_gb_s int8_gmac_s float_gmac_s; do says "\"$key\": " out; done
if grep -q '": -\|"tps": 0,' out; then fail "a figure that cannot be"; fi

# Tables.
measures 0 -p 8 -n 2 -t 1 -r 1
says '^test  *threads  *tok/s' out
says '^pp8  *1 ' out
measures 0 -p 8 -n 0 -t 1 -r 1 --markdown
says '^| test *| threads *|' out
says '^|---|--:|' out
says '^| pp8 ' out
if grep -q 'tg' out; then fail "-n 0 decodes"; fi
measures 0 -p 0 -n 2 -t 1 -r 1
if grep -q '^pp' out; then fail "-p 0 has a prompt"; fi

# Every kernel of this machine has a row, and its tier a limit.
measures 0 --kernels -r 1 --json -o kernels.json
says '"test": "t2_mul 1 token, cache", "tier": "scalar"' kernels.json
says '"test": "f16_mul 1 token, memory"' kernels.json

# Two runs.
expect 0 bench compare run.json run.json
[ "$(grep -c 'no difference' out)" = 10 ] || fail "a run differs from itself"
expect 0 bench compare --json --level 90 run.json run.json
says '"verdict": "no difference"' out
says '"ratio": 1,' out
expect 3 bench compare run.json kernels.json

# What is slower than its baseline is caught, and what is not is not: of the same tier by the share of the limits too, of another one by
# speed alone. The baselines are far from what any machine does, so that others may use this one too.
measures 0 -p 64 -n 4 -t 1 -r 5 -o base.json
baseline() { # SPEED SHARE
    sed "s|\"samples\": \[[^]]*\]|\"samples\": [$1, $1, $1, $1, $1]|g; s|\"shares\": \[[^]]*\]|\"shares\": [$2, $2, $2, $2, $2]|g
        s|\"limits\": \[[^]]*\]|\"limits\": [1e18, 1e18, 1e18]|g" base.json
}
baseline 1e-3 1e-6 >slow.json
baseline 1e8 1e6 >fast.json
measures 0 regress --threshold 30 --baseline slow.json
[ "$(grep -c ' ok$' out)" = 2 ] || fail "pp64 and tg4"
for tier in "" scalar; do
    [ -z "$tier" ] || export TRIT_CPU=$tier
    measures 1 regress --threshold 30 --baseline fast.json
    [ "$(grep -c SLOWER out)" = 2 ] || fail "pp64 and tg4"
    says '2 of 2 rows are more than 30 % slower than fast.json' err
done
unset TRIT_CPU

# The same in turns with the program itself: of any machine's file only the plan counts.
measures 0 -p 8 -n 4 -t 1 -r 1 -o plan.json
sed 's/"cpu": "[^"]*"/"cpu": "Another 9000"/' plan.json >other.json
expect 0 bench regress -q --threshold 90 --baseline other.json --baseline-program "$TRIT_PROGRAM" --json
[ "$(grep -o '"verdict": "ok"' out | wc -l)" = 2 ] || fail "pp8 and tg4"
measures 0 -p 8 -n 4 -t 1,2 -r 1 -o plan.json
printf '\n\n' | t bench turns plan.json >said
[ "$(grep -c '^[0-9.e+]* [0-9.e+]*$' said)" = 2 ] || fail "two turns: $(cat said)"
printf '#!/bin/sh\nread -r line\necho fast\n' >liar
chmod +x liar
expect 3 bench regress -q --baseline plan.json --baseline-program ./liar
says 'not 2 speeds' err
expect 1 bench regress -q --baseline plan.json --baseline-program /bin/true
says 'took no turn' err
expect 3 bench regress -q --baseline plan.json --baseline-program ./missing
expect 2 bench regress -q --baseline kernels.json --baseline-program "$TRIT_PROGRAM"
expect 2 bench turns
expect 3 bench turns missing.json </dev/null
sed 's/"cpu": "[^"]*"/"cpu": "Another 9000"/' base.json >other.json
expect 3 bench regress --baseline other.json
says 'measured on "Another 9000"' err

# A report that needs nothing else.
expect 0 bench report run.json --html run.html
says '<svg' run.html
says 'prefers-color-scheme:dark' run.html
if grep -qi '<script\|src=\|http' run.html; then fail "the report loads something"; fi
sed 's/"compiler": "[^"]*"/"compiler": "<script>alert(1)<\/script>"/' run.json >hostile.json
expect 0 bench report hostile.json --html hostile.html
if grep -q '<script' hostile.html; then fail "text of the file is taken as HTML"; fi
expect 0 bench report kernels.json --html kernels.html

# A figure that cannot be is no result: weights read faster than memory reads.
sed 's/"beyond_caches": false/"beyond_caches": true/g; s/"limits": \[[0-9.]*,/"limits": [1000,/g' run.json >impossible.json
expect 0 bench report impossible.json --html impossible.html
says 'cannot be: measure again' impossible.html
expect 3 bench compare run.json impossible.json
says 'no row in common' err
# Or more products than the processor does.
sed 's/"limits": \[\([0-9.]*\), [0-9.]*, [0-9.]*\]/"limits": [\1, 1, 1]/g' run.json >impossible.json
expect 0 bench report impossible.json --html impossible.html
says 'GMAC/s where the processor does 0.0 at best cannot be: measure again' impossible.html

# Energy: counters of this machine, none, some that stand still, some that move.
mkdir -p none still/intel-rapl:0 moving/intel-rapl:0
for folder in still moving; do
    echo package-0 >$folder/intel-rapl:0/name
    echo 262143328850 >$folder/intel-rapl:0/max_energy_range_uj
done
echo 1000000 >still/intel-rapl:0/energy_uj
mkfifo moving/intel-rapl:0/energy_uj
expect 5 bench energy --counters none
says 'does not tell its energy' err
expect 5 bench energy -q --counters still -n 2 -r 1
says 'do not move' err
( # each who opens it finds a higher number
    trap '' PIPE
    n=1000000
    while :; do
        n=$((n + 50000))
        echo $n >moving/intel-rapl:0/energy_uj || :
    done
) >/dev/null 2>&1 &
counter=$!
trap 'kill $counter 2>/dev/null || :' EXIT
expect 0 bench energy -q --counters moving -n 32 -r 2 --json
kill $counter
says '"joules_per_token": [0-9]' out

# What is no file of a run is refused with a line that says why.
refused() {
    expect 3 bench compare bad.json run.json
    says "$1" err
    expect 3 bench regress --baseline bad.json
    expect 3 bench report bad.json --html bad.html
    [ ! -e bad.html ] || fail "a report of nothing"
}
echo 'not json' >bad.json
refused 'bad.json'
echo '{"rows": []}' >bad.json
refused 'not a file of'
echo '[1, 2]' >bad.json
refused 'not a file of'
: >bad.json
refused 'bad.json'
sed 's/"version": 1,/"version": 2,/' run.json >bad.json
refused 'version 2'
sed 's/"rows": \[.*/"rows": []}/' run.json >bad.json
refused 'rows'
sed 's/"samples": \[[^]]*\]/"samples": []/' run.json >bad.json
refused 'row 0'
sed 's/"samples": \[[^]]*\]/"samples": [-1, 0]/' run.json >bad.json
refused 'samples'
sed 's/"threads": 1,/"threads": "many",/g' run.json >bad.json
refused 'threads'
sed 's/"machine": {/"engine": {/' run.json >bad.json
refused 'cpu'
expect 3 bench compare missing.json run.json
expect 3 bench -q -p 4 -n 0 -r 1 -o missing/folder/run.json

# Wrong usage.
expect 2 bench comparee
says 'did you mean "bench compare"' err
expect 2 bench -p 1,x
expect 2 bench -p 1,,2
expect 2 bench -t 0,1
expect 2 bench -p 0 -n 0
expect 2 bench -p 100000
says 'context' err
expect 2 bench -p 4 -n 100000
expect 2 bench --json --markdown
expect 2 bench compare run.json
expect 2 bench regress
expect 2 bench report run.json
expect 2 bench report --html x.html

# Ctrl-C ends it cleanly: some minutes before it would end. Until the program cares for signals, those of a background job are ignored.
TRIT_CPU=scalar "$TRIT_PROGRAM" bench -q -p 200 -n 50 -r 100 -o never.json >out 2>err &
pid=$!
tries=0
while kill -0 $pid 2>/dev/null; do
    if [ $((tries % 100)) = 10 ]; then kill -INT $pid; fi
    tries=$((tries + 1))
    sleep 0.1
done
code=0
wait $pid || code=$?
[ $code = 130 ] || fail "interrupted: exit $code"
[ ! -e never.json ] || fail "a file of an interrupted run"
