#!/bin/sh
# trit pack-study as its users meet it: tables, JSON, CSV, patterns, kinds of model files, exit codes.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
model=$TRIT_SOURCE/tests/model/story-256.gguf
rm -rf ./*

# A table of the tensors and one of the strategies; everything comes back.
expect 0 pack-study "$model" --check
for word in auto 2-bit base-3 byte run-length sparse entropy hybrid; do says "^$word  *[0-9]" out; done
says '^blk.0.attn_q.weight ' out
says '42 ternary tensors, 4.7 million weights' out
says 'check: every strategy gives every tensor back' out
if [ -s err ]; then fail "something on standard error"; fi

# The same file by another type has the same trits: the same bytes, whatever the type.
t convert -q "$model" i2s.gguf --type i2_s
t convert -q "$model" folder --type hf_ternary
t pack-study "$model" --csv --tensor 'blk.3.*' | cut -d, -f1,3-5,7,8 >a.csv
t pack-study i2s.gguf --csv --tensor 'blk.3.*' | cut -d, -f1,3-5,7,8 >b.csv
cmp -s a.csv b.csv || fail "another type, other sizes: $(diff a.csv b.csv)"
[ "$(wc -l <a.csv)" = 57 ] || fail "7 tensors by 8 strategies and a head are 57 lines, not $(wc -l <a.csv)"
expect 0 pack-study folder --json --tensor '*layers.3.*'
says '"type": "U8"' out
expect 0 pack-study --csv --tensor 'blk.3.*'
cut -d, -f1,3-5,7,8 <out >c.csv
t pack-study "$TRIT_SOURCE/models/story.gguf" --csv --tensor 'blk.3.*' | cut -d, -f1,3-5,7,8 >d.csv
cmp -s c.csv d.csv || fail "the model inside the program has other sizes than its file"

# JSON: every key, and auto is the least of all.
expect 0 pack-study -m "$model" --json --tensor '*.ffn_down.weight' --tensor 'blk.?.attn_v.weight'
for key in model tensors name type shape weights zeros file_bytes entropy_bytes entropy_bits strategies bytes bits over_entropy pack_s unpack_s \
    chosen total checked; do
    says "\"$key\":" out
done
t pack-study "$model" --csv | awk -F, '
    $7 == "auto" { auto[$1] = $8 }
    NR > 1 && $7 != "auto" && (!($1 in least) || $8 < least[$1]) { least[$1] = $8 }
    END { for (name in auto) { n++; if (auto[name] > 1.01 * least[name]) bad++ } exit n != 42 || bad }' || fail "auto is not the least"

# Wrong usage and files without ternary weights.
expect 2 pack-study "$model" "$model"
expect 2 pack-study "$model" -m "$model"
expect 2 pack-study "$model" --csv --json
expect 3 pack-study missing.gguf
expect 3 pack-study "$model" --tensor 'nothing*'
says 'no ternary tensor of such a name' err
expect 3 pack-study -m synthetic:bitnet-2b4t
printf 'GGUF' >broken.gguf
expect 3 pack-study broken.gguf
t convert -q "$model" floats.gguf --type q8_0
expect 3 pack-study floats.gguf
says 'no ternary tensor$' err
exit 0
