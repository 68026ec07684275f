/* The product of matrices for one element type. Included by matmul_template.h once for each type and by pairs_template.h, with
 *   T                the type; whole numbers as unsigned ones, which wrap around
 *   U                the one in which a single element is computed, which has room for a product
 *   NAME(x)          x with the type's name behind it
 *   MULADD(y, a, b)  what a pair adds to an element of the result */

/* Once a file; what follows it, once a type. */
#ifndef TRIT_KERNEL_MATMUL_TYPE_H
#define TRIT_KERNEL_MATMUL_TYPE_H

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Rows at once: twelve sums, two vectors of b and an element of a fit the sixteen registers of AVX2. */
enum { matmul_rows = 6 };

/* A pointer to the elements of a that the compiler takes for another one, so that it reads an element once for each vector of b. */
#ifdef READS_AGAIN
static inline const void *again(const void *a) {
    __asm__("" : "+r"(a));
    return a;
}
#define AGAIN(a) again(a)
#else
#define AGAIN(a) (a)
#endif

#endif

typedef T NAME(vec) __attribute__((vector_size(VECTOR_BYTES)));
typedef T NAME(vec_at) __attribute__((vector_size(VECTOR_BYTES), aligned(1), may_alias)); /* in memory */
enum { NAME(lanes) = VECTOR_BYTES / (int)sizeof(T), NAME(wide) = 2 * NAME(lanes) };

/* n_rows by one or two vectors of the result (constants), which stay in registers: the compiler must unroll for that. a and y at the first
 * row, b and y at the first column. */
ALWAYS_INLINE void NAME(block)(const trit_matmul *p, const T *a, const T *b, T *y, int n_rows, bool is_wide, int64_t a_row) {
    NAME(vec) left[matmul_rows], right[matmul_rows];
#pragma GCC unroll 6
    for (int i = 0; i < n_rows; i++) {
        left[i] = right[i] = (NAME(vec)){0};
        if (p->from_zero) continue;
        left[i] = *(const NAME(vec_at) *)(y + i * p->y_row);
        if (is_wide) right[i] = *(const NAME(vec_at) *)(y + i * p->y_row + NAME(lanes));
    }
#pragma GCC unroll 6
    for (int i = 0; i < n_rows; i++) /* what comes next, as a rule; else it is outside y, and no pointer into it */
        __builtin_prefetch((const void *)((uintptr_t)y + (uintptr_t)((i + n_rows) * p->y_row) * sizeof *y), 1);
    const T *same = sizeof(T) < 4 ? a : AGAIN(a);
    for (int64_t l = 0; l < p->k; l++, a += p->a_col, same += p->a_col, b += p->b_row) {
        const NAME(vec) b0 = *(const NAME(vec_at) *)b, b1 = *(const NAME(vec_at) *)(b + (is_wide ? NAME(lanes) : 0));
#pragma GCC unroll 6
        for (int i = 0; i < n_rows; i++) {
            left[i] = MULADD(left[i], a[i * a_row], b0);
            if (is_wide) right[i] = MULADD(right[i], same[i * a_row], b1);
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < n_rows; i++) {
        *(NAME(vec_at) *)(y + i * p->y_row) = left[i];
        if (is_wide) *(NAME(vec_at) *)(y + i * p->y_row + NAME(lanes)) = right[i];
    }
}

/* All rows of one or two vectors of columns, b and y at the first. */
ALWAYS_INLINE void NAME(columns)(const trit_matmul *p, const T *b, T *y, bool is_wide) {
    const T *a = p->a;
    int64_t i = 0;
    for (; i + matmul_rows <= p->m; i += matmul_rows) NAME(block)(p, a + i * p->a_row, b, y + i * p->y_row, matmul_rows, is_wide, p->a_row);
    for (; i + 2 <= p->m; i += 2) NAME(block)(p, a + i * p->a_row, b, y + i * p->y_row, 2, is_wide, p->a_row);
    if (i < p->m) NAME(block)(p, a + i * p->a_row, b, y + i * p->y_row, 1, is_wide, p->a_row);
}

/* One row of fewer columns than a vector. */
static void NAME(rest)(const trit_matmul *p, const T *a, const T *b, T *y, int64_t n) {
    T sum[NAME(lanes)] = {0};
    if (!p->from_zero) memcpy(sum, y, (size_t)n * sizeof *y);
    for (int64_t l = 0; l < p->k; l++) {
        const T left = a[l * p->a_col], *right = b + l * p->b_row;
        for (int64_t j = 0; j < n; j++) sum[j] = (T)MULADD((U)sum[j], (U)left, (U)right[j]);
    }
    memcpy(y, sum, (size_t)n * sizeof *y);
}

static void NAME(matmul)(const trit_matmul *p) {
    const T *a = p->a, *b = p->b;
    T *y = p->y;
    int64_t j = 0;
    for (; j + NAME(wide) <= p->n; j += NAME(wide)) NAME(columns)(p, b + j, y + j, true);
    if (j + NAME(lanes) <= p->n) {
        NAME(columns)(p, b + j, y + j, false);
        j += NAME(lanes);
    }
    for (int64_t i = 0; i < p->m && j < p->n; i++) NAME(rest)(p, a + i * p->a_row, b + j, y + i * p->y_row + j, p->n - j);
}

#undef T
#undef U
#undef NAME
#undef MULADD
