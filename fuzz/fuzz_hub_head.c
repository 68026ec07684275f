/* Fuzzes what reads the lines of a response's head: the first byte's lowest bit says whether the hub itself sent it. */
#include <string.h>

#include "io/hub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_hub_head head = {.from_hub = n && data[0] & 1};
    for (size_t at = 1; at < n;) {
        const uint8_t *end = memchr(data + at, '\n', n - at);
        const size_t k = end ? (size_t)(end - data) + 1 - at : n - at;
        trit_hub_head_line(&head, (const char *)data + at, k);
        at += k;
    }
    /* What becomes a part of a path is nothing else than digits. */
    if (head.hash[0] && (!head.from_hub || !trit_hub_is_hash(trit_str_from(head.hash)))) __builtin_trap();
    if (head.commit[0] && !trit_hub_is_commit(trit_str_from(head.commit))) __builtin_trap();
    return 0;
}
