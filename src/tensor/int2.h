/* Where weights of GPU_INT2 stand (drawn in quant/gpu_int2.c): tiles of 16 rows and 32 columns, one band of 16 rows after the other,
 * 128 bytes each; a word of four bytes holds 16 neighbours of a row. */
#ifndef TRIT_TENSOR_INT2_H
#define TRIT_TENSOR_INT2_H

#include <stdint.h>

enum { trit_int2_rows = 16, trit_int2_cols = 32, trit_int2_word_cols = 16 };

/* The byte at which the word of columns col..col+15 of a row begins; n_cols a multiple of 32, col of 16. */
static inline uint64_t trit_int2_word_at(uint64_t n_cols, uint64_t row, uint64_t col) {
    enum { tile_bytes = trit_int2_rows * trit_int2_cols / 4 };
    const uint64_t tile = row / trit_int2_rows * (n_cols / trit_int2_cols) + col / trit_int2_cols;
    return tile * tile_bytes + 4 * (row % trit_int2_rows / 8 * 16 + col % trit_int2_cols / 16 * 8 + row % 8);
}

#endif
