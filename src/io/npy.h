/* NumPy's arrays in files: a line that says what follows, then the elements (numpy/lib/format.py, versions 1 to 3). */
#ifndef TRIT_IO_NPY_H
#define TRIT_IO_NPY_H

#include "tensor/file_tensor.h"
#include "trit/memory.h"

typedef struct trit_npy {
    trit_file_tensor tensor; /* elements where they lie; without a name */
    bool is_fortran;         /* first dimension fastest */
    bool is_big_endian;
} trit_npy;

/* The array whose file is data[0..n), which outlives it. Errors: format, unsupported (a type that tensors lack, more than eight
 * dimensions). */
TRIT_MUST_CHECK trit_status trit_npy_parse(trit_npy *out, const uint8_t *data, size_t n, const char *what, trit_error *err);

/* What stands before the elements of a tensor, in rows, little-endian. Appends to *head. Errors: arg (a type that NumPy lacks), memory. */
TRIT_MUST_CHECK trit_status trit_npy_head(trit_text *head, const trit_file_tensor *t, trit_error *err);

#endif
