#!/bin/sh
# The C of the documents works. Of each page with blocks marked c the first one is a program, the others stand in the place of its line
# "the snippets", in their order; the blocks marked text are what it prints. It is built on the shared library and the public headers.
set -eu

[ -e "$TRIT_BUILD/libtrit.so" ] || exit 77

rm -rf pages
mkdir pages
tested=0 bad=0
for document in "$TRIT_SOURCE"/docs/*.md; do
    name=$(basename "$document" .md)
    awk -v base="pages/$name" '
        /^```c$/ { n++; kind = "c"; next }
        /^```text$/ { kind = "text"; next }
        /^```/ { kind = ""; next }
        kind == "c" { print >(n == 1 ? base ".main" : base ".snippets") }
        kind == "text" { print >(base ".expected") }
    ' "$document"
    [ -e "pages/$name.snippets" ] || continue
    tested=$((tested + 1))
    awk -v snippets="pages/$name.snippets" '
        /\/\* the snippets \*\// { while ((getline line <snippets) > 0) print line; next }
        { print }
    ' "pages/$name.main" >"pages/$name.c"
    cc -std=c11 -Wall -Wextra -Werror -I"$TRIT_SOURCE/include" "pages/$name.c" -o "pages/$name" -L"$TRIT_BUILD" -ltrit \
        -Wl,-rpath,"$TRIT_BUILD"
    if ! (cd pages && "./$name") >"pages/$name.said" 2>"pages/$name.err"; then
        cat "pages/$name.err"
        grep -q TRIT_BLAS "pages/$name.err" && exit 77 # a build without LAPACK
        exit 1
    fi
    touch "pages/$name.expected"
    if ! diff -u "pages/$name.expected" "pages/$name.said"; then
        echo "$name.md does not say what its snippets print"
        bad=1
    fi
done
echo "$tested pages"
[ "$tested" -gt 0 ] && [ "$bad" = 0 ]
