/* Speeds of single kernel variants, for `trit bench --kernels`: each slot on shapes of real models, with its weights in the caches or
 * in memory. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "device/cpu/cpu.h"
#include "quant/layout.h"
#include "tensor/half.h"

enum { run_ns = 5000000, cached = 1024, from_memory = 0 /* as many rows as it takes */ }; /* whole tiles of rows */

typedef struct trit_kernel_bench bench;

/* A kind of kernels: how they are called, and what a call costs. */
typedef struct family {
    void (*call)(bench *b);
    void (*count)(const bench *b, trit_kernel_work *out);
} family;

enum { sparse_rows = 252 };

typedef struct bench_case {
    const char *slots; /* all whose names begin so */
    const char *name;
    const family *family;
    uint32_t k, n_rows, n_tokens, group;
} bench_case;

struct trit_kernel_bench {
    void (*fn)(void); /* the variant */
    bench_case shape;
    uint8_t *w;                 /* [n_rows, stride], or as much in tiles */
    int8_t *q;                  /* A8 [n_tokens], or quantized queries */
    float *scale, *x, *u, *y;
    size_t stride;
};

/* The variant as the type of a slot. */
#define AS(b, slot) ((__typeof__(((trit_kernels *)0)->slot))(b)->fn)

static uint64_t macs_of(const bench *b) {
    return (uint64_t)b->shape.k * b->shape.n_rows * b->shape.n_tokens;
}

/* Of 16 rows, where they stand together. */
static size_t tile_bytes(const bench *b) {
    return trit_tile_rows * b->stride;
}

static uint64_t weights_of(const bench *b) {
    return (uint64_t)b->shape.n_rows * b->stride;
}

static void count_int8(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.int8_macs = macs_of(b), .bytes = weights_of(b)};
}

static void count_float(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.float_macs = macs_of(b), .bytes = weights_of(b)};
}

static void count_two_rows(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = 2 * b->shape.k * sizeof(float)};
}

static void count_three_rows(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = 3 * b->shape.k * sizeof(float)};
}

static void count_a8(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = b->shape.k * sizeof(float) + trit_a8_row_bytes(b->shape.k)};
}

static void count_rows(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = weights_of(b)};
}

static void count_query(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = b->shape.k * (sizeof(float) + sizeof(int16_t))};
}

static void count_store(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = b->shape.k * sizeof(float) + b->stride};
}

static void call_t2_mul(bench *b) { /* t3_mul takes the same */
    const bench_case *c = &b->shape;
    const trit_t2_mul a = {.w = b->w, .w_stride = tile_bytes(b), .w_scale = b->scale, .k = c->k, .group = c->group, .x = b->q,
                           .x_stride = trit_a8_row_bytes(c->k), .n_tokens = c->n_tokens, .y = b->y, .y_stride = c->n_rows};
    AS(b, t2_mul)(&a, 0, c->n_rows);
}

static void call_t2_float_mul(bench *b) {
    const bench_case *c = &b->shape;
    const trit_t2_float_mul a = {.w = b->w, .w_stride = tile_bytes(b), .w_scale = b->scale, .k = c->k, .group = c->group, .x = b->x, .x_stride = c->k,
                                 .n_tokens = c->n_tokens, .y = b->y, .y_stride = c->n_rows};
    AS(b, t2_float_mul)(&a, 0, c->n_rows);
}

static void call_c6_mul(bench *b) {
    const bench_case *c = &b->shape;
    const trit_c6_mul a = {.w = b->w, .w_stride = tile_bytes(b), .w_scale = b->scale, .k = c->k, .x = b->q,
                           .x_stride = trit_a8_row_bytes(c->k), .n_tokens = c->n_tokens, .y = b->y, .y_stride = c->n_rows};
    AS(b, c6_mul)(&a, 0, c->n_rows);
}

static void call_float_mul(bench *b) {
    const bench_case *c = &b->shape;
    const trit_float_mul a = {.w = b->w, .w_stride = b->stride, .k = c->k, .x = b->x, .x_stride = c->k, .n_tokens = c->n_tokens, .y = b->y,
                              .y_stride = c->n_rows};
    AS(b, f32_mul)(&a, 0, c->n_rows);
}

static void call_a8_quantize(bench *b) {
    AS(b, a8_quantize)(b->q, b->x, b->shape.k);
}

static void call_rms_norm(bench *b) {
    AS(b, rms_norm)(b->y, b->x, b->u, b->shape.k, 1e-5f);
}

static void call_binary(bench *b) {
    AS(b, add)(b->y, b->x, b->u, b->shape.k);
}

/* Three inputs and two results, each a row. */
static void count_gradients(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = 5 * b->shape.k * sizeof(float)};
}

static void call_norm_grad(bench *b) {
    const uint32_t k = b->shape.k;
    AS(b, norm_grad)(b->y, b->y + k, b->x, b->x + k, b->x + 2 * k, k, 1e-5f);
}

static void call_slope(bench *b) {
    const uint32_t k = b->shape.k;
    AS(b, silu_grad)(b->y, b->y + k, b->x, b->x + k, b->x + 2 * k, k);
}

static void call_a8_round(bench *b) {
    AS(b, a8_round)(b->y, b->x, b->shape.k, 1.0f);
}

/* k queries by as many keys, copied anew; what queries have stands behind them. */
static void call_attend(bench *b) {
    const uint32_t k = b->shape.k;
    float *ds = b->y + k * k, *rest = ds + k * k;
    memcpy(b->y, b->x, (size_t)b->shape.n_tokens * k * sizeof *b->y);
    AS(b, attend_grad)(&(trit_attend){.s = b->y, .stride = k, .n_keys = k, .n = k, .most = rest, .by = rest + k, .sum = rest + 2 * k, .ds = ds,
                                      .log_sum = rest, .delta = rest + k, .factor = 0.1f});
}

static void call_rope(bench *b) {
    AS(b, rope_neox)(b->y, b->u, b->u + b->shape.k / 2, b->shape.k);
}

/* Position i and those after it, as many as attention takes at once. */
static trit_kv_span span_at(const bench *b, uint32_t i) {
    uint32_t n = b->shape.n_rows - i;
    return (trit_kv_span){.rows = b->w + i * b->stride, .stride = b->stride, .n = n < trit_kv_max_positions ? n : trit_kv_max_positions,
                          .d = b->shape.k};
}

static void call_kv_query(bench *b) {
    AS(b, kv_query_q8)((int16_t *)(void *)b->q, b->x, b->shape.k);
}

static void score_all(bench *b, size_t q_stride) {
    for (uint32_t i = 0; i < b->shape.n_rows; i += trit_kv_max_positions)
        AS(b, kv_scores_q8)(&(trit_kv_scores){.keys = span_at(b, i), .q = b->x, .q8 = (const int16_t *)(const void *)b->q, .q8_scale = b->x,
                                              .q_stride = q_stride, .n_queries = b->shape.n_tokens, .score = b->y + i,
                                              .score_stride = b->shape.n_rows});
}

static void call_kv_scores(bench *b) {
    score_all(b, b->shape.k);
}

static void call_kv_scores_q8(bench *b) {
    score_all(b, trit_kv_query_width(b->shape.k));
}

static void call_kv_mix(bench *b) {
    for (uint32_t i = 0; i < b->shape.n_rows; i += trit_kv_max_positions)
        AS(b, kv_mix_f32)(&(trit_kv_mix){.values = span_at(b, i), .p = b->u, .p_stride = 1, .n_queries = b->shape.n_tokens, .y = b->y,
                                         .y_stride = b->shape.k});
}

static void call_kv_store(bench *b) {
    AS(b, kv_store_f32)(b->w, b->x, b->shape.k);
}

/* A packed byte beside the trits that come out of it; the trits go where activations of so many floats would be. */
static void count_two_bit(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = b->shape.k + b->shape.k / 4};
}

static void count_base3(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = b->shape.k + b->shape.k / 5};
}

static void count_q6_k(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = b->shape.k * sizeof(float) + b->shape.k / 256 * 210};
}

static void count_crc32c(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = b->shape.k};
}

static void call_two_bit(bench *b) {
    (void)AS(b, unpack_two_bit)((int8_t *)b->y, b->w, b->shape.k);
}

static void call_base3(bench *b) {
    AS(b, unpack_base3)((int8_t *)b->y, b->w, b->shape.k);
}

static void call_q6_k(bench *b) {
    AS(b, unpack_q6_k)(b->y, b->w, b->shape.k / 256);
}

static void call_crc32c(bench *b) {
    b->y[0] += (float)(AS(b, crc32c)(0, b->w, b->shape.k) & 1);
}

static void call_map1(bench *b) {
    AS(b, map1)(trit_map_exp, trit_dtype_f32, b->y, b->x, b->shape.k);
}

static void call_map2(bench *b) {
    AS(b, map2)(trit_map_add, trit_dtype_f32, b->y, b->x, b->u, b->shape.k);
}

static void call_choose(bench *b) {
    AS(b, choose)(sizeof *b->y, b->y, (const uint8_t *)b->q, b->x, b->u, b->shape.k);
}

static void call_convert(bench *b) {
    AS(b, convert)(trit_dtype_f32, b->y, trit_dtype_f16, b->x, b->shape.k);
}

static void count_row(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = b->shape.k * sizeof(float)};
}

static void count_columns(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.bytes = (uint64_t)b->shape.k * b->shape.n_tokens * sizeof(float)};
}

static void call_fold_run(bench *b) {
    AS(b, fold_run)(trit_fold_sum, trit_dtype_f32, b->y, b->x, b->shape.k);
}

static void call_fold_rows(bench *b) {
    const void *rows[trit_fold_block];
    for (size_t i = 0; i < b->shape.n_tokens; i++) rows[i] = b->x + i * b->shape.k;
    AS(b, fold_rows)(trit_fold_sum, trit_dtype_f32, b->y, rows, b->shape.n_tokens, b->shape.k);
}

/* `w` holds k rows of half as many floats as it has rows of weights. */
static void count_matmul(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.float_macs = macs_of(b) / 2, .bytes = weights_of(b)};
}

static void call_matmul(bench *b) {
    const bench_case *c = &b->shape;
    AS(b, matmul)(&(trit_matmul){.type = trit_dtype_f32, .m = c->n_tokens, .n = c->n_rows / 2, .k = c->k, .a = b->x, .a_row = c->k, .a_col = 1,
                                 .b = b->w, .b_row = c->n_rows / 2, .y = b->y, .y_row = c->n_rows / 2});
}

/* A pair counts as one multiply-add: a vector of the processor's floats has as many lanes as one of pairs, so the limit is that of floats. */
static void call_bf16_matmul(bench *b) {
    const bench_case *c = &b->shape;
    AS(b, bf16_matmul)(&(trit_matmul){.m = c->n_tokens, .n = c->n_rows / 2, .k = c->k, .a = b->x, .a_row = c->k, .a_col = 1, .b = b->w,
                                      .b_row = c->n_rows / 2, .y = b->y, .y_row = c->n_rows / 2});
}

static void call_bf16_round(bench *b) {
    AS(b, bf16_round)((uint16_t *)b->y, b->x, b->shape.k);
}

static void call_bf16_pairs(bench *b) {
    AS(b, bf16_pairs)((uint32_t *)b->y, b->x, b->x + b->shape.k / 2, b->shape.k / 2);
}

static void count_sparse(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.float_macs = macs_of(b) / 4, .bytes = weights_of(b)};
}

/* Every other column counts. `w` holds k rows of half as many floats as it has rows of weights. */
static void call_sparse(bench *b) {
    static const uint64_t none[sparse_rows];
    const bench_case *c = &b->shape;
    AS(b, sparse_mul)(&(trit_sparse_mul){.m = c->n_tokens, .width = c->n_rows / 2, .a = b->x, .bits = none, .always = UINT64_MAX / 3,
                                         .b = (const float *)(const void *)b->w, .y = b->y, .y_row = c->n_rows / 2});
}

static void call_nonzeros(bench *b) {
    AS(b, nonzeros)((uint64_t *)(void *)b->y, b->x, b->shape.n_tokens);
}

/* Half of the tokens: where the other ones' results would be, the kernel has its room. One addition out of a table stands for the products of
 * four rows and counts once, or the kernel would seem to multiply faster than the processor can. */
static void count_quads(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.float_macs = macs_of(b) / 2 / trit_quad_rows, .bytes = weights_of(b)};
}

/* An addition of 64 bytes has twice as many whole numbers as floats, which the peak counts. */
static void count_quads_i16(const bench *b, trit_kernel_work *out) {
    *out = (trit_kernel_work){.float_macs = macs_of(b) / 4 / trit_quad_rows, .bytes = weights_of(b)};
}

static trit_quads_mul half_of_tokens(bench *b) {
    const bench_case *c = &b->shape;
    const uint32_t n_tokens = c->n_tokens / 2;
    return (trit_quads_mul){.quads = (const uint16_t *)(const void *)b->w, .scale = b->scale, .n_rows = c->n_rows, .k = c->k, .x = b->x,
                            .x_stride = c->n_rows, .n_tokens = n_tokens, .y = b->y, .y_stride = c->k, .room = b->y + (size_t)n_tokens * c->k};
}

static void call_quads(bench *b) {
    const trit_quads_mul p = half_of_tokens(b);
    AS(b, quads_mul)(&p);
}

static void call_quads_i16(bench *b) {
    const trit_quads_mul p = half_of_tokens(b);
    AS(b, quads_i16_mul)(&p);
}

/* Works in place: what it gets is copied anew. */
static void call_softmax(bench *b) {
    memcpy(b->y, b->x, b->shape.k * sizeof *b->y);
    AS(b, softmax_exp)(b->y, b->shape.k, 0.1f);
}

static const family t2_mul = {call_t2_mul, count_int8};
static const family t2_float_mul = {call_t2_float_mul, count_float};
static const family c6_mul = {call_c6_mul, count_int8};
static const family float_mul = {call_float_mul, count_float};
static const family a8_quantize = {call_a8_quantize, count_a8};
static const family rms_norm = {call_rms_norm, count_three_rows};
static const family norm_grad = {call_norm_grad, count_gradients};
static const family slope = {call_slope, count_gradients};
static const family a8_round = {call_a8_round, count_two_rows};
static const family attend = {call_attend, count_columns};
static const family binary = {call_binary, count_three_rows};
static const family rope = {call_rope, count_three_rows};
static const family kv_query = {call_kv_query, count_query};
static const family kv_scores = {call_kv_scores, count_float};
static const family kv_scores_q8 = {call_kv_scores_q8, count_rows};
static const family softmax = {call_softmax, count_two_rows};
static const family kv_mix = {call_kv_mix, count_float};
static const family kv_mix_q8 = {call_kv_mix, count_rows};
static const family kv_store = {call_kv_store, count_store};
static const family two_bit = {call_two_bit, count_two_bit};
static const family base3 = {call_base3, count_base3};
static const family q6_k = {call_q6_k, count_q6_k};
static const family map1 = {call_map1, count_two_rows};
static const family map2 = {call_map2, count_three_rows};
static const family choose = {call_choose, count_three_rows};
static const family convert = {call_convert, count_two_rows};
static const family fold_run = {call_fold_run, count_row};
static const family fold_rows = {call_fold_rows, count_columns};
static const family matmul = {call_matmul, count_matmul};
static const family bf16_matmul = {call_bf16_matmul, count_matmul};
static const family bf16_round = {call_bf16_round, count_row};
static const family bf16_pairs = {call_bf16_pairs, count_row};
static const family sparse = {call_sparse, count_sparse};
static const family nonzeros = {call_nonzeros, count_columns};
static const family quads = {call_quads, count_quads};
static const family quads_i16 = {call_quads_i16, count_quads_i16};
static const family crc32c = {call_crc32c, count_crc32c};

/* 2560, 6912: width and feed-forward of BitNet b1.58 2B4T. */
static const bench_case cases[] = {
    {"t2_mul", "1 token, cache", &t2_mul, 2560, cached, 1, 0},
    {"t2_mul", "1 token, memory", &t2_mul, 2560, from_memory, 1, 0},
    {"t2_mul", "1 token, memory, long", &t2_mul, 6912, from_memory, 1, 0},
    {"t2_mul", "128 tokens", &t2_mul, 2560, cached, 128, 0},
    {"t2_mul", "128 tokens, group 256", &t2_mul, 2560, cached, 128, 256},
    {"t3_mul", "1 token, cache", &t2_mul, 2560, cached, 1, 0},
    {"t3_mul", "1 token, memory", &t2_mul, 2560, from_memory, 1, 0},
    {"t3_mul", "1 token, memory, long", &t2_mul, 6912, from_memory, 1, 0},
    {"t3_mul", "128 tokens", &t2_mul, 2560, cached, 128, 0},
    {"t3_mul", "128 tokens, group 256", &t2_mul, 2560, cached, 128, 256},
    {"t2_float_mul", "1 token, memory", &t2_float_mul, 2560, from_memory, 1, 0},
    {"t2_float_mul", "32 tokens", &t2_float_mul, 2560, cached, 32, 0},
    {"c6_mul", "1 token, cache", &c6_mul, 2560, cached, 1, 0},
    {"c6_mul", "1 token, memory", &c6_mul, 2560, from_memory, 1, 0},
    {"c6_mul", "8 tokens, memory", &c6_mul, 2560, from_memory, 8, 0},
    {"f32_mul", "1 token, memory", &float_mul, 2560, from_memory, 1, 0},
    {"f32_mul", "32 tokens", &float_mul, 2560, cached, 32, 0},
    {"f16_mul", "1 token, memory", &float_mul, 2560, from_memory, 1, 0},
    {"f16_mul", "32 tokens", &float_mul, 2560, cached, 32, 0},
    {"bf16_mul", "1 token, memory", &float_mul, 2560, from_memory, 1, 0},
    {"bf16_mul", "32 tokens", &float_mul, 2560, cached, 32, 0},
    {"a8_quantize", "row of 2560", &a8_quantize, 2560, 1, 1, 0},
    {"rms_norm", "row of 2560", &rms_norm, 2560, 1, 1, 0},
    {"add", "row of 2560", &binary, 2560, 1, 1, 0},
    {"silu_mul", "row of 6912", &binary, 6912, 1, 1, 0},
    {"relu2_mul", "row of 6912", &binary, 6912, 1, 1, 0},
    {"gelu_mul", "row of 6912", &binary, 6912, 1, 1, 0},
    {"norm_grad", "row of 2560", &norm_grad, 2560, 1, 3, 0},
    {"silu_grad", "row of 6912", &slope, 6912, 1, 3, 0},
    {"relu2_grad", "row of 6912", &slope, 6912, 1, 3, 0},
    {"gelu_grad", "row of 6912", &slope, 6912, 1, 3, 0},
    {"a8_round", "row of 2560", &a8_round, 2560, 1, 1, 0},
    {"attend_", "48 queries, 48 keys", &attend, 48, 1, 99, 0},
    {"rope_", "head of 128", &rope, 128, 1, 1, 0},
    {"kv_query", "head of 128", &kv_query, 128, 1, 1, 0},
    {"kv_scores_f", "4 queries, 512 positions of 128", &kv_scores, 128, 512, 4, 0},
    {"kv_scores_q8", "4 queries, 512 positions of 128", &kv_scores_q8, 128, 512, 4, 0},
    {"softmax", "row of 1024", &softmax, 1024, 1, 1, 0},
    {"kv_mix_f", "4 queries, 512 positions of 128", &kv_mix, 128, 512, 4, 0},
    {"kv_mix_q8", "4 queries, 512 positions of 128", &kv_mix_q8, 128, 512, 4, 0},
    {"kv_store", "head of 128", &kv_store, 128, 1, 1, 0},
    {"unpack_two_bit", "row of 2560", &two_bit, 2560, 1, 1, 0},
    {"unpack_base3", "row of 2560", &base3, 2560, 1, 1, 0},
    {"unpack_q6_k", "row of 2560", &q6_k, 2560, 1, 1, 0},
    {"map1", "exp of 4096", &map1, 4096, 1, 1, 0},
    {"map2", "add of 4096", &map2, 4096, 1, 1, 0},
    {"choose", "4096 of 4 bytes", &choose, 4096, 1, 1, 0},
    {"convert", "4096 of F16 to F32", &convert, 4096, 1, 1, 0},
    {"fold_rows", "sum of 64 rows of 128", &fold_rows, 128, 1, 64, 0},
    {"fold_run", "sum of 4096", &fold_run, 4096, 1, 1, 0},
    {"matmul", "252 by 256 by 32", &matmul, 256, 64, 252, 0},
    {"bf16_matmul", "252 by 256 pairs by 32", &bf16_matmul, 256, 64, 252, 0},
    {"bf16_round", "4096", &bf16_round, 4096, 1, 1, 0},
    {"bf16_pairs", "2 rows of 2048", &bf16_pairs, 4096, 1, 1, 0},
    {"sparse_mul", "252 by 64 by 96, half of it zeros", &sparse, trit_sparse_depth, 2 * trit_sparse_width, sparse_rows, 0},
    {"nonzeros", "252 rows", &nonzeros, trit_sparse_depth, 1, sparse_rows, 0},
    {"quads_mul", "16 tokens", &quads, 2560, cached, 32, 0},
    {"quads_i16_mul", "32 tokens", &quads_i16, 2560, cached, 64, 0},
    {"crc32c", "64 KiB", &crc32c, 65536, 1, 1, 0},
};

static bool starts_with(const char *s, const char *start) {
    return strncmp(s, start, strlen(start)) == 0;
}

static const bench_case *case_at(const char *slot, size_t i) {
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++)
        if (starts_with(slot, cases[c].slots) && i-- == 0) return &cases[c];
    return NULL;
}

const char *trit_kernel_case_at(const char *slot, size_t i) {
    const bench_case *c = case_at(slot, i);
    return c ? c->name : NULL;
}

static size_t row_bytes(const char *slot, uint32_t k) {
    if (starts_with(slot, "t2")) return trit_t2_tile_bytes(k) / trit_tile_rows;
    if (starts_with(slot, "t3")) return trit_t3_tile_bytes(k) / trit_tile_rows;
    if (starts_with(slot, "quads")) return (size_t)k * sizeof(uint16_t) / trit_quad_rows;
    if (starts_with(slot, "c6")) return trit_c6_tile_bytes(k) / trit_tile_rows;
    if (strstr(slot, "q8")) return (size_t)k + 4;
    return (size_t)k * (strstr(slot, "f32") ? 4 : 2);
}

/* Twice what the caches hold, within bounds that a small machine can give. */
static uint32_t rows_from_memory(size_t stride) {
    const uint64_t least = 64u << 20, most = 256u << 20;
    uint64_t bytes = 2 * trit_os_cache_bytes();
    bytes = bytes < least ? least : bytes > most ? most : bytes;
    return (uint32_t)(bytes / stride / trit_tile_rows * trit_tile_rows);
}

static float *floats(size_t n) {
    float *x = trit_alloc_aligned(n, sizeof *x);
    for (size_t i = 0; x && i < n; i++) x[i] = (float)((int)(i * 7919 % 2001) - 1000) * 0.003f;
    return x;
}

static bool fill(trit_kernel_bench *b) {
    const bench_case *c = &b->shape;
    const size_t a8 = trit_a8_row_bytes(c->k), query = trit_kv_query_width(c->k) * sizeof(int16_t);
    const size_t widest = c->k > c->n_rows ? c->k : c->n_rows, n_groups = c->group ? (c->k + c->group - 1) / c->group : 1;
    b->w = trit_alloc_aligned(c->n_rows, b->stride);
    b->q = trit_alloc_aligned(c->n_tokens, a8 > query ? a8 : query);
    b->scale = floats(c->n_rows * n_groups);
    b->x = floats((size_t)c->n_tokens * c->k);
    b->u = floats(widest);
    b->y = floats(c->n_tokens * widest);
    if (!b->w || !b->q || !b->scale || !b->x || !b->u || !b->y) return false;
    memset(b->w, 0x15, c->n_rows * b->stride); /* codes 0 and 1; small numbers in all float types */
    for (size_t i = 0; starts_with(c->slots, "quads") && i < c->n_rows * b->stride / 2; i++)
        ((uint16_t *)(void *)b->w)[i] = (uint16_t)(((uint32_t)i * 2654435761u >> 16) % trit_quad_sums * trit_quad_tokens); /* as irregular as trits */
    for (size_t i = 0; c->family == &bf16_matmul && i < (size_t)c->n_tokens * c->k; i++) { /* twice the same number a word */
        const uint32_t bits = trit_bits_from_f32(b->x[i]);
        b->x[i] = trit_f32_from_bits((bits & 0xffff0000u) | bits >> 16);
    }
    for (size_t t = 0; t < c->n_tokens; t++) trit_kernels_for(trit_cpu_scalar)->a8_quantize(b->q + t * a8, b->x + t * c->k, c->k);
    return true;
}

trit_status trit_kernel_bench_new(trit_kernel_bench **out, const char *slot, const char *tier, size_t i, trit_error *err) {
    size_t n, r = 0;
    const trit_kernel_row *rows = trit_kernel_rows(&n);
    while (r < n && (strcmp(rows[r].slot, slot) != 0 || strcmp(trit_cpu_tier_name(rows[r].tier), tier) != 0)) r++;
    const bench_case *c = case_at(slot, i);
    if (r == n || !c) return trit_error_set(err, trit_arg, "kernel %s/%s, case %zu: there is no such thing", slot, tier, i);
    if (!trit_cpu_has(rows[r].tier)) return trit_error_set(err, trit_unsupported, "kernel %s/%s: this processor cannot run it", slot, tier);
    trit_kernel_bench *b = trit_alloc_zero(1, sizeof *b);
    if (!b) return trit_error_memory(err, sizeof *b, "the kernel's benchmark");
    b->fn = rows[r].fn;
    b->shape = *c;
    b->stride = row_bytes(slot, c->k);
    if (b->shape.n_rows == from_memory) b->shape.n_rows = rows_from_memory(b->stride);
    if (!fill(b)) {
        uint64_t n_bytes = weights_of(b);
        trit_kernel_bench_free(b);
        return trit_error_memory(err, n_bytes, "the kernel's benchmark");
    }
    if (c->family == &rope) /* a rotation again and again: cosine and sine that keep the lengths */
        for (uint32_t k = 0; k < c->k; k++) b->u[k] = k < c->k / 2 ? 0.6f : 0.8f;
    *out = b;
    return trit_ok;
}

void trit_kernel_bench_free(trit_kernel_bench *b) {
    if (!b) return;
    void *const owned[] = {b->w, b->q, b->scale, b->x, b->u, b->y, b};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) trit_free(owned[i]);
}

void trit_kernel_bench_describe(const trit_kernel_bench *b, trit_kernel_work *out) {
    b->shape.family->count(b, out);
    out->is_from_memory = out->bytes > trit_os_cache_bytes();
}

double trit_kernel_bench_run(trit_kernel_bench *b) {
    uint64_t n_calls = 0, begin = trit_os_thread_ns(), ns = 0;
    for (uint64_t batch = 1; ns < run_ns; batch *= 2) { /* the clock costs as much as a small kernel */
        for (uint64_t i = 0; i < batch; i++) b->shape.family->call(b);
        n_calls += batch;
        ns = trit_os_thread_ns() - begin;
    }
    return (double)ns * 1e-9 / (double)n_calls;
}
