#!/bin/sh
# An installation is whole: a small program of somebody else's builds and runs on it by pkg-config and by CMake, with the shared
# and with the static library.
set -eu

# A build without the shared library, such as one with sanitizers, is not one to install.
[ -e "$TRIT_BUILD/libtrit.so" ] || exit 77

rm -rf prefix consumer
cmake --install "$TRIT_BUILD" --prefix "$PWD/prefix" >installed.txt
for file in bin/trit include/trit/trit.h include/trit/status.def share/man/man1/trit.1 share/bash-completion/completions/trit \
    share/zsh/site-functions/_trit share/fish/vendor_completions.d/trit.fish share/doc/trit/LICENSE-MIT; do
    [ -e "prefix/$file" ] || {
        echo "not installed: $file"
        exit 1
    }
done
library=$(dirname "$(find "$PWD/prefix" -name libtrit.a)")
prefix/bin/trit --version

PKG_CONFIG_PATH=$library/pkgconfig
export PKG_CONFIG_PATH
# shellcheck disable=SC2046  # lists of words
{
    cc -std=c11 "$TRIT_SOURCE/tests/e2e/consumer/main.c" -o shared $(pkg-config --cflags --libs trit)
    cc -std=c11 "$TRIT_SOURCE/tests/e2e/consumer/main.c" -o static $(pkg-config --cflags trit) "$library/libtrit.a" \
        $(pkg-config --static --libs trit | sed 's/-ltrit//')
}
LD_LIBRARY_PATH=$library ./shared >said_shared
./static >said_static

cmake -S "$TRIT_SOURCE/tests/e2e/consumer" -B consumer -DCMAKE_PREFIX_PATH="$PWD/prefix" >configured.txt
cmake --build consumer >built.txt
consumer/with_trit >said_cmake_static
consumer/with_trit_shared >said_cmake_shared

for said in said_static said_cmake_static said_cmake_shared; do
    cmp said_shared "$said"
done
grep '^Once upon a time' said_shared
