/* model/fingerprint: one bit of a tensor, of a key or of a folder's configuration makes another model; the same file is the same one. */
#include "test.h"

#include "hf_case.h"
#include "model/model.h"

static const char copy[] = "a.gguf";

static trit_fingerprint of_file(const char *path) {
    trit_error err;
    trit_model *m;
    trit_fingerprint out, again;
    assert_ok(trit_model_open(&m, path, NULL, &err));
    assert_ok(trit_model_fingerprint(&out, m, &err));
    assert_ok(trit_model_fingerprint(&again, m, &err));
    assert_int_equal(out.model, again.model);
    assert_int_equal(out.adapters, 0);
    trit_model_close(m);
    return out;
}

static void write_file(const char *path, const char *data, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, n, 1, f), 1);
    assert_int_equal(fclose(f), 0);
}

/* The story model's file, and a copy of it that a test changes. */
typedef struct file {
    char *data;
    size_t n;
    trit_fingerprint of;
} file;

static file story(void) {
    file f = {0};
    f.data = test_read(test_source("tests/model/story-256.gguf"), &f.n);
    write_file(copy, f.data, f.n);
    f.of = of_file(copy);
    return f;
}

static size_t find(const file *f, const void *part, size_t n) {
    for (size_t i = 0; i + n <= f->n; i++)
        if (memcmp(f->data + i, part, n) == 0) return i;
    fail_msg("it is not in the file");
    return 0;
}

static void assert_counts(const file *f, size_t at, const char *what) {
    f->data[at] ^= 1;
    write_file(copy, f->data, f->n);
    if (of_file(copy).model == f->of.model) fail_msg("a bit of %s counts for nothing", what);
    f->data[at] ^= 1;
}

static void a_bit_of_a_tensor_counts(void **state) {
    (void)state;
    static const char *const names[] = {"token_embd.weight", "blk.0.attn_q.weight", "blk.5.ffn_down.weight", "output_norm.weight"};
    trit_error err;
    trit_model *m;
    size_t last[4];
    file f = story();
    assert_int_equal(of_file(test_source("tests/model/story-256.gguf")).model, f.of.model);
    assert_ok(trit_model_open(&m, copy, NULL, &err));
    for (int i = 0; i < 4; i++) {
        const trit_file_tensor *t = trit_source_find(&m->source, names[i], names[i]);
        assert_non_null(t);
        last[i] = find(&f, t->data, (size_t)t->n_bytes) + (size_t)t->n_bytes - 4; /* low bits of a float, or trits or a scale of the last block */
    }
    trit_model_close(m);
    for (int i = 0; i < 4; i++) assert_counts(&f, last[i], names[i]);
    free(f.data);
}

static void a_key_counts(void **state) {
    (void)state;
    static const char name[] = "trit story";
    file f = story();
    assert_counts(&f, find(&f, name, sizeof name - 1), "the name");
    free(f.data);
}

/* The same weights, another configuration: an epsilon. */
static void a_folders_configuration_counts(void **state) {
    (void)state;
    static const char folder[] = "folder", config[] = "folder/config.json", key[] = "\"rms_norm_eps\":";
    trit_error err;
    trit_json *json;
    size_t n;
    char *text = test_read(test_source("tests/model/hf/llama-head100.json"), &n);
    assert_ok(trit_json_parse(&json, text, n, "the case", &err));
    test_make_folder(folder, text, json);
    trit_json_free(json);
    free(text);
    const trit_fingerprint before = of_file(folder);
    text = test_read(config, &n);
    char *digit = strstr(text, key);
    assert_non_null(digit);
    digit += strcspn(digit + strlen(key), "123456789") + strlen(key);
    *digit = *digit == '1' ? '2' : '1';
    write_file(config, text, n);
    free(text);
    assert_int_not_equal(of_file(folder).model, before.model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bit_of_a_tensor_counts),
        cmocka_unit_test(a_key_counts),
        cmocka_unit_test(a_folders_configuration_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
