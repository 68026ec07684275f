#!/bin/sh
# Copies a GGUF file of ours with a context of 4096 tokens in place of its own: by the slowest kernels an answer that ignores end tokens lasts
# for a minute, so that one which a test interrupts is still being made, however late the machine lets the test do so.
#
#   tests/long_context.sh MODEL OUT
set -eu

cp "$1" "$2"
chmod u+w "$2"
# The key, its type (4: 32 bits without a sign), its value.
at=$(grep -abo 'context_length' "$2" | head -n 1 | cut -d: -f1)
[ "$(dd if="$2" bs=1 skip=$((at + 14)) count=4 2>/dev/null | od -An -tu1 | tr -d ' ')" = 4000 ]
printf '\000\020\000\000' | dd of="$2" bs=1 seek=$((at + 18)) conv=notrunc 2>/dev/null
