/* JSON: the parsing suite, navigation over every kind, and numbers and strings as we write them. */
#include "test.h"

#include <dirent.h>
#include <math.h>

#include "base/json.h"

static trit_json *parse(const char *text) {
    trit_error err = {0};
    trit_json *doc = NULL;
    assert_ok(trit_json_parse(&doc, text, strlen(text), "test", &err));
    return doc;
}

static void refuses(const char *text, size_t n) {
    trit_error err = {0};
    trit_json *doc = NULL;
    assert_int_equal(trit_json_parse(&doc, text, n, "doc.json", &err), trit_format);
    assert_null(doc);
    assert_non_null(strstr(err.message, "doc.json"));
}

static void test_navigation(void **state) {
    (void)state;
    trit_json *doc = parse("{\"a\":[1,2.0,2.5,\"x\\u0000y\",true,null],\"b\":{\"c\":-7},\"d\":1e300}");
    const trit_json *a = trit_json_get(doc, "a");
    assert_int_equal(trit_json_kind_of(doc), trit_json_object);
    assert_int_equal(trit_json_length(doc), 3);
    assert_int_equal(trit_json_kind_of(a), trit_json_array);
    assert_int_equal(trit_json_length(a), 6);
    assert_int_equal(trit_json_as_int(trit_json_at(a, 0), -1), 1);
    assert_int_equal(trit_json_as_int(trit_json_at(a, 1), -1), 2);
    assert_int_equal(trit_json_as_int(trit_json_at(a, 2), -1), -1);
    assert_true(trit_json_as_real(trit_json_at(a, 2), 0) == 2.5);
    assert_true(trit_json_as_real(trit_json_at(a, 0), 0) == 1.0);
    trit_str s = trit_json_as_str(trit_json_at(a, 3));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "x\0y", 3);
    assert_true(trit_json_as_bool(trit_json_at(a, 4), false));
    assert_int_equal(trit_json_kind_of(trit_json_at(a, 5)), trit_json_null);
    assert_int_equal(trit_json_as_int(trit_json_get(trit_json_get(doc, "b"), "c"), 0), -7);
    assert_int_equal(trit_json_as_int(trit_json_get(doc, "d"), 5), 5);
    trit_json_free(doc);
}

/* What Python writes where a tokenizer has no longest text. The other numbers stay what they are. */
static void test_integers_of_any_size(void **state) {
    (void)state;
    trit_json *doc = parse("{\"model_max_length\": 1000000000000000019884624838656, \"a\": 7, \"b\": -0.5, \"c\": [9007199254740991]}");
    assert_true(trit_json_as_real(trit_json_get(doc, "model_max_length"), 0) == 1e30);
    assert_int_equal(trit_json_as_int(trit_json_get(doc, "model_max_length"), -1), -1);
    assert_int_equal(trit_json_as_int(trit_json_get(doc, "a"), -1), 7);
    assert_true(trit_json_as_real(trit_json_get(doc, "b"), 0) == -0.5);
    assert_int_equal(trit_json_as_int(trit_json_at(trit_json_get(doc, "c"), 0), -1), 9007199254740991);
    trit_json_free(doc);
    refuses("[1e999]", 7);
}

static void test_absent_values_answer_the_default(void **state) {
    (void)state;
    trit_json *doc = parse("[1]");
    assert_null(trit_json_get(NULL, "x"));
    assert_null(trit_json_get(doc, "x"));
    assert_null(trit_json_at(doc, 1));
    assert_null(trit_json_at(NULL, 0));
    assert_int_equal(trit_json_kind_of(NULL), trit_json_absent);
    assert_int_equal(trit_json_length(NULL), 0);
    assert_int_equal(trit_json_length(trit_json_at(doc, 0)), 0);
    assert_int_equal(trit_json_as_int(NULL, 9), 9);
    assert_true(trit_json_as_real(doc, 0.5) == 0.5);
    assert_true(trit_json_as_bool(NULL, true));
    assert_null(trit_json_as_str(trit_json_at(doc, 0)).p);
    void *iter = NULL;
    trit_str key;
    const trit_json *value;
    assert_false(trit_json_next(doc, &iter, &key, &value));
    trit_json_free(doc);
    trit_json_free(NULL);
}

static void test_iteration_keeps_document_order(void **state) {
    (void)state;
    trit_json *doc = parse("{\"z\":0,\"a\":1,\"m\":2,\"b\":3}");
    static const char *const keys[] = {"z", "a", "m", "b"};
    void *iter = NULL;
    trit_str key;
    const trit_json *value;
    int64_t i = 0;
    for (; trit_json_next(doc, &iter, &key, &value); i++) {
        assert_true(trit_str_is(key, keys[i]));
        assert_int_equal(trit_json_as_int(value, -1), i);
    }
    assert_int_equal(i, 4);
    trit_json_free(doc);
}

static void test_refusals(void **state) {
    (void)state;
    refuses("{\"a\":1,\"a\":2}", 13);
    refuses("", 0);
    refuses("\"\xff\"", 3);
    refuses("1 2", 3);
    enum { deep = 100000 };
    char *nested = malloc(deep);
    memset(nested, '[', deep);
    refuses(nested, deep);
    free(nested);
}

static void writes_str(const char *in, size_t n, const char *expected) {
    trit_text out = {0};
    assert_true(trit_json_write_str(&out, in, n));
    assert_string_equal(out.data, expected);
    trit_text_fini(&out);
}

static void test_writing_strings(void **state) {
    (void)state;
    writes_str("", 0, "\"\"");
    writes_str("a\"b\\c/\n\t\r\b\f", 11, "\"a\\\"b\\\\c/\\n\\t\\r\\b\\f\"");
    writes_str("\0\x1f\x7f", 3, "\"\\u0000\\u001f\\u007f\"");
    writes_str("\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    writes_str("a\xff" "b\xe2\x82", 5, "\"a\xef\xbf\xbd" "b\xef\xbf\xbd\"");
}

static void writes_f64(double x, const char *expected) {
    trit_text out = {0};
    assert_true(trit_json_write_f64(&out, x));
    assert_string_equal(out.data, expected);
    trit_text_fini(&out);
}

static void test_writing_numbers(void **state) {
    (void)state;
    writes_f64(0, "0");
    writes_f64(-0.5, "-0.5");
    writes_f64(0.1, "0.1");
    writes_f64(NAN, "null");
    writes_f64(-INFINITY, "null");
    writes_f64(5e-324, "5e-324");
    uint32_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        uint32_t bits = test_lcg(&seed) << 16 | test_lcg(&seed);
        float x;
        memcpy(&x, &bits, sizeof x);
        trit_text out = {0};
        assert_true(trit_json_write_f32(&out, x));
        if (isfinite(x)) assert_true(strtof(out.data, NULL) == x);
        trit_json *doc = parse(out.data);
        trit_json_free(doc);
        trit_text_fini(&out);
    }
}

static void test_last_of_equal_keys(void **state) {
    (void)state;
    static const char text[] = "{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}, \"a\": 3}", nul[] = "{\"a\\u0000b\": 1}";
    trit_error err = {0};
    trit_json *doc = NULL;
    assert_int_equal(trit_json_parse(&doc, text, sizeof text - 1, "d", &err), trit_format);
    assert_ok(trit_json_parse_last(&doc, text, sizeof text - 1, "d", &err));
    assert_int_equal(trit_json_length(doc), 2);
    assert_int_equal(trit_json_as_int(trit_json_get(doc, "a"), 0), 3);
    assert_int_equal(trit_json_as_int(trit_json_get(trit_json_get(doc, "b"), "c"), 0), 2);
    trit_json_free(doc);
    assert_int_equal(trit_json_parse_last(&doc, nul, sizeof nul - 1, "d", &err), trit_format);
    assert_non_null(strstr(err.message, "NUL byte in object key"));
}

/* The suite's y_ files must parse and its n_ files must not; i_ files may do either but must not crash. We refuse keys that are not C strings
 * on purpose and, but for trit_json_parse_last, those that come twice, so the three y_ files about them are refused. */
static void check_parsing_suite(trit_status (*parse_by)(trit_json **, const char *, size_t, const char *, trit_error *), bool takes_duplicates) {
    char folder[1024], path[1400];
    snprintf(folder, sizeof folder, "%s", test_shared("data/json/parsing"));
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int n_files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strstr(entry->d_name, ".json")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        size_t n;
        char *data = test_read(path, &n);
        trit_json *doc = NULL;
        trit_error err = {0};
        trit_status status = parse_by(&doc, data, n, entry->d_name, &err);
        trit_json_free(doc);
        free(data);
        bool refused = entry->d_name[0] == 'n' || strstr(entry->d_name, "escaped_null_in_key");
        refused = refused || (!takes_duplicates && strstr(entry->d_name, "duplicated_key"));
        if (entry->d_name[0] == 'y' && !refused && status != trit_ok) fail_msg("%s", err.message);
        if (refused && status != trit_format) fail_msg("%s is accepted", entry->d_name);
        n_files++;
    }
    closedir(dir);
    assert_true(n_files > 300);
}

static void test_parsing_suite(void **state) {
    (void)state;
    require_shared("data/json/parsing");
    check_parsing_suite(trit_json_parse, false);
    check_parsing_suite(trit_json_parse_last, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_navigation),
        cmocka_unit_test(test_integers_of_any_size),
        cmocka_unit_test(test_absent_values_answer_the_default),
        cmocka_unit_test(test_iteration_keeps_document_order),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_writing_strings),
        cmocka_unit_test(test_writing_numbers),
        cmocka_unit_test(test_last_of_equal_keys),
        cmocka_unit_test(test_parsing_suite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
