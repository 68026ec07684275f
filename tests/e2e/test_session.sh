#!/bin/sh
# --session of run, chat and serve: a conversation goes on in another process, with the same words and without being computed again; what does
# not fit is refused, and no file is lost.
set -eu
# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
rm -rf ./*
model=$TRIT_SOURCE/tests/model/story-256.gguf
printf '{%% for m in messages %%}{{ m.role }}: {{ m.content }}\n{%% endfor %%}{%% if add_generation_prompt %%}assistant:{%% endif %%}' >chat.jinja
long='Once upon a time there was a little girl who had a red ball and a big dog and a small cat and a house in the wood.'

# talk CODE SCRIPT options...: the lines of SCRIPT are said; SCRIPT has escapes
talk() {
    printf '%b' "$2" >said
    expected=$1 code=0
    shift 2
    t chat -m "$model" -t 1 -n 12 --seed 3 --temp 0 --ctx 512 "$@" <said >out 2>err || code=$?
    [ "$code" = "$expected" ] || fail "trit chat $*: exit $code instead of $expected"
}
run() { expect 0 run -m "$model" -t 1 -n 12 --temp 0 --ctx 512 "$@"; }
refused() { # CODE WORDS options...
    code=$1 words=$2
    shift 2
    cp a.session kept
    expect "$code" run -m "$model" -n 4 --ctx 512 --session a.session "$@" Hello
    says "$words" err
    cmp a.session kept || fail "the session changed"
}
number() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" out; }

# The same conversation in one process and in three.
talk 0 "$long\nWhat did the dog do?\nAnd then?\n" --chat-template chat.jinja
cp out whole
talk 0 "$long\n" --chat-template chat.jinja --session c.session -v
says 'c.session: kept' err
cp out parts
talk 0 'What did the dog do?\n' --chat-template chat.jinja --session c.session -v
says 'c.session: restored' err
cat out >>parts
cp c.session before
talk 0 'And then?\n/save talk.json\n/save\n' --chat-template chat.jinja --session c.session --json
[ "$(number cached_tokens)" -ge $(($(number prompt_tokens) / 2)) ] || fail "little was kept"
cp before c.session
run --session c.session --chat-template chat.jinja "And then?" -q
cat out >>parts
cmp whole parts || fail "other words in three processes"
says '"role": "assistant"' talk.json
talk 2 'Hello\n' --session c.session --messages talk.json
talk 2 '/save\n' --raw

# Texts: one goes on where the other ended, with any type of keys and values.
for kv in f32 f16 q8; do
    rm -f a.session
    run --kv $kv --session a.session -q "$long"
    cp out first
    cp a.session before
    run --kv $kv --session a.session --raw --json " Then he"
    [ "$(number cached_tokens)" -ge $(($(number prompt_tokens) / 2)) ] || fail "$kv: little was kept"
    cp before a.session
    run --kv $kv --session a.session --raw -q " Then he"
    cp out second
    run --kv $kv -q "$(printf '%s%s\n Then he' "$long" "$(cat first)")"
    cmp second out || fail "$kv: other words without a session"
done
run --session a.session --kv q8 -n 0 "The cat"

# With adapters, too; without them, with another scale or with one more, it is another session.
adapter=$TRIT_SOURCE/tests/e2e/adapter
talk 0 "$long\nWhat did the dog do?\n" --chat-template chat.jinja --lora "$adapter:4"
cp out adapted
cmp -s adapted whole && fail "the adapter says nothing"
rm -f a.session
talk 0 "$long\n" --chat-template chat.jinja --lora "$adapter:4" --session a.session
cp out parts
cp a.session before
talk 0 'What did the dog do?\n' --chat-template chat.jinja --lora "$adapter:4" --session a.session --json
[ "$(number cached_tokens)" -ge 32 ] || fail "little was kept with an adapter"
refused 3 'other adapters'
refused 3 'other adapters' --lora "$adapter:0.5"
refused 3 'other adapters' --lora "$adapter:4" --lora "$adapter"
cp before a.session
talk 0 'What did the dog do?\n' --chat-template chat.jinja --lora "$adapter:4" --session a.session
cat out >>parts
cmp adapted parts || fail "other words in two processes with an adapter"
rm a.session
run --kv q8 --session a.session -n 0 "The cat"

# Templates that want the roles in turn: what -n 0 had computed is answered, or goes on, in chat too.
printf '{%% for m in messages %%}{%% if (m.role == "user") != (loop.index0 %% 2 == 0) %%}{{ raise_exception("not in turn") }}{%% endif %%}' >turns.jinja
printf '{{ m.role }}: {{ m.content }}\n{%% endfor %%}assistant:' >>turns.jinja
run --session n.session --chat-template turns.jinja -n 0 "$long"
cp n.session before
run --session n.session --chat-template turns.jinja --json </dev/null
[ "$(number cached_tokens)" -ge 32 ] || fail "-n 0 computed nothing"
expect 2 run -m "$model" --ctx 512 --session n.session --chat-template turns.jinja </dev/null
says 'needs a prompt' err
run --session n.session --chat-template turns.jinja "And then?"
cp before n.session
run --session n.session --chat-template turns.jinja --json "And then?"
[ "$(number cached_tokens)" -ge 32 ] || fail "-n 0 computed nothing"
cp before n.session
talk 0 'And then?\nAnd then?\n/save talk.json\n' --session n.session --chat-template turns.jinja
[ "$(grep -o '"role": "user"' talk.json | wc -l)" = 2 ] || fail "not two questions"
cp before n.session
talk 1 "$(printf '%0999d' 0)\n" --session n.session --chat-template turns.jinja --ctx 100
run --session n.session --chat-template turns.jinja --json </dev/null

# What does not fit, or is broken.
run --session a.session "$long" --kv q8
rm a.session
run --session a.session "$long"
refused 3 'f16, and q8 are wanted' --kv q8
refused 3 'other adapters' --lora "$TRIT_SOURCE/tests/e2e/adapter"
refused 3 'another model' --activations float
refused 2 '--session does not go with --beams' --beams 2
refused 2 '--session does not go with --render-only' --render-only
expect 2 run -m "$model" --session a.session --ids 1,2
expect 3 run -m "$model" --session absent/a.session Hello
says 'absent/a.session: there is no such folder' err
mkfifo pipe.session
ln -s a.session link.session
for not in pipe.session link.session /dev/null .; do
    expect 3 run -m "$model" --session $not Hello
    says "$not: not a file" err
done
rm pipe.session link.session
n=$(wc -c <a.session)
head -c $((n - 1)) a.session >short
expect 3 run -m "$model" --session short Hello
says 'cut off or broken' err
{ head -c 2000 a.session && printf x && tail -c $((n - 2001)) a.session; } >broken
expect 3 run -m "$model" --session broken Hello
says 'is broken' err
expect 3 run -m "$model" --session chat.jinja Hello
says 'not a session' err

# A disk that is full: the answer was given, and the old session stays, alone.
cp a.session kept
code=0
(ulimit -f 20; t run -m "$model" -n 4 --ctx 512 --session a.session " and") >out 2>err || code=$?
[ $code = 3 ] || fail "exit $code with a full disk"
says 'a.session' err
[ -s out ] || fail "no answer"
cmp a.session kept || fail "the session changed"
ls ./*.part 2>/dev/null && fail "a part is left"

# Ctrl-C: what was said until then is kept. The answer has no end before it.
sh "$TRIT_SOURCE/tests/long_context.sh" "$model" long.gguf
rm out
TRIT_CPU=scalar "$TRIT_PROGRAM" run -m long.gguf -t 1 --ignore-eos --temp 1 --session i.session "$long $long" >out 2>err &
pid=$!
until [ -s out ]; do
    kill -0 $pid || fail "it ended before it was interrupted"
    sleep 0.02
done
kill -INT $pid
code=0
wait $pid || code=$?
[ $code = 130 ] || fail "exit $code after Ctrl-C"
[ -s i.session ] || fail "nothing was kept"
expect 0 run -m long.gguf -t 1 -n 12 --temp 0 --session i.session " and" --json
[ "$(number cached_tokens)" -ge 32 ] || fail "little was kept of what was interrupted"
ls ./*.part 2>/dev/null && fail "a part is left"
exit 0
