/* A model as GGUF and as files of llama2.c: the same logits to the bit, and the same tokens. */
#include "test.h"

#include <sys/stat.h>

#include "io/io.h"
#include "quant/quant.h"
#include "tensor/bytes.h"
#include "trit/trit.h"

enum { most_tokens = 48, most_vocab = 32000 };

static const char gguf_path[] = TRIT_BINARY_DIR "/llama2c-small.gguf", folder[] = TRIT_BINARY_DIR "/llama2c";
static const char bin_path[] = TRIT_BINARY_DIR "/llama2c/model.bin", token_path[] = TRIT_BINARY_DIR "/llama2c/tokenizer.bin";
static trit_error err;

/* ---- From GGUF to llama2.c ---- */

static void put_u32(FILE *f, uint32_t v) {
    uint8_t p[4];
    trit_store_u32(p, v);
    assert_int_equal(fwrite(p, 1, 4, f), 4);
}

static uint32_t number(const trit_gguf *g, const char *key) {
    int64_t v;
    assert_true(trit_gguf_int(trit_gguf_find(g, key), 0, &v));
    return (uint32_t)v;
}

static void put_tensor(FILE *f, const trit_gguf *g, const char *name) {
    const trit_file_tensor *t = trit_gguf_tensor(g, name);
    assert_non_null(t);
    const trit_quant_matrix m = trit_quant_matrix_of(t);
    float *row = malloc(m.n_cols * sizeof *row);
    for (uint64_t r = 0; r < m.n_rows; r++) {
        trit_quant_format_of(m.dtype)->unpack(&m, r, row);
        for (uint64_t c = 0; c < m.n_cols; c++) put_u32(f, trit_bits_from_f32(row[c]));
    }
    free(row);
}

static void put_layers(FILE *f, const trit_gguf *g, const char *what) {
    for (uint32_t layer = 0; layer < number(g, "llama.block_count"); layer++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%u.%s.weight", layer, what);
        put_tensor(f, g, name);
    }
}

static void put_list(FILE *f, const trit_gguf *g, const char *const *names) {
    for (; *names; names++) {
        if (strchr(*names, '.')) put_tensor(f, g, *names);
        else put_layers(f, g, *names);
    }
}

static void write_bin(const trit_gguf *g, uint32_t version) {
    static const char *const keys[] = {"llama.embedding_length", "llama.feed_forward_length", "llama.block_count", "llama.attention.head_count",
                                       "llama.attention.head_count_kv", "llama.vocab_size", "llama.context_length"};
    static const char *const first_0[] = {"token_embd.weight", "attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm",
                                          "ffn_gate", "ffn_down", "ffn_up", "output_norm.weight", NULL};
    static const char *const first_1[] = {"attn_norm", "ffn_norm", "output_norm.weight", "token_embd.weight", "attn_q", "attn_k", "attn_v",
                                          "attn_output", "ffn_gate", "ffn_down", "ffn_up", NULL};
    const bool tied = !trit_gguf_tensor(g, "output.weight");
    FILE *f = fopen(bin_path, "wb");
    assert_non_null(f);
    if (version) put_u32(f, 0x616b3432);
    if (version) put_u32(f, version);
    for (int i = 0; i < 7; i++) put_u32(f, version == 0 && i == 5 && !tied ? 0u - number(g, keys[i]) : number(g, keys[i]));
    if (version) putc(tied, f);
    while (version && ftell(f) < 256) putc(0, f);
    put_list(f, g, version ? first_1 : first_0);
    const uint32_t n_table = number(g, keys[6]) * (number(g, keys[0]) / number(g, keys[3]));
    for (uint32_t i = 0; version == 0 && i < n_table; i++) put_u32(f, 0x7fc00000); /* cosines and sines: nobody looks */
    if (!tied) put_tensor(f, g, "output.weight");
    assert_int_equal(fclose(f), 0);
}

/* llama2.c writes blanks for U+2581 and lines around <s> and </s>. */
static void write_tokens(const trit_gguf *g) {
    const trit_gguf_kv *kv = trit_gguf_find(g, "tokenizer.ggml.tokens");
    trit_str *tokens = malloc(kv->n * sizeof *tokens);
    FILE *f = fopen(token_path, "wb");
    assert_non_null(f);
    assert_true(trit_gguf_strs(kv, tokens));
    put_u32(f, 64);
    for (uint64_t i = 0; i < kv->n; i++) {
        char text[256];
        size_t n = 0;
        double score;
        assert_true(tokens[i].n < 200 && trit_gguf_real(trit_gguf_find(g, "tokenizer.ggml.scores"), i, &score));
        if (i == 1 || i == 2) text[n++] = '\n';
        for (size_t k = 0; k < tokens[i].n; k++) {
            const bool blank = tokens[i].n - k >= 3 && memcmp(tokens[i].p + k, "\xe2\x96\x81", 3) == 0;
            text[n++] = blank ? ' ' : tokens[i].p[k];
            k += blank ? 2 : 0;
        }
        if (i == 1 || i == 2) text[n++] = '\n';
        put_u32(f, trit_bits_from_f32((float)score));
        put_u32(f, (uint32_t)n);
        assert_int_equal(fwrite(text, 1, n, f), n);
    }
    assert_int_equal(fclose(f), 0);
    free(tokens);
}

/* ---- Comparing ---- */

typedef struct logits {
    float *p; /* [most_tokens, n_vocab] */
    uint32_t n_vocab, n;
} logits;

static void keep(void *user, uint32_t pos, const float *p, uint32_t n_vocab) {
    logits *l = user;
    assert_true(pos < most_tokens && n_vocab <= most_vocab);
    memcpy(l->p + (size_t)pos * n_vocab, p, n_vocab * sizeof *p);
    l->n_vocab = n_vocab;
    l->n++;
}

static void run(logits *l, const trit_model *m, const int32_t *ids, size_t n) {
    trit_engine *e;
    const trit_event *events;
    size_t n_events;
    *l = (logits){.p = malloc((size_t)most_tokens * most_vocab * sizeof *l->p)};
    assert_ok(trit_engine_new(&e, m, NULL, &err));
    trit_request q = {.prompt = ids, .n_prompt = n, .prefill_only = true, .all_logits = true, .on_logits = keep, .user = l};
    assert_ok(trit_engine_submit(e, &q, NULL, &err));
    while (!trit_engine_idle(e)) assert_ok(trit_engine_step(e, &events, &n_events, &err));
    assert_int_equal(l->n, n);
    trit_engine_free(e);
}

static void check_tokens(const trit_tokenizer *a, const trit_tokenizer *b) {
    static const char *const texts[] = {"Once upon a time, there was a little girl.", "two  blanks\nand a line", "", " ", "na\xc3\xafve \xf0\x9f\x99\x82"};
    assert_true(a && b && trit_tokenizer_size(a) == trit_tokenizer_size(b));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        trit_ids x = {0}, y = {0};
        trit_text back = {0};
        assert_ok(trit_tokenizer_encode(a, &x, texts[i], strlen(texts[i]), NULL, &err));
        assert_ok(trit_tokenizer_encode(b, &y, texts[i], strlen(texts[i]), NULL, &err));
        assert_int_equal(x.n, y.n);
        if (x.n) assert_memory_equal(x.data, y.data, x.n * sizeof *x.data);
        assert_ok(trit_tokenizer_decode(b, &back, y.data, y.n, false, &err));
        assert_string_equal(back.n ? back.data : "", texts[i]);
        trit_ids_fini(&x);
        trit_ids_fini(&y);
        trit_text_fini(&back);
    }
}

/* The model at `path`, written for llama2.c in both versions, gives its logits for `ids` and its tokens. */
static void compare(const char *path, const int32_t *ids, size_t n) {
    trit_gguf *g;
    trit_model *a, *b;
    trit_tokenizer *alone;
    logits x, y;
    mkdir(folder, 0777);
    assert_ok(trit_gguf_open(&g, path, &err));
    write_tokens(g);
    assert_ok(trit_model_open(&a, path, NULL, &err));
    run(&x, a, ids, n);
    for (uint32_t version = 0; version < 2; version++) {
        write_bin(g, version);
        assert_ok(trit_model_open(&b, bin_path, NULL, &err));
        run(&y, b, ids, n);
        assert_true(x.n_vocab == y.n_vocab);
        assert_memory_equal(x.p, y.p, n * x.n_vocab * sizeof *x.p);
        check_tokens(trit_model_tokenizer(a), trit_model_tokenizer(b));
        free(y.p);
        trit_model_close(b);
    }
    assert_ok(trit_tokenizer_open(&alone, token_path, &err));
    check_tokens(trit_model_tokenizer(a), alone);
    trit_tokenizer_close(alone);
    remove(token_path);
    assert_ok(trit_model_open(&b, bin_path, NULL, &err));
    assert_null(trit_model_tokenizer(b));
    trit_model_close(b);
    remove(bin_path);
    free(x.p);
    trit_model_close(a);
    trit_gguf_close(g);
}

/* ---- A small model of random weights ---- */

static uint32_t seed = 11;

static void put(trit_gguf_writer *w, const char *name, uint64_t n_rows, uint64_t n_cols, float *values) {
    trit_file_tensor t = {.name = trit_str_from(name), .dtype = trit_dtype_f32, .n_dims = n_rows > 1 ? 2 : 1, .shape = {n_rows > 1 ? n_rows : n_cols, n_cols},
                     .data = (const uint8_t *)values, .n_bytes = 4 * n_rows * n_cols};
    for (uint64_t i = 0; i < n_rows * n_cols; i++) values[i] = n_rows == 1 ? 1 : (float)test_lcg(&seed) / 131072 - 0.25f;
    assert_ok(trit_gguf_put_tensor(w, &t, &err));
}

enum { dim = 32, ff = 40, n_layers = 2, n_heads = 4, n_kv_heads = 2, n_vocab = 262, most_tensors = 32 };

static void write_small(bool tied) {
    static const struct {
        const char *key;
        uint32_t value;
    } numbers[] = {{"llama.embedding_length", dim}, {"llama.feed_forward_length", ff}, {"llama.block_count", n_layers},
                   {"llama.attention.head_count", n_heads}, {"llama.attention.head_count_kv", n_kv_heads}, {"llama.vocab_size", n_vocab},
                   {"llama.context_length", 64}};
    static const struct {
        const char *name;
        uint64_t n_rows, n_cols;
    } layer[] = {{"attn_norm", 1, dim}, {"attn_q", dim, dim}, {"attn_k", dim / 2, dim}, {"attn_v", dim / 2, dim}, {"attn_output", dim, dim},
                 {"ffn_norm", 1, dim}, {"ffn_gate", ff, dim}, {"ffn_up", ff, dim}, {"ffn_down", dim, ff}};
    static float values[most_tensors][n_vocab * dim];
    static char bytes[256][8];
    trit_str tokens[n_vocab] = {{"<unk>", 5}, {"<s>", 3}, {"</s>", 4}};
    int32_t types[n_vocab] = {2, 3, 3};
    float scores[n_vocab] = {0};
    size_t n = 0;
    trit_gguf_writer *w;
    for (int i = 0; i < 256; i++) {
        snprintf(bytes[i], sizeof bytes[i], "<0x%02X>", (unsigned)i);
        tokens[3 + i] = trit_str_from(bytes[i]);
        types[3 + i] = 6;
    }
    tokens[259] = trit_str_from("\xe2\x96\x81"), tokens[260] = trit_str_from("a"), tokens[261] = trit_str_from("\xe2\x96\x81" "a");
    for (int i = 259; i < n_vocab; i++) types[i] = 1, scores[i] = (float)-i;
    assert_ok(trit_gguf_writer_new(&w, &err));
    assert_ok(trit_gguf_put_str(w, "general.architecture", trit_str_from("llama"), &err));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) assert_ok(trit_gguf_put_u32(w, numbers[i].key, numbers[i].value, &err));
    assert_ok(trit_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f, &err));
    assert_ok(trit_gguf_put_str(w, "tokenizer.ggml.model", trit_str_from("llama"), &err));
    assert_ok(trit_gguf_put_strs(w, "tokenizer.ggml.tokens", tokens, n_vocab, &err));
    assert_ok(trit_gguf_put_f32s(w, "tokenizer.ggml.scores", scores, n_vocab, &err));
    assert_ok(trit_gguf_put_i32s(w, "tokenizer.ggml.token_type", types, n_vocab, &err));
    put(w, "token_embd.weight", n_vocab, dim, values[n++]);
    for (unsigned l = 0; l < n_layers; l++)
        for (size_t i = 0; i < sizeof layer / sizeof layer[0]; i++) {
            char name[64];
            snprintf(name, sizeof name, "blk.%u.%s.weight", l, layer[i].name);
            put(w, name, layer[i].n_rows, layer[i].n_cols, values[n++]);
        }
    put(w, "output_norm.weight", 1, dim, values[n++]);
    if (!tied) put(w, "output.weight", n_vocab, dim, values[n++]);
    assert_true(n <= most_tensors);
    assert_ok(trit_gguf_write(w, gguf_path, &err));
    trit_gguf_writer_free(w);
}

static void small(void **state) {
    (void)state;
    static const int32_t ids[] = {1, 260, 261, 17, 99, 260, 259, 3, 200, 2, 1, 45};
    for (int tied = 0; tied < 2; tied++) {
        write_small(tied);
        compare(gguf_path, ids, sizeof ids / sizeof ids[0]);
    }
    remove(gguf_path);
}

static void stories15m(void **state) {
    (void)state;
    require_shared("data/models/stories15M/stories15M.F16.gguf");
    static const int32_t ids[] = {1, 9038, 2501, 263, 931, 29892, 727, 471, 263, 2217, 7826, 4257, 365, 2354, 29889, 2296, 18012, 304};
    compare(test_shared("data/models/stories15M/stories15M.F16.gguf"), ids, sizeof ids / sizeof ids[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(small), cmocka_unit_test(stories15m)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
