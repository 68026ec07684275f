/* t2_mul with AVX-512 VNNI: dpbusd multiplies 64 codes (unsigned) by 64 activations (signed) and adds fours into int32 lanes;
 * nothing on the way can saturate. */
#include "kernel/x86/t2_zmm.h"

typedef __m512i t2_bytes;
typedef __m512i t2_sums;

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, const void *x) {
    return _mm512_dpbusd_epi32(sums, codes, _mm512_loadu_si512(x));
}

static inline t2_sums t2_dot4(t2_sums sums, const t2_bytes codes[4], const int8_t *x) {
    for (int i = 0; i < 4; i++) sums = t2_dot(sums, codes[i], x + 64 * i);
    return sums;
}

#define T2_MUL trit_t2_mul_avx512vnni
enum { T2_WIDTH = 64, T2_ROWS = 4, T2_TOKENS = 4, T2_GEMV_ROWS = 4 };
#include "kernel/t2_template.h"
