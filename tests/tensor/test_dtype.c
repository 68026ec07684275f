/* The table of element types, and sizes. */
#include "test.h"

#include "tensor/file_tensor.h"

static void names_and_ids(void **state) {
    (void)state;
    for (int d = 0; d < trit_n_dtypes; d++) {
        const trit_dtype_traits *t = trit_dtype_info((trit_dtype)d);
        assert_true(t->block > 0 && t->block_bytes > 0);
        assert_int_equal(trit_dtype_from_label(t->label), d);
        if (t->gguf_id >= 0 && d != trit_dtype_tl2) assert_int_equal(trit_dtype_from_gguf((uint32_t)t->gguf_id), d);
        if (t->safetensors[0]) assert_int_equal(trit_dtype_from_safetensors(trit_str_from(t->safetensors)), d);
    }
    assert_int_equal(trit_dtype_from_gguf(39), trit_dtype_mxfp4); /* TL2's too: io/gguf_type.c */
    assert_int_equal(trit_dtype_from_label("tq2_0"), trit_dtype_tq2_0);
    assert_int_equal(trit_dtype_from_label("TQ2_"), trit_n_dtypes);
    assert_int_equal(trit_dtype_from_label("TQ2_00"), trit_n_dtypes);
    assert_int_equal(trit_dtype_from_label(""), trit_n_dtypes);
    assert_int_equal(trit_dtype_from_label(NULL), trit_n_dtypes);
    assert_int_equal(trit_dtype_from_gguf(UINT32_MAX), trit_n_dtypes);
    assert_int_equal(trit_dtype_from_safetensors(trit_str_from("")), trit_n_dtypes);
    assert_int_equal(trit_dtype_from_safetensors(trit_str_from("bf16")), trit_n_dtypes);
    assert_null(trit_dtype_info(trit_n_dtypes));
}

static void check_size(trit_dtype dtype, uint64_t n_rows, uint64_t n_cols, uint64_t expected) {
    uint64_t n = 0;
    assert_true(trit_dtype_n_bytes(dtype, n_rows, n_cols, &n));
    assert_true(n == expected);
}

static void check_no_size(trit_dtype dtype, uint64_t n_rows, uint64_t n_cols) {
    uint64_t n = 77;
    assert_false(trit_dtype_n_bytes(dtype, n_rows, n_cols, &n));
    assert_true(n == 77);
}

static void sizes(void **state) {
    (void)state;
    check_size(trit_dtype_f32, 3, 5, 60);
    check_size(trit_dtype_q4_0, 7, 64, 252);
    check_size(trit_dtype_q6_k, 2, 512, 840);
    check_size(trit_dtype_tq1_0, 1, 256, 54);
    check_size(trit_dtype_tq2_0, 3, 512, 396);
    check_size(trit_dtype_iq1_bn, 3, 128, 3 * (2 + 26));
    check_size(trit_dtype_iq2_bn, 3, 128, 3 * (4 + 32));
    check_size(trit_dtype_iq2_bn_r4, 8, 64, 8 * (4 + 16));
    check_size(trit_dtype_i2_s, 2, 128, 96);
    check_size(trit_dtype_i2_s, 3200, 8640, 3200 * 8640 / 4 + 32); /* rows that start inside a block */
    check_size(trit_dtype_i2_s, 7, 100, 7 * 25 + 32);
    check_size(trit_dtype_tl1, 256, 512, 256 * 128 + 32);
    check_size(trit_dtype_tl2, 32, 256, 2048 + 32);
    check_size(trit_dtype_tl2, 3200, 8640, 5794176);
    check_size(trit_dtype_i8_s, 7, 100, 732);
    check_size(trit_dtype_gpu_int2, 16, 64, 256);
    check_size(trit_dtype_ptq1_0, 2, 256, 112);
    check_size(trit_dtype_hf_ternary, 6, 100, 200);
    check_size(trit_dtype_hf_ternary, 8, 3, 6);
    check_size(trit_dtype_f32, 0, 5, 0);
    check_no_size(trit_dtype_q4_0, 1, 33);
    check_no_size(trit_dtype_tq2_0, 1, 128);
    check_no_size(trit_dtype_i2_s, 1, 6);
    check_no_size(trit_dtype_iq2_bn, 1, 32);
    check_no_size(trit_dtype_iq2_bn_r4, 6, 64); /* four rows at once */
    check_no_size(trit_dtype_tl2, 32, 255);
    check_no_size(trit_dtype_tl2, UINT64_MAX / 256, 256);
    check_no_size(trit_dtype_gpu_int2, 8, 64);
    check_no_size(trit_dtype_gpu_int2, 16, 48);
    check_no_size(trit_dtype_i8_s, UINT64_MAX, 1);
    check_no_size(trit_n_dtypes, 1, 1);
    check_no_size(trit_dtype_f32, UINT64_MAX / 4, 2);
    check_no_size(trit_dtype_f64, 1, UINT64_MAX / 4);
    check_no_size(trit_dtype_i2_s, UINT64_MAX / 2, 4);
    check_no_size(trit_dtype_hf_ternary, UINT64_MAX, 8);
    check_no_size(trit_dtype_iq2_bn, 1ull << 34, 1ull << 32);
    check_no_size(trit_dtype_iq2_bn, UINT64_MAX / 16, 64);
}

static void shapes(void **state) {
    (void)state;
    const trit_file_tensor scalar = {.n_dims = 0}, vector = {.n_dims = 1, .shape = {5}}, cube = {.n_dims = 3, .shape = {2, 3, 4}};
    assert_int_equal(trit_file_tensor_n_rows(&scalar), 1);
    assert_int_equal(trit_file_tensor_n_cols(&scalar), 1);
    assert_int_equal(trit_file_tensor_n_rows(&vector), 1);
    assert_int_equal(trit_file_tensor_n_cols(&vector), 5);
    assert_int_equal(trit_file_tensor_n_rows(&cube), 6);
    assert_int_equal(trit_file_tensor_n_cols(&cube), 4);
    assert_int_equal(trit_file_tensor_n_elements(&cube), 24);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_ids),
        cmocka_unit_test(sizes),
        cmocka_unit_test(shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
