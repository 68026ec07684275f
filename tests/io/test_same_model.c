/* One model in several containers: the reference data's tiny model (I2_S, packed and master Hugging Face forms) and the real
 * bitllama-3M (TQ1_0, TQ2_0, floats). All must give the same trits. */
#include "test.h"

#include <math.h>

#include "io/io.h"
#include "quant/quant.h"

static trit_error err;

/* Our two vocabularies of tensor names, per layer. */
static const struct {
    const char *gguf, *hf;
} linears[] = {
    {"attn_q", "self_attn.q_proj"},   {"attn_k", "self_attn.k_proj"}, {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"}, {"ffn_gate", "mlp.gate_proj"},  {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
};

enum { n_linears = sizeof linears / sizeof linears[0] };

static const trit_file_tensor *gguf_linear(const trit_gguf *g, int layer, int i) {
    char name[64];
    snprintf(name, sizeof name, "blk.%d.%s.weight", layer, linears[i].gguf);
    const trit_file_tensor *t = trit_gguf_tensor(g, name);
    if (!t) fail_msg("no %s", name);
    return t;
}

static const trit_file_tensor *hf_linear(const trit_safetensors *s, int layer, int i, const char *what) {
    char name[128];
    snprintf(name, sizeof name, "model.layers.%d.%s.%s", layer, linears[i].hf, what);
    const trit_file_tensor *t = trit_safetensors_tensor(s, name);
    if (!t) fail_msg("no %s", name);
    return t;
}

/* All trits of a matrix, and the scale that they share. */
static int8_t *all_trits(const trit_quant_matrix *m, float *scale) {
    const trit_quant_format *f = trit_quant_format_of(m->dtype);
    int8_t *trits = malloc(m->n_rows * m->n_cols);
    float *scales = malloc((m->n_cols / 64 + 1) * sizeof *scales);
    assert_true(trits && scales && f && f->trits);
    for (uint64_t row = 0; row < m->n_rows; row++) {
        assert_true(f->trits(m, row, trits + row * m->n_cols, scales));
        *scale = scales[0];
    }
    free(scales);
    return trits;
}

/* The same of float weights that are masters (absmean) or ternary already. */
static int8_t *float_trits(const trit_file_tensor *t, float *scale) {
    const trit_quant_matrix m = trit_quant_matrix_of(t);
    const uint64_t n = m.n_rows * m.n_cols;
    float *w = malloc(n * sizeof *w);
    int8_t *trits = malloc(n);
    for (uint64_t row = 0; row < m.n_rows; row++) trit_quant_format_of(t->dtype)->unpack(&m, row, w + row * m.n_cols);
    if (!trit_is_ternary(w, n, scale)) *scale = trit_absmean(w, n);
    trit_absmean_trits(w, n, *scale, trits);
    free(w);
    return trits;
}

static void compare(const char *what, int layer, int i, int8_t *a, float a_scale, int8_t *b, float b_scale, uint64_t n,
                    float tolerance) {
    uint64_t different = 0;
    for (uint64_t k = 0; k < n; k++) different += a[k] != b[k];
    if (different || fabsf(a_scale - b_scale) > tolerance * fabsf(a_scale))
        fail_msg("%s, layer %d, %s: %d trits differ, scales %g and %g", what, layer, linears[i].gguf, (int)different, (double)a_scale,
                 (double)b_scale);
    free(a);
    free(b);
}

static void check_packed(const trit_gguf *g, const char *relative, bool divide) {
    trit_safetensors *s;
    assert_ok(trit_safetensors_open(&s, test_shared(relative), &err));
    for (int layer = 0; layer < 2; layer++)
        for (int i = 0; i < n_linears; i++) {
            const trit_quant_matrix a = trit_quant_matrix_of(gguf_linear(g, layer, i));
            const trit_file_tensor *packed = hf_linear(s, layer, i, "weight"), *factor = hf_linear(s, layer, i, "weight_scale");
            const trit_quant_matrix stored = trit_quant_matrix_of(factor);
            trit_quant_matrix b = trit_quant_matrix_of(packed);
            float scale, scales[2];
            assert_int_equal(packed->dtype, trit_dtype_u8);
            trit_quant_format_of(factor->dtype)->unpack(&stored, 0, &scale);
            b.dtype = trit_dtype_hf_ternary;
            b.n_rows = a.n_rows;
            b.scale = divide ? 1 / scale : scale;
            int8_t *x = all_trits(&a, &scales[0]), *y = all_trits(&b, &scales[1]);
            compare(relative, layer, i, x, scales[0], y, scales[1], a.n_rows * a.n_cols, 0);
        }
    trit_safetensors_close(s);
}

static void tiny(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_i2s.gguf");
    trit_gguf *g;
    trit_safetensors *s;
    assert_ok(trit_gguf_open(&g, test_shared("spec/examples/tiny_i2s.gguf"), &err));
    check_packed(g, "spec/examples/tiny_packed_autobitlinear.safetensors", false);
    check_packed(g, "spec/examples/tiny_packed_bitlinear.safetensors", true);
    assert_ok(trit_safetensors_open(&s, test_shared("spec/examples/tiny_bf16.safetensors"), &err));
    for (int layer = 0; layer < 2; layer++)
        for (int i = 0; i < n_linears; i++) {
            const trit_quant_matrix a = trit_quant_matrix_of(gguf_linear(g, layer, i));
            float scales[2];
            int8_t *x = all_trits(&a, &scales[0]), *y = float_trits(hf_linear(s, layer, i, "weight"), &scales[1]);
            compare("bf16", layer, i, x, scales[0], y, scales[1], a.n_rows * a.n_cols, 0);
        }
    trit_safetensors_close(s);
    trit_gguf_close(g);
}

static void bitllama(void **state) {
    (void)state;
    require_shared("data/models/bitllama/hf-3M");
    trit_gguf *g1, *g2;
    trit_safetensors *s;
    assert_ok(trit_gguf_open(&g1, test_shared("data/models/bitllama/bitllama-3M.TQ1_0.gguf"), &err));
    assert_ok(trit_gguf_open(&g2, test_shared("data/models/bitllama/bitllama-3M.TQ2_0.gguf"), &err));
    assert_ok(trit_safetensors_open(&s, test_shared("data/models/bitllama/hf-3M"), &err));
    for (int layer = 0; layer < 8; layer++)
        for (int i = 0; i < n_linears; i++) {
            const trit_quant_matrix a = trit_quant_matrix_of(gguf_linear(g1, layer, i));
            const trit_quant_matrix b = trit_quant_matrix_of(gguf_linear(g2, layer, i));
            float scales[3];
            int8_t *x = all_trits(&a, &scales[0]), *y = all_trits(&b, &scales[1]);
            int8_t *z = float_trits(hf_linear(s, layer, i, "weight"), &scales[2]);
            const uint64_t n = a.n_rows * a.n_cols;
            int8_t *again = malloc(n);
            memcpy(again, x, n);
            compare("TQ1_0 and TQ2_0", layer, i, x, scales[0], y, scales[1], n, 0);
            compare("TQ1_0 and floats", layer, i, again, scales[0], z, scales[2], n, 0x1p-10f); /* a scale of half precision */
        }
    trit_safetensors_close(s);
    trit_gguf_close(g2);
    trit_gguf_close(g1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny),
        cmocka_unit_test(bitllama),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
