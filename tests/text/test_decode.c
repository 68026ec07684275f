/* Decoding at once and as a stream, and what a tokenizer tells about its tokens. */
#include "test.h"

#include "tiny.h"

static tiny_vocab vocab;

static void decodes(const trit_tokenizer *t, const int32_t *ids, size_t n, bool special, const char *expected) {
    trit_error err = {0};
    trit_text text = {0};
    assert_ok(trit_tokenizer_decode(t, &text, ids, n, special, &err));
    assert_string_equal(text.data, expected);
    trit_text_fini(&text);
}

static void test_byte_level(void **state) {
    (void)state;
    tiny_byte_level(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    decodes(t, NULL, 0, true, "");
    decodes(t, (int32_t[]){256, 262, 267, 258}, 4, false, "hello world");
    decodes(t, (int32_t[]){256, 262, 258}, 3, true, "<|begin|>hello<|eot_id|>");
    decodes(t, (int32_t[]){195, 169, 255}, 3, true, "\xC3\xA9\xFF"); /* the bytes as they are */
    trit_tokenizer_close(t);
}

static void test_sentencepiece(void **state) {
    (void)state;
    tiny_sentencepiece(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    decodes(t, (int32_t[]){1, 268, 268, 2}, 4, false, "hello hello");
    decodes(t, (int32_t[]){1, 268}, 2, true, "<s> hello");
    decodes(t, (int32_t[]){269, 198, 172, 263}, 4, true, "h\xC3\xA9o");
    /* a run of bytes that is no UTF-8: one U+FFFD for each */
    decodes(t, (int32_t[]){198, 263, 198, 198}, 4, true, "\xEF\xBF\xBDo\xEF\xBF\xBD\xEF\xBF\xBD");
    trit_tokenizer_close(t);
}

static void test_ids_outside(void **state) {
    (void)state;
    trit_error err = {0};
    trit_text text = {0};
    trit_detok *detok = NULL;
    const char *bytes;
    size_t n;
    tiny_byte_level(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    assert_ok(trit_detok_new(&detok, t, true, &err));
    static const int32_t outside[] = {-1, INT32_MIN, 276, INT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(trit_tokenizer_decode(t, &text, &outside[i], 1, true, &err), trit_arg);
        assert_int_equal(trit_detok_push(detok, outside[i], &bytes, &n, &err), trit_arg);
        assert_null(trit_tokenizer_piece(t, outside[i], &n));
        assert_false(trit_tokenizer_is_eog(t, outside[i]));
        assert_false(trit_tokenizer_is_special(t, outside[i]));
    }
    trit_detok_free(detok);
    trit_tokenizer_close(t);
}

static void pushes(trit_detok *detok, int32_t id, const char *expected) {
    trit_error err = {0};
    const char *bytes;
    size_t n;
    assert_ok(trit_detok_push(detok, id, &bytes, &n, &err));
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(bytes, expected, n);
}

static void flushes(trit_detok *detok, const char *expected) {
    const char *bytes;
    size_t n;
    trit_detok_flush(detok, &bytes, &n);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(bytes, expected, n);
}

static void test_stream_holds_characters_back(void **state) {
    (void)state;
    trit_error err = {0};
    trit_detok *detok = NULL;
    tiny_byte_level(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    assert_ok(trit_detok_new(&detok, t, false, &err));
    pushes(detok, 262, "hello");
    pushes(detok, 0xF0, "");
    pushes(detok, 0x9F, "");
    pushes(detok, 258, ""); /* special tokens leave no trace */
    pushes(detok, 0x98, "");
    pushes(detok, 0x80, "\xF0\x9F\x98\x80");
    pushes(detok, 0xE2, "");
    pushes(detok, 262, "\xEF\xBF\xBDhello");
    pushes(detok, 0xFF, "\xEF\xBF\xBD");
    pushes(detok, 0xC3, "");
    flushes(detok, "\xEF\xBF\xBD");
    flushes(detok, "");
    pushes(detok, 0xC3, "");
    trit_detok_reset(detok);
    pushes(detok, 0xA9, "\xEF\xBF\xBD");
    trit_detok_free(detok);
    trit_tokenizer_close(t);
}

static void test_stream_strips_the_first_space(void **state) {
    (void)state;
    trit_error err = {0};
    trit_detok *detok = NULL;
    tiny_sentencepiece(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    assert_ok(trit_detok_new(&detok, t, false, &err));
    for (int round = 0; round < 2; round++) {
        pushes(detok, 1, "");
        pushes(detok, 268, "hello");
        pushes(detok, 268, " hello");
        pushes(detok, 198, "");
        pushes(detok, 172, "\xC3\xA9");
        trit_detok_reset(detok);
    }
    trit_detok_free(detok);
    trit_tokenizer_close(t);
}

static void test_end_tokens(void **state) {
    (void)state;
    trit_error err = {0};
    tiny_byte_level(&vocab);
    vocab.desc.eog = (int32_t[]){65};
    vocab.desc.n_eog = 1;
    trit_tokenizer *t = tiny_open(&vocab);
    assert_true(trit_tokenizer_is_eog(t, 257));
    assert_true(trit_tokenizer_is_eog(t, 258)); /* by its name */
    assert_true(trit_tokenizer_is_eog(t, 65));
    assert_false(trit_tokenizer_is_eog(t, 256));
    assert_ok(trit_tokenizer_add_eog(t, (int32_t[]){66, 67}, 2, &err));
    assert_true(trit_tokenizer_is_eog(t, 67));
    assert_int_equal(trit_tokenizer_add_eog(t, (int32_t[]){68, 276}, 2, &err), trit_format);
    assert_non_null(strstr(err.message, "276"));
    assert_false(trit_tokenizer_is_eog(t, 68));
    trit_tokenizer_close(t);
}

static void test_questions(void **state) {
    (void)state;
    size_t n = 0;
    tiny_byte_level(&vocab);
    trit_tokenizer *t = tiny_open(&vocab);
    assert_int_equal(trit_tokenizer_size(t), 276);
    assert_string_equal(trit_tokenizer_kind(t), "byte-level BPE");
    assert_string_equal(trit_tokenizer_pre(t), "llama-bpe");
    assert_int_equal(trit_tokenizer_bos(t), 256);
    assert_int_equal(trit_tokenizer_eos(t), 257);
    assert_memory_equal(trit_tokenizer_piece(t, 267, &n), "\xC4\xA0world", 7);
    assert_int_equal(n, 7);
    assert_int_equal(trit_tokenizer_find(t, "\xC4\xA0world", 7), 267);
    assert_int_equal(trit_tokenizer_find(t, "nothing", 7), -1);
    assert_int_equal(trit_tokenizer_find(t, "", 0), -1);
    assert_true(trit_tokenizer_is_special(t, 256));
    assert_false(trit_tokenizer_is_special(t, 97));
    trit_tokenizer_close(t);
    trit_tokenizer_close(NULL);
    trit_detok_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_level),
        cmocka_unit_test(test_sentencepiece),
        cmocka_unit_test(test_ids_outside),
        cmocka_unit_test(test_stream_holds_characters_back),
        cmocka_unit_test(test_stream_strips_the_first_space),
        cmocka_unit_test(test_end_tokens),
        cmocka_unit_test(test_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
