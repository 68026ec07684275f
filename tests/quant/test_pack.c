/* Packed tensors: every strategy gives back what it got, the bytes are what the drawings say, sizes are what they are told to be, damage
 * is noticed, hostile bytes are refused. */
#include "test.h"

#include <math.h>

#include "kernel/kernel.h"
#include "quant/pack/pack.h"
#include "tensor/bytes.h"

static uint32_t seed = 1;

static double unit(void) {
    return (double)test_lcg(&seed) / 65536;
}

/* How zeros lie in a random matrix. */
typedef enum kind { kind_even, kind_runs, kind_blocks, kind_rows, kind_signs, n_kinds } kind;

/* Trits with a share of zeros; kind_runs repeats them, kind_blocks and kind_rows put the zeros into whole blocks or rows, kind_signs has
 * mostly positive ones. */
static void fill(int8_t *trits, uint64_t n_rows, uint64_t n_cols, double zeros, kind k) {
    const uint64_t n = n_rows * n_cols, size = 64 + test_lcg(&seed) % 4000;
    bool empty = false;
    for (uint64_t i = 0; i < n; i++) {
        const bool starts = k == kind_blocks ? i % size == 0 : i % n_cols == 0;
        if (k == kind_blocks || k == kind_rows) {
            if (starts) empty = unit() < zeros;
            trits[i] = empty ? 0 : (int8_t)((int)(test_lcg(&seed) % 3) - 1);
        } else if (k == kind_runs && i && test_lcg(&seed) % 8) {
            trits[i] = trits[i - 1];
        } else {
            trits[i] = unit() < zeros ? 0 : unit() < (k == kind_signs ? 0.8 : 0.5) ? 1 : -1;
        }
    }
}

static int8_t *random_trits(uint64_t n_rows, uint64_t n_cols, double zeros, kind k) {
    int8_t *trits = malloc(n_rows * n_cols);
    assert_non_null(trits);
    fill(trits, n_rows, n_cols, zeros, k);
    return trits;
}

/* Unpacks and compares. The bytes stand in a block of exactly their size. */
static void check_round_trip(const trit_text *packed, const trit_pack_matrix *m) {
    trit_error err;
    trit_pack_info info;
    const uint64_t n = m->n_rows * m->n_cols;
    uint8_t *bytes = malloc(packed->n);
    int8_t *trits = malloc(n);
    float *scales = malloc((m->n_scales + 1) * sizeof *scales);
    memcpy(bytes, packed->data, packed->n);
    memset(trits, 7, n);
    assert_ok(trit_pack_read(&info, bytes, packed->n, &err));
    assert_int_equal(info.n_rows, m->n_rows);
    assert_int_equal(info.n_cols, m->n_cols);
    assert_int_equal(info.n_scales, m->n_scales);
    assert_int_equal(info.group, m->group);
    assert_int_equal(info.n_bytes, packed->n);
    assert_ok(trit_unpack(trits, n, scales, m->n_scales, bytes, packed->n, &err));
    assert_memory_equal(trits, m->trits, n);
    if (m->n_scales) assert_memory_equal(scales, m->scales, m->n_scales * sizeof *scales);
    free(bytes), free(trits), free(scales);
}

/* By every strategy: back as it was, as many bytes as were told, but for the slack of entropy coded parts. Returns the smallest. */
static uint64_t check_strategies(const trit_pack_matrix *m) {
    trit_error err;
    uint64_t sizes[trit_pack_end], best = UINT64_MAX;
    assert_ok(trit_pack_sizes(sizes, m, &err));
    for (int s = trit_pack_auto + 1; s < trit_pack_end; s++) {
        trit_text packed = {0};
        assert_ok(trit_pack(&packed, m, (trit_pack_strategy)s, &err));
        check_round_trip(&packed, m);
        const uint64_t slack = s >= trit_pack_entropy ? 24 + sizes[s] / 8192 : 0;
        if (packed.n > sizes[s] || packed.n + slack < sizes[s])
            fail_msg("%s: %zu bytes, %d were told", trit_pack_name(s, NULL), packed.n, (int)sizes[s]);
        if (packed.n < best) best = packed.n;
        trit_text_fini(&packed);
    }
    assert_true(sizes[trit_pack_auto] >= best);
    return best;
}

static void every_length(void **state) {
    (void)state;
    for (uint64_t n = 1; n <= 9000; n += n < 700 ? 1 : 1 + test_lcg(&seed) % 300) {
        int8_t *trits = random_trits(1, n, unit(), (kind)(n % n_kinds));
        const trit_pack_matrix m = {1, n, trits, NULL, 0, 0};
        (void)check_strategies(&m);
        free(trits);
    }
}

static void extremes(void **state) {
    (void)state;
    enum { n = 40000 };
    int8_t *trits = malloc(n);
    for (int mood = 0; mood < 8; mood++) {
        for (int i = 0; i < n; i++) {
            const int alternating = i % 2 ? 1 : -1, values[8] = {0, 1, -1, alternating, i == 0, i == n - 1, i == 8191 ? -1 : 0, i >= 16384 ? alternating : 0};
            trits[i] = (int8_t)values[mood];
        }
        const trit_pack_matrix m = {200, n / 200, trits, NULL, 0, 0};
        (void)check_strategies(&m);
    }
    free(trits);
}

static void scales(void **state) {
    (void)state;
    const struct {
        uint64_t n_rows, n_cols, n_scales;
        uint32_t group;
    } shapes[] = {{3, 100, 0, 0}, {3, 100, 1, 0}, {3, 100, 3, 0}, {3, 100, 6, 64}, {1, 5460, 43, 128}, {7, 1, 7, 256}, {1, 1, 1, 0}};
    const float odd[] = {0.0f, -0.0f, 1e-45f, INFINITY, 0.1f, -3.0f};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int wide = 0; wide < 2; wide++) {
            float values[43];
            for (int k = 0; k < 43; k++) values[k] = wide ? odd[k % 6] : (float)k * 0.25f;
            int8_t *trits = random_trits(shapes[i].n_rows, shapes[i].n_cols, 0.4, kind_even);
            const trit_pack_matrix m = {shapes[i].n_rows, shapes[i].n_cols, trits, values, shapes[i].n_scales, shapes[i].group};
            (void)check_strategies(&m);
            free(trits);
        }
}

/* Scales that halves hold take two bytes, others four. */
static void scales_are_halves_where_they_can(void **state) {
    (void)state;
    trit_error err;
    const int8_t trits[4] = {1, 0, -1, 1};
    const float halves[4] = {1.5f, 0.25f, -2.0f, 65504.0f}, others[4] = {1.5f, 0.1f, -2.0f, 1.0f};
    uint64_t sizes[2][trit_pack_end];
    const trit_pack_matrix a = {4, 1, trits, halves, 4, 0}, b = {4, 1, trits, others, 4, 0};
    assert_ok(trit_pack_sizes(sizes[0], &a, &err));
    assert_ok(trit_pack_sizes(sizes[1], &b, &err));
    assert_int_equal(sizes[0][trit_pack_two_bit], 48 + 8 + 1 + 4);
    assert_int_equal(sizes[1][trit_pack_two_bit], 48 + 16 + 1 + 4);
}

/* The promise: on any of a thousand random tensors auto is within a hundredth of the best. */
static void auto_is_the_best(void **state) {
    (void)state;
    trit_error err;
    double worst = 1;
    unsigned won[trit_pack_end] = {0};
    for (int i = 0; i < 1000; i++) {
        const uint64_t n_rows = 1 + test_lcg(&seed) % 40, n_cols = 1 + test_lcg(&seed) % 1000;
        int8_t *trits = random_trits(n_rows, n_cols, (double)(i % 100) / 100, (kind)(i / 100 % n_kinds));
        const float scale = 0.7f;
        const trit_pack_matrix m = {n_rows, n_cols, trits, &scale, 1, 0};
        const uint64_t best = check_strategies(&m);
        trit_text packed = {0};
        trit_pack_info info;
        assert_ok(trit_pack(&packed, &m, trit_pack_auto, &err));
        check_round_trip(&packed, &m);
        assert_ok(trit_pack_read(&info, packed.data, packed.n, &err));
        won[info.strategy]++;
        if ((double)packed.n / (double)best > worst) worst = (double)packed.n / (double)best;
        trit_text_fini(&packed);
        free(trits);
    }
    print_message("auto at worst %.4f of the best; chosen:", worst);
    for (int s = 1; s < trit_pack_end; s++) print_message(" %s %u", trit_pack_name(s, NULL), won[s]);
    print_message("\n");
    assert_true(worst <= 1.01);
}

/* Independent trits at any share of zeros: header and all within a hundredth of the entropy, which is computed here by libm. */
static void entropy_is_near_its_bound(void **state) {
    (void)state;
    enum { n = 1 << 21 };
    static const double shares[] = {0, 0.1, 0.31, 1.0 / 3, 0.5, 0.8, 0.9, 0.95, 0.99};
    trit_error err;
    const float scale = 1;
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++)
        for (int k = 0; k < 2; k++) {
            int8_t *trits = random_trits(1024, n / 1024, shares[i], k ? kind_signs : kind_even);
            uint64_t counts[3] = {0};
            double bits = 0;
            for (int j = 0; j < n; j++) counts[trits[j] + 1]++;
            for (int c = 0; c < 3; c++)
                if (counts[c]) bits -= (double)counts[c] * log2((double)counts[c] / n);
            assert_true(fabs(trit_pack_bound(counts) * 8 / bits - 1) < 1e-12);
            const trit_pack_matrix m = {1024, n / 1024, trits, &scale, 1, 0};
            trit_text packed = {0};
            assert_ok(trit_pack(&packed, &m, trit_pack_entropy, &err));
            const double over = (double)packed.n * 8 / bits - 1;
            uint64_t sizes[trit_pack_end];
            assert_ok(trit_pack_sizes(sizes, &m, &err));
            print_message("zeros %.3f%s: entropy %.4f bits a trit, packed %.3f%% over it; all:", shares[i], k ? ", few -1" : "", bits / n, over * 100);
            for (int s = 1; s < trit_pack_end; s++) print_message(" %.4f", (double)sizes[s] * 8 / n);
            print_message("\n");
            assert_true(over > 0 && over < 0.01);
            check_round_trip(&packed, &m);
            trit_text_fini(&packed);
            free(trits);
        }
}

/* ---- Damage ---- */

static void expect_refused(const uint8_t *bytes, size_t n_bytes, int8_t *trits, uint64_t n, size_t at) {
    trit_error err;
    trit_pack_info info;
    if (trit_pack_read(&info, bytes, n_bytes, &err) != trit_format || trit_unpack(trits, n, NULL, 0, bytes, n_bytes, &err) != trit_format)
        fail_msg("byte %zu of %zu was changed, and nothing noticed", at, n_bytes);
    assert_true(err.message[0] && !strchr(err.message, '\n'));
}

/* Each byte of a thousand packed tensors is changed, once. */
static void any_changed_byte_is_found(void **state) {
    (void)state;
    trit_error err;
    for (int i = 0; i < 1000; i++) {
        const uint64_t n_rows = 1 + test_lcg(&seed) % 9, n_cols = 1 + test_lcg(&seed) % 90;
        int8_t *trits = random_trits(n_rows, n_cols, (double)(i % 100) / 100, (kind)(i % n_kinds));
        const float values[9] = {0.5f, 0.1f, 2, 3, 4, 5, 6, 7, 8};
        const trit_pack_matrix m = {n_rows, n_cols, trits, values, i % 3 ? 1 : n_rows, 0};
        trit_text packed = {0};
        assert_ok(trit_pack(&packed, &m, (trit_pack_strategy)(i / 100 % trit_pack_end), &err));
        uint8_t *bytes = (uint8_t *)packed.data;
        for (size_t at = 0; at < packed.n; at++) {
            const uint8_t change = (uint8_t)(1 + test_lcg(&seed) % 255);
            bytes[at] ^= change;
            expect_refused(bytes, packed.n, trits, n_rows * n_cols, at);
            bytes[at] ^= change;
        }
        trit_text_fini(&packed);
        free(trits);
    }
}

/* All 255 other values of each byte, and every cut. */
static void any_change_and_any_cut_is_found(void **state) {
    (void)state;
    trit_error err;
    for (int s = trit_pack_auto + 1; s < trit_pack_end; s++) {
        int8_t *trits = random_trits(3, 50, 0.5, kind_even);
        const float values[3] = {1, 2, 3};
        const trit_pack_matrix m = {3, 50, trits, values, 3, 0};
        trit_text packed = {0};
        assert_ok(trit_pack(&packed, &m, (trit_pack_strategy)s, &err));
        uint8_t *bytes = (uint8_t *)packed.data;
        for (size_t at = 0; at < packed.n; at++)
            for (unsigned change = 1; change < 256; change++) {
                bytes[at] ^= (uint8_t)change;
                expect_refused(bytes, packed.n, trits, 150, at);
                bytes[at] ^= (uint8_t)change;
            }
        for (size_t n = 0; n < packed.n; n++) expect_refused(bytes, n, trits, 150, n);
        trit_text_fini(&packed);
        free(trits);
    }
}

/* Where the bytes end tells the header, so that packed tensors may stand one behind the other. */
static void tensors_follow_one_another(void **state) {
    (void)state;
    trit_error err;
    trit_text packed = {0};
    const int8_t trits[6] = {1, 0, -1, 0, 0, 1};
    const trit_pack_matrix a = {2, 3, trits, NULL, 0, 0}, b = {1, 5, trits + 1, NULL, 0, 0};
    assert_ok(trit_pack(&packed, &a, trit_pack_runs, &err));
    const size_t n_first = packed.n;
    assert_ok(trit_pack(&packed, &b, trit_pack_sparse, &err));
    trit_pack_info info;
    assert_ok(trit_pack_read(&info, packed.data, packed.n, &err));
    assert_int_equal(info.n_bytes, n_first);
    assert_int_equal(info.strategy, trit_pack_runs);
    int8_t back[5];
    assert_ok(trit_unpack(back, 5, NULL, 0, packed.data + n_first, packed.n - n_first, &err));
    assert_memory_equal(back, trits + 1, 5);
    assert_int_equal(trit_unpack(back, 5, NULL, 0, packed.data, packed.n, &err), trit_arg);
    trit_text_fini(&packed);
}

static void wrong_matrices_are_refused(void **state) {
    (void)state;
    const int8_t good[4] = {1, 0, -1, 1}, bad[4] = {1, 0, 2, 1};
    const float values[4] = {1, 1, 1, 1};
    const trit_pack_matrix cases[] = {
        {0, 4, good, NULL, 0, 0}, {4, 0, good, NULL, 0, 0}, {1u << 21, 1u << 20, good, NULL, 0, 0}, {2, 2, good, values, 3, 0},
        {2, 2, good, values, 2, 1}, {2, 2, bad, NULL, 0, 0}, {UINT64_MAX, UINT64_MAX, good, NULL, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_error err;
        trit_text packed = {0};
        uint64_t sizes[trit_pack_end];
        assert_int_equal(trit_pack(&packed, &cases[i], trit_pack_auto, &err), trit_arg);
        assert_int_equal(trit_pack_sizes(sizes, &cases[i], &err), trit_arg);
        assert_null(packed.data);
    }
    trit_error err;
    trit_text packed = {0};
    const trit_pack_matrix m = {2, 2, good, NULL, 0, 0};
    assert_int_equal(trit_pack(&packed, &m, trit_pack_end, &err), trit_arg);
    assert_null(trit_pack_name(trit_pack_end, NULL));
    assert_null(trit_pack_name(-1, NULL));
}

/* ---- Bytes by hand, from the drawings ---- */

/* A packed tensor around `n` bytes by hand, with a right checksum. */
static size_t frame(uint8_t *out, int strategy, uint64_t n_trits, const uint8_t *bytes, size_t n) {
    memset(out, 0, 48);
    memcpy(out, "TRTP", 4);
    out[4] = 1;
    out[5] = (uint8_t)strategy;
    trit_store_u64(out + 8, 1);
    trit_store_u64(out + 16, n_trits);
    trit_store_u64(out + 40, n);
    if (n) memcpy(out + 48, bytes, n);
    trit_store_u32(out + 48 + n, trit_kernels_for(trit_cpu_scalar)->crc32c(0, out, 48 + n));
    return 52 + n;
}

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void bytes_are_as_drawn(void **state) {
    (void)state;
    const struct {
        int strategy;
        const char *trits;
        const uint8_t *bytes;
        size_t n;
    } cases[] = {
        {trit_pack_two_bit, "+0-", BYTES(2 | 1 << 2 | 0 << 4)},
        {trit_pack_two_bit, "+0-0+", BYTES(2 | 0 << 2 | 2 << 4, 1 | 1 << 2)},                    /* s = 2: 0, 2, 4 and 1, 3 */
        {trit_pack_base3, "+0-+0", BYTES((2 * 81 + 1 * 27 + 0 * 9 + 2 * 3 + 1) * 256 / 243 + 1)},
        {trit_pack_base3, "-", BYTES(0)},
        {trit_pack_byte, "+0-", BYTES(1, 0, 255)},
        {trit_pack_runs, "++0----", BYTES(1 << 2 | 2, 0 << 2 | 1, 3 << 2 | 0)},
        {trit_pack_sparse, "0-00+0", BYTES(0, 0x26, 0x01)},          /* k 0: 01 1, 001 0, 01 */
        {trit_pack_sparse, "00000", BYTES(1, 0x0c)},                 /* k 1: 5 is 001 and a low 1 */
        {trit_pack_entropy, "000", BYTES(0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint64_t n = strlen(cases[i].trits);
        int8_t trits[16];
        uint8_t expected[256];
        trit_error err;
        trit_text packed = {0};
        for (uint64_t k = 0; k < n; k++) trits[k] = cases[i].trits[k] == '+' ? 1 : cases[i].trits[k] == '-' ? -1 : 0;
        const trit_pack_matrix m = {1, n, trits, NULL, 0, 0};
        assert_ok(trit_pack(&packed, &m, (trit_pack_strategy)cases[i].strategy, &err));
        const size_t n_expected = frame(expected, cases[i].strategy, n, cases[i].bytes, cases[i].n);
        if (packed.n != n_expected || memcmp(packed.data, expected, n_expected) != 0) {
            for (size_t k = 48; k < packed.n; k++) print_message(" %d", (uint8_t)packed.data[k]);
            fail_msg("%s of %s", trit_pack_name(cases[i].strategy, NULL), cases[i].trits);
        }
        trit_text_fini(&packed);
    }
}

/* The files of the fuzzer's corpus hold what tools/quant/unpack.py, a reader of its own, finds in them; packed again they are the same
 * bytes. */
static void files_hold_what_another_reader_finds(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint32_t crc; /* of the trits as int8 */
    } files[] = {
        {"2-bit-0", 0xd90393c5}, {"2-bit-1", 0xcecbd1d7}, {"base-3-0", 0x806584c0},
        {"base-3-1", 0xd465fb7c}, {"byte-0", 0x6bf11a81}, {"byte-1", 0x83dd30a5},
        {"entropy-0", 0x01edeabe}, {"entropy-1", 0xc3d4328e}, {"hybrid-0", 0x499f0a13},
        {"hybrid-1", 0xb3be92fd}, {"hybrid-2", 0x5494042d}, {"run-length-0", 0xaefec11d},
        {"run-length-1", 0x72152943}, {"sparse-0", 0x5d048a57}, {"sparse-1", 0xf36bee42},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[64];
        size_t n_bytes;
        trit_error err;
        trit_pack_info info;
        int8_t trits[9000];
        float values[4];
        trit_text again = {0};
        snprintf(path, sizeof path, "fuzz/corpus/pack/%s", files[i].name);
        char *bytes = test_read(test_source(path), &n_bytes);
        assert_ok(trit_pack_read(&info, bytes, n_bytes, &err));
        const uint64_t n = info.n_rows * info.n_cols;
        assert_true(n <= sizeof trits && info.n_scales <= 4 && info.n_bytes == n_bytes);
        assert_ok(trit_unpack(trits, n, values, info.n_scales, bytes, n_bytes, &err));
        if (trit_kernels_for(trit_cpu_scalar)->crc32c(0, trits, n) != files[i].crc) fail_msg("%s holds other trits", files[i].name);
        const trit_pack_matrix m = {info.n_rows, info.n_cols, trits, values, info.n_scales, info.group};
        assert_ok(trit_pack(&again, &m, info.strategy, &err));
        assert_int_equal(again.n, n_bytes);
        assert_memory_equal(again.data, bytes, n_bytes);
        trit_text_fini(&again);
        free(bytes);
    }
}

/* Broken in other ways than by accident: the checksum is right. */
static void hostile_bytes_are_refused(void **state) {
    (void)state;
    const struct {
        int strategy;
        uint64_t n_trits;
        const uint8_t *bytes;
        size_t n;
    } cases[] = {
        {trit_pack_two_bit, 4, BYTES(3)},                    /* no trit */
        {trit_pack_two_bit, 5, BYTES(0)},                    /* a byte too few */
        {trit_pack_two_bit, 4, BYTES(0, 0)},                 /* and one too many */
        {trit_pack_base3, 6, BYTES(0)},
        {trit_pack_byte, 2, BYTES(0, 2)},
        {trit_pack_byte, 2, BYTES(0, 254)},
        {trit_pack_runs, 2, BYTES(1 << 2 | 3)},              /* no trit */
        {trit_pack_runs, 2, BYTES(2 << 2)},                  /* a run that is longer than the list */
        {trit_pack_runs, 2, BYTES(0)},                       /* the runs end */
        {trit_pack_runs, 99, BYTES(252, 255)},               /* a length without an end */
        {trit_pack_runs, 99, BYTES(252, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255)},
        {trit_pack_sparse, 9, BYTES(41, 0)},                 /* no such k */
        {trit_pack_sparse, 9, BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)}, /* zeros without an end */
        {trit_pack_sparse, 9, BYTES(40, 255, 255, 255, 255, 255)},
        {trit_pack_sparse, 9, BYTES(0, 1)},                  /* the bits end behind the first trit */
        {trit_pack_entropy, 9, BYTES(0, 0, 0, 0)},           /* no states */
        {trit_pack_entropy, 9, BYTES(255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
        {trit_pack_entropy, 9, BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
        {trit_pack_hybrid, 9, BYTES(8, 0, 0, 0)},
        {trit_pack_hybrid, 9, BYTES(255, 255, 255, 255, 255, 255, 255, 255, 0)}, /* the string is beyond the end */
        {trit_pack_hybrid, 9, BYTES(9, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0,
                                   128, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0)},
        {trit_pack_auto, 9, BYTES(0)},
        {trit_pack_end, 9, BYTES(0)},
    };
    uint8_t bytes[256];
    int8_t trits[128];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_error err;
        const size_t n = frame(bytes, cases[i].strategy, cases[i].n_trits, cases[i].bytes, cases[i].n);
        uint8_t *exact = malloc(n);
        memcpy(exact, bytes, n);
        if (trit_unpack(trits, cases[i].n_trits, NULL, 0, exact, n, &err) != trit_format) fail_msg("case %zu passed", i);
        free(exact);
    }
}

static void broken_headers_are_refused(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint64_t value;
        const char *says;
    } cases[] = {
        {8, 0, "shape"},          {8, UINT64_MAX, "shape"},       {16, (uint64_t)1 << 41, "shape"}, {24, 2, "scales"},
        {24, UINT64_MAX, "scales"}, {40, UINT64_MAX, "bytes"},    {40, 2, "bytes"},                 {32, 7, "scales"},
        {32, (uint64_t)1 << 32, "flags"}, {8, (uint64_t)1 << 40, "shape"},
    };
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_error err;
        trit_pack_info info;
        const size_t n = frame(bytes, trit_pack_two_bit, 4, BYTES(0));
        trit_store_u64(bytes + cases[i].at, cases[i].value);
        trit_store_u32(bytes + n - 4, trit_kernels_for(trit_cpu_scalar)->crc32c(0, bytes, n - 4));
        assert_int_equal(trit_pack_read(&info, bytes, n, &err), trit_format);
        if (!strstr(err.message, cases[i].says)) fail_msg("case %zu: %s", i, err.message);
    }
}

/* The loops of every tier unpack the same trits, and compute the same checksum. */
static void tiers_agree(void **state) {
    (void)state;
    trit_error err;
    int8_t *trits = random_trits(37, 1000, 0.4, kind_even), *back = malloc(37000);
    const trit_pack_matrix m = {37, 1000, trits, NULL, 0, 0};
    for (int s = trit_pack_auto; s < trit_pack_end; s++) {
        trit_text packed = {0};
        assert_ok(trit_pack(&packed, &m, (trit_pack_strategy)s, &err));
        for (trit_cpu_tier tier = 0; tier < trit_n_cpu_tiers; tier++) {
            if (!trit_cpu_has(tier)) continue;
            const trit_kernels *k = trit_kernels_for(tier);
            const trit_pack_loops loops = {k->unpack_two_bit, k->unpack_base3, k->crc32c};
            trit_text again = {0};
            assert_ok(trit_pack_with(&loops, &again, &m, (trit_pack_strategy)s, &err));
            assert_int_equal(again.n, packed.n);
            assert_memory_equal(again.data, packed.data, packed.n);
            memset(back, 9, 37000);
            assert_ok(trit_unpack_with(&loops, back, 37000, NULL, 0, (const uint8_t *)packed.data, packed.n, &err));
            assert_memory_equal(back, trits, 37000);
            trit_text_fini(&again);
        }
        trit_text_fini(&packed);
    }
    free(trits), free(back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_as_drawn),
        cmocka_unit_test(files_hold_what_another_reader_finds),
        cmocka_unit_test(every_length),
        cmocka_unit_test(extremes),
        cmocka_unit_test(scales),
        cmocka_unit_test(scales_are_halves_where_they_can),
        cmocka_unit_test(auto_is_the_best),
        cmocka_unit_test(entropy_is_near_its_bound),
        cmocka_unit_test(any_changed_byte_is_found),
        cmocka_unit_test(any_change_and_any_cut_is_found),
        cmocka_unit_test(tensors_follow_one_another),
        cmocka_unit_test(wrong_matrices_are_refused),
        cmocka_unit_test(hostile_bytes_are_refused),
        cmocka_unit_test(broken_headers_are_refused),
        cmocka_unit_test(tiers_agree),
    };
    return cmocka_run_group_tests_name("packing", tests, NULL, NULL);
}
