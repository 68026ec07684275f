/* Pulls from a hub on this machine, which behaves and misbehaves: every pull ends right or with the reason, and no blob of the store
 * ever holds other bytes than its name says. */
#include "hub_server.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "trit/hub.h"

static const char commit[] = "0123456789abcdef0123456789abcdef01234567";
static const char repo_folder[] = "hub/models--org--name";
static trit_error err;

/* A store of its own for every test; attempts follow each other quickly. */
static int set_up(void **state) {
    (void)state;
    static const char *const unset[] = {"HF_HOME",    "HF_TOKEN",   "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRIT_CACHE_LIMIT",
                                        "http_proxy", "HTTP_PROXY", "all_proxy",     "ALL_PROXY"};
    for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++) unsetenv(unset[i]);
    setenv("HF_HUB_CACHE", "hub", 1);
    setenv("HF_TOKEN_PATH", "no-token", 1);
    return system("rm -rf hub no-token");
}

static const trit_hub_opts quick = {.rest_ms = 1};

static void pull(trit_hub_snapshot *s, const char *ref) {
    *s = (trit_hub_snapshot){0};
    assert_ok(trit_hub_pull(s, ref, &quick, &err));
}

static void expect_refused_with(const char *ref, const trit_hub_opts *o, trit_status status, const char *word) {
    trit_hub_snapshot s = {0};
    err = (trit_error){0};
    const trit_status got = trit_hub_pull(&s, ref, o, &err);
    if (got != status || !strstr(err.message, word)) fail_msg("%s: %d \"%s\" instead of %d \"%s\"", ref, got, err.message, status, word);
}

static void expect_refused(const char *ref, trit_status status, const char *word) {
    expect_refused_with(ref, &quick, status, word);
}

static void expect_file(const char *path, const hub_file *f) {
    size_t n;
    char *data = test_read(path, &n);
    assert_int_equal(n, f->n);
    assert_memory_equal(data, f->data, n);
    free(data);
}

static bool exists(const char *fmt, ...) TRIT_PRINTF(1, 2);
static bool exists(const char *fmt, ...) {
    char path[1024];
    struct stat st;
    va_list args;
    va_start(args, fmt);
    vsnprintf(path, sizeof path, fmt, args);
    va_end(args);
    return lstat(path, &st) == 0;
}

/* Whatever happened: a blob is what its name says. Returns how many there are. */
static size_t check_store(void) {
    char path[1024];
    size_t n_blobs = 0;
    snprintf(path, sizeof path, "%s/blobs", repo_folder);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.' || strchr(e->d_name, '.')) continue;
        size_t n;
        trit_sha sum;
        char hex[trit_sha_hex_max], head[40];
        snprintf(path, sizeof path, "%s/blobs/%s", repo_folder, e->d_name);
        char *data = test_read(path, &n);
        if (strlen(e->d_name) == 64) trit_sha256_init(&sum);
        else {
            trit_sha1_init(&sum);
            trit_sha_add(&sum, head, (size_t)snprintf(head, sizeof head, "blob %zu", n) + 1);
        }
        trit_sha_add(&sum, data, n);
        trit_sha_hex(&sum, hex);
        assert_string_equal(hex, e->d_name);
        free(data);
        n_blobs++;
    }
    if (dir) closedir(dir);
    return n_blobs;
}

static void one_file(void **state) {
    (void)state;
    hub_server hub = {0};
    trit_hub_snapshot s;
    char link[1024], target[200];
    hub_add_random(&hub, "model.gguf", 300000, 1, true);
    hub_add(&hub, "README.md", "read me", 7, false);
    hub_start(&hub);
    pull(&s, "hf:org/name");
    assert_string_equal(s.name, "org/name");
    assert_string_equal(s.revision, "main");
    assert_string_equal(s.commit, commit);
    assert_int_equal(s.n_files, 1);
    assert_int_equal(s.n_bytes, 300000);
    assert_int_equal(s.n_bytes_fetched, 300000);
    expect_file(s.path, &hub.file[0]);
    /* The layout, as huggingface_hub documents it. */
    snprintf(link, sizeof link, "%s/snapshots/%s/model.gguf", repo_folder, commit);
    assert_string_equal(s.path, link);
    const ssize_t n = readlink(link, target, sizeof target - 1);
    assert_true(n > 0);
    target[n] = '\0';
    char expected[200];
    snprintf(expected, sizeof expected, "../../blobs/%s", hub.file[0].hash);
    assert_string_equal(target, expected);
    char *ref = test_read("hub/models--org--name/refs/main", NULL);
    assert_string_equal(ref, commit);
    free(ref);
    assert_int_equal(check_store(), 1);
    trit_hub_snapshot_fini(&s);
    /* Again: nothing is fetched. */
    const unsigned long long sent = atomic_load(&hub.n_sent);
    pull(&s, "hf:org/name:model.gguf@main");
    assert_int_equal(s.n_bytes_fetched, 0);
    assert_true(s.files[0].was_there);
    assert_int_equal(atomic_load(&hub.n_sent), sent);
    trit_hub_snapshot_fini(&s);
    /* And resolved without a question to the hub. */
    const int asked = atomic_load(&hub.n_requests);
    trit_text path = {0};
    assert_ok(trit_hub_resolve(&path, "hf:org/name", &quick, &err));
    assert_string_equal(path.data, link);
    assert_int_equal(atomic_load(&hub.n_requests), asked);
    trit_text_fini(&path);
    hub_stop(&hub);
}

static void add_folder(hub_server *hub) {
    static const char index[] = "{\"metadata\": {}, \"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\", "
                                "\"b\": \"sub/model-00002-of-00002.safetensors\", "
                                "\"c\": \"model-00001-of-00002.safetensors\"}}";
    hub_add(hub, "config.json", "{}", 2, false);
    hub_add(hub, "tokenizer.json", "{\"t\": 1}", 8, false);
    hub_add(hub, "model.safetensors.index.json", index, sizeof index - 1, false);
    hub_add_random(hub, "model-00001-of-00002.safetensors", 50000, 2, true);
    hub_add_random(hub, "sub/model-00002-of-00002.safetensors", 70000, 3, true);
    hub_add_random(hub, "consolidated.safetensors", 90000, 4, true);
    hub_add(hub, "empty.txt", "", 0, false);
    hub_add_random(hub, "pytorch_model.bin", 1000, 5, true);
}

static void a_folder(void **state) {
    (void)state;
    hub_server hub = {.redirect = "http://localhost:%d"};
    trit_hub_snapshot s;
    char path[1024];
    add_folder(&hub);
    hub_start(&hub);
    pull(&s, "hf:org/name");
    assert_int_equal(s.n_files, 5);
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", s.path, hub.file[i].name);
        expect_file(path, &hub.file[i]);
    }
    assert_false(exists("%s/consolidated.safetensors", s.path));
    assert_int_equal(check_store(), 5);
    trit_hub_snapshot_fini(&s);
    /* By patterns; a file of no bytes is one too. */
    const char *include[] = {"*.txt", "pytorch_*"};
    s = (trit_hub_snapshot){0};
    assert_ok(trit_hub_pull(&s, "hf:org/name", &(trit_hub_opts){.include = include, .n_include = 2, .rest_ms = 1}, &err));
    assert_int_equal(s.n_files, 2);
    assert_int_equal(check_store(), 7);
    trit_hub_snapshot_fini(&s);
    expect_refused_with("hf:org/name", &(trit_hub_opts){.include = (const char *[]){"nothing*"}, .n_include = 1}, trit_arg, "nothing*");
    expect_refused_with("hf:org/name:empty.txt", &(trit_hub_opts){.include = include, .n_include = 2}, trit_arg, "--include");
    /* Only a look. */
    s = (trit_hub_snapshot){0};
    assert_ok(trit_hub_pull(&s, "hf:org/name:consolidated.safetensors", &(trit_hub_opts){.look = true}, &err));
    assert_int_equal(s.n_bytes_fetched, 90000);
    assert_int_equal(check_store(), 7);
    trit_hub_snapshot_fini(&s);
    hub_stop(&hub);
}

static void count_lines(void *user, const char *line) {
    int *n = user;
    (void)line;
    ++*n;
}

/* Two names for the same bytes: they travel once, and nobody waits for himself. */
static void equal_files(void **state) {
    (void)state;
    hub_server hub = {0};
    trit_hub_snapshot s = {0};
    const char *include[] = {"*.gguf"};
    char path[1024];
    int n_said = 0;
    hub_add_random(&hub, "a.gguf", 1000, 1, true);
    hub_add_random(&hub, "b.gguf", 1000, 1, true);
    hub_start(&hub);
    assert_ok(trit_hub_pull(&s, "hf:org/name", &(trit_hub_opts){.include = include, .n_include = 1, .rest_ms = 1, .say = count_lines, .user = &n_said}, &err));
    assert_int_equal(n_said, 1); /* that it begins */
    assert_int_equal(s.n_files, 2);
    assert_int_equal(s.n_bytes_fetched, 1000);
    assert_int_equal(atomic_load(&hub.n_sent), 1000);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", s.path, hub.file[i].name);
        expect_file(path, &hub.file[i]);
    }
    assert_int_equal(check_store(), 1);
    trit_hub_snapshot_fini(&s);
    hub_stop(&hub);
}

static void a_choice(void **state) {
    (void)state;
    hub_server hub = {0};
    trit_hub_snapshot s;
    hub_add_random(&hub, "Name-Q2_0.gguf", 1000, 1, true);
    hub_add_random(&hub, "Name-PQ2_0.gguf", 2000, 2, true);
    hub_add_random(&hub, "deep/down/Name-F16.gguf", 3000, 3, true);
    hub_start(&hub);
    expect_refused("hf:org/name", trit_arg, "Name-Q2_0.gguf (0.0 MB), Name-PQ2_0.gguf");
    pull(&s, "hf:org/name:q2_0");
    expect_file(s.path, &hub.file[0]);
    trit_hub_snapshot_fini(&s);
    pull(&s, "hf:org/name:deep/down/Name-F16.gguf");
    expect_file(s.path, &hub.file[2]);
    trit_hub_snapshot_fini(&s);
    expect_refused("hf:org/name:Q9", trit_io, "no file \"Q9\"");
    expect_refused("hf:org/other", trit_io, "404");
    expect_refused("hf:org/name@../../x", trit_arg, "no branch");
    expect_refused("hf:../name", trit_arg, "no name");
    expect_refused("hf:org/name:../x", trit_arg, "no name");
    expect_refused("nothing", trit_arg, "neither");
    assert_int_equal(check_store(), 2);
    hub_stop(&hub);
}

static void no_model(void **state) {
    (void)state;
    hub_server hub = {0};
    hub_add(&hub, "README.md", "x", 1, false);
    hub_start(&hub);
    expect_refused("hf:org/name", trit_unsupported, "README.md");
    hub_stop(&hub);
}

/* The token is for the hub and for nobody else; the way leads to no plain http elsewhere. */
static void tokens_and_redirects(void **state) {
    (void)state;
    hub_server hub = {.redirect = "http://localhost:%d"};
    trit_hub_snapshot s;
    hub_add_random(&hub, "a.gguf", 1000, 1, true);
    hub_start(&hub);
    setenv("HF_TOKEN", "secret\n", 1);
    pull(&s, "hf:org/name");
    trit_hub_snapshot_fini(&s);
    assert_int_equal(atomic_load(&hub.n_tokens_at_hub), 2);
    assert_int_equal(atomic_load(&hub.n_tokens_elsewhere), 0);
    unsetenv("HF_TOKEN");
    assert_int_equal(system("echo secret > no-token; rm -rf hub"), 0);
    pull(&s, "hf:org/name");
    trit_hub_snapshot_fini(&s);
    assert_int_equal(atomic_load(&hub.n_tokens_at_hub), 4);
    assert_int_equal(atomic_load(&hub.n_tokens_elsewhere), 0);
    setenv("HF_TOKEN", "two words", 1);
    expect_refused("hf:org/name", trit_arg, "token");
    setenv("HF_TOKEN", "line\r\nX-Other: line", 1);
    expect_refused("hf:org/name", trit_arg, "token");
    unsetenv("HF_TOKEN");
    assert_int_equal(system("rm -rf hub"), 0);
    hub.redirect = "http://somewhere.invalid";
    expect_refused("hf:org/name", trit_format, "not safe");
    hub.redirect = "http://127.somewhere.invalid"; /* a name, and not this machine */
    expect_refused("hf:org/name", trit_format, "not safe");
    hub.redirect = "file:///etc/passwd?";
    expect_refused("hf:org/name", trit_format, "no address");
    hub.redirect = "ftp://localhost";
    expect_refused("hf:org/name", trit_format, "not safe");
    hub.redirect = "/org/name/resolve/x"; /* to itself, for ever */
    expect_refused("hf:org/name", trit_format, "redirected");
    assert_int_equal(check_store(), 0);
    setenv("HF_ENDPOINT", "gopher://x", 1);
    expect_refused("hf:org/name", trit_arg, "HF_ENDPOINT");
    hub_stop(&hub);
}

/* A proxy of the environment gets no request to this machine, and so no token. */
static void past_the_proxy(void **state) {
    (void)state;
    hub_server proxy = {0}, hub = {.redirect = "http://localhost:%d"};
    trit_hub_snapshot s;
    char address[64];
    hub_start(&proxy);
    snprintf(address, sizeof address, "http://127.0.0.1:%d", proxy.port);
    hub_add_random(&hub, "a.gguf", 1000, 1, true);
    hub_start(&hub);
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    setenv("http_proxy", address, 1);
    setenv("HF_TOKEN", "secret", 1);
    pull(&s, "hf:org/name");
    trit_hub_snapshot_fini(&s);
    assert_int_equal(atomic_load(&hub.n_tokens_at_hub), 2);
    assert_int_equal(atomic_load(&proxy.n_requests), 0);
    hub_stop(&hub);
    hub_stop(&proxy);
}

/* Connections that end at random bytes, rudely or with a length that says so, and servers that know no ranges. */
static void dropped(void **state) {
    (void)state;
    for (uint32_t round = 0; round < 40; round++) {
        hub_server hub = {.drop_bytes = 60000, .seed = round, .drop_politely = round % 2, .ignore_range = round % 8 == 5};
        trit_hub_snapshot s;
        char path[1024];
        assert_int_equal(system("rm -rf hub"), 0);
        if (round % 4 < 2) hub.redirect = "http://localhost:%d";
        atomic_store(&hub.n_drops, hub.ignore_range ? 4 : 20);
        add_folder(&hub);
        hub_start(&hub);
        s = (trit_hub_snapshot){0};
        assert_ok(trit_hub_pull(&s, "hf:org/name", &(trit_hub_opts){.rest_ms = 1, .n_tries = 30}, &err));
        for (size_t i = 0; i < 5; i++) {
            snprintf(path, sizeof path, "%s/%s", s.path, hub.file[i].name);
            expect_file(path, &hub.file[i]);
        }
        assert_int_equal(check_store(), 5);
        trit_hub_snapshot_fini(&s);
        hub_stop(&hub);
    }
}

/* Servers that lie. */
static void lies(void **state) {
    (void)state;
    hub_server hub = {.wrong_byte = true};
    hub_add_random(&hub, "a.gguf", 200000, 1, true);
    hub_start(&hub);
    expect_refused("hf:org/name", trit_format, "checksum");
    assert_false(exists("%s/blobs/%s.incomplete", repo_folder, hub.file[0].hash));
    hub.wrong_byte = false;
    hub.extra_bytes = true;
    expect_refused("hf:org/name", trit_format, "more bytes");
    hub.extra_bytes = false;
    hub.wrong_etag = true;
    expect_refused("hf:org/name", trit_format, "two checksums");
    hub.wrong_etag = false;
    assert_int_equal(check_store(), 0);
    /* Ranges that are others than asked for: from the start then, which is right. */
    trit_hub_snapshot s;
    hub.drop_bytes = 100000;
    atomic_store(&hub.n_drops, 1);
    hub.wrong_range = true;
    pull(&s, "hf:org/name");
    trit_hub_snapshot_fini(&s);
    assert_int_equal(check_store(), 1);
    assert_int_equal(system("rm -rf hub"), 0);
    hub.wrong_range = false;
    hub.refuse_range = true;
    atomic_store(&hub.n_drops, 1);
    pull(&s, "hf:org/name");
    trit_hub_snapshot_fini(&s);
    assert_int_equal(check_store(), 1);
    /* A length that never comes true. */
    assert_int_equal(system("rm -rf hub"), 0);
    hub.refuse_range = false;
    hub.drop_bytes = 1;
    hub.drop_politely = true;
    atomic_store(&hub.n_drops, 1000);
    expect_refused("hf:org/name", trit_io, "in vain");
    assert_int_equal(check_store(), 0);
    hub_stop(&hub);
}

/* A partial file whose bytes are wrong, or that is longer than the file. */
static void bad_partial(void **state) {
    (void)state;
    static const size_t lengths[] = {1000, 200000, 300000};
    hub_server hub = {0};
    hub_add_random(&hub, "a.gguf", 200000, 1, true);
    hub_start(&hub);
    for (size_t i = 0; i < 3; i++) {
        trit_hub_snapshot s;
        char command[1024];
        snprintf(command, sizeof command, "rm -rf hub; mkdir -p %s/blobs; head -c %zu /dev/zero > %s/blobs/%s.incomplete", repo_folder, lengths[i], repo_folder,
                 hub.file[0].hash);
        assert_int_equal(system(command), 0);
        pull(&s, "hf:org/name");
        expect_file(s.path, &hub.file[0]);
        trit_hub_snapshot_fini(&s);
        assert_int_equal(check_store(), 1);
    }
    hub_stop(&hub);
}

static void codes(void **state) {
    (void)state;
    static const struct {
        int code, n;
        const char *lines;
        trit_status status;
        const char *word;
    } cases[] = {
        {401, 1, "X-Error-Code: RepoNotFound\r\n", trit_io, "HF_TOKEN"},
        {401, 1, "", trit_io, "HF_TOKEN"},
        {403, 1, "X-Error-Code: GatedRepo\r\nX-Error-Message: ask\r\n", trit_io, "terms"},
        {403, 1, "X-Error-Message: not\x01you\r\n", trit_io, "not?you"},
        {404, 1, "X-Error-Code: EntryNotFound\r\n", trit_io, "no such file"},
        {404, 1, "X-Error-Code: RevisionNotFound\r\n", trit_io, "no such revision"},
        {404, 1, "", trit_io, "404"},
        {410, 1, "", trit_io, "410"},
        {429, 2, "Retry-After: 1\r\n", trit_ok, ""},
        {429, 1, "Retry-After: 4000\r\n", trit_io, "4000"},
        {429, 1, "Retry-After: soon\r\n", trit_ok, ""},
        {500, 3, "", trit_ok, ""},
        {503, 100, "", trit_io, "503"},
        {200, 0, "", trit_ok, ""},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        const size_t k = i / 2;
        hub_server hub = {.code = cases[k].code, .lines = cases[k].lines, .api_too = i % 2};
        trit_hub_snapshot s;
        assert_int_equal(system("rm -rf hub"), 0);
        atomic_store(&hub.n_codes, cases[k].n);
        hub_add_random(&hub, "a.gguf", 5000, 1, true);
        hub_start(&hub);
        if (cases[k].status != trit_ok) {
            expect_refused("hf:org/name", cases[k].status, cases[k].word);
            assert_int_equal(check_store(), 0);
        } else {
            pull(&s, "hf:org/name");
            trit_hub_snapshot_fini(&s);
            assert_int_equal(check_store(), 1);
        }
        hub_stop(&hub);
    }
}

typedef struct stopper {
    uint64_t after;
} stopper;

static bool stop_after(void *user, uint64_t done, uint64_t total) {
    const stopper *s = user;
    (void)total;
    return done < s->after;
}

/* Ctrl-C keeps what has arrived; the next pull asks for the rest alone. */
static void interrupted(void **state) {
    (void)state;
    hub_server hub = {.slow_us = 1000};
    stopper stop = {.after = 200000};
    trit_hub_snapshot s;
    hub_add_random(&hub, "a.gguf", 1000000, 1, true);
    hub_start(&hub);
    expect_refused_with("hf:org/name", &(trit_hub_opts){.progress = stop_after, .user = &stop}, trit_cancelled, "interrupted");
    assert_true(exists("%s/blobs/%s.incomplete", repo_folder, hub.file[0].hash));
    assert_int_equal(check_store(), 0);
    hub.slow_us = 0;
    hub_rest(&hub); /* what the server had under way */
    atomic_store(&hub.n_sent, 0);
    pull(&s, "hf:org/name");
    assert_int_equal(atomic_load(&hub.n_ranges), 1);
    assert_true(atomic_load(&hub.n_sent) <= 800000);
    assert_true(s.n_bytes_fetched <= 800000 && s.n_bytes == 1000000);
    expect_file(s.path, &hub.file[0]);
    trit_hub_snapshot_fini(&s);
    assert_int_equal(check_store(), 1);
    hub_stop(&hub);
}

/* Processes that pull one model at once: each ends right, and the bytes travel once. */
static void at_once(void **state) {
    (void)state;
    enum { n_processes = 4 };
    hub_server hub = {.slow_us = 500};
    pid_t child[n_processes];
    add_folder(&hub);
    hub_start(&hub);
    for (int i = 0; i < n_processes; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i]) continue;
        trit_hub_snapshot s = {0};
        _exit(trit_hub_pull(&s, "hf:org/name", &quick, &err) == trit_ok && check_store() == 5 ? 0 : 1);
    }
    for (int i = 0; i < n_processes; i++) {
        int status;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(check_store(), 5);
    /* The index is read before the files are fetched: once more by each. */
    unsigned long long all = n_processes * hub.file[2].n;
    for (size_t i = 0; i < 5; i++) all += hub.file[i].n;
    assert_true(atomic_load(&hub.n_sent) <= all);
    hub_stop(&hub);
}

static void unsafe_names(void **state) {
    (void)state;
    static const char *const names[] = {"../evil.gguf", "/evil.gguf", "a/../evil.gguf", "a//evil.gguf", "a\\evil.gguf", "ev:il.gguf", "nul.gguf", "com1.x.gguf",
                                        "./evil.gguf",  "evil\x01.gguf", "a./evil.gguf", "b /evil.gguf", "ev*il.gguf",  "Con/evil.gguf"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        hub_server hub = {0};
        trit_hub_snapshot s;
        assert_int_equal(system("rm -rf hub"), 0);
        hub_add_random(&hub, names[i], 100, 1, true);
        hub_add(&hub, "fine.txt", "fine", 4, false);
        hub_start(&hub);
        expect_refused("hf:org/name", trit_format, "no name for a file");
        pull(&s, "hf:org/name:fine.txt"); /* what is not asked for does no harm */
        trit_hub_snapshot_fini(&s);
        assert_int_equal(check_store(), 1);
        hub_stop(&hub);
    }
    /* Shards outside of the repository, and lists that are none. */
    hub_server hub = {0};
    static const char index[] = "{\"weight_map\": {\"a\": \"../../x.safetensors\"}}";
    hub_add(&hub, "config.json", "{}", 2, false);
    hub_add(&hub, "model.safetensors.index.json", index, sizeof index - 1, false);
    hub_start(&hub);
    expect_refused("hf:org/name", trit_format, "no name for a shard");
    static const char *const answers[] = {"", "{", "[]", "{\"sha\": \"x\", \"siblings\": []}", "{\"sha\": \"../../../../../../../../../../../../../../x\"}",
                                          "{\"sha\": \"0123456789abcdef0123456789abcdef01234567\", \"siblings\": 7}",
                                          "{\"sha\": \"0123456789abcdef0123456789abcdef01234567\", \"siblings\": [{}]}"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        hub.api = answers[i];
        expect_refused("hf:org/name", trit_format, "hf:org/name");
    }
    /* An answer without an end is not asked for again. */
    char *endless = malloc((33 << 20) + 1);
    assert_non_null(endless);
    memset(endless, ' ', 33 << 20);
    endless[33 << 20] = '\0';
    hub.api = endless;
    atomic_store(&hub.n_requests, 0);
    expect_refused("hf:org/name", trit_format, "32 MiB");
    assert_int_equal(atomic_load(&hub.n_requests), 1);
    hub.api = "{\"sha\": \"0123456789abcdef0123456789abcdef01234567\", \"siblings\": [{\"rfilename\": \"a.gguf\", "
              "\"lfs\": {\"size\": 9007199254740993000, \"sha256\": "
              "\"0000000000000000000000000000000000000000000000000000000000000000\"}}]}";
    expect_refused("hf:org/name", trit_io, "room");
    hub_stop(&hub);
    free(endless);
}

/* A mirror that lists names alone. */
static void names_alone(void **state) {
    (void)state;
    hub_server hub = {.no_blobs = true, .redirect = "http://localhost:%d"};
    trit_hub_snapshot s;
    char path[1024];
    add_folder(&hub);
    hub_start(&hub);
    pull(&s, "hf:org/name");
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", s.path, hub.file[i].name);
        expect_file(path, &hub.file[i]);
    }
    assert_int_equal(check_store(), 5);
    trit_hub_snapshot_fini(&s);
    hub_stop(&hub);
}

static void offline(void **state) {
    (void)state;
    hub_server hub = {0};
    trit_hub_snapshot s;
    trit_text path = {0};
    hub_add_random(&hub, "a.gguf", 1000, 1, true);
    hub_start(&hub);
    setenv("HF_HUB_OFFLINE", "1", 1);
    expect_refused("hf:org/name", trit_io, "HF_HUB_OFFLINE");
    assert_int_equal(atomic_load(&hub.n_requests), 0);
    unsetenv("HF_HUB_OFFLINE");
    pull(&s, "hf:org/name");
    trit_hub_snapshot_fini(&s);
    const int asked = atomic_load(&hub.n_requests);
    setenv("HF_HUB_OFFLINE", "TRUE", 1);
    pull(&s, "hf:org/name");
    expect_file(s.path, &hub.file[0]);
    trit_hub_snapshot_fini(&s);
    assert_ok(trit_hub_resolve(&path, "hf:org/name:a.gguf@0123456789abcdef0123456789abcdef01234567", &quick, &err));
    expect_file(path.data, &hub.file[0]);
    assert_int_equal(trit_hub_resolve(&path, "hf:org/name@other", &quick, &err), trit_io);
    assert_ok(trit_hub_resolve(&path, "some/path.gguf", NULL, &err));
    assert_string_equal(path.data, "some/path.gguf");
    assert_ok(trit_hub_resolve(&path, NULL, NULL, &err));
    assert_string_equal(path.data, "");
    assert_int_equal(atomic_load(&hub.n_requests), asked);
    trit_text_fini(&path);
    hub_stop(&hub);
}

int main(void) {
    trit_hub_snapshot s = {0};
    setenv("HF_ENDPOINT", "http://127.0.0.1:1", 1);
    setenv("HF_HUB_CACHE", "hub", 1);
    if (trit_hub_pull(&s, "hf:org/name", &(trit_hub_opts){.n_tries = 1}, &err) == trit_unsupported) {
        printf("skipped: built without libcurl\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_file, set_up),    cmocka_unit_test_setup(a_folder, set_up),     cmocka_unit_test_setup(a_choice, set_up),
        cmocka_unit_test_setup(no_model, set_up),    cmocka_unit_test_setup(tokens_and_redirects, set_up), cmocka_unit_test_setup(dropped, set_up),
        cmocka_unit_test_setup(lies, set_up),        cmocka_unit_test_setup(bad_partial, set_up),  cmocka_unit_test_setup(codes, set_up),
        cmocka_unit_test_setup(interrupted, set_up), cmocka_unit_test_setup(at_once, set_up),      cmocka_unit_test_setup(unsafe_names, set_up),
        cmocka_unit_test_setup(names_alone, set_up), cmocka_unit_test_setup(offline, set_up),      cmocka_unit_test_setup(past_the_proxy, set_up),
        cmocka_unit_test_setup(equal_files, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
