/* ggml's types against ggml itself: what random bytes mean, bit for bit, and for the encoders that have one right answer the bytes
 * that random floats become. The hashes are the output of tools/quant/golden.c with ggml 0.21.0 (commit d99724f2). */
#include "test.h"

#include <math.h>

#include "quant/quant.h"
#include "tensor/half.h"

enum { n = 64 * 256, n_rows = 16 };

typedef struct golden {
    trit_dtype dtype;
    uint32_t id; /* the seed: its number in GGUF */
    uint64_t floats; /* 0: TQ2_0's code 3, which ggml reads as 2 and trit as no trit */
    uint64_t bytes;  /* 0: the encoder is our own, or there is none */
} golden;

static const golden goldens[] = {
    {trit_dtype_q4_0, 2, 0x816cc8b18fea7fdbu, 0xc198a8e5937fda7eu},
    {trit_dtype_q4_1, 3, 0x36dfe5b0c0b4da07u, 0xa2a591e30ddb1f16u},
    {trit_dtype_q5_0, 6, 0xf63195bdd0730c34u, 0x478964421662df8eu},
    {trit_dtype_q5_1, 7, 0x5c20765f22319f4au, 0x1bd84c781d304de3u},
    {trit_dtype_q8_0, 8, 0x69ee90ae07ef806cu, 0x3c6cfc7a07695ebeu},
    {trit_dtype_q2_k, 10, 0x2a7662801fad1fd3u, 0},
    {trit_dtype_q3_k, 11, 0x4362b0c90a43af0cu, 0},
    {trit_dtype_q4_k, 12, 0x8b448d44df9ac0c9u, 0},
    {trit_dtype_q5_k, 13, 0x7db85dbf623a5672u, 0},
    {trit_dtype_q6_k, 14, 0x327f3f12a4f0ee51u, 0},
    {trit_dtype_iq4_nl, 20, 0x29fed9b1d1cf8dafu, 0x14368c00baa0fea0u},
    {trit_dtype_mxfp4, 39, 0x3541ba4a0f3f0852u, 0xed3d97e01477767eu},
    {trit_dtype_nvfp4, 40, 0xe7fae5ce1b1b8fc2u, 0},
    {trit_dtype_tq1_0, 34, 0x3d4a2caccd5f2b39u, 0x46eff37b7376d9e5u},
    {trit_dtype_tq2_0, 35, 0, 0xe525eb898b1bd669u},
    {trit_dtype_q1_0, 41, 0x6ab266cf717f2aa5u, 0x97be2f8d9d14a097u},
    {trit_dtype_q2_0, 42, 0xe288ec8d3aa7b8f6u, 0xe72ea3d1fe362c8eu},
};

/* FNV-1a, 64 bits, over the bytes of a little-endian machine. */
static uint64_t hash_bytes(uint64_t h, const uint8_t *p, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static uint64_t hash_floats(const float *x) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = isnan(x[i]) ? 0x7fc00000u : trit_bits_from_f32(x[i]);
        const uint8_t p[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
        h = hash_bytes(h, p, 4);
    }
    return h;
}

static void check(const golden *g) {
    static uint8_t bytes[n * 4];
    static float x[n];
    const trit_quant_format *f = trit_quant_format_of(g->dtype);
    const char *label = trit_dtype_info(g->dtype)->label;
    uint32_t seed = g->id;
    uint64_t n_bytes;
    assert_int_equal(trit_dtype_info(g->dtype)->gguf_id, g->id);
    assert_true(trit_dtype_n_bytes(g->dtype, n_rows, n / n_rows, &n_bytes));
    for (size_t i = 0; i < n_bytes; i++) bytes[i] = (uint8_t)test_lcg(&seed);
    const trit_quant_matrix m = {.dtype = g->dtype, .data = bytes, .n_bytes = n_bytes, .n_rows = n_rows, .n_cols = n / n_rows, .scale = 1};
    for (uint64_t row = 0; row < n_rows; row++) f->unpack(&m, row, x + row * m.n_cols);
    uint64_t h = hash_floats(x);
    if (g->floats && h != g->floats) fail_msg("%s: floats 0x%016llx", label, (unsigned long long)h);
    if (!g->bytes) return;
    for (size_t i = 0; i < n; i++) x[i] = 4 * ((float)test_lcg(&seed) / 32768 - 1);
    for (uint64_t row = 0; row < n_rows; row++) f->pack(x + row * m.n_cols, m.n_cols, bytes + row * (n_bytes / n_rows));
    h = hash_bytes(0xcbf29ce484222325u, bytes, n_bytes);
    if (h != g->bytes) fail_msg("%s: bytes 0x%016llx", label, (unsigned long long)h);
}

static void as_ggml(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) check(&goldens[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_ggml)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
