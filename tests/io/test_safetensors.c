/* safetensors: the reference data's good and broken files, shards, folders. */
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "io/io.h"
#include "tensor/bytes.h"

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
    const trit_file_tensor *t = trit_safetensors_tensor(s, "model.embed_tokens.weight");
    assert_non_null(t);
    assert_int_equal(t->dtype, trit_dtype_f32);
    assert_int_equal(trit_file_tensor_n_rows(t), 512);
    assert_int_equal(trit_file_tensor_n_cols(t), 256);
    assert_null(trit_safetensors_tensor(s, "model.embed_tokens"));
    trit_safetensors_close(s);
}

/* ---- Files made by hand ---- */

/* Header and n_data bytes 0, 1, 2... in a fresh buffer of its own size. */
static uint8_t *make(const char *header, size_t n_data, size_t *n) {
    *n = 8 + strlen(header) + n_data;
    uint8_t *p = malloc(*n);
    trit_store_u64(p, strlen(header));
    memcpy(p + 8, header, strlen(header));
    for (size_t i = 0; i < n_data; i++) p[8 + strlen(header) + i] = (uint8_t)i;
    return p;
}

static void refuse(const char *header, size_t n_data, trit_status expected, const char *words) {
    trit_safetensors *s = NULL;
    size_t n;
    uint8_t *p = make(header, n_data, &n);
    const trit_status status = trit_safetensors_open_memory(&s, p, n, "made", &err);
    if (status != expected || !strstr(err.message, words)) fail_msg("%s: %s: %s", header, trit_status_text(status), err.message);
    assert_null(s);
    free(p);
}

static void refusals(void **state) {
    (void)state;
    refuse("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, trit_unsupported, "tensor a: dtype F8_E4M3");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, trit_unsupported, "tensor a: 9 dim");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 2, trit_format, "1 bytes of data belong to no");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, trit_format, "tensor a: leaves a hole");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[4611686018427387904,4611686018427387904,0],\"data_offsets\":[0,0]}}", 0, trit_format,
           "overflows");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}", 1, trit_format, "dimension 0");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":1}", 1, trit_format, "made: ");
    refuse("{\"a\":[]}", 0, trit_format, "tensor a: its entry");
    refuse("{\"__metadata__\":{\"k\":1}}", 0, trit_format, "__metadata__ k");
    refuse("[]", 0, trit_format, "no JSON object");
}

static void no_tensors(void **state) {
    (void)state;
    size_t n;
    uint8_t *p = make("{}", 0, &n);
    trit_safetensors *s;
    assert_ok(trit_safetensors_open_memory(&s, p, n, "made", &err));
    assert_int_equal(trit_safetensors_n_tensors(s), 0);
    assert_null(trit_safetensors_tensor(s, "a"));
    trit_safetensors_close(s);
    free(p);
}

static void empty_tensors(void **state) {
    (void)state;
    size_t n;
    uint8_t *p = make("{\"z\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[4,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],"
                      "\"data_offsets\":[4,8]},\"\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}   ",
                      8, &n);
    trit_safetensors *s;
    assert_ok(trit_safetensors_open_memory(&s, p, n, "made", &err));
    assert_int_equal(trit_safetensors_n_tensors(s), 3);
    assert_ptr_equal(trit_safetensors_tensor(s, ""), trit_safetensors_tensor_at(s, 0)); /* in the order of the data */
    assert_ptr_equal(trit_safetensors_tensor(s, "z"), trit_safetensors_tensor_at(s, 1));
    assert_int_equal(trit_safetensors_tensor(s, "b")->data[0], 4);
    assert_null(trit_safetensors_tensor_at(s, 3));
    trit_safetensors_close(s);
    free(p);
}

/* ---- Shards ---- */

static char folder[1000];

static const char *in_folder(const char *name) {
    static char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const void *data, size_t n) {
    FILE *f = fopen(in_folder(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

static void write_shard(const char *name, const char *header, size_t n_data) {
    size_t n;
    uint8_t *p = make(header, n_data, &n);
    write_file(name, p, n);
    free(p);
}

static void write_index(const char *text) {
    write_file("model.safetensors.index.json", text, strlen(text));
}

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s/test_safetensors", TRIT_BINARY_DIR);
    mkdir(folder, 0777);
    write_shard("m-1.safetensors", "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2);
    write_shard("m-2.safetensors",
                "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"c\":{\"dtype\":\"U8\",\"shape\":[1],"
                "\"data_offsets\":[1,2]}}",
                2);
    write_shard("twice.safetensors", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    remove(in_folder("m-1.safetensors"));
    remove(in_folder("m-2.safetensors"));
    remove(in_folder("twice.safetensors"));
    remove(in_folder("model.safetensors.index.json"));
    rmdir(folder);
    return 0;
}

static void shards(void **state) {
    (void)state;
    write_index("{\"metadata\":{\"total_size\":4},\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-2.safetensors\","
                "\"c\":\"m-2.safetensors\"}}");
    for (int i = 0; i < 2; i++) { /* by the folder, by the index */
        trit_safetensors *s;
        assert_ok(trit_safetensors_open(&s, i ? in_folder("model.safetensors.index.json") : folder, &err));
        assert_int_equal(trit_safetensors_n_tensors(s), 3);
        assert_int_equal(trit_safetensors_tensor(s, "a")->n_bytes, 2);
        assert_int_equal(trit_safetensors_tensor(s, "c")->data[0], 1);
        trit_safetensors_close(s);
    }
}

static void refuse_index(const char *index, trit_status expected, const char *words) {
    trit_safetensors *s = NULL;
    write_index(index);
    const trit_status status = trit_safetensors_open(&s, folder, &err);
    if (status != expected || !strstr(err.message, words)) fail_msg("%s: %s: %s", index, trit_status_text(status), err.message);
    assert_null(s);
}

static void broken_shards(void **state) {
    (void)state;
    refuse_index("{\"weight_map\":{\"a\":\"../m-1.safetensors\"}}", trit_format, "tensor a: its file");
    refuse_index("{\"weight_map\":{\"a\":\"/etc/passwd\"}}", trit_format, "tensor a: its file");
    refuse_index("{\"weight_map\":{\"a\":\"..\"}}", trit_format, "tensor a: its file");
    refuse_index("{\"weight_map\":{\"a\":3}}", trit_format, "tensor a: its file");
    refuse_index("{\"weight_map\":{\"a\":\"m-3.safetensors\"}}", trit_io, "m-3.safetensors");
    refuse_index("{\"weight_map\":{\"a\":\"m-2.safetensors\"}}", trit_format, "tensor a: is not in m-2.safetensors");
    refuse_index("{\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-1.safetensors\",\"c\":\"m-2.safetensors\"}}", trit_format,
                 "tensor b: is not in m-1.safetensors");
    refuse_index("{\"weight_map\":{\"a\":\"m-1.safetensors\",\"d\":\"twice.safetensors\"}}", trit_format, "tensor a: stands in");
    refuse_index("{\"weight_map\":[]}", trit_format, "weight_map");
    refuse_index("{", trit_format, "index.json");
    remove(in_folder("model.safetensors.index.json"));
    trit_safetensors *s;
    assert_int_equal(trit_safetensors_open(&s, folder, &err), trit_io);
    assert_non_null(strstr(err.message, folder));
}

static void reference_file(void **state) {
    (void)state;
    require_shared("spec/examples/min.safetensors");
    trit_safetensors *s;
    assert_ok(trit_safetensors_open(&s, test_shared("spec/examples/min.safetensors"), &err));
    const trit_file_tensor *w = trit_safetensors_tensor(s, "w"), *b = trit_safetensors_tensor(s, "b");
    assert_true(w && b && w->n_bytes == 8 && b->dtype == trit_dtype_u8 && trit_file_tensor_n_cols(b) == 3);
    assert_true(trit_load_f32(w->data + 4) == -2 && b->data[2] == 3);
    trit_safetensors_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed),     cmocka_unit_test(real_folder), cmocka_unit_test(refusals),
        cmocka_unit_test(no_tensors), cmocka_unit_test(empty_tensors), cmocka_unit_test(shards),
        cmocka_unit_test(broken_shards), cmocka_unit_test(reference_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
