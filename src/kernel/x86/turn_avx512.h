/* Rows and columns of floats change places in registers of AVX-512: pairs, pairs of pairs, then quarters of registers. */
#ifndef TRIT_KERNEL_X86_TURN_AVX512_H
#define TRIT_KERNEL_X86_TURN_AVX512_H

#include <immintrin.h>
#include <stddef.h>

/* to[c][r] = from[r][c] of sixteen by sixteen; strides in elements. */
static inline void turn_16(float *to, size_t to_stride, const float *from, size_t from_stride) {
    __m512 a[16], b[16];
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++) a[i] = _mm512_loadu_ps(from + i * from_stride);
#pragma GCC unroll 8
    for (size_t i = 0; i < 16; i += 2) {
        b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    /* a[4 i + j]: column j of each quarter, rows 4 i ... 4 i + 3 */
#pragma GCC unroll 4
    for (size_t i = 0; i < 16; i += 4) {
        a[i] = _mm512_shuffle_ps(b[i], b[i + 2], 0x44);
        a[i + 1] = _mm512_shuffle_ps(b[i], b[i + 2], 0xee);
        a[i + 2] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0x44);
        a[i + 3] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; j++) {
        const __m512 even = _mm512_shuffle_f32x4(a[j], a[4 + j], 0x88), odd = _mm512_shuffle_f32x4(a[j], a[4 + j], 0xdd);
        const __m512 even2 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0x88), odd2 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0xdd);
        _mm512_storeu_ps(to + j * to_stride, _mm512_shuffle_f32x4(even, even2, 0x88));
        _mm512_storeu_ps(to + (4 + j) * to_stride, _mm512_shuffle_f32x4(odd, odd2, 0x88));
        _mm512_storeu_ps(to + (8 + j) * to_stride, _mm512_shuffle_f32x4(even, even2, 0xdd));
        _mm512_storeu_ps(to + (12 + j) * to_stride, _mm512_shuffle_f32x4(odd, odd2, 0xdd));
    }
}

#endif
