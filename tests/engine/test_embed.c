/* Embeddings: each pooling against the hidden states it pools, the same bits in any company, cuts, lengths, and refusals. */
#include "test.h"

#include <math.h>

#include "trit/trit.h"

enum { n_texts = 5, dim = 256, longest = 40 };

static int32_t tokens[n_texts][longest];
static trit_ids texts[n_texts];
static trit_model *model;

static int open_model(void **state) {
    (void)state;
    static const size_t lengths[n_texts] = {1, 40, 7, 33, 12};
    trit_error err;
    uint32_t seed = 5;
    for (size_t i = 0; i < n_texts; i++) {
        for (size_t k = 0; k < lengths[i]; k++) tokens[i][k] = (int32_t)(test_lcg(&seed) % 512);
        texts[i] = (trit_ids){.data = tokens[i], .n = lengths[i]};
    }
    return trit_model_open(&model, "synthetic:tiny-qwen3", NULL, &err) != trit_ok;
}

static int close_model(void **state) {
    (void)state;
    trit_model_close(model);
    return 0;
}

static float hidden[longest][dim];

static void keep(void *user, uint32_t position, const float *row, uint32_t n) {
    (void)user;
    assert_true(position < longest && n == dim);
    memcpy(hidden[position], row, n * sizeof *row);
}

/* The hidden states of a text by a plain engine of its own. */
static void compute_hidden(const trit_ids *text) {
    trit_error err;
    trit_engine *e;
    const trit_event *events;
    size_t n;
    assert_ok(trit_engine_new(&e, model, &(trit_engine_opts){.embeddings = true}, &err));
    trit_request q = {.prompt = text->data, .n_prompt = text->n, .all_logits = true, .prefill_only = true, .on_logits = keep};
    assert_ok(trit_engine_submit(e, &q, NULL, &err));
    while (!trit_engine_idle(e)) assert_ok(trit_engine_step(e, &events, &n, &err));
    q.prefill_only = false;
    assert_int_equal(trit_engine_submit(e, &q, NULL, &err), trit_arg); /* it has no logits to choose from */
    trit_engine_free(e);
}

static void embed(float *out, const trit_embed_opts *opts, const trit_ids *ids, size_t n) {
    trit_error err;
    trit_embedder *e;
    assert_ok(trit_embedder_new(&e, model, opts, &err));
    assert_int_equal(trit_embedder_dims(e), opts->dims ? opts->dims : dim);
    assert_ok(trit_embed(e, out, ids, n, &err));
    trit_embedder_free(e);
}

static double expected(trit_pooling pooling, size_t n, uint32_t i) {
    if (pooling == trit_pooling_cls) return (double)hidden[0][i];
    if (pooling == trit_pooling_last) return (double)hidden[n - 1][i];
    double sum = 0;
    for (size_t p = 0; p < n; p++) sum += (double)hidden[p][i];
    return sum / (double)n;
}

static void poolings(void **state) {
    (void)state;
    static const trit_pooling kinds[] = {trit_pooling_mean, trit_pooling_cls, trit_pooling_last};
    static float raw[n_texts][dim], unit[n_texts][dim], cut[n_texts][10];
    for (size_t k = 0; k < 3; k++) {
        embed(raw[0], &(trit_embed_opts){.pooling = kinds[k], .no_normalize = true}, texts, n_texts);
        embed(unit[0], &(trit_embed_opts){.pooling = kinds[k], .max_sequences = 2}, texts, n_texts);
        embed(cut[0], &(trit_embed_opts){.pooling = kinds[k], .dims = 10}, texts, n_texts);
        for (size_t t = 0; t < n_texts; t++) {
            double square = 0, square_cut = 0;
            compute_hidden(&texts[t]);
            for (uint32_t i = 0; i < dim; i++) {
                double want = expected(kinds[k], texts[t].n, i);
                assert_true(fabs((double)raw[t][i] - want) <= 1e-5);
                square += want * want;
                if (i < 10) square_cut += want * want;
            }
            for (uint32_t i = 0; i < dim; i++) assert_true(fabs((double)unit[t][i] - expected(kinds[k], texts[t].n, i) / sqrt(square)) <= 1e-6);
            for (uint32_t i = 0; i < 10; i++) assert_true(fabs((double)cut[t][i] - expected(kinds[k], texts[t].n, i) / sqrt(square_cut)) <= 1e-6);
        }
    }
}

static void same_bits_in_any_company(void **state) {
    (void)state;
    static float alone[n_texts][dim], together[n_texts][dim];
    for (int pooling = trit_pooling_default; pooling <= trit_pooling_last; pooling++) {
        trit_embed_opts one = {.pooling = (trit_pooling)pooling, .max_sequences = 1, .chunk = 3}, many = {.pooling = (trit_pooling)pooling, .chunk = 64};
        for (size_t t = 0; t < n_texts; t++) embed(alone[t], &one, &texts[t], 1);
        embed(together[0], &many, texts, n_texts);
        assert_memory_equal(alone, together, sizeof alone);
    }
}

static void refusals(void **state) {
    (void)state;
    static float out[2][dim];
    trit_error err;
    trit_embedder *e;
    assert_int_equal(trit_embedder_new(&e, model, &(trit_embed_opts){.dims = dim + 1}, &err), trit_arg);
    assert_non_null(strstr(err.message, "257"));
    assert_ok(trit_embedder_new(&e, model, &(trit_embed_opts){.context = 32}, &err));
    assert_int_equal(trit_embed(e, out[0], (trit_ids[]){texts[0], texts[1]}, 2, &err), trit_context); /* 40 tokens */
    assert_int_equal(trit_embed(e, out[0], &(trit_ids){0}, 1, &err), trit_arg);
    assert_ok(trit_embed(e, out[0], &texts[2], 1, &err)); /* and goes on */
    embed(out[1], &(trit_embed_opts){0}, &texts[2], 1);
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    assert_int_equal(trit_embedder_pooling(e), trit_pooling_last);
    trit_embedder_free(e);
    trit_pooling p = trit_pooling_default;
    assert_true(trit_pooling_find(&p, "mean") && p == trit_pooling_mean);
    assert_false(trit_pooling_find(&p, "max") || trit_pooling_find(&p, ""));
}

/* A refused text stops those before it too: what the embedder holds of the group before is as it was. */
static void nothing_runs_beside_a_refused_text(void **state) {
    (void)state;
    enum { n = 400 };
    static float before[3][dim], after[3][dim], other[3][dim];
    static int32_t ids[2][n];
    for (size_t i = 0; i < n; i++) ids[1][i] = 1;
    const trit_ids first = {.data = ids[0], .n = n}, second = {.data = ids[1], .n = n};
    trit_error err;
    trit_embedder *e;
    assert_ok(trit_embedder_new(&e, model, &(trit_embed_opts){.pooling = trit_pooling_mean}, &err));
    assert_ok(trit_embed(e, before[0], (trit_ids[]){first, first, first}, 3, &err));
    assert_int_equal(trit_embed(e, after[0], (trit_ids[]){second, second, second, {0}}, 4, &err), trit_arg);
    for (size_t i = 0; i < 3; i++) assert_ok(trit_embed_take(e, after[i], i, 0, &err));
    assert_memory_equal(before, after, sizeof before);
    assert_ok(trit_embed(e, other[0], (trit_ids[]){second, second, second}, 3, &err)); /* else it would be seen */
    assert_memory_not_equal(before[0], other[0], sizeof before[0]);
    trit_embedder_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poolings),
        cmocka_unit_test(same_bits_in_any_company),
        cmocka_unit_test(refusals),
        cmocka_unit_test(nothing_runs_beside_a_refused_text),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
