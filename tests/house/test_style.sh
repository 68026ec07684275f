#!/bin/sh
# The check of the habits sees what it must, and the tree has them.
set -eu

# offence FILE WORDS: a tree with this one file; the check must say these words.
offence() {
    if "$TRIT_SOURCE/tools/check_style.sh" tree >said; then
        echo "not seen: $1: $2"
        exit 1
    fi
    grep -q "^$1.*$2" said || {
        echo "$1: expected \"$2\", got:"
        cat said
        exit 1
    }
    rm -rf tree
    mkdir -p tree/src/base
}
rm -rf tree
mkdir -p tree/src/base
printf 'int a;\n' >tree/src/base/a.c && offence src/base/a.c 'opens with a comment'
printf '/* a */\nint\ta;\n' >tree/src/base/a.c && offence src/base/a.c 'a tab'
printf '/* a */ \n' >tree/src/base/a.c && offence src/base/a.c 'blanks at the end'
printf '/* a */\ntypedef struct a {\n    int b;\n} a_t;\n' >tree/src/base/a.c && offence src/base/a.c 'ends in _t'
printf '/* a */\n#ifndef A_H\n#define A_H\n#endif\n' >tree/src/base/a.h && offence src/base/a.h 'include guard is TRIT_BASE_A_H'
printf '/* a */\nvoid f(void) { puts("a"); }\n' >tree/src/base/a.c && offence src/base/a.c 'does not print'
printf '/* a */\nvoid f(void) { fprintf(stderr, "a"); }\n' >tree/src/base/a.c && offence src/base/a.c 'does not print'
printf 'see /%s/here\n' home/somebody >tree/a.md && offence a.md 'path of one machine'
{
    echo '/* a */'
    yes 'int a;' | head -n 900
} >tree/src/base/a.c && offence src/base/a.c '901 lines'
printf '/* a */\n%0200d\n' 0 >tree/src/base/a.c && offence src/base/a.c '200 columns'

# The tree itself.
"$TRIT_SOURCE/tools/check_style.sh" "$TRIT_SOURCE"
