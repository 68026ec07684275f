/* What a matrix amounts to: norms, condition, rank, trace, and the inverse of what can be inverted. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "linalg/matrices.h"
#include "trit/maps.h"
#include "trit/reduce.h"

static const int32_t rows_axis[] = {-2}, cols_axis[] = {-1}, both_axes[] = {-2, -1};

/* F32 and F64 stay, halves too; whole numbers become F64. */
static trit_status as_float(trit_tensor **out, const trit_tensor *t, trit_error *err) {
    return trit_tensor_cast(out, t, trit_dtype_is_float(t->view.dtype) ? t->view.dtype : trit_dtype_f64, err);
}

static trit_status scalar(trit_tensor **out, const trit_tensor *like, double value, trit_error *err) {
    return trit_tensor_full(out, like->device, like->view.dtype, 0, NULL, value, err);
}

/* (sum |t|^p)^(1/p) over the axes. */
static trit_status power_norm(trit_tensor **out, const trit_tensor *size, double p, uint32_t n_axes, const int32_t *axes, bool keepdims,
                              trit_error *err) {
    trit_tensor *exponent = NULL, *inverse = NULL, *powers = NULL, *sum = NULL;
    trit_status status = scalar(&exponent, size, p, err);
    if (status == trit_ok) status = scalar(&inverse, size, 1 / p, err);
    if (status == trit_ok) status = trit_tensor_pow(&powers, size, exponent, err);
    if (status == trit_ok) status = trit_tensor_sum(&sum, powers, n_axes, axes, keepdims, err);
    if (status == trit_ok) status = trit_tensor_pow(out, sum, inverse, err);
    trit_tensor *all[] = {exponent, inverse, powers, sum};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
    return status;
}

/* In F32, rounded once. */
static trit_status norm_of_halves(trit_tensor **out, const trit_tensor *t, double p, uint32_t n_axes, const int32_t *axes, bool keepdims,
                                  trit_error *err) {
    trit_tensor *wide = NULL, *norm = NULL;
    trit_status status = trit_tensor_cast(&wide, t, trit_dtype_f32, err);
    if (status == trit_ok) status = trit_tensor_vector_norm(&norm, wide, p, n_axes, axes, keepdims, err);
    if (status == trit_ok) status = trit_tensor_cast(out, norm, t->view.dtype, err);
    trit_tensor_free(wide);
    trit_tensor_free(norm);
    return status;
}

trit_status trit_tensor_vector_norm(trit_tensor **out, const trit_tensor *t, double p, uint32_t n_axes, const int32_t *axes, bool keepdims,
                                    trit_error *err) {
    trit_tensor *x = NULL, *size = NULL, *count = NULL;
    if (isnan(p)) return trit_error_set(err, trit_arg, "vector_norm: of order NaN");
    if (t->view.dtype == trit_dtype_f16 || t->view.dtype == trit_dtype_bf16) return norm_of_halves(out, t, p, n_axes, axes, keepdims, err);
    trit_status status = as_float(&x, t, err);
    if (status == trit_ok) status = trit_tensor_abs(&size, x, err);
    if (status != trit_ok) {
        trit_tensor_free(x);
        return status;
    }
    if (p == 2) {
        status = trit_tensor_norm(out, x, n_axes, axes, keepdims, err);
    } else if (p == 1) {
        status = trit_tensor_sum(out, size, n_axes, axes, keepdims, err);
    } else if (p == 0) {
        status = trit_tensor_count_nonzero(&count, x, n_axes, axes, keepdims, err);
        if (status == trit_ok) status = trit_tensor_cast(out, count, x->view.dtype, err);
    } else if (isinf(p)) {
        status = p > 0 ? trit_tensor_max(out, size, n_axes, axes, keepdims, err) : trit_tensor_min(out, size, n_axes, axes, keepdims, err);
    } else {
        status = power_norm(out, size, p, n_axes, axes, keepdims, err);
    }
    trit_tensor_free(x);
    trit_tensor_free(size);
    trit_tensor_free(count);
    return status;
}

/* The largest sum of sizes along one axis. */
static trit_status largest_sum(trit_tensor **out, const trit_tensor *t, const int32_t *axis, trit_error *err) {
    trit_tensor *sums = NULL;
    trit_status status = trit_tensor_vector_norm(&sums, t, 1, 1, axis, false, err);
    if (status == trit_ok) status = trit_tensor_max(out, sums, 1, cols_axis, false, err);
    trit_tensor_free(sums);
    return status;
}

static trit_status spectral(trit_tensor **out, const char *what, const trit_tensor *t, bool is_sum, trit_error *err) {
    trit_dtype type;
    trit_tensor *s = NULL;
    trit_status status = trit_matrices_type(&type, what, t, NULL, err);
    if (status == trit_ok) status = trit_singular_values(&s, what, t, type, err);
    if (status == trit_ok) status = is_sum ? trit_tensor_sum(out, s, 1, cols_axis, false, err) : trit_tensor_max(out, s, 1, cols_axis, false, err);
    trit_tensor_free(s);
    return status;
}

trit_status trit_tensor_matrix_norm(trit_tensor **out, const trit_tensor *t, trit_norm kind, trit_error *err) {
    char shape[trit_shape_text_bytes];
    if (t->view.n_dims < 2) return trit_error_set(err, trit_arg, "matrix_norm: %s is no matrix", trit_shape_text(shape, t->view.n_dims, t->view.shape));
    switch (kind) {
    case trit_norm_frobenius: return trit_tensor_vector_norm(out, t, 2, 2, both_axes, false, err);
    case trit_norm_one: return largest_sum(out, t, rows_axis, err);
    case trit_norm_infinity: return largest_sum(out, t, cols_axis, err);
    case trit_norm_nuclear: return spectral(out, "matrix_norm", t, true, err);
    case trit_norm_two: return spectral(out, "matrix_norm", t, false, err);
    }
    return trit_error_set(err, trit_arg, "matrix_norm: kind %d is unknown", (int)kind);
}

/* Singular values on the host, [n_batch, n], and where the result of each matrix goes. */
typedef struct spectrum {
    trit_tensor *s;
    trit_dtype type;
    double epsilon;
    int64_t n, n_batch;
    int64_t longest; /* rows or columns, whichever are more */
} spectrum;

static trit_status open_spectrum(spectrum *out, const char *what, const trit_tensor *t, trit_error *err) {
    spectrum r = {.s = NULL};
    trit_status status = trit_matrices_type(&r.type, what, t, NULL, err);
    if (status == trit_ok) status = trit_singular_values(&r.s, what, t, r.type, err);
    if (status != trit_ok) return status;
    const trit_view *v = &t->view, *s = &r.s->view;
    r.epsilon = trit_lapack_for(r.type)->epsilon;
    r.n = s->shape[s->n_dims - 1];
    r.n_batch = 1;
    for (uint32_t d = 0; d + 1 < s->n_dims; d++) r.n_batch *= s->shape[d];
    const int64_t m = v->shape[v->n_dims - 2], n = v->shape[v->n_dims - 1];
    r.longest = m > n ? m : n;
    *out = r;
    return status;
}

static double value_of(const spectrum *s, int64_t batch, int64_t i) {
    return trit_element_get(s->type, (char *)s->s->view.data + (size_t)(batch * s->n + i) * trit_dtype_bytes(s->type));
}

/* A number for each matrix, made by `of`. */
static trit_status each_matrix(trit_tensor **out, const spectrum *s, trit_dtype type, double (*of)(const spectrum *s, int64_t batch, double limit),
                               double limit, trit_error *err) {
    trit_tensor *made = NULL;
    trit_status status = trit_tensor_new(&made, s->s->device, type, s->s->view.n_dims - 1, s->s->view.shape, err);
    for (int64_t i = 0; status == trit_ok && i < s->n_batch; i++)
        trit_element_set(type, (char *)made->view.data + (size_t)i * trit_dtype_bytes(type), of(s, i, limit));
    if (status == trit_ok) status = trit_tensor_copy(out, made, err);
    trit_tensor_free(made);
    return status;
}

static double rank_of(const spectrum *s, int64_t batch, double tolerance) {
    const double limit = tolerance >= 0 || s->n == 0 ? tolerance : value_of(s, batch, 0) * (double)s->longest * s->epsilon;
    double rank = 0;
    for (int64_t i = 0; i < s->n; i++) rank += value_of(s, batch, i) > limit;
    return rank;
}

trit_status trit_tensor_matrix_rank(trit_tensor **out, const trit_tensor *t, double tolerance, trit_error *err) {
    spectrum s;
    trit_status status = open_spectrum(&s, "matrix_rank", t, err);
    if (status != trit_ok) return status;
    status = each_matrix(out, &s, trit_dtype_i64, rank_of, tolerance, err);
    trit_tensor_free(s.s);
    return status;
}

static double condition_of(const spectrum *s, int64_t batch, double unused) {
    (void)unused;
    const double least = value_of(s, batch, s->n - 1);
    return least == 0 ? INFINITY : value_of(s, batch, 0) / least;
}

/* norm(t) norm(inv(t)); what cannot be inverted is infinitely far from it. */
static trit_status condition_by_inverse(trit_tensor **out, const trit_tensor *t, trit_norm kind, trit_error *err) {
    trit_tensor *inverse = NULL, *a = NULL, *b = NULL;
    trit_status status = trit_tensor_inv(&inverse, t, err);
    if (status == trit_ok) status = trit_tensor_matrix_norm(&a, t, kind, err);
    if (status == trit_ok) status = trit_tensor_matrix_norm(&b, inverse, kind, err);
    if (status == trit_ok) status = trit_tensor_mul(out, a, b, err);
    trit_tensor_free(inverse);
    trit_tensor_free(a);
    trit_tensor_free(b);
    return status;
}

trit_status trit_tensor_cond(trit_tensor **out, const trit_tensor *t, trit_norm kind, trit_error *err) {
    if (kind != trit_norm_two) return condition_by_inverse(out, t, kind, err);
    spectrum s;
    char shape[trit_shape_text_bytes];
    trit_status status = open_spectrum(&s, "cond", t, err);
    if (status != trit_ok) return status;
    if (s.n == 0)
        status = trit_error_set(err, trit_arg, "cond: %s has no elements", trit_shape_text(shape, t->view.n_dims, t->view.shape));
    else
        status = each_matrix(out, &s, s.type, condition_of, 0, err);
    trit_tensor_free(s.s);
    return status;
}

trit_status trit_tensor_trace(trit_tensor **out, const trit_tensor *t, int64_t offset, trit_error *err) {
    trit_tensor *diagonal = NULL;
    trit_status status = trit_tensor_diagonal(&diagonal, t, offset, -2, -1, err);
    if (status == trit_ok) status = trit_tensor_sum(out, diagonal, 1, cols_axis, false, err);
    trit_tensor_free(diagonal);
    return status;
}

/* In place: 1 / s, and 0 where s is at most rcond times the largest of its matrix. */
static void invert_values(spectrum *s, double rcond) {
    for (int64_t b = 0; b < s->n_batch; b++) {
        const double limit = s->n ? value_of(s, b, 0) * rcond : 0;
        for (int64_t i = 0; i < s->n; i++) {
            const double x = value_of(s, b, i);
            trit_element_set(s->type, (char *)s->s->view.data + (size_t)(b * s->n + i) * trit_dtype_bytes(s->type), x > limit ? 1 / x : 0);
        }
    }
}

/* v (1 / s) u^T, from u and v^T. */
static trit_status compose_pinv(trit_tensor **out, const spectrum *s, const trit_tensor *u, const trit_tensor *vt, trit_error *err) {
    trit_tensor *v = NULL, *ut = NULL, *row = NULL, *scaled = NULL;
    trit_status status = trit_tensor_transpose(&v, vt, -1, -2, err);
    if (status == trit_ok) status = trit_tensor_transpose(&ut, u, -1, -2, err);
    if (status == trit_ok) status = trit_tensor_unsqueeze(&row, s->s, -2, err);
    if (status == trit_ok) status = trit_tensor_mul(&scaled, v, row, err);
    if (status == trit_ok) status = trit_tensor_matmul(out, scaled, ut, err);
    trit_tensor *all[] = {v, ut, row, scaled};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
    return status;
}

trit_status trit_tensor_pinv(trit_tensor **out, const trit_tensor *t, double rcond, trit_error *err) {
    spectrum s = {.n_batch = 1};
    trit_tensor *u = NULL, *vt = NULL;
    trit_status status = trit_matrices_type(&s.type, "pinv", t, NULL, err);
    if (status == trit_ok) status = trit_tensor_svd(&u, &s.s, &vt, t, false, err);
    if (status != trit_ok) return status;
    const trit_view *v = &s.s->view;
    s.n = v->shape[v->n_dims - 1];
    for (uint32_t d = 0; d + 1 < v->n_dims; d++) s.n_batch *= v->shape[d];
    const int64_t m = t->view.shape[t->view.n_dims - 2], n = t->view.shape[t->view.n_dims - 1];
    invert_values(&s, rcond < 0 ? trit_lapack_for(s.type)->epsilon * (double)(m > n ? m : n) : rcond);
    status = compose_pinv(out, &s, u, vt, err);
    trit_tensor_free(s.s);
    trit_tensor_free(u);
    trit_tensor_free(vt);
    return status;
}
