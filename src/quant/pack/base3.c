/* Base-3: the layout of quant/layout.h, five trits a byte, for 3^5 = 243 fits 256. 1.6 bits a trit. */
#include "quant/pack/pack.h"

#include "quant/layout.h"

static uint64_t size(const int8_t *trits, uint64_t n) {
    (void)trits;
    return (n + 4) / 5;
}

static uint8_t byte_of(unsigned v) {
    return (uint8_t)((v * 256 + 242) / 243);
}

static void pack_block(uint8_t *dst, const int8_t *trits, uint64_t n, uint64_t s) {
    for (uint64_t j = 0; j < s; j++) {
        unsigned v = 0;
        for (unsigned t = 0; t < 5; t++) v = 3 * v + (t * s + j < n ? (unsigned)(trits[t * s + j] + 1) : 0);
        dst[j] = byte_of(v);
    }
}

static uint64_t pack(uint8_t *dst, uint64_t room, const int8_t *trits, uint64_t n) {
    for (uint64_t at = 0; at < n; at += trit_base3_block) {
        const uint64_t rest = n - at;
        if (rest >= trit_base3_block) pack_block(dst + at / 5, trits + at, trit_base3_block, trit_pack_block_bytes);
        else pack_block(dst + at / 5, trits + at, rest, (rest + 4) / 5);
    }
    return room;
}

static const uint8_t *unpack(int8_t *trits, uint64_t n, const uint8_t *p, const uint8_t *end, const trit_pack_loops *loops) {
    const uint64_t n_bytes = (n + 4) / 5;
    if ((uint64_t)(end - p) < n_bytes) return NULL;
    loops->base3(trits, p, n);
    return p + n_bytes;
}

const trit_pack_method trit_pack_method_base3 = {size, pack, unpack};
