#!/bin/sh
# trit batch as its users meet it: three forms in and out, the same bytes however many run at once and after an interruption, errors.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
rm -rf ./*
export TRIT_THREADS=1 # small work: threads would wait for each other where the processor has more to do

printf 'Once upon a time\n\nThe cat, "Max",\n' >prompts.txt
printf '\357\273\277id,prompt\r\n1,Once upon a time\r\n2,\r\n3,"The cat, ""Max"","\r\n' >prompts.csv
printf '\357\273\277{"prompt": "Once upon a time"}\n\n{"prompt": ""}\n{"prompt": "The cat, \\"Max\\","}' >prompts.jsonl

# One file of prompts in three forms gives one file of answers.
for form in txt csv jsonl; do
    expect 0 batch prompts.$form from_$form.jsonl -n 24 --seed 7 --json
    says '"answers": 3, "resumed": 0, "failed": 0' out
    cmp from_txt.jsonl from_$form.jsonl || fail "answers to $form differ"
done
[ "$(wc -l <from_txt.jsonl)" = 3 ] || fail "not three answers"
for key in index prompt completion stop_reason prompt_tokens completion_tokens; do says "\"$key\": " from_txt.jsonl; done
[ ! -e from_txt.jsonl.part ] || fail "the journal is still there"

# The first answer is what `run` gives; other outputs hold the same.
expect 0 batch prompts.txt answers.csv -n 24 --seed 7 -q
says '^prompt,completion,stop_reason' answers.csv
says '^"The cat, ""Max"","' answers.csv
expect 0 batch prompts.txt answers.txt -n 24 --temp 0
expect 0 run "Once upon a time" -n 24 --temp 0 -q
[ "$(sed -n 1p answers.txt)" = "$(cat out)" ] || fail "batch and run differ"

# Neither threads nor neighbours matter, and each sample has a seed of its own.
expect 0 batch prompts.txt many.jsonl -n 12 --seed 7 --samples 8 --parallel 16 -t 2
expect 0 batch prompts.txt single.jsonl -n 12 --seed 7 --samples 8 --parallel 1 -t 1
cmp many.jsonl single.jsonl || fail "neighbours change answers"
[ "$(sort -u many.jsonl | wc -l)" = 24 ] || fail "samples are alike"

# Interrupted, it goes on where it was, and the bytes are those of a run in one piece. The slowest kernels, and one answer after another, leave
# time to interrupt it.
expect 0 batch prompts.txt whole.jsonl -n 40 --ignore-eos --seed 3 --samples 8
TRIT_CPU=scalar "$TRIT_PROGRAM" batch prompts.txt parts.jsonl -n 40 --ignore-eos --seed 3 --samples 8 --parallel 1 -t 1 >out 2>err &
pid=$!
tries=0
until [ -s parts.jsonl.part ] && [ "$(wc -l <parts.jsonl.part)" -gt 1 ]; do
    tries=$((tries + 1))
    if [ $tries -ge 1200 ] || ! kill -0 $pid; then fail "no journal"; fi
    sleep 0.05
done
kill -TERM $pid
code=0
wait $pid || code=$?
[ "$code" = 130 ] || fail "interrupted: exit $code"
says 'the same command goes on from there' err
[ ! -e parts.jsonl ] || fail "half an output"
cp parts.jsonl.part torn
expect 2 batch prompts.txt parts.jsonl -n 40 --ignore-eos --seed 4 --samples 8
expect 2 batch prompts.txt parts.jsonl -n 39 --ignore-eos --seed 3 --samples 8
says 'other options' err
cmp torn parts.jsonl.part || fail "a refused run changed the journal"
printf '{"index": 5, "compl' >>parts.jsonl.part
expect 0 batch prompts.txt parts.jsonl -n 40 --ignore-eos --samples 8 --seed 3 --json
if grep -q '"resumed": 0,' out; then fail "nothing was resumed"; fi
cmp whole.jsonl parts.jsonl || fail "an interruption changes answers"

# Conversations, by a template.
printf '{%% for m in messages %%}{{ m.role }}: {{ m.content }}\n{%% endfor %%}' >chat.jinja
printf '{"messages": [{"role": "user", "content": "Tell me a story"}]}\n{"prompt": "A story"}\n' >chats.jsonl
expect 0 batch chats.jsonl chats.out.jsonl --chat-template chat.jinja --system "Be brief" -n 5 --seed 1
[ "$(wc -l <chats.out.jsonl)" = 2 ] || fail "not two answers"

printf '{%% for m in messages %%}{{ strftime_now("%%Y-%%m-%%d") }} {{ m.content }}{%% endfor %%}' >dated.jinja
expect 0 batch prompts.txt dated.jsonl --chat-template dated.jinja --date 2024-07-26 -n 5 --seed 1
expect 0 run --chat-template dated.jinja --date 2024-07-26 --render-only Once
says '2024-07-26 Once' out
expect 0 batch prompts.txt later.jsonl --chat-template dated.jinja --date 2025-07-26 -n 5 --seed 1
if cmp -s dated.jsonl later.jsonl; then fail "the date is not told"; fi
for option in "--system X" "--chat-template chat.jinja"; do
    # shellcheck disable=SC2086 # two words
    expect 2 batch prompts.txt o.jsonl --raw $option
done
expect 1 batch chats.jsonl raw.jsonl --raw -n 2 -q
says 'a conversation, and --raw' err

# A prompt that the model cannot take has no answer; the others have theirs.
{ echo Once; yes word | head -n 3000 | tr '\n' ' '; echo; echo Lily; } >long.txt
expect 1 batch long.txt long.jsonl -n 4 --seed 1 -q
says '1 of 3 prompts have no answer' err
says '"stop_reason": "error", "error": ' long.jsonl
[ "$(grep -c '"stop_reason": "length"' long.jsonl)" = 2 ] || fail "the others have no answer"

# What is wrong is named.
expect 2 batch prompts.txt
expect 3 batch absent.txt o.jsonl
expect 2 batch prompts.csv o.jsonl --field question
says 'no column "question"' err
printf 'prompt\n"open\n' >bad.csv
expect 3 batch bad.csv o.jsonl
says 'bad.csv, line 2: a quote that is not closed' err
printf '{"prompt": "a"}\n{"text": 1}\n' >bad.jsonl
expect 3 batch bad.jsonl o.jsonl
says 'bad.jsonl, line 2: no text "prompt"' err
: >empty.txt
expect 2 batch empty.txt o.jsonl
says 'no prompts' err
expect 3 batch prompts.txt no/such/folder/o.jsonl
expect 2 batch prompts.jsonl ./prompts.jsonl
says 'would replace the prompts' err
expect 3 batch prompts.txt o.jsonl --chat-template absent.jinja
for foreign in '{}\n' 'half a download'; do
    # shellcheck disable=SC2059 # the texts are formats
    printf "$foreign" >o.jsonl.part
    expect 3 batch prompts.txt o.jsonl
    says 'no journal of a batch' err
    # shellcheck disable=SC2059
    [ "$(cat o.jsonl.part)" = "$(printf "$foreign")" ] || fail "a foreign file was changed"
done
[ ! -e o.jsonl ] || fail "an output of nothing"
