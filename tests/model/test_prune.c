/* Models with fewer tokens: a text whose tokens all stay becomes the same tokens under their new ids, and those have the same logits to the bit. */
#include "test.h"

#include <unistd.h>

#include "base/os.h"
#include "io/io.h"
#include "trit/trit.h"

#define OUT(name) TRIT_BINARY_DIR "/prune-" name

static trit_error err;
static char notes[2048];

static void listen(void *user, trit_convert_word word, const char *text) {
    const size_t n = strlen(notes);
    (void)user;
    if (word == trit_convert_note) snprintf(notes + n, sizeof notes - n, "%s\n", text);
}

static void convert(const char *in, const char *out, trit_convert_opts opts) {
    notes[0] = '\0';
    opts.say = listen;
    assert_ok(trit_convert(in, out, &opts, NULL, &err));
}

static trit_tokenizer *open_tokenizer(const char *ref) {
    trit_tokenizer *t;
    assert_ok(trit_tokenizer_open(&t, ref, &err));
    return t;
}

/* At most n tokens for a text file. */
static void choose(trit_ids *ids, const char *ref, const char *path, uint32_t n) {
    trit_tokenizer *t = open_tokenizer(ref);
    trit_tokenizer_cover cover;
    const trit_tokenizer_choose_opts o = {.paths = &path, .n_paths = 1, .n_tokens = n, .n_threads = 2};
    assert_ok(trit_tokenizer_choose(ids, &cover, t, &o, &err));
    assert_true(ids->n <= n && ids->n + 30 > n); /* 30: parts of the first that had no room */
    assert_true(cover.n_covered < cover.n_tokens && (double)cover.n_covered > 0.5 * (double)cover.n_tokens);
    trit_tokenizer_close(t);
}

static int32_t now_of(const trit_ids *keep, int32_t old) {
    for (size_t i = 0; i < keep->n; i++)
        if (keep->data[i] == old) return (int32_t)i;
    return -1;
}

/* The same text in both vocabularies. */
typedef struct pair {
    trit_ids before, after;
    bool all_stay;
} pair;

static void pair_fini(pair *p) {
    trit_ids_fini(&p->before);
    trit_ids_fini(&p->after);
}

static void encode(pair *p, const trit_tokenizer *a, const trit_tokenizer *b, const trit_ids *keep, const char *text, size_t n) {
    assert_ok(trit_tokenizer_encode(a, &p->before, text, n, NULL, &err));
    assert_ok(trit_tokenizer_encode(b, &p->after, text, n, NULL, &err));
    p->all_stay = true;
    for (size_t i = 0; i < p->before.n && p->all_stay; i++) p->all_stay = now_of(keep, p->before.data[i]) >= 0;
    if (!p->all_stay) return;
    assert_int_equal(p->before.n, p->after.n);
    for (size_t i = 0; i < p->before.n; i++) assert_int_equal(p->after.data[i], now_of(keep, p->before.data[i]));
}

/* Every sentence of a text; those whose tokens all stay are at least `least`. */
static void expect_same_text(const char *before, const char *after, const trit_ids *keep, const char *path, unsigned least) {
    trit_tokenizer *a = open_tokenizer(before), *b = open_tokenizer(after);
    pair p = {0};
    size_t n;
    unsigned n_same = 0;
    char *text = test_read(path, &n);
    for (char *part = strtok(text, "\n."); part; part = strtok(NULL, "\n.")) {
        encode(&p, a, b, keep, part, strlen(part));
        n_same += p.all_stay;
    }
    if (n_same < least) fail_msg("%u sentences have tokens that all stay", n_same);
    assert_int_equal(trit_tokenizer_size(b), keep->n);
    assert_int_equal(trit_tokenizer_bos(b), now_of(keep, trit_tokenizer_bos(a)));
    assert_int_equal(trit_tokenizer_eos(b), now_of(keep, trit_tokenizer_eos(a)));
    for (size_t i = 0; i < keep->n; i++) {
        size_t n_a, n_b;
        const char *x = trit_tokenizer_piece(a, keep->data[i], &n_a), *y = trit_tokenizer_piece(b, (int32_t)i, &n_b);
        assert_int_equal(n_a, n_b);
        assert_memory_equal(x, y, n_a);
        assert_int_equal(trit_tokenizer_is_special(a, keep->data[i]), trit_tokenizer_is_special(b, (int32_t)i));
        assert_int_equal(trit_tokenizer_is_eog(a, keep->data[i]), trit_tokenizer_is_eog(b, (int32_t)i));
    }
    pair_fini(&p);
    trit_tokenizer_close(a);
    trit_tokenizer_close(b);
    free(text);
}

/* ---- Logits ---- */

enum { n_ids = 8, most_vocab = 32000 };

static float wide[n_ids][most_vocab], narrow[n_ids][most_vocab];

static void take(void *user, uint32_t position, const float *logits, uint32_t n) {
    float (*rows)[most_vocab] = user;
    memcpy(rows[position], logits, (n < most_vocab ? n : most_vocab) * sizeof *logits);
}

static void run(const char *ref, const int32_t *ids, float (*out)[most_vocab]) {
    trit_model *m;
    trit_engine *e;
    const trit_event *events;
    size_t n;
    const trit_request q = {.prompt = ids, .n_prompt = n_ids, .all_logits = true, .on_logits = take, .user = out, .prefill_only = true};
    assert_ok(trit_model_open(&m, ref, NULL, &err));
    assert_ok(trit_engine_new(&e, m, &(trit_engine_opts){.kv = trit_kv_f32}, &err));
    assert_ok(trit_engine_submit(e, &q, NULL, &err));
    while (!trit_engine_idle(e)) assert_ok(trit_engine_step(e, &events, &n, &err));
    trit_engine_free(e);
    trit_model_close(m);
}

/* Every so many of the tokens that stay, as a text. */
static void expect_same_logits(const char *before, const char *after, const trit_ids *keep) {
    int32_t old[n_ids], new[n_ids];
    for (size_t i = 0; i < n_ids; i++) {
        new[i] = (int32_t)(i * (keep->n - 1) / n_ids);
        old[i] = keep->data[new[i]];
    }
    run(before, old, wide);
    run(after, new, narrow);
    for (size_t i = 0; i < n_ids; i++)
        for (size_t k = 0; k < keep->n; k++)
            if (memcmp(&wide[i][keep->data[k]], &narrow[i][k], sizeof(float)) != 0)
                fail_msg("%s: position %zu, token %zu: %g instead of %g", after, i, k, (double)narrow[i][k], (double)wide[i][keep->data[k]]);
}

/* ---- The cases ---- */

/* Its embeddings have blocks (Q6_K); another type is made of the rows that stay; a folder has the tokenizer as merges. */
static void sentencepiece(void **state) {
    char model[1024], text[1024];
    trit_ids keep = {0};
    (void)state;
    snprintf(model, sizeof model, "%s", test_source("tests/model/story-256.gguf"));
    snprintf(text, sizeof text, "%s", test_source("docs/decisions.md"));
    choose(&keep, model, text, 1200);
    convert(model, OUT("a.gguf"), (trit_convert_opts){.keep = keep.data, .n_keep = keep.n});
    assert_string_equal(notes, "");
    expect_same_text(model, OUT("a.gguf"), &keep, text, 20);
    expect_same_logits(model, OUT("a.gguf"), &keep);
    convert(model, OUT("folder"), (trit_convert_opts){.keep = keep.data, .n_keep = keep.n, .hugging_face = true, .embed_type = "f32"});
    assert_string_equal(notes, "");
    expect_same_text(model, OUT("folder"), &keep, text, 20);
    convert(model, OUT("f32.gguf"), (trit_convert_opts){.embed_type = "f32"});
    expect_same_logits(OUT("f32.gguf"), OUT("folder"), &keep);
    convert(model, OUT("b.gguf"), (trit_convert_opts){.keep = keep.data, .n_keep = keep.n, .embed_type = "f32"});
    expect_same_logits(OUT("f32.gguf"), OUT("b.gguf"), &keep);
    trit_ids_fini(&keep);
}

/* Llama 2's vocabulary on a text that the model was trained for. */
static void llama2(void **state) {
    char model[1024], text[1024];
    trit_ids keep = {0};
    (void)state;
    require_shared("data/models/stories15M/stories15M.F16.gguf");
    require_shared("data/text/minigpt_tinystories.txt");
    snprintf(model, sizeof model, "%s", test_shared("data/models/stories15M/stories15M.F16.gguf"));
    snprintf(text, sizeof text, "%s", test_shared("data/text/minigpt_tinystories.txt"));
    choose(&keep, model, text, 2000);
    convert(model, OUT("a.gguf"), (trit_convert_opts){.keep = keep.data, .n_keep = keep.n});
    expect_same_text(model, OUT("a.gguf"), &keep, text, 500);
    expect_same_logits(model, OUT("a.gguf"), &keep);
    trit_ids_fini(&keep);
}

/* A folder of a model with a tokenizer of words: byte-level BPE that looks whole words up (Llama 3's), or not (GPT-2's). */
static void make_folder(const char *dir, const char *text, const char *pre) {
    trit_tokenizer *t;
    convert(test_source("tests/model/story-256.gguf"), dir, (trit_convert_opts){.hugging_face = true});
    const trit_tokenizer_train_opts o = {.paths = &text, .n_paths = 1, .vocab_size = 3000, .pre = pre, .dir = dir, .bos = "<s>", .eos = "</s>"};
    assert_ok(trit_tokenizer_train(&t, &o, &err));
    trit_tokenizer_close(t);
}

static void byte_level(void **state) {
    static const char *const pres[] = {"gpt-2", "llama-bpe"};
    char text[1024];
    trit_ids keep = {0};
    (void)state;
    require_shared("data/text/minigpt_tinystories.txt");
    snprintf(text, sizeof text, "%s", test_shared("data/text/minigpt_tinystories.txt"));
    for (size_t i = 0; i < 2; i++) {
        make_folder(OUT("bytes"), text, pres[i]);
        choose(&keep, OUT("bytes"), text, 1500);
        convert(OUT("bytes"), OUT("whole.gguf"), (trit_convert_opts){0});
        convert(OUT("bytes"), OUT("c.gguf"), (trit_convert_opts){.keep = keep.data, .n_keep = keep.n}); /* from a folder */
        expect_same_text(OUT("whole.gguf"), OUT("c.gguf"), &keep, text, 500);
        expect_same_logits(OUT("whole.gguf"), OUT("c.gguf"), &keep);
        convert(OUT("whole.gguf"), OUT("d.gguf"), (trit_convert_opts){.keep = keep.data, .n_keep = keep.n}); /* from GGUF */
        expect_same_text(OUT("whole.gguf"), OUT("d.gguf"), &keep, text, 500);
        expect_same_logits(OUT("whole.gguf"), OUT("d.gguf"), &keep);
    }
    trit_ids_fini(&keep);
}

/* ---- Keys ---- */

/* A model with keys that name tokens, a tokenizer that tokenizer.json has no words for, and one tensor more where `extra` has its rows. */
static void with_keys(const char *path, uint64_t extra) {
    static const int32_t suppressed[] = {1, 700, 300};
    static float values[1 << 15];
    const trit_file_tensor more = {.name = trit_str_from("extra.weight"), .dtype = trit_dtype_f32, .n_dims = 1, .shape = {extra},
                                   .data = (const uint8_t *)values, .n_bytes = extra * 4};
    trit_gguf *g;
    trit_gguf_writer *w;
    assert_ok(trit_gguf_open(&g, test_source("tests/model/story-256.gguf"), &err));
    assert_ok(trit_gguf_writer_new(&w, &err));
    for (uint64_t i = 0; i < trit_gguf_n_kv(g); i++) assert_ok(trit_gguf_put_kv(w, trit_gguf_kv_at(g, i), &err));
    assert_ok(trit_gguf_put_u32(w, "tokenizer.ggml.fim_pre_token_id", 300, &err));
    assert_ok(trit_gguf_put_u32(w, "tokenizer.ggml.mask_token_id", 700, &err));
    assert_ok(trit_gguf_put_i32s(w, "tokenizer.ggml.suppress_tokens", suppressed, 3, &err));
    assert_ok(trit_gguf_put_str(w, "tokenizer.huggingface.json", trit_str_from("{}"), &err));
    assert_ok(trit_gguf_put_bool(w, "tokenizer.ggml.remove_extra_whitespaces", true, &err));
    for (uint64_t i = 0; i < trit_gguf_n_tensors(g); i++) assert_ok(trit_gguf_put_tensor(w, trit_gguf_tensor_at(g, i), &err));
    if (extra) assert_ok(trit_gguf_put_tensor(w, &more, &err));
    assert_ok(trit_gguf_write(w, path, &err));
    trit_gguf_writer_free(w);
    trit_gguf_close(g);
}

static int64_t number(const trit_gguf *g, const char *key, uint64_t i) {
    int64_t v = -1;
    (void)trit_gguf_int(trit_gguf_find(g, key), i, &v);
    return v;
}

/* 0..262 and every other one from 264 on: 300 becomes 281, 1 stays, 700 goes. */
static void keep_even(trit_ids *keep) {
    static int32_t ids[4096];
    *keep = (trit_ids){.data = ids};
    for (int32_t id = 0; id < 700; id += id < 262 ? 1 : 2) ids[keep->n++] = id;
}

static void keys(void **state) {
    trit_ids keep;
    trit_gguf *g;
    (void)state;
    keep_even(&keep);
    with_keys(OUT("keys.gguf"), 0);
    convert(OUT("keys.gguf"), OUT("e.gguf"), (trit_convert_opts){.keep = keep.data, .n_keep = keep.n});
    assert_non_null(strstr(notes, "mask_token_id: token 700 is left out"));
    assert_non_null(strstr(notes, "tokenizer.huggingface.json"));
    assert_ok(trit_gguf_open(&g, OUT("e.gguf"), &err));
    assert_int_equal(number(g, "tokenizer.ggml.fim_pre_token_id", 0), 281);
    assert_int_equal(number(g, "tokenizer.ggml.suppress_tokens", 0), 1);
    assert_int_equal(number(g, "tokenizer.ggml.suppress_tokens", 1), 281);
    assert_int_equal(trit_gguf_find(g, "tokenizer.ggml.suppress_tokens")->n, 2);
    assert_null(trit_gguf_find(g, "tokenizer.ggml.mask_token_id"));
    assert_null(trit_gguf_find(g, "tokenizer.huggingface.json"));
    assert_int_equal(number(g, "bitnet-b1.58.vocab_size", 0), keep.n);
    trit_gguf_close(g);
}

static void refuse(const char *in, trit_convert_opts opts, trit_status want, const char *why) {
    assert_int_equal(trit_convert(in, OUT("no.gguf"), &opts, NULL, &err), want);
    if (!strstr(err.message, why)) fail_msg("%s", err.message);
    assert_false(trit_os_is_file(OUT("no.gguf")));
}

static bool is_written(void *user, uint64_t done, uint64_t total) {
    (void)user, (void)total;
    if (done) fail_msg("tensors are written before it is refused");
    return true;
}

static void refused(void **state) {
    static const int32_t fallen[] = {0, 2, 1}, beyond[] = {0, 1, 2, 100000}, no_begin[] = {0, 2, 3};
    const char *model = test_source("tests/model/story-256.gguf");
    trit_ids keep;
    trit_gguf *g;
    (void)state;
    refuse(model, (trit_convert_opts){.keep = fallen, .n_keep = 3}, trit_arg, "not above");
    refuse(model, (trit_convert_opts){.keep = beyond, .n_keep = 4}, trit_arg, "100000");
    refuse(model, (trit_convert_opts){.keep = no_begin, .n_keep = 3}, trit_arg, "begin");
    refuse(model, (trit_convert_opts){.keep = no_begin, .n_keep = 0}, trit_arg, "none");
    keep_even(&keep);
    assert_ok(trit_gguf_open(&g, model, &err));
    with_keys(OUT("more.gguf"), trit_gguf_find(g, "tokenizer.ggml.tokens")->n);
    trit_gguf_close(g);
    refuse(OUT("more.gguf"), (trit_convert_opts){.keep = keep.data, .n_keep = keep.n}, trit_unsupported, "extra.weight");
    convert(model, OUT("folder"), (trit_convert_opts){.hugging_face = true});
    refuse(OUT("folder"), (trit_convert_opts){.keep = keep.data, .n_keep = keep.n, .hugging_face = true}, trit_unsupported, "a GGUF file");
    with_keys(OUT("keys.gguf"), 0);
    refuse(OUT("keys.gguf"), (trit_convert_opts){.keep = keep.data, .n_keep = keep.n, .hugging_face = true, .progress = is_written}, trit_unsupported,
           "(SentencePiece BPE) is not written as tokenizer.json");
    const trit_quantize_opts q = {.rules = "* q8_0", .convert = {.keep = keep.data, .n_keep = keep.n}};
    assert_int_equal(trit_quantize(model, OUT("no.gguf"), &q, NULL, &err), trit_arg);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sentencepiece), cmocka_unit_test(llama2), cmocka_unit_test(byte_level), cmocka_unit_test(keys),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
