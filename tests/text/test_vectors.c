/* Every tokenizer of the reference data against its vectors: encoding with and without special tokens, decoding, and the
 * streaming decoder against the whole one. */
#include "test.h"

#include <sys/stat.h>

#include "base/json.h"
#include "text/text.h"
#include "trit/memory.h"

static trit_tokenizer *open_reference(const char *relative) {
    trit_error err = {0};
    trit_tokenizer *t = NULL;
    size_t n;
    char *data = test_unpack(relative, &n);
    if (!data) {
        print_message("skipped: ../shared/%s or the program xz is not present\n", relative);
        skip();
    }
    if (strstr(relative, "tokenizer.json"))
        assert_ok(trit_tokenizer_from_json(&t, (trit_str){data, n}, (trit_str){NULL, 0}, relative, &err));
    else
        assert_ok(trit_tokenizer_from_spm(&t, (trit_str){data, n}, relative, &err));
    free(data);
    return t;
}

/* The same vocabulary as a GGUF file would hold it: what the model lists, then the added tokens as control tokens. */
static trit_tokenizer *open_as_gguf(const char *relative, const char *pre) {
    trit_error err = {0};
    trit_tokenizer *t = NULL;
    trit_json *doc = NULL;
    size_t n;
    char *data = test_unpack(relative, &n);
    if (!data) {
        print_message("skipped: ../shared/%s or the program xz is not present\n", relative);
        skip();
    }
    assert_ok(trit_json_parse(&doc, data, n, relative, &err));
    const trit_json *model = trit_json_get(doc, "model"), *vocab = trit_json_get(model, "vocab"), *value;
    const trit_json *merges = trit_json_get(model, "merges"), *added = trit_json_get(doc, "added_tokens");
    enum { max_tokens = 1 << 18 };
    trit_str *token = calloc(max_tokens, sizeof *token), *merge = calloc(trit_json_length(merges), sizeof *merge), key;
    int32_t *type = calloc(max_tokens, sizeof *type);
    trit_vocab_desc desc = {.model = "gpt2", .pre = pre, .token = token, .type = type, .merge = merge, .bos = -1, .eos = -1, .eot = -1,
                            .eom = -1, .unk = -1, .pad = -1, .cls = -1, .sep = -1, .add_bos = trit_unset, .ignore_merges = trit_unset};
    void *iter = NULL;
    while (trit_json_next(vocab, &iter, &key, &value)) {
        token[trit_json_as_int(value, 0)] = key;
        type[trit_json_as_int(value, 0)] = trit_token_normal;
    }
    for (size_t i = 0; i < trit_json_length(added); i++) {
        int64_t id = trit_json_as_int(trit_json_get(trit_json_at(added, i), "id"), 0);
        token[id] = trit_json_as_str(trit_json_get(trit_json_at(added, i), "content"));
        type[id] = trit_token_control;
    }
    while (token[desc.n_tokens].p) desc.n_tokens++;
    for (; desc.n_merges < trit_json_length(merges); desc.n_merges++)
        merge[desc.n_merges] = trit_json_as_str(trit_json_at(merges, desc.n_merges));
    assert_ok(trit_tokenizer_from_vocab(&t, &desc, &err));
    free(token);
    free(type);
    free(merge);
    trit_json_free(doc);
    free(data);
    return t;
}

typedef struct tally {
    const char *name;
    int n_encode, n_decode, n_failed;
} tally;

static void report(tally *c, const char *kind, trit_str text) {
    if (c->n_failed++ < 10) print_message("%s: %s differs: \"%.*s\"\n", c->name, kind, (int)text.n, text.p);
}

static bool same_ids(const trit_ids *ids, const trit_json *expected) {
    if (ids->n != trit_json_length(expected)) return false;
    for (size_t i = 0; i < ids->n; i++)
        if (ids->data[i] != trit_json_as_int(trit_json_at(expected, i), -1)) return false;
    return true;
}

static void check_encode(const trit_tokenizer *t, tally *c, trit_str text, const trit_json *expected, bool special, trit_ids *ids) {
    trit_error err = {0};
    trit_encode_opts opts = {.no_bos = true, .special = special};
    assert_ok(trit_tokenizer_encode(t, ids, text.p, text.n, &opts, &err));
    if (!same_ids(ids, expected)) report(c, special ? "encoding" : "plain encoding", text);
    c->n_encode++;
}

static void stream(const trit_tokenizer *t, const trit_ids *ids, trit_text *out) {
    trit_error err = {0};
    trit_detok *detok = NULL;
    const char *bytes;
    size_t n;
    trit_text_fini(out);
    assert_ok(trit_detok_new(&detok, t, true, &err));
    size_t capacity = 64;
    out->data = malloc(capacity);
    for (size_t i = 0; i <= ids->n; i++) {
        if (i < ids->n)
            assert_ok(trit_detok_push(detok, ids->data[i], &bytes, &n, &err));
        else
            trit_detok_flush(detok, &bytes, &n);
        while (out->n + n > capacity) assert_non_null(out->data = realloc(out->data, capacity *= 2));
        memcpy(out->data + out->n, bytes, n);
        out->n += n;
    }
    out->capacity = capacity;
    trit_detok_free(detok);
}

static bool same_text(const trit_text *text, trit_str expected) {
    return trit_str_equal((trit_str){text->data, text->n}, expected);
}

static void check_decode(const trit_tokenizer *t, tally *c, const trit_ids *ids, trit_str expected, bool whole) {
    trit_error err = {0};
    trit_text text = {0};
    assert_ok(trit_tokenizer_decode(t, &text, ids->data, ids->n, true, &err));
    if (!same_text(&text, expected)) report(c, "decoding", expected);
    if (whole) { /* valid text: the stream gives the same */
        stream(t, ids, &text);
        if (!same_text(&text, expected)) report(c, "streaming", expected);
    }
    c->n_decode++;
    trit_text_fini(&text);
}

static void for_lines(const char *relative, void (*check)(const trit_tokenizer *t, tally *c, const trit_json *row),
                      const trit_tokenizer *t, tally *c) {
    size_t n;
    trit_error err = {0};
    char *data = test_read(test_shared(relative), &n);
    for (char *line = data; line < data + n;) {
        char *end = memchr(line, '\n', (size_t)(data + n - line));
        if (!end) end = data + n;
        trit_json *row = NULL;
        if (end > line) assert_ok(trit_json_parse(&row, line, (size_t)(end - line), relative, &err));
        if (row) check(t, c, row);
        trit_json_free(row);
        line = end + 1;
    }
    free(data);
}

static void check_row(const trit_tokenizer *t, tally *c, const trit_json *row) {
    trit_ids ids = {0};
    trit_str text = trit_json_as_str(trit_json_get(row, "text")), dec = trit_json_as_str(trit_json_get(row, "dec"));
    const trit_json *expected = trit_json_get(row, "ids"), *plain = trit_json_get(row, "plain");
    check_encode(t, c, text, plain ? plain : expected, false, &ids);
    check_encode(t, c, text, expected, true, &ids);
    check_decode(t, c, &ids, dec.p ? dec : text, true);
    trit_ids_fini(&ids);
}

/* Gemma's vocabulary has user-defined symbols: <s> is one (HTML), <start_of_turn>, and runs of up to 31 blanks. SentencePiece
 * finds them before it merges, the longest first, and so do we; this reference took them for pieces to be merged. */
static bool has_symbol(trit_str text) {
    size_t run = 0;
    for (size_t i = 0; i < text.n; i++) {
        run = i && text.p[i] == text.p[i - 1] && strchr(" \n\t", text.p[i]) ? run + 1 : 1;
        if (run > 31) return true;
    }
    return strstr(text.p, "<s>") || strstr(text.p, "</s>") || strstr(text.p, "_of_turn>");
}

static void check_gemma_row(const trit_tokenizer *t, tally *c, const trit_json *row) {
    if (!has_symbol(trit_json_as_str(trit_json_get(row, "text")))) check_row(t, c, row);
}

/* What is left of a text whose blanks are squeezed and whose visible spaces are spaces. */
static trit_str squeezed(trit_str text, char *out) {
    size_t n = 0;
    for (;;) { /* at the end both kinds go */
        if (text.n && text.p[text.n - 1] == ' ')
            text.n--;
        else if (text.n >= 3 && memcmp(text.p + text.n - 3, "\xE2\x96\x81", 3) == 0)
            text.n -= 3;
        else
            break;
    }
    for (size_t i = 0; i < text.n;) {
        bool visible = text.n - i >= 3 && memcmp(text.p + i, "\xE2\x96\x81", 3) == 0;
        bool extra = text.p[i] == ' ' && (i == 0 || text.p[i - 1] == ' ');
        if (!extra) out[n++] = visible ? ' ' : text.p[i];
        i += visible ? 3 : 1;
    }
    return (trit_str){out, n};
}

/* A SentencePiece model that squeezes blanks; its vectors hold no special tokens. */
static void check_squeezed_row(const trit_tokenizer *t, tally *c, const trit_json *row) {
    trit_ids ids = {0};
    trit_str text = trit_json_as_str(trit_json_get(row, "text"));
    char *out = malloc(text.n + 1);
    check_encode(t, c, text, trit_json_get(row, "ids"), false, &ids);
    check_decode(t, c, &ids, squeezed(text, out), true);
    free(out);
    trit_ids_fini(&ids);
}

static size_t unbase64(trit_str s, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    uint32_t bits = 0, n_bits = 0;
    for (size_t i = 0; i < s.n && s.p[i] != '='; i++) {
        const char *digit = strchr(digits, s.p[i]);
        assert_non_null(digit);
        bits = bits << 6 | (uint32_t)(digit - digits);
        n_bits += 6;
        if (n_bits >= 8) out[n++] = (char)(bits >> (n_bits -= 8));
    }
    return n;
}

static void check_decode_row(const trit_tokenizer *t, tally *c, const trit_json *row) {
    trit_ids ids = {0};
    const trit_json *list = trit_json_get(row, "ids");
    ids.n = ids.capacity = trit_json_length(list);
    ids.data = malloc((ids.n + 1) * sizeof *ids.data);
    for (size_t i = 0; i < ids.n; i++) ids.data[i] = (int32_t)trit_json_as_int(trit_json_at(list, i), -1);
    trit_str text = trit_json_as_str(trit_json_get(row, "text")), b64 = trit_json_as_str(trit_json_get(row, "b64"));
    char *bytes = malloc(b64.n + 1);
    if (b64.p) text = (trit_str){bytes, unbase64(b64, bytes)};
    check_decode(t, c, &ids, text, false);
    free(bytes);
    trit_ids_fini(&ids);
}

typedef void check_fn(const trit_tokenizer *t, tally *c, const trit_json *row);

static void check_all(check_fn *check, const char *name, const char *file, trit_tokenizer *t, bool has_decode) {
    char path[256];
    tally c = {.name = file};
    snprintf(path, sizeof path, "data/tokenizers/vectors/%s.jsonl", name);
    for_lines(path, check, t, &c);
    snprintf(path, sizeof path, "data/tokenizers/vectors/%s.decode.jsonl", name);
    if (has_decode) for_lines(path, check_decode_row, t, &c);
    trit_tokenizer_close(t);
    print_message("%s: %d encoded, %d decoded, %d wrong\n", file, c.n_encode, c.n_decode, c.n_failed);
    assert_true(c.n_encode > 500);
    assert_int_equal(c.n_failed, 0);
}

static void check_with(check_fn *check, const char *name, const char *file, bool has_decode) {
    require_shared("data/tokenizers/vectors");
    check_all(check, name, file, open_reference(file), has_decode);
}

static void check_tokenizer(const char *name, const char *file, bool has_decode) {
    check_with(check_row, name, file, has_decode);
}

static void test_llama3(void **state) {
    (void)state;
    check_tokenizer("llama3", "data/tokenizers/llama3/tokenizer.json.xz", true);
}

static void test_llama2(void **state) {
    (void)state;
    check_tokenizer("llama2", "data/tokenizers/llama2/tokenizer.json.xz", true);
}

static void test_llama2_model(void **state) {
    (void)state;
    check_tokenizer("llama2", "data/tokenizers/llama2/tokenizer.model", true);
}

static void test_gpt2(void **state) {
    (void)state;
    check_tokenizer("gpt2", "data/tokenizers/gpt2/tokenizer.json.xz", true);
}

static void test_tok512(void **state) {
    (void)state;
    check_with(check_squeezed_row, "tok512", "data/models/bitllama/tokenizer.model", false);
}

static void test_gpt_neox(void **state) {
    (void)state;
    check_tokenizer("gpt-neox", "data/tokenizers/gpt-neox/tokenizer.json.xz", true);
}

static void test_qwen25(void **state) {
    (void)state;
    check_tokenizer("qwen2.5", "data/tokenizers/qwen2.5/tokenizer.json.xz", false);
}

static void test_qwen3(void **state) {
    (void)state;
    check_tokenizer("qwen3", "data/tokenizers/qwen3/tokenizer.json.xz", true);
}

static void test_mistral_nemo(void **state) {
    (void)state;
    check_tokenizer("mistral-nemo", "data/tokenizers/mistral-nemo/tokenizer.json.xz", false);
}

static void test_gemma3(void **state) {
    (void)state;
    check_tokenizer("gemma3", "data/tokenizers/gemma3/tokenizer.json.xz", false);
}

static void test_gemma_model(void **state) {
    (void)state;
    check_with(check_gemma_row, "gemma", "data/tokenizers/gemma/tokenizer.model", false);
}

/* The pre-tokenizers by name instead of the document's own expressions. */
static void test_gguf_parts(void **state) {
    (void)state;
    static const char *const rows[][3] = {{"llama3", "data/tokenizers/llama3/tokenizer.json.xz", "llama-bpe"},
                                          {"gpt2", "data/tokenizers/gpt2/tokenizer.json.xz", "gpt-2"},
                                          {"mistral-nemo", "data/tokenizers/mistral-nemo/tokenizer.json.xz", "tekken"}};
    require_shared("data/tokenizers/vectors");
    for (size_t i = 0; i < 3; i++) check_all(check_row, rows[i][0], rows[i][1], open_as_gguf(rows[i][1], rows[i][2]), i < 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_llama3),       cmocka_unit_test(test_llama2), cmocka_unit_test(test_llama2_model),
        cmocka_unit_test(test_gpt2),         cmocka_unit_test(test_tok512), cmocka_unit_test(test_gpt_neox),
        cmocka_unit_test(test_qwen25),       cmocka_unit_test(test_qwen3),  cmocka_unit_test(test_mistral_nemo),
        cmocka_unit_test(test_gemma3),       cmocka_unit_test(test_gemma_model),
        cmocka_unit_test(test_gguf_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
