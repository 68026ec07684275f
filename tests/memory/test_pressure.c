/* Pressure on files made up for the test, as the kernel writes them: levels begin and end where they must, each crossing is told once. And
 * in a real cgroup of 256 MB, where one can be made: told by the first look after the crossing. */
#include "trit/pressure.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"
#include "base/rng.h"
#include "base/team.h"
#include "test.h"

static void make_folders(const char *path) {
    char part[1024];
    for (size_t i = 1; path[i - 1]; i++)
        if (path[i] == '/' || !path[i]) {
            snprintf(part, sizeof part, "%.*s", (int)i, path);
            mkdir(part, 0777);
        }
}

static void write_at(const char *root, const char *name, const char *text) {
    char path[1024], *slash;
    snprintf(path, sizeof path, "%s/%s", root, name);
    slash = strrchr(path, '/');
    *slash = '\0';
    make_folders(path);
    *slash = '/';
    FILE *f = fopen(path, "w");
    if (!f) fail_msg("%s cannot be written", path);
    fputs(text, f);
    fclose(f);
}

/* A machine of 1 GB with nothing used. */
static void make_machine(const char *root) {
    write_at(root, "proc/meminfo", "MemTotal:        1000000 kB\nMemFree:          10 kB\nMemAvailable:    1000000 kB\n");
}

/* Our cgroup of version 2 is /app/one, of 1000 bytes; /app has no limit. */
static void make_v2(const char *root) {
    make_machine(root);
    write_at(root, "proc/self/cgroup", "0::/app/one\n");
    write_at(root, "sys/fs/cgroup/app/memory.max", "max\n");
    write_at(root, "sys/fs/cgroup/app/memory.current", "900\n");
    write_at(root, "sys/fs/cgroup/app/one/memory.max", "1000\n");
    write_at(root, "sys/fs/cgroup/app/one/memory.current", "0\n");
    write_at(root, "sys/fs/cgroup/app/one/memory.stat", "anon 5\ninactive_file 0\nactive_file 7\n");
}

/* The number in place, so that no reader finds an empty file. */
static void use(const char *root, uint64_t bytes) {
    char path[1024];
    snprintf(path, sizeof path, "%s/sys/fs/cgroup/app/one/memory.current", root);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    fprintf(f, "%-20llu\n", (unsigned long long)bytes);
    fclose(f);
}

typedef struct heard {
    int n, levels[64]; /* +level rising, -level falling */
    uint64_t times[64];
} heard;

static void hear(void *user, trit_pressure_level level, bool is_rising, const trit_pressure_state *state) {
    heard *h = user;
    (void)state;
    if (h->n == 64) return;
    h->times[h->n] = trit_os_clock_ns();
    h->levels[h->n++] = is_rising ? (int)level : -(int)level;
}

static trit_pressure *watch(const char *root, heard *h, const trit_pressure_opts *more) {
    trit_error err;
    trit_pressure_opts opts = more ? *more : (trit_pressure_opts){.no_thread = true};
    trit_pressure *p = NULL;
    opts.root = root;
    assert_ok(trit_pressure_new(&p, &opts, &err));
    *h = (heard){0};
    assert_ok(trit_pressure_subscribe(p, hear, h, &err));
    return p;
}

static void hears(heard *h, int n, const int *levels) {
    assert_int_equal(h->n, n);
    for (int i = 0; i < n; i++) assert_int_equal(h->levels[i], levels[i]);
    h->n = 0;
}
#define HEARS(h, ...) hears(h, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (int[]){__VA_ARGS__})

static void levels_and_hysteresis(void **state) {
    (void)state;
    heard h;
    make_v2("v2");
    trit_pressure *p = watch("v2", &h, NULL);
    static const struct {
        uint64_t used;
        trit_pressure_level level;
    } steps[] = {
        {699, trit_pressure_calm},    {700, trit_pressure_low},      {799, trit_pressure_low},      {690, trit_pressure_low},
        {671, trit_pressure_low},     {669, trit_pressure_calm},     {699, trit_pressure_calm},     {950, trit_pressure_critical},
        {921, trit_pressure_critical}, {919, trit_pressure_high},    {900, trit_pressure_high},     {871, trit_pressure_high},
        {949, trit_pressure_high},    {771, trit_pressure_medium},   {1000, trit_pressure_critical}, {0, trit_pressure_calm},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        use("v2", steps[i].used);
        for (int again = 0; again < 3; again++) assert_int_equal(trit_pressure_check(p), steps[i].level);
    }
    HEARS(&h, 1, -1, 1, 2, 3, 4, -4, -3, 3, 4, -4, -3, -2, -1);
    trit_pressure_state s;
    trit_pressure_describe(p, &s);
    assert_string_equal(s.source, "cgroup v2");
    assert_int_equal(s.limit, 1000);
    assert_int_equal(s.n_crossings, 14);
    trit_pressure_free(p);
}

/* Against a second opinion: of random readings the level is the highest that began and has not ended since. */
static void random_walk(void **state) {
    (void)state;
    heard h;
    make_v2("walk");
    trit_pressure *p = watch("walk", &h, NULL);
    static const uint64_t begins[] = {700, 800, 900, 950};
    bool holds[4] = {false};
    for (uint64_t i = 0; i < 2000; i++) {
        const uint64_t used = 600 + trit_rng_u64(5, i) % 401;
        use("walk", used);
        const int before = (int)(holds[0] + holds[1] + holds[2] + holds[3]);
        for (int k = 0; k < 4; k++) holds[k] = used >= begins[k] || (holds[k] && used >= begins[k] - 30);
        const int after = (int)(holds[0] + holds[1] + holds[2] + holds[3]);
        h.n = 0;
        assert_int_equal(trit_pressure_check(p), after);
        assert_int_equal(h.n, abs(after - before));
    }
    trit_pressure_free(p);
}

static void sources(void **state) {
    (void)state;
    trit_error err;
    heard h;
    trit_pressure_state s;
    make_v2("tight"); /* the cgroup above is the fuller one */
    write_at("tight", "sys/fs/cgroup/app/memory.max", "1000\n");
    trit_pressure *p = watch("tight", &h, NULL);
    trit_pressure_describe(p, &s);
    assert_int_equal(s.level, trit_pressure_high);
    assert_int_equal(s.used, 900);
    trit_pressure_free(p);

    make_v2("cache"); /* pages of files that nobody read lately are no pressure */
    write_at("cache", "sys/fs/cgroup/app/one/memory.stat", "anon 5\ninactive_file 600\nactive_file 7\n");
    use("cache", 960);
    p = watch("cache", &h, NULL);
    trit_pressure_describe(p, &s);
    assert_int_equal(s.used, 360);
    trit_pressure_free(p);

    make_machine("v1"); /* a container that sees its cgroup at the top, whatever its name */
    write_at("v1", "proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/1234\n0::/\n");
    write_at("v1", "sys/fs/cgroup/memory/memory.limit_in_bytes", "2000\n");
    write_at("v1", "sys/fs/cgroup/memory/memory.usage_in_bytes", "1700\n");
    write_at("v1", "sys/fs/cgroup/memory/memory.stat", "inactive_file 1000\ntotal_inactive_file 20\n");
    p = watch("v1", &h, NULL);
    trit_pressure_describe(p, &s);
    assert_string_equal(s.source, "cgroup v1");
    assert_int_equal(s.used, 1680);
    assert_int_equal(s.level, trit_pressure_medium);
    write_at("v1", "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    assert_int_equal(trit_pressure_check(p), trit_pressure_calm);
    trit_pressure_describe(p, &s);
    assert_string_equal(s.source, "system");
    trit_pressure_free(p);

    write_at("system", "proc/meminfo", "MemTotal:        1000 kB\nMemAvailable:    50 kB\n");
    p = watch("system", &h, NULL);
    trit_pressure_describe(p, &s);
    assert_int_equal(s.level, trit_pressure_critical);
    assert_int_equal(s.used, 950 * 1024);
    assert_true(s.stall_percent == -1);
    trit_pressure_free(p);

    p = NULL;
    assert_int_equal(trit_pressure_new(&p, &(trit_pressure_opts){.root = "nowhere"}, &err), trit_unsupported);
    write_at("broken", "proc/meminfo", "MemTotal:   lots\n");
    assert_int_equal(trit_pressure_new(&p, &(trit_pressure_opts){.root = "broken"}, &err), trit_unsupported);
    write_at("broken", "proc/self/cgroup", "::::\n\n0:\nmemory\n0::");
    assert_int_equal(trit_pressure_new(&p, &(trit_pressure_opts){.root = "broken"}, &err), trit_unsupported);
}

static void waiting_for_memory(void **state) {
    (void)state;
    heard h;
    make_v2("psi");
    write_at("psi", "sys/fs/cgroup/app/one/memory.pressure", "some avg10=19.90 avg60=0.00 avg300=0.00 total=0\nfull avg10=50.00\n");
    trit_pressure *p = watch("psi", &h, NULL);
    assert_int_equal(trit_pressure_check(p), trit_pressure_calm);
    write_at("psi", "sys/fs/cgroup/app/one/memory.pressure", "some avg10=20.00 avg60=0.00 avg300=0.00 total=0\n");
    assert_int_equal(trit_pressure_check(p), trit_pressure_high);
    write_at("psi", "sys/fs/cgroup/app/one/memory.pressure", "some avg10=10.05 avg60=0.00 avg300=0.00 total=0\n");
    assert_int_equal(trit_pressure_check(p), trit_pressure_high);
    write_at("psi", "sys/fs/cgroup/app/one/memory.pressure", "some avg10=9.95 avg60=0.00 avg300=0.00 total=0\n");
    assert_int_equal(trit_pressure_check(p), trit_pressure_calm);
    HEARS(&h, 1, 2, 3, -3, -2, -1);
    trit_pressure_state s;
    trit_pressure_describe(p, &s);
    assert_true(s.stall_percent == 9.95);
    trit_pressure_free(p);
}

static void wrong_options(void **state) {
    (void)state;
    trit_error err;
    trit_pressure *p = NULL;
    static const trit_pressure_opts wrong[] = {
        {.thresholds = {0.8, 0.7, 0.9, 0.95}}, {.thresholds = {0.3}}, {.thresholds = {0, 0, 0, 1.5}}, {.hysteresis = 0.5}, {.hysteresis = -1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_int_equal(trit_pressure_new(&p, &wrong[i], &err), trit_arg);
    assert_null(p);
}

/* Callbacks may check; a subscriber that left hears nothing. */
static void check_again(void *user, trit_pressure_level level, bool is_rising, const trit_pressure_state *s) {
    (void)level;
    (void)is_rising;
    assert_int_equal(trit_pressure_check(user), s->level);
}

static void subscribers(void **state) {
    (void)state;
    trit_error err;
    heard h, second = {0};
    make_v2("subscribers");
    trit_pressure *p = watch("subscribers", &h, NULL);
    assert_ok(trit_pressure_subscribe(p, check_again, p, &err));
    assert_ok(trit_pressure_subscribe(p, hear, &second, &err));
    use("subscribers", 850);
    assert_int_equal(trit_pressure_check(p), trit_pressure_medium);
    HEARS(&second, 1, 2);
    trit_pressure_unsubscribe(p, hear, &h);
    use("subscribers", 0);
    assert_int_equal(trit_pressure_check(p), trit_pressure_calm);
    HEARS(&second, -2, -1);
    HEARS(&h, 1, 2);
    trit_pressure_free(p);
}

static void check_often(void *arg, unsigned i, unsigned n) {
    (void)n;
    for (int k = 0; k < 300; k++) {
        if (i == 0) use("threads", k % 2 ? 960 : 100);
        (void)trit_pressure_check(arg);
    }
}

/* The watcher and eight threads at once: no crossing is told twice, none is left out. */
static void threads(void **state) {
    (void)state;
    trit_error err;
    heard h;
    trit_team *team = NULL;
    make_v2("threads");
    trit_pressure *p = watch("threads", &h, &(trit_pressure_opts){.period_ms = 1});
    assert_ok(trit_team_new(&team, 8, &err));
    trit_team_run(team, check_often, p);
    trit_team_free(team);
    use("threads", 0);
    for (int i = 0; i < 60000; i++) {
        trit_pressure_state s;
        trit_os_sleep_ms(1);
        trit_pressure_describe(p, &s);
        if (s.level == trit_pressure_calm && s.used == 0) break;
    }
    trit_pressure_free(p);
    assert_true(h.n >= 2);
    for (int i = 0, level = 0; i < h.n; i++) { /* each call is one step from the one before */
        assert_int_equal(h.levels[i], h.levels[i] > 0 ? level + 1 : -level);
        level += h.levels[i] > 0 ? 1 : -1;
    }
}

/* The watcher's end is not waited for. */
static void ends_at_once(void **state) {
    (void)state;
    heard h;
    make_v2("end");
    const uint64_t start = trit_os_clock_ns();
    for (int i = 0; i < 20; i++) trit_pressure_free(watch("end", &h, &(trit_pressure_opts){.period_ms = 3600000}));
    assert_true(trit_os_clock_ns() - start < 360000000000ull); /* milliseconds; twenty hours where periods are waited for */
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
static void real_cgroup(void **state) {
    (void)state;
    print_message("skipped: a sanitizer's own memory would count in the cgroup\n");
    skip();
}
#else
enum { cgroup_bytes = 256 << 20, chunk = 256 << 10, n_rounds = 3 };

/* The folder of a new cgroup below ours, limited; false: that cannot be done here. */
static bool make_cgroup(char *folder, size_t size) {
    char line[512], path[512] = "";
    bool is_v2 = true;
    FILE *f = fopen("/proc/self/cgroup", "r");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        char *at = strstr(line, ":memory:");
        if (at) is_v2 = false;
        if (at || (is_v2 && strncmp(line, "0::", 3) == 0)) snprintf(path, sizeof path, "%s", at ? at + 8 : line + 3);
    }
    if (f) fclose(f);
    snprintf(folder, size, "/sys/fs/cgroup/%s%s/trit-test-%ld", is_v2 ? "" : "memory", path, (long)getpid());
    if (mkdir(folder, 0777) != 0) return false;
    char limit[1200], bytes[32];
    snprintf(limit, sizeof limit, "%s/%s", folder, is_v2 ? "memory.max" : "memory.limit_in_bytes");
    snprintf(bytes, sizeof bytes, "%d", cgroup_bytes);
    f = fopen(limit, "w");
    const bool good = f && fputs(bytes, f) >= 0 && fclose(f) == 0;
    if (!good) rmdir(folder);
    return good;
}

static int compare_ns(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* One climb to critical and back, chunk by chunk; what was heard is in *h, when the memory that crossed was there in late[]. */
static bool climb(trit_pressure *p, uint8_t *memory, heard *h, uint64_t late[4]) {
    size_t used = 0;
    while (used + chunk <= cgroup_bytes) {
        for (size_t i = 0; i < chunk; i += 4096) memory[used + i] = 1;
        used += chunk;
        const uint64_t there = trit_os_clock_ns();
        const int before = h->n;
        const trit_pressure_level level = trit_pressure_check(p);
        for (int i = before; i < h->n && i < 4; i++) late[i] = h->times[i] - there;
        if (h->n != (int)level) return false;
        if (level == trit_pressure_critical) break;
    }
    static const int expected[8] = {1, 2, 3, 4, -4, -3, -2, -1};
    for (; used; used -= chunk) {
        madvise(memory + used - chunk, chunk, MADV_DONTNEED);
        (void)trit_pressure_check(p);
    }
    return h->n == 8 && memcmp(h->levels, expected, sizeof expected) == 0;
}

/* The part of the test that lives in the cgroup: exit code 0: all well, 2: it could not enter, 3: memory, 4: calls, 5: late, 6: source. How
 * late calls come it prints, some 20 us; it asks for a second, which a busy machine can do as well. */
static int inside(const char *folder) {
    char path[1200];
    snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    FILE *f = fopen(path, "w");
    if (!f || fprintf(f, "%ld", (long)getpid()) < 0 || fclose(f) != 0) return 2;
    uint8_t *memory = mmap(NULL, cgroup_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    trit_pressure *p = NULL;
    heard h = {0};
    uint64_t late[4 * n_rounds] = {0};
    if (memory == MAP_FAILED || trit_pressure_new(&p, &(trit_pressure_opts){.no_thread = true, .stall_percent = -1}, NULL) != trit_ok ||
        trit_pressure_subscribe(p, hear, &h, NULL) != trit_ok)
        return 3;
    for (size_t round = 0; round < n_rounds; round++) {
        h.n = 0;
        if (!climb(p, memory, &h, late + 4 * round)) return 4;
    }
    trit_pressure_state s;
    trit_pressure_describe(p, &s);
    qsort(late, 4 * n_rounds, sizeof *late, compare_ns);
    printf("%s of %llu MB: told %.1f us after the crossing (median), %.1f us at most\n", s.source, (unsigned long long)s.limit >> 20,
           (double)late[2 * n_rounds] / 1e3, (double)late[4 * n_rounds - 1] / 1e3);
    fflush(stdout);
    if (s.limit != cgroup_bytes) return 6;
    return late[2 * n_rounds] < 1000000000 ? 0 : 5;
}

static void real_cgroup(void **state) {
    (void)state;
    char folder[1024];
    if (!make_cgroup(folder, sizeof folder)) {
        print_message("skipped: no cgroup with a memory limit can be made here\n");
        skip();
    }
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) _exit(inside(folder));
    int status = -1;
    waitpid(child, &status, 0);
    rmdir(folder);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
        print_message("skipped: the cgroup cannot be entered here\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_and_hysteresis), cmocka_unit_test(random_walk), cmocka_unit_test(sources),
        cmocka_unit_test(waiting_for_memory),    cmocka_unit_test(wrong_options), cmocka_unit_test(subscribers),
        cmocka_unit_test(threads),               cmocka_unit_test(ends_at_once), cmocka_unit_test(real_cgroup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
