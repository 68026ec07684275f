/* The tiny BitNet of ../shared/spec/examples: one model in four containers, with logits and traces computed in float64. */
#include "test.h"

#include <math.h>
#include <sys/stat.h>

#include "base/json.h"
#include "engine/request.h"
#include "model/model.h"
#include "quant/layout.h"
#include "trit/engine.h"

enum { max_vocab = 512, n_ids = 5 };

static const int32_t ids[n_ids] = {256, 104, 101, 108, 33};

static trit_json *expected; /* tiny_expected.json */

static void copy_file(const char *from, const char *folder, const char *name) {
    char path[1024];
    size_t n;
    char *data = test_read(from, &n);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
    free(data);
}

/* A Hugging Face folder made of a safetensors file and a config. */
static const char *make_folder(const char *name, const char *weights, const char *config) {
    static char folder[512];
    snprintf(folder, sizeof folder, "%s/%s", TRIT_BINARY_DIR, name);
    mkdir(folder, 0777);
    copy_file(test_shared(weights), folder, "model.safetensors");
    copy_file(test_shared(config), folder, "config.json");
    return folder;
}

typedef struct collected {
    float logits[16][max_vocab];
    uint32_t n, n_vocab;
} collected;

static void collect(void *user, uint32_t pos, const float *logits, uint32_t n_vocab) {
    collected *c = user;
    assert_true(pos < 16 && n_vocab <= max_vocab);
    memcpy(c->logits[pos], logits, n_vocab * sizeof *logits);
    c->n++;
    c->n_vocab = n_vocab;
}

static void check_numbers(const char *key, const trit_json *want, const float *got, double tolerance) {
    assert_true(trit_json_length(want) > 0);
    for (size_t i = 0; i < trit_json_length(want); i++) {
        double w = trit_json_as_real(trit_json_at(want, i), NAN);
        if (!(fabs(w - (double)got[i]) <= tolerance)) fail_msg("%s[%zu] is %.9g, expected %.9g", key, i, (double)got[i], w);
    }
}

static void check_model(const char *ref) {
    trit_error err;
    trit_model *model;
    trit_engine *engine;
    const trit_event *events;
    size_t n_events;
    static collected c;
    c = (collected){0};
    assert_ok(trit_model_open(&model, ref, NULL, &err));
    assert_ok(trit_engine_new(&engine, model, &(trit_engine_opts){.kv = trit_kv_f32}, &err));
    trit_request q = {.prompt = ids, .n_prompt = n_ids, .all_logits = true, .on_logits = collect, .max_tokens = 8, .user = &c, .ignore_eog = true};
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    const trit_json *greedy = trit_json_get(expected, "greedy_next8");
    for (size_t i = 0; i < 8; i++) {
        assert_ok(trit_engine_step(engine, &events, &n_events, &err));
        assert_int_equal(n_events, 1);
        assert_int_equal(events[0].token, trit_json_as_int(trit_json_at(greedy, i), -1));
        assert_int_equal(events[0].stop, i == 7 ? trit_stop_length : trit_stop_none);
    }
    assert_true(trit_engine_idle(engine));
    check_numbers("logits_first", trit_json_get(expected, "logits_first"), c.logits[0], 1e-5);
    check_numbers("logits_last", trit_json_get(expected, "logits_last"), c.logits[n_ids - 1], 1e-5);
    const trit_json *best = trit_json_get(expected, "argmax_each_pos");
    for (size_t p = 0; p < n_ids; p++) {
        uint32_t top = 0;
        for (uint32_t i = 1; i < c.n_vocab; i++)
            if (c.logits[p][i] > c.logits[p][top]) top = i;
        assert_int_equal(top, trit_json_as_int(trit_json_at(best, p), -1));
    }
    trit_engine_free(engine);
    trit_model_close(model);
}

static void gguf_i2_s(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_i2s.gguf");
    check_model(test_shared("spec/examples/tiny_i2s.gguf"));
}

static void safetensors_bf16_online(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_bf16.safetensors");
    check_model(make_folder("tiny-bf16", "spec/examples/tiny_bf16.safetensors", "spec/examples/config_bf16_online.json"));
}

static void safetensors_packed_multiply(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_packed_autobitlinear.safetensors");
    check_model(make_folder("tiny-auto", "spec/examples/tiny_packed_autobitlinear.safetensors",
                            "spec/examples/config_autobitlinear_offline.json"));
}

static void safetensors_packed_divide(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_packed_bitlinear.safetensors");
    check_model(make_folder("tiny-div", "spec/examples/tiny_packed_bitlinear.safetensors", "spec/examples/config_bitlinear.json"));
}

/* Logits of the prompt's last position with float inputs of the ternary projections. */
static void float_logits(const char *ref, float *out) {
    trit_error err;
    trit_model *model;
    trit_engine *engine;
    const trit_event *events;
    size_t n_events;
    static collected c;
    c = (collected){0};
    assert_ok(trit_model_open(&model, ref, &(trit_model_opts){.activations = "float"}, &err));
    assert_ok(trit_engine_new(&engine, model, &(trit_engine_opts){.kv = trit_kv_f32}, &err));
    trit_request q = {.prompt = ids, .n_prompt = n_ids, .on_logits = collect, .prefill_only = true, .user = &c};
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    assert_ok(trit_engine_step(engine, &events, &n_events, &err));
    assert_int_equal(c.n, 1);
    memcpy(out, c.logits[n_ids - 1], max_vocab * sizeof *out);
    trit_engine_free(engine);
    trit_model_close(model);
}

/* The weights of a model that was trained ternary are ternary whatever its activations are. */
static void float_activations_leave_the_weights(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_bf16.safetensors");
    static float gguf[max_vocab], packed[max_vocab], masters[max_vocab];
    float_logits(test_shared("spec/examples/tiny_i2s.gguf"), gguf);
    float_logits(make_folder("tiny-auto", "spec/examples/tiny_packed_autobitlinear.safetensors",
                             "spec/examples/config_autobitlinear_offline.json"),
                 packed);
    float_logits(make_folder("tiny-bf16", "spec/examples/tiny_bf16.safetensors", "spec/examples/config_bf16_online.json"), masters);
    assert_memory_equal(gguf, packed, sizeof gguf);
    for (size_t i = 0; i < max_vocab; i++)
        if (fabsf(masters[i] - gguf[i]) > 1e-5f) fail_msg("logits[%zu] is %g, expected %g", i, (double)masters[i], (double)gguf[i]);
}

/* ---- The trace of the last position ---- */

typedef struct seen {
    unsigned n; /* stages that were compared */
    const trit_weight *q_weight;
    float a8_scale;
    int8_t a8[128];
} seen;

static void check_a8(seen *s, const int8_t *row, uint32_t k) {
    const trit_json *full = trit_json_get(expected, "l0_act_int8_last_full");
    assert_int_equal(trit_json_length(full), k);
    for (uint32_t i = 0; i < k; i++) assert_int_equal(row[i], trit_json_as_int(trit_json_at(full, i), 999));
    memcpy(s->a8, row, k);
    s->a8_scale = *trit_a8_scale(row, k);
}

/* y = acc * w_scale * a8_scale: the accumulator comes back exactly by rounding. */
static void check_accumulators(const seen *s, const trit_op *op, const float *y) {
    const trit_json *want = trit_json_get(trit_json_get(expected, "trace_first16"), "l0_q_acc_last");
    for (size_t i = 0; i < trit_json_length(want); i++) {
        double acc = (double)y[i] / ((double)op->weight->scale[i] * (double)s->a8_scale);
        assert_true(fabs(acc - nearbyint(acc)) < 1e-3);
        assert_int_equal((int)nearbyint(acc), trit_json_as_int(trit_json_at(want, i), 1 << 30));
    }
}

static void on_trace(void *user, const trit_op *op, const trit_value_desc *value, const void *rows, uint32_t n_rows) {
    static const struct {
        uint32_t layer;
        const char *label, *key;
    } stages[] = {{0, "attn_norm", "l0_attn_norm_last"}, {0, "attn_q", "l0_q_last"},           {0, "q_rope", "l0_q_rope_last"},
                  {0, "attention", "l0_attn_ctx_last"},  {0, "after_attn", "l0_after_attn_last"}, {0, "layer_out", "l0_out_last"},
                  {1, "layer_out", "l1_out_last"}};
    seen *s = user;
    const uint8_t *last = (const uint8_t *)rows + (n_rows - 1) * value->row_bytes;
    if (op->layer == 0 && strcmp(op->label, "attn_a8") == 0) check_a8(s, (const int8_t *)last, value->cols);
    if (op->layer == 0 && strcmp(op->label, "attn_q") == 0) check_accumulators(s, op, (const float *)(const void *)last);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        if (stages[i].layer != op->layer || strcmp(stages[i].label, op->label) != 0) continue;
        check_numbers(stages[i].key, trit_json_get(trit_json_get(expected, "trace_first16"), stages[i].key), (const float *)(const void *)last, 2e-6);
        s->n++;
    }
}

static void the_trace_is_exact(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_i2s.gguf");
    trit_error err;
    trit_model *m;
    trit_exec *exec;
    assert_ok(trit_model_open(&m, test_shared("spec/examples/tiny_i2s.gguf"), NULL, &err));
    trit_exec_opts o = {.program = &m->program, .max_tokens = n_ids, .max_outputs = 1, .context = 32,
                        .kv = {trit_kv_form_f32, 1, m->config.n_layers, m->config.n_kv_heads, m->config.head_dim}};
    assert_ok(m->device->vt->exec_new(m->device, &exec, &o, &err));
    seen s = {0};
    m->device->vt->exec_trace(exec, on_trace, &s);
    const uint32_t position[n_ids] = {0, 1, 2, 3, 4}, sequence[n_ids] = {0}, output = n_ids - 1, page = 0;
    trit_batch b = {.n_tokens = n_ids, .n_outputs = 1, .token = ids, .position = position, .sequence = sequence, .output = &output,
                    .page_table = &page, .max_pages = 1};
    const float *logits;
    size_t stride;
    assert_ok(m->device->vt->run(exec, &b, &logits, &stride, &err));
    assert_int_equal(s.n, 7);
    m->device->vt->exec_free(exec);
    trit_model_close(m);
}

static int load(void **state) {
    (void)state;
    trit_error err;
    const char *path = test_shared("spec/examples/tiny_expected.json");
    if (!path) return 0;
    size_t n;
    char *text = test_read(path, &n);
    trit_status status = trit_json_parse(&expected, text, n, path, &err);
    free(text);
    return status != trit_ok;
}

static int unload(void **state) {
    (void)state;
    trit_json_free(expected);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gguf_i2_s),
        cmocka_unit_test(safetensors_bf16_online),
        cmocka_unit_test(safetensors_packed_multiply),
        cmocka_unit_test(safetensors_packed_divide),
        cmocka_unit_test(float_activations_leave_the_weights),
        cmocka_unit_test(the_trace_is_exact),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
