/* Files of llama2.c as GGUF: what the header says, where each tensor stands, tokens; and files whose sizes lie. */
#include "test.h"

#include "counting_malloc.h"
#include "io/io.h"
#include "tensor/bytes.h"

enum { most = 4096 };

static trit_error err;

typedef struct file {
    uint8_t p[most];
    size_t n;
} file;

/* Three layers of dim 4, ff_dim 6, 2 heads, 1 key-value head, 5 tokens, context 3. Element i of all the floats is i. */
static file make(uint32_t version, bool tied) {
    file f = {.n = 0};
    const int32_t numbers[7] = {4, 6, 3, 2, 1, version == 0 && !tied ? -5 : 5, 3};
    const size_t norms = 3 * 4 * 2 + 4, table = 5 * 4, layer = 4 * 4 + 2 * 4 + 2 * 4 + 4 * 4 + 3 * 6 * 4;
    const size_t n = norms + table + 3 * layer + (version == 0 ? 3 * 2 : 0) + (tied ? 0 : table);
    uint8_t *p = f.p;
    if (version) {
        trit_store_u32(p, 0x616b3432);
        trit_store_u32(p + 4, version);
        p[36] = tied;
        p += 8;
    }
    for (int i = 0; i < 7; i++) trit_store_u32(p + 4 * i, (uint32_t)numbers[i]);
    f.n = version ? 256 : 28;
    for (size_t i = 0; i < n; i++, f.n += 4) trit_store_f32(f.p + f.n, (float)i);
    return f;
}

static trit_status open_file(trit_gguf **g, const file *f, const file *tokens) {
    return trit_llama2c_open_memory(g, (trit_file_map){f->p, f->n}, tokens ? (trit_file_map){tokens->p, tokens->n} : (trit_file_map){0}, "made", &err);
}

static void check_refused(const file *f, const file *tokens, trit_status expected, const char *words) {
    trit_gguf *g = NULL;
    const trit_status status = open_file(&g, f, tokens);
    if (status != expected || !strstr(err.message, words)) fail_msg("%s: %s", trit_status_text(status), err.message);
    assert_null(g);
}

static void check_key(const trit_gguf *g, const char *key, int64_t expected) {
    int64_t v;
    assert_true(trit_gguf_int(trit_gguf_find(g, key), 0, &v));
    assert_int_equal(v, expected);
}

/* A tensor begins with the float of its place in the file. */
static void check_tensor(const trit_gguf *g, const char *name, uint64_t n_rows, uint64_t n_cols, float first) {
    const trit_file_tensor *t = trit_gguf_tensor(g, name);
    if (!t) fail_msg("%s is missing", name);
    assert_true(t->dtype == trit_dtype_f32 && t->n_dims == (n_rows > 1 ? 2 : 1));
    assert_true(trit_file_tensor_n_rows(t) == n_rows && trit_file_tensor_n_cols(t) == n_cols && t->n_bytes == 4 * n_rows * n_cols);
    if (trit_load_f32(t->data) != first) fail_msg("%s begins with float %g, not %g", name, (double)trit_load_f32(t->data), (double)first);
}

static void version_0(void **state) {
    (void)state;
    trit_gguf *g;
    trit_str s;
    double eps;
    file f = make(0, false);
    assert_ok(open_file(&g, &f, NULL));
    assert_int_equal(trit_gguf_version(g), 0);
    assert_true(trit_gguf_str(trit_gguf_find(g, "general.architecture"), &s) && trit_str_is(s, "llama"));
    check_key(g, "llama.embedding_length", 4);
    check_key(g, "llama.feed_forward_length", 6);
    check_key(g, "llama.block_count", 3);
    check_key(g, "llama.attention.head_count", 2);
    check_key(g, "llama.attention.head_count_kv", 1);
    check_key(g, "llama.vocab_size", 5);
    check_key(g, "llama.context_length", 3);
    assert_true(trit_gguf_real(trit_gguf_find(g, "llama.attention.layer_norm_rms_epsilon"), 0, &eps) && (float)eps == 1e-5f);
    assert_null(trit_gguf_find(g, "tokenizer.ggml.model"));
    assert_int_equal(trit_gguf_n_tensors(g), 3 * 9 + 3);
    check_tensor(g, "token_embd.weight", 5, 4, 0);
    check_tensor(g, "blk.0.attn_norm.weight", 1, 4, 20);
    check_tensor(g, "blk.2.attn_norm.weight", 1, 4, 28);
    check_tensor(g, "blk.1.attn_q.weight", 4, 4, 32 + 16);
    check_tensor(g, "blk.0.attn_k.weight", 2, 4, 80);
    check_tensor(g, "blk.2.attn_v.weight", 2, 4, 104 + 16);
    check_tensor(g, "blk.0.attn_output.weight", 4, 4, 128);
    check_tensor(g, "blk.0.ffn_norm.weight", 1, 4, 176);
    check_tensor(g, "blk.0.ffn_gate.weight", 6, 4, 188);
    check_tensor(g, "blk.1.ffn_down.weight", 4, 6, 260 + 24);
    check_tensor(g, "blk.2.ffn_up.weight", 6, 4, 332 + 48);
    check_tensor(g, "output_norm.weight", 1, 4, 404);
    check_tensor(g, "output.weight", 5, 4, 408 + 6); /* behind the tables of RoPE */
    trit_gguf_close(g);
    f = make(0, true);
    assert_ok(open_file(&g, &f, NULL));
    assert_null(trit_gguf_tensor(g, "output.weight"));
    trit_gguf_close(g);
}

static void version_1(void **state) {
    (void)state;
    trit_gguf *g;
    file f = make(1, false);
    assert_ok(open_file(&g, &f, NULL));
    check_key(g, "llama.vocab_size", 5);
    check_tensor(g, "blk.2.attn_norm.weight", 1, 4, 8);
    check_tensor(g, "blk.0.ffn_norm.weight", 1, 4, 12);
    check_tensor(g, "output_norm.weight", 1, 4, 24);
    check_tensor(g, "token_embd.weight", 5, 4, 28);
    check_tensor(g, "blk.0.attn_q.weight", 4, 4, 48);
    check_tensor(g, "blk.2.ffn_up.weight", 6, 4, 48 + 144 + 144 + 48);
    check_tensor(g, "output.weight", 5, 4, 48 + 144 + 216);
    trit_gguf_close(g);
    f = make(1, true);
    assert_ok(open_file(&g, &f, NULL));
    assert_null(trit_gguf_tensor(g, "output.weight"));
    trit_gguf_close(g);
}

static void lies(void **state) {
    (void)state;
    for (uint32_t version = 0; version < 2; version++) {
        const file whole = make(version, false);
        file f = whole;
        for (f.n = 0; f.n < whole.n; f.n++) check_refused(&f, NULL, trit_format, "made: ");
        f.n = whole.n + 4;
        check_refused(&f, NULL, trit_format, version ? "1972 bytes, but" : "1768 bytes, but");
        for (size_t i = 0; i < 7; i++) { /* a number that is 0, too large, negative, or another */
            const size_t at = (version ? 8 : 0) + 4 * i;
            const uint32_t others[] = {0, 0x7fffffff, 0x80000000, 2};
            for (size_t k = 0; k < 4; k++) {
                f = whole;
                if (trit_load_u32(f.p + at) == others[k] || (version && i == 6 && k == 3)) continue; /* version 1 has no table of positions */
                trit_store_u32(f.p + at, others[k]);
                check_refused(&f, NULL, trit_format, "made: ");
            }
        }
    }
    file f = make(0, true);
    trit_store_u32(f.p, 0xfffffffc);
    check_refused(&f, NULL, trit_format, "dim of -4 is not between 1 and 1048576");
    f = make(0, true);
    trit_store_u32(f.p + 12, 3);
    check_refused(&f, NULL, trit_format, "dim 4, 3 heads and 1 key-value heads");
    f = make(2, true);
    check_refused(&f, NULL, trit_unsupported, "version 2");
    memcpy(f.p, "PK\3\4", 4);
    check_refused(&f, NULL, trit_unsupported, "PyTorch");
}

static void add_token(file *f, float score, const char *s) {
    trit_store_f32(f->p + f->n, score);
    trit_store_u32(f->p + f->n + 4, (uint32_t)strlen(s));
    memcpy(f->p + f->n + 8, s, strlen(s));
    f->n += 8 + strlen(s);
}

static file five_tokens(void) {
    file f = {.p = {9}, .n = 4};
    add_token(&f, 0, "");
    add_token(&f, 0, "\n<s>\n");
    add_token(&f, 0, "\n</s>\n");
    add_token(&f, -1.5f, "<0x0A>");
    add_token(&f, -2, "  a b");
    return f;
}

static void check_tokens(const trit_gguf *g) {
    static const char *const expected[] = {"<unk>", "<s>", "</s>", "<0x0A>", "\xe2\x96\x81\xe2\x96\x81" "a\xe2\x96\x81" "b"};
    static const int64_t types[] = {2, 3, 3, 6, 1};
    trit_str strs[5], model;
    double score;
    int64_t type;
    assert_true(trit_gguf_str(trit_gguf_find(g, "tokenizer.ggml.model"), &model) && trit_str_is(model, "llama"));
    const trit_gguf_kv *kv = trit_gguf_find(g, "tokenizer.ggml.tokens");
    assert_true(kv && kv->n == 5 && trit_gguf_strs(kv, strs));
    for (uint64_t i = 0; i < 5; i++) {
        assert_true(trit_str_is(strs[i], expected[i]));
        assert_true(trit_gguf_int(trit_gguf_find(g, "tokenizer.ggml.token_type"), i, &type) && type == types[i]);
    }
    assert_true(trit_gguf_real(trit_gguf_find(g, "tokenizer.ggml.scores"), 3, &score) && score == -1.5);
}

static void tokens(void **state) {
    (void)state;
    const file f = make(0, true), whole = five_tokens();
    file t = whole;
    trit_gguf *g;
    assert_ok(open_file(&g, &f, &t));
    check_tokens(g);
    trit_gguf_close(g);
    for (t.n = 1; t.n < whole.n; t.n++) { /* cut between two tokens it is one of another model, cut inside a token it is none */
        if (open_file(&g, &f, &t) != trit_ok) continue;
        assert_null(trit_gguf_find(g, "tokenizer.ggml.model"));
        trit_gguf_close(g);
    }
    t = whole;
    trit_store_u32(t.p + 8, 0xffffffff);
    check_refused(&f, &t, trit_format, "tokenizer.bin: token 0 at offset 4");
    t = whole;
    t.n -= 1;
    check_refused(&f, &t, trit_format, "tokenizer.bin: token 4 at offset");
    t.n = 4;
    check_refused(&f, &t, trit_format, "tokenizer.bin: 0 tokens");
}

static void write_file(const char *path, const file *f) {
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(f->p, 1, f->n, out), f->n);
    assert_int_equal(fclose(out), 0);
}

/* On disk: the tokenizer beside the model, alone, and none; a GGUF file of this name; nothing at all. */
static void paths(void **state) {
    (void)state;
    static const char model[] = TRIT_BINARY_DIR "/llama2c.bin", beside[] = TRIT_BINARY_DIR "/tokenizer.bin";
    const file f = make(1, false), t = five_tokens(), gguf = {.p = {'G', 'G', 'U', 'F', 3}, .n = 24}, empty = {.n = 0};
    trit_gguf *g;
    write_file(model, &f);
    write_file(beside, &t);
    assert_ok(trit_llama2c_open(&g, model, &err));
    check_tokens(g);
    check_tensor(g, "blk.0.ffn_norm.weight", 1, 4, 12);
    trit_gguf_close(g);
    assert_ok(trit_llama2c_open_tokenizer(&g, beside, &err));
    check_tokens(g);
    assert_int_equal(trit_gguf_n_tensors(g), 0);
    assert_null(trit_gguf_tensor(g, "token_embd.weight"));
    trit_gguf_close(g);
    write_file(beside, &empty);
    assert_int_equal(trit_llama2c_open_tokenizer(&g, beside, &err), trit_format);
    assert_int_equal(remove(beside), 0);
    assert_ok(trit_llama2c_open(&g, model, &err));
    assert_null(trit_gguf_find(g, "tokenizer.ggml.model"));
    trit_gguf_close(g);
    write_file(model, &gguf);
    assert_ok(trit_llama2c_open(&g, model, &err));
    assert_int_equal(trit_gguf_version(g), 3);
    trit_gguf_close(g);
    assert_int_equal(remove(model), 0);
    assert_int_equal(trit_llama2c_open(&g, model, &err), trit_io);
    assert_int_equal(trit_llama2c_open_tokenizer(&g, beside, &err), trit_io);
}

/* Each allocation of an open in turn fails: the status says so and nothing is left behind. */
static void no_memory(void **state) {
    (void)state;
#if !TRIT_COUNTS_MALLOC
    print_message("skipped: this C library or sanitizer has a malloc of its own\n");
    skip();
#else
    static const char model[] = TRIT_BINARY_DIR "/llama2c-memory.bin";
    const file f = make(0, false), t = five_tokens();
    write_file(model, &f);
    for (int way = 0; way < 2; way++) {
        trit_status status = trit_memory;
        for (long n = 0; status != trit_ok; n++) {
            trit_gguf *g = NULL;
            const long before = atomic_load(&live);
            atomic_store(&n_calls, 0);
            atomic_store(&fail_at, n);
            status = way == 0 ? open_file(&g, &f, &t) : trit_llama2c_open(&g, model, &err);
            atomic_store(&fail_at, -1);
            if (status == trit_ok) trit_gguf_close(g);
            else assert_int_equal(status, trit_memory);
            assert_int_equal(atomic_load(&live), before);
            assert_true(n < 100);
        }
    }
    remove(model);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_0), cmocka_unit_test(version_1), cmocka_unit_test(lies),
        cmocka_unit_test(tokens),    cmocka_unit_test(paths),     cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
