/* Models that cannot be right: each is refused with one line that names the thing and the value. The files are made here, from one
 * small sound model with one fault each. */
#include "test.h"

#include <math.h>

#include "io/io.h"
#include "trit/trit.h"

enum { dim = 64, ff = 96, n_vocab = 40, n_heads = 2 };

typedef struct fault {
    const char *arch;           /* instead of "bitnet-b1.58" */
    const char *leave_out;      /* tensor or key */
    const char *reshape;        /* tensor with one row too many */
    const char *poison;         /* tensor that holds a NaN */
    const char *extra;          /* a tensor that no graph knows */
    uint32_t n_kv_heads, n_tokens, n_layers;
    float eps;
} fault;

static float values[n_vocab * 4 * dim]; /* larger than any tensor here */

static void put(trit_gguf_writer *w, const fault *f, const char *name, uint32_t n_rows, uint32_t n_cols) {
    trit_error err;
    static float poisoned[n_vocab * 4 * dim];
    if (f->leave_out && strcmp(f->leave_out, name) == 0) return;
    if (f->reshape && strcmp(f->reshape, name) == 0) n_rows++;
    trit_file_tensor t = {.name = trit_str_from(name), .dtype = trit_dtype_f32, .n_dims = n_rows > 1 ? 2 : 1, .data = (const uint8_t *)values,
                     .n_bytes = (uint64_t)n_rows * n_cols * sizeof(float)};
    t.shape[0] = n_rows > 1 ? n_rows : n_cols;
    t.shape[1] = n_rows > 1 ? n_cols : 0;
    if (f->poison && strcmp(f->poison, name) == 0) {
        memcpy(poisoned, values, sizeof poisoned);
        poisoned[n_cols / 2] = NAN;
        t.data = (const uint8_t *)poisoned;
    }
    assert_ok(trit_gguf_put_tensor(w, &t, &err));
}

static void put_u32(trit_gguf_writer *w, const fault *f, const char *key, uint32_t v) {
    trit_error err;
    if (f->leave_out && strcmp(f->leave_out, key) == 0) return;
    assert_ok(trit_gguf_put_u32(w, key, v, &err));
}

static void put_keys(trit_gguf_writer *w, const fault *f) {
    trit_error err;
    static char text[n_vocab][8];
    trit_str token[n_vocab];
    uint32_t n_tokens = f->n_tokens ? f->n_tokens : n_vocab;
    for (int i = 0; i < n_vocab; i++) {
        snprintf(text[i], sizeof text[i], "t%d", i);
        token[i] = trit_str_from(text[i]);
    }
    assert_ok(trit_gguf_put_str(w, "general.architecture", trit_str_from(f->arch ? f->arch : "bitnet-b1.58"), &err));
    put_u32(w, f, "bitnet-b1.58.block_count", f->n_layers ? f->n_layers : 1);
    put_u32(w, f, "bitnet-b1.58.embedding_length", dim);
    put_u32(w, f, "bitnet-b1.58.feed_forward_length", ff);
    put_u32(w, f, "bitnet-b1.58.attention.head_count", n_heads);
    put_u32(w, f, "bitnet-b1.58.attention.head_count_kv", f->n_kv_heads ? f->n_kv_heads : 1);
    put_u32(w, f, "bitnet-b1.58.vocab_size", n_vocab);
    assert_ok(trit_gguf_put_f32(w, "bitnet-b1.58.attention.layer_norm_rms_epsilon", f->eps != 0 ? f->eps : 1e-5f, &err));
    if (n_tokens == n_vocab) return; /* weights alone */
    assert_ok(trit_gguf_put_str(w, "tokenizer.ggml.model", trit_str_from("gpt2"), &err));
    assert_ok(trit_gguf_put_strs(w, "tokenizer.ggml.tokens", token, n_tokens, &err));
}

static const char *make(const fault *f) {
    static const char path[] = TRIT_BINARY_DIR "/bad-model.gguf";
    trit_error err;
    trit_gguf_writer *w;
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) values[i] = (float)test_lcg(&seed) / 65536.0f - 0.5f;
    assert_ok(trit_gguf_writer_new(&w, &err));
    put_keys(w, f);
    put(w, f, "token_embd.weight", n_vocab, dim);
    put(w, f, "blk.0.attn_norm.weight", 1, dim);
    put(w, f, "blk.0.attn_q.weight", dim, dim);
    put(w, f, "blk.0.attn_k.weight", dim / 2, dim);
    put(w, f, "blk.0.attn_v.weight", dim / 2, dim);
    put(w, f, "blk.0.attn_sub_norm.weight", 1, dim);
    put(w, f, "blk.0.attn_output.weight", dim, dim);
    put(w, f, "blk.0.ffn_norm.weight", 1, dim);
    put(w, f, "blk.0.ffn_gate.weight", ff, dim);
    put(w, f, "blk.0.ffn_up.weight", ff, dim);
    put(w, f, "blk.0.ffn_sub_norm.weight", 1, ff);
    put(w, f, "blk.0.ffn_down.weight", dim, ff);
    put(w, f, "output_norm.weight", 1, dim);
    if (f->extra) put(w, f, f->extra, 1, dim);
    assert_ok(trit_gguf_write(w, path, &err));
    trit_gguf_writer_free(w);
    return path;
}

static void refuse(fault f, trit_status want, const char *names, const char *value) {
    trit_error err = {0};
    trit_model *m = NULL;
    trit_status status = trit_model_open(&m, make(&f), NULL, &err);
    if (status != want) fail_msg("expected status %d, got %d: %s", (int)want, (int)status, err.message);
    assert_null(m);
    if (!strstr(err.message, names) || !strstr(err.message, value)) fail_msg("\"%s\" should name %s and %s", err.message, names, value);
    assert_null(strchr(err.message, '\n'));
}

static void the_sound_model_opens(void **state) {
    (void)state;
    trit_error err;
    trit_model *m;
    trit_engine *e;
    assert_ok(trit_model_open(&m, make(&(fault){0}), NULL, &err));
    assert_ok(trit_engine_new(&e, m, NULL, &err));
    trit_engine_free(e);
    trit_model_close(m);
}

static void faults_are_named(void **state) {
    (void)state;
    refuse((fault){.arch = "mamba"}, trit_unsupported, "architecture", "mamba");
    refuse((fault){.leave_out = "blk.0.ffn_up.weight"}, trit_format, "blk.0.ffn_up.weight", "missing");
    refuse((fault){.leave_out = "token_embd.weight"}, trit_format, "token_embd.weight", "missing");
    refuse((fault){.leave_out = "blk.0.attn_sub_norm.weight"}, trit_format, "blk.0.attn_sub_norm.weight", "missing");
    refuse((fault){.leave_out = "bitnet-b1.58.embedding_length"}, trit_format, "embedding_length", "missing");
    refuse((fault){.reshape = "blk.0.attn_q.weight"}, trit_format, "blk.0.attn_q.weight", "[65, 64]");
    refuse((fault){.reshape = "blk.0.ffn_down.weight"}, trit_format, "blk.0.ffn_down.weight", "[64, 96]");
    refuse((fault){.poison = "blk.0.attn_v.weight"}, trit_numeric, "blk.0.attn_v.weight", "not finite");
    refuse((fault){.poison = "blk.0.ffn_norm.weight"}, trit_numeric, "blk.0.ffn_norm.weight", "not finite");
    refuse((fault){.extra = "blk.0.attn_q_norm.weight"}, trit_unsupported, "blk.0.attn_q_norm.weight", "bitnet");
    refuse((fault){.extra = "blk.0.attn_norm.bias"}, trit_unsupported, "blk.0.attn_norm.bias", "bitnet");
    refuse((fault){.extra = "blk.0.attn_q.weight_scale"}, trit_unsupported, "blk.0.attn_q.weight_scale", "bitnet"); /* GGUF's is .scale */
    refuse((fault){.extra = "norm.weight"}, trit_unsupported, "norm.weight", "bitnet");
    refuse((fault){.extra = "blk.99999999999.attn_norm.weight"}, trit_unsupported, "blk.99999999999", "bitnet");
    refuse((fault){.n_kv_heads = 3}, trit_format, "2 attention heads", "3 key-value heads");
    refuse((fault){.n_layers = 2000}, trit_format, "block_count", "2000");
    refuse((fault){.n_layers = 2}, trit_format, "blk.1.attn_norm.weight", "missing");
    refuse((fault){.eps = -1}, trit_format, "layer_norm_rms_epsilon", "-1");
}

/* Broken embeddings are too large to be looked at when opening: the logits tell. */
static void nan_in_the_embeddings_ends_the_request(void **state) {
    (void)state;
    trit_error err;
    trit_model *m;
    trit_engine *e;
    const trit_event *events;
    size_t n;
    const int32_t prompt[] = {0};
    assert_ok(trit_model_open(&m, make(&(fault){.poison = "token_embd.weight"}), NULL, &err));
    assert_ok(trit_engine_new(&e, m, NULL, &err));
    assert_ok(trit_engine_submit(e, &(trit_request){.prompt = prompt, .n_prompt = 1}, NULL, &err));
    assert_ok(trit_engine_step(e, &events, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(events[0].stop, trit_stop_error);
    assert_int_equal(events[0].error->status, trit_numeric);
    assert_non_null(strstr(events[0].error->message, "position 0"));
    trit_engine_free(e);
    assert_int_equal(trit_model_check_tensor(m, 0, &err), trit_numeric);
    assert_non_null(strstr(err.message, "token_embd.weight"));
    trit_model_close(m);
}

static void a_larger_tokenizer_is_refused(void **state) {
    (void)state;
    const char *path = test_shared("data/models/bitllama/tokenizer.model");
    require_shared("data/models/bitllama/tokenizer.model");
    trit_error err;
    trit_model *m;
    assert_int_equal(trit_model_open(&m, make(&(fault){0}), &(trit_model_opts){.tokenizer = path}, &err), trit_format);
    assert_non_null(strstr(err.message, "512"));
    assert_non_null(strstr(err.message, "40"));
}

static void unreadable_files_are_named(void **state) {
    (void)state;
    trit_error err;
    trit_model *m;
    assert_int_equal(trit_model_open(&m, "/nonexistent/model.gguf", NULL, &err), trit_io);
    assert_non_null(strstr(err.message, "/nonexistent/model.gguf"));
    assert_int_equal(trit_model_open(&m, TRIT_BINARY_DIR, NULL, &err), trit_io); /* a folder without a model */
    assert_int_equal(trit_model_open(&m, "synthetic:nothing", NULL, &err), trit_arg);
    assert_non_null(strstr(err.message, "nothing"));
    assert_int_equal(trit_model_open(&m, make(&(fault){0}), &(trit_model_opts){.activation = "tanh"}, &err), trit_arg);
    assert_int_equal(trit_model_open(&m, make(&(fault){0}), &(trit_model_opts){.activations = "int3"}, &err), trit_arg);
}

static void the_problem_of_a_described_file_is_told(void **state) {
    (void)state;
    trit_error err;
    trit_model *m;
    trit_model_info info;
    assert_ok(trit_model_open(&m, make(&(fault){.arch = "mamba"}), &(trit_model_opts){.no_weights = true}, &err));
    trit_model_describe(m, &info);
    assert_string_equal(info.file_arch, "mamba");
    assert_non_null(strstr(info.problem, "mamba"));
    trit_engine *e;
    assert_int_equal(trit_engine_new(&e, m, NULL, &err), trit_arg);
    trit_model_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sound_model_opens),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(nan_in_the_embeddings_ends_the_request),
        cmocka_unit_test(a_larger_tokenizer_is_refused),
        cmocka_unit_test(unreadable_files_are_named),
        cmocka_unit_test(the_problem_of_a_described_file_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
