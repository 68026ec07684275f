/* The GGUF writer: what it writes reads back, and its bytes depend on nothing else. */
#include "test.h"

#include "io/io.h"
#include "quant/quant.h"

static trit_error err;
static char path[1024];

static int name_file(void **state) {
    (void)state;
    snprintf(path, sizeof path, "%s/test_gguf_write.gguf", TRIT_BINARY_DIR);
    return 0;
}

static int remove_file(void **state) {
    (void)state;
    remove(path);
    return 0;
}

static const int32_t ints[] = {1, -2, INT32_MIN};
static const float floats[] = {0.5f, -1e30f};
static const char *const words[] = {"a", "", "\xc3\xa9\xff"};
static float cube[2 * 3 * 5];
static uint8_t codes[2 * 128 / 4 + 32];
static uint8_t q8[3 * 34];

static void put_all(trit_gguf_writer *w) {
    trit_str strs[3];
    for (int i = 0; i < 3; i++) strs[i] = trit_str_from(words[i]);
    assert_ok(trit_gguf_put_str(w, "general.architecture", trit_str_from("bitnet-b1.58"), &err));
    assert_ok(trit_gguf_put_u32(w, "general.file_type", 40, &err));
    assert_ok(trit_gguf_put_f32(w, "x.f32", 1e-5f, &err));
    assert_ok(trit_gguf_put_bool(w, "x.yes", true, &err));
    assert_ok(trit_gguf_put_bool(w, "x.no", false, &err));
    assert_ok(trit_gguf_put_strs(w, "x.strs", strs, 3, &err));
    assert_ok(trit_gguf_put_i32s(w, "x.i32s", ints, 3, &err));
    assert_ok(trit_gguf_put_f32s(w, "x.f32s", floats, 2, &err));
    assert_ok(trit_gguf_put_strs(w, "x.none", NULL, 0, &err));
    const trit_file_tensor tensors[] = {
        {{"cube", 4}, trit_dtype_f32, 3, {2, 3, 5}, (const uint8_t *)cube, sizeof cube},
        {{"codes", 5}, trit_dtype_i2_s, 2, {2, 128}, codes, sizeof codes},
        {{"scalar", 6}, trit_dtype_f32, 0, {0}, (const uint8_t *)cube, 4},
        {{"q8", 2}, trit_dtype_q8_0, 2, {3, 32}, q8, sizeof q8},
    };
    for (int i = 0; i < 4; i++) assert_ok(trit_gguf_put_tensor(w, &tensors[i], &err));
}

static char *write_all(size_t *n) {
    trit_gguf_writer *w;
    assert_ok(trit_gguf_writer_new(&w, &err));
    put_all(w);
    assert_ok(trit_gguf_write(w, path, &err));
    trit_gguf_writer_free(w);
    return test_read(path, n);
}

static void check_keys(const trit_gguf *g) {
    int64_t i;
    double x;
    bool b;
    trit_str s, strs[3];
    assert_int_equal(trit_gguf_n_kv(g), 9);
    assert_true(trit_gguf_str(trit_gguf_find(g, "general.architecture"), &s) && trit_str_is(s, "bitnet-b1.58"));
    assert_true(trit_gguf_int(trit_gguf_find(g, "general.file_type"), 0, &i) && i == 40);
    assert_true(trit_gguf_real(trit_gguf_find(g, "x.f32"), 0, &x) && x == (double)1e-5f);
    assert_true(trit_gguf_bool_value(trit_gguf_find(g, "x.yes"), &b) && b);
    assert_true(trit_gguf_bool_value(trit_gguf_find(g, "x.no"), &b) && !b);
    assert_int_equal(trit_gguf_find(g, "x.strs")->n, 3);
    assert_true(trit_gguf_strs(trit_gguf_find(g, "x.strs"), strs));
    for (int k = 0; k < 3; k++) assert_true(trit_str_is(strs[k], words[k]));
    for (unsigned k = 0; k < 3; k++) assert_true(trit_gguf_int(trit_gguf_find(g, "x.i32s"), k, &i) && i == ints[k]);
    for (unsigned k = 0; k < 2; k++) assert_true(trit_gguf_real(trit_gguf_find(g, "x.f32s"), k, &x) && x == (double)floats[k]);
    assert_int_equal(trit_gguf_find(g, "x.none")->n, 0);
}

static void round_trip(void **state) {
    (void)state;
    int8_t trits[256];
    uint32_t seed = 1;
    for (int i = 0; i < 30; i++) cube[i] = (float)i / 3;
    for (int i = 0; i < 256; i++) trits[i] = (int8_t)((int)(test_lcg(&seed) % 3) - 1);
    assert_true(trit_i2_s_pack(trits, 256, 0.75f, codes));
    for (size_t i = 0; i < sizeof q8; i++) q8[i] = (uint8_t)i;
    size_t n, n_again;
    char *bytes = write_all(&n), *again = write_all(&n_again);
    assert_int_equal(n, n_again);
    assert_memory_equal(bytes, again, n);
    assert_int_equal(n % 32, 0);
    trit_gguf *g;
    assert_ok(trit_gguf_open(&g, path, &err));
    check_keys(g);
    assert_int_equal(trit_gguf_n_tensors(g), 4);
    const trit_file_tensor *t = trit_gguf_tensor(g, "cube");
    assert_int_equal(t->n_dims, 3);
    assert_true(t->shape[0] == 2 && t->shape[1] == 3 && t->shape[2] == 5);
    assert_memory_equal(t->data, cube, sizeof cube);
    assert_int_equal(trit_gguf_tensor(g, "scalar")->n_dims, 0);
    t = trit_gguf_tensor(g, "codes");
    assert_int_equal(t->dtype, trit_dtype_i2_s);
    assert_int_equal(t->n_bytes, sizeof codes);
    assert_memory_equal(t->data, codes, sizeof codes);
    assert_memory_equal(trit_gguf_tensor(g, "q8")->data, q8, sizeof q8);
    trit_gguf_close(g);
    free(again);
    free(bytes);
}

static void empty(void **state) {
    (void)state;
    trit_gguf_writer *w;
    trit_gguf *g;
    assert_ok(trit_gguf_writer_new(&w, &err));
    assert_ok(trit_gguf_write(w, path, &err));
    assert_ok(trit_gguf_open(&g, path, &err));
    assert_int_equal(trit_gguf_n_kv(g) + trit_gguf_n_tensors(g), 0);
    trit_gguf_close(g);
    trit_gguf_writer_free(w);
}

static void refuse_tensor(trit_gguf_writer *w, trit_file_tensor t, const char *word) {
    assert_int_equal(trit_gguf_put_tensor(w, &t, &err), trit_arg);
    if (!strstr(err.message, word)) fail_msg("%s", err.message);
}

static void refusals(void **state) {
    (void)state;
    trit_gguf_writer *w;
    char long_name[64];
    memset(long_name, 'x', sizeof long_name);
    assert_ok(trit_gguf_writer_new(&w, &err));
    refuse_tensor(w, (trit_file_tensor){{"t", 1}, trit_dtype_u8, 1, {4}, codes, 4}, "U8");
    refuse_tensor(w, (trit_file_tensor){{"t", 1}, trit_dtype_f32, 1, {4}, codes, 15}, "15");
    refuse_tensor(w, (trit_file_tensor){{"t", 1}, trit_dtype_q8_0, 1, {33}, codes, 34}, "34");
    refuse_tensor(w, (trit_file_tensor){{"t", 1}, trit_dtype_f32, 2, {0, 4}, codes, 0}, "shape");
    refuse_tensor(w, (trit_file_tensor){{long_name, 64}, trit_dtype_f32, 1, {1}, codes, 4}, "64");
    assert_ok(trit_gguf_put_u32(w, "k", 1, &err));
    assert_ok(trit_gguf_put_u32(w, "k", 2, &err));
    assert_int_equal(trit_gguf_write(w, path, &err), trit_arg);
    assert_string_equal(err.message, "key k is put twice");
    trit_gguf_writer_free(w);

    assert_ok(trit_gguf_writer_new(&w, &err));
    assert_int_equal(trit_gguf_write(w, "/nowhere/at/all.gguf", &err), trit_io);
    assert_non_null(strstr(err.message, "/nowhere/at/all.gguf"));
    trit_gguf_writer_free(w);
}

/* Bytes made while the file is written; a failure there is the writer's, and leaves no file. */
static trit_status fill(void *context, const trit_file_tensor *t, uint8_t *dst, trit_error *error) {
    int *calls = context;
    if (++*calls == 3) {
        error->status = trit_numeric;
        return trit_numeric;
    }
    memset(dst, *calls, t->n_bytes);
    return trit_ok;
}

static void made_late(void **state) {
    (void)state;
    int calls = 0;
    trit_gguf_writer *w;
    trit_gguf *g;
    const trit_file_tensor a = {{"a", 1}, trit_dtype_q8_0, 2, {3, 32}, NULL, 102};
    const trit_file_tensor b = {{"b", 1}, trit_dtype_f32, 1, {1000}, NULL, 4000};
    assert_ok(trit_gguf_writer_new(&w, &err));
    assert_ok(trit_gguf_put_tensor_later(w, &a, fill, &calls, 0, &err));
    assert_ok(trit_gguf_put_tensor_later(w, &b, fill, &calls, 0, &err));
    assert_int_equal(calls, 0);
    assert_ok(trit_gguf_write(w, path, &err));
    assert_ok(trit_gguf_open(&g, path, &err));
    assert_int_equal(trit_gguf_tensor(g, "a")->data[101], 1);
    assert_int_equal(trit_gguf_tensor(g, "b")->data[3999], 2);
    trit_gguf_close(g);
    remove(path);
    assert_int_equal(trit_gguf_write(w, path, &err), trit_numeric);
    assert_false(trit_os_is_file(path));
    trit_gguf_writer_free(w);
}

/* A failed write leaves the old file and nothing beside it. */
static void keeps_the_old(void **state) {
    (void)state;
    char folder[1100], inside[1200];
    size_t n;
    trit_gguf_writer *w;
    free(write_all(&n));
    snprintf(folder, sizeof folder, "%s/x.gguf", path); /* below a file: cannot be made */
    snprintf(inside, sizeof inside, "%s.part", path);
    assert_ok(trit_gguf_writer_new(&w, &err));
    assert_int_equal(trit_gguf_write(w, folder, &err), trit_io);
    assert_true(trit_os_is_file(path));
    assert_false(trit_os_is_file(inside));
    trit_gguf_writer_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(empty),
        cmocka_unit_test(refusals),
        cmocka_unit_test(made_late),
        cmocka_unit_test(keeps_the_old),
    };
    return cmocka_run_group_tests(tests, name_file, remove_file);
}
