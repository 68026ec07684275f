/* Tensors from C: owners, views, bad input, and everything that NumPy cannot look at under a sanitizer. */
#include "test.h"

#include "base/alloc.h"
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

static trit_tensor *ramp(uint32_t n_dims, const int64_t *shape, trit_dtype dtype) {
    trit_tensor *flat = NULL, *t = NULL;
    int64_t n = 1;
    for (uint32_t d = 0; d < n_dims; d++) n *= shape[d];
    assert_ok(trit_tensor_arange(&flat, cpu, dtype, 0, (double)n, 1, &err));
    assert_ok(trit_tensor_reshape(&t, flat, n_dims, shape, &err));
    trit_tensor_free(flat);
    return t;
}

static double at(const trit_tensor *t, int64_t i, int64_t j) {
    double v = -1;
    assert_ok(trit_tensor_get(t, (int64_t[]){i, j}, &v, &err));
    return v;
}

static void refused(trit_status status, const char *text) {
    assert_int_equal(status, trit_arg);
    if (!strstr(err.message, text)) fail_msg("\"%s\" lacks \"%s\"", err.message, text);
}

/* The storage lives as long as its last view. */
static void owners(void **state) {
    (void)state;
    trit_tensor *t = ramp(2, (int64_t[]){3, 4}, trit_dtype_f32), *turned = NULL, *part = NULL;
    assert_ok(trit_tensor_permute(&turned, t, NULL, &err));
    assert_ptr_equal(trit_tensor_retain(t), t);
    trit_tensor_free(t);
    trit_tensor_free(t);
    assert_true(at(turned, 3, 1) == 7 && at(turned, -1, -2) == 7);
    const trit_slice slices[] = {{.kind = trit_slice_range, .step = -2}};
    assert_ok(trit_tensor_slice(&part, turned, 1, slices, &err));
    trit_tensor_free(turned);
    assert_int_equal(trit_tensor_shape(part)[0], 2);
    assert_true(at(part, 0, 0) == 3 && at(part, 1, 2) == 9);
    assert_ok(trit_tensor_set(part, (int64_t[]){1, 2}, 0.5, &err));
    assert_true(at(part, 1, 2) == 0.5);
    trit_tensor_free(part);
    assert_null(trit_tensor_retain(NULL));
    trit_tensor_free(NULL);
}

static void bad_shapes(void **state) {
    (void)state;
    trit_tensor *t = ramp(2, (int64_t[]){3, 4}, trit_dtype_f32), *out = NULL;
    const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    refused(trit_tensor_new(&out, cpu, trit_dtype_f32, 1, (int64_t[]){-1}, &err), "[-1]");
    refused(trit_tensor_new(&out, cpu, trit_dtype_f32, 9, nine, &err), "9 dimensions");
    refused(trit_tensor_new(&out, cpu, trit_dtype_f64, 3, (int64_t[]){INT64_MAX, 2, 3}, &err), "more than memory");
    refused(trit_tensor_new(&out, cpu, trit_dtype_t2, 1, (int64_t[]){256}, &err), "T2");
    refused(trit_tensor_new(&out, cpu, trit_dtype_i2_s, 1, (int64_t[]){256}, &err), "I2_S");
    refused(trit_tensor_new(&out, cpu, trit_n_dtypes, 1, (int64_t[]){32}, &err), "unknown");
    refused(trit_tensor_reshape(&out, t, 2, (int64_t[]){5, -1}, &err), "[3, 4], 12 elements, does not become [5, -1]");
    refused(trit_tensor_reshape(&out, t, 2, (int64_t[]){-1, -1}, &err), "does not become");
    refused(trit_tensor_reshape(&out, t, 2, (int64_t[]){INT64_MAX, INT64_MAX}, &err), "does not become");
    refused(trit_tensor_permute(&out, t, (int32_t[]){0, -2}, &err), "dimension 0 twice");
    refused(trit_tensor_permute(&out, t, (int32_t[]){0, 2}, &err), "axis 2 of a tensor of 2");
    refused(trit_tensor_squeeze(&out, t, 1, &err), "4 elements");
    refused(trit_tensor_unsqueeze(&out, t, 4, &err), "axis 4");
    refused(trit_tensor_expand(&out, t, 2, (int64_t[]){3, 5}, &err), "[3, 4] does not repeat to [3, 5]");
    refused(trit_tensor_diagonal(&out, t, 0, 1, -1, &err), "axis 1 twice");
    refused(trit_tensor_slice(&out, t, 3, (trit_slice[3]){{0}}, &err), "3 slices");
    refused(trit_tensor_slice(&out, t, 1, &(trit_slice){.kind = trit_slice_index, .first = 3}, &err), "index 3");
    refused(trit_tensor_get(t, (int64_t[]){0, 4}, &(double){0}, &err), "index 4");
    assert_null(out);
    trit_tensor_free(t);
}

/* *out as it was where it does not fit; results into other types, other strides, and over their own inputs. */
static void results_into(void **state) {
    (void)state;
    trit_tensor *t = ramp(2, (int64_t[]){3, 4}, trit_dtype_i32), *sum = NULL, *turned = NULL, *part = NULL, *rest = NULL;
    assert_ok(trit_tensor_zeros(&sum, cpu, trit_dtype_f64, 2, (int64_t[]){4, 3}, &err));
    refused(trit_tensor_add(&sum, t, t, &err), "[3, 4] does not fit into a tensor [4, 3]");
    assert_true(at(sum, 0, 0) == 0);
    assert_ok(trit_tensor_permute(&turned, sum, NULL, &err));
    assert_ok(trit_tensor_add(&turned, t, t, &err)); /* I32 into F64, turned */
    assert_true(at(sum, 3, 2) == 22);
    refused(trit_tensor_exp(&t, t, &err), "results of F64 cannot be written as I32");
    assert_ok(trit_tensor_add(&t, t, t, &err));
    assert_true(at(t, 2, 3) == 22);
    /* t[1:] += t[:2] reads what was there before. */
    assert_ok(trit_tensor_slice(&part, t, 1, &(trit_slice){.kind = trit_slice_range, .first = 1, .has_first = true}, &err));
    assert_ok(trit_tensor_slice(&rest, t, 1, &(trit_slice){.kind = trit_slice_range, .last = 2, .has_last = true}, &err));
    assert_ok(trit_tensor_add(&part, part, rest, &err));
    assert_true(at(t, 1, 0) == 8 && at(t, 2, 0) == 24 && at(t, 2, 3) == 36);
    trit_tensor_free(t), trit_tensor_free(sum), trit_tensor_free(turned), trit_tensor_free(part), trit_tensor_free(rest);
}

/* A wider *out gets the result, not what it was computed from; one place is not for two elements; results fit or are refused. */
static void results_that_fit(void **state) {
    (void)state;
    trit_tensor *yes = NULL, *whole = NULL, *row = NULL, *wide = NULL, *few = NULL, *t = ramp(2, (int64_t[]){2, 3}, trit_dtype_f64);
    assert_ok(trit_tensor_full(&yes, cpu, trit_dtype_bool, 2, (int64_t[]){2, 3}, 1, &err));
    assert_ok(trit_tensor_full(&whole, cpu, trit_dtype_i32, 2, (int64_t[]){2, 3}, 7, &err));
    assert_ok(trit_tensor_add(&whole, yes, yes, &err)); /* of BOOL: or */
    assert_true(at(whole, 1, 2) == 1);
    assert_ok(trit_tensor_zeros(&row, cpu, trit_dtype_f64, 1, (int64_t[]){3}, &err));
    assert_ok(trit_tensor_expand(&wide, row, 2, (int64_t[]){2, 3}, &err));
    refused(trit_tensor_add(&wide, t, t, &err), "stand in one place");
    assert_ok(trit_tensor_zeros(&few, cpu, trit_dtype_i32, 1, (int64_t[]){5}, &err));
    refused(trit_tensor_mean(&few, t, 0, NULL, false, &err), "[] does not fit into a tensor [5]");
    refused(trit_tensor_quantile(&few, t, 0.5, 0, NULL, false, &err), "does not fit");
    refused(trit_tensor_expand(&(trit_tensor *){NULL}, few, 3, (int64_t[]){(int64_t)1 << 40, (int64_t)1 << 40, 5}, &err), "more than memory");
    /* The places are written over t after its elements were read. */
    trit_tensor *places = NULL, *best = NULL, *ranks = ramp(1, (int64_t[]){10}, trit_dtype_i64);
    assert_ok(trit_tensor_slice(&places, ranks, 1, &(trit_slice){.kind = trit_slice_range, .last = 3, .has_last = true}, &err));
    assert_ok(trit_tensor_topk(&best, &places, ranks, 3, 0, true, &err));
    double v;
    assert_ok(trit_tensor_get(best, (int64_t[]){0}, &v, &err));
    assert_true(v == 9);
    trit_tensor_free(yes), trit_tensor_free(whole), trit_tensor_free(row), trit_tensor_free(wide), trit_tensor_free(few), trit_tensor_free(t);
    trit_tensor_free(places), trit_tensor_free(best), trit_tensor_free(ranks);
}

/* One bit pattern whatever the threads: blocks are divided, elements are not. */
static void threads(void **state) {
    (void)state;
    trit_device *one;
    const int64_t shape[] = {301, 999};
    assert_ok(trit_device_open(&one, "cpu", &(trit_device_opts){.n_threads = 1}, &err));
    trit_tensor *a[2], *b[2] = {NULL}, *turned[2], *sum[2] = {NULL};
    for (int i = 0; i < 2; i++) {
        trit_device *d = i ? cpu : one;
        assert_ok(trit_tensor_randn((a[i] = NULL, &a[i]), d, trit_dtype_f32, 2, shape, 3, &err));
        assert_ok(trit_tensor_permute(&turned[i], a[i], NULL, &err));
        assert_ok(trit_tensor_exp(&b[i], turned[i], &err));
        assert_ok(trit_tensor_mul(&sum[i], b[i], turned[i], &err));
    }
    assert_memory_equal(trit_tensor_data(sum[0]), trit_tensor_data(sum[1]), 301 * 999 * sizeof(float));
    refused(trit_tensor_add(&sum[0], sum[0], sum[1], &err), "two devices");
    for (int i = 0; i < 2; i++) trit_tensor_free(a[i]), trit_tensor_free(b[i]), trit_tensor_free(turned[i]), trit_tensor_free(sum[i]);
    trit_device_close(one);
}

static void positions(void **state) {
    (void)state;
    trit_tensor *t = ramp(2, (int64_t[]){3, 4}, trit_dtype_f16), *i = NULL, *out = NULL, *f = NULL;
    assert_ok(trit_tensor_from(&i, cpu, trit_dtype_i8, 1, (int64_t[]){3}, (int8_t[]){2, -3, 2}, &err));
    assert_ok(trit_tensor_take(&out, t, i, 0, &err));
    assert_true(at(out, 0, 1) == 9 && at(out, 1, 1) == 1);
    assert_ok(trit_tensor_take_add(&t, t, i, out, 0, &err)); /* halves are added up in F32 */
    assert_true(at(t, 0, 1) == 2 && at(t, 1, 1) == 5 && at(t, 2, 1) == 27);
    assert_ok(trit_tensor_set(i, (int64_t[]){1}, 3, &err));
    trit_tensor *never = NULL;
    refused(trit_tensor_take(&never, t, i, 0, &err), "index 3 is outside axis 0 of 3");
    refused(trit_tensor_gather(&never, t, i, 0, &err), "[3, 4] and [3]");
    refused(trit_tensor_concat(&never, 0, NULL, 0, &err), "no tensors");
    assert_ok(trit_tensor_cast(&f, i, trit_dtype_f32, &err));
    refused(trit_tensor_take(&never, t, f, 0, &err), "F32 are no whole numbers");
    trit_tensor_free(t), trit_tensor_free(i), trit_tensor_free(out), trit_tensor_free(f);
}

/* A type that does not depend on the order, and eight dimensions where a function takes one more on its way. */
static void edges(void **state) {
    (void)state;
    trit_tensor *whole = ramp(1, (int64_t[]){2}, trit_dtype_i8), *bytes = ramp(1, (int64_t[]){2}, trit_dtype_u8), *y = NULL, *z = NULL;
    trit_tensor *half = ramp(1, (int64_t[]){2}, trit_dtype_f16), *many[20];
    for (int i = 0; i < 20; i++) many[i] = i == 19 ? half : i % 2 ? whole : bytes;
    assert_ok(trit_tensor_concat(&y, 20, (const trit_tensor *const *)many, 0, &err));
    assert_int_equal(trit_tensor_dtype(y), trit_dtype_f16);
    assert_int_equal(trit_tensor_shape(y)[0], 40);
    assert_ok(trit_tensor_slice(&z, y, 0, NULL, &err));
    assert_int_equal(trit_tensor_n_elements(z), 40);
    trit_tensor_free(y), trit_tensor_free(z), trit_tensor_free(whole), trit_tensor_free(bytes), trit_tensor_free(half);
    const int64_t shape[] = {2, 1, 2, 1, 3, 1, 2, 4};
    trit_tensor *t = ramp(8, shape, trit_dtype_f64), *first = NULL;
    y = z = NULL;
    assert_ok(trit_tensor_quantile(&y, t, 0.5, 1, (int32_t[]){-1}, true, &err));
    assert_ok(trit_tensor_median(&z, t, 1, (int32_t[]){-1}, true, &err));
    assert_int_equal(trit_tensor_n_dims(y), 8);
    assert_memory_equal(trit_tensor_data(y), trit_tensor_data(z), 24 * sizeof(double));
    trit_tensor_free(y), trit_tensor_free(z);
    y = z = NULL;
    assert_ok(trit_tensor_slice(&first, t, 1, &(trit_slice){.kind = trit_slice_range, .last = 1, .has_last = true}, &err));
    assert_ok(trit_tensor_vecdot(&y, t, first, &err)); /* [2, ...] by [1, ...] */
    assert_int_equal(trit_tensor_n_dims(y), 7);
    assert_ok(trit_tensor_mul(&z, t, first, &err));
    assert_ok(trit_tensor_sum((trit_tensor_free(first), first = NULL, &first), z, 1, (int32_t[]){-1}, false, &err));
    assert_memory_equal(trit_tensor_data(y), trit_tensor_data(first), 24 * sizeof(double)); /* small whole numbers: exact */
    trit_tensor_free(t), trit_tensor_free(y), trit_tensor_free(z), trit_tensor_free(first);
}

/* No megabytes of brackets around nothing. */
static void texts_of_nothing(void **state) {
    (void)state;
    static const int64_t shapes[][2] = {{1000000, 0}, {0, 1000000}, {2, 0}};
    static const char *const texts[] = {"[[],\n [],\n [],\n ...,\n [],\n [],\n []]", "[]", "[[],\n []]"};
    trit_text text = {0};
    for (int i = 0; i < 3; i++) {
        trit_tensor *t = NULL;
        assert_ok(trit_tensor_zeros(&t, cpu, trit_dtype_f32, 2, shapes[i], &err));
        assert_ok(trit_tensor_text(&text, t, &err));
        assert_string_equal(text.data, texts[i]);
        trit_tensor_free(t);
    }
    trit_text_fini(&text);
}

/* Levels of a tensor that a tape watches: numbers without a gradient. */
static void levels_of_watched(void **state) {
    (void)state;
    trit_tensor *t = ramp(2, (int64_t[]){3, 4}, trit_dtype_f32), *scale = NULL, *zero = NULL, *q = NULL, *y = NULL, *loss = NULL;
    trit_tape *tape;
    assert_ok(trit_tape_new(&tape, &err));
    assert_ok(trit_tape_watch(tape, t, &err));
    for (int i = 0; i < 2; i++) {
        const trit_levels *levels = trit_levels_of(i ? "uint8" : "int8");
        assert_ok(trit_tensor_find_levels(&scale, &zero, t, levels, 0, NULL, &err));
        assert_ok(trit_tensor_quantize(&q, t, scale, zero, levels, &err));
        assert_true(at(q, 2, 3) == levels->high);
        trit_tensor_free(zero), trit_tensor_free(q), zero = q = NULL;
        if (i) break;
        assert_ok(trit_tape_watch(tape, scale, &err)); /* a scale that is learned */
        assert_ok(trit_tensor_fake_quantize(&y, t, scale, NULL, levels, &err));
        assert_ok(trit_tensor_sum(&loss, y, 0, NULL, false, &err));
        assert_ok(trit_tape_backward(tape, loss, NULL, &err));
        assert_null(trit_tape_gradient(tape, t));
        assert_non_null(trit_tape_gradient(tape, scale));
        trit_tensor_free(y), trit_tensor_free(loss), trit_tensor_free(scale), scale = NULL;
    }
    trit_tensor_free(t), trit_tensor_free(scale);
    trit_tape_free(tape);
}

static void files(void **state) {
    (void)state;
    trit_tensor *t = ramp(3, (int64_t[]){2, 3, 5}, trit_dtype_i16), *turned = NULL, *again = NULL;
    assert_ok(trit_tensor_permute(&turned, t, NULL, &err));
    assert_ok(trit_tensor_save("turned.npy", turned, &err));
    assert_ok(trit_tensor_load(&again, cpu, "turned.npy", &err));
    double v;
    assert_ok(trit_tensor_get(again, (int64_t[]){4, 2, 1}, &v, &err));
    assert_true(v == 29 && trit_tensor_dtype(again) == trit_dtype_i16);
    const char *const names[] = {"a", "b"}, *const twice[] = {"a", "a"}, *const paths[] = {"two.npz", "two.safetensors"};
    const trit_tensor *const both[] = {t, turned};
    for (int k = 0; k < 2; k++) {
        trit_tensors *set;
        assert_ok(trit_tensors_save(paths[k], 2, names, both, &err));
        assert_ok(trit_tensors_load(&set, cpu, paths[k], &err));
        assert_int_equal(trit_tensors_n(set), 2);
        assert_string_equal(trit_tensors_name(set, 1), "b");
        assert_ptr_equal(trit_tensors_find(set, "b"), trit_tensors_at(set, 1));
        assert_null(trit_tensors_find(set, "c"));
        assert_null(trit_tensors_name(set, 2));
        assert_memory_equal(trit_tensor_data(trit_tensors_at(set, 1)), trit_tensor_data(again), 60);
        trit_tensors_free(set);
        refused(trit_tensors_save(paths[k], 2, twice, both, &err), k ? "tensor a is put twice" : "entry a.npy is put twice");
    }
    trit_tensors *never = NULL;
    assert_int_equal(trit_tensors_load(&never, cpu, "absent.npz", &err), trit_io);
    refused(trit_tensors_load(&never, cpu, "turned.npy", &err), ".npz, .safetensors and .gguf");
    assert_null(never);
    trit_tensor_free(t), trit_tensor_free(turned), trit_tensor_free(again);
}

static void text(void **state) {
    (void)state;
    trit_text s = {0};
    trit_tensor *t = ramp(3, (int64_t[]){2, 2, 3}, trit_dtype_f32), *many = NULL, *none = NULL;
    assert_ok(trit_tensor_text(&s, t, &err));
    assert_string_equal(s.data, "[[[ 0,  1,  2],\n  [ 3,  4,  5]],\n\n [[ 6,  7,  8],\n  [ 9, 10, 11]]]");
    assert_ok(trit_tensor_arange(&many, cpu, trit_dtype_i64, 0, 2000, 1, &err));
    assert_ok(trit_tensor_text(&s, many, &err));
    assert_string_equal(s.data, "[   0,    1,    2, ..., 1997, 1998, 1999]");
    assert_ok(trit_tensor_zeros(&none, cpu, trit_dtype_bool, 2, (int64_t[]){2, 0}, &err));
    assert_ok(trit_tensor_text(&s, none, &err));
    assert_string_equal(s.data, "[[],\n []]");
    trit_text_fini(&s);
    trit_tensor_free(t), trit_tensor_free(many), trit_tensor_free(none);
}

static void casts(void **state) {
    (void)state;
    trit_tensor *t = ramp(2, (int64_t[]){300, 500}, trit_dtype_f64), *shared, *borrowed = NULL;
    double v[2] = {1, 2};
    trit_tensor *whole = NULL;
    assert_ok(trit_tensor_copy(&whole, t, &err));
    assert_ok(trit_tensor_cast_in_place(whole, trit_dtype_i32, &err));
    assert_true(at(whole, 299, 499) == 149999 && at(whole, 131, 72) == 65572);
    refused(trit_tensor_cast_in_place(whole, trit_dtype_f64, &err), "wider");
    shared = trit_tensor_retain(whole);
    refused(trit_tensor_cast_in_place(whole, trit_dtype_i8, &err), "shares");
    trit_tensor_free(shared);
    assert_ok(trit_tensor_borrow(&borrowed, cpu, trit_dtype_f64, 1, (int64_t[]){2}, NULL, v, &err));
    refused(trit_tensor_cast_in_place(borrowed, trit_dtype_f32, &err), "shares");
    trit_cast_stats stats = {0};
    trit_tensor *bytes = NULL;
    assert_ok(trit_tensor_cast_with(&bytes, t, trit_dtype_u8, &(trit_cast_opts){trit_cast_stochastic, 1}, &stats, &err));
    assert_int_equal(stats.n_outside, 150000 - 256);
    assert_int_equal(stats.n_changed, 150000 - 256);
    assert_true(stats.max_error == 149999 - 255);
    assert_null(trit_levels_of("int5"));
    assert_int_equal(trit_levels_of("uint4")->high, 15);
    trit_tensor_free(t), trit_tensor_free(whole), trit_tensor_free(borrowed), trit_tensor_free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners),    cmocka_unit_test(bad_shapes), cmocka_unit_test(results_into),
        cmocka_unit_test(threads),   cmocka_unit_test(positions),  cmocka_unit_test(results_that_fit),
        cmocka_unit_test(files),     cmocka_unit_test(text),       cmocka_unit_test(casts),
        cmocka_unit_test(edges),     cmocka_unit_test(texts_of_nothing), cmocka_unit_test(levels_of_watched),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
