/* int16s with AVX-512, with VNNI where the compiler may use it: what kv_q8_zmm.h needs. Meanings: i16_avx2.h. */
#ifndef TRIT_KERNEL_X86_I16_AVX512_H
#define TRIT_KERNEL_X86_I16_AVX512_H

#include "kernel/x86/v16_avx512.h"

static inline __m512i i16_dot(__m512i sums, __m512i a, __m512i b) {
#ifdef __AVX512VNNI__
    return _mm512_dpwssd_epi32(sums, a, b);
#else
    return _mm512_add_epi32(sums, _mm512_madd_epi16(a, b));
#endif
}

static inline void i16_store(int16_t *p, v16 a) {
    _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(a)));
}

#endif
