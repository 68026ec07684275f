/* Packs the ternary tensors of a model by every strategy, one after the other, and keeps sizes and times. */
#include "pack_study.h"

#include <fnmatch.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "base/progress.h"
#include "interrupt.h"

/* Times of short work are the least of several, of at most so many seconds together. */
enum { most_repeats = 5 };
static const double enough_s = 0.02;

typedef struct work {
    trit_pack_study *study;
    const trit_pack_study_opts *o;
    trit_progress bar;
    trit_text packed;
    int8_t *trits; /* [n_trits], of the tensor at hand */
    float *scales; /* [n_scales] */
} work;

static bool wanted(void *user, const char *name) {
    const trit_opt_texts *patterns = &((const work *)user)->o->tensors;
    bool any = patterns->n == 0;
    for (size_t i = 0; i < patterns->n && !any; i++) any = fnmatch(patterns->item[i], name, 0) == 0;
    return any;
}

static double seconds_since(uint64_t begin) {
    return (double)(trit_os_thread_ns() - begin) * 1e-9;
}

static trit_status pack(work *w, const trit_pack_matrix *m, trit_pack_strategy s, double *best, trit_error *err) {
    trit_status status = trit_ok;
    double sum = 0;
    for (int i = 0; i < most_repeats && sum < enough_s && status == trit_ok; i++) {
        w->packed.n = 0;
        const uint64_t begin = trit_os_thread_ns();
        status = trit_pack(&w->packed, m, s, err);
        const double seconds = seconds_since(begin);
        if (i == 0 || seconds < *best) *best = seconds;
        sum += seconds;
    }
    return status;
}

static trit_status unpack(work *w, const trit_pack_matrix *m, double *best, trit_error *err) {
    trit_status status = trit_ok;
    double sum = 0;
    for (int i = 0; i < most_repeats && sum < enough_s && status == trit_ok; i++) {
        const uint64_t begin = trit_os_thread_ns();
        status = trit_unpack(w->trits, m->n_rows * m->n_cols, w->scales, m->n_scales, w->packed.data, w->packed.n, err);
        const double seconds = seconds_since(begin);
        if (i == 0 || seconds < *best) *best = seconds;
        sum += seconds;
    }
    return status;
}

/* What came back is what was packed, and a changed byte is noticed: the first, the last, and some between. */
static trit_status check(work *w, const trit_ternary_tensor *t, trit_pack_strategy s, trit_error *err) {
    enum { n_changes = 8 };
    const trit_pack_matrix *m = &t->matrix;
    bool same = memcmp(w->trits, m->trits, (size_t)(m->n_rows * m->n_cols)) == 0;
    if (m->n_scales) same &= memcmp(w->scales, m->scales, (size_t)m->n_scales * sizeof *m->scales) == 0;
    if (!same) return trit_error_set(err, trit_fail, "tensor %s: %s gives other weights back", t->name, trit_pack_name((int)s, NULL));
    for (size_t i = 0; i < n_changes; i++) {
        const size_t at = (w->packed.n - 1) * i / (n_changes - 1);
        trit_pack_info info;
        w->packed.data[at] ^= (char)(1 << i);
        const trit_status status = trit_pack_read(&info, w->packed.data, w->packed.n, NULL);
        w->packed.data[at] ^= (char)(1 << i);
        if (status != trit_format)
            return trit_error_set(err, trit_fail, "tensor %s: %s does not notice a change of byte %zu", t->name, trit_pack_name((int)s, NULL), at);
    }
    return trit_ok;
}

static trit_status measure(work *w, trit_pack_row *row, const trit_ternary_tensor *t, trit_error *err) {
    const trit_pack_matrix *m = &t->matrix;
    trit_pack_info info = {.strategy = trit_pack_auto};
    trit_status status = trit_ok;
    for (int s = trit_pack_auto; s < trit_pack_end && status == trit_ok; s++) {
        status = pack(w, m, (trit_pack_strategy)s, &row->pack_s[s], err);
        if (status == trit_ok) status = unpack(w, m, &row->unpack_s[s], err);
        if (status == trit_ok && w->o->check) status = check(w, t, (trit_pack_strategy)s, err);
        if (status == trit_ok && s == trit_pack_auto) status = trit_pack_read(&info, w->packed.data, w->packed.n, err);
        if (status == trit_ok && trit_interrupted()) status = trit_error_set(err, trit_cancelled, "interrupted while packing");
        row->bytes[s] = w->packed.n;
        trit_progress_update(&w->bar, t->i * trit_pack_end + (unsigned)s + 1, t->n * trit_pack_end);
    }
    row->chosen = info.strategy;
    return status;
}

static void describe(trit_pack_row *row, const trit_ternary_tensor *t) {
    const trit_pack_matrix *m = &t->matrix;
    row->type = t->type;
    row->n_rows = m->n_rows;
    row->n_cols = m->n_cols;
    row->n = m->n_rows * m->n_cols;
    row->file_bytes = t->n_bytes;
    for (uint64_t i = 0; i < row->n; i++) row->counts[m->trits[i] + 1]++;
    row->bound = trit_pack_bound(row->counts);
}

static void add(trit_pack_row *sum, const trit_pack_row *row) {
    sum->n += row->n;
    sum->file_bytes += row->file_bytes;
    sum->bound += row->bound;
    for (int i = 0; i < 3; i++) sum->counts[i] += row->counts[i];
    for (int s = 0; s < trit_pack_end; s++) {
        sum->bytes[s] += row->bytes[s];
        sum->pack_s[s] += row->pack_s[s];
        sum->unpack_s[s] += row->unpack_s[s];
    }
}

static trit_status visit(void *user, const trit_ternary_tensor *t, trit_error *err) {
    work *w = user;
    trit_pack_study *study = w->study;
    void *rows = study->row;
    trit_pack_row row = {.name = trit_strndup(t->name, strlen(t->name))};
    if (!row.name || !trit_grow(&rows, &study->capacity, study->n + 1, sizeof row)) {
        trit_free(row.name);
        return trit_error_memory(err, sizeof row, "the study");
    }
    study->row = rows;
    describe(&row, t);
    w->trits = trit_alloc(row.n, 1);
    w->scales = trit_alloc(t->matrix.n_scales, sizeof *w->scales);
    trit_status status = w->trits && w->scales ? measure(w, &row, t, err) : trit_error_memory(err, row.n, "a ternary tensor");
    trit_free(w->trits);
    trit_free(w->scales);
    study->row[study->n++] = row;
    study->chosen[row.chosen]++;
    add(&study->total, &row);
    return status;
}

trit_status trit_pack_study_run(trit_pack_study *out, const trit_model *model, const trit_pack_study_opts *o, trit_error *err) {
    work w = {.study = out, .o = o};
    out->model = trit_model_choice_name(&o->model);
    out->checked = o->check;
    trit_progress_init(&w.bar, "packing", !o->output.quiet);
    trit_status status = trit_model_each_ternary(model, wanted, visit, &w, err);
    trit_progress_fini(&w.bar);
    trit_text_fini(&w.packed);
    if (status == trit_ok && !out->n)
        return trit_error_set(err, trit_unsupported, "%.300s: no ternary tensor%s", out->model, o->tensors.n ? " of such a name" : "");
    return status;
}

void trit_pack_study_fini(trit_pack_study *study) {
    for (size_t i = 0; i < study->n; i++) trit_free(study->row[i].name);
    trit_free(study->row);
}
