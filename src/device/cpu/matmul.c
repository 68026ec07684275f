/* Products of matrices: batches and views become single products of matrices that stand as the kernels and the BLAS want them, and the
 * team divides them. Views that are not of the type or have no dimension with neighbours are copied first. */
#include "device/cpu/matmul.h"

#include <math.h>

#include "base/alloc.h"
#include "base/error.h"

/* A BLAS gets parts that do not depend on the number of threads, because it adds in another order where its matrix ends elsewhere. Our own
 * product does not, but each part is laid out anew: as many as there are members, and more where they are large. */
enum {
    blas_part = 240,    /* rows or columns of the result, at most */
    part_step = 48,     /* whole tiles of kernels */
    own_part = 504,     /* of our own, at least where members have several; whole tiles */
    col_part = 32,      /* panels of floats */
    vector_part = 1024, /* elements of the result, where it is a vector */
    macs_per_element = 16, /* that cost as much as an element of a map */
    pairing_members = 4,   /* of a team whose members make pairs of an operand each, since they lay it out each; more share pairs that were made before */
};

/* A view as matrices, one for each index of the batch. */
typedef struct cpu_matrices {
    trit_view view; /* the last two dimensions are the matrix's */
    void *copy;     /* its elements, where they had to be copied */
} cpu_matrices;

typedef struct matmul_work {
    const trit_kernels *kernels;
    trit_view a, b, y; /* as many dimensions each; batch strides 0 where they repeat */
    int64_t n_batch, n_parts, part; /* a product in parts of `part` rows, or columns where it is wider than high */
    bool by_rows, by_blas, are_pairs;
    int64_t n_floats; /* as cpu_product has them */
} matmul_work;

static int64_t rows_of(const trit_view *v) {
    return v->shape[v->n_dims - 2];
}

static int64_t cols_of(const trit_view *v) {
    return v->shape[v->n_dims - 1];
}

/* Strides of dimensions of one element, which are never used, become what cpu_product asks for. Is the view as it asks? */
static bool settle(trit_view *v) {
    int64_t *row = &v->stride[v->n_dims - 2], *col = &v->stride[v->n_dims - 1];
    if (cols_of(v) == 1) *col = 1;
    if (rows_of(v) == 1) *row = *col == 1 ? cols_of(v) : 1;
    return (*col == 1 && *row >= cols_of(v)) || (*row == 1 && *col >= rows_of(v));
}

/* Elements of the type that stand one after the other, uninitialised. */
static trit_status new_copy(cpu_matrices *m, trit_dtype type, trit_error *err) {
    m->view.dtype = type;
    const size_t n = (size_t)trit_view_n_elements(&m->view), size = trit_dtype_bytes(type);
    m->view.data = m->copy = trit_alloc_aligned(n, size);
    if (!m->copy) return trit_error_memory(err, (uint64_t)n * size, "a copy for a product of matrices");
    trit_view_set_contiguous(&m->view);
    return trit_ok;
}

static trit_status copy_elements(cpu_device *cpu, const trit_view *to, const trit_view *from, trit_dtype type, trit_error *err) {
    const trit_call call = {.kind = trit_op_copy, .type = type, .n_in = 1, .in = {*from}, .out = *to};
    return trit_cpu_call(&cpu->base, &call, err);
}

/* An input with dimensions of the batch in front, and its elements where they can be used. */
static trit_status prepare(cpu_device *cpu, cpu_matrices *m, const trit_call *call, const trit_view *in, trit_error *err) {
    trit_view v = *in;
    for (uint32_t d = 0; d + 2 < v.n_dims; d++)
        if (v.stride[d] == 0) v.shape[d] = 1; /* not copied more than once */
    m->view = v;
    if (v.dtype != call->type || !settle(&m->view)) {
        trit_status status = new_copy(m, call->type, err);
        if (status == trit_ok) status = copy_elements(cpu, &m->view, &v, v.dtype, err);
        if (status != trit_ok) return status;
        settle(&m->view);
    }
    v = m->view;
    const uint32_t n_dims = call->out.n_dims, lead = n_dims - v.n_dims;
    for (uint32_t d = 0; d < n_dims; d++) {
        const bool has = d >= lead, repeats = d + 2 < n_dims && (!has || v.shape[d - lead] == 1);
        m->view.stride[d] = repeats ? 0 : v.stride[d - lead];
        m->view.shape[d] = repeats ? call->out.shape[d] : v.shape[d - lead];
    }
    m->view.n_dims = n_dims;
    return trit_ok;
}

/* The matrix as pairs along dimension `dim`. */
static trit_status pair_up(cpu_device *cpu, cpu_matrices *m, uint32_t dim, trit_error *err) {
    const trit_status status = trit_cpu_pair_up(cpu, &m->view, dim, err);
    if (status != trit_ok) return status;
    trit_free(m->copy);
    m->copy = m->view.data;
    return trit_ok;
}

/* Where all of a batch meet the same b, the rows of a are one high matrix: the last dimension of the batch joins them while strides allow. */
static void fold(matmul_work *w) {
    while (w->y.n_dims > 2) {
        const uint32_t d = w->y.n_dims - 3;
        const int64_t m = rows_of(&w->y), col = w->a.stride[d + 2];
        if (w->b.stride[d] != 0 || col != 1 || w->a.stride[d] != m * w->a.stride[d + 1] || w->y.stride[d] != m * w->y.stride[d + 1]) return;
        trit_view *views[] = {&w->a, &w->b, &w->y};
        for (size_t i = 0; i < 3; i++) {
            trit_view *v = views[i];
            if (v != &w->b) v->shape[d + 1] *= v->shape[d];
            for (uint32_t e = d; e < d + 2; e++) {
                v->shape[e] = v->shape[e + 1];
                v->stride[e] = v->stride[e + 1];
            }
            v->n_dims--;
        }
    }
}

static char *element(const trit_view *v, int64_t elements) {
    return (char *)v->data + elements * (int64_t)trit_dtype_bytes(v->dtype);
}

static void one_part(const matmul_work *w, int64_t batch, int64_t part) {
    const uint32_t n_dims = w->y.n_dims, row = n_dims - 2, col = n_dims - 1;
    int64_t a = 0, b = 0, y = 0;
    for (uint32_t d = row; d-- > 0; batch /= w->y.shape[d]) {
        const int64_t i = batch % w->y.shape[d];
        a += i * w->a.stride[d];
        b += i * w->b.stride[d];
        y += i * w->y.stride[d];
    }
    const int64_t m = rows_of(&w->y), n_cols = cols_of(&w->y);
    cpu_product p = {.kind = n_cols == 1 ? cpu_product_column : m == 1 ? cpu_product_row : cpu_product_matrix, .type = w->y.dtype,
                     .are_pairs = w->are_pairs, .n_floats = w->n_floats, .m = m, .n = n_cols, .k = w->n_floats ? (w->n_floats + 1) / 2 : cols_of(&w->a),
                     .a_row = w->a.stride[row], .a_col = w->a.stride[col], .b_row = w->b.stride[row], .b_col = w->b.stride[col], .y_row = w->y.stride[row]};
    const int64_t first = part * w->part, whole = w->by_rows ? p.m : p.n, n = whole - first < w->part ? whole - first : w->part;
    if (w->by_rows) {
        p.m = n;
        a += first * p.a_row;
        y += first * p.y_row;
    } else {
        p.n = n;
        b += first * p.b_col;
        y += first;
    }
    p.a = element(&w->a, a);
    p.b = element(&w->b, b);
    p.y = element(&w->y, y);
    if (!w->by_blas || !trit_cpu_blas_product(&p)) trit_cpu_product(w->kernels, &p);
}

static void some_parts(void *arg, int64_t first, int64_t last) {
    const matmul_work *w = arg;
    for (int64_t i = first; i < last; i++) one_part(w, i / w->n_parts, i % w->n_parts);
}

/* An even number of equal parts, so that few of them divide well too. */
static int64_t part_for_blas(int64_t whole) {
    const int64_t n = (whole + blas_part - 1) / blas_part, even = n > 1 ? n + n % 2 : 1, part = (whole + even - 1) / even;
    return (part + part_step - 1) / part_step * part_step;
}

/* As many parts for each member, or one where there are enough products. */
static int64_t part_for_us(const matmul_work *w, int64_t whole, int64_t n_members) {
    const int64_t most = whole / (own_part * n_members) * n_members, step = w->by_rows ? trit_cpu_product_rows : col_part;
    const int64_t n = w->n_batch >= n_members ? 1 : most ? most : n_members;
    return ((whole + n - 1) / n + step - 1) / step * step;
}

static void run(cpu_device *cpu, matmul_work *w) {
    const int64_t m = rows_of(&w->y), n = cols_of(&w->y), whole = m > n ? m : n;
    w->n_batch = trit_view_n_elements(&w->y) / (m * n);
    w->by_rows = m > n;
    w->by_blas = !w->are_pairs && trit_cpu_blas_takes(w->y.dtype);
    w->part = m == 1 || n == 1 ? vector_part : w->by_blas ? part_for_blas(whole) : part_for_us(w, whole, (int64_t)trit_team_size(cpu->team));
    w->n_parts = (whole + w->part - 1) / w->part;
    const double macs = (double)trit_view_n_elements(&w->y) * (double)cols_of(&w->a);
    trit_cpu_share(cpu, w->n_batch * w->n_parts, 1, (int64_t)fmin(macs / macs_per_element, 1e15), some_parts, w);
}

static trit_status write_zeros(cpu_device *cpu, const trit_view *out, trit_error *err) {
    uint64_t zero = 0;
    trit_view v = *out;
    v.data = &zero;
    for (uint32_t d = 0; d < v.n_dims; d++) v.stride[d] = 0;
    return copy_elements(cpu, out, &v, v.dtype, err);
}

trit_status trit_cpu_call_matmul(cpu_device *cpu, const trit_call *call, trit_error *err) {
    const trit_view *out = &call->out;
    if (trit_view_n_elements(out) == 0) return trit_ok;
    if (cols_of(&call->in[0]) == 0) return write_zeros(cpu, out, err);
    cpu_matrices a = {.copy = NULL}, b = {.copy = NULL}, y = {.view = *out};
    const bool are_pairs = call->kind == trit_op_matmul_bf16;
    trit_status status = prepare(cpu, &a, call, &call->in[0], err);
    if (status == trit_ok) status = prepare(cpu, &b, call, &call->in[1], err);
    const bool on_the_way = are_pairs && rows_of(out) >= trit_cpu_product_few && trit_team_size(cpu->team) <= pairing_members;
    if (status == trit_ok && are_pairs && !on_the_way) status = pair_up(cpu, &a, 1, err);
    if (status == trit_ok && are_pairs && !on_the_way) status = pair_up(cpu, &b, 0, err);
    const bool direct = out->dtype == call->type && settle(&y.view) && y.view.stride[out->n_dims - 1] == 1;
    if (status == trit_ok && !direct) status = new_copy(&y, call->type, err);
    if (status == trit_ok) {
        matmul_work w = {.kernels = cpu->kernels, .a = a.view, .b = b.view, .y = y.view, .are_pairs = are_pairs,
                         .n_floats = on_the_way ? cols_of(&a.view) : 0};
        fold(&w);
        run(cpu, &w);
        if (!direct) status = copy_elements(cpu, out, &y.view, call->type, err);
    }
    trit_free(a.copy);
    trit_free(b.copy);
    trit_free(y.copy);
    return status;
}
