/* Products of bfloat16 pairs, and the pairs, with AVX2. */
#define BF16_MATMUL trit_bf16_matmul_avx2
#define BF16_ROUND trit_bf16_round_avx2
#define BF16_PAIRS trit_bf16_pairs_avx2
#define VECTOR_BYTES 32
#include "kernel/pairs_template.h"
