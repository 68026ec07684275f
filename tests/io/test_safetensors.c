/* safetensors: the reference data's good and broken files, shards, folders. */
#include "test.h"

#include "base/json.h"
#include "io/io.h"

static trit_error err;

static void check_malformed(const char *name, bool accept) {
    char relative[256];
    snprintf(relative, sizeof relative, "data/malformed/safetensors/%s.safetensors", name);
    trit_safetensors *s = NULL;
    err = (trit_error){0};
    const trit_status status = trit_safetensors_open(&s, test_shared(relative), &err);
    if (accept != (status == trit_ok)) fail_msg("%s: %s (%s)", name, trit_status_text(status), err.message);
    if (status != trit_ok) {
        assert_null(s);
        assert_int_equal(err.status, status);
        assert_non_null(strstr(err.message, name));
        assert_null(strchr(err.message, '\n'));
    }
    trit_safetensors_close(s);
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
    const trit_json *value, *list = trit_json_get(json, "safetensors");
    assert_int_equal(trit_json_length(list), 25);
    while (trit_json_next(list, &iter, &key, &value)) check_malformed(key.p, trit_json_as_bool(value, false));
    trit_json_free(json);
    free(text);
}

static void real_folder(void **state) {
    (void)state;
    require_shared("data/models/bitllama/hf-3M");
    trit_safetensors *s;
    assert_ok(trit_safetensors_open(&s, test_shared("data/models/bitllama/hf-3M"), &err));
    const trit_tensor *t = trit_safetensors_tensor(s, "model.embed_tokens.weight");
    assert_non_null(t);
    assert_int_equal(t->dtype, trit_dtype_f32);
    assert_int_equal(trit_tensor_n_rows(t), 512);
    assert_int_equal(trit_tensor_n_cols(t), 256);
    assert_null(trit_safetensors_tensor(s, "model.embed_tokens"));
    trit_safetensors_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed),
        cmocka_unit_test(real_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
