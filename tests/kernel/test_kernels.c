/* Every kernel variant that this processor can run, against its scalar twin, bit for bit. The list is kernels.def, so a new row
 * is tested at once. An argument is the name of a tier: only its variants then.
 *
 * Buffers are exactly as long as the contract says, so that the address sanitizer sees a read beyond; results stand between
 * canaries, so that a write beyond is a difference. */
#include <math.h>

#include "kernel/kv_query.h"
#include "quant/layout.h"
#include "tensor/half.h"
#include "tensor/tensor.h"
#include "test.h"

typedef void (*any_fn)(void);

/* A variant and its twin. */
typedef struct pair {
    const trit_kernel_row *row;
    any_fn twin;
} pair;

/* The function of a slot as its type: A(p) is the variant, B(p) the twin. */
#define A(p, slot) ((__typeof__(((trit_kernels *)0)->slot))(p)->row->fn)
#define B(p, slot) ((__typeof__(((trit_kernels *)0)->slot))(p)->twin)

/* ---- random data ---- */

static uint64_t state = 88172645463325252u;

static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static float uniform(void) {
    return (float)(int32_t)next() * (1.0f / 2147483648.0f);
}

enum mood { calm, wild, broken, n_moods }; /* ordinary values; any finite ones with many tiny and huge; infinities and NaN too */

static float number(enum mood mood) {
    static const float odd[] = {0.0f, -0.0f, 1e-45f, -1e-45f, 1.17549435e-38f, 3.0e-39f, 1e30f, -3.4e38f, 1e-5f, 0.5f, 65504.0f, 65520.0f};
    static const float bad[] = {INFINITY, -INFINITY, NAN, -NAN};
    if (mood == broken && next() % 8 == 0) return bad[next() % 4];
    if (mood != calm && next() % 4 == 0) return odd[next() % (sizeof odd / sizeof odd[0])];
    if (mood != calm && next() % 4 == 0) {
        float x = trit_f32_from_bits(next());
        return mood == broken || isfinite(x) ? x : 1.0f;
    }
    return 4.0f * uniform();
}

/* `broken` data leave most sums NaN, so only some vectors get them. */
static float *floats(size_t n, enum mood mood) {
    float *x = malloc((n ? n : 1) * sizeof *x);
    assert_non_null(x);
    if (mood == broken && next() % 2) mood = wild;
    for (size_t i = 0; i < n; i++) x[i] = number(mood);
    return x;
}

static void *bytes(size_t n) {
    unsigned char *p = aligned_alloc(64, n ? (n + 63) / 64 * 64 : 64);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) p[i] = (unsigned char)next();
    return p;
}

/* n elements and 16 canaries on both sides */
enum { margin = 16 };

static float *canaries(size_t n) {
    float *p = malloc((n + 2 * margin) * sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n + 2 * margin; i++) p[i] = trit_f32_from_bits(0x4b000000u + (uint32_t)i * 77);
    return p;
}

static bool same_float(float a, float b) {
    return trit_bits_from_f32(a) == trit_bits_from_f32(b) || (isnan(a) && isnan(b));
}

static void same_floats(const pair *p, const char *what, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!same_float(a[i], b[i]))
            fail_msg("%s %s: %s: element %zu is %a, the scalar twin's %a", p->row->slot, trit_cpu_tier_name(p->row->tier), what, i, (double)a[i],
                     (double)b[i]);
}

static void same_bytes(const pair *p, const char *what, const void *a, const void *b, size_t n) {
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            fail_msg("%s %s: %s: byte %zu is %u, the scalar twin's %u", p->row->slot, trit_cpu_tier_name(p->row->tier), what, i, x[i], y[i]);
}

static const uint32_t lengths[] = {1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 128, 255, 256, 257, 300, 1000};
enum { n_lengths = sizeof lengths / sizeof lengths[0] };

/* ---- products ---- */

typedef struct shape {
    uint32_t k, n_rows, n_tokens, row0, row1;
} shape;

static const shape shapes[] = {
    {1, 5, 1, 0, 5},      {15, 9, 2, 0, 8},      {16, 8, 4, 0, 8},      {100, 45, 3, 16, 45}, {255, 22, 5, 16, 22}, {256, 17, 8, 0, 17},
    {257, 37, 1, 16, 36}, {512, 4, 33, 0, 4},    {640, 27, 33, 16, 27}, {2560, 16, 1, 0, 16}, {2560, 25, 8, 16, 25}, {5460, 6, 2, 0, 6},
    {6912, 7, 5, 0, 7},   {8640, 5, 1, 0, 5},    {8640, 6, 4, 0, 6},    {64, 300, 6, 32, 293}, {300, 8, 1, 0, 0},    {128, 9, 0, 0, 9},
    {2560, 230, 4, 0, 230}, {96, 64, 12, 16, 64},
};
enum { n_shapes = sizeof shapes / sizeof shapes[0] };

/* Layout T2 and A8 with codes 0..2 and any int8, most often at the ends of its range. */
static void fill_t2(uint8_t *w, size_t n_rows, size_t stride, uint32_t k, bool extreme) {
    for (size_t r = 0; r < n_rows; r++)
        for (size_t i = 0; i < trit_t2_tile_bytes(k) / 4; i++) {
            unsigned code = i >= k ? 1 : extreme ? 2 : next() % 3, shift = 2 * (unsigned)(i % 16 / 4);
            uint8_t *byte = w + r / 16 * stride + i / 16 * 64 + 4 * (r % 16) + i % 4;
            *byte = (uint8_t)((*byte & ~(3u << shift)) | code << shift);
        }
}

/* Layout T3: any byte stands for five trits; `extreme`: most often the largest. */
static void fill_t3(uint8_t *w, size_t n, bool extreme) {
    for (size_t i = 0; i < n; i++) w[i] = (uint8_t)(!extreme ? next() : next() % 16 ? 255 : 0);
}

/* Scales of whole tiles of rows. */
static float *tile_scales(size_t n_rows, size_t n_groups, enum mood mood) {
    return floats(trit_n_tiles(n_rows) * trit_tile_rows * n_groups, mood);
}

static void fill_a8(int8_t *row, uint32_t k, bool extreme) {
    size_t k256 = trit_k256(k);
    int32_t *sums = (int32_t *)(void *)(row + k256);
    float scale = 0.01f + fabsf(uniform());
    memset(row, 0, trit_a8_row_bytes(k));
    for (size_t i = 0; i < k; i++) row[i] = (int8_t)(extreme ? (next() % 16 ? 127 : -128) : (int)(next() % 256) - 128);
    for (size_t i = 0; i < k256; i++) sums[i / 64] += row[i];
    memcpy(sums + k256 / 64, &scale, sizeof scale);
}

static void check_t2_shape(const pair *p, const shape *s, uint32_t group, bool extreme) {
    const bool is_t3 = strcmp(p->row->slot, "t3_mul") == 0;
    size_t w_stride = is_t3 ? trit_t3_tile_bytes(s->k) : trit_t2_tile_bytes(s->k);
    size_t x_stride = trit_a8_row_bytes(s->k), n_groups = group ? (s->k + group - 1) / group : 1;
    size_t y_stride = s->n_rows + 3, n_y = s->n_tokens * y_stride;
    uint8_t *w = bytes(trit_n_tiles(s->n_rows) * w_stride);
    int8_t *x = bytes(s->n_tokens * x_stride);
    float *scale = tile_scales(s->n_rows, n_groups, extreme ? broken : calm), *ya = canaries(n_y), *yb = canaries(n_y);
    if (is_t3) fill_t3(w, trit_n_tiles(s->n_rows) * w_stride, extreme);
    else fill_t2(w, s->n_rows, w_stride, s->k, extreme);
    for (size_t t = 0; t < s->n_tokens; t++) fill_a8(x + t * x_stride, s->k, extreme);
    trit_t2_mul a = {.w = w, .w_stride = w_stride, .w_scale = scale, .k = s->k, .group = group, .x = x, .x_stride = x_stride,
                     .n_tokens = s->n_tokens, .y = ya + margin, .y_stride = y_stride};
    A(p, t2_mul)(&a, s->row0, s->row1);
    a.y = yb + margin;
    B(p, t2_mul)(&a, s->row0, s->row1);
    char what[96];
    snprintf(what, sizeof what, "k %u, group %u, %u tokens, rows %u to %u", s->k, group, s->n_tokens, s->row0, s->row1);
    same_floats(p, what, ya, yb, n_y + 2 * margin);
    free(w), free(x), free(scale), free(ya), free(yb);
}

static void check_t2(const pair *p) {
    static const uint32_t groups[] = {0, 64, 128, 256};
    for (size_t i = 0; i < n_shapes; i++)
        for (size_t g = 0; g < 4; g++) {
            check_t2_shape(p, &shapes[i], groups[g], false);
            check_t2_shape(p, &shapes[i], groups[g], true);
        }
    shape every = {.k = 300, .n_rows = 40};
    for (every.n_tokens = 1; every.n_tokens <= 9; every.n_tokens++)
        for (every.row0 = 0; every.row0 < 40; every.row0 += 16)
            for (every.row1 = every.row0; every.row1 <= 40; every.row1++) check_t2_shape(p, &every, every.row1 % 2 ? 0 : 64, false);
    const shape blocks = {8640, 133, 9, 16, 133}; /* more rows than stay in a cache while the tokens pass by */
    check_t2_shape(p, &blocks, 0, false);
    shape any = {.n_rows = 18, .row1 = 18};
    for (any.k = 1; any.k <= 330; any.k++)
        for (any.n_tokens = 1; any.n_tokens <= 5; any.n_tokens += 2) check_t2_shape(p, &any, groups[any.k % 4], any.k % 5 == 0);
    const shape crowd = {330, 20, 71, 0, 20}; /* more tokens than share what was unpacked */
    check_t2_shape(p, &crowd, 0, true);
    check_t2_shape(p, &crowd, 128, false);
    shape longest = {262500, 2, 1, 0, 2}; /* what sums of 32 bits hold at once ends within */
    for (; longest.n_tokens <= 2; longest.n_tokens++) check_t2_shape(p, &longest, 0, true);
}

static void check_t2_float_shape(const pair *p, const shape *s, uint32_t group, enum mood mood) {
    size_t w_stride = trit_t2_tile_bytes(s->k), x_stride = s->k + 1, n_groups = group ? (s->k + group - 1) / group : 1;
    size_t y_stride = s->n_rows + 3, n_y = s->n_tokens * y_stride;
    uint8_t *w = bytes(trit_n_tiles(s->n_rows) * w_stride);
    float *x = floats(s->n_tokens * x_stride, mood), *scale = tile_scales(s->n_rows, n_groups, mood), *ya = canaries(n_y), *yb = canaries(n_y);
    fill_t2(w, s->n_rows, w_stride, s->k, false);
    trit_t2_float_mul a = {.w = w, .w_stride = w_stride, .w_scale = scale, .k = s->k, .group = group, .x = x, .x_stride = x_stride,
                           .n_tokens = s->n_tokens, .y = ya + margin, .y_stride = y_stride};
    A(p, t2_float_mul)(&a, s->row0, s->row1);
    a.y = yb + margin;
    B(p, t2_float_mul)(&a, s->row0, s->row1);
    char what[96];
    snprintf(what, sizeof what, "k %u, group %u, %u tokens, rows %u to %u, mood %d", s->k, group, s->n_tokens, s->row0, s->row1, (int)mood);
    same_floats(p, what, ya, yb, n_y + 2 * margin);
    free(w), free(x), free(scale), free(ya), free(yb);
}

static void check_t2_float(const pair *p) {
    static const uint32_t groups[] = {0, 64, 128, 256};
    for (size_t i = 0; i < n_shapes; i++)
        for (size_t g = 0; g < 4; g++) check_t2_float_shape(p, &shapes[i], groups[g], (enum mood)((i + g) % n_moods));
    shape every = {.k = 300, .n_rows = 20};
    for (every.n_tokens = 1; every.n_tokens <= 9; every.n_tokens++)
        for (every.row0 = 0; every.row0 < 20; every.row0 += 16)
            for (every.row1 = every.row0; every.row1 <= 20; every.row1++) check_t2_float_shape(p, &every, every.row1 % 2 ? 0 : 64, calm);
}

/* Any bytes are codes and scales; `extreme`: codes 63 and now and then 0, scales 255. */
static void check_c6_shape(const pair *p, const shape *s, bool extreme) {
    size_t w_stride = trit_c6_tile_bytes(s->k), w_bytes = trit_n_tiles(s->n_rows) * w_stride, x_stride = trit_a8_row_bytes(s->k);
    size_t y_stride = s->n_rows + 3, n_y = s->n_tokens * y_stride;
    uint8_t *w = bytes(w_bytes);
    int8_t *x = bytes(s->n_tokens * x_stride);
    float *scale = tile_scales(s->n_rows, 1, calm), *ya = canaries(n_y), *yb = canaries(n_y);
    for (size_t i = 0; i < w_bytes && extreme; i++) w[i] = next() % 9 ? 255 : 0;
    for (size_t t = 0; t < s->n_tokens; t++) fill_a8(x + t * x_stride, s->k, extreme);
    trit_c6_mul a = {.w = w, .w_stride = w_stride, .w_scale = scale, .k = s->k, .x = x, .x_stride = x_stride, .n_tokens = s->n_tokens,
                     .y = ya + margin, .y_stride = y_stride};
    A(p, c6_mul)(&a, s->row0, s->row1);
    a.y = yb + margin;
    B(p, c6_mul)(&a, s->row0, s->row1);
    char what[96];
    snprintf(what, sizeof what, "k %u, %u tokens, rows %u to %u", s->k, s->n_tokens, s->row0, s->row1);
    same_floats(p, what, ya, yb, n_y + 2 * margin);
    free(w), free(x), free(scale), free(ya), free(yb);
}

static void check_c6(const pair *p) {
    for (size_t i = 0; i < n_shapes; i++) {
        check_c6_shape(p, &shapes[i], false);
        check_c6_shape(p, &shapes[i], true);
    }
    shape any = {.n_rows = 18, .row1 = 18};
    for (any.k = 1; any.k <= 300; any.k++)
        for (any.n_tokens = 1; any.n_tokens <= 5; any.n_tokens += 2) check_c6_shape(p, &any, any.k % 5 == 0);
}

/* Random weights of one element type; `broken` halves may be infinite or NaN. */
static void *weights(const char *slot, size_t n, size_t *element, enum mood mood) {
    *element = slot[0] == 'f' && slot[1] == '3' ? 4 : 2;
    unsigned char *w = malloc(n * *element + 1);
    assert_non_null(w);
    float *x = floats(n, mood);
    for (size_t i = 0; i < n; i++) {
        uint16_t h = slot[0] == 'b' ? trit_bf16_from_f32(x[i]) : trit_f16_from_f32(mood == wild ? fmodf(x[i], 65504.0f) : x[i]);
        if (*element == 4) memcpy(w + 4 * i, &x[i], 4);
        else memcpy(w + 2 * i, &h, 2);
    }
    free(x);
    return w;
}

static void check_float_shape(const pair *p, const shape *s, enum mood mood) {
    size_t element, x_stride = s->k + 1, y_stride = s->n_rows + 2, n_y = s->n_tokens * y_stride;
    void *w = weights(p->row->slot, (size_t)s->n_rows * (s->k + 1), &element, mood);
    float *x = floats(s->n_tokens * x_stride, mood), *ya = canaries(n_y), *yb = canaries(n_y);
    trit_float_mul a = {.w = w, .w_stride = (s->k + 1) * element, .k = s->k, .x = x, .x_stride = x_stride,
                        .n_tokens = s->n_tokens, .y = ya + margin, .y_stride = y_stride};
    A(p, f32_mul)(&a, s->row0, s->row1);
    a.y = yb + margin;
    B(p, f32_mul)(&a, s->row0, s->row1);
    char what[96];
    snprintf(what, sizeof what, "k %u, %u tokens, rows %u to %u, mood %d", s->k, s->n_tokens, s->row0, s->row1, (int)mood);
    same_floats(p, what, ya, yb, n_y + 2 * margin);
    free(w), free(x), free(ya), free(yb);
}

static void check_float_mul(const pair *p) {
    for (size_t i = 0; i < n_shapes; i++)
        for (int mood = 0; mood < n_moods; mood++) check_float_shape(p, &shapes[i], (enum mood)mood);
    shape every = {.k = 37, .n_rows = 12};
    for (every.n_tokens = 1; every.n_tokens <= 9; every.n_tokens++)
        for (every.row0 = 0; every.row0 < 3; every.row0++)
            for (every.row1 = every.row0; every.row1 <= 12; every.row1++) check_float_shape(p, &every, calm);
}

/* ---- rows ---- */

static void check_a8(const pair *p) {
    for (size_t i = 0; i < n_lengths; i++)
        for (int mood = 0; mood < 4 * n_moods; mood++) {
            uint32_t k = lengths[i];
            size_t n = trit_a8_row_bytes(k);
            float *x = floats(k, (enum mood)(mood % n_moods));
            if (mood == 0) memset(x, 0, k * sizeof *x);
            if (mood == n_moods) /* ties: the scale is 1 */
                for (uint32_t j = 0; j < k; j++) x[j] = j == 0 ? 127.0f : (float)(int)(next() % 253) - 126.5f;
            if (mood == 2 * n_moods)
                for (uint32_t j = 0; j < k; j++) x[j] = uniform() * 1e-6f;
            int8_t *a = bytes(n + 64), *b = bytes(n + 64);
            memset(a, 0x55, n + 64);
            memset(b, 0x55, n + 64);
            A(p, a8_quantize)(a, x, k);
            B(p, a8_quantize)(b, x, k);
            same_bytes(p, "row", a, b, n + 64);
            free(x), free(a), free(b);
        }
}

static void check_rms_norm(const pair *p) {
    for (size_t i = 0; i < n_lengths; i++)
        for (int mood = 0; mood < n_moods; mood++) {
            uint32_t n = lengths[i];
            float *x = floats(n, (enum mood)mood), *w = floats(n, (enum mood)mood), *a = canaries(n), *b = canaries(n);
            A(p, rms_norm)(a + margin, x, w, n, 1e-5f);
            B(p, rms_norm)(b + margin, x, w, n, 1e-5f);
            same_floats(p, "with weights", a, b, n + 2 * margin);
            A(p, rms_norm)(a + margin, x, NULL, n, 1e-6f);
            B(p, rms_norm)(b + margin, x, NULL, n, 1e-6f);
            same_floats(p, "without weights", a, b, n + 2 * margin);
            memcpy(a + margin, x, n * sizeof *x);
            memcpy(b + margin, x, n * sizeof *x);
            A(p, rms_norm)(a + margin, a + margin, w, n, 1e-6f);
            B(p, rms_norm)(b + margin, b + margin, w, n, 1e-6f);
            same_floats(p, "in place", a, b, n + 2 * margin);
            free(x), free(w), free(a), free(b);
        }
}

static void check_binary(const pair *p) {
    for (size_t i = 0; i < n_lengths; i++)
        for (int mood = 0; mood < n_moods; mood++) {
            size_t n = lengths[i];
            float *x = floats(n, (enum mood)mood), *u = floats(n, (enum mood)mood), *a = canaries(n), *b = canaries(n);
            A(p, add)(a + margin, x, u, n);
            B(p, add)(b + margin, x, u, n);
            same_floats(p, "apart", a, b, n + 2 * margin);
            memcpy(a + margin, x, n * sizeof *x);
            A(p, add)(a + margin, a + margin, u, n);
            same_floats(p, "y is the first", a, b, n + 2 * margin);
            memcpy(a + margin, u, n * sizeof *x);
            A(p, add)(a + margin, x, a + margin, n);
            same_floats(p, "y is the second", a, b, n + 2 * margin);
            free(x), free(u), free(a), free(b);
        }
    /* A million floats, evenly over all bit patterns: what the exponentials see. */
    enum { many = 1 << 20 };
    float *x = malloc(many * sizeof *x), *u = malloc(many * sizeof *u), *a = canaries(many), *b = canaries(many);
    for (size_t i = 0; i < many; i++) x[i] = trit_f32_from_bits((uint32_t)i * 4096 + next() % 4096), u[i] = 1.0f;
    A(p, add)(a + margin, x, u, many);
    B(p, add)(b + margin, x, u, many);
    same_floats(p, "all patterns", a, b, many + 2 * margin);
    free(x), free(u), free(a), free(b);
}

static void check_scale(const pair *p) {
    for (size_t i = 0; i < n_lengths; i++)
        for (int mood = 0; mood < n_moods; mood++) {
            size_t n = lengths[i];
            float *x = floats(n, (enum mood)mood), *a = canaries(n), *b = canaries(n), s = number((enum mood)mood);
            A(p, scale)(a + margin, x, s, n);
            B(p, scale)(b + margin, x, s, n);
            same_floats(p, "apart", a, b, n + 2 * margin);
            memcpy(a + margin, x, n * sizeof *x);
            A(p, scale)(a + margin, a + margin, s, n);
            same_floats(p, "in place", a, b, n + 2 * margin);
            free(x), free(a), free(b);
        }
}

static void check_rope(const pair *p) {
    for (uint32_t d = 2; d <= 258; d += d < 70 ? 2 : 47 + d % 2)
        for (int mood = 0; mood < n_moods; mood++) {
            float *c = floats(d / 2, (enum mood)mood), *s = floats(d / 2, (enum mood)mood), *a = canaries(d), *b = canaries(d);
            for (uint32_t i = 0; i < d; i++) a[margin + i] = b[margin + i] = number((enum mood)mood);
            A(p, rope_neox)(a + margin, c, s, d);
            B(p, rope_neox)(b + margin, c, s, d);
            same_floats(p, "head", a, b, d + 2 * margin);
            free(c), free(s), free(a), free(b);
        }
}

#include "gradients.h"

/* ---- attention ---- */

static size_t kv_row_bytes(const char *slot, uint32_t d) {
    return strstr(slot, "q8") ? (size_t)(d + 3) / 4 * 4 + 4 : strstr(slot, "f16") ? (size_t)d * 2 : (size_t)d * 4;
}

/* n rows of the slot's form; the stride is longer than a row, and nothing stands behind the last */
static void *kv_rows(const char *slot, trit_kv_span *s, enum mood mood) {
    size_t n_bytes = kv_row_bytes(slot, s->d);
    s->stride = n_bytes + 4 * (next() % 3);
    unsigned char *rows = malloc((s->n ? s->n - 1 : 0) * s->stride + n_bytes);
    assert_non_null(rows);
    for (uint32_t i = 0; i < s->n; i++) {
        unsigned char *row = rows + i * s->stride;
        for (uint32_t j = 0; j < s->d; j++) {
            float x = number(mood);
            uint16_t h = trit_f16_from_f32(x);
            int8_t q = (int8_t)next();
            if (strstr(slot, "q8")) memcpy(row + j, &q, 1);
            else if (strstr(slot, "f16")) memcpy(row + 2 * j, &h, 2);
            else memcpy(row + 4 * j, &x, 4);
        }
        float scale = number(mood);
        if (strstr(slot, "q8")) memcpy(row + (s->d + 3) / 4 * 4, &scale, 4);
    }
    s->rows = rows;
    return rows;
}

/* Queries by positions of d values; every length, and the tiles' edges. */
typedef struct span_shape {
    uint32_t n_queries, n, d;
} span_shape;

static void each_span(const pair *p, void (*check)(const pair *p, span_shape c, enum mood mood)) {
    static const span_shape some[] = {{1, 1, 1},   {4, 2, 16},  {3, 3, 100}, {5, 9, 64}, {4, 32, 128}, {16, 32, 128}, {7, 17, 80},
                                      {2, 16, 96}, {8, 5, 256}, {4, 0, 64},  {1, 31, 15}, {6, 12, 7},  {9, 31, 130},  {4, 32, 576}};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        for (int mood = 0; mood < n_moods; mood++) check(p, some[i], (enum mood)mood);
    for (uint32_t d = 1; d <= 300; d++) check(p, (span_shape){1 + d % trit_kv_max_queries, 1 + d % 5, d}, (enum mood)(d % n_moods));
    for (uint32_t n = 0; n <= trit_kv_max_positions; n++)
        for (uint32_t t = 1; t <= trit_kv_max_queries; t++) check(p, (span_shape){t, n, 40}, calm);
}

static void check_query(const pair *p) {
    for (uint32_t d = 1; d <= 600; d++)
        for (int mood = 0; mood < n_moods; mood++) {
            size_t n = trit_kv_query_width(d) * sizeof(int16_t);
            float *x = floats(d, (enum mood)mood);
            if (d % 7 == 0) memset(x, 0, d * sizeof *x);
            int16_t *a = bytes(n + 64), *b = bytes(n + 64);
            memset(a, 0x55, n + 64);
            memset(b, 0x55, n + 64);
            float scale_a = A(p, kv_query_q8)(a, x, d), scale_b = B(p, kv_query_q8)(b, x, d);
            same_bytes(p, "query", a, b, n + 64);
            same_floats(p, "scale", &scale_a, &scale_b, 1);
            free(x), free(a), free(b);
        }
}

static int16_t *int16s(const span_shape *s, bool extreme) {
    size_t width = trit_kv_query_width(s->d);
    int16_t limit = (int16_t)trit_kv_query_limit(s->d), *q = calloc(s->n_queries * width, sizeof *q);
    assert_non_null(q);
    for (size_t i = 0; i < s->n_queries * width; i++)
        if (i % width < s->d) q[i] = extreme ? (int16_t)-limit : (int16_t)((int)(next() % (2 * (uint32_t)limit + 1)) - limit);
    for (size_t t = 0; t < s->n_queries; t++) trit_kv_query_complete(q + t * width, s->d);
    return q;
}

static void check_scores_of(const pair *p, span_shape c, enum mood mood) {
    trit_kv_span s = {.n = c.n, .d = c.d};
    void *rows = kv_rows(p->row->slot, &s, mood);
    size_t stride = trit_kv_query_width(s.d), n_scores = c.n_queries * (size_t)(s.n + 3);
    float *q = floats(c.n_queries * stride, mood), *scale = floats(c.n_queries, mood), *a = canaries(n_scores), *b = canaries(n_scores);
    int16_t *q8 = int16s(&c, next() % 4 == 0);
    if (strstr(p->row->slot, "q8") && next() % 4 == 0)
        for (uint32_t i = 0; i < s.n; i++) memset((unsigned char *)rows + i * s.stride, 0x80, s.d); /* -128: the largest sums */
    s.next = next() % 2 ? rows : NULL, s.n_next = s.n;
    trit_kv_scores scores = {.keys = s, .q = q, .q8 = q8, .q8_scale = scale, .q_stride = stride, .n_queries = c.n_queries,
                             .score = a + margin, .score_stride = s.n + 3};
    A(p, kv_scores_f32)(&scores);
    scores.score = b + margin;
    B(p, kv_scores_f32)(&scores);
    same_floats(p, "scores", a, b, n_scores + 2 * margin);
    free(rows), free(q), free(q8), free(scale), free(a), free(b);
}

static void check_scores(const pair *p) {
    each_span(p, check_scores_of);
    if (!strstr(p->row->slot, "f16")) return;
    /* All halves, each in some lane with a factor of one. */
    enum { all = 65536 };
    uint16_t *halves = malloc(all * 16 * sizeof *halves);
    float q[16], *a = canaries(all), *b = canaries(all);
    for (uint32_t i = 0; i < all; i++)
        for (uint32_t j = 0; j < 16; j++) halves[i * 16 + j] = j == i % 16 ? (uint16_t)i : 0;
    for (uint32_t j = 0; j < 16; j++) q[j] = 1.0f;
    trit_kv_scores s = {.keys = {.rows = halves, .stride = 32, .n = all, .d = 16}, .q = q, .q_stride = 16, .n_queries = 1, .score = a + margin};
    A(p, kv_scores_f16)(&s);
    s.score = b + margin;
    B(p, kv_scores_f16)(&s);
    same_floats(p, "all halves", a, b, all + 2 * margin);
    free(halves), free(a), free(b);
}

static void check_mix_of(const pair *p, span_shape c, enum mood mood) {
    trit_kv_span s = {.n = c.n, .d = c.d};
    void *rows = kv_rows(p->row->slot, &s, mood);
    size_t n_weights = c.n_queries * (size_t)(s.n + 1), n_y = c.n_queries * (size_t)(s.d + 3);
    float *weight = floats(n_weights, mood), *a = canaries(n_y), *b = canaries(n_y);
    s.next = next() % 2 ? rows : NULL, s.n_next = s.n;
    trit_kv_mix mix = {.values = s, .p = weight, .p_stride = s.n + 1, .n_queries = c.n_queries, .y = a + margin, .y_stride = s.d + 3};
    A(p, kv_mix_f32)(&mix);
    mix.y = b + margin;
    B(p, kv_mix_f32)(&mix);
    same_floats(p, "mix", a, b, n_y + 2 * margin);
    free(rows), free(weight), free(a), free(b);
}

static void check_mix(const pair *p) {
    each_span(p, check_mix_of);
}

static void check_softmax(const pair *p) {
    for (size_t i = 0; i < n_lengths; i++)
        for (int mood = 0; mood < 3 * n_moods; mood++) {
            size_t n = lengths[i];
            float *x = floats(n, (enum mood)(mood % n_moods)), *a = canaries(n), *b = canaries(n);
            if (mood >= n_moods)
                for (size_t j = 0; j < n; j++) x[j] = next() % 9 == 0 ? -INFINITY : uniform() * (mood >= 2 * n_moods ? 200.0f : 10.0f);
            memcpy(a + margin, x, n * sizeof *x);
            memcpy(b + margin, x, n * sizeof *x);
            float factor = mood % 2 ? 0.088f : 1.0f;
            float sum_a = A(p, softmax_exp)(a + margin, n, factor), sum_b = B(p, softmax_exp)(b + margin, n, factor);
            same_floats(p, "exponentials", a, b, n + 2 * margin);
            same_floats(p, "sum", &sum_a, &sum_b, 1);
            free(x), free(a), free(b);
        }
}

static void check_store(const pair *p) {
    for (size_t i = 0; i < n_lengths; i++)
        for (int mood = 0; mood < 4 * n_moods; mood++) {
            uint32_t d = lengths[i];
            size_t n = kv_row_bytes(p->row->slot, d);
            float *x = floats(d, (enum mood)(mood % n_moods));
            if (mood == 0) memset(x, 0, d * sizeof *x);
            if (mood == n_moods)
                for (uint32_t j = 0; j < d; j++) x[j] *= 1e-40f;
            unsigned char *a = bytes(n + 64), *b = bytes(n + 64);
            memset(a, 0x55, n + 64);
            memset(b, 0x55, n + 64);
            A(p, kv_store_f16)(a, x, d);
            B(p, kv_store_f16)(b, x, d);
            same_bytes(p, "row", a, b, n + 64);
            free(x), free(a), free(b);
        }
    if (!strstr(p->row->slot, "f16")) return;
    /* A million floats over all patterns, half of them on or beside the middle of two halves. */
    enum { many = 1 << 20 };
    float *x = malloc(many * sizeof *x);
    uint16_t *a = malloc(many * sizeof *a), *b = malloc(many * sizeof *b);
    for (uint32_t i = 0; i < many; i++) {
        uint32_t bits = i * 4096 + next() % 4096;
        if (i % 2) bits = (bits & ~0x1fffu) + 0x1000 + next() % 3 - 1;
        x[i] = trit_f32_from_bits(bits);
    }
    A(p, kv_store_f16)(a, x, many);
    B(p, kv_store_f16)(b, x, many);
    same_bytes(p, "all patterns", a, b, many * sizeof *a);
    free(x), free(a), free(b);
}

#include "packed.h"

/* ---- tensors ---- */

static const trit_dtype map_types[] = {trit_dtype_f32, trit_dtype_f64, trit_dtype_i8, trit_dtype_i16, trit_dtype_i32, trit_dtype_i64, trit_dtype_u8};

/* Every NaN is one NaN; the rest bit for bit. */
static void same_elements(const pair *p, trit_dtype type, void *a, void *b, size_t n) {
    float *f[2] = {a, b};
    double *d[2] = {a, b};
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < n; i++) {
            if (type == trit_dtype_f32 && f[side][i] != f[side][i]) f[side][i] = 0;
            if (type == trit_dtype_f64 && d[side][i] != d[side][i]) d[side][i] = 0;
        }
    same_bytes(p, "elements", a, b, n * 8);
}

/* Random bits of every type, every function: those of another number of inputs do nothing. */
static void check_maps(const pair *p, bool two) {
    for (size_t t = 0; t < sizeof map_types / sizeof map_types[0]; t++)
        for (size_t n = 0; n <= 300; n += n < 70 ? 1 : 77)
            for (trit_map map = 0; map < trit_n_maps; map++) {
                uint64_t *x = bytes(n * 8 + 8), *u = bytes(n * 8 + 8), *a = bytes(n * 8 + 8), *b = bytes(n * 8 + 8);
                memcpy(b, a, n * 8 + 8);
                if (two) {
                    A(p, map2)(map, map_types[t], a, x, u, n);
                    B(p, map2)(map, map_types[t], b, x, u, n);
                } else {
                    A(p, map1)(map, map_types[t], a, x, n);
                    B(p, map1)(map, map_types[t], b, x, n);
                }
                same_elements(p, map_types[t], a, b, n);
                free(x), free(u), free(a), free(b);
            }
}

static void check_map1(const pair *p) {
    check_maps(p, false);
}

static void check_map2(const pair *p) {
    check_maps(p, true);
}

static void check_choose(const pair *p) {
    for (size_t size = 1; size <= 8; size *= 2)
        for (size_t n = 0; n <= 300; n++) {
            uint8_t *c = bytes(n + 1), *x = bytes(n * 8 + 8), *u = bytes(n * 8 + 8), *a = bytes(n * 8 + 8), *b = bytes(n * 8 + 8);
            for (size_t i = 0; i < n; i++) c[i] = c[i] % 3 ? 0 : c[i];
            memcpy(b, a, n * 8 + 8);
            A(p, choose)(size, a, c, x, u, n);
            B(p, choose)(size, b, c, x, u, n);
            same_bytes(p, "elements", a, b, n * 8 + 8);
            for (size_t i = 0; i < n; i++) assert_memory_equal(a + i * size, (c[i] ? x : u) + i * size, size);
            free(c), free(x), free(u), free(a), free(b);
        }
}

/* Random bits from every type to every other. */
static void check_convert(const pair *p) {
    for (trit_dtype from = 0; from <= trit_dtype_bool; from++)
        for (trit_dtype to = 0; to <= trit_dtype_bool; to++)
            for (size_t n = 0; n <= 300; n += n < 70 ? 1 : 77) {
                uint64_t *x = bytes(n * 8 + 8), *a = bytes(n * 8 + 8), *b = bytes(n * 8 + 8);
                memcpy(b, a, n * 8 + 8);
                A(p, convert)(to, a, from, x, n);
                B(p, convert)(to, b, from, x, n);
                same_elements(p, to, a, b, n);
                free(x), free(a), free(b);
            }
}

/* Random bits again; small numbers in floats, where random bits would make every sum infinite. */
static void *elements(trit_dtype type, size_t n) {
    double *x = bytes(n * 8 + 8);
    for (size_t i = 0; i < n && type == trit_dtype_f64 && next() % 16; i++) x[i] = uniform();
    for (size_t i = 0; i < n && type == trit_dtype_f32 && next() % 16; i++) ((float *)x)[i] = uniform();
    return x;
}

static bool folds_into_type(trit_fold fold, trit_dtype type) {
    const bool is_float = type == trit_dtype_f32 || type == trit_dtype_f64;
    return fold == trit_fold_min || fold == trit_fold_max || (is_float && (fold == trit_fold_sum || fold == trit_fold_prod));
}

static void check_fold_run(const pair *p) {
    for (size_t t = 0; t < sizeof map_types / sizeof map_types[0]; t++)
        for (size_t n = 0; n <= 3000; n += n < 40 ? 1 : n < 900 ? 77 : 1024) {
            void *x = elements(map_types[t], n);
            for (trit_fold fold = 0; fold < trit_n_folds; fold++) {
                uint64_t a = 0, b = 0;
                A(p, fold_run)(fold, map_types[t], &a, x, n);
                B(p, fold_run)(fold, map_types[t], &b, x, n);
                same_elements(p, folds_into_type(fold, map_types[t]) ? map_types[t] : trit_dtype_i64, &a, &b, 1);
            }
            free(x);
        }
}

/* Columns, and the same as runs: one order. */
static void check_fold_rows(const pair *p) {
    static const size_t row_numbers[] = {1, 2, 3, 15, 16, 17, 31, 100, 255, 256};
    static const size_t sizes[] = {4, 8, 1, 2, 4, 8, 1}; /* of map_types */
    for (size_t t = 0; t < sizeof map_types / sizeof map_types[0]; t++)
        for (size_t i = 0; i < sizeof row_numbers / sizeof row_numbers[0]; i++)
            for (trit_fold fold = 0; fold < trit_n_folds; fold++) {
                const size_t n_rows = row_numbers[i], n = i % 2 ? 1 + next() % trit_fold_columns : next() % 9, size = sizes[t];
                const bool same = folds_into_type(fold, map_types[t]);
                unsigned char *x[trit_fold_block], column[trit_fold_block * 8];
                uint64_t *a = bytes(n * 8), *b = bytes(n * 8), *c = bytes(n * 8);
                memcpy(b, a, n * 8), memcpy(c, a, n * 8);
                for (size_t r = 0; r < n_rows; r++) x[r] = elements(map_types[t], n);
                A(p, fold_rows)(fold, map_types[t], a, (const void *const *)x, n_rows, n);
                B(p, fold_rows)(fold, map_types[t], b, (const void *const *)x, n_rows, n);
                for (size_t j = 0; j < n; j++) {
                    for (size_t r = 0; r < n_rows; r++) memcpy(column + r * size, x[r] + j * size, size);
                    trit_kernels_for(trit_cpu_scalar)->fold_run(fold, map_types[t], (char *)c + j * (same ? size : 8), column, n_rows);
                }
                same_elements(p, same ? map_types[t] : trit_dtype_i64, a, b, n);
                same_elements(p, same ? map_types[t] : trit_dtype_i64, c, b, n);
                for (size_t r = 0; r < n_rows; r++) free(x[r]);
                free(a), free(b), free(c);
            }
}

static void fill_elements(trit_dtype type, void *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (type == trit_dtype_f32) ((float *)p)[i] = uniform();
        if (type == trit_dtype_f64) ((double *)p)[i] = (double)uniform();
        if (type == trit_dtype_bool) ((uint8_t *)p)[i] &= 1;
    }
}

static void check_matmul(const pair *p) {
    static const trit_dtype types[] = {trit_dtype_f32, trit_dtype_f64,  trit_dtype_i8, trit_dtype_i16,
                                       trit_dtype_i32, trit_dtype_i64, trit_dtype_u8, trit_dtype_bool};
    static const int64_t sizes[][3] = {{1, 1, 1}, {6, 32, 5}, {7, 67, 3}, {13, 130, 9}, {5, 0, 4}, {2, 40, 0}, {19, 15, 21}, {9, 59, 7}, {11, 200, 5}};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (int turned = 0; turned < 2; turned++) {
                const int64_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
                const size_t n_x = (size_t)((m + 1) * (k + 1)), n_u = (size_t)(k * (n + 3) + 1), n_y = (size_t)(m * (n + 2));
                void *x = bytes(n_x * 8), *u = bytes(n_u * 8), *a = bytes(n_y * 8), *b = bytes(n_y * 8);
                fill_elements(types[t], x, n_x), fill_elements(types[t], u, n_u), fill_elements(types[t], a, n_y);
                memcpy(b, a, n_y * 8);
                trit_matmul q = {types[t], m, n, k, x, turned ? 1 : k + 1, turned ? m + 1 : 1, u, n + 3, a, n + 2, false};
                A(p, matmul)(&q);
                q.y = b;
                B(p, matmul)(&q);
                same_bytes(p, "product", a, b, n_y * 8);
                memset(b, 0, n_y * 8);
                B(p, matmul)(&q);
                const size_t size = trit_dtype_bytes(types[t]);
                for (int64_t i = 0; i < m * (n + 2); i++)
                    memset((char *)a + (size_t)i * size, i % (n + 2) < n ? 0x7f : 0, size); /* columns that it has, and those beside them */
                q.y = a;
                q.from_zero = true;
                A(p, matmul)(&q);
                same_bytes(p, "product from zero", a, b, (size_t)(m * (n + 2)) * size);
                free(x), free(u), free(a), free(b);
            }
}

#include "pairs.h"

/* ---- probes ---- */

static void check_probe_read(const pair *p) {
    uint64_t *words = bytes(64 * 300);
    for (size_t n = 0; n <= 300; n += n < 9 ? 1 : 97) {
        uint64_t a = A(p, probe_read)(words, n * 64), b = B(p, probe_read)(words, n * 64);
        same_bytes(p, "exclusive or", &a, &b, sizeof a);
    }
    free(words);
}

static const uint32_t probe_steps[] = {0, 1, 2, 3, 7, 12, 13, 39, 40, 41, 80, 81, 160, 1000};

static void check_probe_int8(const pair *p) {
    for (int extreme = 0; extreme < 2; extreme++) {
        uint8_t *w = bytes(128);
        int8_t *x = bytes(128);
        for (int i = 0; i < 128; i++) w[i] &= 3;
        for (int i = 0; i < 128 && extreme; i++) w[i] = 3, x[i] = i < 64 ? -128 : 127;
        for (size_t i = 0; i < sizeof probe_steps / sizeof probe_steps[0]; i++) {
            int32_t a = A(p, probe_int8)(w, x, probe_steps[i]), b = B(p, probe_int8)(w, x, probe_steps[i]);
            same_bytes(p, "sum", &a, &b, sizeof a);
        }
        free(w), free(x);
    }
}

static void check_probe_float(const pair *p) {
    float x[16];
    for (int i = 0; i < 16; i++) x[i] = (float)(next() % 9) - 4.0f;
    for (size_t i = 0; i < sizeof probe_steps / sizeof probe_steps[0]; i++) {
        float a = A(p, probe_float)(x, probe_steps[i]), b = B(p, probe_float)(x, probe_steps[i]);
        same_floats(p, "sum", &a, &b, 1);
    }
}

/* ---- the list ---- */

static const struct {
    const char *slot;
    void (*check)(const pair *p);
} checks[] = {
    {"t2_mul", check_t2},          {"t3_mul", check_t2},         {"t2_float_mul", check_t2_float},
    {"c6_mul", check_c6},          {"f32_mul", check_float_mul},  {"f16_mul", check_float_mul},  {"bf16_mul", check_float_mul},
    {"a8_quantize", check_a8},     {"rms_norm", check_rms_norm},  {"add", check_binary},         {"mul", check_binary},
    {"scale", check_scale},        {"silu_mul", check_binary},    {"relu2_mul", check_binary},   {"gelu_mul", check_binary},
    {"norm_grad", check_norm_grad}, {"silu_grad", check_slopes}, {"relu2_grad", check_slopes}, {"gelu_grad", check_slopes},
    {"a8_round", check_a8_round},  {"attend_softmax", check_attend},      {"attend_grad", check_attend},
    {"rope_neox", check_rope},     {"rope_norm", check_rope},     {"softmax_exp", check_softmax}, {"kv_query_q8", check_query},
    {"kv_scores_f32", check_scores}, {"kv_scores_f16", check_scores}, {"kv_scores_q8", check_scores},
    {"kv_mix_f32", check_mix},     {"kv_mix_f16", check_mix},      {"kv_mix_q8", check_mix},
    {"kv_store_f32", check_store}, {"kv_store_f16", check_store}, {"kv_store_q8", check_store},
    {"unpack_two_bit", check_two_bit}, {"unpack_base3", check_base3}, {"unpack_q6_k", check_q6_k}, {"crc32c", check_crc32c},
    {"map1", check_map1},          {"map2", check_map2},         {"choose", check_choose},
    {"convert", check_convert},   {"fold_run", check_fold_run},   {"fold_rows", check_fold_rows},
    {"matmul", check_matmul},      {"bf16_matmul", check_bf16_matmul}, {"bf16_round", check_bf16_round}, {"bf16_pairs", check_bf16_pairs},
    {"nonzeros", check_nonzeros}, {"sparse_mul", check_sparse},   {"quads_mul", check_quads},
    {"quads_i16_mul", check_quads},
    {"probe_read", check_probe_read}, {"probe_int8", check_probe_int8}, {"probe_float", check_probe_float},
};
enum { n_checks = sizeof checks / sizeof checks[0] };

static any_fn twin_of(const trit_kernel_row *row) {
    any_fn fn;
    memcpy(&fn, (const char *)trit_kernels_for(trit_cpu_scalar) + row->offset, sizeof fn);
    return fn;
}

static const char *only; /* the argument, or NULL */

static bool wanted(const trit_kernel_row *row) {
    return trit_cpu_has(row->tier) && (!only || strcmp(only, trit_cpu_tier_name(row->tier)) == 0);
}

static void run_slot(void **slot) {
    size_t n, n_run = 0;
    const trit_kernel_row *rows = trit_kernel_rows(&n);
    print_message("%s:", (const char *)*slot);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].slot, *slot) != 0 || !wanted(&rows[i])) continue;
        print_message(" %s", trit_cpu_tier_name(rows[i].tier));
        pair p = {&rows[i], twin_of(&rows[i])};
        for (size_t c = 0; c < n_checks; c++)
            if (strcmp(checks[c].slot, *slot) == 0) checks[c].check(&p);
        n_run++;
    }
    print_message("\n");
    assert_true(n_run >= 1 || only); /* the twin itself, against itself, at least */
}

/* A tier that is asked for has variants and a processor to run them. */
static void test_wanted(void **unused) {
    (void)unused;
    size_t n, n_wanted = 0;
    const trit_kernel_row *rows = trit_kernel_rows(&n);
    for (size_t i = 0; i < n; i++) n_wanted += wanted(&rows[i]);
    assert_true(n_wanted > 0);
}

/* Every slot has a scalar twin, a check, and something to call at every tier. */
static void test_tables(void **unused) {
    (void)unused;
    assert_int_equal(n_checks, sizeof(trit_kernels) / sizeof(any_fn));
    for (trit_cpu_tier tier = 0; tier < trit_n_cpu_tiers; tier++) {
        any_fn table[n_checks];
        assert_ptr_equal(trit_kernels_for(tier), trit_kernels_for(tier));
        memcpy(table, trit_kernels_for(tier), sizeof table);
        for (size_t i = 0; i < n_checks; i++) assert_true(table[i] != NULL);
    }
    size_t n;
    const trit_kernel_row *rows = trit_kernel_rows(&n);
    for (size_t i = 0; i < n; i++) {
        size_t c = 0;
        while (c < n_checks && strcmp(checks[c].slot, rows[i].slot) != 0) c++;
        assert_true(c < n_checks);
        assert_int_equal(rows[i].offset, c * sizeof(any_fn));
        any_fn fn; /* a tier's own variant is what its table holds */
        memcpy(&fn, (const char *)trit_kernels_for(rows[i].tier) + rows[i].offset, sizeof fn);
        assert_true(fn == rows[i].fn);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) only = argv[1];
    struct CMUnitTest tests[2 + n_checks] = {cmocka_unit_test(test_wanted), cmocka_unit_test(test_tables)};
    for (size_t i = 0; i < n_checks; i++)
        tests[2 + i] = (struct CMUnitTest){checks[i].slot, run_slot, NULL, NULL, (void *)(uintptr_t)checks[i].slot};
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
