#!/bin/sh
# Makes the model inside the program from a float model of stories, with the program alone:
#
#   tools/story.sh stories15M.F16.gguf FOLDER [TRIT]
#
#   the teacher's stories -> the tokens that they need -> a smaller teacher -> more stories
#   -> a ternary student of the teacher's shape -> one of twice its feed-forward width -> FOLDER/story.gguf
#
# What is there already is not made again, and what was interrupted goes on, so the same command is given until it is done. Each figure below can be
# set in the environment. Behind it: copy story.gguf to models/ and run tools/reference/story.py for its golden record (models/README.md).
set -eu

teacher=${1:?"usage: tools/story.sh TEACHER.gguf FOLDER [TRIT]"} out=${2:?"usage: tools/story.sh TEACHER.gguf FOLDER [TRIT]"}
trit=${3:-${TRIT_PROGRAM:-trit}}

: "${STORY_TOKENS:=4096}"         # of the vocabulary
: "${STORY_SAMPLE:=1600}"         # stories by which they are chosen
: "${STORY_CORPUS:=20400}"        # stories to learn from
: "${STORY_SAMPLING:=-n -1 --temp 1 --top-k 0 --top-p 0.95 --min-p 0 --parallel 64}"
: "${STORY_TRAINING:=--batch-rows 1 --seq-len 2048 --warmup 20 --distill 1 --precision bf16}"
: "${STORY_STEPS:=5300}"
: "${STORY_NARROW:=--architecture llama --lr 4e-4 --lambda linear --lambda-steps 80}"
: "${STORY_WIDE_STEPS:=4700}"
: "${STORY_WIDE:=--ff-dim 1536 --lr 3e-4}"
: "${STORY_FIGURES:=--eval-rows 16 --eval-every 200 --save-every 200 --keep 3}"
: "${STORY_TYPES:=--type i2_s --embed-type q8_0}"

say() { echo "story: $*" >&2; }

# write FILE MODEL STORIES SEED: stories from nothing but the begin token
write() {
    [ -e "$1" ] || say "$3 stories by $2: $1"
    # shellcheck disable=SC2086  # lists of options
    [ -e "$1" ] || "$trit" batch "$out/start.txt" "$1" -m "$2" --raw --samples "$3" --seed "$4" $STORY_SAMPLING --quiet
}

# learn RUN MODEL STEPS OPTIONS: begins a run, or goes on with it, to a step
learn() {
    run=$out/$1 model=$2 steps=$3 options=$4
    [ -d "$run/step-$steps" ] && return
    rm -f "$out/story.gguf" # of fewer steps
    if ls "$run"/step-* >/dev/null 2>&1; then
        say "the run in $run goes on"
        "$trit" finetune --resume "$run" --steps "$steps"
    else
        say "$steps steps of training: $run"
        # shellcheck disable=SC2086
        "$trit" finetune -m "$model" "$out/corpus.jsonl" "$out/sample.jsonl" --text-field completion --teacher "$out/teacher.gguf" \
            --validation-share 0.02 -o "$run" --report "$run.html" --steps "$steps" $STORY_TRAINING $options $STORY_FIGURES
    fi
    [ -d "$run/step-$steps" ] || { say "the run in $run ended without step $steps"; exit 1; }
}

mkdir -p "$out"
[ -e "$out/start.txt" ] || echo >"$out/start.txt"
write "$out/sample.jsonl" "$teacher" "$STORY_SAMPLE" 1
[ -e "$out/teacher.gguf" ] ||
    "$trit" convert "$teacher" "$out/teacher.gguf" --prune-vocab "$STORY_TOKENS" --vocab-text "$out/sample.jsonl" --text-field completion
write "$out/corpus.jsonl" "$out/teacher.gguf" "$STORY_CORPUS" 2
learn narrow "$out/teacher.gguf" "$STORY_STEPS" "$STORY_NARROW"
wide=wide-of-$STORY_STEPS
learn "$wide" "$out/narrow/step-$STORY_STEPS" "$STORY_WIDE_STEPS" "$STORY_WIDE"
# shellcheck disable=SC2086
[ -e "$out/story.gguf" ] || "$trit" export "$out/$wide" "$out/story.gguf" $STORY_TYPES
say "$out/story.gguf is made; its first words:"
"$trit" run -m "$out/story.gguf" "Once upon a time" -n 64 --seed 1 --quiet
