/* Quantized tensors: what quant/ packs, in views that leave blocks whole, in files, and refused where numbers are asked for. */
#include "test.h"

#include <math.h>

#include "base/alloc.h"
#include "quant/quant.h"
#include "tensor/tensor.h"
#include "trit/arrays.h"
#include "trit/cast.h"
#include "trit/grad.h"
#include "trit/index.h"
#include "trit/linalg.h"
#include "trit/maps.h"
#include "trit/reduce.h"

static trit_device *cpu;
static trit_error err;

static int set_up(void **state) {
    (void)state;
    return trit_device_open(&cpu, "cpu", &(trit_device_opts){.n_threads = 2}, &err) != trit_ok;
}

static int tear_down(void **state) {
    (void)state;
    trit_device_close(cpu);
    return 0;
}

static void refused(trit_status status, const char *text) {
    assert_int_equal(status, trit_arg);
    if (!strstr(err.message, text)) fail_msg("\"%s\" lacks \"%s\"", err.message, text);
}

static trit_tensor *normal(int64_t rows, int64_t cols) {
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_randn(&t, cpu, trit_dtype_f32, 2, (int64_t[]){rows, cols}, 7, &err));
    return t;
}

static trit_tensor *cast(const trit_tensor *t, trit_dtype dtype) {
    trit_tensor *y = NULL;
    assert_ok(trit_tensor_cast(&y, t, dtype, &err));
    return y;
}

/* The bytes are those that the format packs, from any strides; and come back as it unpacks them. */
static void packed_as_files(void **state) {
    (void)state;
    enum { rows = 5, cols = 2304 };
    static float back[rows][cols];
    trit_tensor *t = normal(rows, cols), *other = normal(cols, rows), *turned = NULL;
    assert_ok(trit_tensor_permute(&turned, other, NULL, &err));
    assert_ok(trit_tensor_assign(turned, t, &err));
    int n = 0;
    for (int d = 0; d < trit_n_dtypes; d++) {
        const trit_quant_format *format = trit_quant_format_of((trit_dtype)d);
        if (!trit_dtype_is_blocks((trit_dtype)d)) continue;
        trit_tensor *q = NULL;
        if (!format->pack) {
            assert_int_equal(trit_tensor_cast(&q, t, (trit_dtype)d, &err), trit_unsupported);
            continue;
        }
        uint64_t n_bytes;
        assert_true(trit_dtype_n_bytes((trit_dtype)d, rows, cols, &n_bytes));
        uint8_t *want = malloc(n_bytes);
        for (size_t r = 0; r < rows; r++) format->pack((const float *)trit_tensor_data(t) + r * cols, cols, want + r * (n_bytes / rows));
        const trit_quant_matrix m = {.dtype = (trit_dtype)d, .data = want, .n_bytes = n_bytes, .n_rows = rows, .n_cols = cols, .scale = 1};
        for (size_t r = 0; r < rows; r++) format->unpack(&m, r, back[r]);
        q = cast(n % 2 ? turned : t, (trit_dtype)d);
        assert_int_equal(trit_tensor_n_bytes(q), n_bytes);
        assert_memory_equal(trit_tensor_data(q), want, n_bytes);
        trit_tensor *x = cast(q, trit_dtype_f32), *again = cast(q, (trit_dtype)d), *made = NULL;
        assert_memory_equal(trit_tensor_data(x), back, sizeof back);
        assert_memory_equal(trit_tensor_data(again), want, n_bytes);
        assert_ok(trit_tensor_from(&made, cpu, (trit_dtype)d, 2, trit_tensor_shape(t), want, &err));
        assert_memory_equal(trit_tensor_data(made), want, n_bytes);
        trit_tensor_free(q), trit_tensor_free(x), trit_tensor_free(again), trit_tensor_free(made);
        free(want);
        n++;
    }
    assert_true(n >= 17);
    trit_tensor_free(t), trit_tensor_free(other), trit_tensor_free(turned);
}

/* Rows may go, turn and repeat; blocks may be left out, and not be cut. */
static void views(void **state) {
    (void)state;
    trit_tensor *t = normal(6, 128), *q = cast(t, trit_dtype_q4_0), *v = NULL, *back = NULL, *want = NULL, *never = NULL;
    trit_tensor *whole = cast(q, trit_dtype_f32);
    const trit_slice odd_rows_end[] = {{.kind = trit_slice_range, .step = -2}, {.kind = trit_slice_range, .first = 64, .has_first = true}};
    assert_ok(trit_tensor_slice(&v, q, 2, odd_rows_end, &err));
    assert_true(trit_tensor_shares(v, q));
    back = cast(v, trit_dtype_f64);
    assert_ok(trit_tensor_slice(&never, whole, 2, odd_rows_end, &err));
    want = cast(never, trit_dtype_f64);
    assert_memory_equal(trit_tensor_data(back), trit_tensor_data(want), 3 * 64 * sizeof(double));
    refused(trit_tensor_assign(v, t, &err), "[6, 128] does not repeat to [3, 64]");
    const trit_slice nothing[] = {{.kind = trit_slice_range, .first = 6, .has_first = true},
                                  {.kind = trit_slice_range, .first = 16, .has_first = true, .last = 80, .has_last = true}};
    trit_tensor_free(never), never = NULL;
    assert_ok(trit_tensor_slice(&never, q, 2, nothing, &err));
    assert_int_equal(trit_tensor_n_elements(never), 0); /* nothing begins inside a block */
    trit_tensor_free(never), never = NULL;
    trit_tensor *row = NULL, *zero = NULL;
    assert_ok(trit_tensor_zeros(&zero, cpu, trit_dtype_f32, 1, (int64_t[]){64}, &err));
    assert_ok(trit_tensor_assign(v, zero, &err)); /* through the view, repeated */
    trit_tensor_free(back), back = cast(q, trit_dtype_f32);
    const float *x = trit_tensor_data(back), *y = trit_tensor_data(whole);
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 128; k++) assert_true(x[i * 128 + k] == (i % 2 && k >= 64 ? 0.0f : y[i * 128 + k]));
    assert_ok(trit_tensor_slice(&row, q, 1, &(trit_slice){.kind = trit_slice_index, .first = -1}, &err));
    assert_int_equal(trit_tensor_n_bytes(row), 72);
    trit_tensor *wide = NULL, *shaped = NULL, *cube = NULL, *turned = NULL;
    assert_ok(trit_tensor_expand(&wide, row, 2, (int64_t[]){3, 128}, &err));
    assert_ok(trit_tensor_reshape(&shaped, wide, 2, (int64_t[]){12, 32}, &err)); /* a copy */
    assert_false(trit_tensor_shares(shaped, q));
    assert_ok(trit_tensor_reshape(&cube, q, 3, (int64_t[]){3, 2, 128}, &err));
    assert_ok(trit_tensor_transpose(&turned, cube, 0, 1, &err));
    refused(trit_tensor_permute(&never, q, NULL, &err), "permute: in shape [128, 6] the last dimension is not made of whole blocks of 32, as Q4_0");
    refused(trit_tensor_reshape(&never, q, 2, (int64_t[]){48, 16}, &err), "whole blocks");
    refused(trit_tensor_unsqueeze(&never, q, -1, &err), "whole blocks");
    refused(trit_tensor_diagonal(&never, q, 0, 0, 1, &err), "whole blocks");
    refused(trit_tensor_slice(&never, q, 2, (trit_slice[]){{0}, {.kind = trit_slice_range, .first = 16, .has_first = true}}, &err),
            "slice: begins inside a block of Q4_0");
    refused(trit_tensor_slice(&never, q, 2, (trit_slice[]){{0}, {.kind = trit_slice_range, .step = -1}}, &err), "inside a block");
    refused(trit_tensor_slice(&never, q, 2, (trit_slice[]){{0}, {.kind = trit_slice_range, .step = 2}}, &err), "whole blocks");
    refused(trit_tensor_slice(&never, q, 2, (trit_slice[]){{0}, {.kind = trit_slice_index}}, &err), "whole blocks");
    refused(trit_tensor_borrow(&never, cpu, trit_dtype_q4_0, 2, (int64_t[]){2, 32}, (int64_t[]){16, 1}, trit_tensor_data(q), &err), "borrow");
    assert_null(never);
    trit_tensor *all[] = {t, q, v, back, want, whole, row, zero, wide, shaped, cube, turned};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) trit_tensor_free(all[i]);
}

/* Every function says by name that it does not compute with blocks. */
static void no_numbers(void **state) {
    (void)state;
    trit_tensor *t = normal(32, 32), *q = cast(t, trit_dtype_q8_0), *y = NULL, *z = NULL;
    const trit_tensor *both[] = {q, t};
    double x;
    trit_text text = {0};
    refused(trit_tensor_exp(&y, q, &err), "exp: not for Q8_0; cast to F32 first");
    refused(trit_tensor_add(&y, q, t, &err), "Q8_0 and F32 do not meet");
    refused(trit_tensor_sum(&y, q, 0, NULL, false, &err), "sum: not for Q8_0");
    refused(trit_tensor_mean(&y, q, 0, NULL, false, &err), "not for Q8_0");
    refused(trit_tensor_argmax(&y, q, 0, false, &err), "not for Q8_0");
    refused(trit_tensor_softmax(&y, q, -1, &err), "not for Q8_0");
    refused(trit_tensor_cumsum(&y, q, 0, &err), "not for Q8_0");
    refused(trit_tensor_sort(&y, q, 0, false, &err), "not for Q8_0");
    refused(trit_tensor_topk(&y, &z, q, 3, 0, true, &err), "not for Q8_0");
    refused(trit_tensor_median(&y, q, 0, NULL, false, &err), "not for Q8_0");
    refused(trit_tensor_quantile(&y, q, 0.5, 0, NULL, false, &err), "not for Q8_0");
    refused(trit_tensor_concat(&y, 2, both, 0, &err), "do not meet");
    refused(trit_tensor_matmul(&y, t, q, &err), "F32 and Q8_0 do not meet");
    refused(trit_tensor_einsum(&y, "ij,jk", 2, both, &err), "do not meet");
    refused(trit_tensor_svd(NULL, &y, NULL, q, false, &err), "Q8_0");
    refused(trit_tensor_take(&y, q, q, 0, &err), "Q8_0");
    refused(trit_tensor_masked_select(&y, t, q, &err), "not for Q8_0");
    refused(trit_tensor_nonzero(&y, q, &err), "not for Q8_0");
    refused(trit_tensor_with_number(&y, trit_tensor_add, q, 1, &err), "not for Q8_0");
    refused(trit_tensor_clip(&y, q, 0, 1, &err), "not for Q8_0");
    refused(trit_tensor_arange(&y, cpu, trit_dtype_q8_0, 0, 32, 1, &err), "not for Q8_0");
    refused(trit_tensor_randn(&y, cpu, trit_dtype_q8_0, 1, (int64_t[]){32}, 1, &err), "not for Q8_0");
    refused(trit_tensor_get(q, (int64_t[]){0, 0}, &x, &err), "single elements: not for Q8_0");
    refused(trit_tensor_set(q, (int64_t[]){0, 0}, 1, &err), "single elements: not for Q8_0");
    refused(trit_tensor_text(&text, q, &err), "not for Q8_0");
    refused(trit_tensor_reinterpret(&y, q, trit_dtype_i8, &err), "Q8_0");
    refused(trit_tensor_cast_in_place(q, trit_dtype_f32, &err), "Q8_0");
    refused(trit_cast_stream(cpu, trit_dtype_q8_0, trit_dtype_f32, NULL, NULL, NULL, NULL, NULL, &err), "not for Q8_0");
    refused(trit_tensor_find_levels(&y, &z, q, trit_levels_of("int8"), 0, NULL, &err), "Q8_0");
    refused(trit_tensor_new(&y, cpu, trit_dtype_q8_0, 2, (int64_t[]){32, 33}, &err), "[32, 33] of Q8_0: rows are whole blocks of 32");
    refused(trit_tensor_new(&y, cpu, trit_dtype_q8_0, 0, NULL, &err), "whole blocks of 32");
    refused(trit_tensor_new(&y, cpu, trit_dtype_q8_0, 2, (int64_t[]){INT64_MAX / 32, 64}, &err), "more than memory");
    refused(trit_tensor_add(&q, t, t, &err), "results of F32 cannot be written as Q8_0");
    trit_tape *tape;
    assert_ok(trit_tape_new(&tape, &err));
    refused(trit_tape_watch(tape, q, &err), "Q8_0");
    trit_tape_free(tape);
    assert_null(y);
    trit_tensor_free(t), trit_tensor_free(q);
}

static void statistics(void **state) {
    (void)state;
    trit_tensor *t = normal(40, 256), *q = NULL, *back = NULL, *none = NULL, *nothing = NULL;
    trit_cast_stats stats = {0};
    trit_quant_error e = {0};
    assert_ok(trit_tensor_cast_with(&q, t, trit_dtype_q8_0, NULL, &stats, &err));
    assert_ok(trit_tensor_distance(&e, t, q, &err));
    assert_int_equal(e.n, 40 * 256);
    assert_int_equal(stats.n_elements, 40 * 256);
    assert_int_equal(stats.bytes_in, 4 * 40 * 256);
    assert_int_equal(stats.bytes_out, 34 * 40 * 8);
    assert_true(stats.max_error == e.largest && e.largest > 0 && e.largest < 0.03);
    /* Steps of max|x| / 127 of 32 normal values, a twelfth of their square: 43 dB less some. */
    assert_true(trit_quant_sqnr_db(&e) > 42 && trit_quant_sqnr_db(&e) < 46 && trit_quant_cosine(&e) > 0.9999);
    stats = (trit_cast_stats){0};
    assert_ok(trit_tensor_cast_with(&back, q, trit_dtype_f64, NULL, &stats, &err));
    assert_int_equal(stats.bytes_in, 34 * 40 * 8);
    assert_int_equal(stats.n_changed, 0);
    refused(trit_tensor_cast_with(&none, t, trit_dtype_q8_0, &(trit_cast_opts){.rounding = trit_cast_even}, NULL, &err), "the usual one");
    refused(trit_tensor_distance(&e, t, none ? none : (nothing = normal(0, 32)), &err), "[40, 256] and [0, 32]");
    assert_ok(trit_tensor_cast(&none, nothing, trit_dtype_q4_1, &err));
    assert_ok(trit_tensor_distance(&e, nothing, none, &err));
    assert_int_equal(e.n, 40 * 256);
    assert_ok(trit_tensor_set(t, (int64_t[]){39, 255}, INFINITY, &err));
    assert_int_equal(trit_tensor_cast(&q, t, trit_dtype_q8_0, &err), trit_numeric);
    trit_quant_error same = {0};
    assert_ok(trit_tensor_distance(&same, back, q, &err)); /* as it was */
    assert_true(same.largest == 0);
    trit_tensor_free(t), trit_tensor_free(q), trit_tensor_free(back), trit_tensor_free(none), trit_tensor_free(nothing);
}

/* Finite values whose scale is not, as the half that a block has for it: refused, and what was there stays. */
static void beyond_a_scale(void **state) {
    (void)state;
    static const struct {
        trit_dtype dtype;
        double fits, beyond;
    } cases[] = {{trit_dtype_q4_0, 5e5, 6e5}, {trit_dtype_q4_1, 6e4, 7e4}, {trit_dtype_q8_0, 8e6, 9e6}, {trit_dtype_tq2_0, 6e4, 7e4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_tensor *t = normal(3, 2048), *q = NULL, *back = NULL;
        float *x = trit_tensor_data(t);
        x[3000] = (float)cases[i].fits;
        assert_ok(trit_tensor_cast(&q, t, cases[i].dtype, &err));
        x[3000] = (float)-cases[i].beyond;
        x[5000] = (float)-cases[i].beyond - 1;
        assert_int_equal(trit_tensor_cast(&q, t, cases[i].dtype, &err), trit_numeric);
        char want[96];
        snprintf(want, sizeof want, "cast: a magnitude of %g is beyond what blocks of %s hold", (double)-x[5000], trit_dtype_label(cases[i].dtype));
        assert_string_equal(err.message, want);
        back = cast(q, trit_dtype_f32);
        const float kept = ((const float *)trit_tensor_data(back))[3000];
        assert_true(fabs((double)kept / cases[i].fits - 1) < 0.02);
        trit_tensor_free(t), trit_tensor_free(q), trit_tensor_free(back);
    }
}

static void files(void **state) {
    (void)state;
    trit_tensor *t = normal(4, 256), *q = cast(t, trit_dtype_q6_k), *part = NULL, *bytes = cast(t, trit_dtype_u8);
    const char *const names[] = {"plain", "small"};
    assert_ok(trit_tensor_slice(&part, q, 1, &(trit_slice){.kind = trit_slice_range, .step = 2}, &err));
    const trit_tensor *const both[] = {t, part}, *const odd[] = {t, bytes};
    trit_tensors *set;
    assert_ok(trit_tensors_save("two.gguf", 2, names, both, &err));
    assert_ok(trit_tensors_load(&set, cpu, "two.gguf", &err));
    assert_int_equal(trit_tensors_n(set), 2);
    const trit_tensor *plain = trit_tensors_find(set, "plain"), *small = trit_tensors_find(set, "small");
    assert_memory_equal(trit_tensor_data(plain), trit_tensor_data(t), 4096);
    assert_int_equal(trit_tensor_dtype(small), trit_dtype_q6_k);
    assert_true(trit_tensor_shape(small)[0] == 2 && trit_tensor_shape(small)[1] == 256);
    assert_memory_equal(trit_tensor_data(small), trit_tensor_data(q), 210);
    assert_memory_equal((const char *)trit_tensor_data(small) + 210, (const char *)trit_tensor_data(q) + 420, 210);
    trit_tensors_free(set);
    refused(trit_tensors_save("two.gguf", 2, names, odd, &err), "GGUF has no type U8");
    refused(trit_tensors_save("two.safetensors", 2, names, both, &err), "Q6_K");
    refused(trit_tensors_save("two.npz", 2, names, both, &err), "Q6_K");
    trit_tensor_free(t), trit_tensor_free(q), trit_tensor_free(part), trit_tensor_free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_as_files), cmocka_unit_test(views), cmocka_unit_test(no_numbers), cmocka_unit_test(statistics),
        cmocka_unit_test(beyond_a_scale), cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
