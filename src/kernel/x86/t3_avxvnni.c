/* t3_mul with AVX-VNNI: see t3_vnni.h; codes, for several tokens, by signed comparisons. */
#include "kernel/x86/t2_ymm.h"
#include "quant/layout.h"

#define T3_OP(name) _mm256_##name
#define T3_DPBUSD _mm256_dpbusd_avx_epi32
#include "kernel/x86/t3_vnni.h"

/* Less 128, thirds of the range begin at -42 and 43; comparisons give 0 or -1. */
static inline t2_bytes t3_code(t2_bytes f) {
    const t2_bytes g = _mm256_xor_si256(f, _mm256_set1_epi8(-128));
    return _mm256_abs_epi8(_mm256_add_epi8(_mm256_cmpgt_epi8(g, _mm256_set1_epi8(-43)), _mm256_cmpgt_epi8(g, _mm256_set1_epi8(42))));
}

#define T3_MUL trit_t3_mul_avxvnni
enum { T3_VECTORS = 2, T3_TOKENS = 4 };
#include "kernel/t3_template.h"
