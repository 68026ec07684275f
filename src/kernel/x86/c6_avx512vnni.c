/* c6_mul with AVX-512 VNNI: dpbusd multiplies codes (unsigned) by activations (signed), straight from memory. */
#include "kernel/x86/t2_zmm.h"

static inline t2_wide dot_from_memory(t2_wide sums, t2_bytes codes, const int8_t *x) {
    typedef struct four {
        int8_t x[4];
    } four;
    __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sums) : "v"(codes), "m"(*(const four *)x));
    return sums;
}

static inline t2_wide c6_dot(t2_wide sums, const t2_bytes codes[4], const int8_t *x) {
    for (int i = 0; i < 4; i++) sums = dot_from_memory(sums, codes[i], x + 4 * i);
    return sums;
}

static inline t2_wide c6_add(t2_wide a, t2_wide b) {
    return _mm512_add_epi32(a, b);
}

static inline __m512 c6_scales(const uint8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_load_si128((const void *)p)));
}

#define C6_MUL trit_c6_mul_avx512vnni
enum { C6_TOKENS = 8 };
#include "kernel/c6_template.h"
