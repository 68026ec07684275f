/* Products of bfloat16 pairs, and the pairs, with AVX-512. */
#define BF16_MATMUL trit_bf16_matmul_avx512
#define BF16_ROUND trit_bf16_round_avx512
#define BF16_PAIRS trit_bf16_pairs_avx512
#define VECTOR_BYTES 64
#include "kernel/pairs_template.h"
