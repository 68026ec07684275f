/* A block of Q6_K as floats, in a loop that compilers turn into vectors: the format's own (kquant.c), and the kernels' of each tier. */
#ifndef TRIT_QUANT_Q6_K_H
#define TRIT_QUANT_Q6_K_H

#include "tensor/bytes.h"

enum { trit_q6_k_block = 256, trit_q6_k_bytes = 210 };

/* First the 6-bit numbers as bytes, 128 a half, then sixteen times a scale: either loop has no shift that varies. */
static inline void trit_q6_k_unpack_block(float *restrict x, const uint8_t *restrict p) {
    const float d = trit_load_f16(p + 208);
    uint8_t q[trit_q6_k_block];
    for (int half = 0; half < 2; half++) {
        const uint8_t *low = p + 64 * half, *high = p + 128 + 32 * half;
        uint8_t *of_half = q + 128 * half;
        for (int i = 0; i < 32; i++) {
            const unsigned a = low[i], b = low[i + 32], h = high[i];
            of_half[i] = (uint8_t)((a & 15) | (h << 4 & 0x30));
            of_half[i + 32] = (uint8_t)((b & 15) | (h << 2 & 0x30));
            of_half[i + 64] = (uint8_t)(a >> 4 | (h & 0x30));
            of_half[i + 96] = (uint8_t)(b >> 4 | (h >> 2 & 0x30));
        }
    }
    for (int s = 0; s < 16; s++) {
        const float scale = d * (float)(int8_t)p[192 + s];
        __asm__ volatile(""); /* compilers would take sixteen runs side by side, with shuffles that cost five times as much */
        for (int i = 0; i < 16; i++) x[16 * s + i] = scale * (float)((int)q[16 * s + i] - 32);
    }
}

#endif
