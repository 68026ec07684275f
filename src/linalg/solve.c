/* Linear systems, inverses and determinants. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "linalg/matrices.h"

static trit_status new_pivots(int **out, const trit_matrices *a, trit_error *err) {
    *out = trit_alloc((size_t)a->n, sizeof **out);
    return *out ? trit_ok : trit_error_memory(err, (size_t)a->n * sizeof **out, a->what);
}

trit_status trit_tensor_inv(trit_tensor **out, const trit_tensor *t, trit_error *err) {
    trit_dtype type;
    trit_matrices a = {.t = NULL};
    trit_result r = {.t = NULL};
    int *pivots = NULL;
    trit_status status = trit_matrices_type(&type, "inv", t, NULL, err);
    if (status == trit_ok) status = trit_matrices_open(&a, "inv", trit_square_matrix, t, type, err);
    if (status != trit_ok) return status;
    status = new_pivots(&pivots, &a, err);
    if (status == trit_ok) status = trit_result_new(&r, &a, type, a.n, a.n, err);
    for (int64_t i = 0; i < a.n_batch && status == trit_ok && a.n; i++) {
        void *matrix = trit_matrix_at(&a, i);
        int info = a.lapack->lu(a.n, a.n, matrix, pivots);
        if (info == 0) info = a.lapack->lu_inverse(a.n, matrix, pivots);
        if (info) status = trit_matrix_singular(&a, i, t, info, err);
        if (info == 0) memcpy(trit_result_at(&r, i), matrix, (size_t)r.each * r.size);
    }
    status = trit_results_give(1, (trit_tensor **[]){out}, &r, status, err);
    trit_free(pivots);
    trit_matrices_close(&a);
    return status;
}

/* Both with the batch that they broadcast to; a vector b as one column, which the result then lacks. */
typedef struct system_pair {
    trit_tensor *a, *b;
    trit_matrices left, right;
    bool is_vector;
} system_pair;

static void close_pair(system_pair *p) {
    trit_matrices_close(&p->right);
    trit_matrices_close(&p->left);
    trit_tensor_free(p->a);
    trit_tensor_free(p->b);
}

static trit_status expand_to(trit_tensor **out, const trit_tensor *t, uint32_t n_lead, const int64_t *lead, trit_error *err) {
    int64_t shape[trit_max_dims];
    const trit_view *v = &t->view;
    memcpy(shape, lead, n_lead * sizeof *shape);
    shape[n_lead] = v->shape[v->n_dims - 2];
    shape[n_lead + 1] = v->shape[v->n_dims - 1];
    return trit_tensor_expand(out, t, n_lead + 2, shape, err);
}

static trit_status open_pair(system_pair *p, const char *what, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    trit_dtype type;
    trit_tensor *column = NULL;
    char x[trit_shape_text_bytes], y[trit_shape_text_bytes];
    trit_shape_text(x, a->view.n_dims, a->view.shape);
    trit_shape_text(y, b->view.n_dims, b->view.shape);
    trit_status status = trit_matrices_type(&type, what, a, b, err);
    if (status != trit_ok) return status;
    p->is_vector = b->view.n_dims == 1;
    if (p->is_vector) status = trit_tensor_unsqueeze(&column, b, -1, err);
    if (status != trit_ok) return status;
    const trit_tensor *right = column ? column : b;
    trit_view left_lead = a->view, right_lead = right->view;
    int64_t lead[trit_max_dims];
    uint32_t n_lead = 0;
    bool fits = a->view.n_dims >= 2 && right->view.n_dims >= 2;
    if (fits) {
        fits = a->view.shape[a->view.n_dims - 2] == right->view.shape[right->view.n_dims - 2];
        left_lead.n_dims -= 2;
        right_lead.n_dims -= 2;
        fits = fits && trit_shape_broadcast(&n_lead, lead, &left_lead, &right_lead, what, NULL) == trit_ok;
    }
    if (!fits) status = trit_error_set(err, trit_arg, "%s: shapes %s and %s do not fit together", what, x, y);
    if (status == trit_ok) status = expand_to(&p->a, a, n_lead, lead, err);
    if (status == trit_ok) status = expand_to(&p->b, right, n_lead, lead, err);
    if (status == trit_ok) status = trit_matrices_open(&p->left, what, trit_any_matrix, p->a, type, err);
    if (status == trit_ok) status = trit_matrices_open(&p->right, what, trit_any_matrix, p->b, type, err);
    trit_tensor_free(column);
    return status;
}

/* What has become of b, in place. */
static trit_status give_right(trit_tensor **out, system_pair *p, trit_status status, trit_error *err) {
    if (status == trit_ok) {
        trit_result r = {.t = trit_tensor_retain(p->right.t), .is_matrix = true};
        trit_tensor *flat = NULL;
        if (p->is_vector) {
            status = trit_tensor_squeeze(&flat, p->right.t, -2, err);
            trit_tensor_free(r.t);
            r = (trit_result){.t = flat};
        }
        status = trit_results_give(1, (trit_tensor **[]){out}, &r, status, err);
    }
    close_pair(p);
    return status;
}

static trit_status check_square(const char *what, const trit_tensor *a, trit_error *err) {
    const trit_view *v = &a->view;
    char shape[trit_shape_text_bytes];
    if (v->n_dims >= 2 && v->shape[v->n_dims - 1] == v->shape[v->n_dims - 2]) return trit_ok;
    return trit_error_set(err, trit_arg, "%s: %s is not square", what, trit_shape_text(shape, v->n_dims, v->shape));
}

trit_status trit_tensor_solve(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    system_pair p = {.a = NULL};
    int *pivots = NULL;
    trit_status status = check_square("solve", a, err);
    if (status == trit_ok) status = open_pair(&p, "solve", a, b, err);
    if (status == trit_ok) status = new_pivots(&pivots, &p.left, err);
    const trit_matrices *left = &p.left, *right = &p.right;
    for (int64_t i = 0; status == trit_ok && i < left->n_batch && left->n; i++) {
        void *matrix = trit_matrix_at(left, i);
        int info = left->lapack->lu(left->n, left->n, matrix, pivots);
        if (info == 0 && right->n) info = left->lapack->lu_solve(left->n, right->n, matrix, pivots, trit_matrix_at(right, i));
        if (info) status = trit_matrix_singular(left, i, p.a, info, err);
    }
    trit_free(pivots);
    return give_right(out, &p, status, err);
}

trit_status trit_tensor_solve_triangular(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, bool upper, bool transposed, bool unit,
                                         trit_error *err) {
    system_pair p = {.a = NULL};
    trit_status status = check_square("solve_triangular", a, err);
    if (status == trit_ok) status = open_pair(&p, "solve_triangular", a, b, err);
    const trit_matrices *left = &p.left, *right = &p.right;
    for (int64_t i = 0; status == trit_ok && i < left->n_batch && left->n && right->n; i++) {
        const int info = left->lapack->triangular(upper ? 'U' : 'L', transposed ? 'T' : 'N', unit ? 'U' : 'N', left->n, right->n,
                                                  trit_matrix_at(left, i), trit_matrix_at(right, i));
        char text[64];
        if (info > 0)
            status = trit_error_set(err, trit_numeric, "%s is singular: element %d of its diagonal is 0", trit_matrix_text(text, left, i), info - 1);
        else if (info)
            status = trit_matrix_failed(left, i, info, err);
    }
    return give_right(out, &p, status, err);
}

/* sign and log of the absolute value, from the diagonal of u and the exchanges. */
static void slogdet_of(const trit_matrices *a, const void *lu, const int *pivots, double *sign, double *log_abs) {
    *sign = 1;
    *log_abs = 0;
    for (int i = 0; i < a->n; i++) {
        const double x = trit_matrix_get(a->type, lu, a->n, i, i);
        if (pivots[i] - 1 != i) *sign = -*sign;
        if (x < 0) *sign = -*sign;
        if (x == 0) *sign = 0;
        *log_abs += log(fabs(x)); /* -infinity of 0 */
    }
}

/* The product itself, in the order of the diagonal, as NumPy has it. */
static double det_of(const trit_matrices *a, const void *lu, const int *pivots) {
    double det = 1;
    for (int i = 0; i < a->n; i++) {
        const double x = trit_matrix_get(a->type, lu, a->n, i, i);
        det *= pivots[i] - 1 != i ? -x : x;
    }
    return det;
}

/* One of the two: `det`, or sign and log_abs. */
static trit_status determinants(const char *what, trit_tensor **det, trit_tensor **sign, trit_tensor **log_abs, const trit_tensor *t, trit_error *err) {
    trit_dtype type;
    trit_matrices a = {.t = NULL};
    trit_result r[2] = {{.t = NULL}};
    int *pivots = NULL;
    trit_status status = trit_matrices_type(&type, what, t, NULL, err);
    if (status == trit_ok) status = trit_matrices_open(&a, what, trit_square_matrix, t, type, err);
    if (status != trit_ok) return status;
    status = new_pivots(&pivots, &a, err);
    if (status == trit_ok) status = trit_result_new(&r[0], &a, type, -1, -1, err);
    if (status == trit_ok && !det) status = trit_result_new(&r[1], &a, type, -1, -1, err);
    for (int64_t i = 0; i < a.n_batch && status == trit_ok; i++) {
        void *lu = trit_matrix_at(&a, i);
        const int info = a.n ? a.lapack->lu(a.n, a.n, lu, pivots) : 0;
        double x = 0, y = 0;
        if (info < 0) {
            status = trit_matrix_failed(&a, i, info, err);
        } else if (det) {
            trit_element_set(type, trit_result_at(&r[0], i), det_of(&a, lu, pivots));
        } else {
            slogdet_of(&a, lu, pivots, &x, &y);
            trit_element_set(type, trit_result_at(&r[0], i), x);
            trit_element_set(type, trit_result_at(&r[1], i), y);
        }
    }
    status = trit_results_give(2, (trit_tensor **[]){det ? det : sign, log_abs}, r, status, err);
    trit_free(pivots);
    trit_matrices_close(&a);
    return status;
}

trit_status trit_tensor_det(trit_tensor **out, const trit_tensor *t, trit_error *err) {
    return determinants("det", out, NULL, NULL, t, err);
}

trit_status trit_tensor_slogdet(trit_tensor **sign, trit_tensor **log_abs, const trit_tensor *t, trit_error *err) {
    return determinants("slogdet", NULL, sign, log_abs, t, err);
}

/* b below zeros: LAPACK puts x, of n rows, over b, of m. */
static void *room_for_solution(const trit_matrices *b, int rows) {
    const int stored = rows > b->m ? rows : b->m;
    char *room = trit_alloc_zero((size_t)stored * (size_t)(b->n ? b->n : 1), b->size);
    for (int j = 0; room && j < b->n; j++)
        memcpy(room + (size_t)j * (size_t)stored * b->size, b->data + (size_t)j * (size_t)b->m * b->size, (size_t)b->m * b->size);
    return room;
}

static trit_status run_lstsq(const system_pair *p, double rcond, trit_result r[4], trit_error *err) {
    const trit_matrices *a = &p->left, *b = &p->right;
    const int stored = a->n > a->m ? a->n : a->m;
    int rank = 0;
    if (a->m && a->n) { /* without right sides: for one of zeros, because rank and values are a's */
        void *room = room_for_solution(b, a->n);
        if (!room) return trit_error_memory(err, (size_t)stored * (size_t)b->n * b->size, "lstsq");
        const int info = a->lapack->lstsq(a->m, a->n, b->n ? b->n : 1, a->data, room, r[3].data, rcond, &rank);
        for (int j = 0; j < b->n && info == 0; j++) {
            double sum = 0;
            for (int i = 0; i < a->n; i++) trit_matrix_set(a->type, r[0].data, a->n, i, j, trit_matrix_get(a->type, room, stored, i, j));
            for (int i = a->n; i < a->m; i++) {
                const double x = trit_matrix_get(a->type, room, stored, i, j);
                sum += x * x;
            }
            if (r[1].each == b->n) trit_matrix_set(a->type, r[1].data, b->n, j, 0, rank == a->n ? sum : NAN);
        }
        trit_free(room);
        if (info) return trit_matrix_failed(a, 0, info, err);
    } else {
        memset(r[0].data, 0, (size_t)r[0].each * r[0].size);
        memset(r[1].data, 0, (size_t)r[1].each * r[1].size);
        memset(r[3].data, 0, (size_t)r[3].each * r[3].size);
        for (int j = 0; j < b->n && r[1].each == b->n; j++) { /* nothing is explained */
            double sum = 0;
            for (int i = 0; i < b->m; i++) {
                const double x = trit_matrix_get(b->type, b->data, b->m, i, j);
                sum += x * x;
            }
            trit_matrix_set(a->type, r[1].data, b->n, j, 0, sum);
        }
    }
    *(int64_t *)(void *)r[2].data = rank;
    return trit_ok;
}

trit_status trit_tensor_lstsq(trit_tensor **x, trit_tensor **residuals, trit_tensor **rank, trit_tensor **s, const trit_tensor *a,
                              const trit_tensor *b, double rcond, trit_error *err) {
    system_pair p = {.a = NULL};
    trit_result r[4] = {{.t = NULL}};
    trit_status status = trit_ok;
    if (a->view.n_dims != 2 || b->view.n_dims < 1 || b->view.n_dims > 2) status = trit_error_set(err, trit_arg, "lstsq: one matrix and its right sides");
    if (status == trit_ok) status = open_pair(&p, "lstsq", a, b, err);
    if (status != trit_ok) {
        close_pair(&p);
        return status;
    }
    const trit_matrices *left = &p.left;
    const int m = left->m, n = left->n, k = p.right.n;
    if (rcond < 0) rcond = left->lapack->epsilon * (m > n ? m : n);
    status = p.is_vector ? trit_result_new(&r[0], left, left->type, n, -1, err) : trit_result_new(&r[0], left, left->type, n, k, err);
    if (status == trit_ok) status = trit_result_new(&r[1], left, left->type, m > n ? k : 0, -1, err);
    if (status == trit_ok) status = trit_result_new(&r[2], left, trit_dtype_i64, -1, -1, err);
    if (status == trit_ok) status = trit_result_new(&r[3], left, left->type, m < n ? m : n, -1, err);
    if (status == trit_ok) status = run_lstsq(&p, rcond, r, err);
    status = trit_results_give(4, (trit_tensor **[]){x, residuals, rank, s}, r, status, err);
    close_pair(&p);
    return status;
}
