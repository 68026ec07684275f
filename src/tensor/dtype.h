/* Element types: names, sizes, and the ids that files give them. */
#ifndef TRIT_TENSOR_DTYPE_H
#define TRIT_TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "tensor/half.h"
#include "trit/dtype.h"

typedef struct trit_dtype_traits {
    const char *label;       /* "TQ2_0" */
    uint32_t block;          /* elements a block */
    uint32_t block_bytes;    /* bytes a block */
    uint32_t head_bytes;     /* in front of each row's blocks */
    int32_t gguf_id;         /* -1: GGUF has no such type */
    const char *safetensors; /* "": safetensors has no such type */
} trit_dtype_traits;

/* Numbers with an element each, which tensors compute with. */
static inline bool trit_dtype_is_plain(trit_dtype dtype) {
    return dtype <= trit_dtype_bool;
}

/* Quantized: rows are blocks and nothing else. Tensors hold them, cast and copy them, and compute with none. */
static inline bool trit_dtype_is_blocks(trit_dtype dtype) {
    return dtype >= trit_dtype_q4_0 && dtype <= trit_dtype_pq2_0;
}

static inline bool trit_dtype_is_integer(trit_dtype dtype) {
    return dtype == trit_dtype_i8 || dtype == trit_dtype_i16 || dtype == trit_dtype_i32 || dtype == trit_dtype_i64 || dtype == trit_dtype_u8;
}

/* Plain floats: every element stands for itself. */
static inline bool trit_dtype_is_float(trit_dtype dtype) {
    return dtype == trit_dtype_f32 || dtype == trit_dtype_f16 || dtype == trit_dtype_bf16 || dtype == trit_dtype_f64;
}

const trit_dtype_traits *trit_dtype_info(trit_dtype dtype); /* NULL for trit_n_dtypes and above */

/* trit_n_dtypes where there is none. */
trit_dtype trit_dtype_from_gguf(uint32_t id);
trit_dtype trit_dtype_from_safetensors(trit_str name);
trit_dtype trit_dtype_from_label(const char *label); /* any case */

/* TL1 and TL2 only: sizes of the kernel that the bytes were laid out for, as bitnet.cpp's kernel_config.ini has them. 0: unknown. */
typedef struct trit_tile {
    uint32_t rows, cols, lanes; /* bm, bk, bmm */
} trit_tile;

/* Bytes that [n_rows, n_cols] elements take as a file has them. Some formats pack the tensor and not the row, so they take any
 * n_cols: I2_S and TL1, n / 4 + 32 bytes for all n elements (n a multiple of 4), I8_S, n + 32 bytes, and HF_TERNARY,
 * [ceil(n_rows / 4), n_cols] bytes. TL2 wants 256 columns, GPU_INT2 whole tiles of 16 rows and 32 columns, and IQ2_BN_R4 packs
 * four rows together. False where the shape does not fit so, or the size does not fit 64 bits. */
bool trit_dtype_n_bytes(trit_dtype dtype, uint64_t n_rows, uint64_t n_cols, uint64_t *n_bytes);

#endif
