/* Layers: bad input, views, nothing, threads, the kernels of programs, the worked example of BitLinear's training, and attention beside the same
 * thing from products and a softmax. Finite differences are in tests/grad, NumPy's and PyTorch's values in tests/numpy and tests/grad. */
#include "test.h"

#include <math.h>

#include "base/json.h"
#include "base/rng.h"
#include "kernel/kernel.h"
#include "trit/trit.h"

static trit_device *one, *two;
static trit_error err;

static int open_devices(void **state) {
    (void)state;
    assert_ok(trit_device_open(&one, "cpu", &(trit_device_opts){.n_threads = 1}, &err));
    assert_ok(trit_device_open(&two, "cpu", &(trit_device_opts){.n_threads = 2}, &err));
    return 0;
}

static int close_devices(void **state) {
    (void)state;
    trit_device_close(one);
    trit_device_close(two);
    return 0;
}

/* The same numbers in -1 ... 1 for the same shape and seed. */
static trit_tensor *numbers(trit_device *device, trit_dtype dtype, uint64_t seed, int64_t rows, int64_t cols) {
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_new(&t, device, dtype, 2, (int64_t[]){rows, cols}, &err));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            assert_ok(trit_tensor_set(t, (int64_t[]){i, j}, trit_rng_unit(seed, (uint64_t)(i * cols + j)) * 2 - 1, &err));
    return t;
}

static trit_tensor *vector(trit_device *device, trit_dtype dtype, uint64_t seed, int64_t n) {
    trit_tensor *row = numbers(device, dtype, seed, 1, n), *t = NULL;
    assert_ok(trit_tensor_reshape(&t, row, 1, &n, &err));
    trit_tensor_free(row);
    return t;
}

/* Documents of `length` rows, of which each row sees at most the last `window`. */
static trit_tensor *positions(trit_device *device, int64_t n, int64_t length, int64_t window) {
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_new(&t, device, trit_dtype_i64, 1, &n, &err));
    int64_t *first = trit_tensor_data(t);
    for (int64_t i = 0; i < n; i++) first[i] = i - i % length > i - window + 1 ? i - i % length : i - window + 1;
    return t;
}

static void same(const trit_tensor *a, const trit_tensor *b) {
    trit_tensor *x = NULL, *y = NULL;
    assert_ok(trit_tensor_copy(&x, a, &err));
    assert_ok(trit_tensor_copy(&y, b, &err));
    assert_int_equal(trit_tensor_n_elements(x), trit_tensor_n_elements(y));
    assert_memory_equal(trit_tensor_data(x), trit_tensor_data(y), (size_t)trit_tensor_n_elements(x) * (trit_tensor_dtype(x) == trit_dtype_f32 ? 4 : 8));
    trit_tensor_free(x);
    trit_tensor_free(y);
}

/* ---- what is refused ---- */

static void refused(trit_status status, trit_tensor *out, const char *words) {
    if (status != trit_arg || out || !strstr(err.message, words)) fail_msg("\"%s\" lacks \"%s\"", err.message, words);
}

static void bad_input(void **state) {
    (void)state;
    trit_tensor *x = numbers(one, trit_dtype_f32, 1, 4, 12), *w = vector(one, trit_dtype_f32, 2, 12), *wide = numbers(one, trit_dtype_f64, 1, 4, 12),
                *half = NULL, *whole = NULL, *first = positions(one, 4, 4, 9), *late = positions(one, 4, 4, 9), *y = NULL,
                *other = numbers(one, trit_dtype_f32, 1, 5, 12), *angles = numbers(one, trit_dtype_f32, 3, 4, 6);
    assert_ok(trit_tensor_cast(&half, x, trit_dtype_f16, &err));
    assert_ok(trit_tensor_cast(&whole, x, trit_dtype_i32, &err));
    refused(trit_tensor_rms_norm(&y, half, w, 1, 1e-5, &err), y, "rms_norm: elements of F16");
    refused(trit_tensor_rms_norm(&y, wide, w, 1, 1e-5, &err), y, "elements of F32 beside those of F64");
    refused(trit_tensor_rms_norm(&y, x, w, 5, 1e-5, &err), y, "rms_norm: rows of x [4, 12] do not divide into 5 parts");
    refused(trit_tensor_rms_norm(&y, x, w, 0, 1e-5, &err), y, "into 0 parts");
    refused(trit_tensor_rms_norm(&y, x, w, 2, 1e-5, &err), y, "x [4, 12] and w [12]");
    refused(trit_tensor_rope(&y, x, angles, 7, true, &err), y, "rope: rows of x [4, 12] do not divide into 7 heads");
    refused(trit_tensor_rope(&y, x, angles, 3, true, &err), y, "x [4, 12] and angles [4, 6]");
    refused(trit_tensor_rope(&y, other, angles, 2, true, &err), y, "x [5, 12] and angles [4, 6]");
    refused(trit_tensor_attention(&y, x, x, x, first, 4, 3, 1, &err), y, "4 heads do not share 3 heads");
    refused(trit_tensor_attention(&y, x, x, x, first, 4, 0, 1, &err), y, "4 heads do not share 0 heads");
    refused(trit_tensor_attention(&y, x, x, x, first, 4, 2, 1, &err), y, "q [4, 12] and k [4, 12]: heads are of one size");
    refused(trit_tensor_attention(&y, x, x, other, first, 4, 4, 1, &err), y, "q [4, 12] and v [5, 12]");
    refused(trit_tensor_attention(&y, x, x, x, w, 4, 4, 1, &err), y, "first positions of F32");
    refused(trit_tensor_attention(&y, x, x, x, whole, 4, 4, 1, &err), y, "first [4, 12]");
    ((int64_t *)trit_tensor_data(late))[2] = 3;
    refused(trit_tensor_attention(&y, x, x, x, late, 4, 4, 1, &err), y, "attention: row 2 sees rows from 3 on, not from within 0 ... 2");
    ((int64_t *)trit_tensor_data(late))[2] = -1;
    refused(trit_tensor_attention(&y, x, x, x, late, 4, 4, 1, &err), y, "row 2 sees rows from -1 on");
    refused(trit_tensor_glu(&y, x, other, trit_act_silu, &err), y, "gate [4, 12] and up [5, 12]");
    refused(trit_tensor_glu(&y, x, x, (trit_activation)9, &err), y, "no activation 9");
    refused(trit_tensor_absmax_int8(&y, whole, 1, &err), y, "elements of I32");
    refused(trit_tensor_absmax_int8(&y, x, 1.5, &err), y, "lambda is 1.5");
    refused(trit_tensor_absmean_ternary(&y, x, -1, 1, &err), y, "groups of -1");
    refused(trit_tensor_absmean_ternary(&y, w, 0, 1, &err), y, "w [12] in groups of 0");
    refused(trit_tensor_absmean_ternary(&y, x, 0, NAN, &err), y, "lambda is");
    trit_tensor *const all[] = {x, w, wide, half, whole, first, late, other, angles};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

/* ---- all of them, forward and back ---- */

enum { n_layers = 10 };

/* Layer number `what` of x and b [T, 96], w [24] and angles [T, 12]. */
static trit_status layer(int what, trit_tensor **out, const trit_tensor *x, const trit_tensor *b, const trit_tensor *w, const trit_tensor *angles,
                         const trit_tensor *first) {
    switch (what) {
    case 0: return trit_tensor_rms_norm(out, x, w, 4, 1e-5, &err);
    case 1: return trit_tensor_rope(out, x, angles, 6, true, &err);
    case 2: return trit_tensor_rope(out, x, angles, 6, false, &err);
    case 3: return trit_tensor_attention(out, x, b, x, first, 4, 4, 0.3, &err);
    case 4: return trit_tensor_glu(out, x, b, trit_act_silu, &err);
    case 5: return trit_tensor_glu(out, x, b, trit_act_relu2, &err);
    case 6: return trit_tensor_glu(out, x, b, trit_act_gelu, &err);
    case 7: return trit_tensor_absmax_int8(out, x, 0.7, &err);
    case 8: return trit_tensor_absmean_ternary(out, x, 0, 1, &err);
    default: return trit_tensor_absmean_ternary(out, x, 36, 0.4, &err);
    }
}

typedef struct results {
    trit_tensor *y, *dx, *db, *dw; /* NULL where there is none */
} results;

static trit_tensor *owned(trit_tensor *t) {
    trit_tensor *copy = NULL;
    if (t) assert_ok(trit_tensor_copy(&copy, t, &err));
    return copy;
}

/* Of T rows; `turned`: inputs that lie across memory. */
static results run(int what, trit_device *device, trit_dtype dtype, int64_t n_rows, bool turned) {
    trit_tensor *w = vector(device, dtype, 3, 24), *angles = numbers(device, dtype, 4, n_rows, 12), *first = positions(device, n_rows, 150, 70),
                *flat[2] = {numbers(device, dtype, 1, n_rows, 96), numbers(device, dtype, 2, n_rows, 96)}, *in[2], *y = NULL, *seed = NULL;
    for (int i = 0; i < 2; i++) {
        trit_tensor *t = NULL, *copy = NULL;
        in[i] = NULL;
        assert_ok(trit_tensor_permute(&t, flat[i], NULL, &err));
        assert_ok(trit_tensor_copy(&copy, t, &err));
        if (turned)
            assert_ok(trit_tensor_permute(&in[i], copy, NULL, &err));
        else
            assert_ok(trit_tensor_copy(&in[i], flat[i], &err));
        trit_tensor_free(t);
        trit_tensor_free(copy);
    }
    trit_tape *tape;
    assert_ok(trit_tape_new(&tape, &err));
    assert_ok(trit_tape_watch(tape, in[0], &err));
    assert_ok(trit_tape_watch(tape, in[1], &err));
    assert_ok(trit_tape_watch(tape, w, &err));
    assert_ok(layer(what, &y, in[0], in[1], w, angles, first));
    seed = numbers(device, dtype, 5, n_rows, 96);
    assert_ok(trit_tape_backward(tape, y, seed, &err));
    const results r = {owned(y), owned(trit_tape_gradient(tape, in[0])), owned(trit_tape_gradient(tape, in[1])), owned(trit_tape_gradient(tape, w))};
    trit_tensor *const all[] = {w, angles, first, flat[0], flat[1], in[0], in[1], y, seed};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
    trit_tape_free(tape);
    return r;
}

static void same_results(results a, results b) {
    trit_tensor *const x[] = {a.y, a.dx, a.db, a.dw}, *const y[] = {b.y, b.dx, b.db, b.dw};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(!x[i], !y[i]);
        if (x[i]) same(x[i], y[i]);
        trit_tensor_free(x[i]);
        trit_tensor_free(y[i]);
    }
}

static void same_bits_for_any_number_of_threads(void **state) {
    (void)state;
    for (int what = 0; what < n_layers; what++) {
        same_results(run(what, one, trit_dtype_f32, 461, false), run(what, two, trit_dtype_f32, 461, false));
        same_results(run(what, one, trit_dtype_f64, 170, false), run(what, two, trit_dtype_f64, 170, false));
    }
}

static void views(void **state) {
    (void)state;
    for (int what = 0; what < n_layers; what++) same_results(run(what, one, trit_dtype_f32, 53, false), run(what, one, trit_dtype_f32, 53, true));
}

static void no_rows(void **state) {
    (void)state;
    for (int what = 0; what < n_layers; what++) same_results(run(what, one, trit_dtype_f32, 0, false), run(what, two, trit_dtype_f32, 0, false));
}

/* ---- the ops of programs ---- */

static void bits_of_programs(void **state) {
    (void)state;
    enum { n_rows = 3, n = 96, n_heads = 4, d = n / n_heads, half = 6 };
    const trit_kernels *k = trit_kernels_for(trit_cpu_scalar);
    trit_tensor *x = numbers(two, trit_dtype_f32, 1, n_rows, n), *b = numbers(two, trit_dtype_f32, 2, n_rows, n), *w = vector(two, trit_dtype_f32, 3, d),
                *angles = numbers(two, trit_dtype_f32, 4, n_rows, 2 * half);
    void (*const glus[])(float *, const float *, const float *, size_t) = {k->silu_mul, k->relu2_mul, k->gelu_mul};
    for (int what = 0; what < 6; what++) {
        trit_tensor *y = NULL;
        float want[n_rows][n];
        if (what == 0) assert_ok(trit_tensor_rms_norm(&y, x, w, n_heads, 1e-5, &err));
        if (what == 1 || what == 2) assert_ok(trit_tensor_rope(&y, x, angles, n_heads, what == 1, &err));
        if (what > 2) assert_ok(trit_tensor_glu(&y, x, b, (trit_activation)(what - 3), &err));
        for (int r = 0; r < n_rows; r++) {
            const float *row = (const float *)trit_tensor_data(x) + r * n, *angle = (const float *)trit_tensor_data(angles) + r * 2 * half;
            memcpy(want[r], row, sizeof want[r]);
            for (int h = 0; h < n_heads; h++) {
                if (what == 0) k->rms_norm(want[r] + h * d, row + h * d, trit_tensor_data(w), d, 1e-5f);
                if (what == 1 || what == 2) (what == 1 ? k->rope_neox : k->rope_norm)(want[r] + h * d, angle, angle + half, 2 * half);
            }
            if (what > 2) glus[what - 3](want[r], row, (const float *)trit_tensor_data(b) + r * n, n);
        }
        assert_memory_equal(trit_tensor_data(y), want, sizeof want);
        trit_tensor_free(y);
    }
    trit_tensor_free(x), trit_tensor_free(b), trit_tensor_free(w), trit_tensor_free(angles);
}

/* ---- a BitLinear in training ---- */

static trit_tensor *matrix(const trit_json *rows, trit_dtype dtype) {
    const bool nested = trit_json_length(trit_json_at(rows, 0)) > 0;
    const int64_t m = (int64_t)trit_json_length(rows), n = nested ? (int64_t)trit_json_length(trit_json_at(rows, 0)) : 1;
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_new(&t, two, dtype, nested ? 2 : 1, (int64_t[]){m, n}, &err));
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            const trit_json *v = trit_json_at(rows, (size_t)i);
            assert_ok(trit_tensor_set(t, (int64_t[]){i, j}, trit_json_as_real(nested ? trit_json_at(v, (size_t)j) : v, NAN), &err));
        }
    return t;
}

/* Within 1e-6 of what the example says. */
static void near(const char *name, const trit_tensor *got, const trit_json *want, trit_dtype dtype) {
    trit_tensor *w = matrix(want, dtype);
    assert_non_null(got);
    assert_int_equal(trit_tensor_n_elements(got), trit_tensor_n_elements(w));
    trit_tensor *a = NULL, *b = NULL;
    assert_ok(trit_tensor_cast(&a, got, trit_dtype_f64, &err));
    assert_ok(trit_tensor_cast(&b, w, trit_dtype_f64, &err));
    const double *x = trit_tensor_data(a), *y = trit_tensor_data(b);
    for (int64_t i = 0; i < trit_tensor_n_elements(a); i++)
        if (!(fabs(x[i] - y[i]) <= 1e-6)) fail_msg("%s[%lld]: %.9g, not %.9g", name, (long long)i, x[i], y[i]);
    trit_tensor_free(a), trit_tensor_free(b), trit_tensor_free(w);
}

static void check_bitlinear(const trit_json *example, trit_dtype dtype, double lambda) {
    const trit_json *mixed = trit_json_get(example, "lambda_0.3");
    trit_tensor *x = matrix(trit_json_get(example, "X"), dtype), *w = matrix(trit_json_get(example, "W"), dtype),
                *gain = matrix(trit_json_get(example, "g"), dtype), *dy = matrix(trit_json_get(example, "dY"), dtype), *z = NULL, *q = NULL, *trits = NULL,
                *turned = NULL, *y = NULL;
    trit_tape *tape;
    assert_ok(trit_tape_new(&tape, &err));
    assert_ok(trit_tape_watch(tape, x, &err));
    assert_ok(trit_tape_watch(tape, w, &err));
    assert_ok(trit_tape_watch(tape, gain, &err));
    assert_ok(trit_tensor_rms_norm(&z, x, gain, 1, trit_json_as_real(trit_json_get(example, "eps"), NAN), &err));
    assert_ok(trit_tensor_absmax_int8(&q, z, lambda, &err));
    assert_ok(trit_tensor_absmean_ternary(&trits, w, 0, lambda, &err));
    assert_ok(trit_tensor_transpose(&turned, trits, 0, 1, &err));
    assert_ok(trit_tensor_matmul(&y, q, turned, &err));
    assert_ok(trit_tape_backward(tape, y, dy, &err));
    near("Y", y, trit_json_get(lambda == 1 ? example : mixed, "Y"), dtype);
    if (lambda == 1) {
        near("dW", trit_tape_gradient(tape, w), trit_json_get(example, "dW"), dtype);
        near("dX", trit_tape_gradient(tape, x), trit_json_get(example, "dX"), dtype);
        near("dgain", trit_tape_gradient(tape, gain), trit_json_get(example, "dg"), dtype);
    } else {
        near("W_eff", trits, trit_json_get(mixed, "W_eff"), dtype);
        near("x_eff", q, trit_json_get(mixed, "x_eff"), dtype);
    }
    trit_tensor *const all[] = {x, w, gain, dy, z, q, trits, turned, y};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
    trit_tape_free(tape);
}

static void bitlinear(void **state) {
    (void)state;
    require_shared("spec/examples/bitlinear_train.json");
    size_t n;
    char *text = test_read(test_shared("spec/examples/bitlinear_train.json"), &n);
    trit_json *example;
    assert_ok(trit_json_parse(&example, text, n, "example", &err));
    for (int i = 0; i < 4; i++) check_bitlinear(example, i & 1 ? trit_dtype_f32 : trit_dtype_f64, i & 2 ? 1 : 0.3);
    trit_json_free(example);
    free(text);
}

/* ---- attention ---- */

/* Head h of n_heads of t, on its tape. */
static trit_tensor *head_of(const trit_tensor *t, int64_t h, int64_t n_heads) {
    const int64_t d = trit_tensor_shape(t)[1] / n_heads;
    trit_tensor *y = NULL;
    const trit_slice part[] = {{.kind = trit_slice_full},
                               {.kind = trit_slice_range, .first = h * d, .last = (h + 1) * d, .step = 1, .has_first = true, .has_last = true}};
    assert_ok(trit_tensor_slice(&y, t, 2, part, &err));
    return y;
}

/* By the whole matrix of scores. `hidden` is -1e30 where a row does not see another, else 0. */
static trit_tensor *plainly(trit_tensor *const *in, const trit_tensor *hidden, int64_t n_heads, int64_t n_kv_heads, double factor) {
    trit_tensor *heads[8], *y = NULL;
    for (int64_t h = 0; h < n_heads; h++) {
        trit_tensor *q = head_of(in[0], h, n_heads), *k = head_of(in[1], h / (n_heads / n_kv_heads), n_kv_heads),
                    *v = head_of(in[2], h / (n_heads / n_kv_heads), n_kv_heads), *turned = NULL, *s = NULL, *scaled = NULL, *masked = NULL, *p = NULL;
        heads[h] = NULL;
        assert_ok(trit_tensor_transpose(&turned, k, 0, 1, &err));
        assert_ok(trit_tensor_matmul(&s, q, turned, &err));
        assert_ok(trit_tensor_with_number(&scaled, trit_tensor_mul, s, factor, &err));
        assert_ok(trit_tensor_add(&masked, scaled, hidden, &err));
        assert_ok(trit_tensor_softmax(&p, masked, 1, &err));
        assert_ok(trit_tensor_matmul(&heads[h], p, v, &err));
        trit_tensor *const all[] = {q, k, v, turned, s, scaled, masked, p};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
    }
    assert_ok(trit_tensor_concat(&y, (uint32_t)n_heads, (const trit_tensor *const *)heads, 1, &err));
    for (int64_t h = 0; h < n_heads; h++) trit_tensor_free(heads[h]);
    return y;
}

static void near_tensor(const char *what, trit_tensor *got, trit_tensor *want, double tolerance) {
    for (int64_t i = 0; i < trit_tensor_shape(want)[0]; i++)
        for (int64_t j = 0; j < trit_tensor_shape(want)[1]; j++) {
            double a, b;
            assert_ok(trit_tensor_get(got, (int64_t[]){i, j}, &a, &err));
            assert_ok(trit_tensor_get(want, (int64_t[]){i, j}, &b, &err));
            if (!(fabs(a - b) <= tolerance)) fail_msg("%s [%lld, %lld]: %.9g, not %.9g", what, (long long)i, (long long)j, a, b);
        }
}

/* Rows that see `window` rows of documents of `length`. */
static void check_attention(trit_dtype dtype, int64_t n, int64_t n_heads, int64_t n_kv_heads, int64_t d, int64_t length, int64_t window, double factor) {
    trit_tensor *first = positions(two, n, length, window), *hidden = NULL, *y[2] = {NULL, NULL}, *gradient[2][3], *dy = numbers(two, dtype, 9, n, n_heads * d);
    assert_ok(trit_tensor_zeros(&hidden, two, dtype, 2, (int64_t[]){n, n}, &err));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            if (j > i || j < ((int64_t *)trit_tensor_data(first))[i]) assert_ok(trit_tensor_set(hidden, (int64_t[]){i, j}, -1e30, &err));
    for (int plain = 0; plain < 2; plain++) {
        trit_tensor *in[3];
        trit_tape *tape;
        assert_ok(trit_tape_new(&tape, &err));
        for (int i = 0; i < 3; i++) {
            in[i] = numbers(two, dtype, (uint64_t)i, n, d * (i ? n_kv_heads : n_heads));
            assert_ok(trit_tape_watch(tape, in[i], &err));
        }
        if (plain)
            y[plain] = plainly(in, hidden, n_heads, n_kv_heads, factor);
        else
            assert_ok(trit_tensor_attention(&y[plain], in[0], in[1], in[2], first, n_heads, n_kv_heads, factor, &err));
        assert_ok(trit_tape_backward(tape, y[plain], dy, &err));
        for (int i = 0; i < 3; i++) {
            gradient[plain][i] = owned(trit_tape_gradient(tape, in[i]));
            trit_tensor_free(in[i]);
        }
        trit_tape_free(tape);
    }
    const double tolerance = dtype == trit_dtype_f64 ? 1e-13 : 2e-5;
    near_tensor("attention", y[0], y[1], tolerance);
    for (int i = 0; i < 3; i++) near_tensor("gradient", gradient[0][i], gradient[1][i], tolerance);
    for (int i = 0; i < 2; i++) {
        trit_tensor_free(y[i]);
        for (int j = 0; j < 3; j++) trit_tensor_free(gradient[i][j]);
    }
    trit_tensor_free(first), trit_tensor_free(hidden), trit_tensor_free(dy);
}

static void attention(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        const trit_dtype dtype = i ? trit_dtype_f32 : trit_dtype_f64;
        check_attention(dtype, 1, 1, 1, 3, 1, 1, 1);
        check_attention(dtype, 130, 4, 2, 20, 130, 130, 0.2);  /* one document, several blocks */
        check_attention(dtype, 150, 2, 2, 16, 37, 150, 3);     /* documents */
        check_attention(dtype, 145, 3, 1, 5, 100, 9, -2);      /* windows, and a factor that turns things round */
        check_attention(dtype, 96, 2, 1, 32, 96, 1, 0);        /* each row itself */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_input), cmocka_unit_test(same_bits_for_any_number_of_threads), cmocka_unit_test(views), cmocka_unit_test(no_rows),
        cmocka_unit_test(bits_of_programs), cmocka_unit_test(bitlinear), cmocka_unit_test(attention),
    };
    return cmocka_run_group_tests(tests, open_devices, close_devices);
}
