/* Muon: the step of a matrix is its momentum with all singular values brought near 1, by five steps of a Newton-Schulz iteration whose
 * polynomial rises steeply at 0 (Keller Jordan, kellerjordan.github.io/posts/muon). Times 0.2 sqrt(max(rows, columns)) it is as long as
 * Adam's steps are, so that one learning rate and one weight decay serve both (arXiv:2502.16982, section 2.2). */
#include <math.h>

#include "base/error.h"
#include "train/optim_parts.h"
#include "trit/linalg.h"

enum { n_iterations = 5 };
static const float coefficient_a = 3.4445f, coefficient_b = -4.7750f, coefficient_c = 2.0315f;

static float *elements(const trit_tensor *t) {
    return trit_tensor_data(t);
}

/* b = momentum b + g, u = g + momentum b: Nesterov's. */
static void add_momentum(float *u, float *buffer, const float *g, int64_t n, float scale, float momentum) {
    for (int64_t i = 0; i < n; i++) {
        const float gi = scale * g[i];
        buffer[i] = momentum * buffer[i] + gi;
        u[i] = gi + momentum * buffer[i];
    }
}

/* x = a x + (b y + c y y) x, y = x x^T, for a matrix x that is not higher than wide. */
static trit_status iterate(trit_tensor *x, trit_error *err) {
    trit_tensor *xt = NULL, *y = NULL, *yy = NULL, *more = NULL;
    trit_status status = trit_tensor_transpose(&xt, x, 0, 1, err);
    if (status == trit_ok) status = trit_tensor_matmul(&y, x, xt, err);
    if (status == trit_ok) status = trit_tensor_matmul(&yy, y, y, err);
    if (status == trit_ok) {
        const int64_t n = trit_tensor_n_elements(y);
        for (int64_t i = 0; i < n; i++) elements(y)[i] = coefficient_b * elements(y)[i] + coefficient_c * elements(yy)[i];
        status = trit_tensor_matmul(&more, y, x, err);
    }
    if (status == trit_ok) {
        const int64_t n = trit_tensor_n_elements(x);
        for (int64_t i = 0; i < n; i++) elements(x)[i] = coefficient_a * elements(x)[i] + elements(more)[i];
    }
    trit_tensor_free(xt);
    trit_tensor_free(y);
    trit_tensor_free(yy);
    trit_tensor_free(more);
    return status;
}

/* A copy of u with the shorter dimension in front, of length 1. */
static trit_status normal_copy(trit_tensor **out, const trit_tensor *u, bool turns, trit_error *err) {
    trit_tensor *view = NULL;
    trit_status status = turns ? trit_tensor_transpose(&view, u, 0, 1, err) : trit_ok;
    if (status == trit_ok) status = trit_tensor_copy(out, view ? view : u, err);
    trit_tensor_free(view);
    if (status != trit_ok) return status;
    const int64_t n = trit_tensor_n_elements(*out);
    float *x = elements(*out);
    const float factor = (float)(1 / (sqrt(trit_optim_sum_squares(x, n)) + 1e-7));
    for (int64_t i = 0; i < n; i++) x[i] *= factor;
    return trit_ok;
}

static void apply(trit_tensor *param, const trit_tensor *x, bool turns, float keep, float rate) {
    const int64_t n_rows = trit_tensor_shape(param)[0], n_cols = trit_tensor_shape(param)[1];
    const float *from = elements(x);
    float *p = elements(param);
    for (int64_t r = 0; r < n_rows; r++)
        for (int64_t c = 0; c < n_cols; c++) p[r * n_cols + c] = keep * p[r * n_cols + c] - rate * (turns ? from[c * n_rows + r] : from[r * n_cols + c]);
}

trit_status trit_muon_update(trit_optim_slot *s, const trit_tensor *grad, double scale, double lr, double wd, double momentum, trit_error *err) {
    const int64_t *shape = trit_tensor_shape(s->param);
    const bool turns = shape[0] > shape[1];
    const double longer = (double)(turns ? shape[0] : shape[1]);
    trit_tensor *u = NULL, *x = NULL;
    trit_status status = trit_tensor_new(&u, trit_tensor_device(s->param), trit_dtype_f32, 2, shape, err);
    if (status == trit_ok) {
        add_momentum(elements(u), elements(s->state[0]), elements(grad), s->n, (float)scale, (float)momentum);
        status = normal_copy(&x, u, turns, err);
    }
    for (int i = 0; i < n_iterations && status == trit_ok; i++) status = iterate(x, err);
    if (status == trit_ok) apply(s->param, x, turns, (float)(1 - lr * wd), (float)(lr * 0.2 * sqrt(longer)));
    trit_tensor_free(u);
    trit_tensor_free(x);
    return status;
}
