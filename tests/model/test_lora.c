/* model/lora: models of tests/model/hf with adapters, against logits of a forward pass in NumPy (tools/reference/make_lora.py): beside the weights
 * and inside them, as PEFT and as GGUF, on models of both kinds, merged; and adapters that do not fit. */
#include "hf_case.h"

#include "io/io.h"

#define DIR_OF(name) TRIT_BINARY_DIR "/lora-" name

typedef struct test_case {
    char *text, *base_text;
    trit_json *json, *base;
    int32_t ids[test_max_ids];
    size_t n_ids;
    const trit_json *want;
    bool embeddings;
} test_case;

static const char base_folder[] = DIR_OF("base"), base_gguf[] = DIR_OF("base.gguf"), peft[] = DIR_OF("peft");

static char *read_json(trit_json **out, const char *format, const char *name) {
    char path[1024];
    size_t n;
    trit_error err;
    snprintf(path, sizeof path, format, name);
    char *text = test_read(test_source(path), &n);
    assert_ok(trit_json_parse(out, text, n, name, &err));
    return text;
}

static void write_adapter(const char *text, const trit_json *json) {
    mkdir(peft, 0777);
    test_write_config(DIR_OF("peft/adapter_config.json"), text);
    test_write_safetensors(DIR_OF("peft/adapter_model.safetensors"), trit_json_get(json, "tensors"));
}

/* The case on the disk: its base as a folder and as GGUF, its adapter as PEFT has it. */
static test_case open_case(const char *name) {
    test_case c = {0};
    char base[64];
    trit_error err;
    c.text = read_json(&c.json, "tests/model/lora/%s", name);
    snprintf(base, sizeof base, "%.*s.json", TRIT_STR_ARG(trit_json_as_str(trit_json_get(c.json, "base"))));
    c.base_text = read_json(&c.base, "tests/model/hf/%s", base);
    const trit_json *ids = trit_json_get(c.base, "ids");
    c.n_ids = trit_json_length(ids);
    assert_true(c.n_ids > 0 && c.n_ids <= test_max_ids);
    for (size_t i = 0; i < c.n_ids; i++) c.ids[i] = (int32_t)trit_json_as_int(trit_json_at(ids, i), -1);
    c.embeddings = !trit_json_get(c.json, "logits");
    c.want = trit_json_get(c.json, c.embeddings ? "hidden" : "logits");
    test_make_folder(base_folder, c.base_text, c.base);
    assert_ok(trit_convert(base_folder, base_gguf, NULL, NULL, &err));
    write_adapter(c.text, c.json);
    return c;
}

static void close_case(test_case *c) {
    trit_json_free(c->json);
    trit_json_free(c->base);
    free(c->text);
    free(c->base_text);
}

static void run_with(const test_case *c, const char *model, const trit_lora_opts *loras, size_t n) {
    assert_true(test_run(model, &(trit_model_opts){.loras = loras, .n_loras = n}, c->ids, c->n_ids, c->embeddings, &(test_way){.n_threads = 2}));
}

static void expect_near(const test_case *c, const char *what, double tolerance) {
    const double worst = test_difference(c->want);
    if (!(worst <= tolerance)) fail_msg("%s: differs by %g, more than %g", what, worst, tolerance);
}

/* ---- Against NumPy ---- */

/* PEFT -> GGUF -> PEFT: the numbers of the tensors stay, whatever the rows did on the way. */
static void check_round_trip(const char *base) {
    static const char gguf[] = DIR_OF("adapter.gguf"), back[] = DIR_OF("again"), again[] = DIR_OF("again/adapter_model.safetensors");
    trit_error err;
    trit_safetensors *a, *b;
    assert_ok(trit_lora_convert(peft, gguf, base, false, &err));
    assert_ok(trit_lora_convert(gguf, back, base, true, &err));
    assert_ok(trit_safetensors_open(&a, DIR_OF("peft/adapter_model.safetensors"), &err));
    assert_ok(trit_safetensors_open(&b, again, &err));
    assert_int_equal(trit_safetensors_n_tensors(a), trit_safetensors_n_tensors(b));
    for (uint64_t i = 0; i < trit_safetensors_n_tensors(a); i++) {
        const trit_file_tensor *x = trit_safetensors_tensor_at(a, i), *y;
        char name[256];
        snprintf(name, sizeof name, "%.*s", TRIT_STR_ARG(x->name));
        y = trit_safetensors_tensor(b, name);
        if (!y && base == base_gguf) { /* a GGUF file does not tell that its model has no head */
            snprintf(name, sizeof name, "base_model.model.model.%.*s", (int)(x->name.n - strlen("base_model.model.")), x->name.p + strlen("base_model.model."));
            y = trit_safetensors_tensor(b, name);
        }
        if (!y) fail_msg("%s is lost", name);
        assert_true(x->shape[0] == y->shape[0] && x->shape[1] == y->shape[1] && y->dtype == trit_dtype_f32);
        if (x->dtype == trit_dtype_f32 && memcmp(x->data, y->data, y->n_bytes) != 0) fail_msg("%s differs after a round trip", name);
    }
    trit_safetensors_close(a);
    trit_safetensors_close(b);
}

static void check_case(const char *name) {
    static const char gguf[] = DIR_OF("adapter.gguf"), back[] = DIR_OF("again");
    const struct {
        const char *model, *adapter;
    } ways[] = {{base_folder, peft}, {base_gguf, peft}, {base_folder, gguf}, {base_gguf, gguf}, {base_folder, back}, {base_gguf, back}};
    test_case c = open_case(name);
    for (int from = 0; from < 2; from++) {
        check_round_trip(from ? base_gguf : base_folder);
        for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
            const bool is_inside = strstr(name, "inside") != NULL;
            if (is_inside && ways[i].model == base_gguf) continue; /* its masters became trits */
            const trit_lora_opts lora = {.path = ways[i].adapter};
            run_with(&c, ways[i].model, &lora, 1);
            if (i == 0 && !from) print_message("%-28s differs by %.1e\n", name, test_difference(c.want));
            expect_near(&c, name, 1e-4);
            if (!from && i == 0)
                test_same_bits(name, ways[i].model, &(trit_model_opts){.loras = &lora, .n_loras = 1}, c.ids, c.n_ids, c.embeddings);
        }
    }
    close_case(&c);
}

static void cases(void **state) {
    (void)state;
    check_cases("tests/model/lora", check_case, 6);
}

/* ---- Several, and scales ---- */

static void several_add_up(void **state) {
    (void)state;
    static float once[test_max_ids][test_max_width];
    test_case c = open_case("llama-biases.json");
    run_with(&c, base_folder, &(trit_lora_opts){.path = peft}, 1);
    run_with(&c, base_folder, (trit_lora_opts[]){{.path = peft, .scale = 0.75}, {.path = peft, .scale = 0.25}}, 2);
    expect_near(&c, "an adapter in two parts", 1e-4);
    run_with(&c, base_folder, (trit_lora_opts[]){{.path = peft, .scale = 3}, {.path = peft, .scale = -3}}, 2);
    memcpy(once, test_results, sizeof once);
    run_with(&c, base_folder, NULL, 0);
    double worst = 0;
    for (size_t p = 0; p < c.n_ids; p++)
        for (size_t i = 0; i < test_max_width; i++) worst = fmax(worst, fabs((double)once[p][i] - (double)test_results[p][i]));
    assert_true(worst < 1e-4);
    close_case(&c);
}

/* What is told of an adapter, and what it costs: r (inputs + outputs) products more for each projection. */
static void told(void **state) {
    (void)state;
    trit_error err;
    trit_model *plain, *m;
    trit_model_info before, after;
    trit_model_work work, with;
    trit_lora_info info;
    test_case c = open_case("llama-divide-qv.json");
    const trit_lora_opts lora = {.path = peft, .scale = 0.5};
    assert_ok(trit_model_open(&plain, base_folder, NULL, &err));
    assert_ok(trit_model_open(&m, base_folder, &(trit_model_opts){.loras = &lora, .n_loras = 1}, &err));
    assert_false(trit_model_lora_at(plain, 0, &info));
    assert_true(trit_model_lora_at(m, 0, &info));
    assert_false(trit_model_lora_at(m, 1, &info));
    /* 2 layers, width 64, 2 of 4 heads for keys and values; rank 8 */
    const uint64_t n = 2 * 8 * ((64 + 64) + (64 + 32));
    assert_string_equal(info.path, peft);
    assert_string_equal(info.format, "PEFT");
    assert_int_equal(info.n_projections, 4);
    assert_int_equal(info.n_params, n);
    assert_true(info.min_rank == 8 && info.max_rank == 8 && info.scale == 0.5 && info.min_scaling == 2 && info.max_scaling == 2 && !info.is_inside);
    trit_model_describe(plain, &before);
    trit_model_describe(m, &after);
    assert_int_equal(after.weight_bytes - before.weight_bytes, 2 * n); /* bfloat16, used as it lies */
    trit_model_count_work(plain, 0, &work);
    trit_model_count_work(m, 0, &with);
    assert_int_equal(with.token.float_macs - work.token.float_macs, n);
    assert_int_equal(with.token.weight_bytes - work.token.weight_bytes, 2 * n);
    assert_int_equal(with.token.int8_macs, work.token.int8_macs);
    trit_model_close(plain);
    trit_model_close(m);
    close_case(&c);
}

/* ---- Merged ---- */

typedef struct merged {
    size_t n;
    double worst;
} merged;

static void on_merged(void *user, const trit_merged *m) {
    merged *all = user;
    all->n++;
    if (!(m->lost <= all->worst)) all->worst = m->lost;
}

static merged merge(const char *in, const char *out, bool to_folder, const char *type, trit_convert_report *report) {
    trit_error err;
    merged all = {0};
    const trit_lora_opts lora = {.path = peft};
    const trit_convert_opts o = {.type = type, .hugging_face = to_folder, .loras = &lora, .n_loras = 1, .on_merged = on_merged, .user = &all};
    assert_ok(trit_convert(in, out, &o, report, &err));
    return all;
}

/* Floats take the sum: the same answers as with the adapter beside the model. */
static void merged_into_floats(void **state) {
    (void)state;
    test_case c = open_case("llama-biases.json");
    const struct {
        const char *from, *to;
        bool to_folder;
    } ways[] = {{base_folder, DIR_OF("merged"), true}, {base_folder, DIR_OF("merged.gguf"), false}, {base_gguf, DIR_OF("merged"), true}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        trit_convert_report report;
        const merged all = merge(ways[i].from, ways[i].to, ways[i].to_folder, "f32", &report);
        assert_true(all.n == 14 && all.worst == 0 && report.lossless);
        run_with(&c, ways[i].to, NULL, 0);
        expect_near(&c, ways[i].to, 1e-4);
    }
    /* bfloat16, the type of the base, rounds; that is told */
    const merged all = merge(base_folder, DIR_OF("merged"), true, NULL, NULL);
    assert_true(all.worst > 0 && all.worst < 0.05);
    close_case(&c);
}

/* Trained inside the quantizer: merged masters, and the trits that they become, give the same bits. */
static void merged_inside(void **state) {
    (void)state;
    static float beside[test_max_ids][test_max_width];
    test_case c = open_case("bitnet-online-inside.json");
    run_with(&c, base_folder, &(trit_lora_opts){.path = peft}, 1);
    memcpy(beside, test_results, sizeof beside);
    const merged masters = merge(base_folder, DIR_OF("merged"), true, "f32", NULL);
    assert_true(masters.n == 14 && masters.worst == 0);
    run_with(&c, DIR_OF("merged"), NULL, 0);
    assert_memory_equal(beside, test_results, sizeof beside);
    (void)merge(base_folder, DIR_OF("merged.gguf"), false, NULL, NULL);
    run_with(&c, DIR_OF("merged.gguf"), NULL, 0);
    assert_memory_equal(beside, test_results, sizeof beside);
    close_case(&c);
}

/* Trits take the nearest trits, which is far; the output is still a ternary model, and floats of them are exact. */
static void merged_into_trits(void **state) {
    (void)state;
    trit_error err;
    trit_model *m;
    trit_tensor_info t;
    test_case c = open_case("llama-divide-qv.json");
    const merged trits = merge(base_folder, DIR_OF("merged.gguf"), false, NULL, NULL);
    assert_int_equal(trits.n, 4);
    assert_true(trits.worst > 0.2 && trits.worst < 2);
    assert_ok(trit_model_open(&m, DIR_OF("merged.gguf"), NULL, &err));
    for (size_t i = 0; trit_model_tensor_at(m, i, &t); i++)
        if (strstr(t.name, "attn_q") || strstr(t.name, "ffn_up")) assert_string_equal(t.type, "I2_S");
    trit_model_close(m);
    assert_true(merge(base_folder, DIR_OF("merged"), true, "f32", NULL).worst == 0);
    close_case(&c);
}

/* ---- What does not fit ---- */

static void write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void refused(trit_status want, const char *model, const char *adapter, const char *says) {
    trit_error err = {0};
    trit_model *m;
    const trit_lora_opts lora = {.path = adapter};
    const trit_status got = trit_model_open(&m, model, &(trit_model_opts){.loras = &lora, .n_loras = 1, .no_weights = true}, &err);
    if (got == trit_ok) trit_model_close(m);
    if (got != want || !strstr(err.message, says)) fail_msg("%s, not %s: %s", trit_status_text(got), trit_status_text(want), err.message);
}

/* A PEFT folder of one config and tensors that a JSON list describes. */
static void write_peft(const char *config, const char *rows) {
    trit_error err;
    trit_json *json;
    mkdir(peft, 0777);
    write_text(DIR_OF("peft/adapter_config.json"), config);
    assert_ok(trit_json_parse(&json, rows, strlen(rows), "rows", &err));
    test_write_safetensors(DIR_OF("peft/adapter_model.safetensors"), json);
    trit_json_free(json);
}

#define ROW_OF(name, rows, cols, scale) \
    "{\"name\": \"base_model.model." name ".weight\", \"dtype\": \"F32\", \"shape\": [" #rows ", " #cols "], \"scale\": " #scale ", \"mean\": 0}"
#define ROW(name, rows, cols) ROW_OF(name, rows, cols, 0.1)
#define Q0 "model.layers.0.self_attn.q_proj"
#define GOOD "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 4}"

static void bad_tensors(void **state) {
    (void)state;
    test_case c = open_case("llama-biases.json");
    static const struct {
        const char *rows, *says;
        trit_status status;
    } bad[] = {
        {"[" ROW(Q0 ".lora_A", 4, 64) "]", "its other half is missing", trit_format},
        {"[" ROW(Q0 ".lora_A", 4, 63) ", " ROW(Q0 ".lora_B", 64, 4) "]", "shape [4, 63]", trit_format},
        {"[" ROW(Q0 ".lora_A", 4, 64) ", " ROW(Q0 ".lora_B", 65, 4) "]", "shape [65, 4]", trit_format},
        {"[" ROW(Q0 ".lora_A", 4, 64) ", " ROW(Q0 ".lora_B", 64, 5) "]", "rank 5", trit_format},
        {"[" ROW(Q0 ".lora_A", 5, 64) ", " ROW(Q0 ".lora_B", 64, 5) "]", "adapter_config.json says 4", trit_format},
        {"[" ROW(Q0 ".lora_A", 65537, 64) "]", "rank 65537 is not between 1 and 65536", trit_format},
        {"[" ROW("model.layers.2.self_attn.q_proj.lora_A", 4, 64) "]", "belongs to no projection", trit_unsupported},
        {"[" ROW("model.layers.0.input_layernorm.lora_A", 4, 64) "]", "belongs to no projection", trit_unsupported},
        {"[" ROW("lm_head.lora_A", 4, 64) "]", "belongs to no projection", trit_unsupported},
        {"[" ROW(Q0 ".lora_magnitude_vector", 4, 64) "]", "belongs to no projection", trit_unsupported},
        {"[" ROW(Q0 ".lora_A", 4, 64) ", " ROW("layers.0.self_attn.q_proj.lora_A", 4, 64) "]", "another one for the same place", trit_format},
        {"[]", "there is no adapter in it", trit_format},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_peft(GOOD, bad[i].rows);
        refused(bad[i].status, base_folder, peft, bad[i].says);
    }
    write_peft(GOOD, "[" ROW(Q0 ".lora_A", 4, 64) ", " ROW(Q0 ".lora_B", 64, 4) "]");
    refused(trit_format, base_folder, base_gguf, "general.type");
    refused(trit_io, base_folder, DIR_OF("nowhere"), "nowhere");
    close_case(&c);
}

/* Each number of it is finite, but what it makes of trits is not. */
static void scales_too_large(void **state) {
    (void)state;
    trit_error err;
    test_case c = open_case("llama-divide-qv.json");
    const trit_lora_opts huge = {.path = peft, .scale = 1e38};
    write_peft(GOOD, "[" ROW_OF(Q0 ".lora_A", 4, 64, 1000) ", " ROW_OF(Q0 ".lora_B", 64, 4, 1000) "]");
    assert_int_equal(trit_convert(base_folder, DIR_OF("merged.gguf"), &(trit_convert_opts){.loras = &huge, .n_loras = 1}, NULL, &err), trit_numeric);
    if (!strstr(err.message, "q_proj.weight: a scale is not finite")) fail_msg("%s", err.message);
    close_case(&c);
}

static void bad_configs(void **state) {
    (void)state;
    test_case c = open_case("llama-biases.json");
    static const struct {
        const char *more, *says;
    } bad[] = {
        {"\"use_dora\": true", "use_dora"},
        {"\"bias\": \"all\"", "bias \"all\""},
        {"\"fan_in_fan_out\": true", "fan_in_fan_out"},
        {"\"modules_to_save\": [\"lm_head\"]", "modules_to_save"},
        {"\"layer_replication\": [[0, 2]]", "layer_replication"},
        {"\"rank_pattern\": {\".*_proj\": 4}", "rank_pattern"},
        {"\"init_lora_weights\": \"pissa_niter_16\"", "init_lora_weights \"pissa_niter_16\""},
        {"\"init_lora_weights\": \"olora\"", "init_lora_weights \"olora\""},
    };
    static const char *const begins[] = {"null", "true", "false", "\"gaussian\"", "\"eva\"", "\"orthogonal\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char config[256];
        snprintf(config, sizeof config, "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 4, %s}", bad[i].more);
        write_peft(config, "[" ROW(Q0 ".lora_A", 4, 64) ", " ROW(Q0 ".lora_B", 64, 4) "]");
        refused(trit_unsupported, base_folder, peft, bad[i].says);
    }
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        char config[256];
        snprintf(config, sizeof config, "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 4, \"init_lora_weights\": %s}", begins[i]);
        write_peft(config, "[" ROW(Q0 ".lora_A", 4, 64) ", " ROW(Q0 ".lora_B", 64, 4) "]");
        refused(trit_ok, base_folder, peft, "");
    }
    write_peft("{\"peft_type\": \"LORA\", \"r\": 0, \"lora_alpha\": 4}", "[]");
    refused(trit_format, base_folder, peft, "r is no number");
    write_peft("{\"peft_type\": \"LORA\", \"r\": 4}", "[]");
    refused(trit_format, base_folder, peft, "lora_alpha");
    write_peft("{\"peft_type\": \"IA3\"}", "[]");
    refused(trit_unsupported, base_folder, peft, "IA3");
    close_case(&c);
}

/* Trained inside the quantizer, it changes masters, which a ternary file has no more. */
static void inside_needs_masters(void **state) {
    (void)state;
    test_case c = open_case("bitnet-online-inside.json");
    refused(trit_unsupported, base_gguf, peft, "was trained inside the quantizer, but tensor blk.0.");
    close_case(&c);
}

/* Found when the adapter is opened, in floats that stay in the file and in those that are moved. */
static void bad_numbers(void **state) {
    (void)state;
    static const char *const halves[] = {Q0 ".lora_A", Q0 ".lora_B"};
    test_case c = open_case("llama-biases.json");
    for (size_t i = 0; i < 2; i++)
        for (int model = 0; model < 2; model++) {
            write_peft(GOOD, "[" ROW(Q0 ".lora_A", 4, 64) ", " ROW(Q0 ".lora_B", 64, 4) "]");
            FILE *f = fopen(DIR_OF("peft/adapter_model.safetensors"), "r+b");
            assert_non_null(f);
            const float bad = INFINITY;
            assert_int_equal(fseek(f, i == 0 ? -2048 : -4, SEEK_END), 0); /* A, then B, of 256 floats each */
            assert_int_equal(fwrite(&bad, sizeof bad, 1, f), 1);
            assert_int_equal(fclose(f), 0);
            refused(trit_numeric, model ? base_gguf : base_folder, peft, halves[i]);
        }
    close_case(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),          cmocka_unit_test(several_add_up),    cmocka_unit_test(told),        cmocka_unit_test(merged_into_floats),
        cmocka_unit_test(merged_inside),  cmocka_unit_test(merged_into_trits), cmocka_unit_test(bad_tensors), cmocka_unit_test(bad_configs),
        cmocka_unit_test(inside_needs_masters), cmocka_unit_test(bad_numbers),   cmocka_unit_test(scales_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
