/* Changing the type of elements, beyond trit_tensor_cast: other roundings, counts of what was lost, without new memory, many tensors
 * at once, streams that fit no memory, and whole numbers with a scale. Types are plain but where quantized ones are named. */
#ifndef TRIT_CAST_H
#define TRIT_CAST_H

#include "trit/quant.h"
#include "trit/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum trit_cast_rounding {
    trit_cast_usual,     /* to floats the nearest, to whole numbers towards zero: as trit_tensor_cast */
    trit_cast_even,      /* the nearest, of two the even one, to whole numbers too */
    trit_cast_stochastic /* one of the two neighbours, the nearer the likelier, so that the mean is the value. Element i depends on
                           * the seed and i alone */
} trit_cast_rounding;

typedef struct trit_cast_opts {
    trit_cast_rounding rounding;
    uint64_t seed;
} trit_cast_opts;

/* What a change of type did, counted. Several calls may add to one. */
typedef struct trit_cast_stats {
    uint64_t n_elements;
    uint64_t n_changed;  /* that do not come back as they were; NaN that stays NaN does */
    uint64_t n_outside;  /* finite ones beyond the type's range: bounds or infinity now, or wrapped around between whole numbers */
    uint64_t n_nan;      /* among the inputs */
    uint64_t bytes_in, bytes_out;
    double max_error;    /* the largest difference of a finite element that is finite still, both as F64; to quantized types as F32, which is
                          * what they are made of: then n_changed and max_error leave out what F64 loses on the way there */
} trit_cast_stats;

/* `opts` and `stats` may be NULL. Of and to quantized types as well, to them with the usual rounding alone. Errors as of trit_tensor_cast. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_cast_with(trit_tensor **out, const trit_tensor *t, trit_dtype dtype, const trit_cast_opts *opts,
                                                           trit_cast_stats *stats, trit_error *err);
/* Adds to *e how far `got` is from `want`, both as F64: say of a tensor and its cast to Q4_0 (trit_quant_mse and the others of trit/quant.h).
 * Errors: arg (shapes that differ), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_distance(trit_quant_error *e, const trit_tensor *want, const trit_tensor *got,
                                                          trit_error *err);
/* n tensors, outs[i] as *out above. On an error those that were made stay. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_cast_many(trit_tensor **outs, const trit_tensor *const *tensors, uint32_t n, trit_dtype dtype,
                                                           const trit_cast_opts *opts, trit_cast_stats *stats, trit_error *err);

/* The same bytes as another type of the same size, no copy: I8, U8 and BOOL (whose bytes must be 0 and 1: U8 and I8 do not become BOOL);
 * I16, F16 and BF16; I32 and F32; I64 and F64. Errors: arg (another size, or BOOL), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_reinterpret(trit_tensor **out, const trit_tensor *t, trit_dtype dtype, trit_error *err);

/* Turns t itself into a type of the same size or a smaller one, within its own storage. Errors: arg (a wider type, elements that do not
 * follow each other, storage that another tensor shares or the caller owns, a tensor with a gradient). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_cast_in_place(trit_tensor *t, trit_dtype dtype, trit_error *err);

/* Elements that come and go in pieces. `read` fills up to n_bytes and returns how many, 0 at the end; it may cut elements in two. `write`
 * takes all or returns false. About a megabyte is held. Errors: io (`write` failed, or the input ended inside an element), arg, memory. */
typedef size_t trit_cast_read(void *user, void *buffer, size_t n_bytes);
typedef bool trit_cast_write(void *user, const void *buffer, size_t n_bytes);
TRIT_API TRIT_MUST_CHECK trit_status trit_cast_stream(trit_device *device, trit_dtype to, trit_dtype from, trit_cast_read *read,
                                                      trit_cast_write *write, void *user, const trit_cast_opts *opts, trit_cast_stats *stats,
                                                      trit_error *err);

/* Whole numbers with a scale: value = (stored - zero) * scale, stored within [low, high] and rounded to the nearest. Scale and zero are
 * tensors that repeat to the values' shape: one element, or one for each row with size 1 in the other dimensions. Gradients end at the
 * rounding: stored numbers and the scales that are found have none, and a scale's own goes through the way back alone. */
typedef struct trit_levels {
    trit_dtype dtype;       /* of what is stored: I8, I16, I32 or U8 */
    int32_t low, high;
    bool is_symmetric;      /* zero is 0: the scale is the largest magnitude over `high`; else low and high are the smallest and the largest */
} trit_levels;

/* "int8": I8, -127..127, symmetric. "uint8": U8, 0..255, not. "int4": I8, -7..7, symmetric. "uint4": U8, 0..15, not. "ternary": I8, -1..1,
 * symmetric; BitNet's scale is the mean magnitude instead, which trit_tensor_mean finds. NULL: another name. */
TRIT_API const trit_levels *trit_levels_of(const char *name);

/* New tensors: scale and zero that hold all values of t (F32 or F64), each over the axes (trit/reduce.h), which stay with size 1. Where all values are
 * 0 the scale is 1. Errors: arg (another type, no elements), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_find_levels(trit_tensor **scale, trit_tensor **zero, const trit_tensor *t, const trit_levels *levels,
                                                             uint32_t n_axes, const int32_t *axes, trit_error *err);
/* To stored numbers and back; the type of values is that of `scale`. Errors: arg, memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_quantize(trit_tensor **out, const trit_tensor *t, const trit_tensor *scale,
                                                          const trit_tensor *zero, const trit_levels *levels, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_dequantize(trit_tensor **out, const trit_tensor *stored, const trit_tensor *scale,
                                                            const trit_tensor *zero, trit_error *err);
/* There and back at once: the values that the stored numbers stand for. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_fake_quantize(trit_tensor **out, const trit_tensor *t, const trit_tensor *scale,
                                                               const trit_tensor *zero, const trit_levels *levels, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
