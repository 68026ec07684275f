#!/bin/sh
# tools/story.sh makes a model from a teacher; given again it makes nothing twice, and an interrupted run goes on.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
rm -rf ./*
export STORY_TOKENS=500 STORY_SAMPLE=8 STORY_CORPUS=8 STORY_SAMPLING='-n 24 --temp 1 --ignore-eos' STORY_STEPS=2 STORY_WIDE_STEPS=2
export STORY_TRAINING='--batch-rows 2 --seq-len 32 --lr 1e-3 --distill 1' STORY_NARROW='--lambda linear' STORY_FIGURES='--save-every 1'
export STORY_TYPES='--embed-type f16'
make_story() {
    "$TRIT_SOURCE/tools/story.sh" "$TRIT_SOURCE/tests/model/story-256.gguf" folder "$TRIT_PROGRAM" >out 2>err || fail "tools/story.sh: exit $?"
}

make_story
says 'folder/story.gguf is made' err
[ -s out ] || fail "it does not speak"
for file in sample.jsonl teacher.gguf corpus.jsonl narrow.html wide-of-2.html story.gguf; do [ -s "folder/$file" ] || fail "no $file"; done
[ "$(wc -l <folder/corpus.jsonl)" = 8 ] || fail "not 8 stories"
expect 0 info -m folder/story.gguf --json
mv out info
cmp -s folder/teacher.gguf folder/story.gguf && fail "the student is its teacher"
grep -q '"ff_dim": *1536' info || fail "the student is not wider than its teacher"

# Two steps of each run were saved; without the second one it goes on behind the first, and nothing else is made anew.
touch -d '2000-01-01' folder/*.jsonl folder/teacher.gguf
rm -r folder/story.gguf folder/wide-of-2/step-2
make_story
says 'the run in folder/wide-of-2 goes on' err
[ -d folder/wide-of-2/step-2 ] || fail "the run did not go on"
[ -z "$(find folder -maxdepth 1 -newermt '2001-01-01' \( -name '*.jsonl' -o -name teacher.gguf \))" ] || fail "stories were written twice"
if grep -q -e 'steps of training' -e 'stories by' err; then fail "something was made twice"; fi

# More steps: the run goes on to them, and the story of fewer is replaced.
cp folder/story.gguf shorter.gguf
STORY_WIDE_STEPS=3
make_story
[ -d folder/wide-of-2/step-3 ] || fail "the run has no third step"
if cmp -s folder/story.gguf shorter.gguf; then fail "the story of fewer steps stays"; fi
