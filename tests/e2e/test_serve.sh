#!/bin/sh
# `trit serve` as a program: it tells where it is, answers curl, and ends in order on SIGTERM.
set -eu
# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
command -v curl >/dev/null || exit 77

expect 2 serve --host 0.0.0.0 --port 0
says "api-key-file" err
expect 3 serve --port 0 --api-key-file absent
story=$TRIT_SOURCE/tests/model/story-256.gguf
expect 3 serve --port 0 -m "$story" -m absent.gguf
says "absent.gguf" err
expect 3 serve --port 0 --models-dir absent
expect 2 serve --port 0 -m "$story" -m "$story"
says "story-256" err
expect 2 serve --port 0 -m "$story" --alias one --alias two
expect 2 serve --port 0 -m "$story" -m "$story" --alias one --tokenizer "$story"
says "tokenizer" err
expect 2 serve --port 0 -m "$story" -m "$story" --alias one --draft "$story"
says "draft" err
expect 2 serve --port 0 -m "$story" --alias ""
says "empty" err

mkdir -p models/empty
cp "$story" models
ln -sf "$story" models/linked.gguf # the one of -m, and so no other
echo broken >models/a.gguf
echo broken >models/big-00002-of-00002.gguf
set -- -m "$story" --alias small --models-dir models --max-loaded 1
start_server --temp 0 "$@" || exit 77
curl -sS "$url/health" >answer
says '"ok"' answer
curl -sS "$url/v1/models" >answer
says '"small".*"loaded".*"a".*"unloaded".*"story-256".*"unloaded"' answer
grep -q 'linked\|big-' answer && fail "a model twice, or a part of one"
curl -sS "$url/tokenize" -d '{"content": "One", "model": "story-256"}' >answer
says '"tokens"' answer
curl -sS "$url/v1/models" >answer
says '"small".*"unloaded".*"story-256".*"loaded"' answer
t embed -m "$story" --json --dims 64 "A dog ran." | sed 's/.*"embedding": \(\[[^]]*\]\).*/\1/' >wanted
curl -sS -w '\n' "$url/v1/embeddings" -d '{"input": "A dog ran.", "dimensions": 64, "model": "small"}' | sed 's/.*"embedding": \(\[[^]]*\]\).*/\1/' >answer
cmp wanted answer || fail "vectors are not those of embed"
t run -m "$story" --raw --temp 0 -n 16 -q "Once upon a time" >wanted
curl -sS "$url/v1/completions" -d '{"prompt": "Once upon a time"}' >answer
says "$(cut -c 1-30 wanted)" answer
curl -sSN "$url/v1/completions" -d '{"prompt": "Once upon a time", "stream": true}' >answer
says "data: \[DONE\]" answer
[ "$(grep -c '^data: {' answer)" = 16 ] || fail "not sixteen pieces"
curl -sS "$url/v1/completions" -d '{"prompt": 7}' >answer
says '"param": "prompt"' answer
curl -sS "$url/metrics" >answer
if command -v promtool >/dev/null; then promtool check metrics <answer >wanted 2>&1 || fail "$(cat wanted)"; fi
# Clients of every kind for a second; then all pages and connections are free again.
if command -v python3 >/dev/null; then
    python3 "$TRIT_SOURCE/tools/soak_server.py" "$url" --seconds 1 --clients 6 --sockets 50 >answer 2>&1 || {
        cat answer
        fail "the server is not as it was"
    }
fi
kill -TERM $server
code=0
wait $server || code=$?
[ $code = 0 ] || fail "exit $code on SIGTERM"
