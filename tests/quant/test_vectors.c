/* Weight formats against the byte-exact vectors of the reference data. */
#include "test.h"

#include "base/json.h"
#include "quant/quant.h"
#include "tensor/bytes.h"

static trit_error err;
static trit_json *vectors; /* vectors.json */

enum { max_n = 256 };

static int load(void **state) {
    (void)state;
    const char *path = test_shared("spec/examples/vectors.json");
    if (!path) return 0;
    size_t n;
    char *text = test_read(path, &n);
    assert_ok(trit_json_parse(&vectors, text, n, "vectors.json", &err));
    free(text);
    return 0;
}

static int unload(void **state) {
    (void)state;
    trit_json_free(vectors);
    return 0;
}

static void require_vectors(void) {
    if (vectors) return;
    print_message("skipped: ../shared/spec/examples not present\n");
    skip();
}

static size_t unhex(const trit_json *v, uint8_t *out) {
    const trit_str s = trit_json_as_str(v);
    assert_true(s.n > 0);
    for (size_t i = 0; i < s.n / 2; i++) {
        unsigned byte;
        assert_int_equal(sscanf(s.p + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return s.n / 2;
}

static void tern(int8_t *w, int n) {
    uint32_t seed = 1;
    for (int i = 0; i < n; i++) w[i] = (int8_t)((int)(test_lcg(&seed) % 3) - 1);
}

static void flt(float *x, int n) {
    uint32_t seed = 2;
    for (int i = 0; i < n; i++) x[i] = ((float)(test_lcg(&seed) % 2001) - 1000) / 256;
}

/* Unpacks and takes the trits of all rows, and compares with g * w. */
static void check_ternary(trit_quant_matrix m, const int8_t *w, float g) {
    const trit_quant_format *f = trit_quant_format_of(m.dtype);
    int8_t trits[max_n];
    float values[max_n], scales[4];
    uint64_t n_bytes;
    assert_true(trit_dtype_n_bytes(m.dtype, m.n_rows, m.n_cols, &n_bytes));
    assert_int_equal(n_bytes, m.n_bytes);
    for (uint64_t row = 0; row < m.n_rows; row++, w += m.n_cols) {
        f->unpack(&m, row, values);
        assert_true(f->trits(&m, row, trits, scales));
        for (uint64_t c = 0; c < m.n_cols; c++) {
            assert_int_equal(trits[c], w[c]);
            assert_true(values[c] == g * (float)w[c]);
            assert_true(scales[f->scale_group ? c / f->scale_group : 0] == g);
        }
    }
}

static void i2_s(void **state) {
    (void)state;
    require_vectors();
    static const struct {
        const char *key;
        uint64_t n_rows, n_cols;
        uint32_t block;
    } cases[] = {{"i2s_128", 1, 128, 0}, {"i2s_128", 2, 64, 128}, {"i2s_128_arm", 1, 128, 64}, {"i2s_2x128", 2, 128, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[128], packed[128];
        int8_t w[max_n];
        const size_t n_bytes = unhex(trit_json_get(vectors, cases[i].key), bytes);
        const uint64_t n = cases[i].n_rows * cases[i].n_cols;
        tern(w, (int)n);
        const trit_quant_matrix m = {.dtype = trit_dtype_i2_s, .data = bytes,
                                     .n_bytes = n_bytes, .n_rows = cases[i].n_rows, .n_cols = cases[i].n_cols, .scale = 1, .i2_s_block = cases[i].block};
        check_ternary(m, w, 0.75f);
        if (cases[i].block == 64) continue; /* only read */
        assert_true(trit_i2_s_pack(w, n, 0.75f, packed));
        assert_memory_equal(packed, bytes, n_bytes);
    }
}

/* Of builds without ACT_PARALLEL: four rows at once. Three rows are none. */
static void i2_s_of_four_rows(void **state) {
    (void)state;
    require_vectors();
    uint8_t bytes[128];
    int8_t w[max_n], trits[64];
    float scale;
    const size_t n_bytes = unhex(trit_json_get(vectors, "i2s_4x64_1x4"), bytes);
    trit_quant_matrix m = {.dtype = trit_dtype_i2_s, .data = bytes, .n_bytes = n_bytes, .n_rows = 4, .n_cols = 64, .scale = 1, .i2_s_block = 4};
    tern(w, 256);
    check_ternary(m, w, 0.75f);
    m.n_rows = 3;
    assert_false(trit_quant_format_of(m.dtype)->trits(&m, 2, trits, &scale));
}

static void check_rows(const char *key, trit_dtype dtype, uint64_t n_rows, uint64_t n_cols) {
    const trit_quant_format *f = trit_quant_format_of(dtype);
    uint8_t bytes[128], packed[128];
    int8_t w[max_n];
    float x[max_n];
    const size_t n_bytes = unhex(trit_json_get(vectors, key), bytes);
    tern(w, (int)(n_rows * n_cols));
    for (uint64_t i = 0; i < n_rows * n_cols; i++) x[i] = 0.75f * (float)w[i];
    check_ternary((trit_quant_matrix){.dtype = dtype, .data = bytes, .n_bytes = n_bytes, .n_rows = n_rows, .n_cols = n_cols, .scale = 1}, w, 0.75f);
    if (!f->pack) return;
    f->pack(x, n_cols, packed);
    assert_memory_equal(packed, bytes, n_bytes);
}

static void rows(void **state) {
    (void)state;
    require_vectors();
    check_rows("tq1_0", trit_dtype_tq1_0, 1, 256);
    check_rows("tq2_0", trit_dtype_tq2_0, 1, 256);
    check_rows("iq1_bn_64", trit_dtype_iq1_bn, 1, 64);
    check_rows("iq2_bn_64", trit_dtype_iq2_bn, 1, 64);
    check_rows("iq2_bn_r4_4x64", trit_dtype_iq2_bn_r4, 4, 64);
}

static void check_hf(const char *key) {
    const trit_json *v = trit_json_get(vectors, key), *rows = trit_json_get(v, "W"), *packed = trit_json_get(v, "packed");
    const size_t n_rows = trit_json_length(rows), n_cols = trit_json_length(trit_json_at(rows, 0));
    int8_t w[max_n];
    uint8_t bytes[max_n], made[max_n];
    for (size_t i = 0; i < n_rows * n_cols; i++)
        w[i] = (int8_t)trit_json_as_int(trit_json_at(trit_json_at(rows, i / n_cols), i % n_cols), 9);
    const size_t n_bytes = trit_json_length(packed) * n_cols;
    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (uint8_t)trit_json_as_int(trit_json_at(trit_json_at(packed, i / n_cols), i % n_cols), 0);
    check_ternary((trit_quant_matrix){.dtype = trit_dtype_hf_ternary, .data = bytes,
                                      .n_bytes = n_bytes, .n_rows = n_rows, .n_cols = n_cols, .scale = 1.5f}, w, 1.5f);
    trit_hf_ternary_pack(w, n_rows, n_cols, made);
    assert_memory_equal(made, bytes, n_bytes);
}

static void hf_ternary(void **state) {
    (void)state;
    require_vectors();
    check_hf("hf_pack");
    check_hf("hf_pack_6x4");
}

static void check_block(const char *key, trit_dtype dtype, bool exact_encoder) {
    const trit_json *v = trit_json_get(trit_json_get(vectors, "block_quants"), key), *deq = trit_json_get(v, "deq");
    const trit_quant_format *f = trit_quant_format_of(dtype);
    const size_t n = (size_t)trit_json_as_int(trit_json_get(v, "n"), 0), n_deq = trit_json_length(deq); /* Q8_1 comes without */
    uint8_t bytes[256], packed[256];
    float x[max_n], values[max_n];
    const size_t n_bytes = unhex(trit_json_get(v, "hex"), bytes);
    const trit_quant_matrix m = {.dtype = dtype, .data = bytes, .n_bytes = n_bytes, .n_rows = 1, .n_cols = n, .scale = 1};
    f->unpack(&m, 0, values);
    assert_true(n == n_deq || (n_deq == 0 && dtype == trit_dtype_q8_1));
    for (size_t i = 0; i < n_deq; i++)
        if ((double)values[i] != trit_json_as_real(trit_json_at(deq, i), 99)) fail_msg("%s: element %zu is %g", key, i, (double)values[i]);
    if (!exact_encoder) return;
    flt(x, (int)n);
    f->pack(x, n, packed);
    assert_memory_equal(packed, bytes, n_bytes);
}

static void blocks(void **state) {
    (void)state;
    require_vectors();
    check_block("q4_0", trit_dtype_q4_0, true);
    check_block("q4_1", trit_dtype_q4_1, true);
    check_block("q5_0", trit_dtype_q5_0, true);
    check_block("q5_1", trit_dtype_q5_1, true);
    check_block("q8_0", trit_dtype_q8_0, true);
    check_block("q8_1", trit_dtype_q8_1, true);
    check_block("iq4_nl", trit_dtype_iq4_nl, false);
    check_block("q4_K", trit_dtype_q4_k, false);
    check_block("q5_K", trit_dtype_q5_k, false);
    check_block("q6_K", trit_dtype_q6_k, false);
}

/* ---- The same as files: the payload of a tensor, byte for byte ---- */

typedef struct payload {
    const char *file;
    trit_dtype dtype;
    uint64_t n_rows, n_cols;
    bool one_encoding; /* of floats: some packers have a choice */
    trit_tile tile;
} payload;

static const payload payloads[] = {
    {"i2s_128.bin", trit_dtype_i2_s, 1, 128, true, {0}},
    {"i2s_2x128.bin", trit_dtype_i2_s, 2, 128, true, {0}},
    {"tq1_0_256.bin", trit_dtype_tq1_0, 1, 256, true, {0}},
    {"tq2_0_256.bin", trit_dtype_tq2_0, 1, 256, true, {0}},
    {"iq1_bn_64.bin", trit_dtype_iq1_bn, 1, 64, true, {0}},
    {"iq2_bn_64.bin", trit_dtype_iq2_bn, 1, 64, true, {0}},
    {"iq2_bn_r4_4x64.bin", trit_dtype_iq2_bn_r4, 4, 64, true, {0}},
    {"tl1_32x32.bin", trit_dtype_tl1, 32, 32, true, {32, 32, 32}},
    {"tl2_32x256.bin", trit_dtype_tl2, 32, 256, true, {32, 96, 32}},
    {"gpu_int2_16x32.bin", trit_dtype_gpu_int2, 16, 32, true, {0}},
    {"q4_0.bin", trit_dtype_q4_0, 1, 32, true, {0}},
    {"q4_1.bin", trit_dtype_q4_1, 1, 32, true, {0}},
    {"q5_0.bin", trit_dtype_q5_0, 1, 32, true, {0}},
    {"q5_1.bin", trit_dtype_q5_1, 1, 32, true, {0}},
    {"q8_0.bin", trit_dtype_q8_0, 1, 32, true, {0}},
    {"q8_1.bin", trit_dtype_q8_1, 1, 32, true, {0}},
    {"iq4_nl.bin", trit_dtype_iq4_nl, 1, 32, false, {0}},
    {"q4_K.bin", trit_dtype_q4_k, 1, 256, false, {0}},
    {"q5_K.bin", trit_dtype_q5_k, 1, 256, false, {0}},
    {"q6_K.bin", trit_dtype_q6_k, 1, 256, false, {0}},
};

enum { most = 32 * 256 };

/* Ternary weights: tern(n) with a scale of 0.75, which int2 has in a tensor of its own. */
static void encode_ternary(const payload *p, const int8_t *w, uint8_t *out) {
    const uint64_t n = p->n_rows * p->n_cols;
    const float g[4] = {0.75f, 0.75f, 0.75f, 0.75f};
    float x[256];
    switch (p->dtype) {
    case trit_dtype_i2_s: assert_true(trit_i2_s_pack(w, n, 0.75f, out)); break;
    case trit_dtype_tl1:
    case trit_dtype_tl2: assert_true(trit_tl_pack(p->dtype, p->tile, w, p->n_rows, p->n_cols, 0.75f, out)); break;
    case trit_dtype_gpu_int2: assert_true(trit_gpu_int2_pack(w, p->n_rows, p->n_cols, out)); break;
    case trit_dtype_iq2_bn_r4: assert_true(trit_iq2_bn_r4_pack(w, g, p->n_rows, p->n_cols, out)); break;
    default:
        for (uint64_t i = 0; i < n; i++) x[i] = 0.75f * (float)w[i];
        trit_quant_format_of(p->dtype)->pack(x, n, out);
    }
}

static void check_ternary_payload(const payload *p, const uint8_t *bytes, uint64_t n_bytes) {
    static int8_t w[most];
    static uint8_t made[most];
    tern(w, (int)(p->n_rows * p->n_cols));
    const float scale = p->dtype == trit_dtype_gpu_int2 ? 0.75f : 1;
    check_ternary((trit_quant_matrix){.dtype = p->dtype, .data = bytes, .n_bytes = n_bytes, .n_rows = p->n_rows, .n_cols = p->n_cols, .scale = scale,
                                      .tile = p->tile}, w, 0.75f);
    memset(made, 0xee, sizeof made);
    encode_ternary(p, w, made);
    assert_memory_equal(made, bytes, n_bytes);
}

/* Floats: flt(n). The file is the entry of vectors.json with its name. */
static void check_float_payload(const payload *p, const uint8_t *bytes, uint64_t n_bytes) {
    char key[16];
    uint8_t listed[256];
    snprintf(key, sizeof key, "%.*s", (int)strcspn(p->file, "."), p->file);
    assert_int_equal(unhex(trit_json_get(trit_json_get(trit_json_get(vectors, "block_quants"), key), "hex"), listed), n_bytes);
    assert_memory_equal(bytes, listed, n_bytes);
    check_block(key, p->dtype, p->one_encoding);
}

static void files(void **state) {
    (void)state;
    require_vectors();
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        const payload *p = &payloads[i];
        char path[64];
        size_t n;
        uint64_t n_bytes;
        snprintf(path, sizeof path, "spec/examples/%s", p->file);
        char *file = test_read(test_shared(path), &n);
        uint8_t bytes[most] = {0};
        assert_true(trit_dtype_n_bytes(p->dtype, p->n_rows, p->n_cols, &n_bytes));
        if (n != n_bytes - (p->tile.rows ? 32 : 0)) fail_msg("%s: %zu bytes", p->file, n);
        memcpy(bytes, file, n);
        if (p->tile.rows) trit_store_f32(bytes + n, 0.75f); /* the vectors end before the scale */
        if (trit_quant_format_of(p->dtype)->trits) check_ternary_payload(p, bytes, n_bytes);
        else check_float_payload(p, bytes, n_bytes);
        free(file);
    }
}

static void absmean(void **state) {
    (void)state;
    require_vectors();
    const trit_json *v = trit_json_get(vectors, "absmean"), *rows = trit_json_get(v, "W"), *q = trit_json_get(v, "q");
    float w[8];
    int8_t trits[8];
    for (size_t i = 0; i < 8; i++) w[i] = (float)trit_json_as_real(trit_json_at(trit_json_at(rows, i / 4), i % 4), 0);
    const float g = trit_absmean(w, 8);
    assert_true((double)g == trit_json_as_real(trit_json_get(v, "gamma"), 0));
    trit_absmean_trits(w, 8, g, trits);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(trits[i], trit_json_as_int(trit_json_at(trit_json_at(q, i / 4), i % 4), 9));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(i2_s),   cmocka_unit_test(rows),    cmocka_unit_test(hf_ternary),
        cmocka_unit_test(blocks), cmocka_unit_test(absmean), cmocka_unit_test(i2_s_of_four_rows), cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
