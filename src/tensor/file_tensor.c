/* Sizes of tensors of files. */
#include "tensor/file_tensor.h"

uint64_t trit_file_tensor_n_rows(const trit_file_tensor *t) {
    uint64_t n = 1;
    for (uint32_t i = 0; i + 1 < t->n_dims; i++) n *= t->shape[i];
    return n;
}

uint64_t trit_file_tensor_n_cols(const trit_file_tensor *t) {
    return t->n_dims ? t->shape[t->n_dims - 1] : 1;
}

uint64_t trit_file_tensor_n_elements(const trit_file_tensor *t) {
    return trit_file_tensor_n_rows(t) * trit_file_tensor_n_cols(t);
}
