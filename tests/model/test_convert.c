/* Conversion: each pair of ternary types on odd shapes, models whose answers stay the same bits, what is mended, what is refused, and
 * that a failure leaves nothing behind. The cases of Hugging Face layouts are in test_hf.c. */
#include "test.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "io/io.h"
#include "model/convert/convert.h"
#include "tensor/bytes.h"
#include "trit/trit.h"

static trit_error err;

/* ---- One tensor ---- */

enum { most_rows = 7, most_cols = 8640, most = most_rows * most_cols };

static int8_t trits[most];
static uint8_t stored[most * 4 + 64], made[most * 4 + 64];

static void draw_trits(uint64_t n, uint32_t seed) {
    for (uint64_t i = 0; i < n; i++) trits[i] = (int8_t)((int)(test_lcg(&seed) % 3) - 1);
}

/* A tensor of the type with those trits; row r has the scale scales[r]. False: the shape does not fit the type, or it has one scale
 * and they are several. */
static bool store(trit_file_tensor *t, trit_dtype dtype, uint64_t n_rows, uint64_t n_cols, const float *scales) {
    const trit_quant_format *f = trit_quant_format_of(dtype);
    float row[most_cols];
    uint64_t n_bytes;
    if (!trit_dtype_n_bytes(dtype, n_rows, n_cols, &n_bytes)) return false;
    *t = (trit_file_tensor){{"t", 1}, dtype, 2, {n_rows, n_cols}, stored, n_bytes};
    if (dtype == trit_dtype_hf_ternary) {
        t->dtype = trit_dtype_u8;
        t->shape[0] = (n_rows + 3) / 4;
    }
    for (uint64_t r = 1; r < n_rows && f->pack_trits; r++)
        if (scales[r] != scales[0]) return false;
    if (f->pack_trits) return f->pack_trits(trits, n_rows, n_cols, scales[0], stored);
    for (uint64_t r = 0; r < n_rows; r++) {
        for (uint64_t c = 0; c < n_cols; c++) row[c] = (float)trits[r * n_cols + c] * scales[r];
        f->pack(row, n_cols, stored + r * (n_bytes / n_rows));
    }
    return true;
}

static trit_model model = {.i2_s_block = 128};

static void settle(trit_linear *l, const trit_file_tensor *t, uint64_t n_rows, uint64_t n_cols, const float *scale) {
    const trit_file_tensor scales = {{"t_scale", 7}, trit_dtype_f32, 1, {1}, (const uint8_t *)scale, 4};
    const trit_projection p = {.weight = t, .scale = t->dtype == trit_dtype_u8 ? &scales : NULL, .n_rows = (uint32_t)n_rows, .n_cols = (uint32_t)n_cols};
    model.config.act_int8 = true;
    model.config.scale_sense = trit_scale_multiply;
    assert_ok(trit_linear_settle(l, &model, &p, &err));
    assert_non_null(l->row);
}

typedef struct outcome {
    trit_status status;
    double error;
} outcome;

/* Converts stored to made. */
static outcome convert_tensor(const trit_file_tensor *in, trit_dtype to, uint64_t n_rows, uint64_t n_cols, const float *scale, bool force) {
    const trit_convert_opts opts = {.force = force};
    trit_convert_job job = {.m = &model, .o = &opts};
    trit_convert_tensor t = {.job = &job, .dtype = to, .role = trit_role_ternary, .in = in};
    uint64_t n_bytes;
    assert_true(trit_dtype_n_bytes(to, n_rows, n_cols, &n_bytes));
    t.out = (trit_file_tensor){{"t", 1}, to, 2, {n_rows, n_cols}, NULL, n_bytes};
    settle(&t.linear, in, n_rows, n_cols, scale);
    const trit_status status = trit_convert_fill(&t, &t.out, made, &err);
    return (outcome){status, job.report.max_error};
}

static void expect_weights(const trit_file_tensor *t, uint64_t n_rows, uint64_t n_cols, const float *scales, float tolerance) {
    static int8_t row[most_cols];
    static float got[most_cols], scratch[most_cols];
    trit_linear l;
    settle(&l, t, n_rows, n_cols, scales);
    const uint64_t group = l.group ? l.group : n_cols;
    for (uint64_t r = 0; r < n_rows; r++) {
        assert_int_equal(l.row(&l, r, row, got, scratch), trit_ok);
        assert_memory_equal(row, trits + r * n_cols, n_cols);
        for (uint64_t g = 0; g < (n_cols + group - 1) / group; g++) {
            const float off = got[g] > scales[r] ? got[g] - scales[r] : scales[r] - got[g];
            if (off > tolerance * scales[r]) fail_msg("%s: scale %g instead of %g", trit_dtype_info(t->dtype)->label, (double)got[g], (double)scales[r]);
        }
    }
}

static bool is_ternary_type(int d) {
    const trit_quant_format *f = trit_quant_format_of((trit_dtype)d);
    return trit_quant_can_pack(f) && f->trits && d != trit_dtype_q1_0; /* which has no zero */
}

static unsigned n_pairs;

static void check_pair(trit_dtype from, trit_dtype to, uint64_t n_rows, uint64_t n_cols, const float *scales, float tolerance) {
    trit_file_tensor in, out;
    uint64_t n_bytes;
    if (!store(&in, from, n_rows, n_cols, scales) || !trit_dtype_n_bytes(to, n_rows, n_cols, &n_bytes)) return;
    if (to == trit_dtype_i2_s && n_rows * n_cols % 128) { /* refused in words that help */
        assert_int_equal(convert_tensor(&in, to, n_rows, n_cols, scales, false).status, trit_unsupported);
        assert_non_null(strstr(err.message, " can"));
        return;
    }
    const outcome o = convert_tensor(&in, to, n_rows, n_cols, scales, false);
    if (o.status != trit_ok) fail_msg("%s", err.message);
    if (!(o.error <= (double)tolerance)) fail_msg("error %g", o.error);
    out = (trit_file_tensor){{"t", 1}, to, 2, {n_rows, n_cols}, made, n_bytes};
    if (to == trit_dtype_hf_ternary) {
        out.dtype = trit_dtype_u8;
        out.shape[0] = (n_rows + 3) / 4;
    }
    expect_weights(&out, n_rows, n_cols, scales, tolerance);
    n_pairs++;
}

static void each_pair(const float *scales, float tolerance) {
    static const uint64_t widths[] = {100, 256, 320, 3200, 3840, 5460, 8640};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++)
        for (uint64_t n_rows = 1; n_rows <= most_rows; n_rows++) {
            draw_trits(n_rows * widths[w], (uint32_t)(n_rows + w));
            for (int from = 0; from < trit_n_dtypes; from++)
                for (int to = 0; to < trit_n_dtypes; to++)
                    if (is_ternary_type(from) && is_ternary_type(to)) check_pair((trit_dtype)from, (trit_dtype)to, n_rows, widths[w], scales, tolerance);
        }
}

static void pairs(void **state) {
    (void)state;
    static const float one[most_rows] = {0.75f, 0.75f, 0.75f, 0.75f, 0.75f, 0.75f, 0.75f};
    n_pairs = 0;
    each_pair(one, 0); /* a scale that halves hold */
    print_message("%u conversions, each exact\n", n_pairs);
    assert_true(n_pairs > 800);
}

static void rounded_scales(void **state) {
    (void)state;
    static const float one[most_rows] = {0.1f, 0.1f, 0.1f, 0.1f, 0.1f, 0.1f, 0.1f};
    each_pair(one, 0x1.01p-11f);
}

static void several_scales(void **state) {
    (void)state;
    static const float two[2] = {0.5f, 0.75f};
    trit_file_tensor in;
    draw_trits(2 * 512, 9);
    assert_true(store(&in, trit_dtype_iq2_bn, 2, 512, two));
    assert_int_equal(convert_tensor(&in, trit_dtype_tq2_0, 2, 512, two, false).status, trit_ok);
    assert_int_equal(convert_tensor(&in, trit_dtype_i2_s, 2, 512, two, false).status, trit_unsupported);
    assert_non_null(strstr(err.message, "I2_S cannot hold its scales"));
    assert_non_null(strstr(err.message, "TQ1_0 can"));
    const outcome forced = convert_tensor(&in, trit_dtype_i2_s, 2, 512, two, true);
    assert_int_equal(forced.status, trit_ok);
    assert_true(forced.error > 0.1 && forced.error < 0.3); /* one scale for both lies between */
    static const float tiny[2] = {1e-6f, 1e-6f}; /* a half has 4 bits left for it */
    assert_true(store(&in, trit_dtype_iq2_bn, 2, 512, tiny));
    assert_int_equal(convert_tensor(&in, trit_dtype_tq2_0, 2, 512, tiny, false).status, trit_unsupported);
}

/* Types of integers hold trits, too: from a scale for the tensor, for rows and for blocks. */
static void types_of_levels(void **state) {
    (void)state;
    static const trit_dtype from[] = {trit_dtype_i2_s, trit_dtype_iq2_bn, trit_dtype_tq2_0, trit_dtype_q2_0};
    static const trit_dtype to[] = {trit_dtype_q4_0, trit_dtype_q4_1, trit_dtype_q5_0, trit_dtype_q5_1, trit_dtype_q8_0};
    static const float one[3] = {0.75f, 0.75f, 0.75f}, rounded[3] = {0.1f, 0.1f, 0.1f};
    enum { n_rows = 3, n_cols = 512 };
    draw_trits((uint64_t)n_rows * n_cols, 4);
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++)
        for (size_t k = 0; k < sizeof to / sizeof to[0]; k++) {
            trit_file_tensor in;
            uint64_t n_bytes;
            float row[n_cols];
            assert_true(store(&in, from[i], n_rows, n_cols, one));
            const outcome exact = convert_tensor(&in, to[k], n_rows, n_cols, one, false);
            assert_int_equal(exact.status, trit_ok);
            if (exact.error != 0) fail_msg("%s to %s: %g", trit_dtype_info(from[i])->label, trit_dtype_info(to[k])->label, exact.error);
            assert_true(trit_dtype_n_bytes(to[k], n_rows, n_cols, &n_bytes));
            const trit_quant_matrix view = {.dtype = to[k], .data = made, .n_bytes = n_bytes, .n_rows = n_rows, .n_cols = n_cols, .scale = 1};
            for (uint64_t r = 0; r < n_rows; r++) {
                trit_quant_format_of(to[k])->unpack(&view, r, row);
                for (uint64_t c = 0; c < n_cols; c++) assert_float_equal(row[c], 0.75f * (float)trits[r * n_cols + c], 0);
            }
            assert_true(store(&in, from[i], n_rows, n_cols, rounded));
            const outcome near = convert_tensor(&in, to[k], n_rows, n_cols, rounded, false);
            assert_int_equal(near.status, trit_ok);
            assert_true(near.error <= 0x1.01p-11);
        }
}

/* ---- Models ---- */

enum { n_ids = 5, max_vocab = 512 };
static const int32_t tiny_ids[n_ids] = {256, 104, 101, 108, 33}, story_ids[n_ids] = {1, 5, 9, 200, 17};

typedef struct answers {
    float logits[n_ids][max_vocab];
} answers;

static void take(void *user, uint32_t position, const float *row, uint32_t n) {
    answers *a = user;
    memcpy(a->logits[position], row, (n < max_vocab ? n : max_vocab) * sizeof *row);
}

static void ask(answers *out, const char *ref, const int32_t *ids) {
    trit_model *m;
    trit_engine *engine;
    const trit_event *events;
    size_t n_events;
    memset(out, 0, sizeof *out);
    assert_ok(trit_model_open(&m, ref, NULL, &err));
    assert_ok(trit_engine_new(&engine, m, &(trit_engine_opts){.kv = trit_kv_f32}, &err));
    trit_request q = {.prompt = ids, .n_prompt = n_ids, .all_logits = true, .on_logits = take, .user = out, .prefill_only = true};
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    while (!trit_engine_idle(engine)) assert_ok(trit_engine_step(engine, &events, &n_events, &err));
    trit_engine_free(engine);
    trit_model_close(m);
}

/* What the model says next, by its likeliest tokens. */
enum { n_said = 64 };

static void speak(int32_t said[n_said], const char *ref) {
    trit_model *m;
    trit_engine *engine;
    const trit_event *events;
    size_t n_events, n = 0;
    assert_ok(trit_model_open(&m, ref, NULL, &err));
    assert_ok(trit_engine_new(&engine, m, NULL, &err));
    assert_ok(trit_engine_submit(engine, &(trit_request){.prompt = story_ids, .n_prompt = n_ids, .max_tokens = n_said, .ignore_eog = true}, NULL, &err));
    while (!trit_engine_idle(engine)) {
        assert_ok(trit_engine_step(engine, &events, &n_events, &err));
        for (size_t i = 0; i < n_events; i++)
            if (events[i].token >= 0) said[n++] = events[i].token;
    }
    assert_int_equal(n, n_said);
    trit_engine_free(engine);
    trit_model_close(m);
}

/* How many tokens two models say alike. */
static int n_alike(const int32_t a[n_said], const int32_t b[n_said]) {
    int n = 0;
    while (n < n_said && a[n] == b[n]) n++;
    return n;
}

#define OUT(name) TRIT_BINARY_DIR "/convert-" name

static void copy_file(const char *from, const char *to) {
    size_t n;
    char *data = test_read(from, &n);
    assert_ok(trit_os_write_file(to, data, n, &err));
    free(data);
}

static const char *make_folder(const char *folder, const char *weights, const char *config) {
    char path[1024];
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    copy_file(test_shared(weights), path);
    snprintf(path, sizeof path, "%s/config.json", folder);
    copy_file(test_shared(config), path);
    return folder;
}

/* The answers stay the same bits. */
static trit_convert_report expect_same(const char *from, const char *to, const trit_convert_opts *opts, const int32_t *ids) {
    static answers before, after;
    trit_convert_report report;
    ask(&before, from, ids);
    assert_ok(trit_convert(from, to, opts, &report, &err));
    ask(&after, to, ids);
    if (memcmp(&before, &after, sizeof before) != 0) fail_msg("%s gives other answers than %s", to, from);
    return report;
}

static void tiny_containers(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_i2s.gguf");
    static const char *const gguf_types[] = {NULL, "i2_s", "iq2_bn", "iq1_bn", "q2_0", "f32"};
    const char *forms[4];
    char gguf[1024];
    snprintf(gguf, sizeof gguf, "%s", test_shared("spec/examples/tiny_i2s.gguf"));
    forms[0] = gguf;
    forms[1] = make_folder(OUT("online"), "spec/examples/tiny_bf16.safetensors", "spec/examples/config_bf16_online.json");
    forms[2] = make_folder(OUT("auto"), "spec/examples/tiny_packed_autobitlinear.safetensors", "spec/examples/config_autobitlinear_offline.json");
    forms[3] = make_folder(OUT("div"), "spec/examples/tiny_packed_bitlinear.safetensors", "spec/examples/config_bitlinear.json");
    for (int i = 0; i < 4; i++) {
        for (size_t k = 0; k < sizeof gguf_types / sizeof gguf_types[0]; k++)
            assert_true(expect_same(forms[i], OUT("tiny.gguf"), &(trit_convert_opts){.type = gguf_types[k]}, tiny_ids).lossless);
        assert_true(expect_same(forms[i], OUT("tiny-hf"), &(trit_convert_opts){.hugging_face = true, .type = "hf_ternary"}, tiny_ids).lossless);
        assert_true(expect_same(forms[i], OUT("tiny-hf"), &(trit_convert_opts){.hugging_face = true, .type = "f16"}, tiny_ids).lossless);
    }
}

/* The model in each ternary type. */
static void builtin_to_each(void **state) {
    (void)state;
    for (int d = 0; d < trit_n_dtypes; d++) {
        const trit_dtype_traits *traits = trit_dtype_info((trit_dtype)d);
        if (!is_ternary_type(d) || traits->gguf_id < 0) continue;
        const trit_convert_report r = expect_same(test_source("tests/model/story-256.gguf"),
                                                  OUT("story.gguf"), &(trit_convert_opts){.type = traits->label}, story_ids);
        assert_true(r.lossless && r.n_tensors == 68);
    }
}

/* The model as other programs read it: hashes of all its floats by the gguf package 0.19.0 (tools/reference/read_gguf.py). */
static int by_name(const void *a, const void *b) {
    const trit_str x = (*(const trit_file_tensor *const *)a)->name, y = (*(const trit_file_tensor *const *)b)->name;
    const int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
    return order ? order : (x.n > y.n) - (x.n < y.n);
}

static uint64_t hash_of(const char *path) {
    static float row[4096];
    const trit_file_tensor *list[128];
    uint64_t h = 14695981039346656037u;
    trit_gguf *g;
    assert_ok(trit_gguf_open(&g, path, &err));
    const uint64_t n = trit_gguf_n_tensors(g);
    assert_true(n <= 128);
    for (uint64_t i = 0; i < n; i++) list[i] = trit_gguf_tensor_at(g, i);
    qsort(list, n, sizeof list[0], by_name);
    for (uint64_t i = 0; i < n; i++) {
        const trit_quant_matrix m = trit_quant_matrix_of(list[i]);
        assert_true(m.n_cols <= 4096);
        for (uint64_t r = 0; r < m.n_rows; r++) {
            uint8_t bytes[4];
            trit_quant_format_of(m.dtype)->unpack(&m, r, row);
            for (uint64_t c = 0; c < m.n_cols; c++) {
                trit_store_f32(bytes, row[c]);
                for (int k = 0; k < 4; k++) h = (h ^ bytes[k]) * 1099511628211u;
            }
        }
    }
    trit_gguf_close(g);
    return h;
}

static void golden(void **state) {
    (void)state;
    static const struct {
        const char *type, *embed_type;
        uint64_t hash;
    } all[] = {
        {"tq1_0", "q8_0", 0x77027b91bde6f678u},
        {"tq2_0", "q4_0", 0xf7390907458c85d1u},
        {"bf16", "bf16", 0xfd6fc9be17409ee7u},
        {"f16", "f16", 0x48ec88a738c3b2afu},
        {"q8_0", "q5_1", 0x663130bf8ca38cc0u},
        {"q6_k", "q6_k", 0x85288c2747b28eb4u},
        {"q2_k", "q3_k", 0x3d060998722921c1u},
        {"q4_k", "q5_k", 0x0d252c665460974cu},
        {"q5_0", "q4_1", 0xeec2b1d20f5a398du},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const trit_convert_opts opts = {.type = all[i].type, .embed_type = all[i].embed_type};
        assert_ok(trit_convert(test_source("tests/model/story-256.gguf"), OUT("golden.gguf"), &opts, NULL, &err));
        const uint64_t h = hash_of(OUT("golden.gguf"));
        if (h != all[i].hash) fail_msg("%s, %s: hash 0x%016llx", all[i].type, all[i].embed_type, (unsigned long long)h);
    }
}

static void bitllama(void **state) {
    (void)state;
    require_shared("data/models/bitllama/bitllama-3M.TQ2_0.gguf");
    static const char *const types[] = {"i2_s", "tq1_0", "q2_0", "pq2_0", "iq1_bn", "ptq1_0", "iq2_bn", "tq2_0"};
    static char from[1024];
    int32_t first[n_said], said[n_said];
    snprintf(from, sizeof from, "%s", test_shared("data/models/bitllama/bitllama-3M.TQ2_0.gguf"));
    speak(first, from);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) { /* a chain: each from the one before */
        char to[1024];
        snprintf(to, sizeof to, OUT("bitllama-%zu.gguf"), i);
        assert_true(expect_same(from, to, &(trit_convert_opts){.type = types[i]}, story_ids).lossless);
        speak(said, to);
        assert_int_equal(n_alike(first, said), n_said);
        memcpy(from, to, sizeof from);
    }
    assert_true(expect_same(test_shared("data/models/bitllama/hf-3M"), OUT("bitllama.gguf"), NULL, story_ids).lossless);
    assert_true(expect_same(OUT("bitllama.gguf"), OUT("bitllama-hf"), &(trit_convert_opts){.hugging_face = true}, story_ids).lossless);
    speak(first, test_shared("data/models/bitllama/hf-3M"));
    speak(said, OUT("bitllama-hf"));
    assert_int_equal(n_alike(first, said), n_said);
}

/* Its float scales rounded to the halves of those types: the likeliest tokens stay, logits move by no more than one flipped int8 activation
 * moves them (see test_real.c), and the text does not part from the original's. */
static void bitllama_of_floats(void **state) {
    (void)state;
    require_shared("data/models/bitllama/hf-3M");
    static const char *const types[] = {"i2_s", "iq2_bn", "tq1_0", "tq2_0", "q2_0", "pq2_0", "iq1_bn", "ptq1_0"};
    static answers want, got;
    int32_t first[n_said], said[n_said];
    ask(&want, test_shared("data/models/bitllama/hf-3M"), story_ids);
    speak(first, test_shared("data/models/bitllama/hf-3M"));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const trit_convert_opts opts = {.type = types[i]}, back = {.type = "f32", .hugging_face = true};
        assert_ok(trit_convert(test_shared("data/models/bitllama/hf-3M"), OUT("there.gguf"), &opts, NULL, &err));
        assert_ok(trit_convert(OUT("there.gguf"), OUT("back"), &back, NULL, &err));
        ask(&got, OUT("back"), story_ids);
        float worst = 0;
        for (int t = 0; t < n_ids; t++) {
            int likeliest = 0, now = 0;
            for (int k = 0; k < max_vocab; k++) {
                if (want.logits[t][k] > want.logits[t][likeliest]) likeliest = k;
                if (got.logits[t][k] > got.logits[t][now]) now = k;
                worst = fmaxf(worst, fabsf(want.logits[t][k] - got.logits[t][k]));
            }
            assert_int_equal(now, likeliest);
        }
        speak(said, OUT("back"));
        print_message("%s: logits differ by %g, the text is the same for %d tokens of %d\n", types[i], (double)worst, n_alike(first, said), n_said);
        assert_int_equal(n_alike(first, said), n_said);
        assert_true(i < 2 ? worst == 0 : worst <= 0.4f);
    }
}

/* ---- What is said ---- */

typedef struct words {
    char mended[2048], notes[2048];
} words;

static void listen(void *user, trit_convert_word word, const char *text) {
    words *w = user;
    char *to = word == trit_convert_mended ? w->mended : w->notes;
    size_t n = strlen(to);
    snprintf(to + n, 2048 - n, "%s\n", text);
    assert_null(strchr(text, '\n'));
}

/* tiny_i2s.gguf as releases before April 2025 were: "bitnet-25", with the embeddings once more as a head. */
static void write_old_release(const char *path) {
    trit_gguf *g;
    trit_gguf_writer *w;
    assert_ok(trit_gguf_open(&g, test_shared("spec/examples/tiny_i2s.gguf"), &err));
    assert_ok(trit_gguf_writer_new(&w, &err));
    for (uint64_t i = 0; i < trit_gguf_n_kv(g); i++) assert_ok(trit_gguf_put_kv(w, trit_gguf_kv_at(g, i), &err));
    for (uint64_t i = 0; i < trit_gguf_n_tensors(g); i++) assert_ok(trit_gguf_put_tensor(w, trit_gguf_tensor_at(g, i), &err));
    trit_file_tensor head = *trit_gguf_tensor(g, "token_embd.weight");
    head.name = trit_str_from("output.weight");
    assert_ok(trit_gguf_put_tensor(w, &head, &err));
    assert_ok(trit_gguf_write(w, path, &err));
    trit_gguf_writer_free(w);
    trit_gguf_close(g);
}

static void mended(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_i2s.gguf");
    words w = {0};
    trit_gguf *a, *b;
    trit_str text;
    write_old_release(OUT("old.gguf"));
    (void)expect_same(OUT("old.gguf"), OUT("mended.gguf"), &(trit_convert_opts){.say = listen, .user = &w}, tiny_ids);
    assert_non_null(strstr(w.mended, "output.weight"));
    assert_non_null(strstr(w.mended, "hidden_activation"));
    assert_non_null(strstr(w.mended, "tokenizer.ggml.eot_token_id is missing: 258"));
    assert_ok(trit_gguf_open(&a, OUT("old.gguf"), &err));
    assert_ok(trit_gguf_open(&b, OUT("mended.gguf"), &err));
    assert_null(trit_gguf_tensor(b, "output.weight"));
    assert_true(trit_gguf_str(trit_gguf_find(b, "bitnet-b1.58.hidden_activation"), &text) && trit_str_is(text, "relu2"));
    for (uint64_t i = 0; i < trit_gguf_n_kv(a); i++) { /* every other key is there still */
        char key[256];
        snprintf(key, sizeof key, "%.*s", TRIT_STR_ARG(trit_gguf_kv_at(a, i)->key));
        if (strcmp(key, "general.alignment") != 0 && !trit_gguf_find(b, key)) fail_msg("%s is gone", key);
    }
    trit_gguf_close(a);
    trit_gguf_close(b);
    w = (words){0};
    assert_ok(trit_convert(OUT("mended.gguf"), OUT("again.gguf"), &(trit_convert_opts){.say = listen, .user = &w}, NULL, &err));
    assert_string_equal(w.mended, ""); /* once is enough */
}

/* bitnet-b1.58-2B-4T's file in small: its architecture and its number of tokens, no pre-tokenizer, the wrong template. */
static void write_2b4t(const char *path) {
    enum { n_vocab = 128256, dim = 64 };
    static const char *const linear[] = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};
    static const char *const norms[] = {"attn_norm", "attn_sub_norm", "ffn_norm", "ffn_sub_norm"};
    static const struct {
        const char *key;
        uint32_t v;
    } sizes[] = {{"block_count", 1}, {"embedding_length", dim}, {"feed_forward_length", dim}, {"attention.head_count", 1}};
    static float ones[dim];
    static uint8_t codes[dim * dim / 4 + 32];
    char(*names)[16] = calloc(n_vocab, sizeof *names);
    trit_str *tokens = calloc(n_vocab, sizeof *tokens);
    uint8_t *table = calloc(n_vocab * dim, 2);
    trit_gguf_writer *w;
    assert_true(names && tokens && table);
    for (int i = 0; i < dim; i++) ones[i] = 1;
    draw_trits(dim * dim, 3);
    assert_true(trit_i2_s_pack(trits, dim * dim, 0.5f, codes));
    for (uint32_t i = 0; i < n_vocab; i++) {
        snprintf(names[i], sizeof names[i], "t%u", i);
        tokens[i] = trit_str_from(names[i]);
    }
    assert_ok(trit_gguf_writer_new(&w, &err));
    assert_ok(trit_gguf_put_str(w, "general.architecture", trit_str_from("bitnet-b1.58"), &err));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char key[80];
        snprintf(key, sizeof key, "bitnet-b1.58.%s", sizes[i].key);
        assert_ok(trit_gguf_put_u32(w, key, sizes[i].v, &err));
    }
    assert_ok(trit_gguf_put_str(w, "tokenizer.ggml.model", trit_str_from("gpt2"), &err));
    assert_ok(trit_gguf_put_strs(w, "tokenizer.ggml.tokens", tokens, n_vocab, &err));
    assert_ok(trit_gguf_put_str(w, "tokenizer.chat_template", trit_str_from("Human: BITNETAssistant: "), &err));
    const trit_file_tensor embd = {trit_str_from("token_embd.weight"), trit_dtype_f16, 2, {n_vocab, dim}, table, n_vocab * dim * 2};
    assert_ok(trit_gguf_put_tensor(w, &embd, &err));
    const trit_file_tensor output_norm = {trit_str_from("output_norm.weight"), trit_dtype_f32, 1, {dim}, (uint8_t *)ones, sizeof ones};
    assert_ok(trit_gguf_put_tensor(w, &output_norm, &err));
    for (size_t i = 0; i < 11; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.0.%s.weight", i < 7 ? linear[i] : norms[i - 7]);
        const trit_file_tensor matrix = {trit_str_from(name), trit_dtype_i2_s, 2, {dim, dim}, codes, sizeof codes};
        const trit_file_tensor norm = {trit_str_from(name), trit_dtype_f32, 1, {dim}, (uint8_t *)ones, sizeof ones};
        assert_ok(trit_gguf_put_tensor(w, i < 7 ? &matrix : &norm, &err));
    }
    assert_ok(trit_gguf_write(w, path, &err));
    trit_gguf_writer_free(w);
    free(names);
    free(tokens);
    free(table);
}

static void mended_2b4t(void **state) {
    (void)state;
    words w = {0};
    trit_gguf *g;
    trit_str text;
    write_2b4t(OUT("2b4t.gguf"));
    assert_ok(trit_convert(OUT("2b4t.gguf"), OUT("2b4t-mended.gguf"), &(trit_convert_opts){.say = listen, .user = &w}, NULL, &err));
    assert_non_null(strstr(w.mended, "tokenizer.ggml.pre is missing: llama-bpe"));
    assert_non_null(strstr(w.mended, "tokenizer.chat_template"));
    assert_ok(trit_gguf_open(&g, OUT("2b4t-mended.gguf"), &err));
    assert_true(trit_gguf_str(trit_gguf_find(g, "tokenizer.ggml.pre"), &text) && trit_str_is(text, "llama-bpe"));
    assert_true(trit_gguf_str(trit_gguf_find(g, "tokenizer.chat_template"), &text) && trit_str_is(text, trit_chat_bitnet_2b4t));
    trit_gguf_close(g);
    unlink(OUT("2b4t.gguf"));
    unlink(OUT("2b4t-mended.gguf"));
}

/* ---- What is refused ---- */

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

static void refuse(const char *in, const char *out, const trit_convert_opts *opts, trit_status status, const char *word) {
    trit_convert_report report;
    assert_int_equal(trit_convert(in, out, opts, &report, &err), status);
    if (!strstr(err.message, word)) fail_msg("no \"%s\" in: %s", word, err.message);
    char part[1024];
    snprintf(part, sizeof part, "%s.part", out);
    assert_false(exists(part));
}

static bool stop_at_once(void *user, uint64_t done, uint64_t total) {
    (void)user;
    return done * 2 < total;
}

static void refusals(void **state) {
    (void)state;
    const char *story = test_source("tests/model/story-256.gguf");
    unlink(OUT("none.gguf"));
    refuse("nowhere.gguf", OUT("none.gguf"), NULL, trit_io, "nowhere");
    refuse("synthetic:bitnet-2b4t", OUT("none.gguf"), NULL, trit_arg, "random");
    refuse(story, OUT("none.gguf"), &(trit_convert_opts){.type = "x9"}, trit_arg, "x9");
    refuse(story, OUT("none.gguf"), &(trit_convert_opts){.type = "nvfp4"}, trit_arg, "nvfp4");
    refuse(story, OUT("none.gguf"), &(trit_convert_opts){.type = "hf_ternary"}, trit_unsupported, "GGUF");
    refuse(story, OUT("none"), &(trit_convert_opts){.hugging_face = true, .type = "tq2_0"}, trit_unsupported, "folder");
    refuse(story, OUT("none.gguf"), &(trit_convert_opts){.embed_type = "tq2_0"}, trit_unsupported, "token_embd");
    refuse(story, OUT("none.gguf"), &(trit_convert_opts){.head_type = "f16"}, trit_arg, "head");
    refuse(story, story, NULL, trit_arg, "same");
    refuse(story, TRIT_BINARY_DIR, NULL, trit_arg, "folder");
    refuse(story, OUT("no-such-folder/out.gguf"), NULL, trit_io, "no-such-folder");
    refuse(story, OUT("none.gguf"), &(trit_convert_opts){.progress = stop_at_once}, trit_cancelled, "interrupted");
    refuse(story, OUT("none"), &(trit_convert_opts){.hugging_face = true, .progress = stop_at_once}, trit_cancelled, "interrupted");
    assert_false(exists(OUT("none.gguf")) || exists(OUT("none")));
}

static void odd_rows_are_refused_by_name(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_i2s.gguf");
    refuse(test_shared("spec/examples/tiny_i2s.gguf"), OUT("none.gguf"), &(trit_convert_opts){.type = "tq2_0"}, trit_unsupported,
           "rows of 128 columns are no whole blocks of TQ2_0 (256); I2_S can");
}

static void truncated_input(void **state) {
    (void)state;
    size_t n;
    char *data = test_read(test_source("tests/model/story-256.gguf"), &n);
    static const double parts[] = {0.0001, 0.01, 0.3, 0.9, 0.999};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        assert_ok(trit_os_write_file(OUT("cut.gguf"), data, (size_t)((double)n * parts[i]), &err));
        refuse(OUT("cut.gguf"), OUT("none.gguf"), NULL, trit_format, "");
    }
    free(data);
}

/* A full disk, as a limit of the file's size: an error, nothing left, and the old output as it was. */
static void full_disk(void **state) {
    (void)state;
    struct rlimit before, small;
    assert_ok(trit_os_write_file(OUT("full.gguf"), "old", 3, &err));
    mkdir(OUT("full"), 0777);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1 << 19;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const trit_status file = trit_convert(test_source("tests/model/story-256.gguf"), OUT("full.gguf"), NULL, NULL, &err);
    const trit_status folder = trit_convert(test_source("tests/model/story-256.gguf"), OUT("full"), &(trit_convert_opts){.hugging_face = true}, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(file, trit_io);
    assert_int_equal(folder, trit_io);
    assert_false(exists(OUT("full.gguf.part")) || exists(OUT("full.part")) || exists(OUT("full/config.json")));
    size_t n;
    char *data = test_read(OUT("full.gguf"), &n);
    assert_string_equal(data, "old");
    free(data);
}

/* An output that is there is replaced. */
static void replaced(void **state) {
    (void)state;
    const char *story = test_source("tests/model/story-256.gguf");
    for (int i = 0; i < 2; i++) {
        assert_ok(trit_convert(story, OUT("twice.gguf"), NULL, NULL, &err));
        assert_ok(trit_convert(story, OUT("twice"), &(trit_convert_opts){.hugging_face = true}, NULL, &err));
    }
    assert_false(exists(OUT("twice.part")) || exists(OUT("twice.gguf.part")));
}

static void names_of_types(void **state) {
    (void)state;
    uint32_t n = 0;
    bool tq2 = false;
    for (const char *name; (name = trit_convert_type_at(n)); n++) {
        assert_true(trit_quant_can_pack(trit_quant_format_of(trit_dtype_from_label(name))));
        tq2 |= strcmp(name, "tq2_0") == 0;
    }
    assert_true(tq2 && n >= 18);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs),           cmocka_unit_test(rounded_scales),  cmocka_unit_test(several_scales),
        cmocka_unit_test(types_of_levels),
        cmocka_unit_test(tiny_containers), cmocka_unit_test(builtin_to_each), cmocka_unit_test(bitllama),
        cmocka_unit_test(bitllama_of_floats),
        cmocka_unit_test(golden),          cmocka_unit_test(mended_2b4t),
        cmocka_unit_test(mended),          cmocka_unit_test(refusals),        cmocka_unit_test(odd_rows_are_refused_by_name),
        cmocka_unit_test(truncated_input), cmocka_unit_test(full_disk),       cmocka_unit_test(replaced),
        cmocka_unit_test(names_of_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
