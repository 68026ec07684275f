/* Scalar twin of the product of matrices one of which is mostly zeros. */
#define NONZEROS trit_nonzeros_scalar
#define SPARSE_MUL trit_sparse_mul_scalar
#define VECTOR_BYTES 16
#include "kernel/sparse_template.h"
