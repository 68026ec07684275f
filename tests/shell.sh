# What shell tests of the program share; they read it in with `.` and run in a folder of their own.
# shellcheck shell=sh
[ -x "${TRIT_PROGRAM-}" ] || exit 77
t() { "$TRIT_PROGRAM" "$@"; }

fail() {
    echo "$1"
    cat out err 2>/dev/null
    exit 1
}
# expect CODE arguments...: runs the program with its output in `out` and `err`; a failure is one line of error, beside notes of
# what was mended
expect() {
    expected=$1 code=0
    shift
    t "$@" >out 2>err || code=$?
    [ "$code" = "$expected" ] || fail "trit $*: exit $code instead of $expected"
    [ "$expected" = 0 ] || [ "$(grep -v -c mended: err)" = 1 ] || fail "trit $*: not one line of error"
}
says() {
    grep -q -- "$1" "$2" || fail "no \"$1\" in $2"
}
# start_server arguments...: `trit serve` beside the script and ended with it; its process is $server, its address $url, what it says in
# `served` and `err`. Fails where this build cannot serve.
start_server() {
    rm -f served err # of a server before: the new ones are opened beside this script
    "$TRIT_PROGRAM" serve --port 0 --json "$@" >served 2>err & # not `t`: signals are for the program itself
    server=$!
    trap 'kill "$server" 2>/dev/null || true' EXIT
    url=
    for _ in $(seq 1200); do # two minutes: the machine may be busy
        url=$(sed -n 's/.*"url": "\([^"]*\)".*/\1/p' served)
        [ -z "$url" ] || break
        if ! kill -0 "$server" 2>/dev/null; then
            grep -q libmicrohttpd err && return 1
            fail "the server did not start"
        fi
        sleep 0.1
    done
    [ -n "$url" ] || fail "no address"
}
