/* Scalar twin of products of bfloat16 pairs, and the pairs. */
#define BF16_MATMUL trit_bf16_matmul_scalar
#define BF16_ROUND trit_bf16_round_scalar
#define BF16_PAIRS trit_bf16_pairs_scalar
#define VECTOR_BYTES 16
#include "kernel/pairs_template.h"
