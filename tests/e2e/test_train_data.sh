#!/bin/sh
# The data of trit train as its users meet it: records, conversations and their template, caches, bad files.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
rm -rf ./*
shape='--n-layers 1 --dim 64 --n-heads 2 --context 32 --steps 2 --batch-rows 2 --tokenizer byte -t 1'

# Conversations: the template goes with the tokenizer into the checkpoint, where `run` finds it.
for i in 1 2 3 4 5 6 7 8; do
    echo "{\"messages\": [{\"role\": \"user\", \"content\": \"question $i\"}, {\"role\": \"assistant\", \"content\": \"answer $i\"}]}"
done >chat.jsonl
echo "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}" >chat.jinja
# shellcheck disable=SC2086
expect 0 train chat.jsonl -o run --chat-template chat.jinja --validation-share 0.3 $shape
cmp chat.jinja run/step-2/chat_template.jinja
[ "$(t run -m run/step-2 --render-only hello)" = "user: hello<|end_of_text|>assistant: " ] || fail "another prompt"
rm chat.jinja
expect 0 train --resume run --steps 3
[ -s run/step-3/chat_template.jinja ] || fail "the template is lost"

# A cache that was changed is made anew, and that is said.
cache=$(ls run/tokens/*.tokens)
cp "$cache" kept
printf x | dd of="$cache" bs=1 seek=100 conv=notrunc 2>/dev/null
expect 0 train --resume run --steps 4
says 'made anew: .*damaged token cache' err
cmp "$cache" kept

# What is wrong with data is named.
refuse() {
    code=$1 words=$2
    shift 2
    # shellcheck disable=SC2086
    expect "$code" train "$@" -o bad $shape
    says "$words" err
}
: >empty.txt
refuse 2 'empty.txt: empty' empty.txt
printf 'a\000b' >zero.txt
refuse 3 'zero.txt: binary data, not text: a zero byte at offset 1' zero.txt
printf '{"text": "a"}\n{"text"\n' >cut.jsonl
refuse 3 'cut.jsonl, line 2' cut.jsonl
refuse 3 'chat.jsonl, line 1: messages, and there is no chat template' chat.jsonl
printf '{{ messages|length }}{%% for m in messages %%}{{ m.content }}{%% endfor %%}' >counts.jinja
refuse 3 'chat.jsonl, line 1: the chat template cannot be split at message 2' chat.jsonl --chat-template counts.jinja
refuse 3 'absent.txt' absent.txt
