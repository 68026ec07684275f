/* How far a tensor is from another, in the sums that trit/quant.h makes its measures of. */
#include <string.h>

#include "base/error.h"
#include "eager/eager.h"
#include "trit/cast.h"
#include "trit/maps.h"
#include "trit/reduce.h"

/* As F64, which no tape follows. */
static trit_status values_of(trit_tensor **out, const trit_tensor *t, trit_error *err) {
    trit_tensor *same;
    trit_status status = trit_tensor_detached(&same, t, err);
    if (status != trit_ok) return status;
    status = trit_tensor_cast(out, same, trit_dtype_f64, err);
    trit_tensor_free(same);
    return status;
}

/* The sum of a[i] b[i]; without b the largest |a[i]|. */
static trit_status number_of(double *out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    trit_tensor *each = NULL, *one = NULL;
    trit_status status = b ? trit_tensor_mul(&each, a, b, err) : trit_tensor_abs(&each, a, err);
    if (status == trit_ok) status = (b ? trit_tensor_sum : trit_tensor_max)(&one, each, 0, NULL, false, err);
    if (status == trit_ok) status = trit_tensor_get(one, NULL, out, err);
    trit_tensor_free(each);
    trit_tensor_free(one);
    return status;
}

trit_status trit_tensor_distance(trit_quant_error *e, const trit_tensor *want, const trit_tensor *got, trit_error *err) {
    const trit_view *a = &want->view, *b = &got->view;
    if (a->n_dims != b->n_dims || memcmp(a->shape, b->shape, a->n_dims * sizeof *a->shape) != 0) {
        char x[trit_shape_text_bytes], y[trit_shape_text_bytes];
        return trit_error_set(err, trit_arg, "distance: shapes %s and %s differ", trit_shape_text(x, a->n_dims, a->shape),
                              trit_shape_text(y, b->n_dims, b->shape));
    }
    trit_quant_error f = {.n = (uint64_t)trit_view_n_elements(a)};
    if (f.n == 0) return trit_ok;
    trit_tensor *x = NULL, *y = NULL, *apart = NULL;
    trit_status status = values_of(&x, want, err);
    if (status == trit_ok) status = values_of(&y, got, err);
    if (status == trit_ok) status = trit_tensor_sub(&apart, x, y, err);
    if (status == trit_ok) status = number_of(&f.error_square, apart, apart, err);
    if (status == trit_ok) status = number_of(&f.want_square, x, x, err);
    if (status == trit_ok) status = number_of(&f.got_square, y, y, err);
    if (status == trit_ok) status = number_of(&f.product, x, y, err);
    if (status == trit_ok) status = number_of(&f.largest, apart, NULL, err);
    trit_tensor_free(x);
    trit_tensor_free(y);
    trit_tensor_free(apart);
    if (status != trit_ok) return status;
    e->n += f.n;
    e->error_square += f.error_square;
    e->want_square += f.want_square;
    e->got_square += f.got_square;
    e->product += f.product;
    if (f.largest > e->largest) e->largest = f.largest;
    return trit_ok;
}
