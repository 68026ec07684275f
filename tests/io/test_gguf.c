/* GGUF: real files open, broken ones are refused with one line that names the thing, and type numbers mean what the file shows. */
#include "test.h"

#include "base/json.h"
#include "io/io.h"
#include "tensor/bytes.h"

static trit_error err;

static void check_malformed(const char *name, bool accept) {
    char relative[256];
    snprintf(relative, sizeof relative, "data/malformed/gguf/%s.gguf", name);
    const char *path = test_shared(relative);
    assert_non_null(path);
    trit_gguf *g = NULL;
    err = (trit_error){0};
    const trit_status status = trit_gguf_open(&g, path, &err);
    if (accept != (status == trit_ok)) fail_msg("%s: %s (%s)", name, trit_status_text(status), err.message);
    if (status != trit_ok) {
        assert_null(g);
        assert_int_equal(err.status, status);
        assert_non_null(strstr(err.message, name)); /* names the file */
        assert_null(strchr(err.message, '\n'));
    }
    trit_gguf_close(g);
}

static void malformed(void **state) {
    (void)state;
    require_shared("data/malformed/expected.json");
    size_t n;
    char *text = test_read(test_shared("data/malformed/expected.json"), &n);
    trit_json *json;
    assert_ok(trit_json_parse(&json, text, n, "expected.json", &err));
    void *iter = NULL;
    trit_str key;
    const trit_json *value, *list = trit_json_get(json, "gguf");
    assert_int_equal(trit_json_length(list), 57);
    while (trit_json_next(list, &iter, &key, &value)) check_malformed(key.p, trit_str_is(trit_json_as_str(value), "accept"));
    trit_json_free(json);
    free(text);
}

static void check_real(const char *relative, uint64_t n_kv, uint64_t n_tensors) {
    trit_gguf *g;
    if (!test_shared(relative)) {
        print_message("skipped: ../shared/%s not present\n", relative);
        return;
    }
    assert_ok(trit_gguf_open(&g, test_shared(relative), &err));
    assert_int_equal(trit_gguf_version(g), 3);
    assert_int_equal(trit_gguf_n_kv(g), n_kv);
    assert_int_equal(trit_gguf_n_tensors(g), n_tensors);
    const trit_file_tensor *t = trit_gguf_tensor(g, "token_embd.weight");
    assert_ptr_equal(t, trit_gguf_tensor_at(g, 0));
    trit_gguf_close(g);
}

static void real_files(void **state) {
    (void)state;
    check_real("data/models/bitllama/bitllama-3M.TQ1_0.gguf", 24, 90);
    check_real("data/models/bitllama/bitllama-3M.TQ2_0.gguf", 24, 90);
    check_real("data/models/bitllama/bitllama-1M.F32.gguf", 24, 90);
    check_real("data/models/stories15M/stories15M.F16.gguf", 24, 56);
    check_real("spec/examples/tiny_i2s.gguf", 22, 24);
}

/* ---- Files made by hand ---- */

typedef struct file {
    uint8_t p[4096];
    size_t n;
} file;

static void add_u32(file *f, uint32_t v) {
    trit_store_u32(f->p + f->n, v);
    f->n += 4;
}

static void add_u64(file *f, uint64_t v) {
    trit_store_u64(f->p + f->n, v);
    f->n += 8;
}

static void add_str(file *f, const char *s) {
    add_u64(f, strlen(s));
    memcpy(f->p + f->n, s, strlen(s));
    f->n += strlen(s);
}

static void add_head(file *f, uint32_t version, uint64_t n_tensors, uint64_t n_kv) {
    memset(f, 0, sizeof *f);
    memcpy(f->p, "GGUF", 4);
    f->n = 4;
    add_u32(f, version);
    add_u64(f, n_tensors);
    add_u64(f, n_kv);
}

static void add_key(file *f, const char *key, trit_gguf_type type) {
    add_str(f, key);
    add_u32(f, (uint32_t)type);
}

static void add_info(file *f, const char *name, uint64_t n_cols, uint64_t n_rows, uint32_t type, uint64_t offset) {
    add_str(f, name);
    add_u32(f, 2);
    add_u64(f, n_cols);
    add_u64(f, n_rows);
    add_u32(f, type);
    add_u64(f, offset);
}

static void add_data(file *f, size_t n) {
    f->n = (f->n + 31) / 32 * 32 + n;
    assert_true(f->n <= sizeof f->p);
}

static trit_status open_file(trit_gguf **g, const file *f) {
    /* A copy of its own size, so that a read beyond the end is seen. */
    uint8_t *p = malloc(f->n);
    memcpy(p, f->p, f->n);
    const trit_status status = trit_gguf_open_memory(g, p, f->n, "made", &err);
    if (status != trit_ok) free(p);
    return status;
}

static void close_file(trit_gguf *g, const void *data) {
    trit_gguf_close(g);
    free((void *)(uintptr_t)data);
}

static void refuse(const file *f, trit_status expected, const char *words) {
    trit_gguf *g = NULL;
    const trit_status status = open_file(&g, f);
    if (status != expected || !strstr(err.message, words)) fail_msg("%s: %s", trit_status_text(status), err.message);
    assert_null(g);
}

/* All integer widths answer for an integer; what does not fit int64_t and what is no integer does not. */
static void values(void **state) {
    (void)state;
    static const trit_gguf_type types[] = {trit_gguf_u8,  trit_gguf_i8,  trit_gguf_u16, trit_gguf_i16, trit_gguf_u32,
                                           trit_gguf_i32, trit_gguf_u64, trit_gguf_i64, trit_gguf_f32, trit_gguf_f64,
                                           trit_gguf_bool};
    static const uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 1};
    static const int64_t ints[] = {255, -1, 65535, -1, UINT32_MAX, -1, 0, -1}; /* of bytes that are all 0xff */
    for (int t = 0; t < 11; t++) {
        file f;
        trit_gguf *g;
        int64_t i = -77;
        double x = -77;
        bool b;
        trit_str s;
        add_head(&f, 2, 0, 1);
        add_key(&f, "k", types[t]);
        memset(f.p + f.n, 0xff, bytes[t]);
        f.n += bytes[t];
        assert_ok(trit_gguf_open_memory(&g, f.p, f.n, "made", &err));
        assert_int_equal(trit_gguf_version(g), 2);
        const trit_gguf_kv *kv = trit_gguf_find(g, "k");
        assert_ptr_equal(kv, trit_gguf_kv_at(g, 0));
        assert_null(trit_gguf_kv_at(g, 1));
        const bool is_int = t < 8 && types[t] != trit_gguf_u64;
        assert_int_equal(trit_gguf_int(kv, 0, &i), is_int);
        assert_true(i == (is_int ? ints[t] : -77));
        assert_false(trit_gguf_int(kv, 1, &i));
        assert_int_equal(trit_gguf_real(kv, 0, &x), types[t] != trit_gguf_bool);
        if (types[t] == trit_gguf_u64) assert_true(x == 0x1p64);
        assert_int_equal(trit_gguf_bool_value(kv, &b), types[t] == trit_gguf_bool);
        assert_false(trit_gguf_str(kv, &s) || trit_gguf_strs(kv, &s));
        trit_gguf_close(g);
    }
    int64_t i;
    assert_false(trit_gguf_int(NULL, 0, &i));
}

static void header(void **state) {
    (void)state;
    file f;
    add_head(&f, 0x03000000, 0, 0);
    refuse(&f, trit_unsupported, "big-endian");
    add_head(&f, 1, 0, 0);
    refuse(&f, trit_unsupported, "version 1");
    add_head(&f, 3, 0, (1 << 16) + 1);
    f.n = sizeof f.p;
    refuse(&f, trit_format, "65537 keys");
    add_head(&f, 3, 0, 0);
    f.n = 23;
    refuse(&f, trit_format, "made: 8 bytes at offset 16");
    add_head(&f, 3, 0, 2);
    add_key(&f, "k", trit_gguf_u8);
    f.n += 1;
    add_key(&f, "k", trit_gguf_u8);
    f.n += 1;
    refuse(&f, trit_format, "key k: stands in the file twice");
}

/* A tensor w of a type number that takes `span` bytes; one F32 behind it shows where it ends. */
typedef struct typed {
    uint32_t type;
    uint64_t n_rows, n_cols, span;
    const char *architecture;
    uint32_t file_type;
} typed;

/* The type that w is taken for; trit_n_dtypes where the file is refused. */
static trit_dtype open_typed(trit_status *status, typed t) {
    file f;
    trit_gguf *g = NULL;
    trit_dtype dtype = trit_n_dtypes;
    add_head(&f, 3, 2, 2);
    add_key(&f, "general.architecture", trit_gguf_string);
    add_str(&f, t.architecture);
    add_key(&f, "general.file_type", trit_gguf_u32);
    add_u32(&f, t.file_type);
    add_info(&f, "w", t.n_cols, t.n_rows, t.type, 0);
    add_info(&f, "end", 1, 1, 0, t.span);
    add_data(&f, t.span + 4);
    *status = trit_gguf_open_memory(&g, f.p, f.n, "made", &err);
    if (*status == trit_ok) dtype = trit_gguf_tensor(g, "w")->dtype;
    else assert_non_null(strstr(err.message, "made: tensor "));
    trit_gguf_close(g);
    return dtype;
}

static void check_read(trit_dtype expected, typed t) {
    trit_status status;
    const trit_dtype dtype = open_typed(&status, t);
    if (dtype != expected)
        fail_msg("type %u in %d bytes: %s, %s", t.type, (int)t.span, dtype == trit_n_dtypes ? "refused" : trit_dtype_info(dtype)->label,
                 err.message);
}

static void check_named(const char *name, typed t) {
    char words[64];
    trit_status status;
    (void)open_typed(&status, t);
    snprintf(words, sizeof words, "tensor w: type %u is %s,", t.type, name);
    if (status != trit_unsupported || !strstr(err.message, words)) fail_msg("%s: %s", trit_status_text(status), err.message);
}

/* 512 elements: I2_S, TL1 and TL2 160 bytes, I8_S 544, MXFP4 272 (288 padded), IQ4_NL_4_4 288. */
static void clashes(void **state) {
    (void)state;
    check_read(trit_dtype_i2_s, (typed){36, 2, 256, 160, "bitnet-b1.58", 40});
    check_read(trit_dtype_i2_s, (typed){36, 2, 256, 160, "llama", 40});
    check_read(trit_dtype_i2_s, (typed){36, 2, 256, 160, "llama", 1});
    check_read(trit_dtype_i2_s, (typed){36, 2, 192, 128, "bitnet", 1}); /* 96 + 32 bytes */
    check_named("IQ4_NL_4_4 (retired)", (typed){36, 2, 256, 288, "llama", 1});
    check_read(trit_dtype_i8_s, (typed){37, 2, 256, 544, "bitnet", 41});
    check_named("IQ4_NL_4_8 (retired)", (typed){37, 2, 256, 288, "llama", 1});
    check_read(trit_dtype_tl1, (typed){38, 2, 256, 160, "bitnet", 38});
    check_named("IQ4_NL_8_8 (retired)", (typed){38, 2, 256, 288, "llama", 1});
    check_read(trit_dtype_mxfp4, (typed){39, 2, 256, 288, "gpt-oss", 38});
    check_read(trit_dtype_mxfp4, (typed){39, 2, 256, 288, "bitnet", 39}); /* the bytes outvote all else */
    check_read(trit_dtype_tl2, (typed){39, 2, 256, 160, "bitnet", 39});
    check_read(trit_dtype_tl2, (typed){39, 2, 256, 160, "llama", 1});
    check_read(trit_dtype_iq2_bn, (typed){135, 2, 256, 160, "bitnet", 137});
    check_named("Q8_K", (typed){15, 2, 256, 608, "llama", 10});
    check_named("of an unknown kind", (typed){999, 2, 256, 192, "llama", 10});
    trit_status status;
    assert_int_equal(open_typed(&status, (typed){36, 2, 256, 192, "bitnet", 40}), trit_n_dtypes);
    assert_int_equal(status, trit_format); /* I2_S, but of another size */
    assert_int_equal(open_typed(&status, (typed){39, 2, 256, 192, "bitnet", 39}), trit_n_dtypes);
    assert_int_equal(status, trit_format); /* TL2 of an older form */
}

/* Type 42: ggml's blocks of 64 in 18 bytes, PrismML's of 128 in 34, or bitnet.cpp's TL2. 16 x 256 elements take 1152, 1088 or
 * 1024 + 32 bytes. */
static void type_42(void **state) {
    (void)state;
    check_read(trit_dtype_q2_0, (typed){42, 16, 256, 1152, "qwen3", 0});
    check_read(trit_dtype_q2_0, (typed){42, 16, 256, 1152, "bitnet-b1.58", 39});
    check_read(trit_dtype_pq2_0, (typed){42, 16, 256, 1088, "qwen3", 0});
    check_read(trit_dtype_pq2_0, (typed){42, 16, 256, 1088, "bitnet", 39});
    check_read(trit_dtype_pq2_0, (typed){142, 16, 256, 1088, "qwen3", 0});
    check_read(trit_dtype_tl2, (typed){42, 16, 256, 1056, "bitnet-b1.58", 39});
    check_read(trit_dtype_tl2, (typed){42, 16, 256, 1056, "llama", 0});
    check_read(trit_dtype_q2_0, (typed){42, 16, 64, 288, "qwen3", 0}); /* no whole block of 128 */
    check_read(trit_dtype_q2_0, (typed){42, 2, 256, 160, "qwen3", 0}); /* so small that all three fit: mainline's */
    check_read(trit_dtype_ptq1_0, (typed){143, 16, 256, 896, "qwen3", 0});
    trit_status status;
    assert_int_equal(open_typed(&status, (typed){42, 16, 256, 1216, "qwen3", 0}), trit_n_dtypes);
    assert_int_equal(status, trit_format); /* none of them */
}

/* Rows with heads: their bytes count. */
static void row_heads(void **state) {
    (void)state;
    check_read(trit_dtype_iq1_bn, (typed){134, 4, 64, 64, "bitnet", 136}); /* 4 (2 + 13) = 60 */
    check_read(trit_dtype_iq2_bn_r4, (typed){335, 4, 64, 96, "bitnet", 337}); /* 4 (4 + 16) = 80 */
    trit_status status;
    assert_int_equal(open_typed(&status, (typed){335, 6, 64, 128, "bitnet", 337}), trit_n_dtypes);
    assert_int_equal(status, trit_format); /* six rows are not fours */
}

/* The last tensor may lack its padding, and so may a file that ends right behind I2_S's scale. */
static void no_padding_at_the_end(void **state) {
    (void)state;
    file f;
    trit_gguf *g;
    for (int i = 0; i < 2; i++) {
        add_head(&f, 3, 1, 0);
        if (i == 0) add_info(&f, "t", 5, 1, 0, 0);
        else add_info(&f, "t", 132, 1, 36, 0);
        add_data(&f, i == 0 ? 20 : 33 + 32);
        assert_ok(open_file(&g, &f));
        const trit_file_tensor *t = trit_gguf_tensor(g, "t");
        assert_int_equal(t->n_bytes, i == 0 ? 20 : 65);
        close_file(g, t->data - (f.n - t->n_bytes));
        f.n--;
        refuse(&f, trit_format, "tensor t");
    }
}

/* A file of everything, cut anywhere and with any byte changed: opened or refused, never a wrong access. */
static void cut_and_changed(void **state) {
    (void)state;
    file f;
    trit_gguf *g;
    add_head(&f, 3, 2, 3);
    add_key(&f, "general.alignment", trit_gguf_u32);
    add_u32(&f, 32);
    add_key(&f, "list", trit_gguf_array);
    add_u32(&f, trit_gguf_string);
    add_u64(&f, 2);
    add_str(&f, "one");
    add_str(&f, "two");
    add_key(&f, "b", trit_gguf_bool);
    f.p[f.n++] = 1;
    add_info(&f, "w", 128, 2, 36, 0);
    add_info(&f, "x", 32, 1, 8, 96);
    add_data(&f, 96 + 34);
    const file whole = f;
    assert_ok(open_file(&g, &f));
    close_file(g, trit_gguf_tensor(g, "x")->data - (f.n - 34));
    for (f.n = 0; f.n < whole.n; f.n++) refuse(&f, trit_format, "made: ");
    f.n = whole.n;
    for (size_t at = 0; at < whole.n - 96 - 34; at++)
        for (int bit = 0; bit < 8; bit++) {
            f.p[at] = (uint8_t)(whole.p[at] ^ 1 << bit);
            uint8_t *p = malloc(f.n);
            memcpy(p, f.p, f.n);
            if (trit_gguf_open_memory(&g, p, f.n, "made", &err) == trit_ok) trit_gguf_close(g);
            free(p);
            f.p[at] = whole.p[at];
        }
}

/* The worked file of the reference data: every kind of thing once. */
static void reference_file(void **state) {
    (void)state;
    require_shared("spec/examples/min_v3.gguf");
    trit_gguf *g;
    trit_str arch;
    int64_t v;
    bool flag;
    assert_ok(trit_gguf_open(&g, test_shared("spec/examples/min_v3.gguf"), &err));
    assert_true(trit_gguf_str(trit_gguf_find(g, "general.architecture"), &arch) && trit_str_is(arch, "bitnet-b1.58"));
    assert_true(trit_gguf_int(trit_gguf_find(g, "x.arr"), 1, &v) && v == -2);
    assert_true(trit_gguf_bool_value(trit_gguf_find(g, "x.flag"), &flag) && flag);
    const trit_file_tensor *a = trit_gguf_tensor(g, "a"), *w = trit_gguf_tensor(g, "w");
    assert_true(a && w && a->dtype == trit_dtype_f32 && w->dtype == trit_dtype_i2_s && w->n_bytes == 96);
    assert_true(trit_load_f32(a->data + 8) == 3 && trit_load_f32(w->data + 64) == 0.75f && w->data[0] == 0x52);
    trit_gguf_close(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed),  cmocka_unit_test(real_files), cmocka_unit_test(values),
        cmocka_unit_test(header),     cmocka_unit_test(clashes),    cmocka_unit_test(type_42),
        cmocka_unit_test(row_heads),  cmocka_unit_test(no_padding_at_the_end),
        cmocka_unit_test(cut_and_changed), cmocka_unit_test(reference_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
