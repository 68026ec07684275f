/* t2_mul with AVX-VNNI, the dot product of processors without AVX-512: dpbusd multiplies codes (unsigned) by activations
 * (signed) and adds fours into int32 lanes; nothing on the way can saturate. */
#include "kernel/x86/t2_ymm.h"

typedef __m256i t2_bytes;
typedef __m256i t2_sums;

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, const void *x) {
    return _mm256_dpbusd_avx_epi32(sums, codes, _mm256_loadu_si256(x));
}

static inline t2_sums t2_dot4(t2_sums sums, const t2_bytes codes[4], const int8_t *x) {
    for (int i = 0; i < 4; i++) sums = t2_dot(sums, codes[i], x + 64 * i);
    return sums;
}

#define T2_MUL trit_t2_mul_avxvnni
enum { T2_WIDTH = 32, T2_ROWS = 2, T2_TOKENS = 4, T2_GEMV_ROWS = 4 };
#include "kernel/t2_template.h"
