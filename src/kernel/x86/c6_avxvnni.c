/* c6_mul with AVX-VNNI: dpbusd multiplies codes (unsigned) by activations (signed). */
#include "kernel/x86/t2_ymm.h"

static inline t2_wide c6_dot(t2_wide sums, const t2_bytes codes[4], const int8_t *x) {
    for (int i = 0; i < 4; i++) sums = _mm256_dpbusd_avx_epi32(sums, codes[i], t2_four(x + 4 * i));
    return sums;
}

static inline __m256 c6_scales(const uint8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p)));
}

#define C6_MUL trit_c6_mul_avxvnni
enum { C6_TOKENS = 4 };
#include "kernel/c6_template.h"
