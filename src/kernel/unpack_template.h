/* unpack_two_bit, unpack_base3 and unpack_q6_k of one tier, in portable loops that the compiler turns into vectors of whatever instructions
 * the including file is built for; that file names the functions in UNPACK_TWO_BIT, UNPACK_BASE3 and UNPACK_Q6_K. Layouts: quant/layout.h,
 * quant/kquant.c.
 *
 * Measured on Zen 4 (one thread, caches): with SSE2, which every x86-64 compiler may use, 34 and 14 thousand million trits a second;
 * with AVX2 55 and 27. */
#ifndef TRIT_KERNEL_UNPACK_TEMPLATE_H
#define TRIT_KERNEL_UNPACK_TEMPLATE_H

#include "kernel/variants.h"
#include "quant/layout.h"
#include "quant/q6_k.h"

/* A whole block of 4 s trits. Not 0: some code is 3. */
static inline unsigned unpack_two_bit_block(int8_t *restrict trits, const uint8_t *restrict p, size_t s) {
    uint8_t none = 0;
    for (size_t j = 0; j < s; j++) {
        const unsigned b = p[j];
        none = (uint8_t)(none | (b & b >> 1));
        trits[j] = (int8_t)((int)(b & 3) - 1);
        trits[j + s] = (int8_t)((int)(b >> 2 & 3) - 1);
        trits[j + 2 * s] = (int8_t)((int)(b >> 4 & 3) - 1);
        trits[j + 3 * s] = (int8_t)((int)(b >> 6) - 1);
    }
    return (unsigned)none & 0x55u;
}

bool UNPACK_TWO_BIT(int8_t *trits, const uint8_t *p, size_t n) {
    unsigned none = 0;
    for (; n >= trit_two_bit_block; n -= trit_two_bit_block, trits += trit_two_bit_block, p += trit_pack_block_bytes)
        none |= unpack_two_bit_block(trits, p, trit_pack_block_bytes);
    const size_t s = (n + 3) / 4;
    for (size_t i = 0; i < n; i++) {
        const unsigned code = (unsigned)p[i % s] >> 2 * (i / s) & 3u;
        none |= code & code >> 1;
        trits[i] = (int8_t)((int)code - 1);
    }
    return none == 0;
}

/* floor(f * 3 / 256) - 1 */
static inline int8_t unpack_base3_trit(uint8_t f) {
    return (int8_t)((f > 85) + (f > 170) - 1);
}

/* A whole block of 5 s trits: multiplying by 3 pushes one after another out at the top of the byte. */
static inline void unpack_base3_block(int8_t *restrict trits, const uint8_t *restrict p, size_t s) {
    for (size_t j = 0; j < s; j++) {
        const uint8_t a = p[j], b = (uint8_t)(a * 3), c = (uint8_t)(b * 3), d = (uint8_t)(c * 3), e = (uint8_t)(d * 3);
        trits[j] = unpack_base3_trit(a);
        trits[j + s] = unpack_base3_trit(b);
        trits[j + 2 * s] = unpack_base3_trit(c);
        trits[j + 3 * s] = unpack_base3_trit(d);
        trits[j + 4 * s] = unpack_base3_trit(e);
    }
}

void UNPACK_BASE3(int8_t *trits, const uint8_t *p, size_t n) {
    static const uint8_t pow3[5] = {1, 3, 9, 27, 81};
    for (; n >= trit_base3_block; n -= trit_base3_block, trits += trit_base3_block, p += trit_pack_block_bytes)
        unpack_base3_block(trits, p, trit_pack_block_bytes);
    const size_t s = (n + 4) / 5;
    for (size_t i = 0; i < n; i++) trits[i] = unpack_base3_trit((uint8_t)(p[i % s] * pow3[i / s]));
}

void UNPACK_Q6_K(float *x, const uint8_t *p, size_t n_blocks) {
    for (size_t b = 0; b < n_blocks; b++) trit_q6_k_unpack_block(x + b * trit_q6_k_block, p + b * trit_q6_k_bytes);
}

#endif
