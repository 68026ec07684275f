/* The product of matrices one of which is mostly zeros, for one tier: portable loops on the compiler's vectors. The including file names the
 * functions in NONZEROS and SPARSE_MUL and the width of its vectors in VECTOR_BYTES, and may have BITS(x): a bit for each of 16 floats that is not 0.
 *
 * A row's sums stay in registers while it goes from one element that is not 0 to the next. Each is multiplied by a row of b, which lies in the
 * first-level cache: a load, a multiplication and an addition a vector, as in the product of all elements. */
#ifndef TRIT_KERNEL_SPARSE_TEMPLATE_H
#define TRIT_KERNEL_SPARSE_TEMPLATE_H

#include "kernel/variants.h"

typedef float vec __attribute__((vector_size(VECTOR_BYTES), may_alias));

enum { lanes = VECTOR_BYTES / 4, vectors_of_16 = 16 / lanes };

#ifndef BITS
static unsigned bits_of(const float *x) {
    unsigned bits = 0;
    for (int i = 0; i < 16; i++) bits |= (unsigned)(x[i] != 0) << i;
    return bits;
}
#define BITS(x) bits_of(x)
#endif

void NONZEROS(uint64_t *bits, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++, x += trit_sparse_depth) {
        bits[i] = 0;
        for (int j = 0; j < trit_sparse_depth / 16; j++) bits[i] |= (uint64_t)BITS(x + 16 * j) << 16 * j;
    }
}

/* By n16 (a constant) times 16 columns: the compiler must unroll. */
static inline __attribute__((always_inline)) void by_width(const trit_sparse_mul *p, size_t n16) {
    enum { most = trit_sparse_width / lanes };
    const size_t n = n16 * vectors_of_16;
    const float *a = p->a;
    float *y = p->y;
    for (size_t i = 0; i < p->m; i++, a += trit_sparse_depth, y += p->y_row) {
        vec sum[most];
#pragma GCC unroll 24
        for (size_t v = 0; v < n; v++) sum[v] = ((const vec *)y)[v];
        for (uint64_t left = p->bits[i] | p->always; left; left &= left - 1) {
            const size_t l = (size_t)__builtin_ctzll(left);
            const vec *b = (const vec *)p->b + l * n;
            const float x = a[l];
#pragma GCC unroll 24
            for (size_t v = 0; v < n; v++) sum[v] += x * b[v];
        }
#pragma GCC unroll 24
        for (size_t v = 0; v < n; v++) ((vec *)y)[v] = sum[v];
    }
}

void SPARSE_MUL(const trit_sparse_mul *p) {
    switch (p->width / 16) {
    case 1: by_width(p, 1); break;
    case 2: by_width(p, 2); break;
    case 3: by_width(p, 3); break;
    case 4: by_width(p, 4); break;
    case 5: by_width(p, 5); break;
    default: by_width(p, 6); break;
    }
}

#endif
