/* Products of bfloat16 pairs by VDPBF16PS, which does twice the multiply-adds of a vector of floats. The instruction has the order and the rounding of the
 * specification, and takes what the others make of pairs. */
#include <immintrin.h>

#define BF16_MATMUL trit_bf16_matmul_avx512bf16
#define VECTOR_BYTES 64

typedef float floats __attribute__((vector_size(VECTOR_BYTES)));

static inline __attribute__((always_inline)) floats by_instruction(floats y, float a, floats b) {
    return (floats)_mm512_dpbf16_ps((__m512)y, (__m512bh)_mm512_set1_ps(a), (__m512bh)b);
}

#define ADD_PAIRS by_instruction
#include "kernel/pairs_template.h"
