/* engine/session: what is restored gives the same bits; what does not fit or is broken is refused, and nothing is lost by it. */
#include "test.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/fs.h"
#include "base/os.h"
#include "engine/session.h"
#include "trit/trit.h"

enum { n_vocab = 512, n_answer = 12, max_logits = 64 };

static trit_model *model; /* synthetic:tiny, shared by the tests */
static const char path[] = "a.session";

typedef struct trace {
    int32_t tokens[n_answer];
    float logits[max_logits][n_vocab]; /* of a larger vocabulary the first, and the others in `sum` */
    uint64_t sum;
    uint32_t n_tokens, n_logits, n_cached;
} trace;

static void keep_logits(void *user, uint32_t pos, const float *logits, uint32_t n) {
    trace *t = user;
    (void)pos;
    assert_true(t->n_logits < max_logits && n >= n_vocab);
    memcpy(t->logits[t->n_logits++], logits, n_vocab * sizeof *logits);
    for (uint32_t i = n_vocab; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &logits[i], sizeof bits);
        t->sum = (t->sum ^ bits) * 0x100000001B3u;
    }
}

static trit_engine *new_engine(const trit_model *m, trit_engine_opts o) {
    trit_error err;
    trit_engine *engine;
    assert_ok(trit_engine_new(&engine, m, &o, &err));
    return engine;
}

static void make_prompt(int32_t *ids, size_t n, uint32_t seed) {
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)(test_lcg(&seed) % n_vocab);
}

static void complete(trit_engine *engine, const int32_t *prompt, size_t n, trace *t) {
    trit_error err;
    const trit_event *events;
    size_t n_events;
    memset(t, 0, sizeof *t);
    trit_request q = {.prompt = prompt, .n_prompt = n, .max_tokens = n_answer, .on_logits = keep_logits, .user = t, .ignore_eog = true};
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    while (!trit_engine_idle(engine)) {
        assert_ok(trit_engine_step(engine, &events, &n_events, &err));
        for (size_t i = 0; i < n_events; i++) {
            if (events[i].token >= 0) t->tokens[t->n_tokens++] = events[i].token;
            t->n_cached = events[i].n_cached;
        }
    }
    assert_int_equal(t->n_tokens, n_answer);
}

static void assert_same(const trace *a, const trace *b) {
    assert_int_equal(a->n_logits, b->n_logits);
    assert_memory_equal(a->tokens, b->tokens, sizeof a->tokens);
    assert_true(a->sum == b->sum);
    assert_memory_equal(a->logits, b->logits, a->n_logits * sizeof a->logits[0]);
}

static trace first, again;

static void restored_pages_give_the_same_bits(void **state) {
    (void)state;
    static const trit_kv_type kvs[] = {trit_kv_f32, trit_kv_f16, trit_kv_q8};
    trit_error err;
    int32_t prompt[100];
    make_prompt(prompt, 100, 1);
    for (int k = 0; k < 3; k++) {
        trit_session_info saved, restored;
        trit_text note = {0};
        trit_engine *engine = new_engine(model, (trit_engine_opts){.kv = kvs[k]});
        complete(engine, prompt, 100, &first);
        assert_ok(trit_engine_save(engine, path, "a note", 6, &saved, &err));
        trit_engine_free(engine);
        assert_int_equal(saved.n_tokens, 96); /* 111 positions were computed: three pages */
        engine = new_engine(model, (trit_engine_opts){.kv = kvs[k], .max_sequences = 3, .chunk = 7});
        assert_ok(trit_engine_restore(engine, path, &note, &restored, &err));
        assert_int_equal(restored.n_kept, 96);
        assert_int_equal(restored.n_bytes, saved.n_bytes);
        assert_string_equal(note.data, "a note");
        complete(engine, prompt, 100, &again);
        assert_int_equal(again.n_cached, 96);
        assert_same(&first, &again);
        trit_text_fini(&note);
        trit_engine_free(engine);
    }
}

/* Two conversations that begin alike, and later a third one: what was used last survives in a smaller cache, and is reached from its beginning. */
static void what_was_used_last_goes_first(void **state) {
    (void)state;
    trit_error err;
    trit_session_info info;
    int32_t a[140], b[140], c[70];
    make_prompt(a, 140, 2);
    make_prompt(b, 140, 3);
    make_prompt(c, 70, 4);
    memcpy(b, a, 64 * sizeof *a);
    trit_engine *engine = new_engine(model, (trit_engine_opts){.context = 160, .max_sequences = 4});
    complete(engine, a, 140, &again);
    complete(engine, c, 70, &again);
    complete(engine, b, 140, &first);
    assert_ok(trit_engine_save(engine, path, NULL, 0, &info, &err));
    assert_int_equal(info.n_tokens, 32 * (4 + 2 + 2)); /* a whole, c, and what b has of its own */
    trit_engine_free(engine);
    engine = new_engine(model, (trit_engine_opts){.context = 160});
    assert_ok(trit_engine_restore(engine, path, NULL, &info, &err));
    assert_int_equal(info.n_kept, 160);
    assert_int_equal(info.n_tokens, 256);
    complete(engine, b, 140, &again);
    assert_int_equal(again.n_cached, 128);
    assert_same(&first, &again);
    /* Once more into the same cache: what is there serves, and nothing comes twice. */
    assert_ok(trit_engine_restore(engine, path, NULL, &info, &err));
    complete(engine, b, 140, &again);
    assert_int_equal(again.n_cached, 128);
    assert_same(&first, &again);
    trit_engine_free(engine);
}

/* A session that is made while sequences run has their whole pages. */
static void a_running_sequence_is_saved_too(void **state) {
    (void)state;
    trit_error err;
    trit_session_info info;
    const trit_event *events;
    size_t n;
    int32_t prompt[100];
    make_prompt(prompt, 100, 5);
    trit_engine *engine = new_engine(model, (trit_engine_opts){0});
    trit_request q = {.prompt = prompt, .n_prompt = 100, .max_tokens = 50, .ignore_eog = true};
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    assert_ok(trit_engine_step(engine, &events, &n, &err));
    assert_false(trit_engine_idle(engine));
    assert_ok(trit_engine_save(engine, path, NULL, 0, &info, &err));
    assert_int_equal(info.n_tokens, 96);
    trit_engine_free(engine);
    engine = new_engine(model, (trit_engine_opts){0});
    assert_ok(trit_engine_restore(engine, path, NULL, &info, &err));
    complete(engine, prompt, 100, &again);
    assert_int_equal(again.n_cached, 96);
    trit_engine_free(engine);
}

static void refuse(trit_engine *engine, trit_status status, const char *words) {
    trit_error err = {0};
    trit_text note = {0};
    assert_int_equal(trit_engine_restore(engine, path, &note, NULL, &err), status);
    if (!strstr(err.message, words)) fail_msg("no \"%s\" in: %s", words, err.message);
    assert_null(note.data);
    trit_engine_free(engine);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    trit_error err;
    trit_model *other;
    int32_t prompt[40];
    make_prompt(prompt, 40, 6);
    trit_engine *engine = new_engine(model, (trit_engine_opts){0});
    complete(engine, prompt, 40, &first);
    assert_ok(trit_engine_save(engine, path, NULL, 0, NULL, &err));
    trit_engine_free(engine);
    refuse(new_engine(model, (trit_engine_opts){.kv = trit_kv_q8}), trit_format, "keys and values are f16, and q8 are wanted");
    refuse(new_engine(model, (trit_engine_opts){.no_prefix_cache = true}), trit_arg, "keeps nothing");
    assert_int_equal(trit_engine_restore(engine = new_engine(model, (trit_engine_opts){0}), "absent.session", NULL, NULL, &err), trit_io);
    assert_int_equal(trit_engine_restore(engine, test_source("README.md"), NULL, NULL, &err), trit_format);
    assert_non_null(strstr(err.message, "not a session"));
    trit_engine_free(engine);
    assert_ok(trit_model_open(&other, "synthetic:tiny-llama", NULL, &err));
    refuse(new_engine(other, (trit_engine_opts){0}), trit_format, "the session of another model");
    trit_model_close(other);
    /* The same file, otherwise read. */
    assert_ok(trit_model_open(&other, test_source("tests/model/story-256.gguf"), NULL, &err));
    engine = new_engine(other, (trit_engine_opts){0});
    assert_ok(trit_engine_save(engine, path, NULL, 0, NULL, &err));
    trit_engine_free(engine);
    trit_model_close(other);
    assert_ok(trit_model_open(&other, test_source("tests/model/story-256.gguf"), &(trit_model_opts){.activations = "float"}, &err));
    refuse(new_engine(other, (trit_engine_opts){0}), trit_format, "otherwise read");
    trit_model_close(other);
    /* Adapters: another one, another scale, none. */
    const char *const adapter = test_source("tests/e2e/adapter");
    const trit_lora_opts whole = {.path = adapter}, half = {.path = adapter, .scale = 0.5};
    const char *const story = test_source("tests/model/story-256.gguf");
    assert_ok(trit_model_open(&other, story, &(trit_model_opts){.loras = &whole, .n_loras = 1}, &err));
    engine = new_engine(other, (trit_engine_opts){0});
    assert_ok(trit_engine_save(engine, path, NULL, 0, NULL, &err));
    assert_ok(trit_engine_restore(engine, path, NULL, NULL, &err));
    trit_engine_free(engine);
    trit_model_close(other);
    assert_ok(trit_model_open(&other, story, &(trit_model_opts){.loras = &half, .n_loras = 1}, &err));
    refuse(new_engine(other, (trit_engine_opts){0}), trit_format, "other adapters (--lora)");
    trit_model_close(other);
    assert_ok(trit_model_open(&other, story, NULL, &err));
    refuse(new_engine(other, (trit_engine_opts){0}), trit_format, "other adapters (--lora)");
    trit_model_close(other);
}

/* With adapters: a conversation of two parts in one engine, and the second part in another one, whose model was opened anew. */
static void adapters_give_the_same_bits(void **state) {
    (void)state;
    const char *const adapter = test_source("tests/e2e/adapter"), *const story = test_source("tests/model/story-256.gguf");
    const trit_lora_opts pair[] = {{.path = adapter}, {.path = adapter, .scale = 0.5}}, turned[] = {pair[1], pair[0]};
    const trit_model_opts with = {.loras = pair, .n_loras = 2}, other_order = {.loras = turned, .n_loras = 2};
    trit_error err;
    trit_model *m;
    static trace plain;
    int32_t prompt[130];
    make_prompt(prompt, 130, 8);
    assert_ok(trit_model_open(&m, story, NULL, &err));
    trit_engine *engine = new_engine(m, (trit_engine_opts){0});
    complete(engine, prompt, 130, &plain);
    trit_engine_free(engine);
    trit_model_close(m);
    assert_ok(trit_model_open(&m, story, &with, &err));
    engine = new_engine(m, (trit_engine_opts){0});
    complete(engine, prompt, 70, &first);
    assert_ok(trit_engine_save(engine, path, NULL, 0, NULL, &err));
    complete(engine, prompt, 130, &first);
    trit_engine_free(engine);
    trit_model_close(m);
    assert_int_equal(first.n_cached, 64);
    assert_memory_not_equal(first.logits, plain.logits, sizeof first.logits[0]); /* the adapters matter */
    assert_ok(trit_model_open(&m, story, &with, &err));
    engine = new_engine(m, (trit_engine_opts){.chunk = 7, .max_sequences = 2});
    assert_ok(trit_engine_restore(engine, path, NULL, NULL, &err));
    complete(engine, prompt, 130, &again);
    assert_int_equal(again.n_cached, 64);
    assert_same(&first, &again);
    trit_engine_free(engine);
    trit_model_close(m);
    assert_ok(trit_model_open(&m, story, &other_order, &err)); /* sums of floats are another one in another order */
    refuse(new_engine(m, (trit_engine_opts){0}), trit_format, "other adapters (--lora)");
    trit_model_close(m);
}

/* A session of one page of a model that is small enough for every byte to be tried. */
static uint8_t *small_file(trit_session_fit *fit, size_t *n) {
    enum { n_note = 5 };
    *fit = (trit_session_fit){.of = {1, 2}, .kv = {trit_kv_form_f32, 0, 1, 1, 2}, .n_vocab = 40};
    const size_t page_bytes = trit_kv_page_bytes(&fit->kv);
    int32_t tokens[trit_page_tokens];
    *n = trit_session_header_bytes + page_bytes + trit_session_index_bytes + n_note + 8;
    uint8_t *file = calloc(*n, 1), *page = file + trit_session_header_bytes, *index = page + page_bytes, *note = index + trit_session_index_bytes;
    assert_non_null(file);
    for (int i = 0; i < trit_page_tokens; i++) tokens[i] = i;
    for (size_t i = 0; i < page_bytes; i++) page[i] = (uint8_t)i;
    trit_session_put_header(file, fit, 1, n_note);
    trit_session_put_index(index, page, page_bytes, 0, tokens);
    memcpy(note, "hello", n_note);
    trit_session_put_sum(note + n_note, file, index, trit_session_index_bytes, (const char *)note, n_note);
    return file;
}

static void every_byte_counts(void **state) {
    (void)state;
    size_t n;
    trit_session s;
    trit_session_fit fit;
    trit_error err;
    uint8_t *file = small_file(&fit, &n);
    assert_ok(trit_session_read(&s, file, n, &fit, "file", &err));
    assert_int_equal(s.n_pages, 1);
    assert_memory_equal(s.note, "hello", s.n_note);
    for (size_t i = 0; i < n; i++) {
        uint8_t *part = malloc(i ? i : 1); /* the sanitizer sees a read beyond it */
        assert_non_null(part);
        memcpy(part, file, i);
        assert_int_equal(trit_session_read(&s, part, i, &fit, "file", &err), trit_format);
        free(part);
        for (unsigned bit = 0; bit < 8; bit++) {
            file[i] ^= (uint8_t)(1u << bit);
            if (trit_session_read(&s, file, n, &fit, "file", &err) != trit_format) fail_msg("bit %u of byte %zu counts for nothing", bit, i);
            assert_true(err.message[0] != '\0');
            file[i] ^= (uint8_t)(1u << bit);
        }
    }
    free(file);
}

static size_t files_here(void) {
    trit_error err;
    trit_fs_names names = {0};
    assert_ok(trit_fs_list(&names, ".", &err));
    const size_t n = names.n;
    trit_fs_names_fini(&names);
    return n;
}

/* A part that a killed program left at the very name (process ids come again) is not what the session begins with. */
static void a_part_left_behind_does_no_harm(void **state) {
    (void)state;
    trit_error err;
    struct stat st;
    trit_fs_grow part = {0};
    char beside[64], next[64];
    int32_t prompt[40];
    make_prompt(prompt, 40, 9);
    trit_engine *engine = new_engine(model, (trit_engine_opts){0});
    complete(engine, prompt, 40, &first);
    assert_true(trit_os_name_beside(beside, sizeof beside, path));
    const char *dot = strrchr(beside, '-');
    assert_non_null(dot);
    snprintf(next, sizeof next, "%.*s-%d.part", (int)(dot - beside), beside, atoi(dot + 1) + 1);
    assert_ok(trit_fs_grow_open(&part, next, &err));
    assert_ok(trit_fs_grow_add(&part, "junk", 4, next, &err));
    trit_fs_grow_close(&part);
    assert_ok(trit_engine_save(engine, path, NULL, 0, NULL, &err));
    assert_int_equal(trit_fs_look(next).kind, trit_fs_absent);
    assert_ok(trit_engine_restore(engine, path, NULL, NULL, &err));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    trit_engine_free(engine);
}

/* The disk is full, or the folder is gone: what was there stays, and nothing beside it. */
static void a_failed_save_leaves_the_old_one(void **state) {
    (void)state;
    trit_error err = {0};
    struct rlimit before, small = {.rlim_cur = 1000};
    size_t n_old, n_new;
    int32_t prompt[40];
    make_prompt(prompt, 40, 7);
    trit_engine *engine = new_engine(model, (trit_engine_opts){0});
    complete(engine, prompt, 40, &first);
    assert_ok(trit_engine_save(engine, path, "old", 3, NULL, &err));
    char *old = test_read(path, &n_old);
    const size_t n_files = files_here();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(trit_engine_save(engine, path, "new", 3, NULL, &err), trit_io);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(trit_engine_save(engine, "absent/a.session", NULL, 0, NULL, &err), trit_io);
    assert_int_equal(files_here(), n_files);
    char *now = test_read(path, &n_new);
    assert_int_equal(n_new, n_old);
    assert_memory_equal(now, old, n_old);
    free(now);
    free(old);
    refuse(new_engine(model, (trit_engine_opts){.kv = trit_kv_f32}), trit_format, "f16");
    trit_engine_free(engine);
}

static atomic_int n_signals; /* any thread may be the one that is stopped */

static void on_alarm(int signal_number) {
    atomic_fetch_add(&n_signals, signal_number != 0);
}

/* Ctrl-C while it is saved or restored: calls of the system are cut short, and the session is whole. */
static void signals_do_no_harm(void **state) {
    (void)state;
    trit_error err;
    int32_t prompt[100];
    const struct itimerval often = {.it_interval = {.tv_usec = 200}, .it_value = {.tv_usec = 200}}, never = {.it_value = {.tv_sec = 0}};
    struct sigaction action = {.sa_handler = on_alarm}, before; /* without SA_RESTART, as the program's own */
    make_prompt(prompt, 100, 8);
    trit_engine *engine = new_engine(model, (trit_engine_opts){.kv = trit_kv_f32});
    complete(engine, prompt, 100, &first);
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    for (int i = 0; i < 10 || (n_signals < 3 && i < 1000); i++) {
        trit_session_info info = {0};
        assert_ok(trit_engine_save(engine, path, NULL, 0, NULL, &err));
        assert_ok(trit_engine_restore(engine, path, NULL, &info, &err));
        assert_int_equal(info.n_kept, 96);
    }
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_true(n_signals >= 3);
    trit_engine_free(engine);
}

static int open_model(void **state) {
    trit_error err;
    (void)state;
    return trit_model_open(&model, "synthetic:tiny", NULL, &err) != trit_ok;
}

static int close_model(void **state) {
    (void)state;
    trit_model_close(model);
    return remove(path) != 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored_pages_give_the_same_bits),
        cmocka_unit_test(what_was_used_last_goes_first),
        cmocka_unit_test(a_running_sequence_is_saved_too),
        cmocka_unit_test(adapters_give_the_same_bits),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(a_part_left_behind_does_no_harm),
        cmocka_unit_test(a_failed_save_leaves_the_old_one),
        cmocka_unit_test(signals_do_no_harm),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
