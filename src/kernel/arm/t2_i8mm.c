/* t2_mul with the matrix instruction of ARMv8.6: smmla multiplies two rows by two tokens, eight inputs at a time.
 *
 *      rows     r:   c0 .. c7          tokens   t:   q0 .. q7          sums   += r.t   r.t'
 *               r':  c0'.. c7'                  t':  q0'.. q7'                   r'.t  r'.t'
 *
 * Four rows meet four tokens here; what is left over, single tokens and grouped scales go to the dot product. */
#include "kernel/arm/t2_bytes.h"
#include "kernel/variants.h"
#include "quant/layout.h"

enum { n_rows = 4, n_tokens = 4, rows_at_once = 64 /* stay in the caches while the tokens pass by */ };

/* sums[p][u] of rows (2 p, 2 p + 1) and tokens (2 u, 2 u + 1) */
typedef int32x4_t sums_of[2][2];

static int8x16_t two_tokens(const int8_t *x, size_t x_stride) {
    return vcombine_s8(vld1_s8(x), vld1_s8(x + x_stride));
}

/* Inputs 8 half .. of one chunk: codes at bits 4 half and on. Fours of inputs of a row become eight. */
static void add_half(sums_of sums, t2_bytes packed, int half, const int8_t *x, size_t x_stride) {
    const int32x4_t a = vreinterpretq_s32_s8(t2_part(packed, 2 * half)), b = vreinterpretq_s32_s8(t2_part(packed, 2 * half + 1));
    const int8x16_t rows[2] = {vreinterpretq_s8_s32(vzip1q_s32(a, b)), vreinterpretq_s8_s32(vzip2q_s32(a, b))};
    for (size_t u = 0; u < 2; u++) {
        const int8x16_t tokens = two_tokens(x + 2 * u * x_stride + 8 * half, x_stride);
        for (int p = 0; p < 2; p++) sums[p][u] = vmmlaq_s32(sums[p][u], rows[p], tokens);
    }
}

/* Rows r .. r + 3, those from row1 on not written, by tokens t .. t + 3, whose sums of q are token_sum. */
static void tile(const trit_t2_mul *a, uint32_t r, uint32_t row1, uint32_t t, const int32_t token_sum[n_tokens]) {
    const uint8_t *w = a->w + r / trit_tile_rows * a->w_stride + 4 * (r % trit_tile_rows);
    const int8_t *x = a->x + t * a->x_stride;
    const size_t n_chunks = trit_t2_tile_bytes(a->k) / trit_chunk_bytes;
    sums_of sums = {{vdupq_n_s32(0), vdupq_n_s32(0)}, {vdupq_n_s32(0), vdupq_n_s32(0)}};
    for (size_t c = 0; c < n_chunks; c++) {
        const t2_bytes packed = t2_load(w + c * trit_chunk_bytes);
        add_half(sums, packed, 0, x + c * trit_t2_chunk, a->x_stride);
        add_half(sums, packed, 1, x + c * trit_t2_chunk, a->x_stride);
    }
    for (uint32_t j = 0; j < n_tokens; j++) {
        const float x_scale = *trit_a8_scale(x + j * a->x_stride, a->k);
        for (uint32_t i = 0; i < n_rows && r + i < row1; i++) {
            int32_t lanes[4];
            vst1q_s32(lanes, sums[i / 2][j / 2]);
            a->y[(t + j) * a->y_stride + r + i] = ((float)(lanes[i % 2 * 2 + j % 2] - token_sum[j]) * a->w_scale[r + i]) * x_scale;
        }
    }
}

static void block(const trit_t2_mul *a, uint32_t row0, uint32_t row1, uint32_t tokens) {
    const size_t n_sums = trit_k256(a->k) / trit_a8_sum_block;
    for (uint32_t t = 0; t < tokens; t += n_tokens) {
        int32_t token_sum[n_tokens];
        for (uint32_t j = 0; j < n_tokens; j++) token_sum[j] = trit_a8_sum(a->x + (t + j) * a->x_stride, a->k, 0, n_sums);
        for (uint32_t r = row0; r < row1; r += n_rows) tile(a, r, row1, t, token_sum);
    }
}

void trit_t2_mul_i8mm(const trit_t2_mul *a, uint32_t row0, uint32_t row1) {
    const uint32_t tokens = a->group == 0 ? a->n_tokens / n_tokens * n_tokens : 0;
    for (uint32_t r = row0; r < row1; r += rows_at_once) block(a, r, row1 - r < rows_at_once ? row1 : r + rows_at_once, tokens);
    trit_t2_mul rest = *a;
    rest.n_tokens = a->n_tokens - tokens;
    rest.x = a->x + tokens * a->x_stride;
    rest.y = a->y + tokens * a->y_stride;
    if (rest.n_tokens) trit_t2_mul_dotprod(&rest, row0, row1);
}
