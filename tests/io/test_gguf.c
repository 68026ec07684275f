/* GGUF: real files open, every broken file of the reference data is refused with one line and little memory. */
#include "test.h"

#include "base/json.h"
#include "io/io.h"

static trit_error err;

static void check_malformed(const char *name, bool accept) {
    char relative[256];
    snprintf(relative, sizeof relative, "data/malformed/gguf/%s.gguf", name);
    const char *path = test_shared(relative);
    assert_non_null(path);
    trit_gguf *g = NULL;
    err = (trit_error){0};
    const trit_status status = trit_gguf_open(&g, path, &err);
    if (accept != (status == trit_ok)) fail_msg("%s: %s (%s)", name, trit_status_text(status), err.message);
    if (status != trit_ok) {
        assert_null(g);
        assert_int_equal(err.status, status);
        assert_non_null(strstr(err.message, name)); /* names the file */
        assert_null(strchr(err.message, '\n'));
        print_message("  %s\n", strstr(err.message, name));
    }
    trit_gguf_close(g);
}

static void malformed(void **state) {
    (void)state;
    require_shared("data/malformed/expected.json");
    size_t n;
    char *text = test_read(test_shared("data/malformed/expected.json"), &n);
    trit_json *json;
    assert_ok(trit_json_parse(&json, text, n, "expected.json", &err));
    void *iter = NULL;
    trit_str key;
    const trit_json *value, *list = trit_json_get(json, "gguf");
    assert_int_equal(trit_json_length(list), 57);
    while (trit_json_next(list, &iter, &key, &value)) check_malformed(key.p, trit_str_is(trit_json_as_str(value), "accept"));
    trit_json_free(json);
    free(text);
}

static void check_real(const char *relative, uint64_t n_kv, uint64_t n_tensors) {
    trit_gguf *g;
    if (!test_shared(relative)) {
        print_message("skipped: ../shared/%s not present\n", relative);
        return;
    }
    assert_ok(trit_gguf_open(&g, test_shared(relative), &err));
    assert_int_equal(trit_gguf_version(g), 3);
    assert_int_equal(trit_gguf_n_kv(g), n_kv);
    assert_int_equal(trit_gguf_n_tensors(g), n_tensors);
    const trit_tensor *t = trit_gguf_tensor(g, "token_embd.weight");
    assert_ptr_equal(t, trit_gguf_tensor_at(g, 0));
    trit_gguf_close(g);
}

static void real_files(void **state) {
    (void)state;
    check_real("data/models/bitllama/bitllama-3M.TQ1_0.gguf", 24, 90);
    check_real("data/models/bitllama/bitllama-3M.TQ2_0.gguf", 24, 90);
    check_real("data/models/bitllama/bitllama-1M.F32.gguf", 24, 90);
    check_real("data/models/stories15M/stories15M.F16.gguf", 24, 56);
    check_real("spec/examples/tiny_i2s.gguf", 22, 24);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed),
        cmocka_unit_test(real_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
