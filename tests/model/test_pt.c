/* An int2 checkpoint for CUDA, written by torch.save 2.15 and packed by Microsoft's pack_weight.py, against the Hugging Face release of the
 * same trits (both of tools/reference/make_pt.py): the same logits to the bit, converted too. */
#include "test.h"

#include <sys/stat.h>

#include "trit/convert.h"
#include "trit/trit.h"

enum { n_ids = 9, n_vocab = 19 };

static const char folder[] = TRIT_BINARY_DIR "/pt", copied[] = TRIT_BINARY_DIR "/pt/model_state_int2.pt";
static trit_error err;

typedef struct logits {
    float p[n_ids][n_vocab];
    uint32_t n;
} logits;

static void keep(void *user, uint32_t pos, const float *p, uint32_t n) {
    logits *l = user;
    assert_true(pos < n_ids && n == n_vocab);
    memcpy(l->p[pos], p, sizeof l->p[pos]);
    l->n++;
}

static logits run(const char *path) {
    static const int32_t ids[n_ids] = {1, 18, 7, 7, 0, 12, 3, 5, 9};
    logits l = {.n = 0};
    trit_model *m;
    trit_engine *e;
    const trit_event *events;
    size_t n_events;
    assert_ok(trit_model_open(&m, path, NULL, &err));
    assert_ok(trit_engine_new(&e, m, NULL, &err));
    const trit_request q = {.prompt = ids, .n_prompt = n_ids, .prefill_only = true, .all_logits = true, .on_logits = keep, .user = &l};
    assert_ok(trit_engine_submit(e, &q, NULL, &err));
    while (!trit_engine_idle(e)) assert_ok(trit_engine_step(e, &events, &n_events, &err));
    assert_int_equal(l.n, n_ids);
    trit_engine_free(e);
    trit_model_close(m);
    return l;
}

static void same_logits(void **state) {
    (void)state;
    static const char gguf[] = TRIT_BINARY_DIR "/pt.gguf";
    const logits want = run(test_source("tests/model/pt/hf")), got = run(test_source("tests/model/pt/model_state_int2.pt"));
    trit_convert_report report;
    assert_memory_equal(got.p, want.p, sizeof want.p);
    assert_true(want.p[n_ids - 1][0] != want.p[n_ids - 1][1]);
    assert_ok(trit_convert(test_source("tests/model/pt/model_state_int2.pt"), gguf, NULL, &report, &err));
    assert_true(report.lossless);
    const logits converted = run(gguf);
    assert_memory_equal(converted.p, want.p, sizeof want.p);
    remove(gguf);
}

static void described(void **state) {
    (void)state;
    trit_model *m;
    trit_model_info info;
    assert_ok(trit_model_open(&m, test_source("tests/model/pt/model_state_int2.pt"), NULL, &err));
    trit_model_describe(m, &info);
    assert_string_equal(info.format, "PyTorch");
    assert_string_equal(info.activation, "relu2");
    assert_true(info.dim == 256 && info.ff_dim == 32 && info.n_layers == 2 && info.n_heads == 2 && info.n_kv_heads == 1 && info.head_dim == 128);
    assert_true(info.vocab_size == n_vocab && !info.tied_embeddings && info.rope_theta == 500000.0f);
    assert_null(trit_model_tokenizer(m));
    trit_model_close(m);
}

static void copy(const char *from, const char *to) {
    size_t n;
    char *bytes = test_read(from, &n);
    FILE *f = fopen(to, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    free(bytes);
}

/* The release's own tokenizer.model is a list that is not read; a tokenizer.json beside the checkpoint is its tokenizer, and goes along. */
static void tokenizer_beside(void **state) {
    (void)state;
    static const char json[] = TRIT_BINARY_DIR "/pt/tokenizer.json", list[] = TRIT_BINARY_DIR "/pt/tokenizer.model", hf[] = TRIT_BINARY_DIR "/pt-tokens",
                      gguf[] = TRIT_BINARY_DIR "/pt-tokens.gguf";
    static const char tokenizer[] = "{\"version\":\"1.0\",\"added_tokens\":[{\"id\":4,\"content\":\"<|eot_id|>\",\"single_word\":false,"
                                    "\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}],\"normalizer\":null,"
                                    "\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                                    "\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},\"post_processor\":null,\"decoder\":"
                                    "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},\"model\":"
                                    "{\"type\":\"BPE\",\"unk_token\":\"?\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2,\"?\":3},\"merges\":[\"a b\"]}}";
    trit_model *m;
    mkdir(folder, 0777);
    remove(json);
    copy(test_source("tests/model/pt/model_state_int2.pt"), copied);
    FILE *f = fopen(list, "wb");
    assert_true(f && fputs("IQ== 0\n", f) >= 0 && fclose(f) == 0);
    assert_ok(trit_model_open(&m, copied, NULL, &err));
    assert_null(trit_model_tokenizer(m));
    trit_model_close(m);
    f = fopen(json, "wb");
    assert_true(f && fputs(tokenizer, f) >= 0 && fclose(f) == 0);
    assert_ok(trit_convert(copied, hf, &(trit_convert_opts){.hugging_face = true}, NULL, &err));
    assert_ok(trit_convert(copied, gguf, NULL, NULL, &err));
    const char *const paths[] = {copied, hf, gguf};
    for (int i = 0; i < 3; i++) {
        trit_ids ids = {0};
        assert_ok(trit_model_open(&m, paths[i], NULL, &err));
        assert_non_null(trit_model_tokenizer(m));
        assert_ok(trit_tokenizer_encode(trit_model_tokenizer(m), &ids, "aab", 3, NULL, &err));
        assert_true(ids.n == 2 && ids.data[0] == 0 && ids.data[1] == 2);
        trit_ids_fini(&ids);
        trit_model_close(m);
    }
    remove(json);
    remove(list);
    remove(copied);
    remove(gguf);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_logits), cmocka_unit_test(described), cmocka_unit_test(tokenizer_beside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
