/* Tensors of files: where they lie in the map, and what they are. Shapes are NumPy's: slowest dimension first, so a weight matrix
 * is [n_rows, n_cols] = [outputs, inputs] whatever order the container writes. */
#ifndef TRIT_TENSOR_FILE_TENSOR_H
#define TRIT_TENSOR_FILE_TENSOR_H

#include "tensor/dtype.h"

enum { trit_file_max_dims = 8 };

/* A tensor inside a mapped file. Everything is borrowed from the file. */
typedef struct trit_file_tensor {
    trit_str name;
    trit_dtype dtype;
    uint32_t n_dims;               /* 0: a scalar */
    uint64_t shape[trit_file_max_dims]; /* [n_dims], slowest first; a packed tensor has its logical shape, not its bytes' */
    const uint8_t *data;           /* [n_bytes], no alignment promised */
    uint64_t n_bytes;
} trit_file_tensor;

/* All dimensions but the last multiplied, and the last one. A scalar is [1, 1]. */
uint64_t trit_file_tensor_n_rows(const trit_file_tensor *t);
uint64_t trit_file_tensor_n_cols(const trit_file_tensor *t);
uint64_t trit_file_tensor_n_elements(const trit_file_tensor *t);

#endif
