/* Data for training: documents, the token cache, splits and rows. The tokenizer is small enough to count its tokens by hand: ids 0..255 are
 * the bytes, 256 begins, 257 ends. */
#include "test.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/team.h"
#include "text/tiny.h"
#include "train/data.h"
#include "train/data_parts.h"

enum { bos = 256, eos = 257 };

static trit_tokenizer *tokenizer;

/* What was said while text was read. */
static char notes[2000];

static void note(void *user, trit_log_level level, const char *line) {
    (void)user;
    assert_int_equal(level, trit_log_warn);
    snprintf(notes + strlen(notes), sizeof notes - strlen(notes), "%s\n", line);
}

static int open_tokenizer(void **state) {
    static tiny_vocab v;
    trit_error err = {0};
    (void)state;
    trit_log_to(note, NULL, trit_log_warn);
    assert_ok(trit_fs_remove("cache", &err));
    tiny_byte_level(&v);
    v.desc.n_merges = 0;
    assert_ok(trit_tokenizer_from_vocab(&tokenizer, &v.desc, &err));
    return 0;
}

static int close_tokenizer(void **state) {
    (void)state;
    trit_tokenizer_close(tokenizer);
    return 0;
}

static void put(const char *path, const char *text, size_t n) {
    trit_error err = {0};
    assert_ok(trit_os_write_file(path, text, n, &err));
}

static void put_text(const char *path, const char *text) {
    put(path, text, strlen(text));
}

static trit_status open_with(trit_dataset **out, const char *path, trit_dataset_opts o, trit_error *err) {
    const char *const paths[] = {path};
    o.paths = paths;
    o.n_paths = 1;
    o.tokenizer = tokenizer;
    o.cache_dir = "cache";
    if (!o.seq_len) o.seq_len = 8;
    *notes = '\0';
    return trit_dataset_open(out, &o, err);
}

static trit_dataset *open_data(const char *path, trit_dataset_opts o) {
    trit_error err = {0};
    trit_dataset *d = NULL;
    assert_ok(open_with(&d, path, o, &err));
    return d;
}

/* The words that an error must hold. */
static void refuse(const char *path, trit_dataset_opts o, trit_status expected, const char *words) {
    trit_error err = {0};
    trit_dataset *d = NULL;
    const trit_status status = open_with(&d, path, o, &err);
    if (status != expected || !strstr(err.message, words))
        fail_msg("%s: %s: \"%s\" instead of \"%s\"", path, trit_status_text(status), err.message, words);
    assert_null(d);
}

/* Row i of validation as text: tokens, '[' and ']' for begin and end, and behind each an apostrophe where its target counts. Padding is '.'. */
static const char *show(trit_dataset *d, trit_data_split split, uint64_t row) {
    static char text[4000];
    trit_error err = {0};
    trit_train_batch b = {0};
    char *p = text;
    assert_ok(trit_dataset_fill(d, split, 0, row, 1, &b, &err));
    for (uint32_t i = 0; i < b.seq_len; i++) {
        const int32_t id = b.token[i];
        assert_int_equal(b.position[i], (int64_t)i - b.first[i]);
        *p++ = id == bos ? '[' : id == eos ? ']' : id == 0 ? '.' : (char)id;
        if (b.target[i] >= 0) *p++ = '\'';
        if (b.target[i] >= 0 && i + 1 < b.seq_len) assert_int_equal(b.target[i], b.token[i + 1]);
        if (b.position[i] == 0 && i > 0 && id != 0) assert_true(id == bos);
    }
    *p = '\0';
    trit_train_batch_fini(&b);
    return text;
}

/* All of the text as one validation row, in its order. */
static void check_documents(const char *path, trit_dataset_opts o, const char *expected) {
    trit_error err = {0};
    trit_dataset *d = NULL;
    const char *const paths[] = {path};
    o.validation_paths = paths;
    o.n_validation_paths = 1;
    o.seq_len = 120;
    assert_ok(open_with(&d, path, o, &err));
    char *row = strdup(show(d, trit_data_validation, 0));
    *strchr(row, '.') = '\0';
    assert_string_equal(row, expected);
    free(row);
    trit_dataset_free(d);
}

static void texts(void **state) {
    (void)state;
    put_text("one.txt", "ab\ncd");
    check_documents("one.txt", (trit_dataset_opts){0}, "['a'b'\n'c'd']");
    check_documents("one.txt", (trit_dataset_opts){.no_eos = true}, "['a'b'\n'c'd");
    check_documents("one.txt", (trit_dataset_opts){.no_bos = true, .no_eos = true}, "a'b'\n'c'd");
    put_text("bom.txt", "\xEF\xBB\xBFx");
    check_documents("bom.txt", (trit_dataset_opts){0}, "['x']");
    put_text("many.txt", "<sep>\nab\n<sep>\n\n<sep>c<sep>");
    check_documents("many.txt", (trit_dataset_opts){.separator = "<sep>"}, "['a'b']['c']");
    put_text("lines.txt", "\n\na\nb\r\n \t\n\nc\n");
    check_documents("lines.txt", (trit_dataset_opts){.separator = ""}, "['a'\n'b']['c']");
    assert_int_equal(trit_os_make_dir("folder", NULL), trit_ok);
    put_text("folder/b.txt", "b");
    put_text("folder/a.jsonl", "{\"text\": \"a\"}\n\n{\"text\": \"\"}\n");
    put_text("folder/.hidden", "no");
    put_text("folder/c.txt", "");
    check_documents("folder", (trit_dataset_opts){0}, "['a'][']['b']");
}

static void records(void **state) {
    (void)state;
    put_text("pairs.jsonl", "{\"prompt\": \"ab\", \"completion\": \"cd\"}\n{\"prompt\": \"\", \"completion\": \"e\"}\n");
    check_documents("pairs.jsonl", (trit_dataset_opts){0}, "[ab'c'd']['e']");
    put_text("named.jsonl", "{\"q\": \"a\", \"a\": \"b\", \"text\": 1}\n");
    check_documents("named.jsonl", (trit_dataset_opts){.text_field = "t", .prompt_field = "q", .completion_field = "a"}, "[a'b']");
    /* A field that was named comes before the usual ones; of those a text before a pair, and a whole pair before messages. null is none. */
    put_text("both.jsonl", "{\"messages\": [{\"role\": \"assistant\", \"content\": \"m\"}], \"text\": \"t\", \"q\": \"a\", \"completion\": \"b\"}\n");
    const char *const says_all = "{% for m in messages %}{{ m.content }}{% endfor %}";
    check_documents("both.jsonl", (trit_dataset_opts){0}, "['t']");
    check_documents("both.jsonl", (trit_dataset_opts){.prompt_field = "q"}, "[a'b']");
    check_documents("both.jsonl", (trit_dataset_opts){.text_field = "q"}, "['a']");
    check_documents("both.jsonl", (trit_dataset_opts){.text_field = "none", .chat_template = says_all}, "['m']");
    put_text("own.jsonl", "{\"turns\": [{\"role\": \"assistant\", \"content\": \"m\"}], \"text\": \"t\"}\n");
    check_documents("own.jsonl", (trit_dataset_opts){.messages_field = "turns", .chat_template = says_all}, "['m']");
    put_text("nulls.jsonl", "{\"text\": null, \"messages\": null, \"prompt\": \"a\", \"completion\": \"b\"}\n"
                            "{\"text\": \"t\", \"messages\": null, \"prompt\": null, \"completion\": null}\n");
    check_documents("nulls.jsonl", (trit_dataset_opts){0}, "[a'b']['t']");
    put_text("named.txt", "{\"text\": \"x\"}");
    check_documents("named.txt", (trit_dataset_opts){.format = trit_data_jsonl}, "['x']");
}

#define TURNS "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"r\"}, " \
              "{\"role\": \"user\", \"content\": \"s\"}, {\"role\": \"assistant\", \"content\": \"t\"}]}\n"
#define FRAMES "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"

static void conversations(void **state) {
    (void)state;
    put_text("chat.jsonl", TURNS);
    check_documents("chat.jsonl", (trit_dataset_opts){.chat_template = FRAMES "{% if add_generation_prompt %}a:{% endif %}"},
                    "[u:qa:'r']u:sa:'t']");
    /* Without the beginning of an answer it counts as a part of the answer. */
    check_documents("chat.jsonl", (trit_dataset_opts){.chat_template = FRAMES}, "[u:q'a':'r']u:s'a':'t']");
    /* A template that writes the begin token gets no second one, and one without ends gets an end. */
    check_documents("chat.jsonl", (trit_dataset_opts){.chat_template = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"},
                    "[q'rs't']");
    /* An answer that begins in another way than is asked for, and an end token behind the very last turn only. */
    check_documents("chat.jsonl", (trit_dataset_opts){.chat_template = FRAMES "{% if add_generation_prompt %}a:<think>{% endif %}"},
                    "[u:qa:'r']u:sa:'t']");
    check_documents("chat.jsonl", (trit_dataset_opts){.chat_template = "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}<|{% endfor %}"
                                                                      "{% if add_generation_prompt %}a:{% else %}{{ eos_token }}{% endif %}"},
                    "[u:q<|a:'r'<'|u:s<|a:'t'<'|']");
    refuse("chat.jsonl", (trit_dataset_opts){0}, trit_format, "chat.jsonl, line 1: messages, and there is no chat template");
    refuse("chat.jsonl", (trit_dataset_opts){.chat_template = "{{ messages | length }}" FRAMES}, trit_format,
           "line 1: the chat template cannot be split at message 2");
    refuse("chat.jsonl", (trit_dataset_opts){.chat_template = "{{ raise_exception('no') }}"}, trit_arg, "line 1");
    put_text("asked.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}");
    refuse("asked.jsonl", (trit_dataset_opts){.chat_template = FRAMES}, trit_format, "no message of the role \"assistant\"");
    put_text("none.jsonl", "{\"messages\": []}");
    refuse("none.jsonl", (trit_dataset_opts){.chat_template = FRAMES}, trit_format, "no list, or an empty one");
}

/* Published templates: those that can be split mark both answers and nothing of the questions; the others are refused. */
static void published_templates(void **state) {
    static const char line[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Aq\"},{\"role\":\"assistant\",\"content\":\"Br\"},"
                               "{\"role\":\"user\",\"content\":\"Cs\"},{\"role\":\"assistant\",\"content\":\"Dt\"}]}";
    trit_fs_names names = {0};
    trit_error err = {0};
    unsigned n_split = 0;
    (void)state;
    require_shared("data/chat/templates");
    char folder[1000];
    snprintf(folder, sizeof folder, "%s", test_shared("data/chat/templates"));
    assert_ok(trit_fs_list(&names, folder, &err));
    for (size_t i = 0; i < names.n; i++) {
        char path[1300], said[4000] = "";
        size_t n, at = 0;
        snprintf(path, sizeof path, "%s/%s", folder, names.item[i]);
        char *source = test_read(path, &n);
        const trit_dataset_opts o = {.tokenizer = tokenizer, .chat_template = source};
        trit_data_encoder e;
        trit_data_tokens tokens = {0};
        assert_ok(trit_data_encoder_init(&e, &o, &err));
        const trit_status status = trit_data_encode_record(&e, (trit_str){line, sizeof line - 1}, "line", &tokens, &err);
        for (size_t k = 0; status == trit_ok && k < tokens.ids.n; k++)
            if (tokens.mask.data[k] && at + 1 < sizeof said) said[at++] = tokens.ids.data[k] < 256 ? (char)tokens.ids.data[k] : '.';
        if (status == trit_ok && (!strstr(said, "Br") || !strstr(said, "Dt") || strstr(said, "Aq") || strstr(said, "Cs")))
            fail_msg("%s: \"%s\" counts", names.item[i], said);
        const bool refused = strstr(err.message, "cannot be split") || strstr(err.message, "template line");
        if (status != trit_ok && !refused) fail_msg("%s: %s", names.item[i], err.message);
        n_split += status == trit_ok;
        trit_data_tokens_fini(&tokens);
        trit_data_encoder_fini(&e);
        free(source);
    }
    print_message("%u of %zu templates can be split\n", n_split, names.n);
    assert_true(n_split >= 59);
    trit_fs_names_fini(&names);
}

static void bad_input(void **state) {
    char big[4000];
    (void)state;
    refuse("absent.txt", (trit_dataset_opts){0}, trit_io, "absent.txt: there is no such file");
    put_text("empty.txt", "");
    refuse("empty.txt", (trit_dataset_opts){0}, trit_arg, "empty.txt: empty");
    put("nul.txt", "ab\0cd", 5);
    refuse("nul.txt", (trit_dataset_opts){0}, trit_format, "nul.txt: binary data, not text: a zero byte at offset 2");
    memset(big, 'x', sizeof big);
    memset(big + 1000, 0xff, 100);
    put("broken.txt", big, sizeof big);
    refuse("broken.txt", (trit_dataset_opts){0}, trit_format,
           "broken.txt: binary data, not text: 2.5 % of the bytes from offset 0 are not UTF-8, the first at 1000");
    memset(big + 1001, 'x', 99);
    put("nearly.txt", big, sizeof big);
    trit_dataset_free(open_data("nearly.txt", (trit_dataset_opts){0}));
    assert_non_null(strstr(notes, "1 bytes of the text are not UTF-8 and became U+FFFD"));
    /* One broken byte is much of a short document, and little of the file; many are too many, however short the documents are. */
    put_text("short.txt", "a\xE9z\n\nword\n\nword\n\n\xE9");
    trit_dataset_free(open_data("short.txt", (trit_dataset_opts){.separator = ""}));
    assert_non_null(strstr(notes, "2 bytes of the text are not UTF-8"));
    trit_text latin = {0};
    for (int i = 0; i < 100; i++) assert_true(trit_text_format(&latin, "fin\xE9\n\n"));
    put("latin.txt", latin.data, latin.n);
    trit_text_fini(&latin);
    refuse("latin.txt", (trit_dataset_opts){.separator = ""}, trit_format,
           "latin.txt: binary data, not text: 25.0 % of the bytes from offset 0 are not UTF-8, the first at 3");
    put_text("single.txt", "a");
    refuse("single.txt", (trit_dataset_opts){.no_bos = true, .no_eos = true}, trit_arg, "too little text: the training part has 1 tokens");
    put_text("cut.jsonl", "{\"text\": \"a\"}\n\n{\"text\": ");
    refuse("cut.jsonl", (trit_dataset_opts){0}, trit_format, "cut.jsonl, line 3");
    put_text("list.jsonl", "[1]\n");
    refuse("list.jsonl", (trit_dataset_opts){0}, trit_format, "list.jsonl, line 1: not a JSON object");
    put_text("fields.jsonl", "{\"txt\": \"a\"}\n");
    refuse("fields.jsonl", (trit_dataset_opts){0}, trit_format, "line 1: neither \"text\", nor \"prompt\" and \"completion\", nor \"messages\" in it");
    put_text("prompt.jsonl", "{\"prompt\": \"a\"}\n");
    refuse("prompt.jsonl", (trit_dataset_opts){0}, trit_format, "line 1: \"completion\" is missing");
    put_text("null.jsonl", "{\"prompt\": \"a\", \"completion\": null}\n");
    refuse("null.jsonl", (trit_dataset_opts){0}, trit_format, "line 1: \"completion\" is missing");
    put_text("number.jsonl", "{\"text\": 5}\n");
    refuse("number.jsonl", (trit_dataset_opts){0}, trit_format, "line 1: \"text\" is no string");
    put_text("one.txt", "ab\ncd");
    refuse("one.txt", (trit_dataset_opts){.validation_share = 1}, trit_arg, "validation share");
    refuse("one.txt", (trit_dataset_opts){.validation_share = 0.01}, trit_arg, "the validation part has 0 tokens");
    trit_error err = {0};
    trit_train_batch b = {0};
    trit_dataset *d = open_data("one.txt", (trit_dataset_opts){0});
    assert_int_equal(trit_dataset_fill(d, trit_data_validation, 0, 0, 1, &b, &err), trit_arg);
    trit_dataset_free(d);
}

/* A file of n documents; document i is `word i` and as many letters as i % 40. */
static void put_documents(const char *path, unsigned n) {
    trit_text text = {0};
    const char *letters = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    for (unsigned i = 0; i < n; i++) assert_true(trit_text_format(&text, "word %u %.*s\n\n", i, (int)(i % 40), letters));
    put(path, text.data, text.n);
    trit_text_fini(&text);
}

static int by_value(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void shuffles(void **state) {
    (void)state;
    for (uint64_t n = 1; n < 300; n++) {
        int64_t seen[300];
        for (uint64_t i = 0; i < n; i++) seen[i] = (int64_t)trit_shuffled(i, n, n + 7);
        qsort(seen, (size_t)n, sizeof *seen, by_value);
        for (uint64_t i = 0; i < n; i++) assert_int_equal(seen[i], i);
    }
    unsigned moved = 0;
    for (uint64_t i = 0; i < 1000; i++) moved += trit_shuffled(i, 1000, 1) != trit_shuffled(i, 1000, 2);
    assert_true(moved > 900);
    assert_true(trit_shuffled(UINT64_C(1) << 40, (UINT64_C(1) << 40) + 1, 3) <= UINT64_C(1) << 40);
}

/* Rows longer than the context: nobody sees more than so many tokens, and documents that fit are as they would be in any row. */
static void context(void **state) {
    enum { seq_len = 200, most = 6 };
    trit_error err = {0};
    trit_train_batch b = {0}, whole = {0};
    (void)state;
    put_documents("short.txt", 300);
    trit_dataset *d = open_data("short.txt", (trit_dataset_opts){.separator = "", .seq_len = seq_len, .context = most});
    trit_dataset *wide = open_data("short.txt", (trit_dataset_opts){.separator = "", .seq_len = seq_len});
    const uint32_t n_rows = (uint32_t)trit_dataset_n_rows(d, trit_data_train);
    assert_ok(trit_dataset_fill(d, trit_data_train, 0, 0, n_rows, &b, &err));
    assert_ok(trit_dataset_fill(wide, trit_data_train, 0, 0, n_rows, &whole, &err));
    size_t n_cut = 0;
    for (int64_t t = 0; t < (int64_t)n_rows * seq_len; t++) {
        assert_int_equal(b.token[t], whole.token[t]);
        assert_int_equal(b.target[t], whole.target[t]);
        assert_int_equal(b.position[t], whole.position[t] % most);
        assert_int_equal(b.first[t], t - b.position[t]);
        n_cut += b.first[t] != whole.first[t];
    }
    assert_true(n_cut > 0);
    trit_train_batch_fini(&b);
    trit_train_batch_fini(&whole);
    trit_dataset_free(d);
    trit_dataset_free(wide);
}

/* The rows of an epoch hold all tokens but those that fill no row, each as often as the text; a target is the next token of a document. */
static void epochs(void **state) {
    enum { seq_len = 37 };
    trit_error err = {0};
    trit_train_batch b = {0}, one = {0};
    (void)state;
    put_documents("docs.txt", 500);
    trit_dataset *d = open_data("docs.txt", (trit_dataset_opts){.separator = "", .seq_len = seq_len, .seed = 5});
    const uint64_t n_rows = trit_dataset_n_rows(d, trit_data_train), n_tokens = trit_dataset_n_tokens(d, trit_data_train);
    assert_int_equal(trit_dataset_n_documents(d, trit_data_train), 500);
    assert_int_equal(n_rows, n_tokens / seq_len);
    int64_t counts[2] = {0};
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        assert_ok(trit_dataset_fill(d, trit_data_train, epoch, 0, (uint32_t)n_rows, &b, &err));
        for (size_t i = 0; i < n_rows * seq_len; i++) {
            counts[epoch] += b.token[i] == bos;
            assert_true(b.target[i] != bos);
            assert_true((b.target[i] < 0) == (b.token[i] == eos));
            if (i % seq_len && b.first[i] == b.first[i - 1]) assert_int_equal(b.target[i - 1], b.token[i]);
        }
        assert_in_range(counts[epoch], 500 - 5, 500);
    }
    /* Counting on is the next epoch, and rows by themselves are the same rows. */
    assert_ok(trit_dataset_fill(d, trit_data_train, 0, n_rows - 2, 4, &b, &err));
    for (uint32_t i = 0; i < 4; i++) {
        assert_ok(trit_dataset_fill(d, trit_data_train, i / 2, (n_rows - 2 + i) % n_rows, 1, &one, &err));
        assert_memory_equal(one.token, b.token + (size_t)i * seq_len, seq_len * sizeof *b.token);
        assert_memory_equal(one.target, b.target + (size_t)i * seq_len, seq_len * sizeof *b.target);
        assert_int_equal(b.first[i * seq_len], i * seq_len);
    }
    /* Another epoch and another seed are other orders, the same seed the same. */
    trit_dataset *other = open_data("docs.txt", (trit_dataset_opts){.separator = "", .seq_len = seq_len, .seed = 6});
    trit_dataset *same = open_data("docs.txt", (trit_dataset_opts){.separator = "", .seq_len = seq_len, .seed = 5});
    assert_ok(trit_dataset_fill(d, trit_data_train, 3, 0, 20, &b, &err));
    assert_ok(trit_dataset_fill(other, trit_data_train, 3, 0, 20, &one, &err));
    assert_memory_not_equal(b.token, one.token, 20 * seq_len * sizeof *b.token);
    assert_ok(trit_dataset_fill(same, trit_data_train, 3, 0, 20, &one, &err));
    assert_memory_equal(b.token, one.token, 20 * seq_len * sizeof *b.token);
    assert_int_equal(b.n_targets, one.n_targets);
    trit_dataset_free(d);
    trit_dataset_free(other);
    trit_dataset_free(same);
    trit_train_batch_fini(&b);
    trit_train_batch_fini(&one);
}

static void splits(void **state) {
    trit_error err = {0};
    trit_train_batch b = {0};
    (void)state;
    put_documents("docs.txt", 500);
    trit_dataset *d = open_data("docs.txt", (trit_dataset_opts){.separator = "", .validation_share = 0.1, .seed = 1});
    const uint64_t n = trit_dataset_n_documents(d, trit_data_validation);
    assert_in_range(n, 30, 70);
    assert_int_equal(n + trit_dataset_n_documents(d, trit_data_train), 500);
    /* Validation stands in the order of the text, whatever the seed and the epoch. */
    char *first = strdup(show(d, trit_data_validation, 0));
    trit_dataset_free(d);
    d = open_data("docs.txt", (trit_dataset_opts){.separator = "", .validation_share = 0.1, .seed = 2});
    assert_string_equal(show(d, trit_data_validation, 0), first);
    assert_ok(trit_dataset_fill(d, trit_data_validation, 9, 0, 3, &b, &err));
    assert_string_equal(show(d, trit_data_validation, 0), first);
    free(first);
    trit_dataset_free(d);
    /* Equal documents are on one side, also where the share is smaller or larger than any place; each side has some. */
    put_text("equal.txt", "a\n\nb\n\na\n\nb\n\na");
    const double shares[] = {1e-9, 0.1, 0.3, 0.5, 0.7, 0.9, 1 - 1e-9};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        d = open_data("equal.txt", (trit_dataset_opts){.separator = "", .validation_share = shares[i]});
        const uint64_t n_kept = trit_dataset_n_documents(d, trit_data_train);
        assert_in_range(n_kept, 2, 3);
        assert_int_equal(n_kept + trit_dataset_n_documents(d, trit_data_validation), 5);
        trit_dataset_free(d);
    }
    put_text("copies.txt", "a\n\na\n\na");
    refuse("copies.txt", (trit_dataset_opts){.separator = "", .validation_share = 0.5}, trit_arg, "the 3 documents are all equal");
    /* A single document is split at its end. */
    put_text("single.txt", "abcdefghij");
    d = open_data("single.txt", (trit_dataset_opts){.validation_share = 0.25, .seq_len = 20});
    assert_string_equal(show(d, trit_data_validation, 0), "i'j'].................");
    assert_string_equal(show(d, trit_data_train, 0), "['a'b'c'd'e'f'g'h...........");
    trit_dataset_free(d);
    trit_train_batch_fini(&b);
}

static void windows(void **state) {
    (void)state;
    put_text("two.txt", "ab\n\ncd\n\nef");
    const char *const paths[] = {"two.txt"};
    trit_dataset *d = open_data("two.txt", (trit_dataset_opts){.separator = "", .windows = true, .seq_len = 10, .validation_paths = paths,
                                                               .n_validation_paths = 1});
    trit_error err = {0};
    trit_train_batch b = {0};
    assert_ok(trit_dataset_fill(d, trit_data_validation, 0, 0, 2, &b, &err));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(b.first[i], 0);
        assert_int_equal(b.position[i], i);
        assert_int_equal(b.target[i], b.token[i + 1]);
    }
    assert_int_equal(b.token[4], bos);
    trit_train_batch_fini(&b);
    trit_dataset_free(d);
}

/* A long document is encoded in pieces by a team: the same tokens as at once. */
static void long_documents(void **state) {
    trit_error err = {0};
    trit_text text = {0};
    trit_ids ids = {0};
    trit_team *team = NULL;
    trit_train_batch b = {0};
    uint32_t seed = 3;
    (void)state;
    while (text.n < 3 * trit_data_piece_bytes) assert_true(trit_text_format(&text, "%s%u", test_lcg(&seed) % 9 ? " word" : "\n\n", test_lcg(&seed) % 100));
    put("long.txt", text.data, text.n);
    assert_ok(trit_tokenizer_encode(tokenizer, &ids, text.data, text.n, NULL, &err));
    assert_ok(trit_team_new(&team, 3, &err));
    const char *const paths[] = {"long.txt"};
    trit_dataset *d = open_data("long.txt", (trit_dataset_opts){.team = team, .seq_len = 1 << 20, .validation_paths = paths, .n_validation_paths = 1});
    assert_int_equal(trit_dataset_n_tokens(d, trit_data_train), ids.n + 1);
    assert_ok(trit_dataset_fill(d, trit_data_validation, 0, 0, 1, &b, &err));
    assert_memory_equal(b.token, ids.data, ids.n * sizeof *ids.data);
    trit_dataset_free(d);
    trit_team_free(team);
    trit_train_batch_fini(&b);
    trit_ids_fini(&ids);
    trit_text_fini(&text);
}

/* Long documents are cut at a blank between two letters of any script. */
static void cuts(void **state) {
    static const char *const words[] = {"\xD1\x81\xD0\xBB\xD0\xBE\xD0\xB2\xD0\xBE", "\xD0\xB8",
                                        "\xCE\xBB\xCF\x8C\xCE\xB3\xCE\xBF\xCF\x82", "mot\xC3\xA9", "12", "-"};
    trit_error err = {0};
    trit_text text = {0};
    trit_data_files files;
    trit_data_piece piece;
    uint32_t seed = 5;
    size_t n_bytes = 0;
    bool more = true;
    (void)state;
    while (text.n < 5 * trit_data_piece_bytes) assert_true(trit_text_format(&text, "%s ", words[test_lcg(&seed) % 6]));
    put("scripts.txt", text.data, text.n);
    const char *const paths[] = {"scripts.txt"};
    assert_ok(trit_data_files_list(&files, paths, 1, trit_data_auto, &err));
    trit_data_reader r = {.files = &files};
    for (;;) {
        assert_ok(trit_data_reader_next(&r, &piece, &more, &err));
        if (!more) break;
        if (!piece.begins) assert_int_equal(piece.text.p[0], ' ');
        if (!piece.begins) assert_true(piece.text.p[1] & 0x80 || piece.text.p[1] == 'm');
        if (!piece.ends) assert_true(piece.text.p[piece.text.n - 1] & 0x80);
        n_bytes += piece.text.n;
    }
    assert_int_equal(n_bytes, text.n);
    trit_data_reader_fini(&r);
    trit_data_files_fini(&files);
    trit_text_fini(&text);
}

/* Which blank is the tokenizer's own is asked with letters: a vocabulary that has none is none of those. */
static void no_letters(void **state) {
    static const char *const pieces[] = {"<s>", "</s>", "\xC4\xA0", "1", "2"};
    trit_error err = {0};
    trit_tokenizer *plain = tokenizer;
    tiny_vocab v;
    (void)state;
    tiny_start(&v, "gpt2");
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) tiny_add(&v, pieces[i], i < 2 ? trit_token_control : trit_token_normal, 0);
    v.desc.pre = "gpt-2";
    v.desc.bos = 0;
    v.desc.eos = 1;
    assert_ok(trit_tokenizer_from_vocab(&tokenizer, &v.desc, &err));
    put_text("digits.txt", "12 21");
    trit_dataset_free(open_data("digits.txt", (trit_dataset_opts){0}));
    trit_tokenizer_close(tokenizer);
    tokenizer = plain;
}

/* ---- the cache ---- */

static char cache_path[300];

/* Those of cached.txt; the last one's path is kept. */
static size_t count_caches(void) {
    trit_error err = {0};
    trit_fs_names names = {0};
    size_t n = 0;
    assert_ok(trit_fs_list(&names, "cache", &err));
    *cache_path = '\0';
    for (size_t i = 0; i < names.n; i++) {
        assert_null(strstr(names.item[i], ".part"));
        if (strncmp(names.item[i], "cached.txt-", 11) != 0) continue;
        snprintf(cache_path, sizeof cache_path, "cache/%.250s", names.item[i]);
        n++;
    }
    trit_fs_names_fini(&names);
    return n;
}

static void check_cache(trit_dataset_opts o, const char *said) {
    trit_dataset *d = open_data("cached.txt", o);
    trit_dataset_free(d);
    if (said ? !strstr(notes, said) : *notes) fail_msg("said \"%s\" instead of \"%s\"", notes, said ? said : "");
}

static void caches(void **state) {
    (void)state;
    put_text("cached.txt", "some text\n");
    check_cache((trit_dataset_opts){0}, NULL);
    check_cache((trit_dataset_opts){.seed = 3, .seq_len = 4, .windows = true}, NULL);
    /* Other options and another tokenizer have caches of their own: two runs beside one another do not take turns. */
    check_cache((trit_dataset_opts){.no_eos = true}, NULL);
    assert_int_equal(count_caches(), 2);
    check_cache((trit_dataset_opts){0}, NULL);
    assert_int_equal(count_caches(), 2);
    put_text("cached.txt", "some tent\n");
    check_cache((trit_dataset_opts){.no_eos = true}, "made anew: the text has changed");
    check_cache((trit_dataset_opts){.no_eos = true}, NULL);
    trit_tokenizer *plain = tokenizer;
    tiny_vocab v;
    trit_error err = {0};
    tiny_byte_level(&v);
    assert_ok(trit_tokenizer_from_vocab(&tokenizer, &v.desc, &err));
    check_cache((trit_dataset_opts){.no_eos = true}, NULL);
    assert_int_equal(count_caches(), 3);
    trit_tokenizer_close(tokenizer);
    tokenizer = plain;
    /* Every byte that is another is found; so is every length. */
    assert_ok(trit_fs_remove("cache", &err));
    check_cache((trit_dataset_opts){0}, NULL);
    assert_int_equal(count_caches(), 1);
    size_t n;
    char *whole = test_read(cache_path, &n), *copy = malloc(n);
    for (size_t i = 0; i < n; i++) {
        memcpy(copy, whole, n);
        copy[i] = (char)(copy[i] ^ 16);
        put(cache_path, copy, n);
        check_cache((trit_dataset_opts){0}, i < 8 ? "not a token cache" : "damaged token cache");
        put(cache_path, whole, i);
        check_cache((trit_dataset_opts){0}, "made anew");
    }
    check_cache((trit_dataset_opts){0}, NULL);
    size_t n_now;
    char *now = test_read(cache_path, &n_now);
    assert_int_equal(n_now, n);
    assert_memory_equal(now, whole, n);
    free(now);
    free(copy);
    free(whole);
}

static bool stop(void *self, const char *doing, uint64_t done, uint64_t total) {
    uint64_t *calls = self;
    assert_string_equal(doing, "tokenizing");
    assert_true(done <= total && total == 10);
    ++*calls;
    return false;
}

static void interrupted(void **state) {
    trit_error err = {0};
    trit_dataset *d = NULL;
    uint64_t calls = 0;
    const char *const paths[] = {"stopped.txt"};
    (void)state;
    put_text("stopped.txt", "some text\n");
    const trit_dataset_opts o = {.paths = paths, .n_paths = 1, .tokenizer = tokenizer, .cache_dir = "stopped", .seq_len = 4,
                                 .watch = stop, .watch_self = &calls};
    assert_int_equal(trit_dataset_open(&d, &o, &err), trit_cancelled);
    assert_int_equal(calls, 1);
    trit_fs_names names = {0};
    assert_ok(trit_fs_list(&names, "stopped", &err));
    assert_int_equal(names.n, 0);
    trit_fs_names_fini(&names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),   cmocka_unit_test(records),        cmocka_unit_test(conversations), cmocka_unit_test(published_templates),
        cmocka_unit_test(bad_input),
        cmocka_unit_test(shuffles), cmocka_unit_test(context), cmocka_unit_test(epochs), cmocka_unit_test(splits), cmocka_unit_test(windows),
        cmocka_unit_test(long_documents), cmocka_unit_test(cuts), cmocka_unit_test(no_letters), cmocka_unit_test(caches), cmocka_unit_test(interrupted),
    };
    return cmocka_run_group_tests(tests, open_tokenizer, close_tokenizer);
}
