#!/bin/sh
# tools/bench_train.py without PyTorch: its table has a share of what a core does at best, measured by tools/peak.c, that follows from the other columns.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
rm -rf ./*

command -v python3 >/dev/null || exit 77
i=0
while [ $i -lt 100 ]; do
    echo "The $i little dogs ran to the park and saw a red ball."
    i=$((i + 1))
done >story.txt
bench() {
    python3 "$TRIT_SOURCE/tools/bench_train.py" --trit "$TRIT_PROGRAM" --text story.txt --ways none --threads 1 --rounds 1 --steps 2 --dim 256 --ff 512 \
        --layers 1 --heads 4 --rows 16 --seq 64 >out 2>err || fail "bench_train.py"
    [ "$(grep -c '^| trit \(f32\|bf16\) |' out)" = 2 ] || fail "not two sides"
}

# Without a compiler there is no peak, and all else.
CC=false bench
[ "$(grep -c '^| trit .* | - |' out)" = 2 ] || fail "a share of an unknown peak"
says 'floats -, pairs of bfloat16 -$' out

cc -O2 -march=native -ffp-contract=fast "$TRIT_SOURCE/tools/peak.c" -o peak 2>/dev/null || exit 77
./peak >peak.json || fail "peak.c"
says '^{"float_gmac_s": [1-9][0-9.]*, "bf16_gmac_s": \(null\|[1-9][0-9.]*\)}$' peak.json
CC=cc bench
# | side | best | median | seconds | GMAC/s | % | faster | less |, and the peaks in the last line
tr -d ',' <out | awk '
    /^A core/ { floats = $7; pairs = $NF; for (i = 1; i <= n; i++) {
        peak = side[i] ~ /bf16/ && pairs != "-" ? pairs : floats
        want = 100 * rate[i] / peak
        off = percent[i] > want ? percent[i] - want : want - percent[i]
        if (floats <= 0 || off > 1 + want / 20) { print side[i], percent[i], "instead of", want; bad = 1 } } }
    /^\| trit/ { split($0, x, /\|/); n++; side[n] = x[2]; rate[n] = x[6]; percent[n] = x[7] + 0 }
    END { exit bad || n != 2 }' || fail "shares that do not follow"
