/* The product of matrices with AVX2. */
#define MATMUL trit_matmul_avx2
#define VECTOR_BYTES 32
#include "kernel/matmul_template.h"
