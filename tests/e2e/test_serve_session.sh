#!/bin/sh
# trit serve --session-dir: what was computed before SIGTERM serves after the next start.
set -eu
# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
command -v curl >/dev/null || exit 77
rm -rf ./*
prompt='Tom and Ben and Sue went to the park to play with a kite.'
prompt="$prompt Once upon a time there was a little girl who had a red ball and a big dog and a small cat and a house in the wood."
start() { start_server --temp 0 -v --alias a/b --session-dir kept/here "$@" || exit 77; }
stop() {
    kill -TERM $server
    wait $server || fail "exit $? on SIGTERM"
}
ask() { curl -sS "$url/v1/completions" -d "{\"prompt\": \"$prompt\"}" >answer; }
text() { sed -n 's/.*"text": *"\([^"]*\)".*/\1/p' answer; }
cached() { sed -n 's/.*"cached_tokens": *\([0-9]*\).*/\1/p' answer; }

start
ask
first=$(text)
[ -n "$first" ] || fail "no answer"
stop
[ -s kept/here/a%2Fb.session ] || fail "nothing was kept"
start
says 'tokens restored' err
ask
[ "$(text)" = "$first" ] || fail "another answer after the start"
[ "$(cached)" -ge 32 ] || fail "it was computed again"
stop
# Another type of keys and values: it begins anew and says so.
start --kv f32
says 'it begins anew' err
ask
[ "$(cached)" = 0 ] || fail "keys and values of another type were taken"
stop
