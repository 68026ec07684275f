/* Weight formats on odd shapes, at odd addresses, on codes that are none and on values that no format can hold. */
#include "test.h"

#include <math.h>

#include "quant/quant.h"
#include "tensor/bytes.h"

enum { n_shapes_cols = 4 };

static const uint64_t odd_cols[n_shapes_cols] = {100, 3200, 5460, 8640};

static int8_t *random_trits(uint64_t n, uint32_t seed) {
    int8_t *w = malloc(n);
    assert_non_null(w);
    for (uint64_t i = 0; i < n; i++) w[i] = (int8_t)((int)(test_lcg(&seed) % 3) - 1);
    return w;
}

static float *random_floats(uint64_t n, uint32_t seed, float amplitude) {
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (uint64_t i = 0; i < n; i++) x[i] = amplitude * ((float)(test_lcg(&seed) % 65536) / 32768 - 1);
    return x;
}

/* I2_S by its definition, element after element; what does not fit n / 4 bytes is lost. Fresh memory, at an odd address + 1. */
static uint8_t *naive_i2_s(const int8_t *w, uint64_t n, unsigned block, float scale, uint64_t *n_bytes) {
    *n_bytes = n / 4 + 32;
    uint8_t *memory = calloc(1, *n_bytes + 1), *p = memory + 1;
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t byte = i / block * (block / 4) + i % (block / 4);
        const unsigned shift = 6 - 2 * (unsigned)(i % block / (block / 4));
        if (byte < n / 4) p[byte] = (uint8_t)(p[byte] | (w[i] + 1) << shift);
    }
    trit_store_f32(p + n / 4, scale);
    return memory;
}

/* Rows of m are g * w; in a row with lost elements (see i2_s.c) trits must say so and the rest must be right. */
static void check_rows(const trit_quant_matrix *m, const int8_t *w, float g, const bool *lost) {
    const trit_quant_format *f = trit_quant_format_of(m->dtype);
    int8_t *trits = malloc(m->n_cols);
    float *values = malloc(m->n_cols * sizeof *values), *scales = malloc((m->n_cols / 64 + 1) * sizeof *scales);
    for (uint64_t row = 0; row < m->n_rows; row++, w += m->n_cols) {
        bool whole = true;
        for (uint64_t c = 0; lost && c < m->n_cols; c++) whole &= !lost[row * m->n_cols + c];
        f->unpack(m, row, values);
        assert_int_equal(f->trits(m, row, trits, scales), whole);
        for (uint64_t c = 0; c < m->n_cols; c++) {
            const int expected = lost && lost[row * m->n_cols + c] ? 0 : w[c];
            if (trits[c] != expected || values[c] != g * (float)expected)
                fail_msg("row %d, column %d: %d, %g", (int)row, (int)c, trits[c], (double)values[c]);
        }
        for (uint64_t s = 0; s < (f->scale_group ? m->n_cols / f->scale_group : 1); s++) assert_true(scales[s] == g);
    }
    free(trits);
    free(values);
    free(scales);
}

static void i2_s_shapes(void **state) {
    (void)state;
    for (unsigned block = 64; block <= 128; block += 64)
        for (uint64_t n_rows = 1; n_rows <= 8; n_rows++)
            for (int k = 0; k < n_shapes_cols; k++) {
                const uint64_t rows = n_rows == 8 ? 32 : n_rows, n = rows * odd_cols[k];
                int8_t *w = random_trits(n, (uint32_t)n);
                uint64_t n_bytes;
                uint8_t *memory = naive_i2_s(w, n, block, 0.75f, &n_bytes);
                bool *lost = calloc(n, sizeof *lost);
                for (uint64_t i = 0; i < n; i++) lost[i] = i / block * (block / 4) + i % (block / 4) >= n / 4;
                const trit_quant_matrix m = {.dtype = trit_dtype_i2_s, .data = memory + 1,
                                             .n_bytes = n_bytes, .n_rows = rows, .n_cols = odd_cols[k], .scale = 1, .i2_s_block = block};
                check_rows(&m, w, 0.75f, lost);
                if (block == 128) {
                    uint8_t *packed = malloc(n_bytes);
                    assert_int_equal(trit_i2_s_pack(w, n, 0.75f, packed), n % 128 == 0);
                    if (n % 128 == 0) assert_memory_equal(packed, memory + 1, n_bytes);
                    free(packed);
                }
                free(lost);
                free(memory);
                free(w);
            }
}

static void hf_ternary_shapes(void **state) {
    (void)state;
    for (uint64_t n_rows = 1; n_rows <= 7; n_rows++)
        for (int k = 0; k < n_shapes_cols; k++) {
            const uint64_t n_cols = odd_cols[k];
            uint64_t n_bytes;
            assert_true(trit_dtype_n_bytes(trit_dtype_hf_ternary, n_rows, n_cols, &n_bytes));
            int8_t *w = random_trits(n_rows * n_cols, (uint32_t)(n_rows + n_cols));
            uint8_t *bytes = malloc(n_bytes);
            trit_hf_ternary_pack(w, n_rows, n_cols, bytes);
            const trit_quant_matrix m = {.dtype = trit_dtype_hf_ternary, .data = bytes,
                                         .n_bytes = n_bytes, .n_rows = n_rows, .n_cols = n_cols, .scale = 0.01f};
            check_rows(&m, w, 0.01f, NULL);
            free(bytes);
            free(w);
        }
}

/* Formats that are written row by row. The scale is a half. */
static void row_shapes(void **state) {
    (void)state;
    static const struct {
        trit_dtype dtype;
        uint64_t n_cols[4];
    } cases[] = {
        {trit_dtype_ptq1_0, {128, 384, 3200, 8704}}, {trit_dtype_tq1_0, {256, 512, 3328, 8704}}, {trit_dtype_tq2_0, {256, 512, 3328, 8704}},
        {trit_dtype_q2_0, {64, 192, 3200, 8640}},   {trit_dtype_pq2_0, {128, 384, 3200, 8704}},
        {trit_dtype_iq1_bn, {64, 192, 3200, 8640}}, {trit_dtype_iq2_bn, {64, 192, 3200, 8640}},
    };
    for (size_t d = 0; d < sizeof cases / sizeof cases[0]; d++)
        for (int k = 0; k < 4; k++) {
            const uint64_t n_rows = 7, n_cols = cases[d].n_cols[k];
            uint64_t row_bytes;
            assert_true(trit_dtype_n_bytes(cases[d].dtype, 1, n_cols, &row_bytes));
            int8_t *w = random_trits(n_rows * n_cols, (uint32_t)k);
            float *x = malloc(n_cols * sizeof *x);
            uint8_t *bytes = malloc(n_rows * row_bytes);
            for (uint64_t row = 0; row < n_rows; row++) {
                for (uint64_t c = 0; c < n_cols; c++) x[c] = 0.375f * (float)w[row * n_cols + c];
                trit_quant_format_of(cases[d].dtype)->pack(x, n_cols, bytes + row * row_bytes);
            }
            const trit_quant_matrix m = {.dtype = cases[d].dtype, .data = bytes,
                                         .n_bytes = n_rows * row_bytes, .n_rows = n_rows, .n_cols = n_cols, .scale = 1};
            check_rows(&m, w, 0.375f, NULL);
            free(bytes);
            free(x);
            free(w);
        }
}

/* TL1 and TL2 of many bands, with and without columns that are no whole band; and kernels that do not fit. */
static void lookup_tables(void **state) {
    (void)state;
    static const struct {
        trit_dtype dtype;
        uint64_t n_rows, n_cols;
        trit_tile tile;
    } cases[] = {
        {trit_dtype_tl1, 256, 512, {128, 64, 64}}, {trit_dtype_tl1, 320, 640, {160, 64, 32}}, {trit_dtype_tl1, 64, 256, {64, 128, 16}},
        {trit_dtype_tl2, 64, 4096, {32, 96, 32}},  {trit_dtype_tl2, 320, 640, {160, 96, 32}}, {trit_dtype_tl2, 128, 1536, {128, 192, 64}},
        {trit_dtype_tl2, 64, 256, {64, 192, 32}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint64_t n_rows = cases[i].n_rows, n_cols = cases[i].n_cols;
        uint64_t n_bytes;
        assert_true(trit_dtype_n_bytes(cases[i].dtype, n_rows, n_cols, &n_bytes));
        int8_t *w = random_trits(n_rows * n_cols, (uint32_t)i);
        uint8_t *bytes = malloc(n_bytes);
        assert_true(trit_tl_pack(cases[i].dtype, cases[i].tile, w, n_rows, n_cols, 0.02f, bytes));
        trit_quant_matrix m = {.dtype = cases[i].dtype, .data = bytes, .n_bytes = n_bytes, .n_rows = n_rows, .n_cols = n_cols, .tile = cases[i].tile};
        check_rows(&m, w, 0.02f, NULL);
        m.tile.rows = 96;
        assert_false(trit_tl_pack(m.dtype, m.tile, w, n_rows, n_cols, 0.02f, bytes));
        m.tile = (trit_tile){0};
        int8_t *trits = malloc(n_cols);
        float scale;
        assert_false(trit_quant_format_of(m.dtype)->trits(&m, 0, trits, &scale));
        free(trits);
        free(bytes);
        free(w);
    }
}

/* Codes that are none: 9 of the pairs, 14 of the triples, 0 of the GPU's. */
static void no_codes(void **state) {
    (void)state;
    int8_t w[32 * 256] = {0}, trits[256];
    uint8_t bytes[2080];
    float scale, values[256];
    assert_true(trit_tl_pack(trit_dtype_tl2, (trit_tile){32, 96, 32}, w, 32, 256, 1, bytes));
    trit_quant_matrix m = {.dtype = trit_dtype_tl2, .data = bytes, .n_bytes = sizeof bytes, .n_rows = 32, .n_cols = 256, .tile = {32, 96, 32}};
    assert_true(trit_quant_format_of(m.dtype)->trits(&m, 0, trits, &scale));
    bytes[0] = 14 << 4; /* the first triple of row 0 */
    assert_false(trit_quant_format_of(m.dtype)->trits(&m, 0, trits, &scale));
    trit_quant_format_of(m.dtype)->unpack(&m, 0, values);
    assert_true(values[0] == 0 && values[255] == 0);
    bytes[0] = 0;
    bytes[1280] = 9; /* the second pair behind the triples */
    assert_false(trit_quant_format_of(m.dtype)->trits(&m, 0, trits, &scale));
    assert_true(trit_gpu_int2_pack(w, 16, 32, bytes));
    m = (trit_quant_matrix){.dtype = trit_dtype_gpu_int2, .data = bytes, .n_bytes = 128, .n_rows = 16, .n_cols = 32, .scale = 1};
    assert_true(trit_quant_format_of(m.dtype)->trits(&m, 15, trits, &scale));
    bytes[127] = 0;
    assert_false(trit_quant_format_of(m.dtype)->trits(&m, 15, trits, &scale));
}

static void i8_s(void **state) {
    (void)state;
    uint8_t bytes[6 + 32] = {0x7f, 0x81, 0, 1, 2, 0xff};
    float values[3];
    uint64_t n_bytes;
    trit_store_f32(bytes + 6, 0.5f);
    assert_true(trit_dtype_n_bytes(trit_dtype_i8_s, 2, 3, &n_bytes) && n_bytes == sizeof bytes);
    const trit_quant_matrix m = {.dtype = trit_dtype_i8_s, .data = bytes, .n_bytes = n_bytes, .n_rows = 2, .n_cols = 3};
    trit_quant_format_of(m.dtype)->unpack(&m, 0, values);
    assert_true(values[0] == 63.5f && values[1] == -63.5f && values[2] == 0);
    trit_quant_format_of(m.dtype)->unpack(&m, 1, values);
    assert_true(values[0] == 0.5f && values[1] == 1 && values[2] == -0.5f);
}

/* IQ2_BN_R4 by its definition, on rows with scales of their own and more than one block. */
static void four_rows(void **state) {
    (void)state;
    enum { n_rows = 8, n_cols = 192, n_bytes = n_rows * (4 + n_cols / 4) };
    uint8_t bytes[n_bytes] = {0};
    int8_t *w = random_trits(n_rows * n_cols, 5), trits[n_cols];
    float values[n_cols], scale;
    for (unsigned r = 0; r < n_rows; r++) {
        uint8_t *four = bytes + r / 4 * (n_bytes / 2);
        trit_store_f32(four + 4 * (r % 4), 0.1f * (float)(r + 1));
        for (unsigned c = 0; c < n_cols; c++) {
            uint8_t *p = four + 16 + c / 64 * 64 + c % 64 / 16 * 16 + 4 * (r % 4) + c % 4;
            *p = (uint8_t)(*p | (w[r * n_cols + c] + 1) << 2 * (c % 16 / 4));
        }
    }
    const trit_quant_matrix m = {.dtype = trit_dtype_iq2_bn_r4, .data = bytes, .n_bytes = n_bytes, .n_rows = n_rows, .n_cols = n_cols, .scale = 1};
    const trit_quant_format *f = trit_quant_format_of(m.dtype);
    for (unsigned r = 0; r < n_rows; r++) {
        assert_true(f->trits(&m, r, trits, &scale) && scale == 0.1f * (float)(r + 1));
        assert_memory_equal(trits, w + r * n_cols, n_cols);
        f->unpack(&m, r, values);
        for (unsigned c = 0; c < n_cols; c++) assert_true(values[c] == scale * (float)trits[c]);
    }
    free(w);
}

/* The drawing of the two-bit types, and that 128 elements of PQ2_0 are those of two blocks of Q2_0 behind one scale. */
static void q2_0_bytes(void **state) {
    (void)state;
    const trit_quant_format *q = trit_quant_format_of(trit_dtype_q2_0), *pq = trit_quant_format_of(trit_dtype_pq2_0);
    int8_t *w = random_trits(128, 8), trits[128];
    float x[128], scales[2];
    uint8_t two[36], one[34];
    w[0] = 1, w[1] = 0, w[2] = -1, w[3] = 1, w[64] = 1;
    for (int i = 0; i < 128; i++) x[i] = 0.75f * (float)w[i];
    q->pack(x, 128, two);
    pq->pack(x, 128, one);
    assert_int_equal(trit_load_u16(one), 0x3a00); /* 0.75 */
    assert_int_equal(one[2], 2 | 1 << 2 | 0 << 4 | 2 << 6);
    assert_memory_equal(one, two, 18);
    assert_memory_equal(one + 18, two + 20, 16);
    one[3] |= 3; /* code 3: no trit, but a value of the format */
    const trit_quant_matrix m = {.dtype = trit_dtype_pq2_0, .data = one, .n_bytes = sizeof one, .n_rows = 1, .n_cols = 128, .scale = 1};
    assert_false(pq->trits(&m, 0, trits, scales));
    pq->unpack(&m, 0, x);
    assert_true(trits[4] == 0 && x[4] == 1.5f && scales[0] == 0.75f);
    free(w);
}

static void q1_0_signs(void **state) {
    (void)state;
    const trit_quant_format *f = trit_quant_format_of(trit_dtype_q1_0);
    uint8_t bytes[18] = {0, 0, 0x81, 0x02};
    int8_t trits[128];
    float values[128], scale;
    trit_store_f16(bytes, 0.5f);
    const trit_quant_matrix m = {.dtype = trit_dtype_q1_0, .data = bytes, .n_bytes = sizeof bytes, .n_rows = 1, .n_cols = 128, .scale = 1};
    assert_true(f->trits(&m, 0, trits, &scale) && scale == 0.5f);
    f->unpack(&m, 0, values);
    for (int i = 0; i < 128; i++) {
        const int sign = i == 0 || i == 7 || i == 9 ? 1 : -1;
        assert_true(trits[i] == sign && values[i] == 0.5f * (float)sign);
    }
}

/* Every byte of the types that pack five trits in a byte decodes to trits. */
static void any_byte(void **state) {
    (void)state;
    static const trit_dtype dtypes[] = {trit_dtype_tq1_0, trit_dtype_iq1_bn};
    for (int d = 0; d < 2; d++) {
        uint8_t bytes[54];
        int8_t trits[256];
        float scale;
        uint64_t n_bytes;
        assert_true(trit_dtype_n_bytes(dtypes[d], 1, 256, &n_bytes) && n_bytes == sizeof bytes);
        const trit_quant_matrix m = {.dtype = dtypes[d], .data = bytes, .n_bytes = n_bytes, .n_rows = 1, .n_cols = 256, .scale = 1};
        for (int b = 0; b < 256; b++) {
            memset(bytes, b, sizeof bytes);
            assert_true(trit_quant_format_of(dtypes[d])->trits(&m, 0, trits, &scale));
            for (int i = 0; i < 256; i++) assert_in_range(trits[i] + 1, 0, 2);
        }
    }
}

/* Codes of zeros everywhere but for one that is none: trits say so, and it reads as 0. */
static void no_trit(void **state) {
    (void)state;
    static const struct {
        trit_dtype dtype;
        uint64_t n_rows, code_at; /* a byte of row 0's codes */
        int f16_at, f32_at;       /* the scale, -1: none of this kind */
    } cases[] = {
        {trit_dtype_i2_s, 1, 5, -1, 64},   {trit_dtype_tq2_0, 1, 5, 64, -1},     {trit_dtype_hf_ternary, 1, 5, -1, -1},
        {trit_dtype_iq2_bn, 1, 9, -1, 0},  {trit_dtype_iq2_bn_r4, 4, 17, -1, 0},
    };
    for (size_t d = 0; d < sizeof cases / sizeof cases[0]; d++) {
        const trit_quant_format *f = trit_quant_format_of(cases[d].dtype);
        uint8_t bytes[512];
        uint64_t n_bytes;
        int8_t trits[256];
        float values[256], scales[1];
        assert_true(trit_dtype_n_bytes(cases[d].dtype, cases[d].n_rows, 256, &n_bytes) && n_bytes <= sizeof bytes);
        memset(bytes, 0x55, n_bytes); /* zeros; of HF_TERNARY's four rows only the lowest two bits are there */
        if (cases[d].f16_at >= 0) trit_store_f16(bytes + cases[d].f16_at, 1);
        if (cases[d].f32_at >= 0) trit_store_f32(bytes + cases[d].f32_at, 1);
        const trit_quant_matrix m = {.dtype = cases[d].dtype, .data = bytes,
                                     .n_bytes = n_bytes, .n_rows = cases[d].n_rows, .n_cols = 256, .scale = 1};
        assert_true(f->trits(&m, 0, trits, scales));
        bytes[cases[d].code_at] |= 3;
        assert_false(f->trits(&m, 0, trits, scales));
        f->unpack(&m, 0, values);
        for (int i = 0; i < 256; i++) assert_true(values[i] == 0);
    }
}

/* Floats to bytes and back: exact for those that hold them, within the step of the others. */
static void round_trips(void **state) {
    (void)state;
    static const struct {
        trit_dtype dtype;
        float max_error; /* for values in -4..4 */
    } cases[] = {
        {trit_dtype_f32, 0},          {trit_dtype_f16, 0x1p-10f},   {trit_dtype_bf16, 0x1p-7f}, {trit_dtype_q8_0, 0.018f},
        {trit_dtype_q4_0, 0.51f},     {trit_dtype_q4_1, 0.28f},     {trit_dtype_q6_k, 0.15f},
        {trit_dtype_q5_0, 0.26f},     {trit_dtype_q5_1, 0.14f},    {trit_dtype_iq4_nl, 0.45f}, {trit_dtype_mxfp4, 1.01f},
    };
    enum { n = 7 * 768 };
    float *x = random_floats(n, 7, 4), back[768];
    uint8_t bytes[768 * 4 + 1];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const trit_quant_format *f = trit_quant_format_of(cases[i].dtype);
        uint64_t n_bytes;
        double square = 0;
        assert_true(trit_dtype_n_bytes(cases[i].dtype, 1, 768, &n_bytes));
        for (int row = 0; row < 7; row++) {
            f->pack(x + 768 * row, 768, bytes + 1);
            const trit_quant_matrix m = {.dtype = cases[i].dtype, .data = bytes + 1, .n_bytes = n_bytes, .n_rows = 1, .n_cols = 768, .scale = 1};
            f->unpack(&m, 0, back);
            for (int c = 0; c < 768; c++) {
                const float error = fabsf(back[c] - x[768 * row + c]);
                square += (double)error * (double)error;
                if (error > cases[i].max_error) fail_msg("%s: error %g", trit_dtype_info(cases[i].dtype)->label, (double)error);
            }
        }
        print_message("  %-5s rms error %.5f\n", trit_dtype_info(cases[i].dtype)->label, sqrt(square / n));
    }
    free(x);
}

/* Zeros stay zeros; NaN, infinities and denormals neither crash nor touch undefined conversions (the sanitizers watch). */
static void odd_values(void **state) {
    (void)state;
    static const float odd[] = {NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f, 1e-45f, -1e-40f, 0, -0.0f, 1e-5f};
    float x[256], back[256];
    uint8_t bytes[1024];
    for (int d = 0; d < trit_n_dtypes; d++) {
        const trit_quant_format *f = trit_quant_format_of((trit_dtype)d);
        uint64_t n_bytes;
        if (!f || !f->pack) continue;
        assert_int_equal(f->dtype, d);
        assert_true(trit_dtype_n_bytes(f->dtype, 1, 256, &n_bytes));
        const trit_quant_matrix m = {.dtype = f->dtype, .data = bytes, .n_bytes = n_bytes, .n_rows = 1, .n_cols = 256, .scale = 1};
        for (int step = 1; step <= 10; step++) {
            for (int i = 0; i < 256; i++) x[i] = odd[i * step % 10];
            f->pack(x, 256, bytes);
            f->unpack(&m, 0, back);
        }
        for (int i = 0; i < 256; i++) x[i] = 0;
        f->pack(x, 256, bytes);
        f->unpack(&m, 0, back);
        for (int i = 0; i < 256; i++) assert_true(back[i] == 0);
    }
}

static void f64(void **state) {
    (void)state;
    static const double x[] = {1.5, -1e300, 1e-300, 3.4028235e38, 3.4028236e38};
    static const float expected[] = {1.5f, -INFINITY, 0, 3.4028235e38f, INFINITY};
    uint8_t bytes[5 * 8];
    float back[5];
    for (int i = 0; i < 5; i++) {
        uint64_t bits;
        memcpy(&bits, &x[i], 8);
        trit_store_u64(bytes + 8 * i, bits);
    }
    const trit_quant_matrix m = {.dtype = trit_dtype_f64, .data = bytes, .n_bytes = sizeof bytes, .n_rows = 1, .n_cols = 5, .scale = 1};
    trit_quant_format_of(trit_dtype_f64)->unpack(&m, 0, back);
    for (int i = 0; i < 5; i++) assert_true(back[i] == expected[i]);
}

/* The table: formats where the rows of dtypes.def say so, and what each promises. */
static void table(void **state) {
    (void)state;
    for (int d = 0; d < trit_n_dtypes; d++) {
        const trit_quant_format *f = trit_quant_format_of((trit_dtype)d);
        if (!f) continue;
        assert_int_equal(f->dtype, d);
        assert_non_null(f->unpack);
        assert_true(f->scale_group == 0 || f->trits);
    }
    assert_null(trit_quant_format_of(trit_dtype_i32));
    assert_null(trit_quant_format_of(trit_dtype_t2));
    assert_null(trit_quant_format_of(trit_n_dtypes));
    const trit_file_tensor t = {.dtype = trit_dtype_i2_s, .n_dims = 2, .shape = {3, 128}, .n_bytes = 128};
    const trit_quant_matrix m = trit_quant_matrix_of(&t);
    assert_true(m.dtype == trit_dtype_i2_s && m.n_rows == 3 && m.n_cols == 128 && m.n_bytes == 128 && m.scale == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),        cmocka_unit_test(i2_s_shapes), cmocka_unit_test(hf_ternary_shapes),
        cmocka_unit_test(row_shapes),   cmocka_unit_test(lookup_tables), cmocka_unit_test(no_codes), cmocka_unit_test(i8_s),
        cmocka_unit_test(four_rows),   cmocka_unit_test(q2_0_bytes),
        cmocka_unit_test(q1_0_signs),   cmocka_unit_test(any_byte),    cmocka_unit_test(no_trit),
        cmocka_unit_test(round_trips),  cmocka_unit_test(odd_values),  cmocka_unit_test(f64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
