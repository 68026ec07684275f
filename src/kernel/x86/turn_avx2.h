/* Rows and columns of floats change places in registers of AVX2: pairs, pairs of pairs, then halves of registers. */
#ifndef TRIT_KERNEL_X86_TURN_AVX2_H
#define TRIT_KERNEL_X86_TURN_AVX2_H

#include <immintrin.h>
#include <stddef.h>

static inline void turn_8(float *to, size_t to_stride, const float *from, size_t from_stride) {
    __m256 a[8], b[8];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) a[i] = _mm256_loadu_ps(from + i * from_stride);
#pragma GCC unroll 4
    for (size_t i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    /* a[4 i + j]: column j of each half, rows 4 i ... 4 i + 3 */
#pragma GCC unroll 2
    for (size_t i = 0; i < 8; i += 4) {
        a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
        a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
        a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
        a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; j++) {
        _mm256_storeu_ps(to + j * to_stride, _mm256_permute2f128_ps(a[j], a[4 + j], 0x20));
        _mm256_storeu_ps(to + (4 + j) * to_stride, _mm256_permute2f128_ps(a[j], a[4 + j], 0x31));
    }
}

/* to[c][r] = from[r][c] of sixteen by sixteen; strides in elements. */
static inline void turn_16(float *to, size_t to_stride, const float *from, size_t from_stride) {
    for (size_t r = 0; r < 16; r += 8)
        for (size_t c = 0; c < 16; c += 8) turn_8(to + c * to_stride + r, to_stride, from + r * from_stride + c, from_stride);
}

#endif
