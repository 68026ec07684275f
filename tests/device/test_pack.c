/* Packed tensors by the device (device/cpu/pack.c): on each tier of this processor, and whatever TRIT_CPU says, the bytes are those of the
 * portable loops, come back as they were, and are not taken where one of them is damaged. A process keeps the loops of its first call, so
 * each tier has a process of its own, in which several threads call first at once. */
#include "test.h"

#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/team.h"
#include "kernel/kernel.h"
#include "quant/pack/pack.h"

enum { n_rows = 37, n_cols = 201, n = n_rows * n_cols, n_threads = 4 };

static int8_t trits[n];
static const float scale = 0.3f;
static const trit_pack_matrix matrix = {.n_rows = n_rows, .n_cols = n_cols, .trits = trits, .scales = &scale, .n_scales = 1};
static trit_text expected[trit_pack_end]; /* of each strategy, by portable loops */

static void draw(void) {
    const trit_kernels *k = trit_kernels_for(trit_cpu_scalar);
    const trit_pack_loops loops = {k->unpack_two_bit, k->unpack_base3, k->crc32c};
    uint32_t seed = 6;
    trit_error err;
    for (int i = 0; i < n; i++) trits[i] = (int8_t)((int)(test_lcg(&seed) % 3) - 1);
    for (int s = trit_pack_auto; s < trit_pack_end; s++) assert_ok(trit_pack_with(&loops, &expected[s], &matrix, (trit_pack_strategy)s, &err));
}

/* What goes wrong with a strategy; 0: nothing. */
static int check(int s) {
    const trit_text *want = &expected[s];
    int8_t back[n];
    float got = 0;
    trit_text packed = {0};
    trit_pack_info info;
    trit_error err;
    if (trit_pack(&packed, &matrix, (trit_pack_strategy)s, &err) != trit_ok || packed.n != want->n) return 1;
    if (memcmp(packed.data, want->data, want->n) != 0) return 2;
    if (trit_pack_read(&info, packed.data, packed.n, &err) != trit_ok || info.n_rows != n_rows || info.n_cols != n_cols) return 3;
    if (trit_unpack(back, n, &got, 1, packed.data, packed.n, &err) != trit_ok || got != scale) return 4;
    if (memcmp(back, trits, n) != 0) return 5;
    packed.data[packed.n / 2] ^= 16;
    if (trit_pack_read(&info, packed.data, packed.n, &err) != trit_format) return 6;
    if (trit_unpack(back, n, &got, 1, packed.data, packed.n, &err) != trit_format) return 7;
    trit_text_fini(&packed);
    return 0;
}

static void check_all(void *arg, unsigned i, unsigned of) {
    atomic_int *failed = arg;
    (void)i;
    (void)of;
    for (int s = trit_pack_auto; s < trit_pack_end; s++) {
        const int why = check(s);
        if (why) atomic_store(failed, 10 * s + why);
    }
}

/* In a process where TRIT_CPU is `tier`. */
static void expect_same(const char *tier) {
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        atomic_int failed = 0;
        trit_team *team;
        trit_error err;
        if (setenv("TRIT_CPU", tier, 1) != 0 || trit_team_new(&team, n_threads, &err) != trit_ok) _exit(255);
        trit_team_run(team, check_all, &failed);
        trit_team_free(team);
        _exit(atomic_load(&failed));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("TRIT_CPU=%s: status %x (10 times the strategy, and what failed)", tier, (unsigned)status >> 8);
}

static void each_tier(void **state) {
    (void)state;
    unsigned n_tiers = 0;
    draw();
    for (int t = 0; t < trit_n_cpu_tiers; t++) {
        if (!trit_cpu_has((trit_cpu_tier)t)) continue;
        expect_same(trit_cpu_tier_name((trit_cpu_tier)t));
        n_tiers++;
    }
    assert_true(n_tiers > 0);
    expect_same("");
    expect_same("no-such-tier"); /* which opening a device refuses; here the best one is taken */
    for (int s = trit_pack_auto; s < trit_pack_end; s++) trit_text_fini(&expected[s]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_tier)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
