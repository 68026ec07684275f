/* Views as blocks of neighbours. */
#include <string.h>

#include "device/cpu/calls.h"

void trit_cpu_cursor_init(cpu_cursor *c, const cpu_device *cpu, const trit_view *view, trit_dtype type, int64_t first) {
    trit_view_collapse(&c->view, view);
    c->kernels = cpu->kernels;
    c->type = type;
    c->is_single = true;
    for (uint32_t d = 0; d < c->view.n_dims; d++) c->is_single = c->is_single && (c->view.stride[d] == 0 || c->view.shape[d] == 1);
    c->is_direct = view->dtype == type && c->view.n_dims == 1 && c->view.stride[0] == 1;
    const int64_t size = (int64_t)trit_dtype_bytes(view->dtype);
    c->at = view->data;
    for (uint32_t d = c->view.n_dims; d-- > 0 && c->view.shape[d];) {
        c->index[d] = first % c->view.shape[d];
        first /= c->view.shape[d];
        c->at += c->index[d] * c->view.stride[d] * size;
    }
    c->filled_bytes = 0;
}

/* The block is the one element, as often as it was asked for so far. */
static const void *load_single(cpu_cursor *c, size_t n) {
    const size_t size = trit_dtype_bytes(c->type), n_bytes = n * size;
    if (c->filled_bytes >= n_bytes) return c->block;
    c->kernels->convert(c->type, c->block, c->view.dtype, c->at, 1);
    for (size_t have = size; have < n_bytes; have *= 2) memcpy(c->block + have, c->block, have < n_bytes - have ? have : n_bytes - have);
    c->filled_bytes = n_bytes;
    return c->block;
}

void trit_cpu_copy_strided(char *to, int64_t to_stride, const char *from, int64_t from_stride, size_t n, size_t size) {
    if (to_stride == 1 && from_stride == 1) {
        memcpy(to, from, n * size);
        return;
    }
    const int64_t a = to_stride * (int64_t)size, b = from_stride * (int64_t)size;
    switch (size) {
    case 1:
        for (size_t i = 0; i < n; i++, to += a, from += b) *to = *from;
        break;
    case 2:
        for (size_t i = 0; i < n; i++, to += a, from += b) memcpy(to, from, 2);
        break;
    case 4:
        for (size_t i = 0; i < n; i++, to += a, from += b) memcpy(to, from, 4);
        break;
    default:
        for (size_t i = 0; i < n; i++, to += a, from += b) memcpy(to, from, 8);
        break;
    }
}

void trit_cpu_cursor_advance(cpu_cursor *c, int64_t n) {
    const int64_t size = (int64_t)trit_dtype_bytes(c->view.dtype);
    for (uint32_t d = c->view.n_dims; d-- > 0;) {
        c->index[d] += n;
        c->at += n * c->view.stride[d] * size;
        if (c->index[d] < c->view.shape[d] || d == 0) return;
        c->at -= c->index[d] * c->view.stride[d] * size;
        c->index[d] = 0;
        n = 1;
    }
}

/* Moves n elements between `block` and their places. */
static void walk(cpu_cursor *c, unsigned char *block, size_t n, bool is_store) {
    const size_t size = trit_dtype_bytes(c->view.dtype);
    const uint32_t last = c->view.n_dims - 1;
    const int64_t stride = c->view.stride[last];
    while (n > 0) {
        const size_t left = (size_t)(c->view.shape[last] - c->index[last]), run = left < n ? left : n;
        if (is_store)
            trit_cpu_copy_strided(c->at, stride, (const char *)block, 1, run, size);
        else
            trit_cpu_copy_strided((char *)block, 1, c->at, stride, run, size);
        trit_cpu_cursor_advance(c, (int64_t)run);
        block += run * size;
        n -= run;
    }
}

const void *trit_cpu_cursor_load(cpu_cursor *c, size_t n) {
    if (c->is_single) return load_single(c, n);
    if (c->is_direct) {
        const void *p = c->at;
        c->at += n * trit_dtype_bytes(c->type);
        return p;
    }
    if (c->view.dtype == c->type) {
        walk(c, c->block, n, false);
        return c->block;
    }
    walk(c, c->raw, n, false);
    c->kernels->convert(c->type, c->block, c->view.dtype, c->raw, n);
    return c->block;
}

void *trit_cpu_cursor_target(cpu_cursor *c) {
    return c->is_direct ? (void *)c->at : c->block;
}

void trit_cpu_cursor_store(cpu_cursor *c, size_t n) {
    if (c->is_direct) {
        c->at += n * trit_dtype_bytes(c->type);
        return;
    }
    if (c->view.dtype == c->type) {
        walk(c, c->block, n, true);
        return;
    }
    c->kernels->convert(c->view.dtype, c->raw, c->type, c->block, n);
    walk(c, c->raw, n, true);
}

void trit_cpu_rows_init(cpu_rows *r, const trit_view *v, uint32_t axes) {
    r->across = r->along = (trit_view){.data = v->data, .dtype = v->dtype};
    for (uint32_t d = 0; d < v->n_dims; d++) {
        trit_view *part = axes >> d & 1 ? &r->along : &r->across;
        part->shape[part->n_dims] = v->shape[d];
        part->stride[part->n_dims++] = v->stride[d];
    }
    trit_view_collapse(&r->along, &r->along);
}

trit_view trit_cpu_row(const cpu_rows *r, void *at) {
    trit_view row = r->along;
    row.data = at;
    return row;
}

static int64_t magnitude(int64_t stride) {
    return stride < 0 ? -stride : stride;
}

bool trit_cpu_rows_stand_across(const cpu_rows *r) {
    enum { several = 8, short_row = 16 };
    trit_view across;
    trit_view_collapse(&across, &r->across);
    const int64_t n = across.shape[across.n_dims - 1], step = magnitude(across.stride[across.n_dims - 1]);
    if (trit_view_n_elements(&r->along) <= short_row) return n >= 4 * several;
    for (uint32_t d = 0; d < r->along.n_dims; d++)
        if (magnitude(r->along.stride[d]) <= step) return false;
    return n >= several;
}
