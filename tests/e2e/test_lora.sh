#!/bin/sh
# --lora as its users meet it: what an adapter changes, scales, several of them, merging, the other form, and what is refused.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
model=$TRIT_SOURCE/tests/model/story-256.gguf
rm -rf ./*

# A PEFT folder of one pair for that model: the third layer's up_proj, rank 1, alpha 64, A and B 1/32 all over.
cp -r "$TRIT_SOURCE/tests/e2e/adapter" peft

logits() {
    file=$1
    shift
    t eval logits --ids 1,2,3,4 -m "$model" "$@" >"$file" || fail "eval logits $*"
}
logits base.txt
logits adapted.txt --lora peft
cmp -s base.txt adapted.txt && fail "the adapter changes nothing"

# The same bits with other threads and as GGUF; halves add up to the whole here, for all of it is powers of two.
logits a.txt --lora peft -t 1
cmp -s adapted.txt a.txt || fail "other bits with one thread"
expect 0 convert peft adapter.gguf --base "$model"
says 'in the form of GGUF' out
logits a.txt --lora adapter.gguf
cmp -s adapted.txt a.txt || fail "other bits as GGUF"
logits a.txt --lora adapter.gguf:2
logits b.txt --lora peft:-3 --lora adapter.gguf:5
cmp -s a.txt adapted.txt && fail "the scale changes nothing"
expect 0 convert adapter.gguf back --base "$model" --json
says '"format": "PEFT"' out
logits a.txt --lora back
cmp -s adapted.txt a.txt || fail "other bits after a round trip"

# Every command that opens a model takes it; info tells what it is.
expect 0 run -m "$model" "Once upon a time" -n 8 --lora peft
expect 0 embed -m "$model" "Once upon a time" --lora peft
expect 0 info --lora peft:0.5 -m "$model"
says 'peft (PEFT): 1 projections, rank 1, 0.00 million parameters, alpha / rank 64, scale 0.5' out
expect 0 info --lora adapter.gguf -m "$model" --json
says '"projections": 1' out

# Merged: floats keep the sum, trits do not, and that is said.
expect 0 convert "$model" float --lora peft --type f32 --json
says '"lost": 0' out
expect 0 convert "$model" float.gguf --lora peft --type f32
distance() { # of two lists of logits, the root of the mean square, below so much
    paste "$1" "$2" | awk -v most="$3" '
        { n = split($0, x, /[^-+.0-9e]+/); for (i = 1; i <= n / 2; i++) { d = x[i] - x[i + n / 2]; sum += d * d; count++ } }
        END { if (!count || sqrt(sum / count) > most) { print sqrt(sum / count); exit 1 } }'
}
for merged in float float.gguf; do
    logits a.txt -m $merged
    distance a.txt adapted.txt 0.1 || fail "$merged says something else than the adapter beside the model"
done
expect 0 convert "$model" merged.gguf --lora peft
says 'adapters added to 1 projections' out
expect 0 info merged.gguf --check

# What is refused, with the documented exit codes.
expect 3 run x -n 1 -m "$model" --lora missing
expect 3 run x -n 1 -m "$model" --lora "$model"
says 'no adapter' err
expect 3 run x -n 1 -m adapter.gguf
says '--lora' err
expect 2 run x -n 1 -m "$model" --lora peft:much
expect 2 run x -n 1 -m "$model" --lora peft:0
expect 2 convert peft adapter.gguf --base "$model" --type f16
expect 2 convert adapter.gguf ./adapter.gguf --base "$model"
cp "$model" base.gguf
expect 2 convert adapter.gguf ./base.gguf --base base.gguf
says 'the base model and the output are the same' err
expect 2 convert base.gguf adapter.gguf --lora ./adapter.gguf
says 'an adapter and the output are the same' err
cmp "$model" base.gguf || fail "the base is changed"
expect 3 run x -n 1 -m synthetic:bitnet-2b4t --lora peft
sed 's/"none"/"all"/' peft/adapter_config.json >c.json
mv c.json back/adapter_config.json
expect 3 run x -n 1 -m "$model" --lora back
says 'bias' err

# Trained: a folder of PEFT, which the engine takes; a run that was stopped goes on to the same bits.
for _ in 1 2 3 4 5 6 7 8; do echo "Captain Zog flew the silver rocket to the red moon. The moon was cold."; done >zog.txt
tune() { expect 0 finetune zog.txt --seq-len 8 --batch-rows 2 --eval-rows 2 "$@"; }
tune -m "$model" --lora --steps 3 -o whole
tune -m "$model" --lora-rank 16 --steps 3 -o ranked
cmp whole/step-3/adapter_model.safetensors ranked/step-3/adapter_model.safetensors || fail "--lora-rank alone trains otherwise than --lora"
tune -m "$model" --lora --steps 3 --save-every 2 --keep 0 -o parts
rm -r parts/step-3
expect 0 finetune --resume parts --threads 1
cmp whole/step-3/adapter_model.safetensors parts/step-3/adapter_model.safetensors || fail "a run that goes on gives another adapter"
says '"r": 16' whole/step-3/adapter_config.json
[ ! -e whole/step-3/model.safetensors ] || fail "the checkpoint of an adapter has the model, too"
logits a.txt --lora whole/step-3
cmp -s base.txt a.txt && fail "the trained adapter changes nothing"
loss() {
    t eval ppl zog.txt --window 32 --json -m "$@" 2>err | sed 's/.*"nll": \([0-9.]*\).*/\1/'
}
expect 0 convert "$model" told.gguf --lora whole/step-3 --type f32
before=$(loss "$model") after=$(loss "$model" --lora whole/step-3) merged=$(loss told.gguf)
awk -v a="$before" -v b="$after" -v c="$merged" 'BEGIN { exit !(b > 0 && b < a - 0.2 && c < b + 0.02 && c > b - 0.02) }' ||
    fail "losses: $before, with the adapter $after, merged $merged"
expect 0 info -m "$model" --lora whole/step-3
says '42 projections, rank 16' out

# Inside the quantizer of a model with masters: merged and unmerged give the same bits.
echo '{"n_layers": 1, "dim": 128, "n_heads": 2, "context": 32, "tokenizer": "byte", "batch_rows": 2, "steps": 2, "warmup": 1}' >tiny.json
expect 0 train zog.txt -o masters --config tiny.json
tune -m masters/step-2 --lora --lora-inside yes --lora-rank 4 --steps 3 -o inside
expect 0 convert masters/step-2 inside.gguf --lora inside/step-3
logits a.txt -m masters/step-2 --lora inside/step-3
logits b.txt -m inside.gguf
cmp -s a.txt b.txt || fail "merged and unmerged give other bits"
expect 2 finetune zog.txt -o other
expect 2 finetune -m "$model" zog.txt -o other --lora --lora-targets w_proj
says 'w_proj' err
expect 3 finetune -m "$model" zog.txt -o other --lora --lora-inside yes
says 'holds trits already' err
expect 3 run x -n 1 -m inside.gguf --lora inside/step-3
says 'was trained inside the quantizer' err
expect 3 convert inside.gguf twice.gguf --lora inside/step-3
