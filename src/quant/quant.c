/* The table of weight formats, made from the rows of dtypes.def: a format is a row there and a file here. */
#include "quant/quant.h"

#include "quant/formats.h"

static const trit_quant_format *const formats[trit_n_dtypes] = {
#define TRIT_FORMAT_weight(name) [trit_dtype_##name] = &trit_quant_##name,
#define TRIT_FORMAT_number(name)
#define TRIT_FORMAT_memory(name)
#define TRIT_DTYPE(name, label, block, bytes, head, gguf, safetensors, role) TRIT_FORMAT_##role(name)
#include "trit/dtypes.def"
#undef TRIT_DTYPE
};

const trit_quant_format *trit_quant_format_of(trit_dtype dtype) {
    return (unsigned)dtype < trit_n_dtypes ? formats[dtype] : NULL;
}

trit_quant_matrix trit_quant_matrix_of(const trit_file_tensor *t) {
    return (trit_quant_matrix){
        .dtype = t->dtype,
        .data = t->data,
        .n_bytes = t->n_bytes,
        .n_rows = trit_file_tensor_n_rows(t),
        .n_cols = trit_file_tensor_n_cols(t),
        .scale = 1,
    };
}
