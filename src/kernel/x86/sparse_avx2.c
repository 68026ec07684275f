/* The product of matrices one of which is mostly zeros, with AVX2. */
#include <immintrin.h>

static unsigned eight(const float *x) {
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(x), _mm256_setzero_ps(), _CMP_NEQ_UQ));
}

#define NONZEROS trit_nonzeros_avx2
#define SPARSE_MUL trit_sparse_mul_avx2
#define VECTOR_BYTES 32
#define BITS(x) (eight(x) | eight((x) + 8) << 8)
#include "kernel/sparse_template.h"
