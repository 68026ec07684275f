/* Batches of matrices in and out of LAPACK's order. */
#include "linalg/matrices.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "device/device.h"
#include "op/tape.h"

double trit_matrix_get(trit_dtype type, const void *matrix, int rows, int i, int j) {
    const size_t at = (size_t)j * (size_t)rows + (size_t)i;
    return type == trit_dtype_f32 ? (double)((const float *)matrix)[at] : ((const double *)matrix)[at];
}

void trit_matrix_set(trit_dtype type, void *matrix, int rows, int i, int j, double value) {
    const size_t at = (size_t)j * (size_t)rows + (size_t)i;
    if (type == trit_dtype_f32)
        ((float *)matrix)[at] = (float)value;
    else
        ((double *)matrix)[at] = value;
}

trit_status trit_matrices_type(trit_dtype *out, const char *what, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    trit_dtype t = a->view.dtype;
    if (b) {
        trit_status status = trit_dtype_promote(&t, t, b->view.dtype, err);
        if (status != trit_ok) return status;
    }
    if (t == trit_dtype_f16 || t == trit_dtype_bf16 || !trit_dtype_is_plain(t))
        return trit_error_set(err, trit_arg, "%s: not for %s; F32, F64 and whole numbers are", what, trit_dtype_label(t));
    *out = t == trit_dtype_f32 ? t : trit_dtype_f64;
    if (!trit_lapack_for(*out))
        return trit_error_set(err, trit_unsupported, "%s: this library was built without LAPACKE (TRIT_BLAS)", what);
    return trit_ok;
}

void *trit_matrix_at(const trit_matrices *m, int64_t i) {
    return m->data + (size_t)i * (size_t)m->m * (size_t)m->n * m->size;
}

const char *trit_matrix_text(char text[64], const trit_matrices *m, int64_t i) {
    if (m->n_batch > 1)
        snprintf(text, 64, "%s: matrix %lld", m->what, (long long)i);
    else
        snprintf(text, 64, "%s: the matrix", m->what);
    return text;
}

/* LAPACK does not come back from some matrices that hold NaN. */
static trit_status check_finite(const trit_matrices *m, trit_error *err) {
    for (int64_t i = 0; i < m->n_batch; i++)
        for (int col = 0; col < m->n; col++)
            for (int row = 0; row < m->m; row++) {
                const double x = trit_matrix_get(m->type, trit_matrix_at(m, i), m->m, row, col);
                char text[64];
                if (!isfinite(x)) return trit_error_set(err, trit_numeric, "%s holds %f at [%d, %d]", trit_matrix_text(text, m, i), x, row, col);
            }
    return trit_ok;
}

/* The copy, columns one after the other. Its view is no tape's: gradients end here. */
static trit_status copy_turned(trit_tensor **out, const trit_tensor *t, trit_dtype type, trit_error *err) {
    trit_tensor *turned = NULL, *copy = NULL;
    trit_view v = t->view;
    const uint32_t row = v.n_dims - 2, col = v.n_dims - 1;
    v.shape[row] = t->view.shape[col], v.stride[row] = t->view.stride[col];
    v.shape[col] = t->view.shape[row], v.stride[col] = t->view.stride[row];
    trit_status status = trit_tensor_make(&turned, t->device, t->storage, &v, err);
    if (status == trit_ok) status = trit_tensor_new(&copy, t->device, type, v.n_dims, v.shape, err);
    if (status == trit_ok) status = trit_tensor_assign(copy, turned, err);
    trit_tensor_free(turned);
    if (status != trit_ok) {
        trit_tensor_free(copy);
        return status;
    }
    *out = copy;
    return status;
}

trit_status trit_matrices_open(trit_matrices *out, const char *what, enum trit_matrices_kind kind, const trit_tensor *t, trit_dtype type,
                               trit_error *err) {
    const trit_view *v = &t->view;
    char shape[trit_shape_text_bytes];
    trit_shape_text(shape, v->n_dims, v->shape);
    if (v->n_dims < 2) return trit_error_set(err, trit_arg, "%s: %s is no matrix", what, shape);
    const trit_record *record = trit_record_of(t);
    if (record && !record->tape->n_paused)
        return trit_error_set(err, trit_unsupported, "%s: factorizations have no gradient; trit_tape_detach its input", what);
    const int64_t m = v->shape[v->n_dims - 2], n = v->shape[v->n_dims - 1];
    if (kind == trit_square_matrix && m != n) return trit_error_set(err, trit_arg, "%s: %s is not square", what, shape);
    if (m > INT32_MAX || n > INT32_MAX) return trit_error_set(err, trit_unsupported, "%s: %s is too large for LAPACK", what, shape);
    trit_matrices r = {.what = what, .lapack = trit_lapack_for(type), .type = type, .size = trit_dtype_bytes(type), .m = (int)m, .n = (int)n,
                       .n_batch = 1, .n_lead = v->n_dims - 2};
    trit_status status = copy_turned(&r.t, t, type, err);
    if (status != trit_ok) return status;
    r.data = r.t->view.data;
    r.lead = r.t->view.shape;
    for (uint32_t d = 0; d < r.n_lead; d++) r.n_batch *= r.lead[d];
    status = check_finite(&r, err);
    if (status != trit_ok) {
        trit_tensor_free(r.t);
        return status;
    }
    r.threads_before = trit_lapack_threads((int)t->device->n_threads);
    *out = r;
    return trit_ok;
}

void trit_matrices_close(trit_matrices *m) {
    if (!m->t) return;
    (void)trit_lapack_threads(m->threads_before);
    trit_tensor_free(m->t);
}

trit_status trit_result_new(trit_result *out, const trit_matrices *m, trit_dtype type, int rows, int cols, trit_error *err) {
    int64_t shape[trit_max_dims];
    uint32_t n_dims = m->n_lead;
    memcpy(shape, m->lead, n_dims * sizeof *shape);
    trit_result r = {.each = 1, .size = trit_dtype_bytes(type), .is_matrix = cols >= 0};
    if (cols >= 0) r.each *= shape[n_dims++] = cols;
    if (rows >= 0) r.each *= shape[n_dims++] = rows;
    trit_status status = trit_tensor_new(&r.t, m->t->device, type, n_dims, shape, err);
    if (status != trit_ok) return status;
    r.data = r.t->view.data;
    *out = r;
    return trit_ok;
}

void *trit_result_at(const trit_result *r, int64_t i) {
    return r->t ? r->data + (size_t)i * (size_t)r->each * r->size : NULL;
}

static trit_status give(trit_tensor **out, const trit_result *r, trit_error *err) {
    trit_tensor *turned = NULL;
    if (!r->is_matrix) return trit_tensor_copy(out, r->t, err);
    trit_status status = trit_tensor_transpose(&turned, r->t, -1, -2, err);
    if (status == trit_ok) status = trit_tensor_copy(out, turned, err);
    trit_tensor_free(turned);
    return status;
}

trit_status trit_results_give(uint32_t n, trit_tensor ***out, trit_result *results, trit_status status, trit_error *err) {
    bool is_new[4] = {false};
    for (uint32_t i = 0; i < n; i++) {
        if (status != trit_ok || !out[i] || !results[i].t) continue;
        is_new[i] = !*out[i];
        status = give(out[i], &results[i], err);
    }
    for (uint32_t i = 0; i < n; i++) {
        trit_tensor_free(results[i].t);
        if (status == trit_ok || !is_new[i]) continue;
        trit_tensor_free(*out[i]);
        *out[i] = NULL;
    }
    return status;
}

trit_status trit_matrix_failed(const trit_matrices *m, int64_t i, int info, trit_error *err) {
    char text[64];
    if (info <= trit_lapack_no_memory) return trit_error_set(err, trit_memory, "out of memory: %s of %d by %d", m->what, m->m, m->n);
    return trit_error_set(err, trit_numeric, "%s: no convergence (LAPACK says %d)", trit_matrix_text(text, m, i), info);
}

trit_status trit_singular_values(trit_tensor **out, const char *what, const trit_tensor *t, trit_dtype type, trit_error *err) {
    trit_matrices a = {.t = NULL};
    trit_status status = trit_matrices_open(&a, what, trit_any_matrix, t, type, err);
    if (status != trit_ok) return status;
    trit_result s = {.t = NULL};
    status = trit_result_new(&s, &a, type, a.m < a.n ? a.m : a.n, -1, err);
    for (int64_t i = 0; i < a.n_batch && status == trit_ok && s.each > 0; i++) {
        const int info = a.lapack->svd('N', a.m, a.n, trit_matrix_at(&a, i), trit_result_at(&s, i), NULL, NULL);
        if (info) status = trit_matrix_failed(&a, i, info, err);
    }
    status = trit_results_give(1, (trit_tensor **[]){out}, &s, status, err);
    trit_matrices_close(&a);
    return status;
}

trit_status trit_matrix_singular(const trit_matrices *m, int64_t i, const trit_tensor *t, int info, trit_error *err) {
    if (info <= trit_lapack_no_memory) return trit_matrix_failed(m, i, info, err);
    char text[64];
    trit_tensor *s = NULL;
    double largest = 0, least = 0;
    if (trit_singular_values(&s, m->what, t, m->type, NULL) == trit_ok) {
        const char *values = (char *)s->view.data + (size_t)i * (size_t)m->n * m->size;
        largest = trit_element_get(m->type, values);
        least = trit_element_get(m->type, values + (size_t)(m->n - 1) * m->size);
    }
    trit_tensor_free(s);
    return trit_error_set(err, trit_numeric, "%s is singular: pivot %d is 0, condition number %.3g", trit_matrix_text(text, m, i), info,
                          least > 0 ? largest / least : INFINITY);
}
