/* Vocabularies that are learned: merges of a text that is small enough to count by hand, beside a plain reference that counts anew before each
 * merge, and what bad wishes are told. */
#include "test.h"

#include "base/os.h"
#include "text/train.h"

enum { max_words = 400, max_length = 24, max_merges = 300 };

/* ---- beside a plain reference ---- */

typedef struct merge {
    int32_t left, right, id;
} merge;

typedef struct plain {
    int32_t word[max_words][max_length];
    uint32_t length[max_words];
    uint64_t count[max_words];
    uint32_t n;
    int32_t n_ids;
    merge merged[max_merges];
    size_t n_merged, n_wanted;
} plain;

/* Counts all pairs of all words, and takes the best. */
static bool best_of(const plain *p, uint64_t min_count, merge *out) {
    uint64_t best = 0;
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k + 1 < p->length[i]; k++) {
            const int32_t a = p->word[i][k], b = p->word[i][k + 1];
            uint64_t n = 0;
            for (uint32_t j = 0; j < p->n; j++)
                for (uint32_t m = 0; m + 1 < p->length[j]; m++) n += p->word[j][m] == a && p->word[j][m + 1] == b ? p->count[j] : 0;
            if (n > best || (n == best && (a < out->left || (a == out->left && b < out->right)))) {
                best = n;
                out->left = a;
                out->right = b;
            }
        }
    return best >= min_count;
}

static void merge_all(plain *p, const merge *m) {
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t kept = 0;
        for (uint32_t k = 0; k < p->length[i]; k++) {
            const bool both = k + 1 < p->length[i] && p->word[i][k] == m->left && p->word[i][k + 1] == m->right;
            p->word[i][kept++] = both ? m->id : p->word[i][k];
            k += both;
        }
        p->length[i] = kept;
    }
}

static int32_t note(void *self, int32_t left, int32_t right) {
    plain *p = self;
    p->merged[p->n_merged++] = (merge){left, right, p->n_ids};
    return p->n_ids++;
}

static bool goes_on(void *self) {
    const plain *p = self;
    return p->n_merged < p->n_wanted;
}

static void equals_reference(void **state) {
    static plain p;
    (void)state;
    for (uint32_t seed = 1; seed <= 30; seed++) {
        uint32_t s = seed;
        const uint32_t n_letters = 1 + seed % 5;
        const uint64_t min_count = 1 + seed % 3;
        trit_bpe_words words = {0};
        trit_error err = {0};
        p = (plain){.n = 5 + test_lcg(&s) % 60, .n_ids = (int32_t)n_letters, .n_wanted = 5 + seed * 2};
        for (uint32_t i = 0; i < p.n; i++) {
            p.length[i] = 1 + test_lcg(&s) % max_length;
            p.count[i] = 1 + test_lcg(&s) % 9;
            for (uint32_t k = 0; k < p.length[i]; k++) {
                p.word[i][k] = (int32_t)(test_lcg(&s) % n_letters);
                assert_true(trit_bpe_words_push(&words, p.word[i][k]));
            }
            assert_true(trit_bpe_words_end(&words, p.count[i]));
        }
        assert_ok(trit_bpe_learn(&words, min_count, (trit_bpe_sink){note, goes_on, &p}, &err));
        for (size_t i = 0; i < p.n_merged; i++) {
            merge m = {.id = p.merged[i].id};
            assert_true(best_of(&p, min_count, &m));
            assert_int_equal(m.left, p.merged[i].left);
            assert_int_equal(m.right, p.merged[i].right);
            merge_all(&p, &m);
        }
        merge none = {0};
        if (p.n_merged < p.n_wanted) assert_false(best_of(&p, min_count, &none));
        /* The words are what the merges make of them. */
        for (uint32_t i = 0; i < p.n; i++) {
            assert_int_equal(words.length[i], p.length[i]);
            assert_memory_equal(words.symbol + words.begin[i], p.word[i], p.length[i] * sizeof(int32_t));
        }
        trit_bpe_words_fini(&words);
    }
}

/* ---- from files ---- */

static void put(const char *path, const char *text) {
    trit_error err = {0};
    assert_ok(trit_os_write_file(path, text, strlen(text), &err));
}

static trit_tokenizer *train(trit_tokenizer_train_opts o) {
    static const char *const paths[] = {"text.txt"};
    trit_error err = {0};
    trit_tokenizer *t = NULL;
    if (!o.paths) {
        o.paths = paths;
        o.n_paths = 1;
    }
    assert_ok(trit_tokenizer_train(&t, &o, &err));
    return t;
}

static void check_piece(const trit_tokenizer *t, int32_t id, const char *expected) {
    size_t n = 0;
    const char *piece = trit_tokenizer_piece(t, id, &n);
    assert_non_null(piece);
    if (n != strlen(expected) || memcmp(piece, expected, n) != 0) fail_msg("token %d is \"%.*s\", not \"%s\"", (int)id, (int)n, piece, expected);
}

/* The text comes back, and every token is counted. */
static size_t check_round_trip(const trit_tokenizer *t, const char *text) {
    trit_error err = {0};
    trit_ids ids = {0};
    trit_text back = {0};
    assert_ok(trit_tokenizer_encode(t, &ids, text, strlen(text), NULL, &err));
    assert_ok(trit_tokenizer_decode(t, &back, ids.data, ids.n, false, &err));
    assert_string_equal(back.data ? back.data : "", text);
    const size_t n = ids.n;
    trit_ids_fini(&ids);
    trit_text_fini(&back);
    return n;
}

static void byte_level(void **state) {
    (void)state;
    /* "low" 5 times, "lower" twice, "newest" 6, "widest" 3 (the example of arXiv:1508.07909): es, est, lo, low, ... with blanks before them. */
    put("text.txt", "low low low low low lower lower newest newest newest newest newest newest widest widest widest");
    trit_tokenizer *t = train((trit_tokenizer_train_opts){.vocab_size = 258 + 4, .chat_template = "{{ bos_token }}", .dir = "out"});
    assert_string_equal(trit_tokenizer_kind(t), "byte-level BPE");
    assert_int_equal(trit_tokenizer_size(t), 262);
    assert_int_equal(trit_tokenizer_bos(t), 0);
    assert_int_equal(trit_tokenizer_eos(t), 1);
    assert_true(trit_tokenizer_adds_bos(t));
    check_piece(t, 0, "<|begin_of_text|>");
    check_piece(t, 1, "<|end_of_text|>");
    check_piece(t, 2, "!");
    /* e s: 9, s t: 9 -> es (smaller ids), then es t: 9; then l o, o w: 7, w e: 8 -> "we"; l o: 7. */
    check_piece(t, 258, "es");
    check_piece(t, 259, "est");
    check_piece(t, 260, "lo");
    check_piece(t, 261, "low");
    assert_int_equal(check_round_trip(t, "low"), 2);
    check_round_trip(t, " na\xC3\xAFve\n\n\xE4\xBD\xA0 \xF0\x9F\x98\x80\t");
    trit_tokenizer_close(t);
    /* What was written is what was returned. */
    trit_error err = {0};
    assert_ok(trit_tokenizer_open(&t, "out", &err));
    assert_int_equal(trit_tokenizer_size(t), 262);
    assert_int_equal(trit_tokenizer_eos(t), 1);
    assert_int_equal(check_round_trip(t, "low"), 2);
    trit_tokenizer_close(t);
}

static void sentence_piece(void **state) {
    (void)state;
    put("text.txt", "the cat\nthe dog\n  the cats, 42 dogs <s> t\xC3\xA9\n");
    const char *const special[] = {"<|user|>"};
    trit_tokenizer *t = train((trit_tokenizer_train_opts){.kind = trit_tokenizer_train_spm, .vocab_size = 300, .coverage = 1, .special = special,
                                                          .n_special = 1});
    assert_string_equal(trit_tokenizer_kind(t), "SentencePiece BPE");
    check_piece(t, 0, "<unk>");
    check_piece(t, 1, "<s>");
    check_piece(t, 2, "</s>");
    check_piece(t, 3, "<|user|>");
    check_piece(t, 4, "<0x00>");
    check_piece(t, 259, "<0xFF>");
    check_piece(t, 260, ",");
    assert_int_equal(check_round_trip(t, "the"), 2);
    check_round_trip(t, "a  b\n\n\tc");
    check_round_trip(t, "\xE4\xBD\xA0 <s>");
    assert_int_equal(trit_tokenizer_find(t, "\n", 1), -1);
    trit_tokenizer_close(t);
    /* Without the rare characters, which become bytes. */
    t = train((trit_tokenizer_train_opts){.kind = trit_tokenizer_train_spm, .vocab_size = 300, .coverage = 0.9});
    assert_int_equal(trit_tokenizer_find(t, "\xC3\xA9", 2), -1);
    check_round_trip(t, "\xC3\xA9t\xC3\xA9");
    trit_tokenizer_close(t);
}

static void bytes(void **state) {
    (void)state;
    trit_tokenizer *t = train((trit_tokenizer_train_opts){.kind = trit_tokenizer_train_byte, .bos = "", .eos = "<end>"});
    assert_int_equal(trit_tokenizer_size(t), 257);
    assert_false(trit_tokenizer_adds_bos(t));
    assert_int_equal(trit_tokenizer_eos(t), 0);
    assert_int_equal(check_round_trip(t, "abc \xC3\xA9"), 6);
    trit_tokenizer_close(t);
}

static void records(void **state) {
    (void)state;
    put("text.jsonl", "{\"text\": \"aaaa bbbb\"}\n{\"prompt\": \"xy\", \"completion\": \"xy\"}\n"
                      "{\"messages\": [{\"role\": \"user\", \"content\": \"zwzw\"}]}\n");
    const char *const paths[] = {"text.jsonl"};
    trit_tokenizer *t = train((trit_tokenizer_train_opts){.paths = paths, .n_paths = 1, .vocab_size = 263, .n_threads = 2});
    check_piece(t, 258, "aa");
    check_piece(t, 259, "bb");
    check_piece(t, 260, "xy");
    check_piece(t, 261, "zw");
    trit_tokenizer_close(t);
    put("text.txt", "{\"q\": \"ab\", \"a\": \"ab\", \"prompt\": \"cd\"}\n");
    t = train((trit_tokenizer_train_opts){.format = "jsonl", .prompt_field = "q", .completion_field = "a"});
    check_piece(t, 258, "ab");
    assert_int_equal(trit_tokenizer_size(t), 259);
    trit_tokenizer_close(t);
}

static void refuse(trit_tokenizer_train_opts o, trit_status expected, const char *words) {
    static const char *const paths[] = {"text.txt"};
    trit_error err = {0};
    trit_tokenizer *t = NULL;
    if (!o.paths) {
        o.paths = paths;
        o.n_paths = 1;
    }
    const trit_status status = trit_tokenizer_train(&t, &o, &err);
    if (status != expected || !strstr(err.message, words)) fail_msg("%s: \"%s\" instead of \"%s\"", trit_status_text(status), err.message, words);
    assert_null(t);
}

static bool stop(void *self, const char *doing, uint64_t done, uint64_t total) {
    (void)done;
    (void)total;
    return strcmp(doing, self) != 0;
}

static void bad_wishes(void **state) {
    (void)state;
    put("text.txt", "some text, some more text");
    refuse((trit_tokenizer_train_opts){.vocab_size = 100}, trit_arg, "vocab_size 100 is too small: the special tokens and the bytes alone are 258");
    refuse((trit_tokenizer_train_opts){.vocab_size = 260, .kind = trit_tokenizer_train_spm}, trit_arg, "bytes and characters alone are 2");
    refuse((trit_tokenizer_train_opts){.vocab_size = 1u << 30}, trit_arg, "vocab_size 1073741824 is more than");
    refuse((trit_tokenizer_train_opts){.pre = "no-such"}, trit_unsupported, "no-such");
    refuse((trit_tokenizer_train_opts){.format = "json"}, trit_arg, "\"json\" is none of auto, text, jsonl");
    refuse((trit_tokenizer_train_opts){.coverage = 2}, trit_arg, "coverage 2");
    refuse((trit_tokenizer_train_opts){.progress = stop, .self = "reading"}, trit_cancelled, "interrupted");
    refuse((trit_tokenizer_train_opts){.progress = stop, .self = "merging"}, trit_cancelled, "interrupted");
    put("empty.txt", "");
    put("bad.jsonl", "{\"text\": 1}");
    const char *const empty[] = {"empty.txt"}, *const bad[] = {"bad.jsonl"}, *const absent[] = {"absent.txt"};
    refuse((trit_tokenizer_train_opts){.paths = empty, .n_paths = 1}, trit_arg, "no text to learn a vocabulary from");
    refuse((trit_tokenizer_train_opts){.paths = bad, .n_paths = 1}, trit_format, "bad.jsonl, line 1: \"text\" is no string");
    refuse((trit_tokenizer_train_opts){.paths = absent, .n_paths = 1}, trit_io, "absent.txt");
    /* Fewer tokens than wished where the text has no more. */
    trit_tokenizer *t = train((trit_tokenizer_train_opts){.vocab_size = 5000});
    assert_true(trit_tokenizer_size(t) < 280);
    trit_tokenizer_close(t);
}

/* The same vocabulary with any number of threads. */
static void threads(void **state) {
    trit_tokenizer *t[2];
    (void)state;
    require_shared("data/text/tinyshakespeare.txt");
    const char *const paths[] = {test_shared("data/text/tinyshakespeare.txt")};
    for (unsigned i = 0; i < 2; i++)
        t[i] = train((trit_tokenizer_train_opts){.paths = paths, .n_paths = 1, .vocab_size = 1000, .kind = trit_tokenizer_train_spm, .n_threads = 1 + 2 * i});
    assert_int_equal(trit_tokenizer_size(t[0]), 1000);
    assert_true(trit_tokenizer_fingerprint(t[0]) == trit_tokenizer_fingerprint(t[1]));
    trit_tokenizer_close(t[0]);
    trit_tokenizer_close(t[1]);
}

/* As many tokens as with the vocabulary of the Hugging Face trainer (BpeTrainer of tokenizers 0.23.3, min_frequency 2, the same splits): the merges
 * are the same, see test_train_reference.py. The text itself is longer than a piece of it that is read at once. */
static void equals_hugging_face(void **state) {
    trit_error err = {0};
    trit_ids ids = {0};
    size_t n;
    (void)state;
    require_shared("data/text/tinyshakespeare.txt");
    const char *const paths[] = {test_shared("data/text/tinyshakespeare.txt")};
    trit_tokenizer *t = train((trit_tokenizer_train_opts){.paths = paths, .n_paths = 1, .vocab_size = 4096});
    char *text = test_read(paths[0], &n);
    assert_ok(trit_tokenizer_encode(t, &ids, text, n, &(trit_encode_opts){.no_bos = true}, &err));
    assert_int_equal(ids.n, 344116);
    check_piece(t, 4095, "rib");
    check_piece(t, 4094, "\xC4\xA0weigh");
    trit_ids_fini(&ids);
    trit_tokenizer_close(t);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_reference), cmocka_unit_test(byte_level), cmocka_unit_test(sentence_piece), cmocka_unit_test(bytes),
        cmocka_unit_test(records),          cmocka_unit_test(bad_wishes), cmocka_unit_test(threads),
        cmocka_unit_test(equals_hugging_face),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
