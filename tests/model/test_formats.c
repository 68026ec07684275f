/* A small model whose matrices are in each weight format in turn, from the file to the logits: they are those of the same weights
 * written as floats, to the bit, and of every machine the same. */
#include "test.h"

#include <sys/stat.h>

#include "io/io.h"
#include "quant/quant.h"
#include "tensor/bytes.h"
#include "trit/trit.h"

enum { dim = 256, n_vocab = 64, n_tokens = 5, n_matrices = 9, largest = dim * dim };

/* Weights are packed floats, or random bytes: for formats that cannot be written, and for codes that no packer writes (Q2_0's 3).
 * Then `halves` of each block's scales stand `at`, and their exponent is set. at < 0: packed (TL1 and TL2 for the kernel below). */
typedef struct wanted {
    trit_dtype dtype;
    int at, halves;
    uint64_t hash; /* of the logits with float activations; what the scalar twins of x86-64 computed */
} wanted;

static const wanted all[] = {
    {trit_dtype_f16, -1, 0, 0xaa897fe789370f76u},
    {trit_dtype_bf16, -1, 0, 0x48c8d483a1671a62u},
    {trit_dtype_q4_0, -1, 0, 0x1881d515ba33b241u},
    {trit_dtype_q4_1, -1, 0, 0xad6afca127b2e04cu},
    {trit_dtype_q5_0, -1, 0, 0xe2293d1987fc243eu},
    {trit_dtype_q5_1, -1, 0, 0xd4f79242f5468ca0u},
    {trit_dtype_q8_0, -1, 0, 0x53749e8a0992f50au},
    {trit_dtype_iq4_nl, -1, 0, 0x2dca3e7015a45d8fu},
    {trit_dtype_mxfp4, -1, 0, 0xfd728f68a4a6e24au},
    {trit_dtype_nvfp4, 0, 2, 0x30ec53aad463b0efu},
    {trit_dtype_q2_k, 80, 2, 0xfd53ca966b92b0f5u},
    {trit_dtype_q3_k, 108, 1, 0x23a0e089831cd927u},
    {trit_dtype_q4_k, 0, 2, 0xf0590faca39286d0u},
    {trit_dtype_q5_k, 0, 2, 0x237a9cdf4bd8f2ccu},
    {trit_dtype_q6_k, -1, 0, 0x5a4fbdaac159ce48u},
    {trit_dtype_q1_0, 0, 1, 0x675c600a30337fc8u},
    {trit_dtype_tq1_0, -1, 0, 0x41ee25d1cefbc552u},
    {trit_dtype_tq2_0, -1, 0, 0xbb840a809df45473u},
    {trit_dtype_q2_0, -1, 0, 0x4b0c2fdbbffc0514u},
    {trit_dtype_pq2_0, -1, 0, 0xcab905f01c815ac7u},
    {trit_dtype_iq1_bn, -1, 0, 0xa0c69fbb649f546fu},
    {trit_dtype_iq2_bn, -1, 0, 0x3efad256d7d18892u},
    {trit_dtype_q2_0, 0, 1, 0x940b2a0af079ccefu},
    {trit_dtype_iq2_bn_r4, 0, 0, 0xa745bebae32a9b33u},
    {trit_dtype_ptq1_0, -1, 0, 0x5e1c340d8cdb20bdu},
    {trit_dtype_tl1, -1, 0, 0x802d6651877c01b7u},
    {trit_dtype_tl2, -1, 0, 0x1e4a52fc607eb0f6u},
    {trit_dtype_q8_1, -1, 0, 0xc2d57f15719a4642u},
    {trit_dtype_i8_s, 0, 0, 0xd496e8dafac269c6u},
};

typedef struct matrix {
    const char *name;
    uint64_t n_rows;
    trit_dtype dtype;
    uint8_t bytes[largest * 4];
    float values[largest]; /* what the bytes mean */
} matrix;

static matrix matrices[n_matrices] = {
    {.name = "token_embd", .n_rows = n_vocab},      {.name = "blk.0.attn_q", .n_rows = dim},   {.name = "blk.0.attn_k", .n_rows = dim},
    {.name = "blk.0.attn_v", .n_rows = dim},        {.name = "blk.0.attn_output", .n_rows = dim}, {.name = "blk.0.ffn_gate", .n_rows = dim},
    {.name = "blk.0.ffn_up", .n_rows = dim},        {.name = "blk.0.ffn_down", .n_rows = dim}, {.name = "output", .n_rows = n_vocab},
};

static trit_error err;
static uint32_t seed;

/* For TL1 and TL2: the pairs of TL2 begin at column 192. */
static const trit_tile tile = {64, 64, 32}, tl2_tile = {64, 192, 32};
/* A folder of their own: the kernels' file would be found beside other tests' models. */
static const char folder[] = TRIT_BINARY_DIR "/formats", kernels[] = TRIT_BINARY_DIR "/formats/kernel_config.ini";

static void write_kernels(trit_tile t) {
    FILE *f = fopen(kernels, "w");
    assert_non_null(f);
    for (int rows = 64; rows <= dim; rows *= 4) fprintf(f, "[Kernels]\nm = %d\nk = %d\nbm = %u\nbk = %u\nbmm = %u\n", rows, dim, t.rows, t.cols, t.lanes);
    fclose(f);
}

/* Random bytes with scales of 2^-8 to 2^-7, whose sign and fraction are random. NVFP4's are bytes of that size. */
static void fill_random(const wanted *r, matrix *m, uint64_t n_bytes) {
    for (uint64_t i = 0; i < n_bytes; i++) m->bytes[i] = (uint8_t)test_lcg(&seed);
    for (uint64_t i = 0; i < n_bytes && r->dtype == trit_dtype_iq2_bn_r4; i++) m->bytes[i] ^= m->bytes[i] & m->bytes[i] >> 1 & 0x55; /* no code 3 */
    if (r->dtype == trit_dtype_iq2_bn_r4) /* four scales, then four rows */
        for (uint64_t row = 0; row < m->n_rows; row++)
            trit_store_f32(m->bytes + row / 4 * (4 * n_bytes / m->n_rows) + row % 4 * 4, 0.01f * (float)(row + 1));
    if (r->dtype == trit_dtype_i8_s) trit_store_f32(m->bytes + n_bytes - 32, 0x1p-12f);
    for (uint64_t at = 0; r->halves && at < n_bytes; at += trit_dtype_info(r->dtype)->block_bytes)
        for (int i = 0; i < r->halves; i++) {
            uint8_t *p = m->bytes + at + r->at + 2 * i;
            trit_store_u16(p, r->dtype == trit_dtype_nvfp4 ? 0x2725 : (uint16_t)((trit_load_u16(p) & 0x83ff) | 7 << 10));
        }
}

/* Trits where the format is ternary, else floats of -1/16 to 1/16. */
static void fill_packed(const trit_quant_format *f, matrix *m, uint64_t row_bytes) {
    float values[dim];
    for (uint64_t row = 0; row < m->n_rows; row++) {
        for (int c = 0; c < dim; c++)
            values[c] = f->trits ? 0.0625f * (float)((int)(test_lcg(&seed) % 3) - 1) : (float)test_lcg(&seed) / 524288 - 0.0625f;
        f->pack(values, dim, m->bytes + row * row_bytes);
    }
}

static trit_tile tile_of(trit_dtype dtype) {
    return dtype == trit_dtype_tl1 ? tile : dtype == trit_dtype_tl2 ? tl2_tile : (trit_tile){0};
}

static void fill_whole(trit_dtype dtype, matrix *m) {
    static int8_t trits[largest];
    for (uint64_t i = 0; i < m->n_rows * dim; i++) trits[i] = (int8_t)((int)(test_lcg(&seed) % 3) - 1);
    assert_true(trit_tl_pack(dtype, tile_of(dtype), trits, m->n_rows, dim, 0.0625f, m->bytes));
}

static void fill(const wanted *r, matrix *m) {
    const trit_quant_format *f = trit_quant_format_of(r->dtype);
    uint64_t n_bytes;
    assert_true(trit_dtype_n_bytes(r->dtype, m->n_rows, dim, &n_bytes) && n_bytes <= sizeof m->bytes);
    m->dtype = r->dtype;
    if (r->at < 0 && tile_of(r->dtype).rows) fill_whole(r->dtype, m);
    else if (r->at < 0) fill_packed(f, m, n_bytes / m->n_rows);
    else fill_random(r, m, n_bytes);
    const trit_quant_matrix q = {.dtype = r->dtype, .data = m->bytes, .n_bytes = n_bytes, .n_rows = m->n_rows, .n_cols = dim, .scale = 1,
                                 .tile = tile_of(r->dtype)};
    for (uint64_t row = 0; row < m->n_rows; row++) f->unpack(&q, row, m->values + row * dim);
}

static void put(trit_gguf_writer *w, const char *name, trit_dtype dtype, uint64_t n_rows, const void *data) {
    char full[64];
    trit_file_tensor t = {.dtype = dtype, .n_dims = n_rows > 1 ? 2 : 1, .shape = {n_rows > 1 ? n_rows : dim, dim}, .data = data};
    snprintf(full, sizeof full, "%s.weight", name);
    t.name = trit_str_from(full);
    assert_true(trit_dtype_n_bytes(dtype, n_rows, dim, &t.n_bytes));
    assert_ok(trit_gguf_put_tensor(w, &t, &err));
}

/* The model as a file, its matrices as they are or as floats. */
static const char *write_model(const char *arch, bool as_floats) {
    static const char path[] = TRIT_BINARY_DIR "/formats/model.gguf";
    static const char *const norms[] = {"blk.0.attn_norm", "blk.0.ffn_norm", "output_norm", "blk.0.attn_sub_norm", "blk.0.ffn_sub_norm"};
    static const struct {
        const char *name;
        uint32_t value;
    } keys[] = {{"block_count", 1}, {"embedding_length", dim}, {"feed_forward_length", dim}, {"attention.head_count", 2}};
    float ones[dim];
    char key[64];
    trit_gguf_writer *w;
    for (int i = 0; i < dim; i++) ones[i] = 1;
    assert_ok(trit_gguf_writer_new(&w, &err));
    assert_ok(trit_gguf_put_str(w, "general.architecture", trit_str_from(arch), &err));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        snprintf(key, sizeof key, "%s.%s", arch, keys[i].name);
        assert_ok(trit_gguf_put_u32(w, key, keys[i].value, &err));
    }
    for (size_t i = 0; i < (strcmp(arch, "llama") == 0 ? 3 : 5); i++) put(w, norms[i], trit_dtype_f32, 1, ones);
    for (size_t i = 0; i < n_matrices; i++) {
        const matrix *m = &matrices[i];
        put(w, m->name, as_floats ? trit_dtype_f32 : m->dtype, m->n_rows, as_floats ? (const void *)m->values : m->bytes);
    }
    assert_ok(trit_gguf_write(w, path, &err));
    trit_gguf_writer_free(w);
    return path;
}

static void keep(void *user, uint32_t pos, const float *logits, uint32_t n) {
    float(*out)[n_vocab] = user;
    assert_true(pos < n_tokens && n == n_vocab);
    memcpy(out[pos], logits, sizeof out[pos]);
}

static void run(const char *path, const char *activations, uint32_t chunk, float logits[n_tokens][n_vocab]) {
    static const int32_t prompt[n_tokens] = {1, 60, 7, 7, 33};
    trit_model *m;
    trit_engine *e;
    const trit_event *events;
    size_t n;
    assert_ok(trit_model_open(&m, path, &(trit_model_opts){.activations = activations}, &err));
    assert_ok(trit_engine_new(&e, m, &(trit_engine_opts){.chunk = chunk}, &err));
    trit_request q = {.prompt = prompt, .n_prompt = n_tokens, .prefill_only = true, .all_logits = true, .on_logits = keep, .user = logits};
    assert_ok(trit_engine_submit(e, &q, NULL, &err));
    while (!trit_engine_idle(e)) assert_ok(trit_engine_step(e, &events, &n, &err));
    trit_engine_free(e);
    trit_model_close(m);
}

/* FNV-1a, 64 bits. */
static uint64_t hash_of(float logits[n_tokens][n_vocab]) {
    uint64_t h = 0xcbf29ce484222325u;
    for (int i = 0; i < n_tokens * n_vocab; i++) {
        uint32_t bits = trit_bits_from_f32(logits[i / n_vocab][i % n_vocab]);
        for (int k = 0; k < 4; k++, bits >>= 8) h = (h ^ (bits & 255)) * 0x100000001b3u;
    }
    return h;
}

static void check_same(const char *label, const char *arch, const char *activations, uint64_t hash) {
    static float packed[n_tokens][n_vocab], floats[n_tokens][n_vocab];
    run(write_model(arch, false), activations, 0, packed);
    run(write_model(arch, true), activations, 2, floats);
    if (memcmp(packed, floats, sizeof packed) != 0) fail_msg("%s, %s, %s: other logits than the floats'", label, arch, activations);
    if (hash && hash_of(packed) != hash) fail_msg("%s: hash 0x%016llx", label, (unsigned long long)hash_of(packed));
}

static void every_format(void **state) {
    (void)state;
    bool seen[trit_n_dtypes] = {false};
    mkdir(folder, 0755);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const char *label = trit_dtype_info(all[i].dtype)->label;
        seed = (uint32_t)i + 1;
        write_kernels(tile_of(all[i].dtype));
        for (int k = 0; k < n_matrices; k++) fill(&all[i], &matrices[k]);
        check_same(label, "llama", "float", all[i].hash);
        if (all[i].at < 0 && trit_quant_format_of(all[i].dtype)->trits) check_same(label, "bitnet-b1.58", "int8", 0);
        seen[all[i].dtype] = true;
    }
    for (int d = 0; d < trit_n_dtypes; d++) /* what GGUF has in blocks must stand in the list; I2_S has files of its own */
        if (trit_quant_format_of((trit_dtype)d) && trit_dtype_info((trit_dtype)d)->gguf_id >= 0 && trit_dtype_info((trit_dtype)d)->block > 1 &&
            d != trit_dtype_i2_s && !seen[d])
            fail_msg("%s is not in the list", trit_dtype_info((trit_dtype)d)->label);
    remove(TRIT_BINARY_DIR "/formats/model.gguf");
    remove(kernels);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_format)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
