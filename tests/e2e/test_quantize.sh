#!/bin/sh
# trit quantize as its users meet it: a float model made of a ternary one, schemes, policies, rules, a budget, reports, exit codes.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
model=$TRIT_SOURCE/tests/model/story-256.gguf
rm -rf ./*

# The model is ternary: it stays so, whatever the policy, but its embeddings are quantized.
expect 0 quantize "$model" kept.gguf --scheme q4_k --json
for key in in out n_tensors bytes_in bytes_out tensors mended notes warnings mse sqnr_db cosine bytes name scheme type; do says "\"$key\":" out; done
says '"scheme": "kept"' out
says '"scheme": "Q4_K"' out
expect 0 eval logits -m kept.gguf --ids 1,2,3

# Rules reach ternary weights by name; the report knows each matrix.
expect 0 quantize "$model" float.gguf --rule 'blk.*=q6_k' --policy conservative
expect 0 quantize float.gguf small.gguf --policy aggressive --report r.html --report r.json
says 'matrices quantized' out
says '"blk.0.attn_q.weight"' r.json
says 'prefers-color-scheme:dark' r.html
says 'blk.0.attn_q.weight' r.html
if grep -q '<script\|http' r.html; then fail "the page loads something"; fi
expect 0 run -m small.gguf -n 4 Once

# Schemes with and without a file type of their own.
for scheme in ternary ternary-row ternary-g64 1bit-g128 2bit-g32-mse 3bit-asym-g32 int4-g32 5bit-row int8 8bit-asym-row fp16; do
    expect 0 quantize float.gguf s.gguf --scheme "$scheme" --json
    expect 0 run -m s.gguf -n 2 Once
done
expect 0 quantize float.gguf s.gguf --scheme ternary
says 'warning: .* does not speak' err
expect 0 quantize float.gguf s.gguf --scheme ternary-g256@tq1_0 --json
says '"type": "TQ1_0"' out
expect 0 quantize float.gguf folder --scheme 4bit-asym-row --json
says '"type": "F16"' out
[ -f folder/model.safetensors ] || fail "no folder"

# A policy of one's own.
printf '# mine\nblk.-1.*  keep\n*attn*  q4_k # small\n*  q5_k\n' >policy.txt
expect 0 quantize float.gguf s.gguf --policy policy.txt --json
says '"type": "Q4_K"' out
says '"scheme": "kept"' out

# A budget is kept. The plan says nothing of what a rule names, and the report does not call that exact.
expect 0 quantize float.gguf b1.gguf --budget 2.5M --json
says '"predicted_sqnr_db":' out
[ "$(sed -n 's/.*"bytes_out": \([0-9]*\).*/\1/p' out | head -n 1)" -le 2500000 ] || fail "beyond the budget"
expect 0 quantize float.gguf b2.gguf --budget 2.5M --rule 'token_embd.*=q4_0' --report b2.html
[ "$(grep -c '<td>-</td>' b2.html)" = 1 ] || fail "not one matrix without a plan"
expect 2 quantize float.gguf b3.gguf --budget 1k
says 'at least' err

# Calibrated by a text.
printf 'Once upon a time there was a little girl. She had a red ball and a big dog.\n' >text.txt
expect 0 quantize float.gguf c.gguf --scheme q3_k --calibrate text.txt --json
says '"weighted_sqnr_db":' out
expect 0 quantize float.gguf c.gguf --scheme q3_k --calibrate text.txt --rule 'blk.0.*=q8_0' -q
if [ -s out ] || [ -s err ]; then fail "--quiet says something"; fi

# Wrong usage.
rm -f x.gguf
expect 2 quantize
expect 2 quantize float.gguf
expect 2 quantize float.gguf x.gguf --scheme nothing
expect 2 quantize float.gguf x.gguf --rule nothing
expect 2 quantize float.gguf x.gguf --policy nothing
expect 2 quantize float.gguf x.gguf --scheme q4_k --policy balanced
expect 2 quantize float.gguf x.gguf --budget many
expect 2 quantize float.gguf x.gguf --report r.txt
expect 3 quantize missing.gguf x.gguf
expect 3 quantize float.gguf x --scheme q4_k
expect 3 quantize float.gguf x.gguf --scheme 5bit-row@q4_0
if [ -e x.gguf ] || [ -e x ]; then fail "a refused quantization left a file"; fi
