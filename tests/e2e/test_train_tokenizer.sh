#!/bin/sh
# trit train-tokenizer as its users meet it: the files it writes, what reads them, JSON, exit codes.
set -eu

# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
rm -rf ./*
mkdir texts
for i in 1 2 3 4 5 6 7 8 9; do echo "The little dog number $i ran to the park, and the cat sat on the mat."; done >texts/a.txt
echo '{"text": "Once upon a time there was a dog."}' >texts/b.jsonl

# Each kind: the files, the size, and a text that comes back.
for kind in bpe spm byte; do
    expect 0 train-tokenizer texts -o "$kind" --kind "$kind" --vocab-size 320 -t 2
    says "^$kind: .* tokens, " out
    for file in tokenizer.json tokenizer_config.json; do [ -s "$kind/$file" ] || fail "$kind: no $file"; done
    ids=$(t tokenize -m "$kind" --no-bos "The dog <s> café")
    # shellcheck disable=SC2086
    [ "$(t tokenize -m "$kind" --decode "$ids")" = "The dog <s> café" ] || fail "$kind: another text came back"
done
[ "$(t tokenize -m byte --no-bos abc | wc -w)" = 3 ] || fail "bytes are not bytes"
[ "$(t tokenize -m bpe --no-bos 'the dog' | wc -w)" -lt 7 ] || fail "nothing was learned"
says '"bos_token": "<s>"' spm/tokenizer_config.json
says '"eos_token": "<|end_of_text|>"' bpe/tokenizer_config.json

# The same files with any number of threads; special tokens, and none.
t train-tokenizer texts -o one --vocab-size 300 -t 1 -q
t train-tokenizer texts -o three --vocab-size 300 -t 3 -q
cmp one/tokenizer.json three/tokenizer.json
echo '{{ messages }}' >chat.jinja
expect 0 train-tokenizer texts/a.txt -o special --bos '' --eos '<end>' --special '<|user|>' --chat-template chat.jinja --pre llama-bpe --json
says '"tokens": ' out
says '"chat_template": "{{ messages }}' special/tokenizer_config.json
[ "$(t tokenize -m special '<|user|>a' --special | wc -w)" = 2 ] || fail "the special token is not one"
[ "$(t tokenize -m special a | wc -w)" = 1 ] || fail "there is a begin token"

# What is wrong is named, and nothing is left behind.
expect 2 train-tokenizer texts
says '--output' err
expect 2 train-tokenizer -o out
expect 2 train-tokenizer texts -o out-1 --vocab-size 20
says 'vocab_size 20 is too small' err
expect 3 train-tokenizer absent -o out-1
says 'absent' err
printf 'a\000b' >binary
expect 3 train-tokenizer binary -o out-1
says 'binary: binary data, not text: a zero byte at offset 1' err
: >empty
expect 2 train-tokenizer empty -o out-1
expect 3 train-tokenizer texts -o out-1 --pre no-such
[ ! -e out-1 ] || fail "a folder of a failed run"
