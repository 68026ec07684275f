/* trit embed, as its users meet it. */
#include "shell.h"

#include <math.h>

static double number(const json_t *vector, size_t i) {
    return json_real_value(json_array_get(vector, i));
}

static double length_of(const json_t *vector) {
    double square = 0;
    for (size_t i = 0; i < json_array_size(vector); i++) square += number(vector, i) * number(vector, i);
    return sqrt(square);
}

/* The vector of the i-th line of JSON. */
static json_t *vector_at(const result *r, size_t i) {
    const char *line = r->out;
    for (; i > 0; i--) line = strchr(line, '\n') + 1;
    json_error_t error;
    json_t *v = json_loads(line, JSON_DISABLE_EOF_CHECK, &error);
    if (!v) fail_msg("%s in %s", error.text, line);
    json_t *vector = json_incref(json_object_get(v, "embedding"));
    assert_true(json_is_array(vector) && json_object_get(v, "index") && json_object_get(v, "tokens"));
    json_decref(v);
    return vector;
}

static void vectors(void **state) {
    (void)state;
    result all = sh("printf 'A dog ran.\\r\\nOnce upon a time\\nA dog ran.\\n' | t embed --json --batch 2");
    expect_code(&all, 0, "embed");
    json_t *first = vector_at(&all, 0), *second = vector_at(&all, 1), *third = vector_at(&all, 2);
    assert_true(json_array_size(first) > 16 && json_array_size(first) == json_array_size(second));
    assert_true(fabs(length_of(first) - 1) < 1e-6 && fabs(length_of(second) - 1) < 1e-6);
    assert_true(json_equal(first, third) && !json_equal(first, second));
    result cut = sh("t embed --json --dims 16 --normalize none --pooling last -- 'A dog ran.'"), mean = sh("t embed --json --pooling mean 'A dog ran.'");
    json_t *of_cut = vector_at(&cut, 0), *of_mean = vector_at(&mean, 0);
    assert_int_equal(json_array_size(of_cut), 16);
    for (size_t i = 0; i < 16; i++) assert_true(fabs(number(of_cut, i) / number(of_cut, 0) - number(first, i) / number(first, 0)) < 1e-4);
    assert_false(json_equal(of_mean, first));
    result prefixed = sh("t embed --json --task Tales 'A dog ran.'"), plain = sh("t embed --json \"$(printf 'Instruct: Tales\\nQuery: A dog ran.')\"");
    json_t *of_prefixed = vector_at(&prefixed, 0), *of_plain = vector_at(&plain, 0);
    assert_true(json_equal(of_prefixed, of_plain));
    json_t *owned[] = {first, second, third, of_cut, of_mean, of_prefixed, of_plain};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) json_decref(owned[i]);
    result *results[] = {&all, &cut, &mean, &prefixed, &plain};
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) release(results[i]);
}

static void plain_text(void **state) {
    (void)state;
    result r = sh("t embed --dims 3 one two | awk '{ print NF }'");
    assert_string_equal(r.out, "3\n3\n");
    release(&r);
}

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *command;
        int code;
        const char *names;
    } cases[] = {
        {"t embed -m synthetic:tiny text", 2, "tokenizer"}, {"t embed -f no-such-file", 3, "no-such-file"},
        {"t embed -f - text", 2, "--file"},                 {"t embed --dims 300 text", 2, "300"},
        {"t embed --pooling max text", 2, "max"},           {"t embed -c 16 'one two three four five six seven eight nine ten eleven twelve'", 1, "16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        result r = sh(cases[i].command);
        expect_code(&r, cases[i].code, cases[i].command);
        expect_one_line(&r, cases[i].command);
        if (!strstr(r.err, cases[i].names)) fail_msg("%s: %s", cases[i].command, r.err);
        release(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors), cmocka_unit_test(plain_text), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
