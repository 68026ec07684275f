/* Every allocation of reading data and of learning a vocabulary fails once: the status says so, nothing is leaked, and no half-made file stays
 * behind. So does every byte beyond the end of a full disk. */
#include "test.h"

#include <signal.h>
#include <sys/resource.h>

#include "base/fs.h"
#include "base/os.h"
#include "counting_malloc.h"
#include "text/tiny.h"
#include "train/data.h"
#include "trit/tokenizer.h"

static trit_tokenizer *tokenizer;

static int open_tokenizer(void **state) {
    static tiny_vocab v;
    trit_error err = {0};
    (void)state;
    tiny_byte_level(&v);
    assert_ok(trit_tokenizer_from_vocab(&tokenizer, &v.desc, &err));
    assert_ok(trit_fs_remove("data", &err));
    assert_ok(trit_fs_make_dirs("data", &err));
    const char *const texts[][2] = {
        {"data/a.txt", "some text\n\nmore text\n\nand so on\n"},
        {"data/b.jsonl", "{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"text\": \"c\"}\n"
                         "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"r\"}]}\n"},
    };
    for (size_t i = 0; i < 2; i++) assert_ok(trit_os_write_file(texts[i][0], texts[i][1], strlen(texts[i][1]), &err));
    return 0;
}

static int close_tokenizer(void **state) {
    (void)state;
    trit_tokenizer_close(tokenizer);
    return 0;
}

static trit_status read_data(trit_error *err) {
    static const char *const paths[] = {"data"};
    const trit_dataset_opts o = {.paths = paths, .n_paths = 1, .validation_share = 0.3, .separator = "", .seq_len = 4,
                                 .tokenizer = tokenizer, .cache_dir = "cache",
                                 .chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"};
    trit_dataset *d = NULL;
    trit_train_batch b = {0};
    trit_status status = trit_dataset_open(&d, &o, err);
    if (status == trit_ok) status = trit_dataset_fill(d, trit_data_train, 0, 0, 3, &b, err);
    trit_dataset_free(d);
    trit_train_batch_fini(&b);
    return status;
}

static trit_status learn(trit_error *err) {
    static const char *const paths[] = {"data"};
    const trit_tokenizer_train_opts o = {.paths = paths, .n_paths = 1, .kind = trit_tokenizer_train_spm, .vocab_size = 285, .dir = "learned"};
    trit_tokenizer *t = NULL;
    trit_status status = trit_tokenizer_train(&t, &o, err);
    trit_tokenizer_close(t);
    return status;
}

static void check_no_parts(const char *folder) {
    trit_error err = {0};
    trit_fs_names names = {0};
    assert_ok(trit_fs_list(&names, folder, &err));
    for (size_t i = 0; i < names.n; i++)
        if (strstr(names.item[i], ".part")) fail_msg("%s is left", names.item[i]);
    trit_fs_names_fini(&names);
}

#if TRIT_COUNTS_MALLOC
/* What the system's own calls cannot allocate comes back as their error; matching does without its faster code, and stdio without a
 * buffer. */
static void every_allocation(trit_status (*work)(trit_error *err), const char *folder) {
    trit_error err = {0};
    assert_ok(trit_fs_remove(folder, &err));
    assert_ok(work(&err)); /* the first call takes what libraries keep for good */
    assert_ok(trit_fs_remove(folder, &err));
    const long before = live;
    n_calls = 0;
    assert_ok(work(&err));
    const long n_all = n_calls;
    assert_int_equal(live, before);
    long n_without = 0;
    for (long i = 0; i < n_all; i++) {
        assert_ok(trit_fs_remove(folder, &err));
        n_calls = 0;
        fail_at = i;
        const trit_status status = work(&err);
        fail_at = -1;
        n_without += status == trit_ok;
        if (status != trit_ok && status != trit_memory && !(status == trit_io && strstr(err.message, "Cannot allocate memory")))
            fail_msg("allocation %ld of %ld: %s %s", i, n_all, trit_status_text(status), status ? err.message : "");
        assert_int_equal(live, before);
        check_no_parts(folder);
    }
    print_message("%ld allocations, %ld of them not needed\n", n_all, n_without);
    assert_true(n_without * 20 < n_all);
}
#endif

static void allocations_of_data(void **state) {
    (void)state;
#if TRIT_COUNTS_MALLOC
    every_allocation(read_data, "cache");
#else
    skip();
#endif
}

static void allocations_of_learning(void **state) {
    (void)state;
#if TRIT_COUNTS_MALLOC
    every_allocation(learn, "learned");
#else
    skip();
#endif
}

static void full_disk(void **state) {
    struct rlimit before, small;
    trit_error err = {0};
    (void)state;
    assert_ok(trit_fs_remove("cache", &err));
    assert_ok(trit_fs_remove("learned", &err));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const trit_status of_data = read_data(&err), of_learning = learn(&err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(of_data, trit_io);
    assert_int_equal(of_learning, trit_io);
    check_no_parts("cache");
    check_no_parts("learned");
    assert_ok(read_data(&err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_of_data),
        cmocka_unit_test(allocations_of_learning),
        cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests(tests, open_tokenizer, close_tokenizer);
}
