/* t2_mul with AVX-512 VNNI: dpbusd multiplies codes (unsigned) by activations (signed) and adds fours into int32 lanes; nothing on
 * the way can saturate. It takes four activations straight from memory. */
#include "kernel/x86/dpbusd_zmm.h"
#include "kernel/x86/t2_zmm.h"
#include "quant/layout.h"

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, __m512i four) {
    return _mm512_dpbusd_epi32(sums, codes, four);
}

static inline t2_wide t2_widen(t2_wide wide, t2_sums sums) {
    return _mm512_add_epi32(wide, sums);
}

/* The codes of a chunk as they stand, times 1, 4, 16 and 64: four masks and no shift, so that masks and products fill Zen 4's four units for
 * four cycles. All masks come first: other orders keep units waiting. An activation is at least -128 and a code at most 3, so 2^14 chunks stay
 * within 2^14 * 4 * 128 * 3 * 64 < 2^31. */
static inline t2_wide t2_one_token(const uint8_t *w, const int8_t *x, size_t n_chunks) {
    enum { span = 1 << 14 };
    __m512i mask[4] = {_mm512_set1_epi8(3), _mm512_set1_epi8(12), _mm512_set1_epi8(48), _mm512_set1_epi8((char)192)};
    __asm__("" : "+v"(mask[0]), "+v"(mask[1]), "+v"(mask[2]), "+v"(mask[3])); /* in registers */
    t2_wide wide = t2_wide_zero();
    for (size_t c = 0; c < n_chunks;) {
        const size_t stop = n_chunks - c < span ? n_chunks : c + span;
        t2_sums sums[4] = {t2_zero(), t2_zero(), t2_zero(), t2_zero()};
        for (; c < stop; c++) {
            const t2_bytes packed = t2_load(w + c * trit_chunk_bytes);
            t2_bytes codes[4];
            for (int i = 0; i < 4; i++) codes[i] = _mm512_and_si512(packed, mask[i]);
            __asm__("" : "+v"(codes[0]), "+v"(codes[1]), "+v"(codes[2]), "+v"(codes[3]));
            for (size_t i = 0; i < 4; i++) sums[i] = dot_from_memory(sums[i], codes[i], x + c * trit_t2_chunk + 4 * i);
        }
        wide = t2_widen(wide, t2_whole(t2_whole(sums[0], sums[1]), _mm512_srai_epi32(t2_whole(sums[2], sums[3]), 2)));
    }
    return wide;
}

#define T2_MUL trit_t2_mul_avx512vnni
#define T2_ONE_TOKEN t2_one_token
enum { T2_GEMM_SPAN = 1 << 18, T2_VECTORS = 2, T2_TOKENS = 8 };
#include "kernel/t2_template.h"
