/* Is this build right on this processor? Every kernel variant against its scalar twin on random data, for `trit doctor`; and the
 * lists behind `trit info`. The tests look at far more shapes. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "device/cpu/cpu.h"
#include "quant/layout.h"

/* Odd sizes, so that tails take part: k inputs are two blocks of 256 and a rest, rows a tile and a part of one, tokens the most that a kernel
 * takes at once and some. */
enum { k = 2 * 256 + 75, n_rows = 23, n_tokens = 11, n_groups = (k + 127) / 128, head = 40, n_results = 64 * 1024 };
enum { n_tiles = (n_rows + trit_tile_rows - 1) / trit_tile_rows, padded_rows = n_tiles * trit_tile_rows };

typedef struct bench {
    _Alignas(64) uint8_t t2[n_tiles][(k + 63) / 64 * 4 * trit_chunk_bytes], t3[n_tiles][(k + trit_t3_block - 1) / trit_t3_block * trit_t3_block_bytes];
    _Alignas(64) uint8_t c6[n_tiles][(k + 255) / 256 * trit_c6_block_bytes];
    _Alignas(64) int8_t a8[n_tokens][1024];
    _Alignas(64) float x[n_tokens][k + 5], y[n_tokens][k + 5];
    float row_scale[padded_rows], group_scale[padded_rows * n_groups], weights[n_rows][k], angle[2][head / 2];
    uint16_t halves[n_rows][k];
    uint8_t cache[n_rows][head * 4];
    float result[n_results];
    size_t n;
} bench;

static float random_float(uint64_t *counter) {
    return (float)(trit_rng_unit(11, (*counter)++) * 4 - 2);
}

static void fill(bench *b) {
    uint64_t c = 0;
    for (size_t i = 0; i < sizeof b->t2; i++) {
        uint64_t r = trit_rng_u64(11, c++);
        ((uint8_t *)b->t2)[i] = (uint8_t)(r % 3 | r / 3 % 3 << 2 | r / 9 % 3 << 4 | r / 27 % 3 << 6);
    }
    for (size_t i = 0; i < sizeof b->t3; i++) ((uint8_t *)b->t3)[i] = (uint8_t)trit_rng_u64(11, c++);
    for (size_t t = 0; t < n_tokens; t++)
        for (size_t i = 0; i < k; i++) b->x[t][i] = random_float(&c);
    for (size_t i = 0; i < sizeof b->c6; i++) ((uint8_t *)b->c6)[i] = (uint8_t)trit_rng_u64(11, c++);
    for (size_t i = 0; i < padded_rows; i++) b->row_scale[i] = random_float(&c);
    for (size_t i = 0; i < padded_rows * n_groups; i++) b->group_scale[i] = random_float(&c);
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t i = 0; i < k; i++) b->weights[r][i] = random_float(&c);
        for (size_t i = 0; i < k; i++) b->halves[r][i] = (uint16_t)(trit_rng_u64(11, c++) & 0xbbff); /* no infinities, no NaN */
    }
    for (size_t i = 0; i < head / 2; i++) {
        b->angle[0][i] = random_float(&c);
        b->angle[1][i] = random_float(&c);
    }
}

static void keep(bench *b, const void *p, size_t n) {
    size_t floats = (n + 3) / 4;
    assert(b->n + floats <= n_results);
    memset(&b->result[b->n], 0, floats * sizeof(float));
    memcpy(&b->result[b->n], p, n);
    b->n += floats;
}

static void products(bench *b, const trit_kernels *f) {
    for (size_t t = 0; t < n_tokens; t++) {
        f->a8_quantize(b->a8[t], b->x[t], k);
        keep(b, b->a8[t], trit_a8_row_bytes(k));
    }
    trit_t2_mul m = {.w_scale = b->row_scale, .k = k, .x = b->a8[0], .x_stride = sizeof b->a8[0],
                     .n_tokens = n_tokens, .y = b->y[0], .y_stride = k + 5};
    for (m.group = 0; m.group <= 128; m.group += 128) {
        m.w_scale = m.group ? b->group_scale : b->row_scale;
        memset(b->y, 0, sizeof b->y);
        m.w = b->t2[0], m.w_stride = sizeof b->t2[0];
        f->t2_mul(&m, 0, n_rows);
        for (size_t t = 0; t < n_tokens; t++) keep(b, b->y[t], n_rows * sizeof(float));
        m.w = b->t3[0], m.w_stride = sizeof b->t3[0];
        for (m.n_tokens = 1; m.n_tokens <= n_tokens; m.n_tokens += n_tokens - 1) { /* one token goes another way */
            f->t3_mul(&m, 0, n_rows);
            for (size_t t = 0; t < m.n_tokens; t++) keep(b, b->y[t], n_rows * sizeof(float));
        }
        m.n_tokens = n_tokens;
    }
    trit_t2_float_mul mf = {.w = b->t2[0], .w_stride = sizeof b->t2[0], .w_scale = b->group_scale, .k = k, .group = 128, .x = b->x[0],
                            .x_stride = k + 5, .n_tokens = n_tokens, .y = b->y[0], .y_stride = k + 5};
    f->t2_float_mul(&mf, 0, n_rows);
    for (size_t t = 0; t < n_tokens; t++) keep(b, b->y[t], n_rows * sizeof(float));
    trit_c6_mul c6 = {.w = b->c6[0], .w_stride = sizeof b->c6[0], .w_scale = b->row_scale, .k = k, .x = b->a8[0], .x_stride = sizeof b->a8[0],
                      .y = b->y[0], .y_stride = k + 5};
    for (c6.n_tokens = 1; c6.n_tokens <= n_tokens; c6.n_tokens += n_tokens - 1) {
        f->c6_mul(&c6, 0, n_rows);
        for (size_t t = 0; t < c6.n_tokens; t++) keep(b, b->y[t], n_rows * sizeof(float));
    }
    trit_float_mul p = {.w_stride = sizeof b->weights[0], .k = k, .x = b->x[0], .x_stride = k + 5, .n_tokens = n_tokens, .y = b->y[0], .y_stride = k + 5};
    p.w = b->weights;
    f->f32_mul(&p, 0, n_rows);
    for (size_t t = 0; t < n_tokens; t++) keep(b, b->y[t], n_rows * sizeof(float));
    p.w = b->halves;
    p.w_stride = sizeof b->halves[0];
    f->f16_mul(&p, 0, n_rows);
    for (size_t t = 0; t < n_tokens; t++) keep(b, b->y[t], n_rows * sizeof(float));
    f->bf16_mul(&p, 0, n_rows);
    for (size_t t = 0; t < n_tokens; t++) keep(b, b->y[t], n_rows * sizeof(float));
}

static void elementwise(bench *b, const trit_kernels *f) {
    float *y = b->y[0];
    f->rms_norm(y, b->x[0], b->weights[0], k, 1e-5f), keep(b, y, k * sizeof *y);
    f->add(y, b->x[0], b->x[1], k), keep(b, y, k * sizeof *y);
    f->mul(y, b->x[0], b->x[1], k), keep(b, y, k * sizeof *y);
    f->scale(y, b->x[0], 0.3f, k), keep(b, y, k * sizeof *y);
    f->silu_mul(y, b->x[0], b->x[1], k), keep(b, y, k * sizeof *y);
    f->relu2_mul(y, b->x[0], b->x[1], k), keep(b, y, k * sizeof *y);
    f->gelu_mul(y, b->x[0], b->x[1], k), keep(b, y, k * sizeof *y);
    memcpy(y, b->x[0], head * sizeof *y);
    f->rope_neox(y, b->angle[0], b->angle[1], head), keep(b, y, head * sizeof *y);
    f->rope_norm(y, b->angle[0], b->angle[1], head), keep(b, y, head * sizeof *y);
}

static void gradients(bench *b, const trit_kernels *f) {
    float *dx = b->y[0], *du = b->y[1];
    memset(du, 0, k * sizeof *du);
    f->norm_grad(dx, du, b->x[0], b->x[1], b->weights[0], k, 1e-5f), keep(b, dx, k * sizeof *dx), keep(b, du, k * sizeof *du);
    f->silu_grad(dx, du, b->x[0], b->x[1], b->x[2], k), keep(b, dx, k * sizeof *dx), keep(b, du, k * sizeof *du);
    f->relu2_grad(dx, du, b->x[0], b->x[1], b->x[2], k), keep(b, dx, k * sizeof *dx), keep(b, du, k * sizeof *du);
    f->gelu_grad(dx, du, b->x[0], b->x[1], b->x[2], k), keep(b, dx, k * sizeof *dx), keep(b, du, k * sizeof *du);
    f->a8_round(dx, b->x[0], k, 0.3f), keep(b, dx, k * sizeof *dx);
    trit_attend a = {.s = b->y[0], .stride = k + 5, .n_keys = 3, .n = 48, .most = b->y[3], .by = b->y[4], .sum = b->y[5], .ds = b->y[6],
                     .log_sum = b->x[4], .delta = b->x[5], .factor = 0.3f};
    memcpy(b->y, b->x, sizeof b->y);
    f->attend_softmax(&a), keep(b, b->y[0], 6 * sizeof b->y[0]);
    memcpy(b->y, b->x, sizeof b->y);
    f->attend_grad(&a), keep(b, b->y[0], 3 * sizeof b->y[0]), keep(b, b->y[6], 3 * sizeof b->y[0]);
}

static void back(bench *b, const trit_kernels *f) {
    enum { n_cols = 60 };
    _Alignas(64) float room[n_cols][trit_quad_i16_tokens];
    uint16_t quads[n_tiles * n_cols * trit_quads_at_once];
    for (size_t i = 0; i < n_tiles * n_cols * trit_quads_at_once; i++) quads[i] = (uint16_t)(b->t2[0][i] % trit_quad_sums * trit_quad_tokens);
    const trit_quads_mul p = {.quads = quads, .scale = b->row_scale, .n_rows = n_rows, .k = n_cols, .x = b->x[0], .x_stride = k + 5, .n_tokens = n_tokens,
                              .y = b->y[0], .y_stride = n_cols, .room = room[0]};
    f->quads_mul(&p);
    keep(b, b->y[0], n_tokens * n_cols * sizeof *b->y[0]);
    f->quads_i16_mul(&p);
    keep(b, b->y[0], n_tokens * n_cols * sizeof *b->y[0]);
}

static void attention(bench *b, const trit_kernels *f) {
    const struct {
        void (*store)(void *row, const float *x, uint32_t d);
        void (*scores)(const trit_kv_scores *a);
        void (*mix)(const trit_kv_mix *a);
    } forms[] = {{f->kv_store_f32, f->kv_scores_f32, f->kv_mix_f32},
                 {f->kv_store_f16, f->kv_scores_f16, f->kv_mix_f16},
                 {f->kv_store_q8, f->kv_scores_q8, f->kv_mix_q8}};
    int16_t q8[2 * ((head + 63) / 64 * 64)];
    assert(sizeof q8 == trit_kv_query_width(head) * sizeof *q8);
    float q8_scale = f->kv_query_q8(q8, b->x[2], head);
    keep(b, q8, sizeof q8);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        trit_kv_span rows = {.rows = b->cache, .stride = sizeof b->cache[0], .n = n_rows, .d = head};
        float score[n_rows], mixed[head] = {0};
        memset(b->cache, 0, sizeof b->cache);
        for (size_t r = 0; r < n_rows; r++) forms[i].store(b->cache[r], b->weights[r], head);
        keep(b, b->cache, sizeof b->cache);
        forms[i].scores(&(trit_kv_scores){.keys = rows, .q = b->x[2], .q8 = q8, .q8_scale = &q8_scale, .q_stride = trit_kv_query_width(head),
                                          .n_queries = 1, .score = score, .score_stride = n_rows});
        keep(b, score, sizeof score);
        float sum = f->softmax_exp(score, n_rows, 0.2f);
        keep(b, score, sizeof score);
        keep(b, &sum, sizeof sum);
        forms[i].mix(&(trit_kv_mix){.values = rows, .p = score, .p_stride = n_rows, .n_queries = 1, .y = mixed, .y_stride = head});
        keep(b, mixed, sizeof mixed);
    }
}

static void probes(bench *b, const trit_kernels *f) {
    float whole[16];
    uint8_t codes[128];
    for (int i = 0; i < 16; i++) whole[i] = (float)(i % 4);
    for (int i = 0; i < 128; i++) codes[i] = b->t2[0][i] & 3;
    uint64_t word = f->probe_read(b->x, 64 * 9);
    int32_t sum = f->probe_int8(codes, b->a8[0], 100);
    float squares = f->probe_float(whole, 1001);
    keep(b, &word, sizeof word), keep(b, &sum, sizeof sum), keep(b, &squares, sizeof squares);
}

static void packed(bench *b, const trit_kernels *f) {
    int8_t *trits = (int8_t *)b->y;
    const uint8_t *p = b->t2[0];
    const bool whole = f->unpack_two_bit(trits, p, sizeof b->t2);
    keep(b, &whole, sizeof whole), keep(b, trits, sizeof b->t2);
    f->unpack_base3(trits, p, sizeof b->t2), keep(b, trits, sizeof b->t2);
    enum { n_blocks = 4 };
    f->unpack_q6_k(b->y[0], p, n_blocks), keep(b, b->y, n_blocks * 256 * sizeof(float));
    const uint32_t crc = f->crc32c(1, p, sizeof b->t2);
    keep(b, &crc, sizeof crc);
}

/* Eight rows of x by 60 columns of weights, rounded to pairs. */
static void pairs(bench *b, const trit_kernels *f) {
    enum { m = 8, n = 60, n_pairs = 35 };
    uint32_t a[m * n_pairs], w[n_pairs * n];
    for (size_t i = 0; i < m; i++) f->bf16_round((uint16_t *)(a + i * n_pairs), b->x[i % n_tokens], 2 * n_pairs);
    for (size_t l = 0; l < n_pairs; l++) f->bf16_pairs(w + l * n, b->weights[0] + 2 * l * n, b->weights[0] + (2 * l + 1) * n, n);
    memset(b->y, 0, sizeof b->y);
    f->bf16_matmul(&(trit_matmul){.m = m, .n = n, .k = n_pairs, .a = a, .a_row = n_pairs, .a_col = 1, .b = w, .b_row = n, .y = b->y[0], .y_row = n});
    keep(b, w, sizeof w), keep(b, b->y[0], m * n * sizeof(float));
}

static void tensors(bench *b, const trit_kernels *f) {
    float *y = b->y[0];
    f->map1(trit_map_exp, trit_dtype_f32, y, b->x[0], k), keep(b, y, k * sizeof *y);
    f->map2(trit_map_div, trit_dtype_f32, y, b->x[0], b->x[1], k), keep(b, y, k * sizeof *y);
    f->map2(trit_map_mul, trit_dtype_i32, y, b->x[0], b->x[1], k), keep(b, y, k * sizeof *y);
    f->convert(trit_dtype_f16, y, trit_dtype_f32, b->x[0], k), keep(b, y, k * 2);
    f->choose(sizeof *y, y, (const uint8_t *)b->a8, b->x[0], b->x[1], k), keep(b, y, k * sizeof *y);
    const void *const rows[] = {b->x[0], b->x[1], b->x[2]};
    for (trit_fold fold = 0; fold < trit_n_folds; fold++) {
        memset(y, 0, 2 * trit_fold_columns * sizeof *y);
        f->fold_run(fold, trit_dtype_f32, y, b->x[0], k), keep(b, y, 2 * sizeof *y);
        f->fold_rows(fold, trit_dtype_f32, y, rows, 3, trit_fold_columns), keep(b, y, 2 * trit_fold_columns * sizeof *y);
    }
    memset(b->y, 0, sizeof b->y); /* eight rows of x by a matrix of 60 columns */
    f->matmul(&(trit_matmul){.type = trit_dtype_f32, .m = 8, .n = 60, .k = 70, .a = b->x[0], .a_row = k + 5, .a_col = 1, .b = b->weights,
                             .b_row = 61, .y = y, .y_row = 60});
    keep(b, y, 8 * 60 * sizeof *y);
    pairs(b, f);
}

/* The first rows of x as rows of 64, of which about half of the columns count, by columns of weights. */
static void sparse(bench *b, const trit_kernels *f) {
    enum { m = 5 };
    _Static_assert(trit_sparse_depth * trit_sparse_width <= n_rows * k && m * trit_sparse_width <= n_tokens * (k + 5), "enough numbers");
    _Alignas(64) float w[trit_sparse_depth * trit_sparse_width], x[m * trit_sparse_depth];
    uint64_t bits[m];
    memcpy(w, b->weights, sizeof w);
    for (size_t i = 0; i < m * trit_sparse_depth; i++) x[i] = b->x[0][i] < 0 ? 0 : b->x[0][i];
    f->nonzeros(bits, x, m), keep(b, bits, sizeof bits);
    for (uint32_t width = 16; width <= trit_sparse_width; width += 16) {
        memset(b->y, 0, sizeof b->y);
        f->sparse_mul(&(trit_sparse_mul){.m = m, .width = width, .a = x, .bits = bits, .always = 5, .b = w, .y = b->y[0], .y_row = trit_sparse_width});
        keep(b, b->y[0], m * trit_sparse_width * sizeof(float));
    }
}

static void exercise(bench *b, const trit_kernels *f) {
    b->n = 0;
    products(b, f);
    elementwise(b, f);
    gradients(b, f);
    back(b, f);
    attention(b, f);
    packed(b, f);
    tensors(b, f);
    sparse(b, f);
    probes(b, f);
}

trit_status trit_kernels_check(unsigned *n_run, char first_bad[64], trit_error *err) {
    bench *twin = trit_alloc_aligned(1, sizeof *twin), *other = trit_alloc_aligned(1, sizeof *other);
    *n_run = 0;
    first_bad[0] = '\0';
    if (!twin || !other) {
        trit_free(twin);
        trit_free(other);
        return trit_error_memory(err, 2 * sizeof *twin, "the check of the kernels");
    }
    memset(twin, 0, sizeof *twin);
    fill(twin);
    memcpy(other, twin, sizeof *other);
    exercise(twin, trit_kernels_for(trit_cpu_scalar));
    size_t n;
    const trit_kernel_row *rows = trit_kernel_rows(&n);
    for (size_t i = 0; i < n; i++) {
        if (!trit_cpu_has(rows[i].tier)) continue;
        trit_kernels one = *trit_kernels_for(trit_cpu_scalar); /* the twins, but for this variant */
        memcpy((char *)&one + rows[i].offset, &rows[i].fn, sizeof rows[i].fn);
        exercise(other, &one);
        ++*n_run;
        if (!*first_bad && (other->n != twin->n || memcmp(other->result, twin->result, twin->n * sizeof(float)) != 0))
            snprintf(first_bad, 64, "%s/%s", rows[i].slot, trit_cpu_tier_name(rows[i].tier));
    }
    trit_free(twin);
    trit_free(other);
    return trit_ok;
}

const char *trit_cpu_tier_at(size_t i, const char **needs, int *runs_here) {
    size_t n;
    const trit_kernel_row *rows = trit_kernel_rows(&n);
    for (unsigned tier = 0; tier < trit_n_cpu_tiers; tier++) {
        bool compiled = false;
        for (size_t r = 0; r < n && !compiled; r++) compiled = rows[r].tier == (trit_cpu_tier)tier;
        if (!compiled || i--) continue;
        if (needs) *needs = trit_cpu_tier_text((trit_cpu_tier)tier);
        if (runs_here) *runs_here = trit_cpu_has((trit_cpu_tier)tier);
        return trit_cpu_tier_name((trit_cpu_tier)tier);
    }
    return NULL;
}

const char *trit_kernel_at(size_t i, const char **tier) {
    size_t n;
    const trit_kernel_row *rows = trit_kernel_rows(&n);
    if (i >= n) return NULL;
    if (tier) *tier = trit_cpu_tier_name(rows[i].tier);
    return rows[i].slot;
}
