/* Gradients of layers, as their rules ask for them: those of several inputs stand one after the other in one dimension. */
#ifndef TRIT_EAGER_NN_H
#define TRIT_EAGER_NN_H

#include "eager/eager.h"

/* `in` as the op's row says, attrs those of the op that was recorded. Errors: memory. */
trit_status trit_nn_grad(trit_tensor **out, trit_op_kind kind, uint32_t n_in, const trit_tensor *const *in, const trit_attrs *attrs,
                         trit_error *err);
/* Turns back. */
trit_status trit_nn_rope_back(trit_tensor **out, const trit_tensor *gy, const trit_tensor *angles, const trit_attrs *attrs, trit_error *err);

#endif
