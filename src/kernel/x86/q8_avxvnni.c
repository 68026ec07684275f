/* q8_mul with AVX-VNNI: dpbusd wants one operand unsigned, so weights are 128 more than they are, and 128 times the sum of
 * the activations is taken off at the end. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef __m256i q8_bytes, q8_sums, q8_four;

enum { Q8_BYTES = 32, Q8_OFFSET = 128, Q8_SETS = 4, Q8_TOKENS = 4 };

static inline q8_sums q8_zero(void) {
    return _mm256_setzero_si256();
}

static inline q8_bytes q8_load(const int8_t *p) {
    return _mm256_xor_si256(_mm256_load_si256((const void *)p), _mm256_set1_epi8(-128));
}

static inline q8_four q8_fours(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm256_set1_epi32(four);
}

static inline q8_sums q8_dot(q8_sums sums, q8_bytes w, q8_four x) {
    return _mm256_dpbusd_avx_epi32(sums, w, x);
}

static inline void q8_store(int32_t *p, q8_sums sums) {
    _mm256_storeu_si256((void *)p, sums);
}

#define Q8_MUL trit_q8_mul_avxvnni
#include "kernel/q8_template.h"
