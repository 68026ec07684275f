/* Scalar twin of the product of matrices. */
#define MATMUL trit_matmul_scalar
#define VECTOR_BYTES 16
#include "kernel/matmul_template.h"
