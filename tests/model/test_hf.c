/* Small random models in the layouts that Hugging Face publishes, against logits and embeddings of its own library: the cases of
 * tests/model/hf, which tools/reference makes. Their weights follow from a rule (tools/reference/weights.py), so a case is a config.json,
 * a list of tensors, ids and results. Every case is also run on all instruction sets, numbers of threads and chunkings: same bits. */
#include "test.h"

#include <math.h>

#include "base/cpu.h"
#include "hf_case.h"
#include "io/io.h"
#include "trit/trit.h"

static void check_vector(const trit_json *want, const char *folder, const int32_t *ids, size_t n_ids, trit_pooling pooling, double tolerance) {
    trit_error err;
    trit_model *model;
    trit_embedder *e;
    float got[test_max_width];
    if (!trit_json_length(want)) return;
    assert_ok(trit_model_open(&model, folder, NULL, &err));
    assert_ok(trit_embedder_new(&e, model, &(trit_embed_opts){.pooling = pooling, .kv = trit_kv_f32}, &err));
    assert_int_equal(trit_embedder_dims(e), trit_json_length(want));
    assert_ok(trit_embed(e, got, &(trit_ids){.data = (int32_t *)ids, .n = n_ids}, 1, &err));
    for (size_t i = 0; i < trit_json_length(want); i++) {
        double d = fabs(trit_json_as_real(trit_json_at(want, i), NAN) - (double)got[i]);
        if (!(d <= tolerance)) fail_msg("%s pooling, number %zu differs by %g", trit_pooling_name(pooling), i, d);
    }
    trit_embedder_free(e);
    trit_model_close(model);
}

static void check_same_tensors(const char *a_path, const char *b_path) {
    trit_error err;
    trit_gguf *a, *b;
    assert_ok(trit_gguf_open(&a, a_path, &err));
    assert_ok(trit_gguf_open(&b, b_path, &err));
    assert_int_equal(trit_gguf_n_tensors(a), trit_gguf_n_tensors(b));
    for (uint64_t i = 0; i < trit_gguf_n_tensors(a); i++) {
        const trit_file_tensor *x = trit_gguf_tensor_at(a, i), *y = trit_gguf_tensor_at(b, i);
        assert_true(trit_str_equal(x->name, y->name) && x->dtype == y->dtype && x->n_bytes == y->n_bytes);
        if (memcmp(x->data, y->data, x->n_bytes) != 0) fail_msg("%.*s differs after a round trip", TRIT_STR_ARG(x->name));
    }
    trit_gguf_close(a);
    trit_gguf_close(b);
}

/* The case as a GGUF file, a folder made of that, and a GGUF file again: the answers stay, and the files are the same. And as another
 * folder. */
static void check_converted(const char *name, const char *folder, const trit_json *want, const int32_t *ids, size_t n_ids, bool embeddings,
                            double tolerance) {
    static const char gguf[] = TRIT_BINARY_DIR "/hf-case.gguf", again[] = TRIT_BINARY_DIR "/hf-case-again", back[] = TRIT_BINARY_DIR "/hf-case-back.gguf";
    static const char copy[] = TRIT_BINARY_DIR "/hf-case-copy";
    const struct {
        const char *from, *to;
        bool to_folder;
    } steps[] = {{folder, gguf, false}, {gguf, again, true}, {again, back, false}, {folder, copy, true}};
    trit_error err;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_ok(trit_convert(steps[i].from, steps[i].to, &(trit_convert_opts){.hugging_face = steps[i].to_folder}, NULL, &err));
        assert_true(test_run(steps[i].to, NULL, ids, n_ids, embeddings, &(test_way){.n_threads = 2}));
        double worst = test_difference(want);
        if (!(worst <= tolerance)) fail_msg("%s: %s differs by %g, more than %g", name, steps[i].to, worst, tolerance);
    }
    check_same_tensors(gguf, back);
}

static void check_case(const char *name) {
    char path[1024], *text;
    size_t n, n_ids;
    trit_json *json;
    trit_error err;
    int32_t ids[test_max_ids];
    snprintf(path, sizeof path, "tests/model/hf/%s", name);
    text = test_read(test_source(path), &n);
    assert_ok(trit_json_parse(&json, text, n, name, &err));
    static const char folder[] = TRIT_BINARY_DIR "/hf-case";
    test_make_folder(folder, text, json);
    n_ids = trit_json_length(trit_json_get(json, "ids"));
    assert_true(n_ids > 0 && n_ids <= test_max_ids);
    for (size_t i = 0; i < n_ids; i++) ids[i] = (int32_t)trit_json_as_int(trit_json_at(trit_json_get(json, "ids"), i), -1);
    const trit_json *logits = trit_json_get(json, "logits"), *hidden = trit_json_get(json, "hidden");
    double tolerance = trit_json_as_real(trit_json_get(json, "tolerance"), 1e-4);
    assert_true(logits || hidden);
    assert_true(test_run(folder, NULL, ids, n_ids, !logits, &(test_way){.n_threads = 2}));
    double worst = test_difference(logits ? logits : hidden);
    print_message("%-28s differs by %.1e\n", name, worst);
    if (!(worst <= tolerance)) fail_msg("%s: differs by %g, more than %g", name, worst, tolerance);
    test_same_bits(name, folder, NULL, ids, n_ids, !logits);
    check_converted(name, folder, logits ? logits : hidden, ids, n_ids, !logits, tolerance);
    check_vector(trit_json_get(json, "embedding_last"), folder, ids, n_ids, trit_pooling_last, tolerance);
    check_vector(trit_json_get(json, "embedding_mean"), folder, ids, n_ids, trit_pooling_mean, tolerance);
    trit_json_free(json);
    free(text);
}

static void cases(void **state) {
    (void)state;
    check_cases("tests/model/hf", check_case, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
