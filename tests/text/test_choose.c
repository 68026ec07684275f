/* Which tokens stay: by vocabularies small enough to count by hand. */
#include "test.h"

#include "tiny.h"
#include "trit/trit.h"

static trit_error err;

/* The tokens from id `first` on that are chosen of n_tokens, as "3 5 8"; all below it stay, and *n is the number of all. */
static const char *chosen(const trit_tokenizer *t, const uint64_t *count, uint32_t n_tokens, int32_t first, size_t *n) {
    static char list[512];
    trit_ids ids = {0};
    list[0] = '\0';
    assert_ok(trit_vocab_choose(&ids, t, count, n_tokens, &err));
    for (size_t i = 0; i < ids.n; i++) {
        const size_t at = strlen(list);
        if (ids.data[i] < first) assert_int_equal(ids.data[i], i);
        else snprintf(list + at, sizeof list - at, "%s%d", *list ? " " : "", (int)ids.data[i]);
    }
    *n = ids.n;
    trit_ids_fini(&ids);
    return list;
}

/* 259 visible space, 260 h, 261 e, 262 l, 263 o; 264 he, 265 ll, 266 hell, 267 hello, 268 _hello, 269 _h. The merges of _hello go through
 * he, ll, hell and hello. */
static void sentencepiece(void **state) {
    static tiny_vocab v;
    uint64_t count[tiny_max] = {0};
    size_t n;
    (void)state;
    tiny_sentencepiece(&v);
    tiny_add(&v, "elo", trit_token_normal, -9); /* 270: no merge leads to it */
    tiny_add(&v, "<pad>", trit_token_unused, 0);
    trit_tokenizer *t = tiny_open(&v);
    assert_string_equal(chosen(t, count, 264, 264, &n), "");
    count[268] = 5;
    count[269] = 9;
    count[270] = 100;
    assert_string_equal(chosen(t, count, 264, 264, &n), "");
    assert_string_equal(chosen(t, count, 269, 264, &n), "269"); /* no room for the five of _hello */
    assert_string_equal(chosen(t, count, 270, 264, &n), "264 265 266 267 268 269");
    assert_string_equal(chosen(t, count, 300, 264, &n), "264 265 266 267 268 269");
    assert_int_equal(n, 270);
    count[264] = 9; /* as often as _h: the smaller id first */
    assert_string_equal(chosen(t, count, 265, 264, &n), "264");
    count[268] = 10; /* the first that has no room ends the choice */
    assert_string_equal(chosen(t, count, 268, 264, &n), "");
    trit_tokenizer_close(t);
}

/* 0..255 the bytes, 256..258 special; 259 he, 260 ll, 261 hell, 262 hello, 263 Gw, 264 or, 265 Gwor, 266 ld, 267 Gworld, ..., 274 GG without a
 * merge: only where whole words are looked up, a text becomes it. */
static void byte_level(void **state) {
    static tiny_vocab v;
    uint64_t count[tiny_max] = {0};
    size_t n;
    (void)state;
    for (int looks_up = 0; looks_up < 2; looks_up++) {
        tiny_byte_level(&v);
        v.desc.ignore_merges = looks_up ? trit_yes : trit_no;
        trit_tokenizer *t = tiny_open(&v);
        count[267] = 1;
        count[274] = 2;
        assert_string_equal(chosen(t, count, 300, 259, &n), looks_up ? "263 264 265 266 267 274" : "263 264 265 266 267");
        assert_string_equal(chosen(t, count, 263, 259, &n), looks_up ? "274" : "");
        trit_tokenizer_close(t);
    }
}

static void refused(void **state) {
    static tiny_vocab v;
    uint64_t count[tiny_max] = {0};
    trit_ids ids = {0};
    trit_tokenizer *t;
    (void)state;
    tiny_sentencepiece(&v);
    t = tiny_open(&v);
    assert_int_equal(trit_vocab_choose(&ids, t, count, 263, &err), trit_arg);
    assert_non_null(strstr(err.message, "263"));
    assert_non_null(strstr(err.message, "264"));
    trit_tokenizer_close(t);
    static const char *const others[] = {"tests/text/trained/bert.json", "tests/text/trained/unigram.json", "tests/text/trained/clip.json"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_ok(trit_tokenizer_open(&t, test_source(others[i]), &err));
        assert_int_equal(trit_vocab_choose(&ids, t, count, 300, &err), trit_unsupported);
        trit_tokenizer_close(t);
    }
    trit_ids_fini(&ids);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sentencepiece), cmocka_unit_test(byte_level), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
