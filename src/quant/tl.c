/* TL1 and TL2, bitnet.cpp's forms for lookup tables on ARM and x86: weights in twos and threes, in the order in which one kernel
 * reads them. The order follows the sizes of that kernel, which a file does not tell (see trit_tile); the scale is one for
 * the tensor and stands in the first four of its last 32 bytes. Rows in bands of `rows`, columns in bands of `cols`, and inside
 * them steps of `lanes` rows:
 *
 *   TL1   a byte is four columns of a row, two pairs: (w0, w1) in the high half, each pair 3 w0 + w1 + 4 (0..8).
 *         Columns in steps of 256 / lanes, lanes in groups of 16 neighbours.
 *   TL2   columns up to the last whole band are triples, the rest pairs; always 32 lanes, of which the second and third eight
 *         change places where a byte is a row's.
 *           [n_rows * n3 / 6]    a byte is six columns of a row, two triples: |9 w0 + 3 w1 + w2| (0..13), the first high
 *           [n_rows * n3 / 24]   signs: 24 columns of rows r and r + 16 in 16 bits, the first triple highest, r before r + 16
 *           [n_rows * n2 / 4]    pairs as in TL1, in steps of four columns and 32 lanes
 *
 * Source of the order: bitnet.cpp's converter, checked against vectors that it made. */
#include <string.h>

#include "quant/formats.h"

enum { tail_bytes = 32, tl2_lanes = 32 };

bool trit_tl_fits(trit_dtype dtype, trit_tile t, uint64_t n_rows, uint64_t n_cols) {
    uint64_t n_bytes;
    if (!t.rows || !t.cols || n_rows % t.rows || !trit_dtype_n_bytes(dtype, n_rows, n_cols, &n_bytes)) return false;
    if (dtype == trit_dtype_tl1)
        return t.lanes && t.lanes % 16 == 0 && 64 % t.lanes == 0 && t.rows % t.lanes == 0 && t.cols % (256 / t.lanes) == 0 && n_cols % t.cols == 0;
    const uint64_t n2 = n_cols % t.cols, n3 = n_cols - n2;
    return t.rows % tl2_lanes == 0 && t.cols % 24 == 0 && n2 % 32 == 0 && n_rows * n3 / 24 * 5 + n_rows * n2 / 4 + tail_bytes <= n_bytes;
}

/* ---- Where things are ---- */

/* Of the four columns from `col` on. */
static uint64_t tl1_at(trit_tile t, uint64_t n_cols, uint64_t row, uint64_t col) {
    const uint64_t step = 256 / t.lanes, lane = row % t.rows % t.lanes;
    uint64_t at = row / t.rows * (n_cols / t.cols) + col / t.cols;
    at = at * (t.rows / t.lanes) + row % t.rows / t.lanes;
    at = at * (t.cols / step) + col % t.cols / step;
    at = at * (t.lanes / 16) + lane / 16;
    at = at * (step / 4) + col % step / 4;
    return at * 16 + lane % 16;
}

/* The step of `n` columns and 32 rows that holds (row, col), of a part of the matrix with n_cols columns. */
static uint64_t tl2_step(trit_tile t, uint64_t band, uint64_t n, uint64_t n_cols, uint64_t row, uint64_t col) {
    return ((row / t.rows * (n_cols / band) + col / band) * (t.rows / tl2_lanes) + row % t.rows / tl2_lanes) * (band / n) + col % band / n;
}

static uint64_t tl2_place(trit_tile t, uint64_t row) {
    static const uint8_t eights[] = {0, 2, 1, 3};
    const uint64_t lane = row % t.rows % tl2_lanes;
    return 8u * eights[lane / 8] + lane % 8;
}

static uint64_t tl2_triples_at(trit_tile t, uint64_t n3, uint64_t row, uint64_t col) {
    return tl2_step(t, t.cols, 6, n3, row, col) * 32 + tl2_place(t, row);
}

/* The byte and the bit in it of a triple's sign; the 16 bits are written low byte first. */
static uint64_t tl2_sign_at(trit_tile t, uint64_t n3, uint64_t row, uint64_t col, unsigned *bit) {
    const unsigned lane = (unsigned)(row % t.rows % tl2_lanes), of_16 = 15 - (2 * (unsigned)(col % 24 / 3) + lane / 16);
    *bit = of_16 % 8;
    return (tl2_step(t, t.cols, 24, n3, row, col) * 16 + lane % 16) * 2 + of_16 / 8;
}

static uint64_t tl2_pairs_at(trit_tile t, uint64_t n2, uint64_t row, uint64_t col) {
    return tl2_step(t, 32, 4, n2, row, col) * 32 + tl2_place(t, row);
}

/* ---- Reading ---- */

/* Two pairs; false where one is none of nine. */
static bool decode_pairs(uint8_t byte, int8_t *trits) {
    const int a = byte >> 4, b = byte & 15;
    trits[0] = trits[1] = trits[2] = trits[3] = 0;
    if (a > 8 || b > 8) return false;
    trits[0] = (int8_t)(a / 3 - 1);
    trits[1] = (int8_t)(a % 3 - 1);
    trits[2] = (int8_t)(b / 3 - 1);
    trits[3] = (int8_t)(b % 3 - 1);
    return true;
}

static bool decode_triple(int size, bool negative, int8_t *trits) {
    const int v = 13 + (negative ? -size : size); /* the number of three digits 0..2 */
    trits[0] = trits[1] = trits[2] = 0;
    if (size > 13) return false;
    trits[0] = (int8_t)(v / 9 - 1);
    trits[1] = (int8_t)(v / 3 % 3 - 1);
    trits[2] = (int8_t)(v % 3 - 1);
    return true;
}

/* The next columns of a row from `col` on: three or four, whose number is returned. */
static unsigned decode(const trit_quant_matrix *m, uint64_t row, uint64_t col, int8_t *trits, bool *good) {
    const uint64_t n2 = m->dtype == trit_dtype_tl1 ? m->n_cols : m->n_cols % m->tile.cols, n3 = m->n_cols - n2;
    const uint8_t *signs = m->data + m->n_rows * n3 / 6, *pairs = signs + m->n_rows * n3 / 24;
    if (col >= n3) {
        const uint64_t at = m->dtype == trit_dtype_tl1 ? tl1_at(m->tile, n2, row, col) : tl2_pairs_at(m->tile, n2, row, col - n3);
        *good &= decode_pairs(pairs[at], trits);
        return 4;
    }
    unsigned bit;
    const uint8_t two = m->data[tl2_triples_at(m->tile, n3, row, col)], sign = signs[tl2_sign_at(m->tile, n3, row, col, &bit)];
    *good &= decode_triple(col % 6 ? two & 15 : two >> 4, sign >> bit & 1, trits);
    return 3;
}

static float scale_of(const trit_quant_matrix *m) {
    return trit_load_f32(m->data + m->n_bytes - tail_bytes);
}

/* Without the sizes of the kernel nothing is known of the row. */
static bool tl_trits(const trit_quant_matrix *m, uint64_t row, int8_t *trits, float *scales) {
    assert(row < m->n_rows);
    bool good = trit_tl_fits(m->dtype, m->tile, m->n_rows, m->n_cols);
    scales[0] = scale_of(m);
    if (!good) memset(trits, 0, m->n_cols);
    else
        for (uint64_t c = 0; c < m->n_cols;) c += decode(m, row, c, trits + c, &good);
    return good;
}

static void tl_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    assert(row < m->n_rows);
    const bool fits = trit_tl_fits(m->dtype, m->tile, m->n_rows, m->n_cols);
    const float scale = scale_of(m);
    int8_t trits[4] = {0};
    bool good = true;
    for (uint64_t c = 0; c < m->n_cols;) {
        const unsigned n = fits ? decode(m, row, c, trits, &good) : 1;
        for (unsigned i = 0; i < n; i++) dst[c++] = scale * (float)trits[i];
    }
}

/* ---- Writing ---- */

static uint8_t pairs_of(const int8_t *w) {
    return (uint8_t)((3 * w[0] + w[1] + 4) << 4 | (3 * w[2] + w[3] + 4));
}

static void tl2_encode_triple(uint8_t *two, uint8_t *sign, unsigned bit, bool is_first, const int8_t *w) {
    const int v = 9 * w[0] + 3 * w[1] + w[2], size = v < 0 ? -v : v;
    *two = (uint8_t)(*two | size << (is_first ? 4 : 0));
    *sign = (uint8_t)(*sign | (v < 0) << bit);
}

bool trit_tl_pack(trit_dtype dtype, trit_tile t, const int8_t *trits, uint64_t n_rows, uint64_t n_cols, float scale, uint8_t *dst) {
    uint64_t n_bytes;
    if (!trit_tl_fits(dtype, t, n_rows, n_cols) || !trit_dtype_n_bytes(dtype, n_rows, n_cols, &n_bytes)) return false;
    const uint64_t n2 = dtype == trit_dtype_tl1 ? n_cols : n_cols % t.cols, n3 = n_cols - n2;
    uint8_t *signs = dst + n_rows * n3 / 6, *pairs = signs + n_rows * n3 / 24;
    memset(dst, 0, (size_t)n_bytes);
    trit_store_f32(dst + n_bytes - tail_bytes, scale);
    for (uint64_t r = 0; r < n_rows; r++, trits += n_cols) {
        for (uint64_t c = 0; c < n3; c += 3) {
            unsigned bit;
            uint8_t *sign = signs + tl2_sign_at(t, n3, r, c, &bit);
            tl2_encode_triple(dst + tl2_triples_at(t, n3, r, c), sign, bit, c % 6 == 0, trits + c);
        }
        for (uint64_t c = 0; c < n2; c += 4)
            pairs[dtype == trit_dtype_tl1 ? tl1_at(t, n_cols, r, c) : tl2_pairs_at(t, n2, r, c)] = pairs_of(trits + n3 + c);
    }
    return true;
}

const trit_quant_format trit_quant_tl1 = {.dtype = trit_dtype_tl1, .unpack = tl_unpack, .trits = tl_trits, .one_scale = true};
const trit_quant_format trit_quant_tl2 = {.dtype = trit_dtype_tl2, .unpack = tl_unpack, .trits = tl_trits, .one_scale = true};
