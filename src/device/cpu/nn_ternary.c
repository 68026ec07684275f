/* Ternary products of tensors. On the way forth by the kernels of programs: rows of activations become A8, weights T2, and sums are whole numbers.
 * Twice as fast as products of the same floats, and what the finished model computes, to the bit. On the way back gradients are floats, or rounded to
 * 11 bits, and sums of four rows at once come from tables (quads_mul, quads_i16_mul). */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "device/cpu/calls.h"
#include "quant/layout.h"
#include "tensor/half.h"

enum { tokens_at_once = 64 }; /* rows of A8 that stay in a core's cache while all weights pass */

/* Rows of weights that are packed together: both kernels take sixteen. */
enum { rows_at_once = trit_tile_rows };
_Static_assert((int)rows_at_once == trit_quads_at_once * trit_quad_rows, "tables for as many rows as a tile has");

typedef struct product {
    const trit_kernels *kernels;
    const float *x, *w; /* [n_tokens, k], [n_rows, k]: one value and its negative, or 0, in a row; on the way back x is [n_tokens, n_rows] */
    float *y;           /* [n_tokens, n_rows]; on the way back [n_tokens, k] */
    int64_t n_tokens, n_rows, k;
    int8_t *a8;         /* [n_tokens, a8_bytes] */
    uint8_t *tiles;     /* [n_tiles, tile_bytes] */
    uint16_t *quads;    /* [n_tiles, k, 4] */
    float *scale;       /* [n_tiles, 16] */
    int8_t *trits;      /* [n_tiles, 16, k] */
    void (*mul)(const trit_quads_mul *p);
    int64_t block;      /* tokens that it takes at once */
    float *room;        /* [members, k, block] */
    size_t a8_bytes, tile_bytes;
} product;

/* Neither A8 nor trits have a code for what is not finite: then a row's scale says it, and so its products do. */
static bool is_finite(const float *x, int64_t n) {
    int bad = 0;
    for (int64_t i = 0; i < n; i++) bad |= !(fabsf(x[i]) <= FLT_MAX);
    return !bad;
}

static void quantize_rows(void *arg, int64_t first, int64_t last) {
    const product *p = arg;
    for (int64_t t = first; t < last; t++) {
        int8_t *a8 = p->a8 + (size_t)t * p->a8_bytes;
        p->kernels->a8_quantize(a8, p->x + t * p->k, (uint32_t)p->k);
        if (!is_finite(p->x + t * p->k, p->k)) *(float *)trit_a8_scale(a8, (size_t)p->k) = NAN;
    }
}

/* Signs to `trits`; the value that they stand for. NaN has one too, so that it reaches what is looked up by trits. Magnitudes are compared as whole
 * numbers, which orders them alike and becomes vector code. */
static float signs(int8_t *trits, const float *w, int64_t k) {
    int32_t largest = 0;
    for (int64_t c = 0; c < k; c++) {
        const int32_t bits = (int32_t)trit_bits_from_f32(w[c]), size = bits & INT32_MAX;
        largest = size > largest ? size : largest;
        trits[c] = (int8_t)((size > 0) - 2 * ((bits < 0) & (size > 0)));
    }
    const float value = trit_f32_from_bits((uint32_t)largest);
    return isfinite(value) ? value : NAN;
}

static void pack_tiles(void *arg, int64_t first, int64_t last) {
    const product *p = arg;
    for (int64_t tile = first; tile < last; tile++) {
        int8_t *trits = p->trits + tile * rows_at_once * p->k; /* of one row after the other */
        for (int64_t i = 0; i < trit_tile_rows; i++) {
            const int64_t r = tile * trit_tile_rows + i;
            float *scale = &p->scale[r];
            *scale = r < p->n_rows ? signs(trits, p->w + r * p->k, p->k) : 0;
            trit_cpu_pack_t2(p->tiles + (size_t)tile * p->tile_bytes, (uint32_t)i, trits, (uint32_t)p->k);
        }
    }
}

/* The numbers of sixteen rows' trits. */
static void pack_numbers(uint16_t *restrict quads, const int8_t *restrict trits, int64_t k) {
    for (int64_t c = 0; c < k; c++)
        for (int64_t q = 0; q < trit_quads_at_once; q++) {
            const int8_t *t = trits + trit_quad_rows * q * k + c;
            quads[c * trit_quads_at_once + q] = (uint16_t)((trit_quad_sums / 2 + t[0] + 3 * t[k] + 9 * t[2 * k] + 27 * t[3 * k]) * trit_quad_tokens);
        }
}

static void pack_quads(void *arg, int64_t first, int64_t last) {
    const product *p = arg;
    for (int64_t tile = first; tile < last; tile++) {
        int8_t *trits = p->trits + tile * rows_at_once * p->k;
        for (int64_t i = 0; i < rows_at_once; i++) {
            const int64_t r = tile * rows_at_once + i;
            if (r < p->n_rows)
                p->scale[r] = signs(trits + i * p->k, p->w + r * p->k, p->k);
            else
                memset(trits + i * p->k, 0, (size_t)p->k);
        }
        pack_numbers(p->quads + tile * p->k * trit_quads_at_once, trits, p->k);
    }
}

/* Rows [row0, row1) of y of tokens [first, last). */
static void multiply(const product *p, int64_t first, int64_t last, int64_t row0, int64_t row1) {
    for (int64_t t = first; t < last; t += tokens_at_once) {
        const trit_t2_mul a = {.w = p->tiles, .w_stride = p->tile_bytes, .w_scale = p->scale, .k = (uint32_t)p->k,
                               .x = p->a8 + (size_t)t * p->a8_bytes, .x_stride = p->a8_bytes,
                               .n_tokens = (uint32_t)(last - t < tokens_at_once ? last - t : tokens_at_once),
                               .y = p->y + t * p->n_rows, .y_stride = (size_t)p->n_rows};
        p->kernels->t2_mul(&a, (uint32_t)row0, (uint32_t)row1);
    }
}

static void multiply_tokens(void *arg, int64_t first, int64_t last) {
    const product *p = arg;
    multiply(p, first, last, 0, p->n_rows);
}

static void multiply_tiles(void *arg, int64_t first, int64_t last) {
    const product *p = arg;
    const int64_t end = last * trit_tile_rows;
    multiply(p, 0, p->n_tokens, first * trit_tile_rows, end < p->n_rows ? end : p->n_rows);
}

static trit_status forth(cpu_device *cpu, product *p, int64_t n_tiles, trit_error *err) {
    p->a8_bytes = trit_a8_row_bytes((size_t)p->k);
    p->tile_bytes = trit_t2_tile_bytes((size_t)p->k);
    p->a8 = trit_alloc_aligned((size_t)p->n_tokens, p->a8_bytes);
    p->tiles = trit_alloc_aligned((size_t)n_tiles, p->tile_bytes);
    if (!p->a8 || !p->tiles) return trit_error_memory(err, (uint64_t)p->n_tokens * p->a8_bytes, "a ternary product");
    trit_cpu_share(cpu, p->n_tokens, 1, trit_cpu_work(p->n_tokens, p->k), quantize_rows, p);
    trit_cpu_share(cpu, n_tiles, 1, trit_cpu_work(p->n_rows, p->k), pack_tiles, p);
    const int64_t work = trit_cpu_work(p->n_tokens, p->n_rows);
    if (p->n_tokens >= tokens_at_once * (int64_t)trit_team_size(cpu->team))
        trit_cpu_share(cpu, p->n_tokens, tokens_at_once, work, multiply_tokens, p);
    else /* too few to share */
        trit_cpu_share(cpu, n_tiles, 1, work, multiply_tiles, p);
    return trit_ok;
}

static void multiply_back(void *arg, unsigned member, uint64_t first, uint64_t last) {
    const product *p = arg;
    const int64_t token = (int64_t)first * p->block, end = (int64_t)last * p->block;
    p->mul(&(trit_quads_mul){.quads = p->quads, .scale = p->scale, .n_rows = (uint32_t)p->n_rows, .k = (uint32_t)p->k,
                             .x = p->x + token * p->n_rows, .x_stride = (size_t)p->n_rows,
                             .n_tokens = (uint32_t)((end < p->n_tokens ? end : p->n_tokens) - token),
                             .y = p->y + token * p->k, .y_stride = (size_t)p->k, .room = p->room + member * p->k * p->block});
}

static trit_status back(cpu_device *cpu, product *p, int64_t n_tiles, trit_error *err) {
    const size_t n_quads = (size_t)n_tiles * (size_t)p->k, room_bytes = (size_t)p->k * (size_t)p->block * sizeof *p->room;
    const int64_t n_blocks = (p->n_tokens + p->block - 1) / p->block;
    p->quads = trit_alloc(n_quads, trit_quads_at_once * sizeof *p->quads);
    p->room = trit_alloc_aligned(trit_team_size(cpu->team), room_bytes);
    if (!p->quads || !p->room) return trit_error_memory(err, n_quads * trit_quads_at_once * sizeof *p->quads + room_bytes, "a ternary product's gradient");
    trit_cpu_share(cpu, n_tiles, 1, trit_cpu_work(p->n_rows, p->k), pack_quads, p);
    if (trit_cpu_is_serial(cpu, n_blocks, 1, trit_cpu_work(p->n_tokens, p->k)))
        multiply_back(p, 0, 0, (uint64_t)n_blocks);
    else
        trit_team_share(cpu->team, (uint64_t)n_blocks, 1, multiply_back, p);
    return trit_ok;
}

trit_status trit_cpu_call_nn_ternary(cpu_device *cpu, const trit_call *call, trit_error *err) {
    product p = {.kernels = cpu->kernels, .x = call->in[0].data, .w = call->in[1].data, .y = call->out.data, .n_tokens = call->in[0].shape[0],
                 .n_rows = call->in[1].shape[0], .k = call->in[1].shape[1]};
    const bool is_i16 = call->kind == trit_op_ternary_product_grad_i16;
    p.mul = is_i16 ? cpu->kernels->quads_i16_mul : cpu->kernels->quads_mul;
    p.block = is_i16 ? trit_quad_i16_tokens : trit_quad_tokens;
    const size_t n_tiles = trit_n_tiles((size_t)p.n_rows);
    if (trit_view_n_elements(&call->out) == 0) return trit_ok;
    p.scale = trit_alloc_aligned(n_tiles, trit_tile_rows * sizeof *p.scale);
    p.trits = trit_alloc(n_tiles, rows_at_once * (size_t)p.k);
    trit_status status = p.scale && p.trits ? trit_ok : trit_error_memory(err, n_tiles * rows_at_once * (size_t)p.k, "trits of a product");
    if (status == trit_ok) status = (call->kind == trit_op_ternary_product ? forth : back)(cpu, &p, (int64_t)n_tiles, err);
    trit_free(p.a8);
    trit_free(p.tiles);
    trit_free(p.quads);
    trit_free(p.scale);
    trit_free(p.trits);
    trit_free(p.room);
    return status;
}
