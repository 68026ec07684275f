/* The same bits everywhere: `eval logits` prints the same text for every instruction set, number of threads, chunking and batch,
 * and on every architecture the text whose hash stands here. */
#include "test.h"

static const char ids[] = "1,2,3,5,8,13,21,34,55,89,144,233,377,0,511,256,17,42,99,100,101,102,103,104,105,106,107,108,109,110,111,112,"
                          "113,114,115,116,117,118,119,120";

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *env, const char *options) {
    char command[2048];
    const char *program = getenv("TRIT_PROGRAM"), *emulator = getenv("TRIT_EMULATOR");
    assert_non_null(program);
    snprintf(command, sizeof command, "%s %s %s eval logits --all --quiet --ids %s -m synthetic:%s", env, emulator ? emulator : "",
             program, ids, options);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    uint64_t h = 0xcbf29ce484222325u;
    size_t n = 0;
    for (int c; (c = getc(f)) != EOF; n++) h = (h ^ (unsigned)c) * 0x100000001b3u;
    if (pclose(f) != 0 || n < 100000) fail_msg("%s: %zu bytes", command, n);
    return h;
}

/* What all machines print; computed once by the scalar twins on x86-64 and equal on AArch64. A change of these numbers is a
 * change of the arithmetic, and needs a line in the changelog. */
static const struct {
    const char *what;
    uint64_t hash;
} golden[] = {
    {"tiny --kv f32", 0x5fe368aac90c389au}, {"tiny --kv f16", 0x2cf0a0b5d4d9776eu},        {"tiny --kv q8", 0x782fffa8af842935u},
    {"tiny-llama", 0x37b6f3aedcfd4f2eu},    {"tiny-qwen3 --kv f32", 0x2083436a7786fb19u}, {"tiny-gemma3", 0xcc84a42a599e4162u},
    {"tiny-minicpm", 0x3a843f97a43cfe2cu},
};

static void check(const char *env, const char *options) {
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        char all[256];
        snprintf(all, sizeof all, "%s %s", golden[i].what, options);
        uint64_t h = hash_of(env, all);
        if (h != golden[i].hash)
            fail_msg("%s %s: hash %016llx, expected %016llx", env, all, (unsigned long long)h, (unsigned long long)golden[i].hash);
    }
}

static void every_instruction_set(void **state) {
    (void)state;
    static const char *const tiers[] = {
#define TRIT_CPU_TIER(name, family, text) #name,
#include "base/cpu_tiers.def"
#undef TRIT_CPU_TIER
    };
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++) {
        char env[64];
        snprintf(env, sizeof env, "TRIT_CPU=%s", tiers[i]);
        check(env, "");
    }
}

static void any_threads(void **state) {
    (void)state;
    check("", "-t 1");
    check("", "-t 2");
    check("", "-t 3");
}

static void either_form_of_weights(void **state) {
    (void)state;
    check("TRIT_WEIGHTS=t2", "");
    check("TRIT_WEIGHTS=t3", "");
    check("TRIT_WEIGHTS=t3 TRIT_CPU=scalar", "--chunk 7");
    check("TRIT_WEIGHTS=t3", "--chunk 1 -t 2");
}

static void any_chunks(void **state) {
    (void)state;
    check("", "--chunk 1");
    check("", "--chunk 7");
    check("", "--chunk 33 -t 2");
}

static void alone_and_in_a_batch_of_eight(void **state) {
    (void)state;
    check("", "--batch 8");
    check("", "--batch 8 --chunk 11 -t 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_set),
        cmocka_unit_test(any_threads),
        cmocka_unit_test(either_form_of_weights),
        cmocka_unit_test(any_chunks),
        cmocka_unit_test(alone_and_in_a_batch_of_eight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
