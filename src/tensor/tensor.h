/* Element types and tensors of files. Shapes are NumPy's: slowest dimension first, so a weight matrix is [n_rows, n_cols] =
 * [outputs, inputs] whatever order the container writes. */
#ifndef TRIT_TENSOR_TENSOR_H
#define TRIT_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "trit/status.h"

typedef enum trit_dtype {
#define TRIT_DTYPE(name, label, block, bytes, gguf, safetensors) trit_dtype_##name,
#include "tensor/dtypes.def"
#undef TRIT_DTYPE
    trit_n_dtypes
} trit_dtype;

typedef struct trit_dtype_traits {
    const char *label;       /* "TQ2_0" */
    uint32_t block;          /* elements a block */
    uint32_t block_bytes;    /* bytes a block */
    int32_t gguf_id;         /* -1: GGUF has no such type */
    const char *safetensors; /* "": safetensors has no such type */
} trit_dtype_traits;

const trit_dtype_traits *trit_dtype_info(trit_dtype dtype);

/* trit_n_dtypes where there is none. */
trit_dtype trit_dtype_from_gguf(uint32_t id);
trit_dtype trit_dtype_from_safetensors(trit_str name);
trit_dtype trit_dtype_from_label(const char *label); /* any case */

/* Bytes that [n_rows, n_cols] elements take as a file has them, with the 32-byte tail of I2_S. False where n_cols is not a
 * whole number of blocks (formats that pack the flat tensor, like I2_S and HF_TERNARY, take any) or the size does not fit. */
bool trit_dtype_n_bytes(trit_dtype dtype, uint64_t n_rows, uint64_t n_cols, uint64_t *n_bytes);

enum { trit_max_dims = 4 };

/* A tensor inside a mapped file. Everything is borrowed from the file. */
typedef struct trit_tensor {
    trit_str name;
    trit_dtype dtype;
    uint32_t n_dims;               /* 0: a scalar */
    uint64_t shape[trit_max_dims]; /* [n_dims], slowest first; a packed tensor has its logical shape, not its bytes' */
    const uint8_t *data;           /* [n_bytes], no alignment promised */
    uint64_t n_bytes;
} trit_tensor;

/* All dimensions but the last multiplied, and the last one. A scalar is [1, 1]. */
uint64_t trit_tensor_n_rows(const trit_tensor *t);
uint64_t trit_tensor_n_cols(const trit_tensor *t);
uint64_t trit_tensor_n_elements(const trit_tensor *t);

/* IEEE half and bfloat16, exact both ways up to rounding to nearest even. */
float trit_f32_from_f16(uint16_t h);
uint16_t trit_f16_from_f32(float x);
float trit_f32_from_bf16(uint16_t h);
uint16_t trit_bf16_from_f32(float x);

#endif
