/* Quantization by rules: which rule reaches what, which file type holds a scheme's values, budgets that are kept and planned with true errors,
 * calibration. The float model is story-256.gguf with its ternary weights as Q6_K. */
#include "test.h"

#include <math.h>

#include "base/os.h"
#include "model/convert/convert.h"
#include "model/convert/recipe.h"
#include "trit/trit.h"

#define OUT(name) TRIT_BINARY_DIR "/quantize-" name

static trit_error err;

/* ---- Rules ---- */

static void recipes(void **state) {
    (void)state;
    static const char *const q[3] = {"blk.3.attn_q.weight", "blk.-1.attn_q.weight", "model.layers.3.self_attn.q_proj.weight"};
    trit_recipe r = {0};
    assert_ok(trit_recipe_add(&r, "# mine\n\n*q_proj*  q8_0 # by its own name\n* q4_k\n", true, "rules", &err));
    assert_ok(trit_recipe_add(&r, "*  3bit-asym-g64-mse@f16", false, "policy", &err));
    assert_int_equal(r.n, 3);
    assert_int_equal(trit_recipe_find(&r, q, false)->target.dtype, trit_dtype_q8_0);
    assert_ptr_equal(trit_recipe_find(&r, q, true), r.rules);
    assert_ptr_equal(trit_recipe_find(&r, (const char *const[3]){"output.weight", NULL, NULL}, true), NULL); /* "*" is no name */
    assert_int_equal(r.rules[2].target.scheme.group, 64);
    assert_int_equal(r.rules[2].target.dtype, trit_dtype_f16);
    trit_recipe_fini(&r);
    static const char *const bad[] = {"a", "a q4_k more", "* q9_z", "* 4bit@nothing", "* nvfp4", "* ternary-asym"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "* f16\n%s\n", bad[i]);
        assert_int_equal(trit_recipe_add(&r, text, true, "policy", &err), trit_arg);
        assert_non_null(strstr(err.message, "policy, line 2: "));
        trit_recipe_fini(&r);
    }
    char known[] = TRIT_POLICIES;
    int n_known = 0;
    for (char *name = strtok(known, ", "); name; name = strtok(NULL, ", "), n_known++) {
        assert_ok(trit_recipe_add(&r, trit_policy_text(name), false, name, &err));
        trit_recipe_fini(&r);
    }
    assert_int_equal(n_known, 3);
}

/* ---- Models ---- */

typedef struct seen {
    size_t n, n_kept;
    const char *name;    /* to be looked at */
    char scheme[48], type[16];
    double sqnr_db, worst_gap, error; /* of the name; |measured - predicted| in dB; sum of error over signal */
    char warning[256];
} seen;

static void on_tensor(void *user, const trit_quantized *t) {
    seen *s = user;
    s->n++;
    s->n_kept += strcmp(t->scheme, "kept") == 0;
    s->error += isinf(t->sqnr_db) ? 0 : pow(10, -t->sqnr_db / 10);
    if (!isnan(t->predicted_sqnr_db) && !isinf(t->sqnr_db) && fabs(t->predicted_sqnr_db - t->sqnr_db) > s->worst_gap)
        s->worst_gap = fabs(t->predicted_sqnr_db - t->sqnr_db);
    if (!s->name || strcmp(t->name, s->name) != 0) return;
    snprintf(s->scheme, sizeof s->scheme, "%s", t->scheme);
    snprintf(s->type, sizeof s->type, "%s", t->type);
    s->sqnr_db = t->sqnr_db;
}

static void on_word(void *user, trit_convert_word word, const char *text) {
    seen *s = user;
    if (word == trit_convert_warning) snprintf(s->warning, sizeof s->warning, "%s", text);
}

static seen quantize(const char *in, const char *out, trit_quantize_opts o, const char *name) {
    seen s = {.name = name};
    o.convert.user = &s;
    o.convert.say = on_word;
    o.on_tensor = on_tensor;
    assert_ok(trit_quantize(in, out, &o, NULL, &err));
    return s;
}

static const char *float_model(void) {
    static bool is_made;
    if (!is_made) (void)quantize(test_source("tests/model/story-256.gguf"), OUT("float.gguf"), (trit_quantize_opts){.rules = "* q6_k\nblk.* q6_k"}, NULL);
    is_made = true;
    return OUT("float.gguf");
}

static void ternary_is_kept(void **state) {
    (void)state;
    const char *story = test_source("tests/model/story-256.gguf");
    seen s = quantize(story, OUT("kept.gguf"), (trit_quantize_opts){.rules = "* q4_k", .policy = "*attn* q4_k"}, "blk.0.attn_q.weight");
    assert_string_equal(s.scheme, "kept");
    assert_int_equal(s.n, s.n_kept + 1); /* the embeddings */
    s = quantize(story, OUT("kept.gguf"), (trit_quantize_opts){.rules = "*attn_q* tq2_0"}, "blk.0.attn_q.weight");
    assert_string_equal(s.type, "TQ2_0");
    assert_true(isinf(s.sqnr_db)); /* trits go over as they are */
    s = quantize(story, OUT("kept.gguf"), (trit_quantize_opts){.rules = "blk.-1.attn_q.* q4_0"}, "blk.5.attn_q.weight");
    assert_string_equal(s.type, "Q4_0");
}

/* Which type holds which scheme, for rows of 256. */
static void carriers(void **state) {
    (void)state;
    static const char *const all[][3] = {
        {"ternary", "ternary-tensor", "TQ2_0"},    {"ternary-row", "ternary-row", "TQ2_0"},     {"ternary-g64", "ternary-g64", "Q2_0"},
        {"ternary-g32", "ternary-g32", "Q4_0"},    {"ternary@i2_s", "ternary-tensor", "I2_S"},  {"tq1_0", "ternary-g256", "TQ1_0"},
        {"i2_s", "ternary-tensor", "I2_S"},        {"iq2_bn", "ternary-row", "IQ2_BN"},         {"2bit-g256", "2bit-g256", "TQ2_0"},
        {"1bit-g128", "1bit-g128", "Q1_0"},        {"q1_0", "1bit-g128", "Q1_0"},               {"1bit-g64", "1bit-g64", "Q4_0"},
        {"3bit-row", "3bit-row", "Q4_0"},          {"int4-g32", "4bit-g32", "Q4_0"},            {"3bit-asym-g64", "3bit-asym-g64", "Q4_1"},
        {"5bit-row", "5bit-row", "Q5_0"},          {"5bit-asym-row", "5bit-asym-row", "Q5_1"},  {"int8", "8bit-row", "Q8_0"},
        {"8bit-asym-row", "8bit-asym-row", "F16"}, {"4bit-g32@q8_0", "4bit-g32", "Q8_0"},       {"q4_k", "Q4_K", "Q4_K"},
        {"fp16", "F16", "F16"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char rule[64];
        snprintf(rule, sizeof rule, "blk.* %s", all[i][0]);
        const seen r = quantize(float_model(), OUT("carrier.gguf"), (trit_quantize_opts){.policy = rule}, "blk.0.ffn_up.weight");
        if (strcmp(r.scheme, all[i][1]) != 0 || strcmp(r.type, all[i][2]) != 0) fail_msg("%s: %s in %s", all[i][0], r.scheme, r.type);
        trit_model *m;
        assert_ok(trit_model_open(&m, OUT("carrier.gguf"), NULL, &err));
        trit_model_close(m);
    }
}

/* The folder's packed type has its scale in a tensor beside it: projections get that, and back in GGUF are what the scheme is there; tables
 * have no place for it. */
static void packed_in_folder(void **state) {
    (void)state;
    static const char up[] = "blk.0.ffn_up.weight";
    trit_model *m[2];
    const trit_file_tensor *t[2];
    seen s = quantize(float_model(), OUT("packed"), (trit_quantize_opts){.convert.hugging_face = true, .rules = "blk.* hf_ternary"},
                      "model.layers.0.mlp.up_proj.weight");
    assert_string_equal(s.type, "HF_TERNARY");
    assert_ok(trit_convert(OUT("packed"), OUT("packed.gguf"), NULL, NULL, &err));
    (void)quantize(float_model(), OUT("direct.gguf"), (trit_quantize_opts){.rules = "blk.* i2_s"}, NULL);
    for (int i = 0; i < 2; i++) {
        assert_ok(trit_model_open(&m[i], i ? OUT("direct.gguf") : OUT("packed.gguf"), NULL, &err));
        t[i] = trit_source_find(&m[i]->source, up, NULL);
        assert_true(t[i] && t[i]->dtype == trit_dtype_i2_s);
    }
    assert_int_equal(t[0]->n_bytes, t[1]->n_bytes);
    assert_memory_equal(t[0]->data, t[1]->data, t[0]->n_bytes);
    for (int i = 0; i < 2; i++) trit_model_close(m[i]);
    s = quantize(float_model(), OUT("packed"), (trit_quantize_opts){.convert.hugging_face = true, .rules = "token_embd.weight hf_ternary"},
                 "model.embed_tokens.weight");
    assert_string_equal(s.type, "F16");
    const trit_quantize_opts forced = {.convert.hugging_face = true, .rules = "token_embd.weight ternary@hf_ternary"};
    assert_int_equal(trit_quantize(float_model(), OUT("packed"), &forced, NULL, &err), trit_unsupported);
}

/* "*" with three levels leaves the embeddings alone, and a warning says what such a model is. */
static void crude(void **state) {
    (void)state;
    const seen s = quantize(float_model(), OUT("crude.gguf"), (trit_quantize_opts){.policy = "* ternary"}, "token_embd.weight");
    assert_string_equal(s.scheme, "kept");
    assert_non_null(strstr(s.warning, "does not speak"));
    const seen t = quantize(float_model(), OUT("crude.gguf"), (trit_quantize_opts){.policy = "* q4_k"}, NULL);
    assert_int_equal(t.warning[0], 0);
}

static void budgets(void **state) {
    (void)state;
    double before = INFINITY;
    for (uint64_t budget = 2000000; budget <= 4400000; budget += 600000) {
        trit_convert_report report;
        seen s = {0};
        const trit_quantize_opts o = {.convert.user = &s, .budget = budget, .on_tensor = on_tensor};
        assert_ok(trit_quantize(float_model(), OUT("budget.gguf"), &o, &report, &err));
        print_message("%llu bytes: %llu used, error %.4f, plan off by %.2f dB at most\n", (unsigned long long)budget, (unsigned long long)report.bytes_out,
                      s.error, s.worst_gap);
        assert_true(report.bytes_out <= budget && report.bytes_out > budget - budget / 10);
        assert_true(s.error < before && s.worst_gap < 1);
        before = s.error;
    }
    /* Better than one type for all in the same bytes. */
    trit_convert_report one;
    seen uniform = {0}, mixed = {0};
    const trit_quantize_opts all_q4 = {.convert.user = &uniform, .policy = "* q4_k", .on_tensor = on_tensor};
    assert_ok(trit_quantize(float_model(), OUT("budget.gguf"), &all_q4, &one, &err));
    assert_ok(trit_quantize(float_model(), OUT("budget.gguf"),
                            &(trit_quantize_opts){.convert.user = &mixed, .budget = one.bytes_out, .on_tensor = on_tensor}, NULL, &err));
    print_message("Q4_K for all: error %.4f; by budget: %.4f\n", uniform.error, mixed.error);
    assert_true(mixed.error <= uniform.error);
    /* A rule is outside the budget's reach; too little is refused, with the least that is needed. */
    seen s = {.name = "token_embd.weight"};
    assert_ok(trit_quantize(float_model(), OUT("budget.gguf"),
                            &(trit_quantize_opts){.convert.user = &s, .budget = 3000000, .rules = "token_embd.* q4_0", .on_tensor = on_tensor}, NULL, &err));
    assert_string_equal(s.type, "Q4_0");
    assert_int_equal(trit_quantize(float_model(), OUT("none.gguf"), &(trit_quantize_opts){.budget = 1000}, NULL, &err), trit_arg);
    assert_non_null(strstr(err.message, "at least"));
}

/* ---- Calibration ---- */

static void calibration(void **state) {
    (void)state;
    static const char text[] = "Once upon a time there was a little girl who had a big red ball. She liked to play with her dog in the park.";
    trit_model *m;
    trit_importance *importance, *again;
    assert_ok(trit_model_open(&m, float_model(), NULL, &err));
    assert_ok(trit_calibrate(&importance, m, text, sizeof text - 1, NULL, &err));
    assert_ok(trit_calibrate(&again, m, text, sizeof text - 1, &(trit_calibrate_opts){.window = 512}, &err));
    assert_int_equal(importance->n, m->config.n_layers * 7 + 1);
    assert_true(trit_importance_tokens(importance) > 10);
    for (size_t i = 0; i < importance->n; i++) {
        double sum = 0;
        for (uint32_t c = 0; c < importance->rows[i].n_cols; c++) sum += (double)importance->rows[i].mean_square[c];
        assert_true(sum > 0);
        assert_memory_equal(importance->rows[i].mean_square, again->rows[i].mean_square, importance->rows[i].n_cols * sizeof(float));
    }
    /* What attention reads has been through a norm: mean squares of q, k and v are the same list. */
    const uint32_t dim = m->config.dim;
    const float *q = trit_importance_find(importance, "blk.2.attn_q.weight", dim), *k = trit_importance_find(importance, "blk.2.attn_k.weight", dim);
    assert_non_null(q);
    assert_memory_equal(q, k, dim * sizeof *q);
    assert_null(trit_importance_find(importance, "blk.2.attn_k.weight", 7));
    (void)quantize(float_model(), OUT("calibrated.gguf"), (trit_quantize_opts){.policy = "* q3_k", .importance = importance}, NULL);
    assert_int_equal(trit_calibrate(&again, m, "", 0, NULL, &err), trit_arg);
    trit_importance_free(importance);
    trit_importance_free(again);
    trit_model_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipes), cmocka_unit_test(ternary_is_kept), cmocka_unit_test(carriers),
        cmocka_unit_test(packed_in_folder),
        cmocka_unit_test(crude), cmocka_unit_test(budgets), cmocka_unit_test(calibration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
