/* Relations of a layer's queries, keys and values, and how far the student's are from the teacher's.
 *
 *     A [n, R d]: vectors of the n tokens of a row, split into R relation heads
 *     relations [R, n, n] = softmax over the tokens that attention may see (A_r A_r^T / sqrt(d))
 *
 * They are of one size whatever the width of a model is. Row by row of the batch the loss and its gradients are made in one pass, as in loss.c. */
#include <math.h>

#include "base/error.h"
#include "grad/grad.h"
#include "train/data.h"
#include "train/distill.h"
#include "trit/linalg.h"
#include "trit/maps.h"
#include "trit/reduce.h"

/* Added to scores of tokens that are not seen: e to this is 0, and finite differences of such scores are. */
static const double unseen = -1e30;

/* What the rows of a batch have in common. */
typedef struct relations {
    const trit_relation_opts *o;
    trit_device *device;
    trit_dtype dtype;
    trit_tensor *mask;   /* [n, n], of the row */
    trit_tensor *weight; /* [n, 1], of the row: 0 where a token does not count */
    double sum;
    trit_error *err;
} relations;

/* ---- One row ---- */

static void look_at_row(relations *r, uint32_t row) {
    const trit_train_batch *b = r->o->rows;
    const int64_t n = b->seq_len, base = (int64_t)row * n;
    const size_t bytes = trit_dtype_bytes(r->dtype);
    char *mask = trit_tensor_data(r->mask), *weight = trit_tensor_data(r->weight);
    for (int64_t t = 0; t < n; t++) {
        trit_element_set(r->dtype, weight + (size_t)t * bytes, b->target[base + t] < 0 ? 0 : r->o->weight / r->o->n_heads);
        for (int64_t s = 0; s < n; s++, mask += bytes) trit_element_set(r->dtype, mask, s <= t && base + s >= b->first[base + t] ? 0 : unseen);
    }
}

/* A row's part of [T, width]: [R, n, d], a view. */
static trit_status heads_of(trit_tensor **out, const relations *r, const trit_tensor *a, uint32_t row) {
    const int64_t n = r->o->rows->seq_len, first = (int64_t)row * n, n_heads = r->o->n_heads;
    const trit_slice range = {.kind = trit_slice_range, .first = first, .last = first + n, .has_first = true, .has_last = true};
    trit_tensor *rows = NULL, *split = NULL;
    trit_status status = trit_tensor_slice(&rows, a, 1, &range, r->err);
    if (status == trit_ok) status = trit_tensor_reshape(&split, rows, 3, (int64_t[]){n, n_heads, a->view.shape[1] / n_heads}, r->err);
    if (status == trit_ok) status = trit_tensor_transpose(out, split, 0, 1, r->err);
    trit_tensor_free(rows);
    trit_tensor_free(split);
    return status;
}

static double root_of_width(const trit_tensor *heads) {
    return sqrt((double)heads->view.shape[2]);
}

/* Logarithms of the relations of `heads`. */
static trit_status relate(trit_tensor **out, const relations *r, const trit_tensor *heads) {
    trit_tensor *turned = NULL, *scores = NULL;
    trit_status status = trit_tensor_transpose(&turned, heads, 1, 2, r->err);
    if (status == trit_ok) status = trit_tensor_matmul(&scores, heads, turned, r->err);
    if (status == trit_ok) status = trit_tensor_with_number(&scores, trit_tensor_div, scores, root_of_width(heads), r->err);
    if (status == trit_ok) status = trit_tensor_add(&scores, scores, r->mask, r->err);
    if (status == trit_ok) status = trit_tensor_log_softmax(&scores, scores, 2, r->err);
    trit_tensor_free(turned);
    if (status == trit_ok) *out = scores;
    else trit_tensor_free(scores);
    return status;
}

/* *sum += sum over heads and tokens of weight KL(teacher || student); p are the teacher's relations, log_p their logarithms, which it changes. */
static trit_status add_divergence(relations *r, trit_tensor *log_p, const trit_tensor *p, const trit_tensor *log_q) {
    trit_tensor *sum = NULL;
    trit_status status = trit_tensor_sub(&log_p, log_p, log_q, r->err);
    if (status == trit_ok) status = trit_tensor_mul(&log_p, log_p, p, r->err);
    if (status == trit_ok) status = trit_tensor_mul(&log_p, log_p, r->weight, r->err);
    if (status == trit_ok) status = trit_tensor_sum(&sum, log_p, 3, (const int32_t[]){0, 1, 2}, false, r->err);
    if (status == trit_ok) r->sum += trit_element_get(r->dtype, trit_tensor_data(sum));
    trit_tensor_free(sum);
    return status;
}

/* gradient [R, n, d] of the student's heads: with G = weight (q - p) / sqrt(d), the gradient of the products, (G + G^T) heads. */
static trit_status write_gradient(const relations *r, trit_tensor *gradient, const trit_tensor *heads, trit_tensor *log_q, const trit_tensor *p) {
    trit_tensor *turned = NULL, *both = NULL;
    trit_status status = trit_tensor_exp(&log_q, log_q, r->err);
    if (status == trit_ok) status = trit_tensor_sub(&log_q, log_q, p, r->err);
    if (status == trit_ok) status = trit_tensor_mul(&log_q, log_q, r->weight, r->err);
    if (status == trit_ok) status = trit_tensor_with_number(&log_q, trit_tensor_div, log_q, root_of_width(heads), r->err);
    if (status == trit_ok) status = trit_tensor_transpose(&turned, log_q, 1, 2, r->err);
    if (status == trit_ok) status = trit_tensor_add(&both, log_q, turned, r->err);
    if (status == trit_ok) status = trit_tensor_matmul(&gradient, both, heads, r->err);
    trit_tensor_free(turned);
    trit_tensor_free(both);
    return status;
}

/* Of one row and one kind of vectors. gradient [T, width]; NULL: none is wanted. */
static trit_status compare(relations *r, uint32_t row, const trit_tensor *own, const trit_tensor *theirs, const trit_tensor *gradient) {
    trit_tensor *mine = NULL, *teachers = NULL, *place = NULL, *log_q = NULL, *log_p = NULL, *p = NULL;
    trit_status status = heads_of(&mine, r, own, row);
    if (status == trit_ok) status = heads_of(&teachers, r, theirs, row);
    if (status == trit_ok) status = relate(&log_q, r, mine);
    if (status == trit_ok) status = relate(&log_p, r, teachers);
    if (status == trit_ok) status = trit_tensor_exp(&p, log_p, r->err);
    if (status == trit_ok) status = add_divergence(r, log_p, p, log_q);
    if (status == trit_ok && gradient) status = heads_of(&place, r, gradient, row);
    if (status == trit_ok && gradient) status = write_gradient(r, place, mine, log_q, p);
    trit_tensor *const all[] = {mine, teachers, place, log_q, log_p, p};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
    return status;
}

/* ---- All of them ---- */

static trit_status compare_all(relations *r, trit_tensor *const plain[3], trit_tensor *const theirs[3], trit_tensor *const gradient[3]) {
    const int64_t n = r->o->rows->seq_len;
    trit_status status = trit_tensor_new(&r->mask, r->device, r->dtype, 2, (const int64_t[]){n, n}, r->err);
    if (status == trit_ok) status = trit_tensor_new(&r->weight, r->device, r->dtype, 2, (const int64_t[]){n, 1}, r->err);
    for (uint32_t row = 0; row < r->o->rows->n_rows && status == trit_ok; row++) {
        look_at_row(r, row);
        for (size_t i = 0; i < 3 && status == trit_ok; i++) status = compare(r, row, plain[i], theirs[i], gradient[i]);
    }
    trit_tensor_free(r->mask);
    trit_tensor_free(r->weight);
    return status;
}

trit_status trit_relation_loss(trit_tensor **out, trit_tensor *const own[3], trit_tensor *const theirs[3], const trit_relation_opts *o, trit_error *err) {
    relations r = {.o = o, .device = own[0]->device, .dtype = own[0]->view.dtype, .err = err};
    const trit_tensor *const in[] = {own[0], own[1], own[2]};
    trit_tape *const tape = trit_loss_tape(3, in);
    trit_tensor *plain[3] = {0}, *gradient[3] = {0}, *loss = NULL;
    trit_status status = trit_ok;
    for (size_t i = 0; i < 3 && status == trit_ok; i++) {
        status = trit_tape_detach(&plain[i], own[i], err);
        if (status == trit_ok && tape && trit_record_of(own[i])) status = trit_tensor_new(&gradient[i], r.device, r.dtype, 2, own[i]->view.shape, err);
    }
    if (status == trit_ok) status = compare_all(&r, plain, theirs, gradient);
    if (status == trit_ok) status = trit_tensor_full(&loss, r.device, r.dtype, 0, NULL, r.sum / o->divisor, err);
    if (status == trit_ok && tape)
        status = trit_loss_record(tape, loss, "relation_loss", 3, in, gradient, o->divisor, err);
    if (status == trit_ok && o->sum) *o->sum += r.sum;
    for (size_t i = 0; i < 3; i++) {
        trit_tensor_free(plain[i]);
        trit_tensor_free(gradient[i]);
    }
    if (status == trit_ok) *out = loss;
    else trit_tensor_free(loss);
    return status;
}
