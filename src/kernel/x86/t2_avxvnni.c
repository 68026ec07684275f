/* t2_mul with AVX-VNNI, the dot product of processors without AVX-512: dpbusd multiplies codes (unsigned) by activations
 * (signed) and adds fours into int32 lanes; nothing on the way can saturate. */
#include "kernel/x86/t2_ymm.h"

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, __m256i four) {
    return _mm256_dpbusd_avx_epi32(sums, codes, four);
}

static inline t2_wide t2_widen(t2_wide wide, t2_sums sums) {
    return _mm256_add_epi32(wide, sums);
}

#define T2_MUL trit_t2_mul_avxvnni
enum { T2_GEMV_SPAN = 1 << 18, T2_GEMM_SPAN = 1 << 18, T2_GEMV_SETS = 2, T2_VECTORS = 1, T2_TOKENS = 8 };
#include "kernel/t2_template.h"
