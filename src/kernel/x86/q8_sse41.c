/* q8_mul with SSE4.1, the steps of q8_avx2.c. */
#include <smmintrin.h>
#include <stdint.h>
#include <string.h>

typedef __m128i q8_bytes, q8_sums;
typedef struct q8_four {
    __m128i x, magnitude;
} q8_four;

enum { Q8_BYTES = 16, Q8_OFFSET = 0, Q8_SETS = 1, Q8_TOKENS = 2 };

static inline q8_sums q8_zero(void) {
    return _mm_setzero_si128();
}

static inline q8_bytes q8_load(const int8_t *p) {
    return _mm_load_si128((const void *)p);
}

static inline q8_four q8_fours(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    const __m128i x = _mm_set1_epi32(four);
    return (q8_four){x, _mm_abs_epi8(x)};
}

static inline q8_sums q8_dot(q8_sums sums, q8_bytes w, q8_four x) {
    const __m128i pairs = _mm_maddubs_epi16(x.magnitude, _mm_sign_epi8(w, x.x));
    return _mm_add_epi32(sums, _mm_madd_epi16(pairs, _mm_set1_epi16(1)));
}

static inline void q8_store(int32_t *p, q8_sums sums) {
    _mm_storeu_si128((void *)p, sums);
}

#define Q8_MUL trit_q8_mul_sse41
#include "kernel/q8_template.h"
