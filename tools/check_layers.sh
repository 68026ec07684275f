#!/bin/sh
# Reads every #include of src/, cli/ and include/ and fails on one that tools/layers.txt does not allow.
#
#   tools/check_layers.sh [TREE]
set -eu
cd "${1:-.}"

# shellcheck disable=SC2046  # paths of this tree have no blanks: tools/check_style.sh sees to it
awk -v table=tools/layers.txt '
    function complain(text) {
        printf "%s:%d: %s\n", FILENAME, FNR, text
        bad++
    }
    # The longest room of the table that the path lies in.
    function room_of(path,    room, best) {
        best = ""
        for (room in may)
            if (index(path, room "/") == 1 && length(room) > length(best)) best = room
        return best
    }
    function allowed(from, path,    n, entry, i) {
        if (room_of(path) == from || index(path, "trit/") == 1) return 1
        # The program sees its own files by their names alone.
        if (from == "cli" && index(path, "/") == 0) return 1
        n = split(may[from], entry, " ")
        for (i = 1; i <= n; i++) {
            if (entry[i] == path) return 1
            if (entry[i] !~ /\.(h|def)$/ && room_of(path) == entry[i]) return 1
        }
        return 0
    }
    # Is this file, or the room it lies in, one of the homes of an outside header?
    function at_home(target,    n, home, i) {
        n = split(homes[target], home, " ")
        for (i = 1; i <= n; i++)
            if (home[i] == here || index(here, home[i] "/") == 1) return 1
        return 0
    }
    BEGIN {
        while ((getline line <table) > 0) {
            sub(/#.*/, "", line)
            n = split(line, word, " ")
            if (n == 0) continue
            rest = ""
            for (i = 2; i <= n; i++) rest = rest word[i] " "
            if (word[1] ~ /^</) homes[word[1]] = rest
            else may[word[1]] = rest
        }
        close(table)
        for (room in may) rooms++
        if (!rooms) {
            print table ": no rooms"
            exit 1
        }
    }
    FNR == 1 {
        here = FILENAME
        sub(/^src\//, "", here)
        public = index(FILENAME, "include/") == 1
        room = public ? "include" : room_of(here)
        if (room == "") complain("lies in no room of " table)
    }
    !/^[ \t]*#[ \t]*include/ { next }
    {
        n_includes++
        target = $0
        sub(/^[ \t]*#[ \t]*include[ \t]*/, "", target)
        sub(/[ \t]*(\/[\/*].*)?$/, "", target)
    }
    target ~ /^<.*>$/ {
        if (target in homes && !at_home(target)) complain(target " belongs to " homes[target])
        else if (public && target !~ /^<(stdbool|stddef|stdint|stdarg)\.h>$/) complain("a public header needs no " target)
        next
    }
    target ~ /^".*"$/ {
        path = substr(target, 2, length(target) - 2)
        if (path ~ /\.\./) complain("includes are written from src/: " target)
        else if (public) {
            if (index(path, "trit/") != 1) complain("a public header sees only include/trit/, not " target)
        } else if (index(path, "trit/") != 1 && room_of(path) == "" && room != "cli")
            complain("includes are written from src/: " target)
        else if (room != "" && !allowed(room, path)) complain(room " may not include " target)
        next
    }
    { complain("neither \"file\" nor <file>: " target) }
    END {
        printf "%d includes, %d not allowed\n", n_includes, bad
        exit bad > 0 || n_includes == 0
    }
' $(find src cli include -type f \( -name '*.c' -o -name '*.h' -o -name '*.def' \) | LC_ALL=C sort)
