/* q8_mul with AVX2: maddubs wants one operand unsigned, so the sign of the activation goes to the weight. A pair is within
 * 2 * 127 * 128 = 32512: int16 holds it, and madd by ones takes it to int32. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef __m256i q8_bytes, q8_sums;
typedef struct q8_four {
    __m256i x, magnitude;
} q8_four;

enum { Q8_BYTES = 32, Q8_OFFSET = 0, Q8_SETS = 2, Q8_TOKENS = 4 };

static inline q8_sums q8_zero(void) {
    return _mm256_setzero_si256();
}

static inline q8_bytes q8_load(const int8_t *p) {
    return _mm256_load_si256((const void *)p);
}

static inline q8_four q8_fours(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    const __m256i x = _mm256_set1_epi32(four);
    return (q8_four){x, _mm256_abs_epi8(x)};
}

static inline q8_sums q8_dot(q8_sums sums, q8_bytes w, q8_four x) {
    const __m256i pairs = _mm256_maddubs_epi16(x.magnitude, _mm256_sign_epi8(w, x.x));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

static inline void q8_store(int32_t *p, q8_sums sums) {
    _mm256_storeu_si256((void *)p, sums);
}

#define Q8_MUL trit_q8_mul_avx2
#include "kernel/q8_template.h"
