/* Changes of type that say more, and whole numbers with a scale, which are made of other tensor functions. */
#include "trit/cast.h"

#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "eager/eager.h"
#include "trit/maps.h"
#include "trit/reduce.h"

/* What blocks hold are floats, exactly: those are cast. */
static trit_status from_blocks(trit_tensor **out, const trit_tensor *t, trit_dtype dtype, const trit_cast_opts *opts, trit_cast_stats *stats,
                               trit_error *err) {
    trit_tensor *floats = NULL;
    if (dtype == trit_dtype_f32 && !stats) return trit_tensor_cast(out, t, dtype, err);
    trit_status status = trit_tensor_cast(&floats, t, trit_dtype_f32, err);
    if (status == trit_ok) status = trit_tensor_cast_with(out, floats, dtype, opts, stats, err);
    if (status == trit_ok && stats) stats->bytes_in -= trit_tensor_n_bytes(floats) - trit_tensor_n_bytes(t);
    trit_tensor_free(floats);
    return status;
}

trit_status trit_tensor_cast_with(trit_tensor **out, const trit_tensor *t, trit_dtype dtype, const trit_cast_opts *opts, trit_cast_stats *stats,
                                  trit_error *err) {
    const bool is_plain = trit_dtype_is_plain(dtype);
    if (is_plain && trit_dtype_is_blocks(t->view.dtype)) return from_blocks(out, t, dtype, opts, stats, err);
    if (!is_plain && opts && opts->rounding != trit_cast_usual)
        return trit_error_set(err, trit_arg, "cast: quantized types have one rounding, the usual one");
    trit_eager_op op = {.kind = is_plain ? trit_op_cast : trit_op_copy, .type = dtype, .result = dtype, .n_in = 1, .in = {t},
                        .n_dims = t->view.n_dims, .expands = true,
                        .attrs = {.n = opts ? opts->rounding : trit_cast_usual, .n2 = opts ? (int64_t)opts->seed : 0, .stats = stats}};
    memcpy(op.shape, t->view.shape, sizeof op.shape);
    return trit_eager_run(out, &op, err);
}

trit_status trit_tensor_cast_many(trit_tensor **outs, const trit_tensor *const *tensors, uint32_t n, trit_dtype dtype, const trit_cast_opts *opts,
                                  trit_cast_stats *stats, trit_error *err) {
    trit_status status = trit_ok;
    for (uint32_t i = 0; i < n && status == trit_ok; i++) status = trit_tensor_cast_with(&outs[i], tensors[i], dtype, opts, stats, err);
    return status;
}

trit_status trit_tensor_reinterpret(trit_tensor **out, const trit_tensor *t, trit_dtype dtype, trit_error *err) {
    trit_view view = t->view;
    if (!trit_dtype_is_plain(dtype) || !trit_dtype_is_plain(view.dtype) || trit_dtype_bytes(dtype) != trit_dtype_bytes(view.dtype) ||
        (dtype == trit_dtype_bool && view.dtype != trit_dtype_bool))
        return trit_error_set(err, trit_arg, "reinterpret: the bytes of %s are no %s", trit_dtype_label(view.dtype),
                              dtype < trit_n_dtypes ? trit_dtype_label(dtype) : "such type");
    view.dtype = dtype;
    return trit_tensor_make(out, t->device, t->storage, &view, err);
}

/* In blocks from the first element on: what is written never passes what is still to be read. */
trit_status trit_tensor_cast_in_place(trit_tensor *t, trit_dtype dtype, trit_error *err) {
    if (!trit_dtype_is_plain(dtype) || !trit_dtype_is_plain(t->view.dtype) || trit_dtype_bytes(dtype) > trit_dtype_bytes(t->view.dtype))
        return trit_error_set(err, trit_arg, "cast in place: %s is wider than %s, or one is no plain type",
                              dtype < trit_n_dtypes ? trit_dtype_label(dtype) : "that", trit_dtype_label(t->view.dtype));
    if (!trit_view_is_contiguous(&t->view)) return trit_error_set(err, trit_arg, "cast in place: the elements do not follow each other");
    if (t->node || trit_storage_is_borrowed(t->storage) || atomic_load(&t->storage->n_owners) != 1 || atomic_load(&t->n_owners) != 1)
        return trit_error_set(err, trit_arg, "cast in place: the tensor shares its elements, or has a gradient");
    enum { block = 1 << 16 };
    const int64_t n = trit_tensor_n_elements(t), n_block = n < block ? n : block;
    const int64_t size = (int64_t)trit_dtype_bytes(t->view.dtype), to_size = (int64_t)trit_dtype_bytes(dtype);
    char *data = t->view.data;
    trit_tensor *part = NULL, *buffer = NULL;
    trit_status status = trit_tensor_new(&buffer, t->device, dtype, 1, &n_block, err);
    if (status == trit_ok) status = trit_tensor_borrow(&part, t->device, t->view.dtype, 1, &n_block, NULL, data, err);
    for (int64_t at = 0; at < n && status == trit_ok; at += block) {
        part->view.data = data + at * size;
        part->view.shape[0] = buffer->view.shape[0] = n - at < block ? n - at : block;
        status = trit_tensor_assign(buffer, part, err);
        if (status == trit_ok) memcpy(data + at * to_size, buffer->view.data, (size_t)(buffer->view.shape[0] * to_size));
    }
    trit_tensor_free(part);
    trit_tensor_free(buffer);
    if (status == trit_ok) t->view.dtype = dtype;
    return status;
}

/* ---- streams ---- */

/* Reads until the buffer is full or nothing more comes; returns the bytes. */
static size_t fill(void *buffer, size_t n_bytes, trit_cast_read *read, void *user) {
    size_t n = 0;
    while (n < n_bytes) {
        const size_t got = read(user, (char *)buffer + n, n_bytes - n);
        if (got == 0) break;
        n += got;
    }
    return n;
}

trit_status trit_cast_stream(trit_device *device, trit_dtype to, trit_dtype from, trit_cast_read *read, trit_cast_write *write, void *user,
                             const trit_cast_opts *opts, trit_cast_stats *stats, trit_error *err) {
    enum { block = 1 << 16 };
    const int64_t n_block = block;
    trit_tensor *in = NULL, *result = NULL; /* buffers of a block, whose shapes say how much is in them */
    trit_cast_opts o = opts ? *opts : (trit_cast_opts){0};
    trit_status status = trit_dtype_check_plain(from, "a stream of elements", err);
    if (status == trit_ok) status = trit_dtype_check_plain(to, "a stream of elements", err);
    if (status == trit_ok) status = trit_tensor_new(&in, device, from, 1, &n_block, err);
    if (status == trit_ok) status = trit_tensor_new(&result, device, to, 1, &n_block, err);
    for (bool more = true; more && status == trit_ok;) {
        const size_t size = trit_dtype_bytes(from), n_bytes = fill(in->view.data, block * size, read, user), n = n_bytes / size;
        more = n == block;
        if (n_bytes % size) {
            status = trit_error_set(err, trit_io, "the stream ends inside an element of %s", trit_dtype_label(from));
        } else if (n) {
            in->view.shape[0] = result->view.shape[0] = (int64_t)n;
            status = trit_tensor_cast_with(&result, in, to, &o, stats, err);
            o.seed = trit_mix64(o.seed + 1); /* another stream of random numbers for the next block */
            if (status == trit_ok && !write(user, result->view.data, n * trit_dtype_bytes(to)))
                status = trit_error_set(err, trit_io, "elements of %s could not be written", trit_dtype_label(to));
        }
    }
    trit_tensor_free(in);
    trit_tensor_free(result);
    return status;
}

/* ---- whole numbers with a scale ---- */

const trit_levels *trit_levels_of(const char *name) {
    static const struct {
        const char *name;
        trit_levels levels;
    } known[] = {
        {"int8", {trit_dtype_i8, -127, 127, true}}, {"uint8", {trit_dtype_u8, 0, 255, false}}, {"int4", {trit_dtype_i8, -7, 7, true}},
        {"uint4", {trit_dtype_u8, 0, 15, false}},   {"ternary", {trit_dtype_i8, -1, 1, true}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0) return &known[i].levels;
    return NULL;
}

static trit_status check_levels(const trit_levels *l, trit_error *err) {
    if (!trit_dtype_is_integer(l->dtype) || l->low >= l->high || (l->is_symmetric && l->high < 1))
        return trit_error_set(err, trit_arg, "levels from %d to %d of %s", l->low, l->high,
                              l->dtype < trit_n_dtypes ? trit_dtype_label(l->dtype) : "no type");
    return trit_ok;
}

/* *x = fn(*x, number). */
static trit_status by_number(trit_tensor **x, trit_tensor_fn2 *fn, double number, trit_error *err) {
    return trit_tensor_with_number(x, fn, *x, number, err);
}

/* Ones where the scale is 0. */
static trit_status fill_zeros(trit_tensor *scale, trit_error *err) {
    trit_tensor *is_zero = NULL, *filled = NULL;
    trit_status status = trit_tensor_with_number(&is_zero, trit_tensor_eq, scale, 0, err);
    if (status == trit_ok) status = trit_tensor_add(&filled, scale, is_zero, err);
    if (status == trit_ok) status = trit_tensor_assign(scale, filled, err);
    trit_tensor_free(is_zero);
    trit_tensor_free(filled);
    return status;
}

trit_status trit_tensor_find_levels(trit_tensor **scale, trit_tensor **zero, const trit_tensor *t, const trit_levels *levels, uint32_t n_axes,
                                    const int32_t *axes, trit_error *err) {
    trit_tensor *x = NULL, *magnitude = NULL, *high = NULL, *low = NULL, *s = NULL, *z = NULL;
    trit_status status = check_levels(levels, err);
    if (status != trit_ok) return status;
    if (t->view.dtype != trit_dtype_f32 && t->view.dtype != trit_dtype_f64)
        return trit_error_set(err, trit_arg, "levels of a tensor of %s: F32 and F64 have them", trit_dtype_label(t->view.dtype));
    status = trit_tensor_detached(&x, t, err);
    if (status != trit_ok) return status;
    if (levels->is_symmetric) {
        status = trit_tensor_abs(&magnitude, x, err);
        if (status == trit_ok) status = trit_tensor_max(&s, magnitude, n_axes, axes, true, err);
        if (status == trit_ok) status = by_number(&s, trit_tensor_div, levels->high, err);
        if (status == trit_ok) status = fill_zeros(s, err);
        if (status == trit_ok) status = trit_tensor_with_number(&z, trit_tensor_mul, s, 0, err);
    } else {
        /* zero = low - smallest / scale, a whole number: then 0.0 stays exact where it lies between. */
        status = trit_tensor_max(&high, x, n_axes, axes, true, err);
        if (status == trit_ok) status = trit_tensor_min(&low, x, n_axes, axes, true, err);
        if (status == trit_ok) status = trit_tensor_sub(&s, high, low, err);
        if (status == trit_ok) status = by_number(&s, trit_tensor_div, (double)levels->high - levels->low, err);
        if (status == trit_ok) status = fill_zeros(s, err);
        if (status == trit_ok) status = trit_tensor_div(&z, low, s, err);
        if (status == trit_ok) status = trit_tensor_round(&z, z, err);
        if (status == trit_ok) status = trit_number_with_tensor(&z, trit_tensor_sub, levels->low, z, err);
    }
    trit_tensor_free(x);
    trit_tensor_free(magnitude);
    trit_tensor_free(high);
    trit_tensor_free(low);
    if (status == trit_ok) {
        *scale = s;
        *zero = z;
    } else {
        trit_tensor_free(s);
        trit_tensor_free(z);
    }
    return status;
}

/* Stored numbers, as floats still. */
static trit_status to_levels(trit_tensor **out, const trit_tensor *t, const trit_tensor *scale, const trit_tensor *zero, const trit_levels *levels,
                             trit_error *err) {
    trit_tensor *x = NULL, *s = NULL, *z = NULL, *q = NULL;
    trit_status status = check_levels(levels, err);
    if (status == trit_ok) status = trit_tensor_detached(&x, t, err);
    if (status == trit_ok) status = trit_tensor_detached(&s, scale, err);
    if (status == trit_ok && zero) status = trit_tensor_detached(&z, zero, err);
    if (status == trit_ok) status = trit_tensor_div(&q, x, s, err);
    if (status == trit_ok && z) status = trit_tensor_add(&q, q, z, err);
    if (status == trit_ok) status = trit_tensor_round(&q, q, err);
    if (status == trit_ok) status = trit_tensor_clip(&q, q, levels->low, levels->high, err);
    trit_tensor_free(x);
    trit_tensor_free(s);
    trit_tensor_free(z);
    if (status == trit_ok)
        *out = q;
    else
        trit_tensor_free(q);
    return status;
}

trit_status trit_tensor_quantize(trit_tensor **out, const trit_tensor *t, const trit_tensor *scale, const trit_tensor *zero,
                                 const trit_levels *levels, trit_error *err) {
    trit_tensor *q;
    trit_status status = to_levels(&q, t, scale, zero, levels, err);
    if (status != trit_ok) return status;
    status = trit_tensor_cast(out, q, levels->dtype, err);
    trit_tensor_free(q);
    return status;
}

/* (q - zero) * scale */
static trit_status from_levels(trit_tensor **out, const trit_tensor *q, const trit_tensor *scale, const trit_tensor *zero, trit_error *err) {
    trit_tensor *x = NULL;
    if (!zero) return trit_tensor_mul(out, q, scale, err);
    trit_status status = trit_tensor_sub(&x, q, zero, err);
    if (status == trit_ok) status = trit_tensor_mul(out, x, scale, err);
    trit_tensor_free(x);
    return status;
}

trit_status trit_tensor_dequantize(trit_tensor **out, const trit_tensor *stored, const trit_tensor *scale, const trit_tensor *zero, trit_error *err) {
    trit_tensor *q = NULL;
    trit_status status = trit_tensor_cast(&q, stored, scale->view.dtype, err);
    if (status == trit_ok) status = from_levels(out, q, scale, zero, err);
    trit_tensor_free(q);
    return status;
}

trit_status trit_tensor_fake_quantize(trit_tensor **out, const trit_tensor *t, const trit_tensor *scale, const trit_tensor *zero,
                                      const trit_levels *levels, trit_error *err) {
    trit_tensor *q;
    trit_status status = to_levels(&q, t, scale, zero, levels, err);
    if (status != trit_ok) return status;
    status = from_levels(out, q, scale, zero, err);
    trit_tensor_free(q);
    return status;
}
