/* The product of matrices one of which is mostly zeros, with AVX-512. */
#include <immintrin.h>

#define NONZEROS trit_nonzeros_avx512
#define SPARSE_MUL trit_sparse_mul_avx512
#define VECTOR_BYTES 64
#define BITS(x) _mm512_cmp_ps_mask(_mm512_loadu_ps(x), _mm512_setzero_ps(), _CMP_NEQ_UQ)
#include "kernel/sparse_template.h"
