/* t2_mul with the matrix instruction of ARMv8.6: smmla multiplies two rows by two tokens, eight inputs at a time.
 *
 *      rows     r:   c0 .. c7          tokens   t:   q0 .. q7          sums   += r.t   r.t'
 *               r':  c0'.. c7'                  t':  q0'.. q7'                   r'.t  r'.t'
 *
 * Pairs of rows meet groups of four tokens here; what is left over, single tokens and grouped scales go to the dot product.
 * Codes are at most 2 and |q| <= 128: a lane holds sums of inputs up to 2^31 / 256, as in the other variants. */
#include <arm_neon.h>

#include "kernel/variants.h"
#include "quant/layout.h"

enum { n_tile_tokens = 4, n_block_rows = 16 };

/* Bytes 0..7 of a and of b, and bytes 8..15, as the two rows of an operand. */
static int8x16_t low_rows(int8x16_t a, int8x16_t b) {
    return vcombine_s8(vget_low_s8(a), vget_low_s8(b));
}

static int8x16_t high_rows(int8x16_t a, int8x16_t b) {
    return vcombine_s8(vget_high_s8(a), vget_high_s8(b));
}

/* The codes of inputs 64 part + ... of 16 bytes (layout T2). */
static int8x16_t codes_of(uint8x16_t packed, int part) {
    return vreinterpretq_s8_u8(vandq_u8(vshlq_u8(packed, vdupq_n_s8((int8_t)(-2 * part))), vdupq_n_u8(3)));
}

/* sums[i] += rows (w, w + stride) x tokens (2 i, 2 i + 1) of one chunk of 16 bytes of a block. */
static void add_chunk(int32x4_t sums[2], const uint8_t *w, size_t w_stride, const int8_t *x, size_t x_stride) {
    const uint8x16_t packed[2] = {vld1q_u8(w), vld1q_u8(w + w_stride)};
    for (int part = 0; part < 4; part++) {
        const int8x16_t a = codes_of(packed[0], part), b = codes_of(packed[1], part);
        const int8x16_t low = low_rows(a, b), high = high_rows(a, b);
        for (int i = 0; i < 2; i++) {
            const int8_t *q = x + 2 * (size_t)i * x_stride + 64 * part;
            const int8x16_t t0 = vld1q_s8(q), t1 = vld1q_s8(q + x_stride);
            sums[i] = vmmlaq_s32(vmmlaq_s32(sums[i], low, low_rows(t0, t1)), high, high_rows(t0, t1));
        }
    }
}

static int32_t sum_of(const int8_t *x, uint32_t k) {
    uint32_t total = 0;
    for (size_t i = 0; i < trit_k256(k) / trit_a8_sum_block; i++) total += (uint32_t)trit_a8_sums(x, k)[i];
    return (int32_t)total;
}

/* Rows r, r + 1 by tokens t .. t + 3, whose sums of q are token_sum. */
static void tile(const trit_t2_mul *a, uint32_t r, uint32_t t, const int32_t token_sum[n_tile_tokens]) {
    const uint8_t *w = a->w + r * a->w_stride;
    const int8_t *x = a->x + t * a->x_stride;
    int32x4_t sums[2] = {vdupq_n_s32(0), vdupq_n_s32(0)};
    for (size_t at = 0; at < trit_t2_row_bytes(a->k); at += 16)
        add_chunk(sums, w + at, a->w_stride, x + at / 64 * 256 + at % 64, a->x_stride);
    for (uint32_t j = 0; j < n_tile_tokens; j++) {
        const float x_scale = *trit_a8_scale(x + j * a->x_stride, a->k);
        int32_t lanes[4];
        vst1q_s32(lanes, sums[j / 2]);
        for (uint32_t i = 0; i < 2; i++) {
            const int32_t acc = (int32_t)((uint32_t)lanes[2 * i + j % 2] - (uint32_t)token_sum[j]);
            a->y[(t + j) * a->y_stride + r + i] = ((float)acc * a->w_scale[r + i]) * x_scale;
        }
    }
}

/* An even number of rows, few enough to stay in the first-level cache while the tokens pass by. */
static void block(const trit_t2_mul *a, uint32_t row0, uint32_t row1, uint32_t n_tokens) {
    for (uint32_t t = 0; t < n_tokens; t += n_tile_tokens) {
        int32_t token_sum[n_tile_tokens];
        for (uint32_t j = 0; j < n_tile_tokens; j++) token_sum[j] = sum_of(a->x + (t + j) * a->x_stride, a->k);
        for (uint32_t r = row0; r < row1; r += 2) tile(a, r, t, token_sum);
    }
}

void trit_t2_mul_i8mm(const trit_t2_mul *a, uint32_t row0, uint32_t row1) {
    const uint32_t n_tokens = a->group == 0 ? a->n_tokens / n_tile_tokens * n_tile_tokens : 0;
    const uint32_t paired = row0 < row1 ? row1 - (row1 - row0) % 2 : row1;
    for (uint32_t r = row0; r < paired; r += n_block_rows)
        block(a, r, paired - r < n_block_rows ? paired : r + n_block_rows, n_tokens);
    trit_t2_mul rest = *a;
    rest.n_tokens = n_tokens;
    if (n_tokens && paired < row1) trit_t2_mul_dotprod(&rest, paired, row1);
    rest.n_tokens = a->n_tokens - n_tokens;
    rest.x = a->x + n_tokens * a->x_stride;
    rest.y = a->y + n_tokens * a->y_stride;
    if (rest.n_tokens) trit_t2_mul_dotprod(&rest, row0, row1);
}
