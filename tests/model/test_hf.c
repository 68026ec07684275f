/* Small random models in the layouts that Hugging Face publishes, against logits and embeddings of its own library: the cases of
 * tests/model/hf, which tools/reference makes. Their weights follow from a rule (tools/reference/weights.py), so a case is a config.json,
 * a list of tensors, ids and results. Every case is also run on all instruction sets, numbers of threads and chunkings: same bits. */
#include "test.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>

#include "base/cpu.h"
#include "base/json.h"
#include "io/io.h"
#include "tensor/half.h"
#include "trit/trit.h"

enum { max_ids = 32, max_width = 1024 };

static uint64_t hash_of(trit_str name) {
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < name.n; i++) h = (h ^ (uint8_t)name.p[i]) * 1099511628211u;
    return h;
}

static uint64_t draw(uint64_t seed, uint64_t i) {
    uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) >> 40;
}

static size_t element_bytes(trit_str dtype) {
    return trit_str_is(dtype, "F32") ? 4 : trit_str_is(dtype, "U8") ? 1 : 2;
}

static size_t n_elements(const trit_json *row) {
    const trit_json *shape = trit_json_get(row, "shape");
    size_t n = 1;
    for (size_t i = 0; i < trit_json_length(shape); i++) n *= (size_t)trit_json_as_int(trit_json_at(shape, i), 0);
    return n;
}

static void write_values(FILE *f, const trit_json *row) {
    trit_str dtype = trit_json_as_str(trit_json_get(row, "dtype"));
    uint64_t seed = hash_of(trit_json_as_str(trit_json_get(row, "name")));
    double scale = trit_json_as_real(trit_json_get(row, "scale"), 0), mean = trit_json_as_real(trit_json_get(row, "mean"), 0);
    for (size_t i = 0, n = n_elements(row); i < n; i++) {
        if (trit_str_is(dtype, "U8")) {
            unsigned byte = 0;
            for (unsigned k = 0; k < 4; k++) byte |= (unsigned)(draw(seed, 4 * i + k) % 3) << 2 * k;
            fputc((int)byte, f);
            continue;
        }
        float x = (float)(((double)draw(seed, i) / 16777216.0 * 2 - 1) * scale + mean);
        uint16_t half = trit_str_is(dtype, "F16") ? trit_f16_from_f32(x) : trit_bf16_from_f32(x);
        const void *bytes = element_bytes(dtype) == 4 ? (const void *)&x : &half;
        assert_int_equal(fwrite(bytes, element_bytes(dtype), 1, f), 1);
    }
}

static void write_safetensors(const char *path, const trit_json *rows) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    char *header = malloc(256 * (trit_json_length(rows) + 1));
    assert_non_null(header);
    size_t n = 0, at = 0;
    for (size_t i = 0; i < trit_json_length(rows); i++) {
        const trit_json *row = trit_json_at(rows, i), *shape = trit_json_get(row, "shape");
        trit_str name = trit_json_as_str(trit_json_get(row, "name")), dtype = trit_json_as_str(trit_json_get(row, "dtype"));
        size_t bytes = n_elements(row) * element_bytes(dtype);
        n += (size_t)sprintf(header + n, "%c\"%.*s\":{\"dtype\":\"%.*s\",\"shape\":[", i ? ',' : '{', TRIT_STR_ARG(name), TRIT_STR_ARG(dtype));
        for (size_t d = 0; d < trit_json_length(shape); d++)
            n += (size_t)sprintf(header + n, "%s%lld", d ? "," : "", (long long)trit_json_as_int(trit_json_at(shape, d), 0));
        n += (size_t)sprintf(header + n, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes);
        at += bytes;
    }
    header[n++] = '}';
    uint8_t length[8];
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)n >> 8 * i);
    assert_int_equal(fwrite(length, 8, 1, f), 1);
    assert_int_equal(fwrite(header, n, 1, f), 1);
    for (size_t i = 0; i < trit_json_length(rows); i++) write_values(f, trit_json_at(rows, i));
    assert_int_equal(fclose(f), 0);
    free(header);
}

/* The object after "config": as it stands in the file. */
static void write_config(const char *path, const char *text) {
    const char *begin = strchr(strstr(text, "\"config\":"), '{'), *end = begin;
    int depth = 0;
    do depth += *end == '{' ? 1 : *end == '}' ? -1 : 0;
    while (*end++ && depth);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(begin, (size_t)(end - begin), 1, f), 1);
    assert_int_equal(fclose(f), 0);
}

static const char *make_folder(const char *text, const trit_json *json) {
    static const char folder[] = TRIT_BINARY_DIR "/hf-case";
    mkdir(folder, 0777);
    write_config(TRIT_BINARY_DIR "/hf-case/config.json", text);
    write_safetensors(TRIT_BINARY_DIR "/hf-case/model.safetensors", trit_json_get(json, "tensors"));
    return folder;
}

typedef struct way {
    const char *tier;
    unsigned n_threads;
    uint32_t chunk;
} way;

static float results[max_ids][max_width];

static void take(void *user, uint32_t position, const float *row, uint32_t n) {
    (void)user;
    assert_true(position < max_ids && n <= max_width);
    memcpy(results[position], row, n * sizeof *row);
}

/* The rows of results: logits, or the final norm's output. False: this machine has no such tier. */
static bool run(const char *folder, const int32_t *ids, size_t n_ids, bool embeddings, const way *w) {
    trit_error err;
    trit_device *device;
    trit_model *model;
    trit_engine *engine;
    const trit_event *events;
    size_t n_events;
    if (trit_device_open(&device, NULL, &(trit_device_opts){.n_threads = w->n_threads, .cpu_tier = w->tier}, &err) != trit_ok) return false;
    assert_ok(trit_model_open(&model, folder, &(trit_model_opts){.device = device}, &err));
    assert_ok(trit_engine_new(&engine, model, &(trit_engine_opts){.kv = trit_kv_f32, .chunk = w->chunk, .embeddings = embeddings}, &err));
    trit_request q = {.prompt = ids, .n_prompt = n_ids, .all_logits = true, .on_logits = take, .prefill_only = true};
    memset(results, 0, sizeof results);
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    while (!trit_engine_idle(engine)) assert_ok(trit_engine_step(engine, &events, &n_events, &err));
    trit_engine_free(engine);
    trit_model_close(model);
    trit_device_close(device);
    return true;
}

/* The largest difference from the case's numbers. */
static double difference(const trit_json *rows) {
    double worst = 0;
    for (size_t p = 0; p < trit_json_length(rows); p++)
        for (size_t i = 0; i < trit_json_length(trit_json_at(rows, p)); i++) {
            double d = fabs(trit_json_as_real(trit_json_at(trit_json_at(rows, p), i), NAN) - (double)results[p][i]);
            if (!(d <= worst)) worst = d;
        }
    return worst;
}

static void check_vector(const trit_json *want, const char *folder, const int32_t *ids, size_t n_ids, trit_pooling pooling, double tolerance) {
    trit_error err;
    trit_model *model;
    trit_embedder *e;
    float got[max_width];
    if (!trit_json_length(want)) return;
    assert_ok(trit_model_open(&model, folder, NULL, &err));
    assert_ok(trit_embedder_new(&e, model, &(trit_embed_opts){.pooling = pooling, .kv = trit_kv_f32}, &err));
    assert_int_equal(trit_embedder_dims(e), trit_json_length(want));
    assert_ok(trit_embed(e, got, &(trit_ids){.data = (int32_t *)ids, .n = n_ids}, 1, &err));
    for (size_t i = 0; i < trit_json_length(want); i++) {
        double d = fabs(trit_json_as_real(trit_json_at(want, i), NAN) - (double)got[i]);
        if (!(d <= tolerance)) fail_msg("%s pooling, number %zu differs by %g", trit_pooling_name(pooling), i, d);
    }
    trit_embedder_free(e);
    trit_model_close(model);
}

static void check_same_bits(const char *name, const char *folder, const int32_t *ids, size_t n_ids, bool embeddings) {
    static const way ways[] = {{NULL, 1, 1}, {NULL, 3, 3}, {"scalar", 1, 0}, {"sse41", 2, 0}, {"avx2", 1, 0}, {"avxvnni", 1, 0}, {"avx512", 1, 0},
                               {"neon", 1, 0}, {"dotprod", 1, 0}, {"i8mm", 1, 0}};
    static float first[max_ids][max_width];
    memcpy(first, results, sizeof first);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (run(folder, ids, n_ids, embeddings, &ways[i]) && memcmp(first, results, sizeof first) != 0)
            fail_msg("%s: other bits with tier %s, %u threads, chunks of %u", name, ways[i].tier ? ways[i].tier : "of this machine",
                     ways[i].n_threads, ways[i].chunk);
}

static void check_same_tensors(const char *a_path, const char *b_path) {
    trit_error err;
    trit_gguf *a, *b;
    assert_ok(trit_gguf_open(&a, a_path, &err));
    assert_ok(trit_gguf_open(&b, b_path, &err));
    assert_int_equal(trit_gguf_n_tensors(a), trit_gguf_n_tensors(b));
    for (uint64_t i = 0; i < trit_gguf_n_tensors(a); i++) {
        const trit_file_tensor *x = trit_gguf_tensor_at(a, i), *y = trit_gguf_tensor_at(b, i);
        assert_true(trit_str_equal(x->name, y->name) && x->dtype == y->dtype && x->n_bytes == y->n_bytes);
        if (memcmp(x->data, y->data, x->n_bytes) != 0) fail_msg("%.*s differs after a round trip", TRIT_STR_ARG(x->name));
    }
    trit_gguf_close(a);
    trit_gguf_close(b);
}

/* The case as a GGUF file, a folder made of that, and a GGUF file again: the answers stay, and the files are the same. And as another
 * folder. */
static void check_converted(const char *name, const char *folder, const trit_json *want, const int32_t *ids, size_t n_ids, bool embeddings,
                            double tolerance) {
    static const char gguf[] = TRIT_BINARY_DIR "/hf-case.gguf", again[] = TRIT_BINARY_DIR "/hf-case-again", back[] = TRIT_BINARY_DIR "/hf-case-back.gguf";
    static const char copy[] = TRIT_BINARY_DIR "/hf-case-copy";
    const struct {
        const char *from, *to;
        bool to_folder;
    } steps[] = {{folder, gguf, false}, {gguf, again, true}, {again, back, false}, {folder, copy, true}};
    trit_error err;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_ok(trit_convert(steps[i].from, steps[i].to, &(trit_convert_opts){.hugging_face = steps[i].to_folder}, NULL, &err));
        assert_true(run(steps[i].to, ids, n_ids, embeddings, &(way){.n_threads = 2}));
        double worst = difference(want);
        if (!(worst <= tolerance)) fail_msg("%s: %s differs by %g, more than %g", name, steps[i].to, worst, tolerance);
    }
    check_same_tensors(gguf, back);
}

static void check_case(const char *name) {
    char path[1024], *text;
    size_t n, n_ids;
    trit_json *json;
    trit_error err;
    int32_t ids[max_ids];
    snprintf(path, sizeof path, "tests/model/hf/%s", name);
    text = test_read(test_source(path), &n);
    assert_ok(trit_json_parse(&json, text, n, name, &err));
    const char *folder = make_folder(text, json);
    n_ids = trit_json_length(trit_json_get(json, "ids"));
    assert_true(n_ids > 0 && n_ids <= max_ids);
    for (size_t i = 0; i < n_ids; i++) ids[i] = (int32_t)trit_json_as_int(trit_json_at(trit_json_get(json, "ids"), i), -1);
    const trit_json *logits = trit_json_get(json, "logits"), *hidden = trit_json_get(json, "hidden");
    double tolerance = trit_json_as_real(trit_json_get(json, "tolerance"), 1e-4);
    assert_true(logits || hidden);
    assert_true(run(folder, ids, n_ids, !logits, &(way){.n_threads = 2}));
    double worst = difference(logits ? logits : hidden);
    print_message("%-28s differs by %.1e\n", name, worst);
    if (!(worst <= tolerance)) fail_msg("%s: differs by %g, more than %g", name, worst, tolerance);
    check_same_bits(name, folder, ids, n_ids, !logits);
    check_converted(name, folder, logits ? logits : hidden, ids, n_ids, !logits, tolerance);
    check_vector(trit_json_get(json, "embedding_last"), folder, ids, n_ids, trit_pooling_last, tolerance);
    check_vector(trit_json_get(json, "embedding_mean"), folder, ids, n_ids, trit_pooling_mean, tolerance);
    trit_json_free(json);
    free(text);
}

static void cases(void **state) {
    (void)state;
    DIR *dir = opendir(test_source("tests/model/hf"));
    assert_non_null(dir);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strstr(entry->d_name, ".json")) {
            check_case(entry->d_name);
            n++;
        }
    closedir(dir);
    assert_true(n >= 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
