/* base: math against libm, UTF-8, checked sizes, texts. */
#include "test.h"

#include <math.h>

#include "base/alloc.h"
#include "base/math.h"
#include "base/nearest.h"
#include "base/os.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/utf8.h"

static double relative(double a, double b) {
    return b == 0 ? fabs(a) : fabs(a - b) / fabs(b);
}

static void math_is_near_libm(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 200000; i++) {
        double u = trit_rng_unit(7, i), x = (u - 0.5) * 1400, sine, cosine;
        assert_true(relative(trit_exp(x), exp(x)) < 2e-15);
        assert_true(relative(trit_log(u * 1e6 + 1e-9), log(u * 1e6 + 1e-9)) < 1e-15 || fabs(log(u * 1e6 + 1e-9)) < 1e-3);
        double angle = u * 2e6;
        trit_sincos(angle, &sine, &cosine);
        assert_true(fabs(sine - sin(angle)) < 1e-15 * 10 && fabs(cosine - cos(angle)) < 1e-15 * 10);
        angle = (u - 0.5) * 2e9; /* all that the header promises: positions of long contexts lie there */
        trit_sincos(angle, &sine, &cosine);
        assert_true(fabs(sine - sin(angle)) < 1e-15 && fabs(cosine - cos(angle)) < 1e-15);
        assert_true(relative(trit_pow(500000, -u), pow(500000, -u)) < 1e-14);
    }
    assert_true(trit_exp(-800) == 0 && isinf(trit_exp(800)) && isnan(trit_exp(NAN)) && trit_exp(0) == 1);
    assert_true(isinf(trit_log(0)) && isnan(trit_log(-1)) && trit_log(1) == 0);
    assert_true(relative(trit_exp(-740), exp(-740)) < 1e-2); /* subnormal: few bits are left */
    assert_true(relative(trit_log(5e-320), log(5e-320)) < 1e-15);
    static const float x[] = {-1000, 2, 1.5f, 1, -300, -INFINITY}, large[] = {1000, 1000};
    assert_true(fabs(trit_log_sum_exp(x, 6) - log(exp(2) + exp(1.5) + exp(1))) < 1e-14);
    assert_true(fabs(trit_log_sum_exp(large, 2) - (1000 + log(2))) < 1e-12 && trit_log_sum_exp(x, 1) == -1000);
    assert_true(trit_argmax(x, 6) == 1 && trit_argmax(large, 2) == 0);
    assert_true(trit_all_finite(large, 2) && !trit_all_finite(x, 6) && !trit_all_finite((float[]){1, NAN}, 2));
}

/* The form for many is the form for one, bit for bit. */
static void many_exps_are_the_single_ones(void **state) {
    (void)state;
    enum { n = 4099 };
    static double x[n], y[n];
    static const double odd[] = {0, -0.0, NAN, INFINITY, -INFINITY, 690, -690, 691, -691, 709.785, -708.5, -745.5, 1e300, -1e300, 5e-324};
    for (uint64_t i = 0; i < n; i++) x[i] = (trit_rng_unit(11, i) - 0.5) * (i % 3 ? 60 : 1600);
    memcpy(x + 1000, odd, sizeof odd);
    for (size_t m = 0; m < 9; m++) {
        trit_exp_each(y, x + m, n - m);
        for (size_t i = 0; i < n - m; i++) {
            double one = trit_exp(x[i + m]);
            assert_memory_equal(&y[i], &one, sizeof one);
        }
    }
}

static void utf8_is_strict(void **state) {
    (void)state;
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        if (cp >= 0xD800 && cp < 0xE000) continue;
        char s[4];
        uint32_t back;
        size_t n = trit_utf8_encode(cp, s);
        assert_int_equal(trit_utf8_decode(s, n, &back), (int)n);
        assert_int_equal(back, cp);
        if (n > 1) assert_int_equal(trit_utf8_decode(s, n - 1, &back), 0); /* more bytes could complete it */
    }
    static const struct {
        const char *bytes;
        int len;
    } broken[] = {{"\xC0\x80", -1}, {"\xE0\x80\x80", -1}, {"\xED\xA0\x80", -1}, {"\xF4\x90\x80\x80", -1}, {"\xFF", -1}, {"\x80", -1},
                  {"\xE2\x82x", -2}, {"\xF0\x9F\x98x", -3}};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        uint32_t cp;
        assert_int_equal(trit_utf8_decode(broken[i].bytes, strlen(broken[i].bytes), &cp), broken[i].len);
        assert_int_equal(cp, 0xFFFD);
    }
}

static void sizes_are_checked(void **state) {
    (void)state;
    size_t n;
    assert_false(trit_mul_size(SIZE_MAX, 2, &n));
    assert_false(trit_add_size(SIZE_MAX, 1, &n));
    assert_true(trit_mul_size(SIZE_MAX, 0, &n) && n == 0);
    assert_null(trit_alloc(SIZE_MAX / 2, 4));
    assert_null(trit_alloc_aligned(SIZE_MAX / 2, 4));
    void *p = trit_alloc_aligned(3, 1000);
    assert_int_equal((uintptr_t)p % 64, 0);
    trit_free(p);
    trit_text text = {0};
    for (int i = 0; i < 1000; i++) assert_true(trit_text_append(&text, "abc", 3));
    assert_int_equal(text.n, 3000);
    assert_int_equal(strlen(text.data), 3000);
    text.n = 2;
    assert_true(trit_text_format(&text, "%d|%500s|", 7, "x")); /* more than it first makes room for */
    assert_int_equal(text.n, 505);
    assert_memory_equal(text.data, "ab7|  ", 6);
    assert_string_equal(text.data + 503, "x|");
    text.n = 0;
    assert_true(trit_text_format(&text, "%s", ""));
    assert_string_equal(text.data, "");
    trit_text_fini(&text);
}

static void globs(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool fits;
    } all[] = {
        {"*", "blk.0.attn_q.weight", true},          {"", "a", false},          {"", "", true},       {"*attn_q*", "blk.0.attn_q.weight", true},
        {"blk.?.attn_q.weight", "blk.11.attn_q.weight", false},
        {"blk.*.weight", "blk.0.x.bias", false},     {"a*b*c", "aXbYbZc", true}, {"a*b*c", "aXbYbZ", false},
        {"***", "", true},                           {"a?", "a", false},        {"*", "", true},      {"*.gguf", "a.gguf", true},
        {"*.gguf", "a.ggufx", false},                {"a?c", "abc", true},      {"a?c", "ac", false}, {"*a*b*", "xaxbx", true},
        {"*a*b", "xaxbx", false},                    {"sub/*", "sub/x/y", true}, {"**", "a/b", true},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (trit_glob(trit_str_from(all[i].pattern), all[i].name) != all[i].fits) fail_msg("\"%s\" and \"%s\"", all[i].pattern, all[i].name);
}

static void texts(void **state) {
    (void)state;
    assert_true(trit_ends_with("a.gguf", ".gguf") && trit_ends_with(".gguf", ".gguf") && trit_ends_with("a", ""));
    assert_false(trit_ends_with("gguf", ".gguf") || trit_ends_with("a.ggufx", ".gguf"));
    assert_true(trit_str_is_lower((trit_str){"ETag", 4}, "etag") && trit_ascii_lower('[') == '[');
    assert_false(trit_str_is_lower((trit_str){"ETag", 3}, "etag"));
}

static void sizes_in_words(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t n;
    } good[] = {{"0", 0}, {"1500", 1500}, {"2k", 2000}, {"7K", 7000}, {"500M", 500000000}, {"1.5gb", 1500000000}, {"2.5G", 2500000000u},
                {"1e3", 1000}, {".5TB", 500000000000u}};
    static const char *const bad[] = {"", "k", "-1", "+1", " 1", "1 k", "0x10", "5X", "5GBs", "5b", "1e30", "9e18T", "nan", "inf", "GB", "1..2", "1e"};
    uint64_t n = 7;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!trit_parse_bytes(good[i].text, &n) || n != good[i].n) fail_msg("\"%s\" is read as %llu", good[i].text, (unsigned long long)n);
    n = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (trit_parse_bytes(bad[i], &n) || n != 7) fail_msg("\"%s\" is read as %llu", bad[i], (unsigned long long)n);
}

static const char *word_at(const void *list, size_t i) {
    return ((const char *const *)list)[i];
}

static void mistyped_names(void **state) {
    (void)state;
    static const char *const words[] = {"run", "train", "train-tokenizer", "a-name-that-is-longer-than-any-of-them-may-be"};
    static const struct {
        const char *word;
        int nearest;
    } all[] = {{"rnu", 0}, {"run", 0}, {"trian", 1}, {"trin", 1}, {"train-tokeniser", 2}, {"x", -1}, {"", -1}, {"infer", -1}, {"tr", -1},
               {"a-name-that-is-longer-than-any-of-them-may-be", -1}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const int near = trit_nearest(all[i].word, word_at, words, 4);
        if (near != all[i].nearest) fail_msg("\"%s\" is near %d", all[i].word, near);
    }
}

static void strict_numbers(void **state) {
    (void)state;
    int64_t whole = 7;
    double real = 7;
    assert_true(trit_parse_int("-12", &whole) && whole == -12);
    assert_true(trit_parse_int("+9223372036854775807", &whole) && whole == INT64_MAX);
    assert_true(trit_parse_real("-1.5e-3", &real) && real == -1.5e-3);
    static const char *const bad[] = {"", "-", "1x", " 1", "1 ", "0x10", "9223372036854775808"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(trit_parse_int(bad[i], &whole));
    static const char *const bad_real[] = {"", "nan", "inf", "1e999", "1.5.2", "0x1p3", "1,5"};
    uint64_t number = 0;
    assert_true(trit_parse_numbered("step-12", "step-", &number) && number == 12);
    assert_false(trit_parse_numbered("step-", "step-", &number) || trit_parse_numbered("step--1", "step-", &number));
    assert_false(trit_parse_numbered("step-1.part", "step-", &number) || trit_parse_numbered("step-99999999999999999999", "step-", &number));
    for (size_t i = 0; i < sizeof bad_real / sizeof bad_real[0]; i++) assert_false(trit_parse_real(bad_real[i], &real));
    assert_true(trit_str_is_choice("f32|f16|q8", "f16") && trit_str_is_choice("one", "one"));
    assert_false(trit_str_is_choice("f32|f16|q8", "f1") || trit_str_is_choice("f32|f16", "f32|f16") || trit_str_is_choice("f32", ""));
}

static void files_are_replaced_whole(void **state) {
    (void)state;
    trit_error err;
    const char *path = TRIT_BINARY_DIR "/base-file-test";
    trit_file_map map;
    assert_ok(trit_os_write_file(path, "hello", 5, &err));
    assert_ok(trit_os_map(&map, path, &err));
    assert_memory_equal(map.data, "hello", 5);
    trit_os_unmap(&map);
    assert_int_equal(trit_os_map(&map, TRIT_BINARY_DIR, &err), trit_io); /* a folder */
    assert_int_equal(trit_os_map(&map, "/nonexistent/file", &err), trit_io);
    assert_non_null(strstr(err.message, "/nonexistent/file"));
    assert_int_equal(trit_os_write_file("/nonexistent/file", "x", 1, &err), trit_io);
    remove(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(math_is_near_libm), cmocka_unit_test(many_exps_are_the_single_ones),
        cmocka_unit_test(utf8_is_strict),     cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(globs),                 cmocka_unit_test(texts),             cmocka_unit_test(sizes_in_words),
        cmocka_unit_test(files_are_replaced_whole),
        cmocka_unit_test(mistyped_names),        cmocka_unit_test(strict_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
