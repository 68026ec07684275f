/* t3_mul with AVX-512 VNNI: see t3_vnni.h; codes, for several tokens, one half by a comparison into a mask and the other without, which on Zen 4 takes a
 * tenth less time for eight tokens than either alone. */
#include "kernel/x86/t2_zmm.h"
#include "quant/layout.h"

#define T3_OP(name) _mm512_##name
#define T3_DPBUSD _mm512_dpbusd_epi32
#include "kernel/x86/t3_vnni.h"

/* Thirds of the range begin at 86 and 171. */
static inline t2_bytes t3_code(t2_bytes f) {
    const __m512i one = _mm512_set1_epi8(1);
    const t2_bytes code = _mm512_min_epu8(_mm512_subs_epu8(f, _mm512_set1_epi8(85)), one);
    return _mm512_mask_add_epi8(code, _mm512_cmpgt_epu8_mask(f, _mm512_set1_epi8((char)170)), code, one);
}

#define T3_MUL trit_t3_mul_avx512vnni
#define T3_FEW 16
enum { T3_VECTORS = 2, T3_TOKENS = 8 };
#include "kernel/t3_template.h"
