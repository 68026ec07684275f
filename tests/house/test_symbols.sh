#!/bin/sh
# What the libraries export: the functions that include/trit/ declares, all of them and nothing else from the shared one; names
# that begin with trit_ only from the static one.
set -eu

command -v nm >/dev/null || exit 77
bad=0
complain() {
    echo "$1"
    bad=1
}

# "TRIT_API ... trit_name(" stands on one line in every header.
sed -n 's/.*TRIT_API.*[ *]\(trit_[a-z0-9_]*\)(.*/\1/p' "$TRIT_SOURCE"/include/trit/*.h | sort -u >declared
n=$(grep -c TRIT_API "$TRIT_SOURCE"/include/trit/*.h | awk -F: '{ n += $2 } END { print n }')
# Four lines of status.h say what TRIT_API is.
[ "$(wc -l <declared)" -ge $((n - 4)) ] || complain "only $(wc -l <declared) functions read from $n lines with TRIT_API"

if [ -e "$TRIT_BUILD/libtrit.so" ]; then
    nm -D --defined-only "$TRIT_BUILD/libtrit.so" | awk '{ print $NF }' | sed 's/@.*//' | sort -u >exported
    comm -23 declared exported >absent
    comm -13 declared exported >leaked
    [ ! -s absent ] || complain "declared and not exported: $(tr '\n' ' ' <absent)"
    [ ! -s leaked ] || complain "exported and not declared: $(tr '\n' ' ' <leaked)"
    echo "libtrit.so: $(wc -l <exported) functions"
fi

# Sanitizers add names of their own, which begin with two underscores.
nm -g --defined-only "$TRIT_BUILD/libtrit.a" | awk 'NF == 3 { print $3 }' | sort -u >globals
if grep -v -e '^trit_' -e '^__' globals >foreign; then
    complain "global names that do not begin with trit_: $(tr '\n' ' ' <foreign)"
fi
[ -s globals ] || complain "libtrit.a has no global names"
echo "libtrit.a: $(wc -l <globals) names"
exit $bad
