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
