/* engine/request: the text of a request, between the decoder and the stop strings. */
#include "test.h"

#include "../text/tiny.h"
#include "engine/request.h"

enum { n_broken = 55 }; /* spelled in 110 bytes, shown in 165: buffers that double would hide what is missing in most others */

static tiny_vocab vocab;
static const int32_t prompt[] = {65};

static trit_running *start(const trit_tokenizer *t, const char *const *stop, size_t n_stop) {
    trit_error err;
    trit_running *r;
    size_t longest = 0, n;
    for (uint32_t i = 0; i < trit_tokenizer_size(t); i++)
        if (trit_tokenizer_piece(t, (int32_t)i, &n) && n > longest) longest = n;
    trit_request q = {.prompt = prompt, .n_prompt = 1, .max_tokens = 4, .stop = stop, .n_stop = n_stop};
    assert_ok(trit_running_new(&r, &q, t, 16, longest, &err));
    return r;
}

/* A token of bytes that are no characters becomes longer as text than the vocabulary spells it: three bytes for each. */
static void broken_bytes_have_room(void **state) {
    (void)state;
    trit_error err;
    trit_tokenizer *t;
    static char spelled[2 * n_broken + 1];
    tiny_byte_level(&vocab);
    for (int i = 0; i < n_broken; i++) memcpy(spelled + 2 * i, "\xC4\xA2", 2); /* byte 0x80 */
    vocab.token[262] = trit_str_from(spelled);
    vocab.merge[3] = vocab.merge[8]; /* "hell o" made what stood there */
    vocab.desc.n_merges = 3;
    assert_ok(trit_tokenizer_from_vocab(&t, &vocab.desc, &err));
    trit_running *r = start(t, NULL, 0);
    assert_false(trit_running_add_text(r, 262));
    assert_int_equal(r->shown.n, 3 * n_broken);
    for (int i = 0; i < n_broken; i++) assert_memory_equal(r->shown.data + 3 * i, "\xEF\xBF\xBD", 3);
    trit_running_free(r);
    trit_tokenizer_close(t);
}

static void stop_strings_are_cut_away(void **state) {
    (void)state;
    trit_error err;
    trit_tokenizer *t;
    static const char *const stops[] = {"lo, w", "low"};
    tiny_byte_level(&vocab);
    assert_ok(trit_tokenizer_from_vocab(&t, &vocab.desc, &err));
    static const struct {
        const char *text, *shown;
        bool stops;
    } cases[] = {{"hello, w", "hel", true}, {"hello, x", "hello, x", false}, {"hellow", "hel", true}, {"lolow", "lo", true}, {"hello, ", "hello, ", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_running *r = start(t, stops, 2);
        bool stopped = false;
        for (const char *p = cases[i].text; *p && !stopped; p++) {
            int32_t id = trit_tokenizer_find(t, p, 1);
            if (*p == ' ') id = 32;
            assert_true(id >= 0);
            stopped = trit_running_add_text(r, id);
        }
        if (!stopped) trit_running_flush_text(r);
        assert_int_equal(stopped, cases[i].stops);
        assert_string_equal(r->shown.data, cases[i].shown);
        trit_running_free(r);
    }
    trit_tokenizer_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_bytes_have_room),
        cmocka_unit_test(stop_strings_are_cut_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
