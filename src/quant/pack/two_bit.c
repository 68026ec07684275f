/* 2-bit: the layout of quant/layout.h, four trits a byte. */
#include "quant/pack/pack.h"

#include "quant/layout.h"

static uint64_t size(const int8_t *trits, uint64_t n) {
    (void)trits;
    return (n + 3) / 4;
}

/* Four parts of s trits, the last of them shorter; missing codes are 0. */
static void pack_block(uint8_t *dst, const int8_t *trits, uint64_t n, uint64_t s) {
    for (uint64_t j = 0; j < s; j++) {
        unsigned b = 0;
        for (unsigned t = 0; t < 4; t++)
            if (t * s + j < n) b |= (unsigned)(trits[t * s + j] + 1) << 2 * t;
        dst[j] = (uint8_t)b;
    }
}

static uint64_t pack(uint8_t *dst, uint64_t room, const int8_t *trits, uint64_t n) {
    for (uint64_t at = 0; at < n; at += trit_two_bit_block) {
        const uint64_t rest = n - at;
        if (rest >= trit_two_bit_block) pack_block(dst + at / 4, trits + at, trit_two_bit_block, trit_pack_block_bytes);
        else pack_block(dst + at / 4, trits + at, rest, (rest + 3) / 4);
    }
    return room;
}

static const uint8_t *unpack(int8_t *trits, uint64_t n, const uint8_t *p, const uint8_t *end, const trit_pack_loops *loops) {
    const uint64_t n_bytes = (n + 3) / 4;
    if ((uint64_t)(end - p) < n_bytes || !loops->two_bit(trits, p, n)) return NULL;
    return p + n_bytes;
}

const trit_pack_method trit_pack_method_two_bit = {size, pack, unpack};
