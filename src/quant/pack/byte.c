/* Byte-aligned: each trit an int8 of its own. Nothing is saved, and nothing has to be unpacked. */
#include <string.h>

#include "quant/pack/pack.h"

static uint64_t size(const int8_t *trits, uint64_t n) {
    (void)trits;
    return n;
}

static uint64_t pack(uint8_t *dst, uint64_t room, const int8_t *trits, uint64_t n) {
    memcpy(dst, trits, n);
    return room;
}

static const uint8_t *unpack(int8_t *trits, uint64_t n, const uint8_t *p, const uint8_t *end, const trit_pack_loops *loops) {
    unsigned bad = 0;
    (void)loops;
    if ((uint64_t)(end - p) < n) return NULL;
    memcpy(trits, p, n);
    for (uint64_t i = 0; i < n; i++) bad |= (uint8_t)(p[i] + 1) > 2;
    return bad ? NULL : p + n;
}

const trit_pack_method trit_pack_method_byte = {size, pack, unpack};
