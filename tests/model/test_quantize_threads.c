/* Quantization on threads. The float model is story-256.gguf with its ternary weights as Q6_K. */
#include "test.h"

#include <math.h>

#include "base/os.h"
#include "trit/trit.h"

#define OUT(name) TRIT_BINARY_DIR "/quantize-threads-" name

static trit_error err;

typedef struct sums {
    double mse, sqnr_db, cosine, predicted;
} sums;

static void add_up(void *user, const trit_quantized *t) {
    sums *s = user;
    s->mse += t->mse;
    s->sqnr_db += isinf(t->sqnr_db) ? 0 : t->sqnr_db;
    s->cosine += t->cosine;
    s->predicted += isfinite(t->predicted_sqnr_db) ? t->predicted_sqnr_db : 0;
}

/* The same file and the same report, to the bit. */
static void any_number_of_threads(void **state) {
    (void)state;
    const char *floats = OUT("float.gguf");
    const trit_quantize_opts all_float = {.rules = "* q6_k\nblk.* q6_k"}; /* ternary weights would stay as they are */
    assert_ok(trit_quantize(test_source("tests/model/story-256.gguf"), floats, &all_float, NULL, &err));
    trit_file_map files[2];
    sums told[2] = {{0}};
    for (unsigned k = 0; k < 2; k++) {
        const char *out = k ? OUT("threads.gguf") : OUT("alone.gguf");
        const trit_quantize_opts o = {.convert = {.n_threads = 1 + 2 * k, .user = &told[k]}, .budget = 3000000, .on_tensor = add_up,
                                      .rules = "*attn_q* q4_k\n*attn* q8_0\n*ffn_up* 4bit-asym-g32-mse\n*ffn_down* ternary\n*ffn_gate* 3bit-tensor"};
        assert_ok(trit_quantize(floats, out, &o, NULL, &err));
        assert_ok(trit_os_map(&files[k], out, &err));
    }
    assert_int_equal(files[0].n, files[1].n);
    assert_memory_equal(files[0].data, files[1].data, files[0].n);
    assert_memory_equal(&told[0], &told[1], sizeof told[0]);
    assert_true(told[0].mse > 0 && told[0].predicted > 0); /* what the budget chose is among them */
    for (unsigned k = 0; k < 2; k++) trit_os_unmap(&files[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_number_of_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
