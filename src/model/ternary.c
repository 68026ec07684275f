/* The ternary weights of a model as plain trits and scales, one tensor after the other. See include/trit/pack.h. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "model/model.h"
#include "trit/pack.h"

typedef struct walk {
    const trit_model *m;
    bool (*wanted)(void *user, const char *name);
    trit_status (*visit)(void *user, const trit_ternary_tensor *t, trit_error *err);
    void *user;
    uint64_t i, n;
} walk;

/* Rows of a tensor; owned. */
typedef struct rows {
    int8_t *trits;  /* [n_rows, n_cols] */
    float *scales;  /* [n_rows, n_groups] */
    float *scratch; /* [n_cols] */
} rows;

static void rows_fini(rows *x) {
    trit_free(x->trits);
    trit_free(x->scales);
    trit_free(x->scratch);
}

static bool all_equal(const float *x, uint64_t n) {
    return n < 2 || memcmp(x, x + 1, (size_t)(n - 1) * sizeof *x) == 0;
}

/* Fewer scales where they say the same: one for all, or one a row. */
static void join_scales(trit_pack_matrix *m, float *scales, uint64_t n_groups) {
    if (all_equal(scales, m->n_scales)) {
        m->n_scales = 1;
        m->group = 0;
        return;
    }
    for (uint64_t r = 0; r < m->n_rows; r++)
        if (!all_equal(scales + r * n_groups, n_groups)) return;
    for (uint64_t r = 0; r < m->n_rows; r++) scales[r] = scales[r * n_groups];
    m->n_scales = m->n_rows;
    m->group = 0;
}

static trit_status read_rows(rows *x, const trit_linear *l, uint64_t n_groups, trit_error *err) {
    const uint64_t n_rows = l->matrix.n_rows, n_cols = l->matrix.n_cols;
    x->trits = trit_alloc(n_rows * n_cols, 1);
    x->scales = trit_alloc(n_rows * n_groups, sizeof *x->scales);
    x->scratch = trit_alloc(n_cols, sizeof *x->scratch);
    trit_status status = x->trits && x->scales && x->scratch ? trit_ok : trit_error_memory(err, n_rows * n_cols, "a ternary tensor");
    for (uint64_t r = 0; r < n_rows && status == trit_ok; r++) status = l->row(l, r, x->trits + r * n_cols, x->scales + r * n_groups, x->scratch);
    return status;
}

static trit_status visit_rows(const walk *w, const char *name, const trit_file_tensor *t, const trit_linear *l, trit_error *err) {
    const uint64_t n_rows = l->matrix.n_rows, n_cols = l->matrix.n_cols, n_groups = l->group ? (n_cols + l->group - 1) / l->group : 1;
    rows x = {NULL, NULL, NULL};
    trit_status status = read_rows(&x, l, n_groups, err);
    if (status == trit_ok) {
        trit_ternary_tensor tensor = {.name = name, .type = trit_dtype_info(t->dtype)->label, .n_bytes = t->n_bytes, .i = w->i, .n = w->n,
                                      .matrix = {n_rows, n_cols, x.trits, x.scales, n_rows * n_groups, l->group}};
        join_scales(&tensor.matrix, x.scales, n_groups);
        status = w->visit(w->user, &tensor, err);
    } else if (trit_linear_is_float(l, w->m, status)) {
        status = trit_ok; /* codes of a fourth level: floats after all */
    } else {
        status = trit_linear_bad_row(status, t, err);
    }
    rows_fini(&x);
    return status;
}

static trit_status visit_projection(const walk *w, const trit_projection *p, trit_error *err) {
    char *name = trit_strndup(p->weight->name.p, p->weight->name.n);
    if (!name) return trit_error_memory(err, p->weight->name.n, "a tensor's name");
    trit_status status = trit_ok;
    if (!w->wanted || w->wanted(w->user, name)) {
        trit_linear l;
        status = trit_linear_settle(&l, w->m, p, err);
        if (status == trit_ok && l.row) status = visit_rows(w, name, p->weight, &l, err);
        if (w->m->source.is_mapped) trit_os_map_drop(p->weight->data, (size_t)p->weight->n_bytes);
    }
    trit_free(name);
    return status;
}

/* Visits all projections, or only counts them. */
static trit_status walk_layers(walk *w, bool counting, trit_error *err) {
    const trit_config *c = &w->m->config;
    trit_status status = trit_ok;
    for (uint32_t layer = 0; layer < c->n_layers; layer++)
        for (size_t i = 0; i < trit_n_layer_tensors && status == trit_ok; i++) {
            trit_projection p;
            if (!trit_layer_shape_of(c, i).is_linear || !trit_layer_projection(&p, w->m, layer, i)) continue;
            if (counting) {
                w->n++;
            } else {
                status = visit_projection(w, &p, err);
                w->i++;
            }
        }
    return status;
}

trit_status trit_model_each_ternary(const trit_model *model, bool (*wanted)(void *user, const char *name),
                                    trit_status (*visit)(void *user, const trit_ternary_tensor *t, trit_error *err), void *user, trit_error *err) {
    walk w = {.m = model, .wanted = wanted, .visit = visit, .user = user};
    if (model->problem) return trit_error_set(err, trit_unsupported, "%s", model->problem);
    if (model->source.synthetic) return trit_error_set(err, trit_unsupported, "a synthetic model has no tensors in a file");
    trit_status status = walk_layers(&w, true, err);
    return status == trit_ok ? walk_layers(&w, false, err) : status;
}
