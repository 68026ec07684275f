/* t2_mul with AVX-512 VNNI: dpbusd multiplies codes (unsigned) by activations (signed) and adds fours into int32 lanes; nothing on
 * the way can saturate. It takes four activations straight from memory. */
#include "kernel/x86/t2_zmm.h"

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, __m512i four) {
    return _mm512_dpbusd_epi32(sums, codes, four);
}

static inline t2_wide t2_widen(t2_wide wide, t2_sums sums) {
    return _mm512_add_epi32(wide, sums);
}

#define T2_MUL trit_t2_mul_avx512vnni
enum { T2_GEMV_SPAN = 1 << 18, T2_GEMM_SPAN = 1 << 18, T2_GEMV_SETS = 4, T2_VECTORS = 2, T2_TOKENS = 8 };
#include "kernel/t2_template.h"
