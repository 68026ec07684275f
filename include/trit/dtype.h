/* Element types of tensors, files and weights: a row of trit/dtypes.def each. */
#ifndef TRIT_DTYPE_H
#define TRIT_DTYPE_H

#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum trit_dtype {
#define TRIT_DTYPE(name, label, block, bytes, head, gguf, safetensors, role) trit_dtype_##name,
#include "trit/dtypes.def"
#undef TRIT_DTYPE
    trit_n_dtypes
} trit_dtype;

/* "F32"; NULL for trit_n_dtypes and above. */
TRIT_API const char *trit_dtype_label(trit_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
