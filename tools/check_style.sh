#!/bin/sh
# The habits of the house that a machine can see. Prints each place that breaks one and fails if there is any.
#
#   tools/check_style.sh [TREE]
set -eu
cd "${1:-.}"

if [ -d .git ] || [ -f .git ]; then
    list=$(git ls-files --cached --others --exclude-standard)
else
    list=$(find . -type f -not -path './build/*' | sed 's|^\./||')
fi
files=
for file in $list; do
    case $file in
    *.c | *.h | *.def | *.cpp | *.sh | *.cmake | *.md | *.py | *.in | */CMakeLists.txt | CMakeLists.txt | Makefile | *layers.txt | .ci/run)
        [ ! -f "$file" ] || files="$files $file"
        ;;
    esac
done

# Names of machines' own folders and of package registries are written in two parts here, so that this file passes too.
# shellcheck disable=SC2086  # lists of words
awk -v max_lines=900 -v max_columns=160 -v own_folders='/(wo''rk|ro''ot|fa''rm|ho''me/[a-z]+)/' \
    -v registries='(pypi\.o''rg|registry\.np''mjs|deb\.deb''ian\.org|proxy\.gol''ang)' '
    function complain(text) {
        printf "%s:%d: %s\n", FILENAME, FNR, text
        bad++
    }
    function finish() {
        if (last_name != "" && last_lines > max_lines) {
            printf "%s: %d lines; %d at most\n", last_name, last_lines, max_lines
            bad++
        }
    }
    FNR == 1 {
        finish()
        last_name = FILENAME
        n_files++
        is_c = FILENAME ~ /\.[ch]$/
        in_library = is_c && FILENAME ~ /^src\//
        guard = ""
        # A file whose header says it already may open with that header.
        own = FILENAME
        gsub(/^.*\/|\.c$/, "", own)
        if (FILENAME ~ /\.(c|h|def)$/ && !/^\/\*/ &&
            $0 !~ "^#include \"([a-z0-9_]+/)*" own "\\.h\"") complain("a file opens with a comment that says what it is")
        if (FILENAME ~ /\.h$/) {
            guard = FILENAME
            sub(/^(src|include\/trit|cli\/\.\.)\//, "", guard)
            gsub(/[\/.]/, "_", guard)
            guard = "TRIT_" toupper(guard)
        }
    }
    { last_lines = FNR }
    guard != "" && /^#ifndef / {
        if ($2 != guard) complain("the include guard is " guard ", not " $2)
        guard = ""
    }
    /\t/ && FILENAME !~ /(^|\/)Makefile$/ { complain("a tab") }
    /[ \t]$/ { complain("blanks at the end of the line") }
    /\r/ { complain("a carriage return") }
    length($0) > max_columns && FILENAME !~ /\.md$/ { complain(length($0) " columns; " max_columns " at most") }
    $0 ~ "(^|[^a-zA-Z0-9_.$}*-])" own_folders { complain("a path of one machine") }
    $0 ~ registries { complain("the name of a package registry") }
    is_c && /typedef.*[A-Za-z0-9]_t[ ]*;/ { complain("a type that ends in _t: POSIX keeps those names") }
    is_c && /^}[ ]*[A-Za-z0-9_]+_t[ ]*;/ { complain("a type that ends in _t: POSIX keeps those names") }
    is_c && /(struct|enum|union)[ ]+[a-z0-9_]+_t([ {;]|$)/ { complain("a type that ends in _t: POSIX keeps those names") }
    # The library never prints and never ends the program; the progress bar is for programs that ask for it.
    in_library && FILENAME !~ /^src\/base\/progress\.c$/ {
        code = $0
        gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
        sub(/\/\*.*/, "", code)
        sub(/^ \*.*/, "", code)
        if (code ~ /(^|[^A-Za-z0-9_])(printf|vprintf|puts|putchar|perror|exit|_exit|abort)[ ]*\(/ ||
            code ~ /(fprintf|fputs|fputc|fwrite)[ ]*\(.*std(out|err)/) complain("the library does not print and does not end the program")
    }
    END {
        finish()
        printf "%d files, %d complaints\n", n_files, bad
        exit bad > 0 || n_files == 0
    }
' $files
