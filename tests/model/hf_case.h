/* The cases of tools/reference on the disk: a config.json as the case has it, and tensors whose values follow from a rule (weights.py). */
#ifndef TRIT_TESTS_MODEL_HF_CASE_H
#define TRIT_TESTS_MODEL_HF_CASE_H

#include "test.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>

#include "base/json.h"
#include "tensor/half.h"
#include "trit/trit.h"

enum { test_max_ids = 32, test_max_width = 1024 };

static inline uint64_t test_hash_of(trit_str name) {
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < name.n; i++) h = (h ^ (uint8_t)name.p[i]) * 1099511628211u;
    return h;
}

static inline uint64_t test_draw(uint64_t seed, uint64_t i) {
    uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) >> 40;
}

static inline size_t test_element_bytes(trit_str dtype) {
    return trit_str_is(dtype, "F32") ? 4 : trit_str_is(dtype, "U8") ? 1 : 2;
}

static inline size_t test_n_elements(const trit_json *row) {
    const trit_json *shape = trit_json_get(row, "shape");
    size_t n = 1;
    for (size_t i = 0; i < trit_json_length(shape); i++) n *= (size_t)trit_json_as_int(trit_json_at(shape, i), 0);
    return n;
}

static inline void test_write_values(FILE *f, const trit_json *row) {
    trit_str dtype = trit_json_as_str(trit_json_get(row, "dtype"));
    uint64_t seed = test_hash_of(trit_json_as_str(trit_json_get(row, "name")));
    double scale = trit_json_as_real(trit_json_get(row, "scale"), 0), mean = trit_json_as_real(trit_json_get(row, "mean"), 0);
    for (size_t i = 0, n = test_n_elements(row); i < n; i++) {
        if (trit_str_is(dtype, "U8")) {
            unsigned byte = 0;
            for (unsigned k = 0; k < 4; k++) byte |= (unsigned)(test_draw(seed, 4 * i + k) % 3) << 2 * k;
            fputc((int)byte, f);
            continue;
        }
        float x = (float)(((double)test_draw(seed, i) / 16777216.0 * 2 - 1) * scale + mean);
        uint16_t half = trit_str_is(dtype, "F16") ? trit_f16_from_f32(x) : trit_bf16_from_f32(x);
        const void *bytes = test_element_bytes(dtype) == 4 ? (const void *)&x : &half;
        assert_int_equal(fwrite(bytes, test_element_bytes(dtype), 1, f), 1);
    }
}

static inline void test_write_safetensors(const char *path, const trit_json *rows) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    char *header = malloc(256 * (trit_json_length(rows) + 1));
    assert_non_null(header);
    size_t n = 0, at = 0;
    header[n++] = '{';
    for (size_t i = 0; i < trit_json_length(rows); i++) {
        const trit_json *row = trit_json_at(rows, i), *shape = trit_json_get(row, "shape");
        trit_str name = trit_json_as_str(trit_json_get(row, "name")), dtype = trit_json_as_str(trit_json_get(row, "dtype"));
        size_t bytes = test_n_elements(row) * test_element_bytes(dtype);
        n += (size_t)sprintf(header + n, "%s\"%.*s\":{\"dtype\":\"%.*s\",\"shape\":[", i ? "," : "", TRIT_STR_ARG(name), TRIT_STR_ARG(dtype));
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
    for (size_t i = 0; i < trit_json_length(rows); i++) test_write_values(f, trit_json_at(rows, i));
    assert_int_equal(fclose(f), 0);
    free(header);
}

/* The object after "config": as it stands in the file. */
static inline void test_write_config(const char *path, const char *text) {
    const char *begin = strchr(strstr(text, "\"config\":"), '{'), *end = begin;
    int depth = 0;
    do depth += *end == '{' ? 1 : *end == '}' ? -1 : 0;
    while (*end++ && depth);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(begin, (size_t)(end - begin), 1, f), 1);
    assert_int_equal(fclose(f), 0);
}

/* A folder with config.json and model.safetensors of a case, whose text and document are given. */
static inline void test_make_folder(const char *folder, const char *text, const trit_json *json) {
    char path[1024];
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/config.json", folder);
    test_write_config(path, text);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    test_write_safetensors(path, trit_json_get(json, "tensors"));
}

/* How a case is run. */
typedef struct test_way {
    const char *tier;
    unsigned n_threads;
    uint32_t chunk;
} test_way;

static float test_results[test_max_ids][test_max_width];

static inline void test_take(void *user, uint32_t position, const float *row, uint32_t n) {
    (void)user;
    assert_true(position < test_max_ids && n <= test_max_width);
    memcpy(test_results[position], row, n * sizeof *row);
}

/* Fills test_results: the rows of logits, or of the final norm's output. `more`: options of the model, or NULL. False: this machine has no such tier. */
static inline bool test_run(const char *path, const trit_model_opts *more, const int32_t *ids, size_t n_ids, bool embeddings, const test_way *w) {
    trit_model_opts opts = more ? *more : (trit_model_opts){0};
    trit_error err;
    trit_device *device;
    trit_model *model;
    trit_engine *engine;
    const trit_event *events;
    size_t n_events;
    if (trit_device_open(&device, NULL, &(trit_device_opts){.n_threads = w->n_threads, .cpu_tier = w->tier}, &err) != trit_ok) return false;
    opts.device = device;
    assert_ok(trit_model_open(&model, path, &opts, &err));
    assert_ok(trit_engine_new(&engine, model, &(trit_engine_opts){.kv = trit_kv_f32, .chunk = w->chunk, .embeddings = embeddings}, &err));
    trit_request q = {.prompt = ids, .n_prompt = n_ids, .all_logits = true, .on_logits = test_take, .prefill_only = true};
    memset(test_results, 0, sizeof test_results);
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    while (!trit_engine_idle(engine)) assert_ok(trit_engine_step(engine, &events, &n_events, &err));
    trit_engine_free(engine);
    trit_model_close(model);
    trit_device_close(device);
    return true;
}

/* The largest difference from the case's numbers. */
static inline double test_difference(const trit_json *rows) {
    double worst = 0;
    for (size_t p = 0; p < trit_json_length(rows); p++)
        for (size_t i = 0; i < trit_json_length(trit_json_at(rows, p)); i++) {
            double d = fabs(trit_json_as_real(trit_json_at(trit_json_at(rows, p), i), NAN) - (double)test_results[p][i]);
            if (!(d <= worst)) worst = d;
        }
    return worst;
}

/* The results of the last run again, in other ways of running. */
static inline void test_same_bits(const char *name, const char *path, const trit_model_opts *more, const int32_t *ids, size_t n_ids, bool embeddings) {
    static const test_way ways[] = {{NULL, 1, 1}, {NULL, 3, 3}, {"scalar", 1, 0}, {"sse41", 2, 0}, {"avx2", 1, 0}, {"avxvnni", 1, 0}, {"avx512", 1, 0},
                               {"neon", 1, 0}, {"dotprod", 1, 0}, {"i8mm", 1, 0}};
    static float first[test_max_ids][test_max_width];
    memcpy(first, test_results, sizeof first);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (test_run(path, more, ids, n_ids, embeddings, &ways[i]) && memcmp(first, test_results, sizeof first) != 0)
            fail_msg("%s: other bits with tier %s, %u threads, chunks of %u", name, ways[i].tier ? ways[i].tier : "of this machine",
                     ways[i].n_threads, ways[i].chunk);
}

/* Calls check(name) for each .json file of a folder of the source; there are n_least of them at least. */
static inline void check_cases(const char *folder, void (*check)(const char *name), int n_least) {
    DIR *dir = opendir(test_source(folder));
    assert_non_null(dir);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strstr(entry->d_name, ".json")) {
            check(entry->d_name);
            n++;
        }
    closedir(dir);
    assert_true(n >= n_least);
}

#endif
