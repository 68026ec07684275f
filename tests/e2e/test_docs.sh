#!/bin/sh
# Every command in the documents works: each block marked sh runs as it stands. A block that cannot run here (it installs,
# downloads, or builds for minutes) says so behind the mark: "sh no-test: reason".
set -eu

[ -x "${TRIT_PROGRAM-}" ] || exit 77

rm -rf tree store blocks
mkdir tree blocks
ln -s "$TRIT_SOURCE/models" tree/models
PATH=$(dirname "$TRIT_PROGRAM"):$PATH
# A store of its own: the documents' commands touch no model of whoever runs this.
HF_HUB_CACHE=$PWD/store
export PATH HF_HUB_CACHE

tested=0 excused=0 bad=0
for document in "$TRIT_SOURCE"/*.md "$TRIT_SOURCE"/docs/*.md; do
    name=$(basename "$document" .md)
    awk -v base="blocks/$name" '
        /^```sh$/ { inside = 1; file = sprintf("%s-%03d", base, FNR); next }
        /^```sh no-test: ./ { print base; next }
        /^```sh/ { print FILENAME ":" FNR ": neither sh nor sh no-test: reason" >"blocks/unclear"; next }
        /^```/ { inside = 0 }
        inside { print >file }
    ' "$document" >>excused
    for block in blocks/"$name"-*; do
        [ -e "$block" ] || continue
        tested=$((tested + 1))
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            code=0
            (cd tree && sh -eu "../$block") </dev/null >said 2>&1 || code=$?
            # What `trit bench` says of figures that cannot be: the machine had other things to do.
            if [ "$code" = 0 ] || ! grep -q 'measure again on a quiet machine' said; then break; fi
        done
        if [ "$code" != 0 ]; then
            line=$(printf '%s\n' "${block##*-}" | sed 's/^0*//') # 083 would be octal
            echo "$name.md, the block before line $((line + $(wc -l <"$block") + 1)), failed:"
            cat "$block" said
            bad=1
        fi
    done
done
excused=$(wc -l <excused)
if [ -e blocks/unclear ]; then
    cat blocks/unclear
    bad=1
fi
echo "$tested blocks run, $excused excused"
[ "$tested" -gt 0 ] || bad=1
exit $bad
