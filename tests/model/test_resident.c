/* What an open model keeps in memory: weights that were repacked do not stay there a second time as pages of their file. */
#include "test.h"

#include "io/io.h"
#include "quant/quant.h"
#include "trit/trit.h"

#if defined(__linux__)
enum { dim = 1024, ff = 4096, n_vocab = 64 };

static trit_status fill(void *context, const trit_file_tensor *t, uint8_t *dst, trit_error *err) {
    (void)context;
    (void)err;
    const float scale = 0.5f, one = 1;
    if (t->dtype == trit_dtype_i2_s) {
        memset(dst, 0x64, t->n_bytes); /* codes 1 2 1 0 */
        memcpy(dst + t->n_bytes - 32, &scale, sizeof scale);
    } else {
        for (size_t i = 0; i < t->n_bytes; i += sizeof one) memcpy(dst + i, &one, sizeof one);
    }
    return trit_ok;
}

static void put(trit_gguf_writer *w, const char *name, trit_dtype dtype, uint32_t n_rows, uint32_t n_cols) {
    trit_error err;
    trit_file_tensor t = {.name = trit_str_from(name), .dtype = dtype, .n_dims = 2, .shape = {n_rows, n_cols}};
    assert_true(trit_dtype_n_bytes(dtype, n_rows, n_cols, &t.n_bytes));
    assert_ok(trit_gguf_put_tensor_later(w, &t, fill, NULL, 0, &err));
}

static const char *make(void) {
    static const char path[] = TRIT_BINARY_DIR "/resident-model.gguf";
    static const struct {
        const char *key;
        uint32_t value;
    } keys[] = {{"bitnet.block_count", 1}, {"bitnet.embedding_length", dim}, {"bitnet.feed_forward_length", ff},
                {"bitnet.attention.head_count", 8}, {"bitnet.vocab_size", n_vocab}};
    trit_error err;
    trit_gguf_writer *w;
    assert_ok(trit_gguf_writer_new(&w, &err));
    assert_ok(trit_gguf_put_str(w, "general.architecture", trit_str_from("bitnet"), &err));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) assert_ok(trit_gguf_put_u32(w, keys[i].key, keys[i].value, &err));
    put(w, "token_embd.weight", trit_dtype_f32, n_vocab, dim);
    put(w, "blk.0.attn_norm.weight", trit_dtype_f32, 1, dim);
    put(w, "blk.0.attn_sub_norm.weight", trit_dtype_f32, 1, dim);
    put(w, "blk.0.ffn_norm.weight", trit_dtype_f32, 1, dim);
    put(w, "blk.0.ffn_sub_norm.weight", trit_dtype_f32, 1, ff);
    put(w, "blk.0.attn_q.weight", trit_dtype_i2_s, dim, dim);
    put(w, "blk.0.attn_k.weight", trit_dtype_i2_s, dim, dim);
    put(w, "blk.0.attn_v.weight", trit_dtype_i2_s, dim, dim);
    put(w, "blk.0.attn_output.weight", trit_dtype_i2_s, dim, dim);
    put(w, "blk.0.ffn_gate.weight", trit_dtype_i2_s, ff, dim);
    put(w, "blk.0.ffn_up.weight", trit_dtype_i2_s, ff, dim);
    put(w, "blk.0.ffn_down.weight", trit_dtype_i2_s, dim, ff);
    put(w, "output_norm.weight", trit_dtype_f32, 1, dim);
    assert_ok(trit_gguf_write(w, path, &err));
    trit_gguf_writer_free(w);
    return path;
}

/* Resident kilobytes of the mappings of a file, from /proc/self/smaps. */
static long resident_kb(const char *path) {
    char line[1024];
    long total = 0, kb;
    bool ours = false;
    FILE *f = fopen("/proc/self/smaps", "r");
    if (!f) return -1;
    while (fgets(line, sizeof line, f)) {
        if (strchr(line, '-') && strchr(line, '-') < line + 20) ours = strstr(line, path) != NULL;
        if (ours && sscanf(line, "Rss: %ld", &kb) == 1) total += kb;
    }
    fclose(f);
    return total;
}
#endif

static void repacked_weights_leave_the_file(void **state) {
    (void)state;
#if defined(__linux__)
    trit_error err;
    trit_model *m;
    const char *path = make();
    assert_ok(trit_model_open(&m, path, NULL, &err));
    long kb = resident_kb(path);
    if (kb < 0) skip();
    trit_model_info info;
    trit_model_describe(m, &info);
    print_message("%ld kB of the file are in memory beside %llu kB of weights\n", kb, (unsigned long long)info.weight_bytes / 1024);
    assert_true(kb < 512); /* of 4 MB */
    for (size_t i = 0; i < 13; i++) assert_ok(trit_model_check_tensor(m, i, &err)); /* and can still be read */
    trit_model_close(m);
    remove(path);
#else
    skip();
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(repacked_weights_leave_the_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
