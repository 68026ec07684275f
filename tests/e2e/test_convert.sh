#!/bin/sh
# trit convert as its users meet it: files and folders, what is printed, exit codes, an interrupted run.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
model=$TRIT_SOURCE/tests/model/story-256.gguf

# same A B: the two models give the same logits
same() {
    t eval logits -m "$1" --ids 1,2,3,4 >a.txt
    t eval logits -m "$2" --ids 1,2,3,4 >b.txt
    cmp -s a.txt b.txt || fail "$1 and $2 give other logits"
}
rm -rf ./*

# GGUF to GGUF, to a folder, and back: the same answers.
expect 0 convert "$model" a.gguf --type i2_s
says 'the same weights to the bit' out
says 'mended: bitnet-b1.58.hidden_activation' err
same "$model" a.gguf
expect 0 info a.gguf --json
says '"I2_S"' out
expect 0 convert a.gguf folder --json
for key in tensors bytes_in bytes_out max_error lossless mended notes; do says "\"$key\":" out; done
says '"lossless": true' out
if [ ! -f folder/config.json ] || [ ! -f folder/model.safetensors ]; then fail "the folder is not whole"; fi
same "$model" folder
expect 0 convert folder b.gguf --type tq2_0 -q
if [ -s out ] || [ -s err ]; then fail "--quiet says something"; fi
same "$model" b.gguf

# Integers of few bits: a scale rounded to half is a loss, and told.
expect 0 convert a.gguf c.gguf --type q4_0 --embed-type q8_0 --json
says '"lossless": false' out
expect 0 convert a.gguf c.gguf --embed-type q8_0
says 'differ by' out

# Fewer tokens: those of a text under new ids, with the same continuation. Records are read as train-tokenizer reads them.
printf 'Once upon a time there was a little girl. She had a red ball.###Once upon a time there was a dog.' >story.txt
printf '{"completion": "Once upon a time there was a little girl. She had a red ball."}\n{"completion": "Once upon a time there was a dog."}\n' >story.jsonl
expect 0 convert "$model" few.gguf --prune-vocab 420 --vocab-text story.txt --separator "###"
says 'note: [0-9]* of [0-9]* tokens stay.* 100.000 % of the' err
expect 0 convert "$model" few2.gguf --prune-vocab 420 --vocab-text story.jsonl --text-field completion -t 2 --json
says '"notes": \[' out
cmp few.gguf few2.gguf || fail "records are other texts"
[ "$(t tokenize -m few.gguf --decode "$(t tokenize -m few.gguf 'there was a dog')")" = "there was a dog" ] || fail "another text came back"
[ "$(wc -c <few.gguf)" -lt "$(wc -c <"$model")" ] || fail "fewer tokens are not smaller"
expect 0 convert few.gguf few-folder --prune-vocab 400 --vocab-text story.txt
expect 2 convert "$model" x.gguf --prune-vocab 300
says '--vocab-text' err
expect 2 convert "$model" x.gguf --vocab-text story.txt
expect 2 convert "$model" x.gguf --text-field completion
says '--text-field is for --prune-vocab' err
expect 2 convert "$model" x.gguf --separator "###"
says '--separator is for --prune-vocab' err
expect 2 convert "$model" x.gguf --base "$model" --vocab-text story.txt
says 'only the form changes' err
expect 2 convert "$model" x.gguf --prune-vocab 300 --vocab-text story.txt
says '300 tokens: too few, for [0-9]* always stay' err
expect 3 convert few-folder x-folder --prune-vocab 400 --vocab-text story.txt -q
expect 3 convert "$model" x.gguf --prune-vocab 400 --vocab-text missing.txt
expect 3 convert "$model" x.gguf --prune-vocab 400 --vocab-text story.jsonl
says 'story.jsonl, line 1' err

# Wrong usage, missing files, types that cannot be: the documented exit codes.
expect 2 convert
expect 2 convert a.gguf
expect 2 convert a.gguf b.gguf c.gguf
expect 2 convert a.gguf x.gguf --type nothing
expect 2 convert a.gguf x.gguf --format zip
expect 2 convert a.gguf ./a.gguf
says 'the same' err
expect 3 convert missing.gguf x.gguf
expect 3 convert a.gguf missing/x.gguf
expect 3 convert a.gguf x.gguf --type hf_ternary
[ ! -e x.gguf ] || fail "a refused conversion left a file"

# A full disk, played by a limit of the file's size: one line, nothing left, the old file as it was.
echo old >d.gguf
code=0
(ulimit -f 500; t convert "$model" d.gguf) >out 2>err || code=$?
[ "$code" = 3 ] || fail "a full disk: exit $code"
if [ "$(cat d.gguf)" != old ] || [ -e d.gguf.part ]; then fail "a full disk left something"; fi

# Stopped at any moment: the output is whole or absent, and a clean end leaves nothing beside it.
rm -f k.gguf k.gguf.part
stopped=0
for signal in TERM INT KILL; do
    for delay in 0 0.01 0.02 0.03 0.05; do
        "$TRIT_PROGRAM" convert "$model" k.gguf --type f32 -q 2>err &
        pid=$!
        sleep $delay
        kill -$signal $pid 2>/dev/null || :
        code=0
        wait $pid || code=$?
        case $code in
        0) same "$model" k.gguf ;;
        *)
            stopped=$((stopped + 1))
            [ ! -e k.gguf ] || same "$model" k.gguf # it had its name already
            [ $signal = KILL ] || [ ! -e k.gguf.part ] || [ $code != 130 ] || fail "SIG$signal: k.gguf.part stays"
            ;;
        esac
        rm -f k.gguf k.gguf.part
    done
done
echo "$stopped of 15 conversions were stopped on their way"
