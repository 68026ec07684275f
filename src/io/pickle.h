/* The pickle of a PyTorch state dict: which tensors it has, and in which storages they lie. */
#ifndef TRIT_IO_PICKLE_H
#define TRIT_IO_PICKLE_H

#include "tensor/file_tensor.h"

typedef struct trit_pickle_tensor {
    trit_str name;    /* first, for trit_names; in the pickle */
    trit_str storage; /* its key */
    trit_dtype dtype;
    uint64_t n_stored, offset; /* elements of the storage, and those before the tensor */
    uint32_t n_dims;
    uint64_t shape[trit_file_max_dims];
    bool is_contiguous;
} trit_pickle_tensor;

/* Zero-initialise. */
typedef struct trit_pickle {
    trit_pickle_tensor *tensor; /* [n], in the order of the dict */
    size_t n;
} trit_pickle;

/* A dict of tensors by name in data[0..n), which outlives the object. Errors: format, unsupported (whatever else a pickle can
 * hold or call: it is named), memory. Nothing is ever called. */
TRIT_MUST_CHECK trit_status trit_pickle_read(trit_pickle *out, const uint8_t *data, size_t n, const char *what, trit_error *err);
void trit_pickle_fini(trit_pickle *pickle);

#endif
