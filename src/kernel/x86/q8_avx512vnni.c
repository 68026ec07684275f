/* q8_mul with AVX-512 VNNI: dpbusd wants one operand unsigned, so weights are 128 more than they are, and 128 times the sum of
 * the activations is taken off at the end. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef __m512i q8_bytes, q8_sums, q8_four;

enum { Q8_BYTES = 64, Q8_OFFSET = 128, Q8_SETS = 8, Q8_TOKENS = 8 };

static inline q8_sums q8_zero(void) {
    return _mm512_setzero_si512();
}

static inline q8_bytes q8_load(const int8_t *p) {
    return _mm512_xor_si512(_mm512_load_si512((const void *)p), _mm512_set1_epi8(-128));
}

static inline q8_four q8_fours(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
}

static inline q8_sums q8_dot(q8_sums sums, q8_bytes w, q8_four x) {
    return _mm512_dpbusd_epi32(sums, w, x);
}

static inline void q8_store(int32_t *p, q8_sums sums) {
    _mm512_storeu_si512((void *)p, sums);
}

#define Q8_MUL trit_q8_mul_avx512vnni
#include "kernel/q8_template.h"
