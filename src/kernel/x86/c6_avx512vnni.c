/* c6_mul with AVX-512 VNNI: dpbusd multiplies codes (unsigned) by activations (signed), straight from memory. */
#include "kernel/x86/dpbusd_zmm.h"
#include "kernel/x86/t2_zmm.h"

static inline t2_wide c6_dot(t2_wide sums, const t2_bytes codes[4], const int8_t *x) {
    for (int i = 0; i < 4; i++) sums = dot_from_memory(sums, codes[i], x + 4 * i);
    return sums;
}

static inline __m512 c6_scales(const uint8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_load_si128((const void *)p)));
}

#define C6_MUL trit_c6_mul_avx512vnni
enum { C6_TOKENS = 8 };
#include "kernel/c6_template.h"
