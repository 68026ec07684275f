/* Tensor functions that work element by element. Inputs of different shapes repeat to a common one, as NumPy broadcasts; results and
 * types: trit/tensor.h. Errors of all: arg (shapes that do not fit together, devices that differ, a result that does not
 * fit into *out), memory. */
#ifndef TRIT_MAPS_H
#define TRIT_MAPS_H

#include "trit/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_neg(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_abs(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sqrt(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_exp(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_isnan(trit_tensor **out, const trit_tensor *a, trit_error *err); /* BOOL */

TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_add(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sub(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_mul(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_div(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_lt(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err); /* BOOL */

#ifdef __cplusplus
}
#endif
#endif
