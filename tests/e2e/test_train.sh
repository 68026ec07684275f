#!/bin/sh
# trit train and export as their users meet them: a run, its log and report, Ctrl-C, going on, threads, a full disk, and what is refused.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
rm -rf ./*

{
    i=0
    while [ $i -lt 200 ]; do
        echo "The $i little dogs ran to the park and saw a red ball. Lily said: I like it!"
        i=$((i + 1))
    done
} >story.txt
cat >small.json <<'END'
{"dim": 64, "n_layers": 1, "n_heads": 2, "context": 16, "batch_rows": 2, "steps": 6, "warmup": 2, "eval_every": 3, "eval_rows": 4,
 "save_every": 4, "vocab_size": 300}
END

# A run: a line a step and a validation, a log of the same lines, checkpoints, a page.
expect 0 train story.txt -o run --config small.json --json --report run.html
[ "$(grep -c '"loss": ' out)" = 6 ] || fail "not six steps"
[ "$(grep -c '"val_loss": ' out)" = 2 ] || fail "not two validations"
for key in step tokens loss lr wd lambda grad_norm flip_rate zeros tok_s; do
    [ "$(grep -c "\"$key\": [0-9]" out)" -ge 6 ] || fail "no $key"
done
cmp out run/log.jsonl || fail "the log is not what --json printed"
[ "$(echo run/step-*)" = "run/step-4 run/step-6" ] || fail "checkpoints: $(ls run)"
for name in config.json model.safetensors tokenizer.json trainer.json optimizer.safetensors; do
    [ -f "run/step-6/$name" ] || fail "no $name"
done
says '<h2>Loss' run.html
says 'prefers-color-scheme:dark' run.html
if grep -q '<script\|http' run.html; then fail "the page loads something"; fi
expect 2 train story.txt -o run --config small.json
says 'run: holds a run already' err

# The checkpoint is a model, and so is its export.
expect 0 run -m run/step-6 -n 4 "The little"
expect 0 export run model.gguf
says 'the same weights to the bit' out
expect 0 run -m model.gguf -n 4 --temp 0 "The little"
cp out exported
expect 0 run -m run/step-6 -n 4 --temp 0 "The little"
cmp out exported || fail "the export says something else"
expect 0 export run/step-4 folder --json
says '"lossless": true' out
expect 0 run -m folder -n 4 "The little"
expect 3 export folder model.gguf
says 'folder: no checkpoint' err
expect 3 export "$TRIT_SOURCE/models" model.gguf
expect 2 export run

# An activation that is not the architecture's usual one is another model for engines that do not read its key.
expect 0 train story.txt -o relu2 --config small.json --architecture llama --activation relu2 --steps 3 -q
expect 0 export relu2 relu2.gguf
says 'warning: llama.hidden_activation is relu2' err
expect 0 export relu2 relu2-folder
if grep -q warning: err; then fail "a folder names its activation, and so it is no other model"; fi
expect 0 convert relu2.gguf again.gguf
says 'warning: llama.hidden_activation is relu2' err
expect 0 train story.txt -o silu --config small.json --architecture llama --steps 3 -q
grep -q '"activation": "silu"' silu/step-3/trainer.json || fail "llama has another activation than SiLU, or the run does not say which"
expect 0 export silu silu.gguf
if grep -q warning: err; then fail "llama has SiLU everywhere"; fi

# The same bits with another number of threads; floats beside them.
expect 0 train story.txt -o one --config small.json -q --threads 1
expect 0 train story.txt -o three --config small.json -q --threads 3
if [ -s out ] || [ -s err ]; then fail "--quiet says something"; fi
cmp one/step-6/model.safetensors three/step-6/model.safetensors || fail "threads change the bits"
cmp one/step-6/model.safetensors run/step-6/model.safetensors || fail "threads change the bits"
expect 0 train story.txt -o float --config small.json --weight-type float --report both.html --compare run
says 'class="run1' both.html

# A run that ended goes on, its log with it; steps beyond the checkpoint are not kept.
expect 0 train --resume one --steps 8
[ "$(grep -c '"loss": ' one/log.jsonl)" = 8 ] || fail "the log has not eight steps"
[ "$(echo one/step-*)" = "one/step-6 one/step-8" ] || fail "checkpoints: $(ls one)"
rm -r three/step-6
expect 0 train --resume three/step-4 story.txt --config small.json
[ "$(grep -c '"loss": ' three/log.jsonl)" = 6 ] || fail "the log has not six steps"
cmp three/step-6/model.safetensors run/step-6/model.safetensors || fail "going on changes the bits"
expect 0 train --resume three --json
[ ! -s out ] || fail "a run at its end steps"
says 'three: all 6 steps are done' err

# From an earlier checkpoint a run goes on elsewhere: the later ones are of another past.
expect 2 train --resume three/step-4 --steps 5
says 'three: holds another checkpoint, three/step-6; go on elsewhere' err
expect 2 train --resume three/step-4 --steps 5 -o one
expect 0 train --resume three/step-4 --steps 5 -o four
[ "$(echo three/step-* four/step-*)" = "three/step-4 three/step-6 four/step-5" ] || fail "checkpoints: $(ls three four)"
expect 0 train --resume four --steps 5 --seq-len 16 -q # what the run chose itself
expect 2 train --resume run --dim 128
says 'dim: cannot change' err
expect 2 train --resume run --seed 2

# Ctrl-C saves, and what goes on is what was never stopped. The signal waits until some steps are done, and the run has no end before it. A
# shell's background jobs ignore SIGINT, so it is SIGTERM, which does the same.
set -- train story.txt --config small.json --schedule constant --save-every 10000000 --eval-every 0
: >out
"$TRIT_PROGRAM" "$@" --steps 10000000 -o stopped --json >out 2>err &
job=$!
while [ "$(wc -l <out)" -lt 5 ]; do
    kill -0 $job || fail "it ended before it was interrupted"
    sleep 0.01
done
kill -TERM $job
code=0
wait $job || code=$?
[ $code = 130 ] || fail "exit $code instead of 130 after an interruption"
saved=$(basename stopped/step-*)
[ "$(grep -c '"loss": ' stopped/log.jsonl)" = "${saved#step-}" ] || fail "$saved is not the last step of the log"
steps=$((${saved#step-} + 20))
expect 0 train --resume stopped --steps $steps -q
expect 0 "$@" --steps $steps -o whole -q
cmp stopped/step-$steps/model.safetensors whole/step-$steps/model.safetensors || fail "an interruption changes the bits"
[ "$(grep -c '"loss": ' stopped/log.jsonl)" = $steps ] || fail "the log has not $steps steps"

# A killed run leaves half a line; the log goes on without it.
printf '{"step": 7, "lo' >>run/log.jsonl
expect 0 train --resume run --steps 7 -q
[ "$(grep -c . run/log.jsonl)" = 10 ] || fail "the log: $(cat run/log.jsonl)"

# A loss that is no number ends a run, which says where; the checkpoint before it goes on at a lower rate as if nothing had been.
set -- --optimizer sgd --lr 0.01 --clip 0 --warmup 0 --schedule constant --save-every 4 -q
expect 0 train story.txt -o calm --config small.json --steps 8 "$@"
expect 0 train story.txt -o wild --config small.json --steps 4 "$@"
expect 3 train --resume wild --lr 1000 --steps 400 --save-every 1000 -q
says '^trit: step [0-9]*: the .* is not finite (a lower learning rate may help); saved: wild/step-4$' err
expect 0 train --resume wild --steps 8 "$@"
cmp wild/step-8/model.safetensors calm/step-8/model.safetensors || fail "what went wrong is not forgotten"
expect 3 train --resume wild/step-4 -o apart --lr 1000 --steps 400 --save-every 1000 -q
says '^trit: step [0-9]*: the .* is not finite (a lower learning rate may help)$' err # nothing was saved there

# A disk that is full: no half checkpoint, and the one before is kept.
narrow() {
    code=0
    (
        ulimit -f 64
        t train "$@" -q
    ) 2>err || code=$?
    [ $code = 3 ] || fail "exit $code instead of 3 on a full disk"
}
narrow story.txt -o full --config small.json
if ls -d full/step-* full/*.part >/dev/null 2>&1; then fail "half a checkpoint: $(ls full)"; fi
narrow --resume calm --steps 12
says 'saved: calm/step-8$' err
[ "$(echo calm/step-*)" = "calm/step-4 calm/step-8" ] || fail "checkpoints: $(ls calm)"
expect 0 train --resume calm --steps 9 -q

# The same of the other files of a run, each named in one line: tokens of 16000 bytes of text; a log with a line for each of many steps, which keeps
# whole lines and goes on with the run; a page. Limits are in blocks of 512 bytes.
full() { # BLOCKS WORDS arguments...
    blocks=$1 words=$2 code=0
    shift 2
    (
        ulimit -f "$blocks"
        t train "$@" -q
    ) >out 2>err || code=$?
    [ "$code" = 3 ] || fail "train $*: exit $code instead of 3 on a full disk"
    [ "$(grep -c . err)" = 1 ] || fail "train $*: not one line of error"
    says "^trit: $words$" err
}
cat >tiny.json <<'END'
{"dim": 8, "n_layers": 1, "n_heads": 1, "ff_dim": 8, "context": 8, "batch_rows": 1, "steps": 400, "warmup": 2, "eval_every": 0, "eval_rows": 1,
 "save_every": 50, "tokenizer": "byte"}
END
full 16 'cached/tokens/story.txt-[^ ]*: File too large' story.txt -o cached --config tiny.json
[ -z "$(find cached/tokens -type f)" ] || fail "half a cache: $(ls cached/tokens)"
expect 0 train story.txt -o cached --config tiny.json --steps 20 -q
full 80 'logged/log.jsonl: File too large; saved: logged/step-[0-9]*50' story.txt -o logged --config tiny.json
[ "$(wc -c <logged/log.jsonl)" -gt 40000 ] || fail "the log is not what grew too large: $(ls -l logged)"
[ "$(tail -c 2 logged/log.jsonl)" = '}' ] || fail "the log ends within a line: $(tail -n 1 logged/log.jsonl)"
expect 0 train --resume logged -q
[ "$(grep -c '^{.*}$' logged/log.jsonl)" = 401 ] || fail "the log has $(grep -c . logged/log.jsonl) lines" # a loss at the end is one
full 16 'page.html[^ ]*: File too large' --resume cached --report page.html
[ -z "$(find . -maxdepth 1 -name 'page.html*')" ] || fail "half a page: $(ls page.html*)"
expect 0 train --resume cached --report page.html -q

# What is refused, in one line that names it.
: >empty.txt
printf 'Once\000\001\002\377\376\000upon' >binary.txt
printf 'a' >letter.txt
printf '{"steps": 3, "batch_row": 2}' >unknown.json
printf '{"steps": "many"}' >wrong.json
printf '{"steps": 3' >broken.json
refuses() { # CODE WORDS arguments...
    code=$1 words=$2
    shift 2
    expect "$code" train "$@"
    says "$words" err
}
refuses 2 'train needs text' -o x
refuses 2 'train needs a folder' story.txt
refuses 2 'text comes by one of them' story.txt -o x --data story.txt
refuses 2 'no text' empty.txt -o x --config small.json
refuses 3 'binary.txt' binary.txt -o x --config small.json
refuses 2 'token' letter.txt -o x --config small.json
refuses 3 'missing.txt' missing.txt -o x --config small.json
refuses 3 'unknown.json: unknown key "batch_row" (did you mean "batch_rows"?)' story.txt -o x --config unknown.json
refuses 3 'wrong.json: steps: a whole number was expected' story.txt -o x --config wrong.json
refuses 3 'broken.json' story.txt -o x --config broken.json
refuses 3 'missing.json' story.txt -o x --config missing.json
refuses 2 'unknown option "--n-layer" (did you mean --n-layers?)' story.txt -o x --n-layer 3
refuses 2 'n_layers: "many" is not a whole number' story.txt -o x --n-layers many
refuses 2 'n_layers: 0 is outside 1 to 1024' story.txt -o x --n-layers 0
refuses 2 'n_heads: 3 does not divide dim' story.txt -o x --n-heads 3
refuses 2 'none of adamw' story.txt -o x --optimizer lion
refuses 3 'empty.txt' story.txt -o empty.txt/x --config small.json
refuses 3 'no checkpoint of trit train' --resume folder
refuses 3 'no checkpoint of trit train' --resume nowhere
refuses 2 'goes with --report' story.txt -o x --compare run
refuses 2 'ends in .html' story.txt -o x --report x.txt
refuses 3 'log.jsonl' story.txt -o y --config small.json --report y.html --compare folder
