/* Quantization of plain floats: integers with scales, and how far they are from what they stand for. No model, no file: what
 * `trit quantize` does with each tensor, for callers that have arrays. Functions here are pure: any thread. */
#ifndef TRIT_QUANT_H
#define TRIT_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* x ~ scale * level + offset. Ternary and symmetric schemes have no offset; of an asymmetric one -offset / scale is the zero point. */
typedef enum trit_scheme_kind {
    trit_scheme_ternary,   /* -1, 0, 1 by absmean: arXiv:2402.17764 eq. 1-3 */
    trit_scheme_symmetric, /* bits 1: -1, 1 with the mean of |x| as scale; else -(2^(bits-1) - 1) to 2^(bits-1) - 1 */
    trit_scheme_asymmetric /* 0 to 2^bits - 1 */
} trit_scheme_kind;

/* What shares a scale. */
typedef enum trit_scheme_grain { trit_grain_tensor, trit_grain_row, trit_grain_group } trit_scheme_grain;

/* What the levels span: all values; all but the outermost; or what gives the least squared error. */
typedef enum trit_scheme_range { trit_range_full, trit_range_percentile, trit_range_mse } trit_scheme_range;

/* Made by trit_scheme_parse, or filled in within the bounds that the fields name, which trit_scheme_check looks at. Of a scheme beyond them
 * the functions below make nothing: no levels but 0, scales of 0, no scales. */
typedef struct trit_scheme {
    trit_scheme_kind kind;
    uint32_t bits; /* 1 to 8; of ternary 2 */
    trit_scheme_grain grain;
    uint32_t group; /* of trit_grain_group: neighbours in a row, 32, 64, 128 or 256 */
    trit_scheme_range range; /* ternary: full is absmean */
    float percentile; /* of trit_range_percentile: the share of |x|, or of x at each end, that is within; in (0.5, 1) */
} trit_scheme;

/* From words with '-' between them, in any order behind the first:
 *
 *   ternary | 1bit ... 8bit | int4 | int8        kind and bits; symmetric
 *   asym                                         asymmetric
 *   tensor | row | g32 | g64 | g128 | g256       what shares a scale; without it the row, and of ternary the tensor
 *   mse | p99.9                                  what the levels span
 *
 * Errors: arg (names the word). */
TRIT_API TRIT_MUST_CHECK trit_status trit_scheme_parse(trit_scheme *out, const char *text, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_scheme_check(const trit_scheme *s, trit_error *err); /* arg: names the field that is beyond */
enum { trit_scheme_text_max = 40 };
TRIT_API void trit_scheme_text(const trit_scheme *s, char out[trit_scheme_text_max]); /* the same in one spelling */

TRIT_API void trit_scheme_levels(const trit_scheme *s, int *low, int *high);
TRIT_API double trit_scheme_bits_per_weight(const trit_scheme *s, uint64_t n_rows, uint64_t n_cols); /* levels packed densely, scales as halves */

typedef struct trit_scheme_scale {
    float scale, offset;
} trit_scheme_scale;

/* The scale for x[0..n), which share one. weight[0..n) weighs the squares of their errors where the range is mse; NULL: all alike. */
TRIT_API trit_scheme_scale trit_scheme_fit(const trit_scheme *s, const float *x, const float *weight, size_t n);
TRIT_API void trit_scheme_quantize(const trit_scheme *s, trit_scheme_scale by, const float *x, size_t n, int16_t *level);
TRIT_API void trit_scheme_restore(trit_scheme_scale by, const int16_t *level, size_t n, float *x);

/* A matrix [n_rows, n_cols]: level [n_rows, n_cols], scales [trit_scheme_n_scales] row after row. Errors: those of trit_scheme_check. */
TRIT_API uint64_t trit_scheme_n_scales(const trit_scheme *s, uint64_t n_rows, uint64_t n_cols);
TRIT_API TRIT_MUST_CHECK trit_status trit_scheme_quantize_matrix(const trit_scheme *s, const float *x, uint64_t n_rows, uint64_t n_cols,
                                                                 int16_t *level, trit_scheme_scale *scales, trit_error *err);

/* Half precision, rounded to nearest even. */
TRIT_API void trit_to_f16(const float *x, size_t n, uint16_t *out);
TRIT_API void trit_from_f16(const uint16_t *x, size_t n, float *out);

/* How far values are from what they stand for. Zero-initialise, add in any portions, ask. */
typedef struct trit_quant_error {
    uint64_t n;
    double error_square, want_square, got_square, product; /* sums */
    double largest;                                        /* |want - got| */
} trit_quant_error;

TRIT_API void trit_quant_error_add(trit_quant_error *e, const float *want, const float *got, size_t n);
/* The same, each square weighed; `largest` stays that of the values. */
TRIT_API void trit_quant_error_add_weighted(trit_quant_error *e, const float *want, const float *got, const float *weight, size_t n);
TRIT_API double trit_quant_mse(const trit_quant_error *e);     /* mean of (want - got)^2 */
TRIT_API double trit_quant_sqnr_db(const trit_quant_error *e); /* 10 log10(want^2 / error^2); infinite without an error */
TRIT_API double trit_quant_cosine(const trit_quant_error *e);  /* of the angle between the two; 1 where both are zeros */

#ifdef __cplusplus
}
#endif
#endif
