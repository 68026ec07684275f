/* Least squares between values and small integers: the scales of the block types and of the schemes. `w` weighs the squares of the
 * errors (NULL: all alike); it is not negative. Deterministic: sums have one order. */
#ifndef TRIT_QUANT_FIT_H
#define TRIT_QUANT_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The scale d, of either sign, for which x[0..n) is nearest to d q with integers q of lo..hi (lo <= 0 < hi). 0 for zeros. */
float trit_fit_scale(const float *x, const float *w, size_t n, int lo, int hi);

/* The scale d >= 0 and the offset for which x[0..n) is nearest to d q + offset with integers q of 0..hi; `below`: the offset is not
 * positive. */
typedef struct trit_fit {
    float d, offset;
} trit_fit;

trit_fit trit_fit_affine(const float *x, const float *w, size_t n, int hi, bool below);

#endif
