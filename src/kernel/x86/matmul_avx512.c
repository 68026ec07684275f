/* The product of matrices with AVX-512. */
#define MATMUL trit_matmul_avx512
#define VECTOR_BYTES 64
#include "kernel/matmul_template.h"
