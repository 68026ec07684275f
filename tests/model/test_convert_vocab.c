/* Tokenizers through conversions: what a GGUF file or a folder says afterwards gives the same tokens, or the conversion has said that
 * it does not. The texts are those of tests/text/trained, with the tokens of the reference libraries. */
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/os.h"
#include "io/io.h"
#include "trit/trit.h"

#define OUT(name) TRIT_BINARY_DIR "/vocab-" name

static trit_error err;

static char notes[4096];

static void listen(void *user, trit_convert_word word, const char *text) {
    size_t n = strlen(notes);
    (void)user;
    if (word == trit_convert_note) snprintf(notes + n, sizeof notes - n, "%s\n", text);
}

static void convert(const char *from, const char *to, bool to_folder) {
    notes[0] = '\0';
    assert_ok(trit_convert(from, to, &(trit_convert_opts){.hugging_face = to_folder, .say = listen}, NULL, &err));
}

/* The tokenizer file in a folder of a model, which lacks one. */
static const char *make_folder(const char *tokenizer, const char *name) {
    char path[1024];
    size_t n;
    convert(test_source("tests/model/story-256.gguf"), OUT("folder"), true);
    unlink(OUT("folder/tokenizer.json"));
    unlink(OUT("folder/tokenizer.model"));
    snprintf(path, sizeof path, OUT("folder/%s"), name);
    char *data = test_read(tokenizer, &n);
    assert_ok(trit_os_write_file(path, data, n, &err));
    free(data);
    return OUT("folder");
}

/* The tokens of each text of a list. */
static void expect_tokens(const char *ref, const char *jsonl) {
    trit_tokenizer *t;
    size_t n, n_texts = 0;
    trit_ids ids = {0};
    char *lines = test_read(jsonl, &n);
    assert_ok(trit_tokenizer_open(&t, ref, &err));
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"), n_texts++) {
        trit_json *json;
        assert_ok(trit_json_parse(&json, line, strlen(line), jsonl, &err));
        const trit_str text = trit_json_as_str(trit_json_get(json, "text"));
        const trit_json *want = trit_json_get(json, "ids");
        assert_ok(trit_tokenizer_encode(t, &ids, text.p, text.n, &(trit_encode_opts){.no_bos = true}, &err));
        bool same = ids.n == trit_json_length(want);
        for (size_t i = 0; i < ids.n && same; i++) same = ids.data[i] == trit_json_as_int(trit_json_at(want, i), -1);
        if (!same) fail_msg("%s: other tokens for \"%.*s\"", jsonl, TRIT_STR_ARG(text));
        trit_json_free(json);
    }
    assert_true(n_texts > 50);
    trit_ids_fini(&ids);
    trit_tokenizer_close(t);
    free(lines);
}

static void sentencepiece(void **state) {
    (void)state;
    static const char *const names[] = {"spm_bytes", "spm_bpe_map", "spm_unigram"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char model[256], texts[256];
        snprintf(model, sizeof model, "tests/text/trained/%s.model", names[i]);
        snprintf(texts, sizeof texts, "tests/text/trained/%s.jsonl", names[i]);
        convert(make_folder(test_source(model), "tokenizer.model"), OUT("spm.gguf"), false);
        assert_string_equal(notes, "");
        expect_tokens(OUT("spm.gguf"), test_source(texts));
    }
}

/* What GGUF has no form for stays out, with a word. */
static void left_out(void **state) {
    (void)state;
    static const char *const names[] = {"alphabet", "bert", "clip", "falcon", "subwords", "unigram", "word_level"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char json[256];
        trit_gguf *g;
        trit_str model = {0};
        snprintf(json, sizeof json, "tests/text/trained/%s.json", names[i]);
        convert(make_folder(test_source(json), "tokenizer.json"), OUT("none.gguf"), false);
        assert_ok(trit_gguf_open(&g, OUT("none.gguf"), &err));
        if (!trit_gguf_str(trit_gguf_find(g, "tokenizer.ggml.model"), &model) || !trit_str_is(model, "no_vocab") ||
            trit_gguf_find(g, "tokenizer.ggml.tokens") || !strstr(notes, "no tokenizer in the output"))
            fail_msg("%s has a tokenizer in GGUF, or nothing was said: %s", names[i], notes);
        trit_gguf_close(g);
        trit_model *m;
        assert_ok(trit_model_open(&m, OUT("none.gguf"), NULL, &err));
        assert_null(trit_model_tokenizer(m));
        trit_model_close(m);
    }
}

static const char *const texts[] = {"hello world", "the hello", "  x", "1234512", "hello<|eot_id|> the", "caf\xC3\xA9", "I'LL pay $3.50, OK?\n\n a", ""};

static void expect_same_tokens(const char *a_ref, const char *b_ref) {
    trit_tokenizer *a, *b;
    trit_ids x = {0}, y = {0};
    assert_ok(trit_tokenizer_open(&a, a_ref, &err));
    assert_ok(trit_tokenizer_open(&b, b_ref, &err));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (int special = 0; special < 2; special++) {
            const trit_encode_opts opts = {.special = special != 0};
            assert_ok(trit_tokenizer_encode(a, &x, texts[i], strlen(texts[i]), &opts, &err));
            assert_ok(trit_tokenizer_encode(b, &y, texts[i], strlen(texts[i]), &opts, &err));
            assert_int_equal(x.n, y.n);
            if (x.n) assert_memory_equal(x.data, y.data, x.n * sizeof *x.data);
        }
    assert_int_equal(trit_tokenizer_bos(a), trit_tokenizer_bos(b));
    assert_int_equal(trit_tokenizer_eos(a), trit_tokenizer_eos(b));
    for (uint32_t id = 0; id < trit_tokenizer_size(a); id++) {
        assert_int_equal(trit_tokenizer_is_special(a, (int32_t)id), trit_tokenizer_is_special(b, (int32_t)id));
        assert_int_equal(trit_tokenizer_is_eog(a, (int32_t)id), trit_tokenizer_is_eog(b, (int32_t)id));
    }
    trit_ids_fini(&x);
    trit_ids_fini(&y);
    trit_tokenizer_close(a);
    trit_tokenizer_close(b);
}

/* Of token types: tokenizer.json cannot say that a token is not in use. */
enum { normal = 1, unused = 5 };

static void expect_same_list(const trit_gguf *a, const trit_gguf *b, const char *key) {
    const trit_gguf_kv *x = trit_gguf_find(a, key), *y = trit_gguf_find(b, key);
    assert_non_null(x);
    assert_non_null(y);
    assert_int_equal(x->n, y->n);
    trit_str *s = malloc(x->n * sizeof *s), *t = malloc(x->n * sizeof *t);
    assert_true(s && t);
    if (trit_gguf_strs(x, s)) {
        assert_true(trit_gguf_strs(y, t));
        for (uint64_t i = 0; i < x->n; i++) assert_true(trit_str_equal(s[i], t[i]));
    } else {
        int64_t v, w;
        for (uint64_t i = 0; i < x->n; i++)
            if (!trit_gguf_int(x, i, &v) || !trit_gguf_int(y, i, &w) || (v != w && !(v == unused && w == normal)))
                fail_msg("%s: item %zu is %d instead of %d", key, (size_t)i, (int)w, (int)v);
    }
    free(s);
    free(t);
}

/* SentencePiece's vocabularies of GGUF files have scores, tokenizer.json has merges: on a whole book they give the same tokens. */
static void scores_to_merges(void **state) {
    char story[1024];
    trit_tokenizer *a, *b;
    trit_ids x = {0}, y = {0};
    (void)state;
    snprintf(story, sizeof story, "%s", test_source("tests/model/story-256.gguf"));
    convert(story, OUT("pieces"), true);
    assert_string_equal(notes, "");
    expect_same_tokens(story, OUT("pieces"));
    convert(OUT("pieces"), OUT("pieces.gguf"), false);
    expect_same_tokens(story, OUT("pieces.gguf"));
    require_shared("data/text/tinyshakespeare.txt");
    size_t n;
    char *text = test_read(test_shared("data/text/tinyshakespeare.txt"), &n);
    assert_ok(trit_tokenizer_open(&a, story, &err));
    assert_ok(trit_tokenizer_open(&b, OUT("pieces"), &err));
    assert_ok(trit_tokenizer_encode(a, &x, text, n, NULL, &err));
    assert_ok(trit_tokenizer_encode(b, &y, text, n, NULL, &err));
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.data, y.data, x.n * sizeof *x.data);
    trit_ids_fini(&x);
    trit_ids_fini(&y);
    trit_tokenizer_close(a);
    trit_tokenizer_close(b);
    free(text);
}

/* Byte-level BPE, a Llama-3 vocabulary in small: from GGUF to tokenizer.json and back nothing is lost. */
static void byte_level(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_i2s.gguf");
    char from[1024];
    snprintf(from, sizeof from, "%s", test_shared("spec/examples/tiny_i2s.gguf"));
    trit_gguf *a, *b;
    trit_str pre;
    convert(from, OUT("bytes"), true);
    assert_string_equal(notes, "");
    expect_same_tokens(from, OUT("bytes"));
    convert(OUT("bytes"), OUT("bytes.gguf"), false);
    assert_string_equal(notes, "");
    expect_same_tokens(from, OUT("bytes.gguf"));
    assert_ok(trit_gguf_open(&a, from, &err));
    assert_ok(trit_gguf_open(&b, OUT("bytes.gguf"), &err));
    assert_true(trit_gguf_str(trit_gguf_find(b, "tokenizer.ggml.pre"), &pre) && trit_str_is(pre, "llama3"));
    expect_same_list(a, b, "tokenizer.ggml.tokens");
    expect_same_list(a, b, "tokenizer.ggml.token_type");
    expect_same_list(a, b, "tokenizer.ggml.merges");
    trit_gguf_close(a);
    trit_gguf_close(b);
}

/* A model with a key of a u64 in place of one that it has. */
static const char *with_u64(const char *key, uint64_t value) {
    const trit_gguf_kv kv = {.key = trit_str_from(key), .type = trit_gguf_u64, .item_type = trit_gguf_u64, .n = 1, .data = (const uint8_t *)&value};
    trit_gguf *g;
    trit_gguf_writer *w;
    assert_ok(trit_gguf_open(&g, test_source("tests/model/story-256.gguf"), &err));
    assert_non_null(trit_gguf_find(g, key));
    assert_ok(trit_gguf_writer_new(&w, &err));
    for (uint64_t i = 0; i < trit_gguf_n_kv(g); i++)
        assert_ok(trit_gguf_put_kv(w, trit_str_is(trit_gguf_kv_at(g, i)->key, key) ? &kv : trit_gguf_kv_at(g, i), &err));
    for (uint64_t i = 0; i < trit_gguf_n_tensors(g); i++) assert_ok(trit_gguf_put_tensor(w, trit_gguf_tensor_at(g, i), &err));
    assert_ok(trit_gguf_write(w, OUT("wide.gguf"), &err));
    trit_gguf_writer_free(w);
    trit_gguf_close(g);
    return OUT("wide.gguf");
}

/* Ids beyond 32 bits name no token: neither the first ones nor what lies behind the list. */
static void ids_beyond(void **state) {
    (void)state;
    static const char *const keys[] = {"tokenizer.ggml.unknown_token_id", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *from = with_u64(keys[i], ((uint64_t)1 << 32) + 2000000);
        convert(from, OUT("wide"), true);
        expect_same_tokens(from, OUT("wide"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sentencepiece), cmocka_unit_test(left_out), cmocka_unit_test(scores_to_merges),
                                       cmocka_unit_test(byte_level), cmocka_unit_test(ids_beyond)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
