/* Views: other shapes and strides on the same elements. */
#include <string.h>

#include "base/error.h"
#include "tensor/tensor.h"

static void *moved(const trit_view *v, int64_t elements) {
    return (char *)v->data + trit_elements_bytes(v->dtype, elements);
}

trit_status trit_shape_fill(int64_t out[trit_max_dims], const trit_view *v, uint32_t n_dims, const int64_t *shape, trit_error *err) {
    char from[trit_shape_text_bytes], to[trit_shape_text_bytes];
    if (n_dims > trit_max_dims) return trit_error_set(err, trit_arg, "reshape: %u dimensions; %d at most", n_dims, trit_max_dims);
    const int64_t n = trit_view_n_elements(v);
    int64_t known = 1;
    int32_t open = -1;
    bool fits = true;
    for (uint32_t d = 0; d < n_dims && fits; d++) {
        out[d] = shape[d];
        if (shape[d] == -1 && open < 0)
            open = (int32_t)d;
        else if (shape[d] < 0 || (shape[d] && known > INT64_MAX / shape[d]))
            fits = false;
        else
            known *= shape[d];
    }
    if (fits && open >= 0) {
        fits = known != 0 && n % known == 0;
        if (fits) out[open] = n / known;
    } else if (fits) {
        fits = known == n;
    }
    if (fits) return trit_ok;
    return trit_error_set(err, trit_arg, "reshape: %s, %lld elements, does not become %s", trit_shape_text(from, v->n_dims, v->shape),
                          (long long)n, trit_shape_text(to, n_dims, shape));
}

bool trit_view_reshape(trit_view *out, const trit_view *v, uint32_t n_dims, const int64_t *shape) {
    trit_view w = {.data = v->data, .dtype = v->dtype, .n_dims = n_dims};
    memcpy(w.shape, shape, n_dims * sizeof *shape);
    trit_view_set_contiguous(&w);
    if (trit_view_n_elements(v) > 0 && !trit_view_is_contiguous(v)) {
        /* Each merged dimension of the old view is divided among the new ones, the last first. */
        trit_view merged;
        trit_view_collapse(&merged, v);
        uint32_t m = merged.n_dims;
        int64_t left = 1, stride = 0;
        for (uint32_t d = n_dims; d-- > 0;) {
            if (shape[d] == 1) continue;
            if (left == 1) {
                if (m == 0) return false;
                left = merged.shape[--m];
                stride = merged.stride[m];
            }
            if (left % shape[d]) return false;
            w.stride[d] = stride;
            stride *= shape[d];
            left /= shape[d];
        }
    }
    *out = w;
    return true;
}

trit_status trit_view_permute(trit_view *out, const trit_view *v, const int32_t *order, trit_error *err) {
    trit_view w = *v;
    uint32_t seen = 0;
    for (uint32_t d = 0; d < v->n_dims; d++) {
        uint32_t from = v->n_dims - 1 - d;
        if (order) {
            trit_status status = trit_axis_check(&from, order[d], v->n_dims, "permute", err);
            if (status != trit_ok) return status;
        }
        if (seen >> from & 1) return trit_error_set(err, trit_arg, "permute: dimension %u twice", from);
        seen |= 1u << from;
        w.shape[d] = v->shape[from];
        w.stride[d] = v->stride[from];
    }
    *out = w;
    return trit_ok;
}

static void remove_dim(trit_view *v, uint32_t d) {
    for (uint32_t i = d + 1; i < v->n_dims; i++) {
        v->shape[i - 1] = v->shape[i];
        v->stride[i - 1] = v->stride[i];
    }
    v->n_dims--;
}

trit_status trit_view_squeeze(trit_view *out, const trit_view *v, int32_t axis, trit_error *err) {
    uint32_t d;
    trit_status status = trit_axis_check(&d, axis, v->n_dims, "squeeze", err);
    if (status != trit_ok) return status;
    if (v->shape[d] != 1) return trit_error_set(err, trit_arg, "squeeze: dimension %u has %lld elements", d, (long long)v->shape[d]);
    *out = *v;
    remove_dim(out, d);
    return trit_ok;
}

void trit_view_squeeze_all(trit_view *out, const trit_view *v) {
    *out = *v;
    for (uint32_t d = v->n_dims; d-- > 0;)
        if (v->shape[d] == 1) remove_dim(out, d);
}

trit_status trit_view_unsqueeze(trit_view *out, const trit_view *v, int32_t axis, trit_error *err) {
    uint32_t d;
    if (v->n_dims == trit_max_dims) return trit_error_set(err, trit_arg, "unsqueeze: more than %d dimensions", trit_max_dims);
    trit_status status = trit_axis_check(&d, axis, v->n_dims + 1, "unsqueeze", err);
    if (status != trit_ok) return status;
    trit_view w = *v;
    for (uint32_t i = w.n_dims++; i > d; i--) {
        w.shape[i] = w.shape[i - 1];
        w.stride[i] = w.stride[i - 1];
    }
    w.shape[d] = w.stride[d] = 1;
    *out = w;
    return trit_ok;
}

trit_status trit_view_diagonal(trit_view *out, const trit_view *v, int64_t offset, int32_t axis_a, int32_t axis_b, trit_error *err) {
    uint32_t a, b;
    trit_status status = trit_axis_check(&a, axis_a, v->n_dims, "diagonal", err);
    if (status == trit_ok) status = trit_axis_check(&b, axis_b, v->n_dims, "diagonal", err);
    if (status != trit_ok) return status;
    if (a == b) return trit_error_set(err, trit_arg, "diagonal: axis %u twice", a);
    const int64_t rows = v->shape[a] + (offset < 0 ? offset : 0), cols = v->shape[b] - (offset > 0 ? offset : 0);
    int64_t n = rows < cols ? rows : cols;
    if (n < 0) n = 0;
    trit_view w = *v;
    if (n) w.data = moved(v, offset < 0 ? -offset * v->stride[a] : offset * v->stride[b]);
    const int64_t stride = v->stride[a] + v->stride[b];
    remove_dim(&w, a > b ? a : b);
    remove_dim(&w, a > b ? b : a);
    w.shape[w.n_dims] = n;
    w.stride[w.n_dims++] = stride;
    *out = w;
    return trit_ok;
}

/* A bound of a range, as Python reads it: from the end where it is negative, then cut to [low, high]. */
static int64_t bound(int64_t i, int64_t n, int64_t low, int64_t high) {
    if (i < 0) i = i < -n ? -1 : i + n;
    return i < low ? low : i > high ? high : i;
}

static int64_t range_of(const trit_slice *s, int64_t n, int64_t *first) {
    const int64_t step = s->step ? s->step : 1;
    int64_t a, b;
    if (step > 0) {
        a = s->has_first ? bound(s->first, n, 0, n) : 0;
        b = s->has_last ? bound(s->last, n, 0, n) : n;
        *first = a;
        return a < b ? (b - a - 1) / step + 1 : 0;
    }
    a = s->has_first ? bound(s->first, n, -1, n - 1) : n - 1;
    b = s->has_last ? bound(s->last, n, -1, n - 1) : -1;
    *first = a;
    return a > b ? (a - b - 1) / (step == INT64_MIN ? INT64_MAX : -step) + 1 : 0;
}

trit_status trit_view_slice(trit_view *out, const trit_view *v, uint32_t n, const trit_slice *slices, trit_error *err) {
    if (n > v->n_dims) return trit_error_set(err, trit_arg, "slice: %u slices of a tensor of %u dimensions", n, v->n_dims);
    trit_view w = {.dtype = v->dtype};
    int64_t at = 0;
    bool is_empty = false;
    for (uint32_t d = 0; d < v->n_dims; d++) {
        const trit_slice whole = {.kind = trit_slice_full}, *s = d < n ? &slices[d] : &whole;
        int64_t first = 0, size = v->shape[d], step = 1;
        if (s->kind == trit_slice_index) {
            first = s->first < 0 ? s->first + size : s->first;
            if (first < 0 || first >= size)
                return trit_error_set(err, trit_arg, "slice: index %lld is outside dimension %u of %lld", (long long)s->first, d, (long long)size);
        } else if (s->kind == trit_slice_range) {
            step = s->step ? s->step : 1;
            size = range_of(s, size, &first);
        }
        if (size > 0) at += first * v->stride[d];
        is_empty = is_empty || size == 0;
        if (s->kind == trit_slice_index) continue;
        w.shape[w.n_dims] = size;
        w.stride[w.n_dims++] = size > 1 ? step * v->stride[d] : v->stride[d];
    }
    if (!is_empty && at % trit_dtype_info(v->dtype)->block)
        return trit_error_set(err, trit_arg, "slice: begins inside a block of %s; cast to F32 first", trit_dtype_label(v->dtype));
    w.data = is_empty ? v->data : moved(v, at);
    *out = w;
    return trit_ok;
}
