#!/bin/sh
# Installs what a build of trit needs and this machine lacks: apt-get on Debian and Ubuntu, brew on macOS. Asks for nothing,
# says what it installs, and does nothing when all is there.
#
#   tools/setup.sh           what the program needs: a C compiler, CMake, pkg-config, PCRE2, utf8proc, jansson,
#                            libcurl, libedit, libmicrohttpd, OpenBLAS, LAPACKE
#   tools/setup.sh --tests   and what the tests need: cmocka, a C++ compiler for the header test
#   tools/setup.sh --ci      and what the whole check needs: ccache, clang, clang-tidy, sanitizers, an AArch64 compiler, emulators, Open MPI, a browser
set -eu

level=build
case "${1-}" in
'') ;;
--tests | --ci) level=${1#--} ;;
*)
    echo "usage: tools/setup.sh [--tests|--ci]" >&2
    exit 2
    ;;
esac

debian=
brew=
lacking=

# need "check" "Debian packages" "brew packages": notes the packages where the check fails.
need() {
    if ! sh -c "$1" >/dev/null 2>&1; then
        debian="$debian $2"
        brew="$brew $3"
        lacking="$lacking
  $1"
    fi
}

has() { need "command -v $1" "$2" "$3"; }
library() { need "pkg-config --exists '$1'" "$2" "$3"; }

look() {
    debian=
    brew=
    lacking=
    # The C library's headers are a package of their own, which a compiler alone does not bring.
    need "printf '#include <stdio.h>\n' | cc -E -" "gcc libc6-dev" ""
    has make make ""
    has cmake cmake cmake
    has pkg-config pkg-config pkg-config
    library libpcre2-8 libpcre2-dev pcre2
    library libutf8proc libutf8proc-dev utf8proc
    library "jansson >= 2.12" libjansson-dev jansson
    library "libcurl >= 7.66" libcurl4-openssl-dev curl
    library "libmicrohttpd >= 0.9.71" libmicrohttpd-dev libmicrohttpd
    need "pkg-config --exists libedit || [ \"\$(uname)\" = Darwin ]" libedit-dev ""
    library openblas libopenblas-dev openblas
    need "pkg-config --exists lapacke || ls \"\$(pkg-config --variable=includedir openblas)/lapacke.h\"" liblapacke-dev ""
    if [ "$level" != build ]; then
        library cmocka libcmocka-dev cmocka
        has c++ g++ ""
        has nm binutils ""
    fi
    if [ "$level" = ci ]; then
        has git git ""
        has ccache ccache ccache
        has clang clang llvm
        has clang-tidy clang-tidy ""
        has shellcheck shellcheck shellcheck
        need "ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a" libclang-rt-dev ""
        has llvm-symbolizer llvm ""
        has aarch64-linux-gnu-gcc "gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ""
        has qemu-aarch64 qemu-user ""
        has chromium chromium ""
        need "python3 -m pip --version" python3-pip python3
        need "python3 -c 'import jsonschema'" python3-jsonschema ""
        need "command -v mpirun && command -v mpicc" "libopenmpi-dev openmpi-bin" open-mpi
    fi
}

look
[ -n "$lacking" ] || exit 0

if command -v apt-get >/dev/null 2>&1; then
    root=
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "setup: not root and no sudo here; as root, run: apt-get install$debian" >&2
            exit 1
        fi
        root=sudo
        [ -t 0 ] || root="sudo -n"
    fi
    echo "setup: installing$debian"
    # shellcheck disable=SC2086,SC2016  # a list of words; the inner shell expands
    $root env DEBIAN_FRONTEND=noninteractive sh -c '
        options="-q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300"
        apt-get $options update
        apt-get $options install -y --no-install-recommends "$@"
    ' setup $debian </dev/null
elif command -v brew >/dev/null 2>&1; then
    if [ -z "$(echo "$brew" | tr -d ' ')" ]; then
        echo "setup: brew has no package for:$lacking" >&2
        exit 1
    fi
    echo "setup: installing$brew"
    # shellcheck disable=SC2086
    brew install $brew </dev/null
else
    echo "setup: neither apt-get nor brew here; these checks fail:$lacking" >&2
    exit 1
fi

look
if [ -n "$lacking" ]; then
    echo "setup: still lacking after the installation:$lacking" >&2
    exit 1
fi
