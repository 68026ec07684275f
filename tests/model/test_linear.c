/* model/linear: which form the weights of a projection take, by what their file holds. */
#include "test.h"

#include <math.h>

#include "base/team.h"
#include "io/io.h"
#include "model/model.h"
#include "trit/trit.h"

enum { dim = 256, n_vocab = 40 };

/* Random trits times a scale for each `group` inputs (dim: for each row; 0: one for all); spoil: one value is off by a bit. */
static void fill(float *w, uint32_t n_rows, uint32_t group, bool spoil) {
    uint32_t seed = 5;
    for (uint32_t i = 0; i < n_rows * dim; i++) {
        float scale = group ? 0.5f + (float)(i / group % 7) / 16 : 0.25f;
        w[i] = scale * (float)((int)(test_lcg(&seed) % 3) - 1);
    }
    if (spoil) w[n_rows * dim - 1] = 0.501f;
}

static const char *write_model(const char *arch, uint32_t group, bool spoil) {
    static const char path[] = TRIT_BINARY_DIR "/linear-model.gguf";
    static const char *const names[] = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};
    static float w[dim * dim], table[n_vocab * dim], ones[dim];
    static char text[16][64];
    trit_error err;
    trit_gguf_writer *writer;
    char key[64];
    const struct {
        const char *name;
        uint32_t value;
    } keys[] = {{"block_count", 1}, {"embedding_length", dim}, {"feed_forward_length", dim}, {"attention.head_count", 4}};
    fill(w, dim, group, spoil);
    for (int i = 0; i < dim; i++) ones[i] = 1;
    for (int i = 0; i < n_vocab * dim; i++) table[i] = (float)(i % 13) / 13;
    assert_ok(trit_gguf_writer_new(&writer, &err));
    assert_ok(trit_gguf_put_str(writer, "general.architecture", trit_str_from(arch), &err));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        snprintf(key, sizeof key, "%s.%s", arch, keys[i].name);
        assert_ok(trit_gguf_put_u32(writer, key, keys[i].value, &err));
    }
    for (size_t i = 0; i < 11; i++) {
        static const char *const others[] = {"token_embd", "output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"};
        bool matrix = i < 7;
        snprintf(text[i], sizeof text[i], "%s%s.weight", matrix ? "blk.0." : "", matrix ? names[i] : others[i - 7]);
        uint64_t n_rows = matrix ? dim : i == 7 ? n_vocab : 1;
        trit_file_tensor t = {.name = trit_str_from(text[i]), .dtype = trit_dtype_f32, .n_dims = n_rows > 1 ? 2 : 1,
                         .shape = {n_rows > 1 ? n_rows : dim, dim}, .n_bytes = n_rows * dim * sizeof(float),
                         .data = (const uint8_t *)(matrix ? w : i == 7 ? table : ones)};
        assert_ok(trit_gguf_put_tensor(writer, &t, &err));
    }
    assert_ok(trit_gguf_write(writer, path, &err));
    trit_gguf_writer_free(writer);
    return path;
}

static void check(uint32_t group, bool spoil, const char *activations, trit_dtype dtype, uint32_t t2_group) {
    trit_error err;
    trit_model *m;
    trit_model_info info;
    assert_ok(trit_model_open(&m, write_model("llama", group, spoil), &(trit_model_opts){.activations = activations}, &err));
    const trit_weight *w = &m->layers[0].ffn_down;
    assert_int_equal(w->dtype, dtype);
    if (dtype == trit_dtype_t2) assert_int_equal(w->group, t2_group);
    trit_model_describe(m, &info);
    assert_string_equal(info.activations, activations ? activations : "float");
    unsigned quantized = 0;
    for (size_t i = 0; i < m->program.n_ops; i++) quantized += m->program.ops[i].kind == trit_op_quantize;
    assert_int_equal(quantized, activations && strcmp(activations, "int8") == 0 ? 4 : 0);
    trit_model_close(m);
}

/* Floats that are ternary already are kept as trits, but take floats unless their user asks otherwise. */
static void floats_that_are_ternary(void **state) {
    (void)state;
    check(0, false, NULL, trit_dtype_t2, 0);
    check(dim, false, NULL, trit_dtype_t2, 0);
    check(128, false, NULL, trit_dtype_t2, 128);
    check(64, false, NULL, trit_dtype_t2, 64);
    check(64, false, "int8", trit_dtype_t2, 64);
    check(0, true, NULL, trit_dtype_f32, 0);
    check(32, false, NULL, trit_dtype_f32, 0); /* groups of 32 are not of our forms */
}

/* Masters: the sum of each row by itself, then of the rows in their order, whatever the number of threads; and the one value of floats
 * that are ternary, but not where the last row has another. */
static void absmean_of_masters(void **state) {
    (void)state;
    enum { n_rows = 100, n_cols = 70 };
    static float w[n_rows * n_cols];
    trit_error err;
    uint32_t seed = 8;
    const trit_file_tensor t = {{"t", 1}, trit_dtype_f32, 2, {n_rows, n_cols}, (const uint8_t *)w, sizeof w};
    const trit_projection p = {.weight = &t, .n_rows = n_rows, .n_cols = n_cols};
    trit_model m = {.config.masters = true};
    trit_linear l;
    for (unsigned n_threads = 1; n_threads <= 5; n_threads += 2) {
        double sum = 0;
        if (n_threads > 1) assert_ok(trit_team_new(&m.team, n_threads, &err)); /* else without a team */
        for (int i = 0; i < n_rows * n_cols; i++) w[i] = (float)test_lcg(&seed) / 1e9f - 1;
        for (int r = 0; r < n_rows; r++) sum += trit_abs_sum(w + r * n_cols, n_cols);
        assert_ok(trit_linear_settle(&l, &m, &p, &err));
        assert_false(l.is_exact);
        assert_true(l.absmean == (float)(sum / (n_rows * n_cols)));
        for (int i = 0; i < n_rows * n_cols; i++) w[i] = i < n_cols ? 0 : 0.3f * (float)((int)(test_lcg(&seed) % 3) - 1);
        assert_ok(trit_linear_settle(&l, &m, &p, &err));
        assert_true(l.is_exact && l.absmean == 0.3f);
        for (int i = 0; i < n_cols; i++) w[(n_rows - 1) * n_cols + i] *= 2;
        assert_ok(trit_linear_settle(&l, &m, &p, &err));
        assert_false(l.is_exact);
        w[n_rows * n_cols / 2] = NAN;
        assert_int_equal(trit_linear_settle(&l, &m, &p, &err), trit_numeric);
        trit_team_free(m.team);
        m.team = NULL;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(floats_that_are_ternary), cmocka_unit_test(absmean_of_masters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
