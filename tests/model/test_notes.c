/* What is told of a file that leaves something open or is known to be wrong: clashing types, layouts, templates, end tokens. */
#include "test.h"

#include "io/io.h"
#include "trit/trit.h"

static trit_error err;
static const char path[] = TRIT_BINARY_DIR "/notes.gguf";

static void put_u32(trit_gguf_writer *w, const char *key, uint32_t v) {
    assert_ok(trit_gguf_put_u32(w, key, v, &err));
}

static trit_gguf_writer *begin(uint32_t vocab_size, const char *template) {
    trit_gguf_writer *w;
    assert_ok(trit_gguf_writer_new(&w, &err));
    assert_ok(trit_gguf_put_str(w, "general.architecture", trit_str_from("bitnet-b1.58"), &err));
    put_u32(w, "bitnet-b1.58.block_count", 1);
    put_u32(w, "bitnet-b1.58.embedding_length", 256);
    put_u32(w, "bitnet-b1.58.feed_forward_length", 256);
    put_u32(w, "bitnet-b1.58.attention.head_count", 2);
    put_u32(w, "bitnet-b1.58.vocab_size", vocab_size);
    if (template) assert_ok(trit_gguf_put_str(w, "tokenizer.chat_template", trit_str_from(template), &err));
    return w;
}

static trit_model *open_written(trit_gguf_writer *w) {
    trit_model *m;
    assert_ok(trit_gguf_write(w, path, &err));
    trit_gguf_writer_free(w);
    assert_ok(trit_model_open(&m, path, &(trit_model_opts){.no_weights = true}, &err));
    remove(path);
    return m;
}

static void put_zeros(trit_gguf_writer *w, const char *name, trit_dtype dtype, uint64_t n_rows) {
    static const uint8_t zeros[1 << 16];
    trit_file_tensor t = {.name = trit_str_from(name), .dtype = dtype, .n_dims = 2, .shape = {n_rows, 256}, .data = zeros};
    assert_true(trit_dtype_n_bytes(dtype, n_rows, 256, &t.n_bytes));
    assert_ok(trit_gguf_put_tensor(w, &t, &err));
}

static void types(void **state) {
    (void)state;
    trit_gguf_writer *w = begin(64, NULL);
    put_u32(w, "general.file_type", 39);
    put_zeros(w, "blk.0.attn_q.weight", trit_dtype_tl2, 256);
    put_zeros(w, "blk.0.attn_k.weight", trit_dtype_tl2, 64);
    put_zeros(w, "blk.0.attn_v.weight", trit_dtype_i2_s, 64);
    put_zeros(w, "token_embd.weight", trit_dtype_mxfp4, 64);
    trit_model *m = open_written(w);
    assert_string_equal(trit_model_note_at(m, 0), "type 39 is TL2 and not MXFP4 (by the sizes of its tensors, general.file_type, the architecture)");
    assert_string_equal(trit_model_note_at(m, 1), "type 39 is MXFP4 and not TL2 (by the sizes of its tensors)");
    assert_string_equal(trit_model_note_at(m, 2), "the layout of TL1 and TL2 is bitnet.cpp's for published shapes");
    assert_null(trit_model_note_at(m, 3)); /* nobody's file has the retired type 36 */
    assert_int_equal(trit_model_check_tensor(m, 0, &err), trit_unsupported);
    assert_non_null(strstr(err.message, "kernel_config.ini"));
    trit_model_close(m);
}

static void templates(void **state) {
    (void)state;
    trit_model *m = open_written(begin(128256, "Human: {{ messages[0].content }}"));
    assert_non_null(strstr(trit_model_note_at(m, 0), "tokenizer.chat_template is not what the model was trained with: that"));
    assert_ok(trit_model_check_template(m, &err));
    trit_model_close(m);
    static const struct {
        const char *template;
        trit_status status;
    } cases[] = {{NULL, trit_ok}, {"{{ messages[0].role }}", trit_ok}, {"{{ raise_exception('no') }}", trit_ok}, {"{% if %}", trit_format},
                 {"{% for m in messages %}", trit_format}, {"{{ 1 + none }}", trit_format}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        m = open_written(begin(64, cases[i].template));
        assert_null(trit_model_note_at(m, 0));
        const trit_status status = trit_model_check_template(m, &err);
        if (status != cases[i].status) fail_msg("%s: %s", cases[i].template, trit_status_text(status));
        trit_model_close(m);
    }
}

static void ends(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_i2s.gguf");
    trit_model *m;
    assert_ok(trit_model_open(&m, test_shared("spec/examples/tiny_i2s.gguf"), &(trit_model_opts){.no_weights = true}, &err));
    assert_string_equal(trit_model_end_why(m, 257), "tokenizer.ggml.eos_token_id");
    assert_string_equal(trit_model_end_why(m, 258), "by its text");
    assert_null(trit_model_end_why(m, 0));
    assert_null(trit_model_end_why(m, 1 << 20));
    trit_model_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(types), cmocka_unit_test(templates), cmocka_unit_test(ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
