/* Products of matrices on the CPU: by an outside BLAS where the build has one and the type is a float, not bfloat16 pairs, else by our own kernels. */
#ifndef TRIT_DEVICE_CPU_MATMUL_H
#define TRIT_DEVICE_CPU_MATMUL_H

#include "device/cpu/calls.h"

/* y = a b. a [m, k] and b [k, n] have stride 1 in one of their dimensions and at least the other one's size in the other; y [m, n]
 * has its columns side by side. m, n, k >= 1; strides count elements. The product may be a part of a larger one: what that was in whole
 * decides how it is computed, so that the bits are the same however it is divided. */
typedef enum cpu_product_kind { cpu_product_matrix, cpu_product_row, cpu_product_column } cpu_product_kind; /* y in whole */

typedef struct cpu_product {
    cpu_product_kind kind;
    trit_dtype type; /* a plain one, not a half */
    bool are_pairs;  /* of a and b each element is two bfloat16s, as trit_kernels.bf16_matmul has them; k counts pairs; type is F32, y's */
    int64_t n_floats; /* of pairs, where a and b are still floats [m, n_floats] and [n_floats, n]; 0: they are pairs */
    int64_t m, n, k;
    const void *a;
    int64_t a_row, a_col;
    const void *b;
    int64_t b_row, b_col;
    void *y;
    int64_t y_row;
} cpu_product;

/* Rows that the kernels take at once; rows of a, of which fewer do not pay for laying out all of b. */
enum { trit_cpu_product_rows = 6, trit_cpu_product_few = 8 };

/* Our own, on the calling thread: each element of y is summed over k from first to last, each product rounded; pairs, as their kernel has it. */
void trit_cpu_product(const trit_kernels *kernels, const cpu_product *p);

/* pairs.c: x, a matrix of floats with stride 1 in one of its two dimensions (no batch), becomes words of pairs along dimension `dim`, in
 * memory that the caller frees with trit_free. Where their number is odd a zero is added. Errors: memory. */
TRIT_MUST_CHECK trit_status trit_cpu_pair_up(cpu_device *cpu, trit_view *x, uint32_t dim, trit_error *err);

/* sparse.c: the same, to the bit, faster where one of a and b is mostly zeros. False: not done, as far as a sample tells neither is. */
bool trit_cpu_product_sparse(const trit_kernels *kernels, const cpu_product *p);

/* blas.c or blas_none.c: the same by the BLAS, on the calling thread; bits differ between processors. False: not done, there is none, or
 * it does not have the type. */
bool trit_cpu_blas_product(const cpu_product *p);
bool trit_cpu_blas_takes(trit_dtype type); /* is there one that has it? */

#endif
