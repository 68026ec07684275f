/* The store without a hub: references, names, heads of responses, and lists, removals and the limit over folders made by hand. */
#include "test.h"

#include <sys/stat.h>
#include <utime.h>

#include "base/fs.h"
#include "io/hub.h"

static trit_error err;

static int set_up(void **state) {
    (void)state;
    static const char *const unset[] = {"HF_HOME", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRIT_CACHE_LIMIT", "XDG_CACHE_HOME"};
    for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++) unsetenv(unset[i]);
    setenv("HF_HUB_CACHE", "hub", 1);
    return system("rm -rf hub");
}

static void references(void **state) {
    (void)state;
    static const struct {
        const char *text, *repo, *file, *revision;
    } good[] = {
        {"hf:org/name", "org/name", "", ""},
        {"hf:name", "name", "", ""},
        {"hf:org/na.me_1-2:a/b c.gguf@v1.0", "org/na.me_1-2", "a/b c.gguf", "v1.0"},
        {"hf:org/name@refs/pr/1", "org/name", "", "refs/pr/1"},
        {"org/name:x", "org/name", "x", ""},
        {"bonsai-8b", "prism-ml/Ternary-Bonsai-8B-gguf", "PQ2_0", ""},
    };
    static const char *const bad[] = {"",          "hf:",       "hf:/name",   "hf:org/",      "hf:a/b/c",     "hf:org//name", "hf:-a/b",   "hf:a-/b",
                                      "hf:.a/b",   "hf:a/b.",   "hf:a--b/c",  "hf:a/b..c",    "hf:a b/c",     "hf:a/b:",      "hf:a/b@",   "hf:a/b:../c",
                                      "hf:a/b:/c", "hf:a/b@..", "hf:a/b@/x",  "hf:a/b:c\nd",  "hf:a/b:nul",   "hf:a/b:x\\y",  "hf:a/b@x:y", "hf:a/b:\xff",
                                      "hf:a/b:c.", "hf:a/b:c ", "hf:a/b:COM7", "hf:a/b:lpt1.gguf"};
    trit_hub_ref ref;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(trit_hub_ref_parse(&ref, good[i].text, true, &err));
        assert_string_equal(ref.repo, good[i].repo);
        assert_string_equal(ref.file, good[i].file);
        assert_string_equal(ref.revision, good[i].revision);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (trit_hub_ref_parse(&ref, bad[i], true, &err) != trit_arg) fail_msg("\"%s\" is taken", bad[i]);
    assert_int_equal(trit_hub_ref_parse(&ref, "org/name", false, &err), trit_arg);
    char longest[700];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(trit_hub_ref_parse(&ref, longest, true, &err), trit_arg);
    memcpy(longest, "hf:a/b:", 7);
    assert_int_equal(trit_hub_ref_parse(&ref, longest, true, &err), trit_arg);
    memcpy(longest, "hf:a/b@", 7);
    assert_int_equal(trit_hub_ref_parse(&ref, longest, true, &err), trit_arg);
}

/* Every alias is a reference, and stands once. */
static void aliases(void **state) {
    (void)state;
    const char *name, *other, *text, *what;
    trit_hub_ref ref;
    for (size_t i = 0; (name = trit_hub_alias_at(i, &text, &what)); i++) {
        assert_ok(trit_hub_ref_parse(&ref, text, false, &err));
        assert_true(trit_hub_is_ref(name) && *what);
        for (size_t k = 0; k < i && (other = trit_hub_alias_at(k, NULL, NULL)); k++) assert_string_not_equal(name, other);
    }
    assert_false(trit_hub_is_ref("model.gguf"));
    assert_false(trit_hub_is_ref(NULL));
    assert_true(trit_hub_is_ref("hf:"));
}

static void patterns(void **state) {
    (void)state;
    static const char *const names[] = {"M-Q2_0.gguf", "M-PQ2_0.gguf", "m.i2_s.gguf", "Q2_0.gguf", "readme-Q2_0"};
    assert_string_equal(trit_hub_tagged(names, 5, "Q2_0"), "M-Q2_0.gguf");
    assert_string_equal(trit_hub_tagged(names, 5, "I2_S"), "m.i2_s.gguf");
    assert_null(trit_hub_tagged(names, 5, ""));
    assert_null(trit_hub_tagged(names, 5, "F16"));
}

static void heads(void **state) {
    (void)state;
    static const char sum[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    char line[200];
    trit_hub_head h = {.from_hub = true};
#define LINE(...) (snprintf(line, sizeof line, __VA_ARGS__), trit_hub_head_line(&h, line, strlen(line)))
    LINE("HTTP/1.1 302 Found\r\n");
    LINE("x-linked-ETAG: W/\"%s\"\r\n", sum);
    LINE("X-Linked-Size: 17\r\n");
    LINE("ETag: \"0123456789abcdef0123456789abcdef01234567\"\r\n");
    LINE("X-Repo-Commit: ../../../../../../../../../../../../../etc\r\n");
    assert_int_equal(h.code, 302);
    assert_string_equal(h.hash, sum);
    assert_int_equal(h.n_bytes, 17);
    assert_string_equal(h.commit, "");
    h.from_hub = false; /* another server tells of itself alone */
    LINE("HTTP/2 206\r\n");
    LINE("X-Linked-Etag: \"0123456789abcdef0123456789abcdef01234567\"\r\n");
    LINE("Content-Range: bytes 5-9/10\r\n");
    LINE("Content-Length: 5\r\n");
    LINE("Retry-After: 7\r\n");
    assert_int_equal(h.code, 206);
    assert_string_equal(h.hash, sum);
    assert_true(h.has_range && h.range_first == 5 && h.range_total == 10 && h.has_length && h.length == 5 && h.rest_s == 7);
    static const char *const bad_ranges[] = {"bytes 5-9/*",  "bytes 9-5/10",  "bytes 5-10/10", "bytes -1-5/10",
                                             "items 5-9/10", "bytes 5-9/10x", "bytes 5-9/99999999999999999999"};
    for (size_t i = 0; i < sizeof bad_ranges / sizeof bad_ranges[0]; i++) {
        LINE("Content-Range: %s\r\n", bad_ranges[i]);
        assert_false(h.has_range);
    }
    LINE("HTTP/1.1 abc\r\n");
    assert_int_equal(h.code, 0);
    assert_int_equal(h.rest_s, 0);
#undef LINE
}

static void where(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *folder;
    } steps[] = {
        {"HF_HUB_CACHE", NULL, "/u/.cache/huggingface/hub"}, {"XDG_CACHE_HOME", "/x", "/x/huggingface/hub"},
        {"HF_HOME", "~/h", "/u/h/hub"},                       {"HF_HUB_CACHE", "/c/", "/c"},
    };
    trit_text path = {0};
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "");
    setenv("HOME", "/u", 1);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i].value) setenv(steps[i].name, steps[i].value, 1);
        else unsetenv(steps[i].name);
        assert_ok(trit_hub_folder(&path, &err));
        assert_string_equal(path.data, steps[i].folder);
    }
    unsetenv("HF_HUB_CACHE");
    unsetenv("HF_HOME");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_int_equal(trit_hub_folder(&path, &err), trit_arg);
    assert_ok(trit_hub_token(&path, &err));
    assert_int_equal(path.n, 0);
    setenv("HOME", home, 1);
    free(home);
    trit_text_fini(&path);
    uint64_t limit;
    assert_ok(trit_hub_limit(&limit, &err));
    assert_true(limit == UINT64_MAX);
    setenv("TRIT_CACHE_LIMIT", "1.5gb", 1);
    assert_ok(trit_hub_limit(&limit, &err));
    assert_int_equal(limit, 1500000000);
    static const char *const bad[] = {"much", "-1", "5X", "5GBs", "1e30", "nan", "GB"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        setenv("TRIT_CACHE_LIMIT", bad[i], 1);
        assert_int_equal(trit_hub_limit(&limit, &err), trit_arg);
    }
}

/* A model of n files of 1000 bytes; file i is file i of all models whose first letters agree. */
static void make(const char *repo, const char *commit, int n, bool ours, time_t used) {
    trit_hub_cache c;
    char path[trit_hub_max_path], bytes[1000] = "";
    assert_ok(trit_hub_cache_open(&c, repo, &err));
    struct stat st;
    const bool is_new = stat(c.folder, &st) != 0;
    assert_ok(trit_hub_cache_make(&c, &err));
    for (int i = 0; i < n; i++) {
        char hash[65], name[40];
        snprintf(hash, sizeof hash, "%040d", i + 1);
        snprintf(name, sizeof name, "sub/file%d", i);
        assert_ok(trit_hub_path(path, &err, "%s/blobs/%s", c.folder, hash));
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(bytes, 1, sizeof bytes, f);
        fclose(f);
        assert_ok(trit_hub_cache_link(&c, commit, name, hash, &err));
    }
    assert_ok(trit_hub_cache_put_ref(&c, commit[0] == 'a' ? "main" : "refs/pr/1", commit, &err));
    assert_ok(trit_hub_path(path, &err, "%s/.trit", c.folder));
    if (!ours && is_new) remove(path);
    else if (used) assert_int_equal(utime(path, &(struct utimbuf){used, used}), 0);
}

static const char a40[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b40[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

static size_t n_listed(void) {
    trit_hub_snapshots list = {0};
    assert_ok(trit_hub_list(&list, &err));
    const size_t n = list.n;
    trit_hub_snapshots_fini(&list);
    return n;
}

static void lists_and_removals(void **state) {
    (void)state;
    trit_hub_snapshots list = {0};
    uint64_t n = 0;
    assert_int_equal(n_listed(), 0);
    make("org/x", a40, 2, true, 0);
    make("org/x", b40, 3, true, 0);
    make("y", a40, 1, false, 0);
    assert_int_equal(system("mkdir -p hub/models--org--x/snapshots/strange hub/datasets--org--z hub/models--; touch hub/file; "
                            "head -c 77 /dev/zero > hub/models--y/blobs/0000.incomplete"), 0);
    assert_ok(trit_hub_list(&list, &err));
    assert_int_equal(list.n, 4);
    assert_string_equal(list.item[0].name, "org/x");
    assert_string_equal(list.item[0].revision, "main");
    assert_string_equal(list.item[0].commit, a40);
    assert_int_equal(list.item[0].n_bytes, 2000);
    assert_string_equal(list.item[0].files[1].name, "sub/file1");
    assert_true(list.item[0].is_ours);
    assert_string_equal(list.item[1].revision, "refs/pr/1");
    assert_int_equal(list.item[1].n_files, 3);
    assert_string_equal(list.item[2].name, "y");
    assert_false(list.item[2].is_ours);
    assert_int_equal(list.item[3].n_bytes, 77);
    assert_string_equal(list.item[3].commit, "");
    assert_true(list.item[3].files[0].is_partial);
    trit_hub_snapshots_fini(&list);
    /* Partial files; one revision, whose other files stay; a file; the rest. */
    trit_fs_lock lock = {0};
    bool held;
    assert_ok(trit_fs_lock_try(&lock, "hub/.locks/models--y/0000.lock", &held, &err));
    assert_true(held);
    assert_ok(trit_hub_remove_partial(&n, &err)); /* that one is being pulled */
    assert_int_equal(n, 0);
    trit_fs_lock_release(&lock);
    assert_ok(trit_hub_remove_partial(&n, &err));
    assert_int_equal(n, 77);
    assert_ok(trit_hub_remove("hf:org/x@refs/pr/1", &n, &err));
    assert_int_equal(n, 1000);
    assert_int_equal(n_listed(), 2);
    assert_int_equal(trit_hub_remove("hf:org/x@refs/pr/1", &n, &err), trit_io);
    assert_ok(trit_hub_remove("org/x:sub/file0", &n, &err));
    assert_int_equal(n, 1000);
    assert_int_equal(trit_hub_remove("org/x:sub/file0", &n, &err), trit_io);
    /* Not while pulls share the model's lock, which they cannot while somebody removes it. */
    trit_fs_lock first = {0}, second = {0};
    assert_ok(trit_hub_cache_lock("hub/.locks/models--y", false, &first, &held, &err));
    assert_true(held);
    assert_ok(trit_hub_cache_lock("hub/.locks/models--y", false, &second, &held, &err));
    assert_true(held);
    trit_fs_lock_release(&first);
    assert_int_equal(trit_hub_remove("y", &n, &err), trit_io);
    assert_non_null(strstr(err.message, "being pulled"));
    trit_fs_lock_release(&second);
    assert_ok(trit_hub_cache_lock("hub/.locks/models--y", true, &first, &held, &err));
    assert_true(held);
    assert_ok(trit_hub_cache_lock("hub/.locks/models--y", false, &second, &held, &err));
    assert_false(held);
    trit_fs_lock_release(&first);
    assert_ok(trit_hub_remove("org/x:sub/file1", &n, &err)); /* the last: the model goes too */
    assert_int_equal(n_listed(), 1);
    assert_ok(trit_hub_remove("y", &n, &err));
    assert_int_equal(n, 1000);
    assert_int_equal(n_listed(), 0);
    assert_int_equal(trit_hub_remove("../hub", &n, &err), trit_arg);
}

/* A broken store is listed as far as it goes. */
static void broken(void **state) {
    (void)state;
    make("org/x", a40, 2, true, 0);
    assert_int_equal(system("cd hub/models--org--x; rm blobs/*1; echo rubbish > refs/other; ln -s loop refs/loop; "
                            "ln -s .. snapshots/cccccccccccccccccccccccccccccccccccccccc"),
                     0);
    trit_hub_snapshots list = {0};
    assert_ok(trit_hub_list(&list, &err));
    assert_int_equal(list.n, 1);
    assert_int_equal(list.item[0].n_files, 1);
    trit_hub_snapshots_fini(&list);
    uint64_t n;
    assert_ok(trit_hub_remove("org/x", &n, &err));
    assert_int_equal(n_listed(), 0);
}

/* The longest unused of ours go first; others' never; what is being pulled neither. */
static void the_limit(void **state) {
    (void)state;
    const trit_hub_opts none = {0};
    trit_hub_cache c;
    make("org/old", a40, 2, true, 1000);
    make("org/older", a40, 2, true, 500);
    make("org/new", a40, 2, true, 2000);
    make("org/theirs", a40, 5, false, 0);
    assert_ok(trit_hub_make_room("hub/models--org--next", 1 << 30, &none, &err)); /* no limit */
    assert_int_equal(n_listed(), 4);
    setenv("TRIT_CACHE_LIMIT", "7K", 1);
    assert_ok(trit_hub_make_room("hub/models--org--next", 1000, &none, &err));
    assert_int_equal(n_listed(), 4);
    assert_ok(trit_hub_make_room("hub/models--org--next", 1001, &none, &err));
    assert_int_equal(n_listed(), 3);
    assert_ok(trit_hub_cache_open(&c, "org/older", &err));
    struct stat st;
    assert_int_not_equal(stat(c.folder, &st), 0);
    /* A use counts. */
    assert_ok(trit_hub_cache_open(&c, "org/old", &err));
    trit_hub_cache_use(&c);
    assert_ok(trit_hub_make_room("hub/models--org--next", 4000, &none, &err));
    assert_int_equal(stat(c.folder, &st), 0);
    assert_int_equal(n_listed(), 2);
    /* What cannot suffice removes nothing: too much is kept, or being pulled. */
    make("org/new", a40, 2, true, 2000);
    assert_int_equal(trit_hub_make_room(c.folder, 5001, &none, &err), trit_io);
    assert_int_equal(n_listed(), 3);
    char path[trit_hub_max_path];
    trit_fs_lock lock = {0};
    bool held;
    assert_ok(trit_hub_path(path, &err, "%s/x.lock", c.locks));
    assert_ok(trit_fs_lock_try(&lock, path, &held, &err));
    assert_true(held);
    assert_int_equal(trit_hub_make_room("hub/models--org--next", 5001, &none, &err), trit_io);
    assert_int_equal(n_listed(), 3);
    assert_ok(trit_hub_make_room("hub/models--org--next", 5000, &none, &err));
    assert_int_equal(n_listed(), 2);
    trit_fs_lock_release(&lock);
    /* Nothing of ours is left to go. */
    assert_int_equal(trit_hub_make_room(c.folder, 6000, &none, &err), trit_io);
    assert_int_equal(trit_hub_make_room("hub/models--org--next", 8000, &none, &err), trit_io);
    assert_int_equal(n_listed(), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(references, set_up), cmocka_unit_test_setup(aliases, set_up),            cmocka_unit_test_setup(patterns, set_up),
        cmocka_unit_test_setup(heads, set_up),      cmocka_unit_test_setup(where, set_up),              cmocka_unit_test_setup(lists_and_removals, set_up),
        cmocka_unit_test_setup(broken, set_up),     cmocka_unit_test_setup(the_limit, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
