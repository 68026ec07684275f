/* Shapes and strides: what fits, what repeats to what, and in how few dimensions a view can be walked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tensor/tensor.h"

const char *trit_shape_text(char text[trit_shape_text_bytes], uint32_t n_dims, const int64_t *shape) {
    size_t n = (size_t)snprintf(text, trit_shape_text_bytes, "[");
    for (uint32_t d = 0; d < n_dims && n < trit_shape_text_bytes; d++)
        n += (size_t)snprintf(text + n, trit_shape_text_bytes - n, d ? ", %lld" : "%lld", (long long)shape[d]);
    if (n < trit_shape_text_bytes) snprintf(text + n, trit_shape_text_bytes - n, "]");
    return text;
}

size_t trit_dtype_bytes(trit_dtype plain) {
    return trit_dtype_info(plain)->block_bytes;
}

int64_t trit_elements_bytes(trit_dtype dtype, int64_t n) {
    const trit_dtype_traits *traits = trit_dtype_info(dtype);
    return n / (int64_t)traits->block * (int64_t)traits->block_bytes;
}

trit_status trit_dtype_check_plain(trit_dtype dtype, const char *what, trit_error *err) {
    if (trit_dtype_is_plain(dtype)) return trit_ok;
    const char *label = trit_dtype_label(dtype);
    return trit_error_set(err, trit_arg, "%s: not for %s; cast to F32 first", what, label ? label : "an unknown type");
}

trit_status trit_view_check_blocks(const trit_view *v, const char *what, trit_error *err) {
    if (trit_dtype_is_plain(v->dtype)) return trit_ok;
    const trit_dtype_traits *traits = trit_dtype_info(v->dtype);
    const int64_t block = traits->block;
    bool fits = v->n_dims > 0 && v->shape[v->n_dims - 1] % block == 0 && v->stride[v->n_dims - 1] == 1;
    for (uint32_t d = 0; fits && d + 1 < v->n_dims; d++) fits = v->shape[d] <= 1 || v->stride[d] % block == 0;
    if (fits) return trit_ok;
    char text[trit_shape_text_bytes];
    return trit_error_set(err, trit_arg, "%s: in shape %s the last dimension is not made of whole blocks of %lld, as %s needs; cast to F32 first", what,
                          trit_shape_text(text, v->n_dims, v->shape), (long long)block, traits->label);
}

trit_status trit_shape_check(uint32_t n_dims, const int64_t *shape, trit_dtype dtype, int64_t *n_elements, size_t *n_bytes, trit_error *err) {
    char text[trit_shape_text_bytes];
    const trit_dtype_traits *traits = trit_dtype_info(dtype);
    if (!trit_dtype_is_plain(dtype) && !trit_dtype_is_blocks(dtype))
        return trit_error_set(err, trit_arg, "a tensor of %s: tensors have plain types, and quantized ones from Q4_0 to PQ2_0 of dtypes.def",
                              traits ? traits->label : "an unknown type");
    if (n_dims > trit_max_dims) return trit_error_set(err, trit_arg, "a tensor of %u dimensions; %d at most", n_dims, trit_max_dims);
    const int64_t block = traits->block, most = PTRDIFF_MAX / (int64_t)traits->block_bytes;
    if (block > 1 && (n_dims == 0 || shape[n_dims - 1] % block))
        return trit_error_set(err, trit_arg, "shape %s of %s: rows are whole blocks of %lld", trit_shape_text(text, n_dims, shape),
                              traits->label, (long long)block);
    int64_t n = 1;
    bool is_empty = false;
    for (uint32_t d = 0; d < n_dims; d++) {
        if (shape[d] < 0) return trit_error_set(err, trit_arg, "shape %s has a negative size", trit_shape_text(text, n_dims, shape));
        if (shape[d] == 0)
            is_empty = true;
        else if (n > most / shape[d])
            return trit_error_set(err, trit_arg, "shape %s of %s is more than memory can hold", trit_shape_text(text, n_dims, shape),
                                  trit_dtype_label(dtype));
        else
            n *= shape[d];
    }
    *n_elements = is_empty ? 0 : n;
    *n_bytes = (size_t)trit_elements_bytes(dtype, *n_elements);
    return trit_ok;
}

int64_t trit_view_n_elements(const trit_view *v) {
    int64_t n = 1;
    for (uint32_t d = 0; d < v->n_dims; d++) n *= v->shape[d];
    return n;
}

void trit_view_set_contiguous(trit_view *v) {
    int64_t n = 1;
    for (uint32_t d = v->n_dims; d-- > 0;) {
        v->stride[d] = n;
        if (v->shape[d]) n *= v->shape[d];
    }
}

bool trit_view_is_contiguous(const trit_view *v) {
    int64_t n = 1;
    for (uint32_t d = v->n_dims; d-- > 0;) {
        if (v->shape[d] == 0) return true;
        if (v->shape[d] != 1 && v->stride[d] != n) return false;
        n *= v->shape[d];
    }
    return true;
}

/* Where each stride is longer than all that the shorter ones reach, no two elements meet. */
bool trit_view_is_distinct(const trit_view *v) {
    int64_t reach = 0; /* of the dimensions with strides up to `stride` */
    uint32_t seen = 0;
    if (trit_view_n_elements(v) == 0) return true;
    for (;;) {
        int32_t next = -1;
        for (uint32_t d = 0; d < v->n_dims; d++)
            if (v->shape[d] > 1 && !(seen >> d & 1) && (next < 0 || llabs(v->stride[d]) < llabs(v->stride[next]))) next = (int32_t)d;
        if (next < 0) return true;
        const int64_t stride = llabs(v->stride[next]);
        if (stride <= reach) return false;
        seen |= 1u << next;
        reach += (v->shape[next] - 1) * stride;
    }
}

trit_status trit_axis_check(uint32_t *out, int32_t axis, uint32_t n_dims, const char *what, trit_error *err) {
    const int64_t a = axis < 0 ? (int64_t)axis + n_dims : axis;
    if (a < 0 || a >= n_dims) return trit_error_set(err, trit_arg, "%s: axis %d of a tensor of %u dimensions", what, axis, n_dims);
    *out = (uint32_t)a;
    return trit_ok;
}

trit_status trit_shape_broadcast(uint32_t *n_dims, int64_t shape[trit_max_dims], const trit_view *a, const trit_view *b, const char *what,
                                 trit_error *err) {
    const uint32_t n = a->n_dims > b->n_dims ? a->n_dims : b->n_dims;
    int64_t result[trit_max_dims] = {0};
    for (uint32_t i = 1; i <= n; i++) { /* from the last dimension on */
        const int64_t x = i <= a->n_dims ? a->shape[a->n_dims - i] : 1, y = i <= b->n_dims ? b->shape[b->n_dims - i] : 1;
        if (x != y && x != 1 && y != 1) {
            char first[trit_shape_text_bytes], second[trit_shape_text_bytes];
            return trit_error_set(err, trit_arg, "%s: shapes %s and %s do not fit together", what,
                                  trit_shape_text(first, a->n_dims, a->shape), trit_shape_text(second, b->n_dims, b->shape));
        }
        result[n - i] = x == 1 ? y : x;
    }
    memcpy(shape, result, sizeof result);
    *n_dims = n;
    return trit_ok;
}

trit_status trit_view_expand(trit_view *out, const trit_view *v, uint32_t n_dims, const int64_t *shape, const char *what, trit_error *err) {
    bool fits = n_dims >= v->n_dims && n_dims <= trit_max_dims;
    trit_view w = {.data = v->data, .dtype = v->dtype, .n_dims = n_dims};
    for (uint32_t i = 1; fits && i <= n_dims; i++) {
        const int64_t size = i <= v->n_dims ? v->shape[v->n_dims - i] : 1;
        w.shape[n_dims - i] = shape[n_dims - i];
        if (size == shape[n_dims - i])
            w.stride[n_dims - i] = i <= v->n_dims ? v->stride[v->n_dims - i] : 0;
        else
            fits = size == 1 && shape[n_dims - i] >= 0;
    }
    if (!fits) {
        char from[trit_shape_text_bytes], to[trit_shape_text_bytes];
        return trit_error_set(err, trit_arg, "%s: shape %s does not repeat to %s", what, trit_shape_text(from, v->n_dims, v->shape),
                              trit_shape_text(to, n_dims < trit_max_dims ? n_dims : trit_max_dims, shape));
    }
    *out = w;
    return trit_ok;
}

/* The bytes from the first to behind the last element. */
static void extent(const trit_view *v, uintptr_t *first, uintptr_t *last) {
    int64_t low = 0, high = 0;
    for (uint32_t d = 0; d < v->n_dims; d++) {
        const int64_t reach = (v->shape[d] - 1) * v->stride[d];
        *(reach < 0 ? &low : &high) += reach;
    }
    *first = (uintptr_t)((char *)v->data + trit_elements_bytes(v->dtype, low));
    *last = (uintptr_t)((char *)v->data + trit_elements_bytes(v->dtype, high + 1));
}

bool trit_view_overlaps(const trit_view *a, const trit_view *b) {
    uintptr_t a0, a1, b0, b1;
    if (trit_view_n_elements(a) == 0 || trit_view_n_elements(b) == 0) return false;
    extent(a, &a0, &a1);
    extent(b, &b0, &b1);
    return a0 < b1 && b0 < a1;
}

bool trit_view_equal(const trit_view *a, const trit_view *b) {
    if (a->data != b->data || a->dtype != b->dtype || a->n_dims != b->n_dims) return false;
    for (uint32_t d = 0; d < a->n_dims; d++)
        if (a->shape[d] != b->shape[d] || (a->shape[d] > 1 && a->stride[d] != b->stride[d])) return false;
    return true;
}

void trit_view_collapse(trit_view *out, const trit_view *v) {
    trit_view w = {.data = v->data, .dtype = v->dtype};
    for (uint32_t d = 0; d < v->n_dims; d++) {
        if (v->shape[d] == 0) {
            *out = (trit_view){.data = v->data, .dtype = v->dtype, .n_dims = 1};
            return;
        }
        if (v->shape[d] == 1) continue;
        const uint32_t last = w.n_dims - 1;
        if (w.n_dims && w.stride[last] == v->stride[d] * v->shape[d]) {
            w.shape[last] *= v->shape[d];
            w.stride[last] = v->stride[d];
        } else {
            w.shape[w.n_dims] = v->shape[d];
            w.stride[w.n_dims++] = v->stride[d];
        }
    }
    if (w.n_dims == 0) {
        w.shape[0] = w.stride[0] = 1;
        w.n_dims = 1;
    }
    *out = w;
}
