#!/bin/sh
# trit chat from a script: turns, commands, what is kept between turns, sessions as files, errors. At a terminal: test_chat_terminal.py.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
rm -rf ./*
printf '{%% for m in messages %%}{{ m.role }}: {{ m.content }}\n{%% endfor %%}{%% if add_generation_prompt %%}assistant:{%% endif %%}' >chat.jinja
printf '{{ raise_exception("no such talk") }}' >refusing.jinja

# talk CODE SCRIPT options...: the lines of SCRIPT are said; SCRIPT has escapes
talk() {
    printf '%b' "$2" >said
    expected=$1 code=0
    shift 2
    t chat -t 1 -n 12 --seed 3 "$@" <said >out 2>err || code=$?
    [ "$code" = "$expected" ] || fail "trit chat $*: exit $code instead of $expected"
}

# Without a template it continues the text; the first answer is that of `run`.
talk 0 'Once upon a time\n'
says 'has no chat template' err
cp out first
expect 0 run -n 12 --seed 3 -q "Once upon a time"
cmp first out || fail "chat and run differ"
talk 0 'Once upon a time\n' --raw --quiet
[ ! -s err ] || fail "words beside the answer"

# With one, what was said is kept: the prompt of the second turn holds the first turn, and most of it is not computed again.
long='Once upon a time there was a little girl who had a red ball and a big dog and a small cat and a house in the wood.'
talk 0 "$long\nWhat did the dog do?\n/save talk.json\n" --chat-template chat.jinja --json
[ "$(wc -l <out)" = 2 ] || fail "not two answers"
prompt=$(sed -n '2s/.*"prompt_tokens": \([0-9]*\).*/\1/p' out) kept=$(sed -n '2s/.*"cached_tokens": \([0-9]*\).*/\1/p' out)
before=$(sed -n '1s/.*"prompt_tokens": \([0-9]*\).*/\1/p' out)
[ "$kept" -ge $((before * 3 / 4)) ] || fail "second turn: $kept of $prompt tokens kept, and the first had $before"

# The session is a file that `run` and a later `chat` go on with.
expect 0 run --messages talk.json --chat-template chat.jinja --render-only
says '^user: What did the dog do?$' out
says '^assistant:$' out
talk 0 'And then?\n/save more.json\n' --chat-template chat.jinja --messages talk.json
talk 0 '/load talk.json\nAnd then?\n/save again.json\n' --chat-template chat.jinja
says 'talk.json: 4 messages' err
cmp more.json again.json || fail "--messages and /load differ"

# Commands change the conversation.
talk 0 '/system Be brief.\nHello\n/save a\n/undo\n/save b\nHello\n/retry\n/reset\n/save c\n/system\n/save d\n/stats\n/help\n/exit\nnever\n' \
    --chat-template chat.jinja
says '"role": "assistant"' a
[ "$(cat b)" = '{"messages": [{"role": "system", "content": "Be brief."}]}' ] || fail "/undo left $(cat b)"
cmp b c || fail "/reset left $(cat c)"
[ "$(cat d)" = '{"messages": []}' ] || fail "/system left $(cat d)"
says 'last answer: prompt' err
says '/retry' err
talk 0 'One\\\ntwo\\\nthree\n"""\n\nfour\n  five"""\n"""six"""\n//seven\n/save lines\n' --raw
says '"One\\ntwo\\nthree"' lines
says '"\\nfour\\n  five"' lines
says '"six"' lines
says '"/seven"' lines
[ "$(grep -o '"user"' lines | wc -l)" = 4 ] || fail "not four messages"

# Mistakes end a script with a line that names them, and what was saved before stays.
talk 2 '/sav x\n' --raw
says 'unknown command "/sav" (did you mean "/save"?)' err
talk 2 '/frobnicate\n' --raw
says '/help lists them' err
talk 2 '/undo\n' --raw
talk 2 '/retry\n' --raw
talk 2 '/stats now\n' --raw
talk 2 '/save\n' --raw
talk 3 '/load absent.json\n' --raw
talk 3 '/save absent/talk.json\n' --raw
talk 3 '"""\nnever closed\n' --raw
says 'no closing """' err
printf '{"messages": [{"role": "user", "content": [{"type": "image"}]}]}' >image.json
talk 3 '/load image.json\n' --raw
says 'image.json: message 1 has no "content" of text' err
talk 2 'Hello\n' --chat-template refusing.jinja
says 'no such talk' err
talk 1 "$long\nMore\n" --chat-template chat.jinja --ctx 48
says '/reset begins anew' err
expect 3 chat --system "Be brief."
expect 2 chat --raw --system "Be brief."
expect 2 chat Hello
