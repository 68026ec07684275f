/* Encoding with small vocabularies: the reference checks, special tokens, fall-backs, and pieces of every length. */
#include "test.h"

#include <pthread.h>

#include "base/json.h"
#include "tiny.h"

static tiny_vocab vocab;

static void test_byte_level(void **state) {
    (void)state;
    tiny_byte_level(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    tiny_encodes(t, "", true, "");
    tiny_encodes(t, "hello world", true, "262 267");
    tiny_encodes(t, "the hello", true, "270 32 262");
    tiny_encodes(t, "  x", true, "32 32 120");
    tiny_encodes(t, "1234512", true, "273 52 53 49 50");
    tiny_encodes(t, "hello<|eot_id|> the", true, "262 258 271");
    tiny_encodes(t, "\xC3\xA9", true, "195 169");
    trit_tokenizer_close(t);
    vocab.desc.ignore_merges = trit_no;
    t = tiny_open(&vocab);
    tiny_encodes(t, "the hello", true, "116 259 32 262");
    trit_tokenizer_close(t);
}

static void test_special_tokens_need_leave(void **state) {
    (void)state;
    tiny_byte_level(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    tiny_encodes(t, "<|eot_id|>", true, "258");
    tiny_encodes(t, "<|eot_id|>", false, "60 124 101 111 116 95 105 100 124 62");
    vocab.type[258] = trit_token_user_defined;
    trit_tokenizer *user = tiny_open(&vocab);
    tiny_encodes(user, "a<|eot_id|>b", false, "97 258 98");
    trit_tokenizer_close(user);
    trit_tokenizer_close(t);
}

static void test_begin_token(void **state) {
    (void)state;
    trit_error err = {0};
    trit_ids ids = {0};
    tiny_byte_level(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    assert_true(trit_tokenizer_adds_bos(t));
    assert_ok(trit_tokenizer_encode(t, &ids, "a", 1, NULL, &err));
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.data[0], 256);
    /* a prompt that spells it out gets no second one; plain text cannot spell it */
    assert_ok(trit_tokenizer_encode(t, &ids, "<|begin|>a", 10, &(trit_encode_opts){.special = true}, &err));
    assert_int_equal(ids.n, 2);
    assert_ok(trit_tokenizer_encode(t, &ids, "", 0, NULL, &err));
    assert_int_equal(ids.n, 1);
    trit_tokenizer_close(t);
    vocab.desc.add_bos = trit_no;
    vocab.desc.add_eos = trit_yes;
    t = tiny_open(&vocab);
    assert_ok(trit_tokenizer_encode(t, &ids, "a", 1, NULL, &err));
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.data[1], 257);
    trit_tokenizer_close(t);
    trit_ids_fini(&ids);
}

static void test_sentencepiece(void **state) {
    (void)state;
    tiny_sentencepiece(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    tiny_encodes(t, "", false, "");
    tiny_encodes(t, "hello", false, "268");
    tiny_encodes(t, "hell o", false, "259 266 259 263");
    tiny_encodes(t, "h\xC3\xA9llo", false, "269 198 172 265 263");
    tiny_encodes(t, "hello hello", false, "268 268");
    tiny_encodes(t, "hello</s>hello", true, "268 2 268");
    trit_tokenizer_close(t);
    vocab.desc.add_space_prefix = trit_no;
    t = tiny_open(&vocab);
    tiny_encodes(t, "hello hello", false, "267 268");
    trit_tokenizer_close(t);
    vocab.desc.add_space_prefix = trit_yes;
    vocab.desc.remove_extra_whitespaces = true;
    t = tiny_open(&vocab);
    tiny_encodes(t, "  hello   hello ", false, "268 268");
    tiny_encodes(t, "   ", false, "");
    trit_tokenizer_close(t);
}

static void test_unknown_characters(void **state) {
    (void)state;
    tiny_start(&vocab, "llama");
    tiny_add(&vocab, "<unk>", trit_token_unknown, 0);
    tiny_add(&vocab, "\xE2\x96\x81", trit_token_normal, -1);
    tiny_add(&vocab, "a", trit_token_normal, -1);
    vocab.desc.add_space_prefix = trit_no;
    trit_tokenizer *t = tiny_open(&vocab);
    tiny_encodes(t, "axya z", false, "2 0 2 1 0"); /* neighbours become one unknown token */
    trit_tokenizer_close(t);
    tiny_start(&vocab, "gpt2");
    tiny_add(&vocab, "a", trit_token_normal, 0);
    t = tiny_open(&vocab);
    trit_ids ids = {0};
    trit_error err = {0};
    assert_int_equal(trit_tokenizer_encode(t, &ids, "ab", 2, NULL, &err), trit_format);
    assert_non_null(strstr(err.message, "byte 0x62"));
    trit_ids_fini(&ids);
    trit_tokenizer_close(t);
}

static void test_broken_utf8_is_replaced(void **state) {
    (void)state;
    tiny_byte_level(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    tiny_encodes(t, "a\xFF\xE2\x82z", false, "97 239 191 189 239 191 189 122");
    tiny_encodes(t, "\xF0\x9F\x98", false, "239 191 189");
    trit_tokenizer_close(t);
}

/* The array, the heap and the cache of words are three ways to the same ids. */
static void test_length_does_not_matter(void **state) {
    (void)state;
    trit_error err = {0};
    tiny_byte_level(&vocab);
    vocab.desc.pre = "gpt-2";
    trit_tokenizer *t = tiny_open(&vocab);
    for (size_t n = 1; n < 3000; n = n * 5 / 4 + 1) {
        trit_ids ids = {0};
        char *text = malloc(5 * n);
        for (size_t i = 0; i < n; i++) memcpy(text + 5 * i, "hello", 5); /* one word */
        assert_ok(trit_tokenizer_encode(t, &ids, text, 5 * n, &(trit_encode_opts){.no_bos = true}, &err));
        assert_int_equal(ids.n, n);
        for (size_t i = 0; i < n; i++) assert_int_equal(ids.data[i], 262);
        for (size_t i = 0; i < n; i++) memcpy(text + 5 * i, " the", 4), text[5 * i + 4] = '.';
        assert_ok(trit_tokenizer_encode(t, &ids, text, 5 * n, &(trit_encode_opts){.no_bos = true}, &err));
        assert_int_equal(ids.n, 2 * n);
        for (size_t i = 0; i < n; i++) assert_int_equal(ids.data[2 * i], 271);
        free(text);
        trit_ids_fini(&ids);
    }
    trit_tokenizer_close(t);
}

/* A tokenizer is shared without a lock: every thread gets the ids that one alone gets. */
static void *encode_often(void *shared) {
    static const char text[] = "the hello world 12345  x  the  hello";
    trit_ids ids = {0}, first = {0};
    bool same = trit_tokenizer_encode(shared, &first, text, sizeof text - 1, NULL, NULL) == trit_ok;
    for (int i = 0; same && i < 200; i++)
        same = trit_tokenizer_encode(shared, &ids, text, sizeof text - 1, NULL, NULL) == trit_ok && ids.n == first.n &&
               memcmp(ids.data, first.data, first.n * sizeof *first.data) == 0;
    trit_ids_fini(&ids);
    trit_ids_fini(&first);
    return same ? shared : NULL;
}

static void test_threads(void **state) {
    (void)state;
    tiny_byte_level(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&thread[i], NULL, encode_often, t), 0);
    for (int i = 0; i < 4; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(thread[i], &result), 0);
        assert_ptr_equal(result, t);
    }
    trit_tokenizer_close(t);
}

static void test_reference_checks(void **state) {
    (void)state;
    require_shared("spec/examples/tokenizer_vectors.json");
    size_t n;
    trit_error err = {0};
    trit_json *doc = NULL;
    char *data = test_read(test_shared("spec/examples/tokenizer_vectors.json"), &n);
    assert_ok(trit_json_parse(&doc, data, n, "tokenizer_vectors.json", &err));
    free(data);
    for (int ignore = 0; ignore < 2; ignore++) {
        tiny_byte_level(&vocab);
        vocab.desc.ignore_merges = ignore ? trit_yes : trit_no;
        trit_tokenizer *t = tiny_open(&vocab);
        const trit_json *rows = trit_json_get(doc, "tiny_encode");
        for (size_t i = 0; i < trit_json_length(rows); i++) {
            const trit_json *row = trit_json_at(rows, i);
            const trit_json *expected = trit_json_get(row, ignore ? "ignore_merges_true" : "ignore_merges_false");
            trit_str text = trit_json_as_str(trit_json_get(row, "text"));
            trit_ids ids = {0};
            assert_ok(trit_tokenizer_encode(t, &ids, text.p, text.n, &(trit_encode_opts){.no_bos = true, .special = true}, &err));
            assert_int_equal(ids.n, trit_json_length(expected));
            for (size_t k = 0; k < ids.n; k++) assert_int_equal(ids.data[k], trit_json_as_int(trit_json_at(expected, k), -1));
            trit_ids_fini(&ids);
        }
        trit_tokenizer_close(t);
    }
    trit_json_free(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_level),
        cmocka_unit_test(test_special_tokens_need_leave),
        cmocka_unit_test(test_begin_token),
        cmocka_unit_test(test_sentencepiece),
        cmocka_unit_test(test_unknown_characters),
        cmocka_unit_test(test_broken_utf8_is_replaced),
        cmocka_unit_test(test_length_does_not_matter),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_reference_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
