/* Unicode properties, normalization form C, the alphabet of bytes, and the rewriting steps over them. */
#include "test.h"

#include "base/json.h"
#include "base/utf8.h"
#include "text/alphabet.h"
#include "text/rewrite.h"
#include "text/unicode.h"

static void test_alphabet(void **state) {
    (void)state;
    bool seen[512] = {false};
    for (int b = 0; b < 256; b++) {
        uint32_t cp = trit_alphabet_char((uint8_t)b);
        assert_true(cp < 512 && !seen[cp]);
        seen[cp] = true;
        assert_int_equal(trit_alphabet_byte(cp), b);
    }
    assert_int_equal(trit_alphabet_char(' '), 0x120);
    assert_int_equal(trit_alphabet_char('\n'), 0x10A);
    for (uint32_t cp = 0; cp < 512; cp++)
        if (!seen[cp]) assert_int_equal(trit_alphabet_byte(cp), -1);
    char out[8];
    size_t n;
    assert_true(trit_alphabet_decode(trit_str_from("\xC4\xA0" "a"), out, &n));
    assert_int_equal(n, 2);
    assert_memory_equal(out, " a", 2);
    assert_false(trit_alphabet_decode(trit_str_from("a b"), out, &n));
}

static void test_alphabet_reference(void **state) {
    (void)state;
    require_shared("spec/examples/tokenizer_vectors.json");
    size_t n;
    trit_error err = {0};
    trit_json *doc = NULL;
    char *data = test_read(test_shared("spec/examples/tokenizer_vectors.json"), &n), key[8];
    assert_ok(trit_json_parse(&doc, data, n, "tokenizer_vectors.json", &err));
    for (int b = 0; b < 256; b++) {
        snprintf(key, sizeof key, "%d", b);
        const trit_json *cp = trit_json_get(trit_json_get(doc, "bytes_to_unicode"), key);
        assert_int_equal(trit_alphabet_char((uint8_t)b), trit_json_as_int(cp, -1));
    }
    trit_json_free(doc);
    free(data);
}

static void test_properties(void **state) {
    (void)state;
    static const uint32_t blanks[] = {9, 10, 13, 32, 0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000};
    static const uint32_t inks[] = {8, 14, 'a', 0x180E, 0x200B, 0xFEFF, 0x2581};
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) assert_true(trit_is_blank(blanks[i]));
    for (size_t i = 0; i < sizeof inks / sizeof *inks; i++) assert_false(trit_is_blank(inks[i]));
    assert_true(trit_is_word('a') && trit_is_word('_') && trit_is_word('7') && trit_is_word(0x4E2D) && trit_is_word(0x301));
    assert_true(trit_is_letter('a') && trit_is_letter(0x43B) && trit_is_letter(0x4E2D) && trit_is_letter(0x2B0) && trit_is_letter(0x10D4F));
    assert_false(trit_is_letter('7') || trit_is_letter('_') || trit_is_letter(0x301) || trit_is_letter(0x2160) || trit_is_letter(0x10FFFF));
    assert_false(trit_is_word('-') || trit_is_word(' ') || trit_is_word(0x2581));
}

static unsigned count(bool (*is)(uint32_t cp)) {
    unsigned n = 0;
    for (uint32_t cp = 0; cp < 0x110000; cp++) n += (cp < 0xD800 || cp > 0xDFFF) && is(cp);
    return n;
}

static bool changes_case(uint32_t cp) {
    uint32_t lower[2];
    return trit_lower(cp, lower) > 1 || lower[0] != cp;
}

static unsigned count_changed(trit_form form) {
    unsigned n = 0;
    trit_text out = {0};
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        char bytes[4];
        if (cp >= 0xD800 && cp <= 0xDFFF) continue;
        size_t length = trit_utf8_encode(cp, bytes);
        out.n = 0;
        assert_true(trit_append_normalized(&out, bytes, length, form));
        n += !trit_str_equal((trit_str){out.data, out.n}, (trit_str){bytes, length});
    }
    trit_text_fini(&out);
    return n;
}

/* How many code points the normalizers and pre-tokenizers of the Hugging Face tokenizers 0.23.3 treat so, each alone between two
 * letters. Another number means that utf8proc knows a newer Unicode than newer.def. */
static void test_counts(void **state) {
    (void)state;
    assert_int_equal(count(trit_is_blank), 25);        /* WhitespaceSplit */
    assert_int_equal(count(trit_is_word), 144667);     /* Whitespace */
    assert_int_equal(count(trit_is_number), 1924);     /* Digits */
    assert_int_equal(count(trit_is_punctuation), 726); /* Punctuation */
    assert_int_equal(count(trit_is_mark), 2097);       /* StripAccents */
    assert_int_equal(count(trit_is_accent), 1567);     /* BertNormalizer, strip_accents */
    assert_int_equal(count(trit_is_control), 137680);  /* BertNormalizer, clean_text, but for U+FFFD */
    assert_int_equal(count(trit_is_ideograph), 81264); /* BertNormalizer, handle_chinese_chars */
    assert_int_equal(count(changes_case), 1488);       /* Lowercase */
    assert_int_equal(count_changed(trit_form_c), 1120);
    assert_int_equal(count_changed(trit_form_d), 13232);
    assert_int_equal(count_changed(trit_form_kc), 4794);
    assert_int_equal(count_changed(trit_form_kd), 16894);
}

static void composes(const char *text, const char *expected) {
    trit_text out = {0};
    assert_true(trit_append_normalized(&out, text, strlen(text), trit_form_c));
    assert_string_equal(out.data, expected);
    trit_text_fini(&out);
}

static void test_nfc(void **state) {
    (void)state;
    composes("plain", "plain");
    composes("e\xCC\x81", "\xC3\xA9");
    composes("\xC3\xA9", "\xC3\xA9");
    composes("o\xCC\x82\xCC\x81", "\xE1\xBB\x91");
    composes("a\xCC\xA3\xCC\x82", "\xE1\xBA\xAD");                             /* marks of two classes */
    composes("a\xCC\x82\xCC\xA3", "\xE1\xBA\xAD");                             /* and out of order */
    composes("\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8", "\xEA\xB0\x81");          /* Hangul */
    composes("\xE2\x84\xAB", "\xC3\x85");                                      /* ANGSTROM SIGN */
    composes("\xE1\xBE\x82\xE1\xBE\x82", "\xE1\xBE\x82\xE1\xBE\x82");          /* decomposes into four */
    composes("\xCE\x90\xCE\x90", "\xCE\x90\xCE\x90");                          /* into three */
}

/* Marks of alternating classes make a bubble sort quadratic. */
static void test_nfc_long_run(void **state) {
    (void)state;
    enum { n = 200000 };
    char *text = malloc(4 * n);
    trit_text out = {0};
    for (size_t i = 0; i < n; i++) memcpy(text + 4 * i, "\xCC\x81\xCC\xA3", 4);
    assert_true(trit_append_normalized(&out, text, 4 * n, trit_form_c));
    assert_int_equal(out.n, 4 * n);
    assert_memory_equal(out.data, "\xCC\xA3\xCC\xA3", 4);
    assert_memory_equal(out.data + 4 * n - 4, "\xCC\x81\xCC\x81", 4);
    trit_text_fini(&out);
    free(text);
}

static void test_valid(void **state) {
    (void)state;
    trit_text out = {0};
    assert_int_equal(trit_valid_bytes("abcdefgh\xC3\xA9", 10), 10);
    assert_int_equal(trit_valid_bytes("abcdefgh\xC3", 9), 8);
    assert_true(trit_append_valid(&out, "a\xFF\xE2\x82" "b\xE2\x82", 7));
    assert_string_equal(out.data, "a\xEF\xBF\xBD\xEF\xBF\xBD" "b\xEF\xBF\xBD");
    trit_text_fini(&out);
}

static void rewrites(trit_rewrite_kind kind, const char *from, const char *to, bool first, const char *text, const char *expected) {
    trit_error err = {0};
    trit_rewrites list = {0};
    trit_text buffer[2] = {{0}, {0}};
    trit_str s = trit_str_from(text);
    assert_true(trit_rewrites_add(&list, (trit_rewrite){.kind = kind, .from = trit_str_from(from), .to = trit_str_from(to)}));
    assert_ok(trit_rewrites_run(&list, NULL, buffer, &s, first, &err));
    assert_int_equal(s.n, strlen(expected));
    if (s.n) assert_memory_equal(s.p, expected, s.n);
    trit_rewrites_fini(&list);
    trit_text_fini(&buffer[0]);
    trit_text_fini(&buffer[1]);
}

static void test_rewrites(void **state) {
    (void)state;
    rewrites(trit_rewrite_prepend, "", "_", false, "a", "_a");
    rewrites(trit_rewrite_prepend, "", "_", false, "_a", "__a");
    rewrites(trit_rewrite_prepend, "", "_", false, "", "");
    rewrites(trit_rewrite_prepend_missing, "", "_", false, "_a", "_a");
    rewrites(trit_rewrite_prepend_missing, "", "_", false, "a", "_a");
    rewrites(trit_rewrite_prepend_first, "", "_", false, "a", "a");
    rewrites(trit_rewrite_prepend_first, "", "_", true, "a", "_a");
    rewrites(trit_rewrite_replace, " ", "__", false, " a  b", "__a____b");
    rewrites(trit_rewrite_replace, "aa", "b", false, "aaaaa", "bba");
    rewrites(trit_rewrite_replace, "abc", "", false, "xabcab", "xab");
    rewrites(trit_rewrite_squeeze, "", "", false, "  a   b ", "a b");
    rewrites(trit_rewrite_squeeze, "", "", false, "a\xE2\x96\x81 \xE2\x96\x81", "a");
    rewrites(trit_rewrite_squeeze, "", "", false, "   ", "");
    rewrites(trit_rewrite_normalize, "", "", false, "e\xCC\x81", "\xC3\xA9");
    rewrites(trit_rewrite_unprefix, "##", " ", false, "##ab", "ab");
    rewrites(trit_rewrite_unprefix, "##", " ", false, "a##b", " a##b");
    rewrites(trit_rewrite_unprefix, "", " ", false, "ab", " ab");
    rewrites(trit_rewrite_lower, "", "", false, "A\xC4\xB0\xCE\xA3", "ai\xCC\x87\xCF\x83");
    rewrites(trit_rewrite_no_marks, "", "", false, "e\xCC\x81\xE0\xA4\x83", "e");
    rewrites(trit_rewrite_no_accents, "", "", false, "e\xCC\x81\xE0\xA4\x83", "e\xE0\xA4\x83");
    rewrites(trit_rewrite_clean, "", "", false, "a\tb\x01" "c\xEF\xBF\xBD\xC2\xA0", "a bc ");
    rewrites(trit_rewrite_ideographs, "", "", false, "a\xE4\xB8\xAD", "a \xE4\xB8\xAD ");
    rewrites(trit_rewrite_nmt, "", "", false, "\x01\xE2\x80\x8B\xC2\x8F.", " .");
    rewrites(trit_rewrite_alphabet, "", "", false, " \xC3\xA9", "\xC4\xA0\xC3\x83\xC2\xA9");
}

static void trims(const char *what, size_t left, size_t right, const char *text, const char *expected) {
    trit_error err = {0};
    trit_rewrites list = {0};
    trit_text buffer[2] = {{0}, {0}};
    trit_str s = trit_str_from(text);
    assert_true(trit_rewrites_add(&list, (trit_rewrite){.kind = trit_rewrite_trim, .from = trit_str_from(what), .left = left, .right = right}));
    assert_ok(trit_rewrites_run(&list, NULL, buffer, &s, true, &err));
    if (!trit_str_is(s, expected)) fail_msg("\"%s\" becomes \"%.*s\"", text, TRIT_STR_ARG(s));
    trit_rewrites_fini(&list);
    trit_text_fini(&buffer[0]);
    trit_text_fini(&buffer[1]);
}

static void test_trim(void **state) {
    (void)state;
    trims("", true, true, " \xE3\x80\x80" "a b\n", "a b");
    trims("", true, false, " a ", "a ");
    trims("", false, true, " a\xC2\xA0", " a");
    trims("", true, true, " \t ", "");
    trims("_", 2, 1, "___a__", "_a_");
    trims("_", 9, 9, "__", "");
    trims("\xC3\xA9", 1, 1, "\xC3\xA9\xC3\xA9-\xC3\xA9", "\xC3\xA9-");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alphabet), cmocka_unit_test(test_alphabet_reference), cmocka_unit_test(test_properties),
        cmocka_unit_test(test_nfc),      cmocka_unit_test(test_nfc_long_run),       cmocka_unit_test(test_valid),
        cmocka_unit_test(test_rewrites), cmocka_unit_test(test_trim),               cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
