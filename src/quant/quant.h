/* What the bytes of each weight type mean, in portable C: one file per format, one row of a table each. Everything works
 * on whole rows, so that conversion streams and any two formats meet through floats or through trits and scales. */
#ifndef TRIT_QUANT_QUANT_H
#define TRIT_QUANT_QUANT_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/file_tensor.h"
#include "trit/status.h"

/* A weight matrix in a file form. Borrowed: `data` belongs to the file. */
typedef struct trit_quant_matrix {
    trit_dtype dtype;
    const uint8_t *data; /* [n_bytes] */
    uint64_t n_bytes;
    uint64_t n_rows, n_cols; /* logical: W is [n_rows, n_cols] */
    float scale;             /* multiplier that stands outside the bytes (HF_TERNARY, GPU_INT2; 1 elsewhere) */
    uint32_t i2_s_block;     /* I2_S only: 128 (0 means 128), 64 for files of some ARM builds, 4 for those that pack four rows at once */
    trit_tile tile;
} trit_quant_matrix;

/* A row of integers with their scales, see `put` below. */
typedef struct trit_quant_levels {
    const int16_t *level; /* [n_cols] */
    const float *scale, *offset; /* [n_cols / group]; offset NULL: none */
    uint64_t group;
} trit_quant_levels;

typedef struct trit_quant_format {
    trit_dtype dtype;

    /* dst[0..n_cols) = row `row` as floats; what is no trit in a ternary format reads as 0 (but Q2_0 and PQ2_0 give their code 3
     * a value). m is whole: n_bytes are what trit_dtype_n_bytes says, and row < n_rows. */
    void (*unpack)(const trit_quant_matrix *m, uint64_t row, float *dst);

    /* Ternary formats only, else NULL: trits[0..n_cols) of -1, 0, +1, and scales[0..n_cols / scale_group rounded up), so that
     * W[row][c] = trits[c] * scales[c / scale_group]. False: the row holds a code that is no trit. */
    bool (*trits)(const trit_quant_matrix *m, uint64_t row, int8_t *trits, float *scales);
    uint32_t scale_group; /* elements that share a scale inside a row; 0: the whole row */
    bool four_levels;     /* the code that is no trit has a value too: a matrix that uses it is one of floats */
    bool one_scale;       /* one for the whole tensor */

    /* One row of floats to the bytes of trit_dtype_n_bytes(dtype, 1, n_cols), or NULL where the format cannot be written row by
     * row (I2_S, HF_TERNARY, IQ2_BN_R4, TL1, TL2, GPU_INT2) or is only read (F64, NVFP4, I8_S). Ternary data survive up to the
     * rounding of their scale to half. */
    void (*pack)(const float *src, uint64_t n_cols, uint8_t *dst);

    /* The same with the least error where errors of the columns do not weigh alike: w[0..n_cols) multiplies their squares. NULL:
     * the format has no choice to make. */
    void (*pack_by)(const float *src, const float *w, uint64_t n_cols, uint8_t *dst);

    /* Formats of blocks with one scale and integer levels, else NULL: a row of given levels (put_low..put_high) and scales, so that it
     * reads as scales[g] * level + offsets[g] (offsets NULL: none; only for put_offset). Both are rounded to half. There is one of each
     * for every `group` columns, which are whole blocks. */
    void (*put)(const trit_quant_levels *row, uint64_t n_cols, uint8_t *dst);
    int put_low, put_high;
    bool put_offset;

    /* The formats that pack the whole tensor, else NULL: trits[0..n_rows * n_cols), row after row, to the n_bytes of
     * trit_dtype_n_bytes. False where the shape does not fit (I2_S: n / 4 bytes could not hold the last block of an n that is no
     * multiple of 128). HF_TERNARY leaves the scale to its reader. */
    bool (*pack_trits)(const int8_t *trits, uint64_t n_rows, uint64_t n_cols, float scale, uint8_t *dst);
} trit_quant_format;

/* NULL where the type is no weight format (integers, memory forms). */
const trit_quant_format *trit_quant_format_of(trit_dtype dtype);

/* The matrix that a file's tensor holds, borrowed like it: scale 1, I2_S in blocks of 128. A packed U8 tensor of a Hugging Face
 * release becomes HF_TERNARY in the hands of its reader, who knows the scale and the number of rows. */
trit_quant_matrix trit_quant_matrix_of(const trit_file_tensor *t);

/* Can it be written? */
static inline bool trit_quant_can_pack(const trit_quant_format *format) {
    return format && (format->pack || format->pack_trits);
}

/* The work of those that pack the whole tensor, see pack_trits. IQ2_BN_R4, TL1, TL2 and GPU_INT2 are written by no
 * conversion: one kernel reads them, for which other files are made. */
bool trit_i2_s_pack(const int8_t *trits, uint64_t n_elements, float scale, uint8_t *dst);
void trit_hf_ternary_pack(const int8_t *trits, uint64_t n_rows, uint64_t n_cols, uint8_t *dst);
bool trit_iq2_bn_r4_pack(const int8_t *trits, const float *scales, uint64_t n_rows, uint64_t n_cols, uint8_t *dst); /* scales[n_rows] */
bool trit_gpu_int2_pack(const int8_t *trits, uint64_t n_rows, uint64_t n_cols, uint8_t *dst);
bool trit_tl_pack(trit_dtype dtype, trit_tile tile, const int8_t *trits, uint64_t n_rows, uint64_t n_cols, float scale, uint8_t *dst);
/* Does the kernel fit a matrix of this shape, and its bytes the file's? */
bool trit_tl_fits(trit_dtype dtype, trit_tile tile, uint64_t n_rows, uint64_t n_cols);

/* absmean of the b1.58 paper (arXiv:2402.17764 eq. 1-3): g = max(mean|W|, 1e-5), trit = clamp(RNE(w / g), -1, 1). The mean
 * is taken in double in a fixed order. */
double trit_abs_sum(const float *w, uint64_t n); /* sum of |w|, for tensors that are read row by row */
float trit_absmean(const float *w, uint64_t n);                                    /* of n values */
void trit_absmean_trits(const float *w, uint64_t n, float scale, int8_t *trits);   /* trits for a given g */

/* Pseudo-quantized weights: does every |w| of w[0..n) equal 0 or one value? Then that value is *scale (1 for all zeros). */
bool trit_is_ternary(const float *w, uint64_t n, float *scale);

/* The same for releases that give each row or each group of a row a scale of its own (the shards of TriLM, the groups of BitCPM and
 * of Bonsai's unpacked files): trits[0..n) and scales[0..n / group rounded up), as a format's `trits` gives them; group 0 is the
 * whole row. Exact: w[i] = trits[i] * scales[i / group]. False: some group holds more than one |value|. */
bool trit_ternary_row(const float *w, uint64_t n, uint32_t group, int8_t *trits, float *scales);

#endif
