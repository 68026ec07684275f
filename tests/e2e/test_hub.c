/* The store as its users meet it: pull, list, rm, models of the hub in other commands, Ctrl-C; and beside huggingface_hub, whose store
 * it is too. */
#include "hub_server.h"
#include "shell.h"

#include <signal.h>
#include <sys/stat.h>

static hub_server hub;

/* One GGUF file that is a model, and a second revision's worth of small files. */
static int set_up(void **state) {
    (void)state;
    size_t n;
    char *model = test_read(test_source("models/story.gguf"), &n);
    hub = (hub_server){.redirect = "http://localhost:%d"};
    hub_add(&hub, "story.gguf", model, n, true);
    hub_add(&hub, "README.md", "read me", 7, false);
    hub_add(&hub, "sub/note.txt", "a note", 6, false);
    free(model);
    hub_start(&hub);
    return system("rm -rf hub");
}

static int tear_down(void **state) {
    (void)state;
    hub_stop(&hub);
    return 0;
}

static json_t *model_at(json_t *list, size_t i) {
    json_t *m = json_array_get(json_object_get(list, "models"), i);
    assert_non_null(m);
    return m;
}

static const char *text_of(const json_t *v, const char *key) {
    const char *s = json_string_value(json_object_get(v, key));
    if (!s) fail_msg("no text \"%s\"", key);
    return s;
}

static void pull_list_rm(void **state) {
    (void)state;
    json_t *pulled = expect_json("t pull hf:org/name --json 2> said.txt");
    static const char *const keys[] = {"ref", "name", "revision", "commit", "path", "bytes", "bytes_fetched", "files", NULL};
    expect_keys(model_at(pulled, 0), keys, "pull --json");
    json_t *listed = expect_json("t list --json --files");
    static const char *const list_keys[] = {"name", "revision", "commit", "path", "bytes", "used", "pulled_by_trit", "partial", "files", NULL};
    expect_keys(model_at(listed, 0), list_keys, "list --json");
    assert_string_equal(text_of(model_at(listed, 0), "commit"), hub.commit);
    assert_true(json_is_true(json_object_get(model_at(listed, 0), "pulled_by_trit")));
    assert_int_equal(json_integer_value(json_object_get(model_at(listed, 0), "bytes")), hub.file[0].n);
    json_decref(listed);
    result r = shf("cmp '%s' '%s'", text_of(model_at(pulled, 0), "path"), test_source("models/story.gguf"));
    expect_code(&r, 0, "cmp");
    release(&r);
    json_decref(pulled);
    r = sh("t list");
    assert_non_null(strstr(r.out, "org/name@main"));
    release(&r);
    r = sh("t pull hf:org/name"); /* the path stands alone on the last line */
    assert_non_null(strstr(r.out, "fetched 0.0 MB\nhub/models--org--name/snapshots/"));
    release(&r);
    r = sh("t rm hf:org/name -q && ls -A hub/models--org--name hub/.locks/models--org--name");
    assert_int_not_equal(r.code, 0);
    release(&r);
    r = sh("t rm org/name");
    expect_code(&r, 3, "rm of what is not there");
    expect_one_line(&r, "rm");
    release(&r);
}

static void usage(void **state) {
    (void)state;
    static const struct {
        const char *command;
        int code;
    } cases[] = {
        {"t pull", 2}, {"t pull name", 2}, {"t pull hf:", 2}, {"t pull hf:a/b/c", 2}, {"t pull hf:org/name:../x", 2}, {"t pull hf:org/name --revision ../x", 2},
        {"t pull --resume --fresh hf:org/name", 2}, {"t pull hf:org/name:story.gguf --include x", 2},
        {"t pull hf:org/name --revision a@b --parallel 0", 2}, {"t rm", 2}, {"t rm ../x", 2}, {"t list x", 2},
        {"t pull hf:org/none", 3}, {"t pull hf:org/name:none", 3}, {"HF_HUB_OFFLINE=1 t pull hf:org/name", 3}, {"t info -m hf:org/none", 3},
        {"TRIT_CACHE_LIMIT=much t pull hf:org/name", 2}, {"TRIT_CACHE_LIMIT=1K t pull hf:org/name -q", 3},
        {"HF_ENDPOINT=somewhere:// t pull hf:org/name", 2}, {"HF_ENDPOINT=http://127.0.0.1:1 t pull -q --tries 1 hf:org/name", 3},
        {"HF_HUB_CACHE=/proc/none t pull -q hf:org/name", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        result r = sh(cases[i].command);
        expect_code(&r, cases[i].code, cases[i].command);
        expect_one_line(&r, cases[i].command);
        release(&r);
    }
}

/* -m takes what pull takes, pulls what is not there, and asks nobody for what is. */
static void in_other_commands(void **state) {
    (void)state;
    result a = sh("t run -m hf:org/name 'Once upon a time' -n 8 --temp 0 2> said.txt; t tokenize -m hf:org/name:story.gguf Once; "
                  "t info hf:org/name | grep -c GGUF; t convert hf:org/name out.gguf -q");
    expect_code(&a, 0, "run -m hf:");
    result said = sh("cat said.txt");
    assert_non_null(strstr(said.out, "pulling hf:org/name: 1 file"));
    release(&said);
    result b = sh("export HF_ENDPOINT=http://127.0.0.1:1; t run -m hf:org/name@main 'Once upon a time' -n 8 --temp 0; t tokenize -m hf:org/name Once; "
                  "t info -m hf:org/name:story.gguf | grep -c GGUF");
    expect_code(&b, 0, "run -m hf: from the store");
    assert_string_equal(a.out, b.out);
    assert_null(strstr(b.err, "pulling"));
    release(&a);
    release(&b);
    /* A file of an alias' name goes first. */
    result c = shf("cp '%s' bitnet-2b4t && HF_HUB_OFFLINE=1 t info -m bitnet-2b4t && rm bitnet-2b4t && HF_HUB_OFFLINE=1 t info -m bitnet-2b4t",
                   test_source("models/story.gguf"));
    expect_code(&c, 3, "an alias that is a file, and is none");
    assert_non_null(strstr(c.err, "hf:microsoft/bitnet-b1.58-2B-4T-gguf"));
    release(&c);
}

static void interrupted(void **state) {
    (void)state;
    char part[256];
    struct stat st;
    snprintf(part, sizeof part, "hub/models--org--name/blobs/%s.incomplete", hub.file[0].hash);
    atomic_store(&hub.held_at, 200000);
    pid_t pid = start("exec $TRIT_EMULATOR \"$TRIT_PROGRAM\" pull hf:org/name");
    for (int i = 0; i < 6000 && (stat(part, &st) != 0 || st.st_size == 0); i++) usleep(10000);
    kill(pid, SIGINT);
    result r = wait_for(pid);
    expect_code(&r, 130, "pull, interrupted");
    release(&r);
    r = sh("ls hub/models--org--name/blobs; t list; t list --json");
    assert_non_null(strstr(r.out, ".incomplete"));
    assert_non_null(strstr(r.out, "(partial)"));
    release(&r);
    atomic_store(&hub.held_at, 0);
    r = sh("t pull --resume hf:org/name 2>&1");
    expect_code(&r, 0, "pull, resumed");
    assert_int_equal(atomic_load(&hub.n_ranges), 1);
    assert_non_null(strstr(r.out, "of them still to come"));
    release(&r);
}

/* ---- Beside huggingface_hub ---- */

static bool has_python(void) {
    result r = sh("python3 -c 'import huggingface_hub'");
    const bool has = r.code == 0;
    release(&r);
    if (!has) print_message("skipped: python3 without huggingface_hub\n");
    return has;
}

static result python(const char *code) {
    return shf("export HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_PROGRESS_BARS=1 HF_HUB_DISABLE_XET=1; "
               "python3 -c '\nimport huggingface_hub as h, os\n%s'",
               code);
}

/* It finds what we have cached, without a network and with one, and sees nothing wrong. */
static void it_finds_ours(void **state) {
    (void)state;
    if (!has_python()) skip();
    result r = sh("t pull hf:org/name -q; t pull hf:org/name --include 'sub/*' -q");
    expect_code(&r, 0, "pull");
    release(&r);
    atomic_store(&hub.n_sent, 0);
    r = python("ours = os.readlink(\"hub/models--org--name/snapshots/0123456789abcdef0123456789abcdef01234567/story.gguf\")\n"
               "for offline in True, False:\n"
               "    for name in \"story.gguf\", \"sub/note.txt\":\n"
               "        path = h.hf_hub_download(\"org/name\", name, local_files_only=offline)\n"
               "        assert os.path.realpath(path).startswith(os.path.realpath(\"hub/models--org--name/blobs\")), path\n"
               "assert h.try_to_load_from_cache(\"org/name\", \"story.gguf\")\n"
               "assert os.path.isfile(h.snapshot_download(\"org/name\", local_files_only=True) + \"/story.gguf\")\n"
               "c = h.scan_cache_dir()\n"
               "assert not c.warnings, c.warnings\n"
               "repo, = c.repos\n"
               "assert repo.repo_id == \"org/name\" and repo.nb_files == 2 and list(repo.revisions)[0].refs == {\"main\"}, repo\n");
    expect_code(&r, 0, "huggingface_hub on our store");
    release(&r);
    assert_int_equal(atomic_load(&hub.n_sent), 0);
}

/* We find what it has cached. */
static void we_find_its(void **state) {
    (void)state;
    if (!has_python()) skip();
    result r = python("h.hf_hub_download(\"org/name\", \"story.gguf\"); h.hf_hub_download(\"org/name\", \"README.md\", revision=\"main\")");
    expect_code(&r, 0, "huggingface_hub");
    release(&r);
    atomic_store(&hub.n_sent, 0);
    r = sh("HF_HUB_OFFLINE=1 t run -m hf:org/name Once -n 4 && t pull hf:org/name && t pull hf:org/name:README.md && t list && t rm hf:org/name:README.md && "
           "t list --files");
    expect_code(&r, 0, "the program on its store");
    assert_non_null(strstr(r.out, "org/name@main"));
    release(&r);
    assert_int_equal(atomic_load(&hub.n_sent), 0);
    r = python("c = h.scan_cache_dir(); assert not c.warnings and list(c.repos)[0].nb_files == 1, c");
    expect_code(&r, 0, "huggingface_hub after rm");
    release(&r);
    /* What is not ours is never removed to make room. */
    r = sh("TRIT_CACHE_LIMIT=1K t pull hf:org/name -q");
    expect_code(&r, 0, "a pull of what is there");
    release(&r);
}

/* Both at once, from nothing. */
static void both_at_once(void **state) {
    (void)state;
    if (!has_python()) skip();
    hub.slow_us = 500;
    for (int round = 0; round < 3; round++) {
        result r = sh("rm -rf hub; t pull hf:org/name > ours.txt & "
                      "HF_HUB_DISABLE_XET=1 python3 -c 'import huggingface_hub as h; print(h.hf_hub_download(\"org/name\", \"story.gguf\"))' > its.txt; wait; "
                      "cmp $(tail -n 1 ours.txt) $(cat its.txt) && ls hub/models--org--name/blobs");
        expect_code(&r, 0, "both at once");
        assert_int_equal(r.n_out, 65); /* one blob */
        release(&r);
        r = shf("cmp $(cat its.txt) '%s'", test_source("models/story.gguf"));
        expect_code(&r, 0, "cmp");
        release(&r);
    }
}

int main(void) {
    static const char *const unset[] = {"HF_HOME", "HF_TOKEN", "HF_HUB_OFFLINE", "TRIT_CACHE_LIMIT", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++) unsetenv(unset[i]);
    setenv("HF_HUB_CACHE", "hub", 1);
    setenv("HF_TOKEN_PATH", "no-token", 1);
    if (!getenv("TRIT_PROGRAM")) return 77;
    result r = sh("HF_ENDPOINT=http://127.0.0.1:1 t pull --tries 1 hf:org/name");
    const bool is_without = strstr(r.err, "without libcurl") != NULL;
    release(&r);
    if (is_without) {
        printf("skipped: built without libcurl\n");
        return 77;
    }
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(pull_list_rm), TEST(usage), TEST(in_other_commands), TEST(interrupted), TEST(it_finds_ours), TEST(we_find_its), TEST(both_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
