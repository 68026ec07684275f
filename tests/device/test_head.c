/* The head in two steps (device/cpu/head.c) against the head in one: of heads built to break its bound, every result that may be among
 * the largest has the same bits, every other one is -infinity, and samplers draw the same tokens. */
#include "test.h"

#include <math.h>

#include "device/device.h"
#include "trit/trit.h"

enum { n_rows = 8195, n_cols = 520, n_tokens = 5 }; /* just large enough to be worth coarse rows; no multiple of 64 */

static float x[n_tokens][n_cols];
static float *w; /* [n_rows, n_cols] */
static uint32_t seed = 1;

static float uniform(void) {
    return (float)test_lcg(&seed) / 32768.0f - 1;
}

static float bell(void) {
    return uniform() + uniform() + uniform();
}

static void fill_random(void) {
    for (size_t i = 0; i < (size_t)n_rows * n_cols; i++) w[i] = bell() / 32;
}

static void fill_equal_rows(void) {
    for (size_t i = 0; i < (size_t)n_rows * n_cols; i++) w[i] = i < n_cols ? bell() : w[i - n_cols];
}

/* Differences far below a step of the coarse rows. */
static void fill_twins(void) {
    fill_equal_rows();
    for (size_t i = 0; i < (size_t)n_rows * n_cols; i += 97) w[i] += uniform() * 0x1p-12f;
}

/* One entry so large that the coarse row holds little else. */
static void fill_outliers(void) {
    fill_random();
    for (size_t r = 0; r < n_rows; r++) w[r * n_cols + r % n_cols] = 40 * uniform();
}

/* What the coarse rows leave out points along x: the error is as large as Cauchy and Schwarz allow, upwards and downwards in turn. */
static void fill_along_x(void) {
    for (size_t r = 0; r < n_rows; r++)
        for (size_t c = 0; c < n_cols; c++) {
            float direction = (x[r % n_tokens][c] > 0) == (r % 2 == 0) ? 0.49f : -0.49f;
            w[r * n_cols + c] = c == 0 ? 127 : floorf(20 * uniform()) + direction;
        }
}

static void fill_zeros_and_tiny(void) {
    for (size_t i = 0; i < (size_t)n_rows * n_cols; i++) w[i] = i / n_cols % 3 == 0 ? 0 : bell() * 1e-38f;
}

/* A broken row must not be hidden. */
static void fill_broken(void) {
    fill_random();
    w[(size_t)77 * n_cols + 3] = NAN;
    w[(size_t)78 * n_cols + 4] = INFINITY;
}

typedef struct rig {
    trit_device *device;
    trit_weight table, head;
    trit_program program;
    trit_exec *exec;
} rig;

static void upload(rig *r, trit_weight *out, const float *values, uint32_t rows) {
    trit_error err;
    trit_quant_matrix m = {.dtype = trit_dtype_f32, .data = (const uint8_t *)values, .n_bytes = (uint64_t)rows * n_cols * sizeof *values,
                           .n_rows = rows, .n_cols = n_cols, .scale = 1};
    assert_ok(r->device->vt->upload(r->device, out, &m, &err));
}

static void rig_open(rig *r, unsigned n_threads) {
    trit_error err;
    assert_ok(trit_device_open(&r->device, "cpu", &(trit_device_opts){.n_threads = n_threads}, &err));
    upload(r, &r->table, x[0], n_tokens);
    upload(r, &r->head, w, n_rows);
    assert_ok(r->device->vt->prepare_head(r->device, &r->head, &err));
    assert_non_null(r->head.coarse);
    trit_program_init(&r->program);
    trit_value hidden = trit_emit_select(&r->program, trit_emit_embed(&r->program, &r->table, 1.0f));
    assert_ok(trit_program_finish(&r->program, trit_emit_head(&r->program, hidden, &r->head), &err));
    trit_exec_opts o = {.program = &r->program, .kv = {trit_kv_form_f32, 1, 1, 1, 2}, .max_tokens = n_tokens, .max_outputs = n_tokens, .context = 32};
    assert_ok(r->device->vt->exec_new(r->device, &r->exec, &o, &err));
}

static void rig_close(rig *r) {
    r->device->vt->exec_free(r->exec);
    trit_program_fini(&r->program);
    r->device->vt->weight_free(r->device, &r->head);
    r->device->vt->weight_free(r->device, &r->table);
    trit_device_close(r->device);
}

/* results [n_tokens, n_rows] */
static void run(rig *r, float *results, const uint32_t *top) {
    static const int32_t tokens[n_tokens] = {0, 1, 2, 3, 4};
    static const uint32_t indices[n_tokens] = {0, 1, 2, 3, 4}, zeros[n_tokens];
    trit_error err;
    const float *rows;
    size_t stride;
    trit_batch b = {.n_tokens = n_tokens, .n_outputs = n_tokens, .token = tokens, .position = indices, .sequence = zeros, .output = indices,
                    .top = top, .page_table = zeros, .max_pages = 1};
    assert_ok(r->device->vt->run(r->exec, &b, &rows, &stride, &err));
    for (size_t o = 0; o < n_tokens; o++) memcpy(results + o * n_rows, rows + o * stride, n_rows * sizeof *results);
}

static int falling(const void *a, const void *b) {
    float p = *(const float *)a, q = *(const float *)b;
    return p < q ? 1 : p > q ? -1 : 0;
}

static size_t check(const float *full, const float *part, uint32_t top) {
    float *sorted = malloc(n_rows * sizeof *sorted);
    size_t n = 0, n_computed = 0;
    assert_non_null(sorted);
    for (size_t i = 0; i < n_rows; i++)
        if (!isnan(full[i])) sorted[n++] = full[i];
    qsort(sorted, n, sizeof *sorted, falling);
    for (size_t i = 0; i < n_rows; i++) {
        bool same = memcmp(&full[i], &part[i], sizeof full[i]) == 0;
        bool must = isnan(full[i]) || full[i] >= sorted[top - 1];
        if (!same && (must || part[i] != -INFINITY)) fail_msg("result %zu is %g, not %g", i, (double)part[i], (double)full[i]);
        n_computed += same;
    }
    free(sorted);
    return n_computed;
}

static void draw_alike(const float *full, const float *part, uint32_t top) {
    trit_error err;
    trit_sampler *a, *b;
    static float logits[n_rows];
    trit_sampling s = {.temperature = 0.9f, .top_k = top, .top_p = 0.95f, .min_p = 0.01f, .typical_p = 0.9f, .xtc_probability = 0.3f, .seed = 4};
    assert_ok(trit_sampler_new(&a, &s, n_rows, 8, NULL, &err));
    assert_ok(trit_sampler_new(&b, &s, n_rows, 8, NULL, &err));
    for (int i = 0; i < 100; i++) {
        memcpy(logits, full, sizeof logits);
        int32_t of_full = trit_sampler_pick(a, logits, NULL, 0);
        memcpy(logits, part, sizeof logits);
        assert_int_equal(trit_sampler_pick(b, logits, NULL, 0), of_full);
    }
    trit_sampler_free(a);
    trit_sampler_free(b);
}

static void heads(void **state) {
    (void)state;
    static const struct {
        const char *name;
        void (*fill)(void);
        double most_computed; /* of all rows, for 40 of them */
    } kinds[] = {{"random", fill_random, 0.15},       {"equal rows", fill_equal_rows, 1}, {"twins", fill_twins, 1},
                 {"outliers", fill_outliers, 1},      {"along x", fill_along_x, 1},       {"zeros and tiny ones", fill_zeros_and_tiny, 1},
                 {"broken rows", fill_broken, 0.15}};
    static const uint32_t tops[] = {1, 3, 40, 256};
    float *full = malloc((size_t)n_tokens * n_rows * sizeof *full), *part = malloc((size_t)n_tokens * n_rows * sizeof *part);
    w = malloc((size_t)n_rows * n_cols * sizeof *w);
    assert_true(full && part && w);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (size_t i = 0; i < n_tokens; i++)
            for (size_t c = 0; c < n_cols; c++) x[i][c] = bell();
        kinds[k].fill();
        for (unsigned n_threads = 1; n_threads <= 3; n_threads += 2) {
            rig r;
            rig_open(&r, n_threads);
            run(&r, full, NULL);
            for (size_t i = 0; i < sizeof tops / sizeof tops[0]; i++) {
                uint32_t top[n_tokens] = {tops[i], 40, tops[i], 1, 7};
                run(&r, part, top);
                for (size_t o = 0; o < n_tokens; o++) {
                    size_t n = check(full + o * n_rows, part + o * n_rows, top[o]);
                    if (top[o] != 40) continue;
                    if (i == 0 && n_threads == 1) print_message("%-20s %5.1f%% of the rows for 40 of them\n", kinds[k].name, 100.0 * (double)n / n_rows);
                    assert_true((double)n <= kinds[k].most_computed * n_rows);
                    if (strncmp(kinds[k].name, "broken", 6) != 0) draw_alike(full + o * n_rows, part + o * n_rows, 40);
                }
            }
            uint32_t all_of_one[n_tokens] = {40, 40, 0, 40, 40}; /* then all are computed */
            run(&r, part, all_of_one);
            assert_memory_equal(full, part, (size_t)n_tokens * n_rows * sizeof *full);
            rig_close(&r);
        }
    }
    free(w);
    free(full);
    free(part);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(heads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
