/* Models of random ternary weights in a published model's exact shape: for measuring speed before any download. The weights are the
 * same on every machine. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "model/model.h"

static const trit_synthetic shapes[] = {
#define TRIT_SYNTHETIC(name, what, arch, layers, dim, ff, heads, kv, head_dim, vocab, context, eps, theta, tied) \
    {name, what, arch, layers, dim, ff, heads, kv, head_dim, vocab, context, eps, theta, tied},
#include "model/synthetic.def"
#undef TRIT_SYNTHETIC
};

enum { n_shapes = sizeof shapes / sizeof shapes[0], n_pool_rows = 61 };

const char *trit_synthetic_at(size_t i, const char **what) {
    if (i >= n_shapes) return NULL;
    if (what) *what = shapes[i].what;
    return shapes[i].name;
}

const trit_synthetic *trit_synthetic_find(const char *name) {
    for (size_t i = 0; i < n_shapes; i++)
        if (strcmp(shapes[i].name, name) == 0) return &shapes[i];
    return NULL;
}

void trit_synthetic_config(trit_config *c, const trit_synthetic *s) {
    c->n_layers = s->n_layers;
    c->dim = s->dim;
    c->ff_dim = s->ff_dim;
    c->n_heads = s->n_heads;
    c->n_kv_heads = s->n_kv_heads;
    c->head_dim = c->rope_dims = s->head_dim;
    c->vocab_size = s->vocab_size;
    c->context_length = s->context_length;
    c->norm_eps = s->norm_eps;
    c->rope_theta = s->rope_theta;
    c->rope = (trit_rope_scaling){.factor = 1, .magnitude = 1};
}

/* Rows are taken from a small pool, each matrix and row beginning elsewhere in it: random enough for speed and for a sane spread of
 * activations, and quick to make. */
typedef struct pool {
    int8_t *trits; /* [n_pool_rows * width + width] */
    uint32_t width;
} pool;

typedef struct random_rows {
    const pool *pool;
    uint64_t seed;
    uint32_t n_cols;
    float scale;
} random_rows;

static trit_status random_row(const void *ctx, uint64_t row, int8_t *trits, float *scales, float *scratch) {
    const random_rows *r = ctx;
    (void)scratch;
    uint64_t at = trit_rng_u64(r->seed, row) % ((uint64_t)n_pool_rows * r->pool->width);
    memcpy(trits, r->pool->trits + at, r->n_cols);
    *scales = r->scale;
    return trit_ok;
}

static trit_status make_pool(pool *p, uint32_t width, trit_error *err) {
    size_t n = (size_t)(n_pool_rows + 1) * width;
    p->width = width;
    p->trits = trit_alloc(n, 1);
    if (!p->trits) return trit_error_memory(err, n, "random weights");
    for (size_t i = 0; i < n; i++) p->trits[i] = (int8_t)(trit_rng_u64(1, i) % 3) - 1;
    return trit_ok;
}

static trit_status make_linear(trit_model *m, trit_weight *out, const pool *p, uint64_t seed, uint32_t n_rows, uint32_t n_cols, trit_error *err) {
    /* Two thirds of the trits are not 0: this scale keeps the spread of the outputs that of the inputs. */
    random_rows rows = {.pool = p, .seed = seed, .n_cols = n_cols, .scale = 1.0f / sqrtf((float)n_cols * 2.0f / 3.0f)};
    trit_ternary_source source = {.n_rows = n_rows, .n_cols = n_cols, .is_int8 = m->config.act_int8, .n_model = trit_model_count_linear(m),
                                  .row = random_row, .ctx = &rows};
    return m->device->vt->upload_ternary(m->device, out, &source, err);
}

static trit_status make_norm(const trit_device *d, trit_weight *out, uint32_t n, trit_error *err) {
    float *w = trit_device_take(d, n, sizeof *w, "norm");
    if (!w) return trit_error_memory(err, n * sizeof *w, "a norm");
    for (uint32_t i = 0; i < n; i++) w[i] = 1.0f;
    *out = (trit_weight){.dtype = trit_dtype_f32, .n_rows = 1, .n_cols = n, .data = w, .stride = n * sizeof *w, .n_bytes = n * sizeof *w,
                         .factor = 1.0f, .owned = {w, NULL, NULL}};
    return trit_ok;
}

/* Half floats of +-[1/64, 1/32): random mantissas under one exponent. Rows begin at random places of a short random run. */
static trit_status make_table(const trit_device *d, trit_weight *out, uint32_t n_rows, uint32_t n_cols, trit_error *err) {
    const size_t n_random = (size_t)n_pool_rows * n_cols, row_bytes = (size_t)n_cols * sizeof(uint16_t);
    uint16_t *w = trit_device_take(d, n_rows, row_bytes, "embeddings"), *random = trit_alloc(n_random + n_cols, sizeof *random);
    if (!w || !random) {
        trit_pool_release(d->pool, w, NULL);
        trit_free(random);
        return trit_error_memory(err, n_rows * row_bytes, "the embeddings");
    }
    for (size_t i = 0; i < n_random + n_cols; i++) random[i] = (uint16_t)((trit_rng_u64(2, i) & 0x83ffu) | 0x2400u);
    for (size_t r = 0; r < n_rows; r++) memcpy(w + r * n_cols, random + trit_rng_u64(3, r) % n_random, row_bytes);
    trit_free(random);
    *out = (trit_weight){.dtype = trit_dtype_f16, .n_rows = n_rows, .n_cols = n_cols, .data = w, .stride = row_bytes,
                         .n_bytes = n_rows * row_bytes, .factor = 1.0f, .owned = {w, NULL, NULL}};
    return trit_ok;
}

static trit_status make_layer(trit_model *m, uint32_t layer, const pool *p, trit_error *err) {
    trit_weight *weights = (trit_weight *)&m->layers[layer];
    for (size_t i = 0; i < trit_n_layer_tensors; i++) {
        if (!(m->config.arch->required & 1u << i)) continue;
        trit_layer_shape s = trit_layer_shape_of(&m->config, i);
        trit_status status = s.is_linear ? make_linear(m, &weights[i], p, trit_rng_named(layer, trit_layer_name(i)), s.n_rows, s.n_cols, err)
                                         : make_norm(m->device, &weights[i], s.n_cols, err);
        if (status != trit_ok) return status;
    }
    return trit_ok;
}

trit_status trit_synthetic_bind(trit_model *m, const trit_model_opts *o, trit_error *err) {
    const trit_config *c = &m->config;
    uint32_t q = c->n_heads * c->head_dim, width = c->ff_dim > c->dim ? c->ff_dim : c->dim;
    pool p = {0};
    trit_status status = make_pool(&p, q > width ? q : width, err);
    if (status == trit_ok) status = make_table(m->device, &m->token_embd, c->vocab_size, c->dim, err);
    if (status == trit_ok && !m->source.synthetic->tied) status = make_table(m->device, &m->output, c->vocab_size, c->dim, err);
    if (status == trit_ok) status = make_norm(m->device, &m->output_norm, c->dim, err);
    for (uint32_t layer = 0; layer < c->n_layers && status == trit_ok; layer++) {
        status = make_layer(m, layer, &p, err);
        if (status == trit_ok && o->progress && !o->progress(o->user, layer + 1, c->n_layers))
            status = trit_error_set(err, trit_cancelled, "interrupted while opening");
    }
    trit_free(p.trits);
    return status;
}
