/* A run of training in a second: a story of small letters, a token each, and the configuration for it. */
#ifndef TRIT_TESTS_TRAIN_RUN_H
#define TRIT_TESTS_TRAIN_RUN_H

#include "base/fs.h"
#include "base/rng.h"
#include "test.h"
#include "trit/trit.h"

enum { run_path_bytes = 512 };

static inline void run_write(const char *path, const char *text, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* A folder for a test: empty, with story.txt and tokenizer.json in it. */
static inline void run_folder(char folder[run_path_bytes], const char *name) {
    static const char *const words[] = {"the ", "cat ", "sat ", "on ", "a ", "mat ", "and ", "saw ", "the ", "dog. "};
    static const char head[] = "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],\"normalizer\":null,"
                               "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[a-z. ]\"},\"behavior\":\"Isolated\",\"invert\":false},"
                               "\"post_processor\":null,\"decoder\":{\"type\":\"Fuse\"},\"model\":{\"type\":\"WordLevel\",\"unk_token\":\".\",\"vocab\":{";
    trit_error err;
    char path[run_path_bytes + 32], text[4096] = "", json[2048];
    snprintf(folder, run_path_bytes, "%s/%s", TRIT_BINARY_DIR, name);
    assert_ok(trit_fs_remove(folder, &err));
    assert_ok(trit_fs_make_dirs(folder, &err));
    for (uint64_t i = 0; strlen(text) < 2500; i++) strcat(text, words[trit_rng_u64(1, i) % 10]);
    snprintf(path, sizeof path, "%s/story.txt", folder);
    run_write(path, text, strlen(text));
    int n = snprintf(json, sizeof json, "%s", head);
    for (int i = 0; i < 28; i++)
        n += snprintf(json + n, sizeof json - (size_t)n, "%s\"%c\":%d", i ? "," : "", i < 26 ? 'a' + i : i == 26 ? ' ' : '.', i);
    n += snprintf(json + n, sizeof json - (size_t)n, "}}}");
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    run_write(path, json, (size_t)n);
}

/* Pairs of key and value, NULL behind the last, on top of the usual ones. A model to begin with has its own shape. */
static inline trit_train_config *run_config(const char *folder, const char *const *more) {
    static const char *const usual[] = {"n_layers", "2",    "dim",        "16", "ff_dim", "32",  "n_heads",    "2", "n_kv_heads", "1",  "context", "16",
                                        "steps",    "40",   "batch_rows", "4",  "lr",     "0.02", "warmup",     "4", "threads",    "1",  NULL};
    enum { shape = 12 };
    trit_error err;
    trit_train_config *c;
    char path[run_path_bytes + 32];
    bool has_init = false;
    for (size_t i = 0; more && more[i]; i += 2) has_init |= strcmp(more[i], "init") == 0;
    assert_ok(trit_train_config_new(&c, &err));
    for (size_t i = has_init ? shape : 0; usual[i]; i += 2) assert_ok(trit_train_config_set(c, usual[i], usual[i + 1], &err));
    snprintf(path, sizeof path, "%s/story.txt", folder);
    assert_ok(trit_train_config_set(c, "data", path, &err));
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    assert_ok(trit_train_config_set(c, "tokenizer", path, &err));
    snprintf(path, sizeof path, "%s/out", folder);
    assert_ok(trit_train_config_set(c, "output", path, &err));
    for (size_t i = 0; more && more[i]; i += 2) assert_ok(trit_train_config_set(c, more[i], more[i + 1], &err));
    return c;
}

static inline trit_trainer *run_new(const char *folder, const char *const *more) {
    trit_error err;
    trit_trainer *t;
    trit_train_config *c = run_config(folder, more);
    assert_ok(trit_trainer_new(&t, c, &err));
    trit_train_config_free(c);
    return t;
}

static inline trit_train_stats run_steps(trit_trainer *t, size_t n) {
    trit_error err;
    trit_train_stats s = {0};
    for (size_t i = 0; i < n; i++) assert_ok(trit_trainer_step(t, &s, &err));
    return s;
}

#endif
