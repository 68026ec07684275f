/* Probes with AVX-512 BW and no VNNI. The multiply-add of bytes is maddubs, pairs of products in int16, and an addition of int16
 * lanes: a code is at most 3 and an activation at least -128, so 40 pairs stay within 40 * 768 = 30720. */
#include "kernel/x86/probe_zmm.h"
#include "kernel/x86/v16_avx512.h"

static inline __m512i probe_dot(__m512i sums, __m512i codes, __m512i x) {
    sums = _mm512_add_epi16(sums, _mm512_maddubs_epi16(codes, x));
    __asm__("" : "+" PROBE_REGISTER(sums)); /* one after the other: added up before, the products need more registers than there are */
    return sums;
}

static inline __m512i probe_fold(__m512i wide, __m512i sums) {
    return _mm512_add_epi32(wide, _mm512_madd_epi16(sums, _mm512_set1_epi16(1)));
}

enum { PROBE_WIDTH = 64, PROBE_CHAINS = 1, PROBE_STEPS = 40, PROBE_FLOAT_CHAINS = 12 };
#define PROBE_INT8 trit_probe_int8_avx512
#include "kernel/probe_int8_template.h"

#define PROBE_FACTOR "+v"
#define PROBE(slot) trit_probe_##slot##_avx512
#include "kernel/probe_template.h"
