/* Elements by position. Inputs that are picked from lie contiguous as [outer, n, inner] around the axis; indices are I64. Whoever adds
 * goes through the indices in order, so sums have one order whatever the number of threads. */
#include <string.h>

#include "base/error.h"
#include "device/cpu/calls.h"

/* ---- where ---- */

static void where_range(void *arg, int64_t first, int64_t last) {
    const cpu_call *w = arg;
    const trit_call *call = w->call;
    cpu_cursor c, a, b, out;
    trit_cpu_cursor_init(&c, w->cpu, &call->in[0], trit_dtype_bool, first);
    trit_cpu_cursor_init(&a, w->cpu, &call->in[1], call->type, first);
    trit_cpu_cursor_init(&b, w->cpu, &call->in[2], call->type, first);
    trit_cpu_cursor_init(&out, w->cpu, &call->out, call->type, first);
    for (int64_t at = first; at < last; at += trit_cpu_block) {
        const size_t n = (size_t)(last - at < trit_cpu_block ? last - at : trit_cpu_block);
        const void *condition = trit_cpu_cursor_load(&c, n), *x = trit_cpu_cursor_load(&a, n), *y = trit_cpu_cursor_load(&b, n);
        w->cpu->kernels->choose(trit_dtype_bytes(call->type), trit_cpu_cursor_target(&out), condition, x, y, n);
        trit_cpu_cursor_store(&out, n);
    }
}

trit_status trit_cpu_call_where(cpu_device *cpu, const trit_call *call, trit_error *err) {
    (void)err;
    const int64_t n = trit_view_n_elements(&call->out);
    trit_cpu_parallel(cpu, n, trit_cpu_block, n, where_range, &(cpu_call){cpu, call});
    return trit_ok;
}

/* ---- around an axis ---- */

typedef struct axis_work {
    const cpu_device *cpu;
    const trit_call *call;
    const int64_t *index; /* [n_index] */
    int64_t outer, n, inner, n_index;
    size_t size; /* bytes of an element */
} axis_work;

static axis_work axis_work_of(const cpu_device *cpu, const trit_call *call) {
    const trit_view *t = &call->in[0];
    const uint32_t axis = (uint32_t)call->attrs.axis;
    axis_work w = {.cpu = cpu, .call = call, .index = call->in[1].data, .outer = 1, .n = t->shape[axis], .inner = 1,
                   .n_index = trit_view_n_elements(&call->in[1]), .size = trit_dtype_bytes(t->dtype)};
    for (uint32_t d = 0; d < axis; d++) w.outer *= t->shape[d];
    for (uint32_t d = axis + 1; d < t->n_dims; d++) w.inner *= t->shape[d];
    return w;
}

static trit_status check_indices(const axis_work *w, trit_error *err) {
    for (int64_t i = 0; i < w->n_index; i++)
        if (w->index[i] < -w->n || w->index[i] >= w->n)
            return trit_error_set(err, trit_arg, "%s: index %lld is outside axis %d of %lld", trit_op_name(w->call->kind),
                                  (long long)w->index[i], w->call->attrs.axis, (long long)w->n);
    return trit_ok;
}

static int64_t resolve(const axis_work *w, int64_t i) {
    return w->index[i] < 0 ? w->index[i] + w->n : w->index[i];
}

/* The result begins as a copy of the first input. */
static void begin_with_input(const axis_work *w) {
    memcpy(w->call->out.data, w->call->in[0].data, (size_t)(w->outer * w->n * w->inner) * w->size);
}

/* Rows of the result, [outer, n_index] of them. */
static void take_rows(void *arg, int64_t first, int64_t last) {
    const axis_work *w = arg;
    const size_t row = (size_t)w->inner * w->size;
    for (int64_t r = first; r < last; r++) {
        const int64_t o = r / w->n_index, i = resolve(w, r % w->n_index);
        memcpy((char *)w->call->out.data + (size_t)r * row, (const char *)w->call->in[0].data + (size_t)(o * w->n + i) * row, row);
    }
}

/* Parts of the inner dimension, so that each element is added to by one member. */
static void take_add_columns(void *arg, int64_t first, int64_t last) {
    const axis_work *w = arg;
    for (int64_t o = 0; o < w->outer; o++)
        for (int64_t i = 0; i < w->n_index; i++) {
            void *y = (char *)w->call->out.data + (size_t)((o * w->n + resolve(w, i)) * w->inner + first) * w->size;
            const void *x = (const char *)w->call->in[2].data + (size_t)((o * w->n_index + i) * w->inner + first) * w->size;
            w->cpu->kernels->map2(trit_map_add, w->call->type, y, y, x, (size_t)(last - first));
        }
}

trit_status trit_cpu_call_take(cpu_device *cpu, const trit_call *call, trit_error *err) {
    axis_work w = axis_work_of(cpu, call);
    trit_status status = check_indices(&w, err);
    if (status != trit_ok) return status;
    const int64_t n = w.outer * w.n_index * w.inner;
    if (call->kind == trit_op_take) {
        if (n) trit_cpu_parallel(cpu, w.outer * w.n_index, 1, n, take_rows, &w);
    } else {
        begin_with_input(&w);
        trit_cpu_parallel(cpu, w.inner, 64, n, take_add_columns, &w);
    }
    return trit_ok;
}

/* Lines along the axis: everything of one place in `outer`. */
static void gather_lines(void *arg, int64_t first, int64_t last) {
    const axis_work *w = arg;
    const trit_call *call = w->call;
    const int64_t m = call->in[1].shape[call->attrs.axis];
    const bool is_gather = call->kind == trit_op_gather;
    for (int64_t o = first; o < last; o++)
        for (int64_t j = 0; j < m; j++)
            for (int64_t k = 0; k < w->inner; k++) {
                const int64_t at = (o * m + j) * w->inner + k, there = (o * w->n + resolve(w, at)) * w->inner + k;
                if (is_gather) {
                    memcpy((char *)call->out.data + (size_t)at * w->size, (const char *)call->in[0].data + (size_t)there * w->size, w->size);
                    continue;
                }
                char *y = (char *)call->out.data + (size_t)there * w->size;
                const char *x = (const char *)call->in[2].data + (size_t)at * w->size;
                if (call->kind == trit_op_scatter)
                    memcpy(y, x, w->size);
                else
                    w->cpu->kernels->map2(trit_map_add, call->type, y, y, x, 1);
            }
}

trit_status trit_cpu_call_gather(cpu_device *cpu, const trit_call *call, trit_error *err) {
    axis_work w = axis_work_of(cpu, call);
    trit_status status = check_indices(&w, err);
    if (status != trit_ok) return status;
    if (call->kind != trit_op_gather) begin_with_input(&w);
    trit_cpu_parallel(cpu, w.outer, 1, w.n_index, gather_lines, &w);
    return trit_ok;
}

/* ---- joining ---- */

trit_status trit_cpu_call_concat(cpu_device *cpu, const trit_call *call, trit_error *err) {
    const uint32_t axis = (uint32_t)call->attrs.axis;
    int64_t at = 0;
    for (uint32_t i = 0; i < call->n_in; i++) {
        trit_call copy = {.kind = trit_op_copy, .type = call->out.dtype, .n_in = 1, .in = {call->in[i]}, .out = call->out};
        copy.out.data = (char *)copy.out.data + at * copy.out.stride[axis] * (int64_t)trit_dtype_bytes(copy.out.dtype);
        copy.out.shape[axis] = call->in[i].shape[axis];
        at += copy.out.shape[axis];
        trit_status status = trit_cpu_call_map(cpu, &copy, err);
        if (status != trit_ok) return status;
    }
    return trit_ok;
}

/* ---- by mask ---- */

static void put_coordinates(int64_t *out, int64_t at, const trit_view *v) {
    for (uint32_t d = v->n_dims; d-- > 0;) {
        out[d] = at % v->shape[d];
        at /= v->shape[d];
    }
}

/* One after the other: where an element goes depends on those before. The caller has counted. */
trit_status trit_cpu_call_masked(cpu_device *cpu, const trit_call *call, trit_error *err) {
    (void)err;
    const trit_view *mask = &call->in[call->n_in - 1];
    const int64_t n = trit_view_n_elements(mask);
    const size_t size = trit_dtype_bytes(call->out.dtype);
    cpu_cursor m, t;
    trit_cpu_cursor_init(&m, cpu, mask, trit_dtype_bool, 0);
    trit_cpu_cursor_init(&t, cpu, &call->in[0], call->out.dtype, 0);
    char *y = call->out.data;
    for (int64_t at = 0; at < n; at += trit_cpu_block) {
        const size_t n_block = (size_t)(n - at < trit_cpu_block ? n - at : trit_cpu_block);
        const uint8_t *c = trit_cpu_cursor_load(&m, n_block);
        const char *x = call->kind == trit_op_masked_select ? trit_cpu_cursor_load(&t, n_block) : NULL;
        for (size_t i = 0; i < n_block; i++) {
            if (!c[i]) continue;
            if (x) {
                memcpy(y, x + i * size, size);
                y += size;
            } else {
                put_coordinates((int64_t *)(void *)y, at + (int64_t)i, mask);
                y += mask->n_dims * size;
            }
        }
    }
    return trit_ok;
}
