/* The ternary tensors of models: the same trits whatever the file's type, scales that say the same in as few numbers as they can, and an
 * error for each allocation that fails. */
#include "test.h"

#include "counting_malloc.h"

#include "model/model.h"
#include "trit/trit.h"

#define OUT(name) TRIT_BINARY_DIR "/ternary-" name

static trit_error err;

/* What a walk saw. */
typedef struct seen {
    const trit_model *m;
    const char *wanted;  /* in the name; NULL: all */
    uint64_t hash;       /* of all trits */
    size_t n, n_asked, stop_at;
    uint64_t n_scales;   /* of the last tensor */
    uint32_t group;
    bool compares;       /* with the tensor's own format */
} seen;

static bool is_wanted(void *user, const char *name) {
    seen *s = user;
    s->n_asked++;
    return !s->wanted || strstr(name, s->wanted);
}

static float scale_at(const trit_pack_matrix *m, uint64_t r, uint64_t c) {
    const uint64_t n_groups = m->group ? (m->n_cols + m->group - 1) / m->group : 1;
    return m->scales[m->n_scales == 1 ? 0 : m->group ? r * n_groups + c / m->group : r];
}

/* Trits times scales are what the file's format unpacks. */
static void compare(const seen *s, const trit_ternary_tensor *t) {
    const trit_file_tensor *raw = trit_gguf_tensor(s->m->source.gguf, t->name);
    const trit_quant_matrix matrix = trit_quant_matrix_of(raw);
    float *row = malloc(t->matrix.n_cols * sizeof *row);
    for (uint64_t r = 0; r < t->matrix.n_rows; r++) {
        trit_quant_format_of(raw->dtype)->unpack(&matrix, r, row);
        for (uint64_t c = 0; c < t->matrix.n_cols; c++)
            if (row[c] != (float)t->matrix.trits[r * t->matrix.n_cols + c] * scale_at(&t->matrix, r, c))
                fail_msg("%s: row %d, column %d", t->name, (int)r, (int)c);
    }
    free(row);
}

static trit_status on_tensor(void *user, const trit_ternary_tensor *t, trit_error *e) {
    seen *s = user;
    (void)e;
    assert_true(t->i < t->n);
    for (uint64_t i = 0; i < t->matrix.n_rows * t->matrix.n_cols; i++) s->hash = (s->hash ^ (uint8_t)t->matrix.trits[i]) * 1099511628211u;
    if (s->compares) compare(s, t);
    s->n_scales = t->matrix.n_scales;
    s->group = t->matrix.group;
    return s->n++ == s->stop_at ? trit_cancelled : trit_ok;
}

static trit_status walk(seen *s, const char *path) {
    trit_model *m;
    trit_status status = trit_model_open(&m, path, &(trit_model_opts){.no_weights = true}, &err);
    if (status != trit_ok) return status;
    s->m = m;
    status = trit_model_each_ternary(m, is_wanted, on_tensor, s, &err);
    trit_model_close(m);
    return status;
}

static const char *story(void) {
    return test_source("tests/model/story-256.gguf");
}

static void convert(const char *to, const char *type, bool to_folder) {
    assert_ok(trit_convert(story(), to, &(trit_convert_opts){.type = type, .hugging_face = to_folder, .force = true}, NULL, &err));
}

static void trits_are_the_same_in_every_type(void **state) {
    (void)state;
    static const char *const types[] = {"tq1_0", "tq2_0", "i2_s", "q2_0", "pq2_0", "iq1_bn", "iq2_bn", "bf16", "f16"};
    seen first = {.stop_at = SIZE_MAX, .compares = true};
    assert_ok(walk(&first, story()));
    assert_int_equal(first.n, 42);
    assert_int_equal(first.n_scales, 1);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        seen s = {.stop_at = SIZE_MAX, .compares = true};
        convert(OUT("type.gguf"), types[i], false);
        assert_ok(walk(&s, OUT("type.gguf")));
        if (s.hash != first.hash || s.n != 42) fail_msg("%s: other trits", types[i]);
        assert_int_equal(s.n_scales, 1);
    }
    seen s = {.stop_at = SIZE_MAX};
    convert(OUT("folder"), "hf_ternary", true);
    assert_ok(walk(&s, OUT("folder")));
    assert_true(s.hash == first.hash && s.n == 42);
}

/* Writes the story model as Q2_0 where blocks [first, last) of one tensor have twice their scale (a half: the first two of 18 bytes). */
static void write_scaled(const char *name, size_t first, size_t last) {
    trit_model *m;
    size_t n, at = 0;
    convert(OUT("q2_0.gguf"), "q2_0", false);
    unsigned char *file = (unsigned char *)test_read(OUT("q2_0.gguf"), &n);
    assert_ok(trit_model_open(&m, OUT("q2_0.gguf"), &(trit_model_opts){.no_weights = true}, &err));
    const trit_file_tensor *t = trit_gguf_tensor(m->source.gguf, name);
    while (memcmp(file + at, t->data, 64) != 0) at++;
    for (size_t b = first; b < last; b++) file[at + 18 * b + 1] = (unsigned char)(file[at + 18 * b + 1] + 4);
    trit_model_close(m);
    FILE *f = fopen(OUT("scaled.gguf"), "wb");
    assert_int_equal(fwrite(file, 1, n, f), n);
    fclose(f);
    free(file);
}

static void scales_are_joined_where_they_are_equal(void **state) {
    (void)state;
    static const char name[] = "blk.2.attn_q.weight"; /* 256 x 256: four groups of 64 a row */
    static const struct {
        size_t first, last;
        uint64_t n_scales;
        uint32_t group;
    } cases[] = {{0, 1024, 1, 0}, {6, 7, 1024, 64}, {4, 8, 256, 0}, {1020, 1024, 256, 0}, {1023, 1024, 1024, 64}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        seen s = {.wanted = name, .stop_at = SIZE_MAX, .compares = true};
        write_scaled(name, cases[i].first, cases[i].last);
        assert_ok(walk(&s, OUT("scaled.gguf")));
        assert_int_equal(s.n_scales, cases[i].n_scales);
        assert_int_equal(s.group, cases[i].group);
    }
}

static void names_are_asked_and_a_visit_can_end_the_walk(void **state) {
    (void)state;
    seen s = {.wanted = "ffn_up", .stop_at = SIZE_MAX};
    assert_ok(walk(&s, story()));
    assert_int_equal(s.n, 6);
    assert_int_equal(s.n_asked, 42);
    seen stopped = {.stop_at = 2};
    assert_int_equal(walk(&stopped, story()), trit_cancelled);
    assert_int_equal(stopped.n, 3);
    seen floats = {.stop_at = SIZE_MAX};
    convert(OUT("type.gguf"), "q8_0", false);
    assert_ok(walk(&floats, OUT("type.gguf")));
    assert_int_equal(floats.n, 0);
    assert_int_equal(walk(&floats, "synthetic:bitnet-2b4t"), trit_unsupported);
}

#if TRIT_COUNTS_MALLOC
static trit_status pack_it(void *user, const trit_ternary_tensor *t, trit_error *e) {
    return trit_pack(user, &t->matrix, trit_pack_auto, e);
}

static void each_allocation(void **state) {
    (void)state;
    trit_model *m;
    assert_ok(trit_model_open(&m, story(), &(trit_model_opts){.no_weights = true}, &err));
    for (long n = 0;; n++) {
        trit_text packed = {0};
        const long before = atomic_load(&live);
        atomic_store(&n_calls, 0);
        atomic_store(&fail_at, n);
        const trit_status status = trit_model_each_ternary(m, NULL, pack_it, &packed, &err);
        const bool reached = atomic_load(&n_calls) > n;
        atomic_store(&fail_at, -1);
        trit_text_fini(&packed);
        if (atomic_load(&live) != before) fail_msg("allocation %ld fails and %ld blocks stay", n, atomic_load(&live) - before);
        assert_int_equal(status, reached ? trit_memory : trit_ok);
        if (!reached) break;
        if (n > 40) n += 17; /* the tensors repeat themselves */
    }
    trit_model_close(m);
}
#else
static void each_allocation(void **state) {
    (void)state;
    print_message("skipped: this C library's malloc cannot be replaced\n");
    skip();
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trits_are_the_same_in_every_type),
        cmocka_unit_test(scales_are_joined_where_they_are_equal),
        cmocka_unit_test(names_are_asked_and_a_visit_can_end_the_walk),
        cmocka_unit_test(each_allocation),
    };
    return cmocka_run_group_tests_name("ternary tensors", tests, NULL, NULL);
}
