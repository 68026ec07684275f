#!/bin/sh
# Fills a folder with the libraries of another Debian architecture, for cross builds and emulators. It works beside the
# machine's own package lists and installs nothing, so that it needs no rights and cannot disturb what is installed.
#
#   tools/sysroot.sh arm64 build/sysroot-aarch64
set -eu

arch=${1:?architecture}
folder=${2:?folder}
packages="libc6 libgcc-s1 libpcre2-8-0 libpcre2-dev libutf8proc2 libutf8proc-dev libjansson4 libjansson-dev libcmocka0 libcmocka-dev"

[ ! -e "$folder/.complete" ] || exit 0
rm -rf "$folder"
mkdir -p "$folder/.apt/lists/partial" "$folder/.apt/archives/partial"
folder=$(cd "$folder" && pwd)
: >"$folder/.apt/status"

# The machine's sources and keys, with lists, cache and status of our own: apt then sees a machine of the other architecture.
apt="-q -o APT::Architecture=$arch -o APT::Architectures=$arch -o APT::Sandbox::User=$(id -un) -o Acquire::Retries=3
     -o Dir::State::lists=$folder/.apt/lists -o Dir::State::status=$folder/.apt/status -o Dir::Cache=$folder/.apt
     -o Acquire::Languages=none"
# shellcheck disable=SC2086  # lists of words
{
    apt-get $apt update
    cd "$folder/.apt/archives"
    apt-get $apt download $packages
}
for package in ./*.deb; do
    dpkg-deb -x "$package" "$folder"
done
rm -rf "$folder/.apt"

# Links to absolute places mean places in the folder.
find "$folder" -type l | while read -r link; do
    target=$(readlink "$link")
    case $target in
    /*) ln -sfn "$folder$target" "$link" ;;
    esac
done
: >"$folder/.complete"
