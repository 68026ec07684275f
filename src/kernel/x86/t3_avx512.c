/* t3_mul with AVX-512 BW and no VNNI: codes by comparisons into masks, then maddubs; the bounds of t3_avx2.c.
 *
 * Vector instructions for 5 x 64 weights, one token: 5 codes of 4 (two comparisons, two moves under their masks), 4 times 3 of 2, 5
 * products of 2: 38. */
#include "kernel/x86/t2_zmm.h"

typedef t2_bytes t3_sums, t3_dots;

static inline t3_sums t3_zero(void) {
    return t2_zero();
}

static inline t3_dots t3_dots_zero(void) {
    return t2_zero();
}

static inline t2_bytes t3_load(const void *p) {
    return t2_load(p);
}

static inline t2_bytes t3_times3(t2_bytes f) {
    return _mm512_add_epi8(f, _mm512_add_epi8(f, f));
}

/* Thirds of the range begin at 86 and 171. */
static inline t2_bytes t3_code(t2_bytes f) {
    const __m512i one = _mm512_set1_epi8(1);
    const t2_bytes code = _mm512_maskz_mov_epi8(_mm512_cmpgt_epu8_mask(f, _mm512_set1_epi8(85)), one);
    return _mm512_mask_add_epi8(code, _mm512_cmpgt_epu8_mask(f, _mm512_set1_epi8((char)170)), code, one);
}

static inline t3_dots t3_dot(t3_dots dots, t2_bytes codes, t2_bytes four) {
    return _mm512_add_epi16(dots, _mm512_maddubs_epi16(codes, four));
}

static inline t2_wide t3_widen(t2_wide wide, t3_dots dots) {
    return _mm512_add_epi32(wide, _mm512_madd_epi16(dots, _mm512_set1_epi16(1)));
}

static inline t3_sums t3_add(t3_sums sums, t2_bytes f, t2_bytes next, t2_bytes four) {
    (void)next;
    return t3_dot(sums, t3_code(f), four);
}

static inline t2_wide t3_settle(t2_wide wide, t3_sums sums) {
    return t3_widen(wide, sums);
}

#define T3_MUL trit_t3_mul_avx512
enum { T3_OFFSET = 1, T3_SPAN = 3, T3_PLANES = 3, T3_VECTORS = 2, T3_TOKENS = 8 };
#include "kernel/t3_template.h"
