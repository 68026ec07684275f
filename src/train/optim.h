/* Optimisers: a step changes parameters by their gradients. Parameters, gradients and states are contiguous F32 tensors in the program's
 * memory. Each element is computed by itself and sums are added in one order, so that the bits are the same for any number of threads.
 *
 *   adamw   arXiv:1711.05101       adam   arXiv:1412.6980, weight decay in the gradient       sgd   with momentum
 *   muon    for matrices (kellerjordan.github.io/posts/muon): momentum, orthogonalised; all else by adamw at the same rate */
#ifndef TRIT_TRAIN_OPTIM_H
#define TRIT_TRAIN_OPTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/team.h"
#include "train/config.h"
#include "trit/tensor.h"

typedef struct trit_optim trit_optim;

typedef enum trit_optim_kind { trit_optim_adamw, trit_optim_adam, trit_optim_sgd, trit_optim_muon } trit_optim_kind;

typedef struct trit_optim_opts {
    trit_optim_kind kind;
    double beta1, beta2, eps; /* of adam and adamw */
    double momentum;          /* of sgd and muon */
    bool to_bf16;             /* parameters are rounded to bfloat16 after each step, up or down by chance: their mean is what was rounded */
    uint64_t seed;            /* of that */
    trit_team *team;          /* borrowed; NULL: this thread alone */
} trit_optim_opts;

trit_optim_opts trit_optim_opts_of(const trit_train_config *c, trit_team *team);

/* The caller frees. Errors: memory. */
TRIT_MUST_CHECK trit_status trit_optim_new(trit_optim **out, const trit_optim_opts *o, trit_error *err);
void trit_optim_free(trit_optim *o); /* NULL is fine */

/* One more parameter, borrowed, with states of zeros. `is_matrix`: two dimensions that muon may orthogonalise; `decays`: weight decay is for
 * it. The name is copied. Errors: memory. */
TRIT_MUST_CHECK trit_status trit_optim_add(trit_optim *o, const char *name, trit_tensor *param, bool decays, bool is_matrix, trit_error *err);

/* The length of all gradients together; grads[i] is of the i-th parameter that was added, NULL: none. Not finite where one of them is not. */
double trit_optim_norm(trit_optim *o, trit_tensor *const *grads);

/* What gradients of that length are multiplied with, as PyTorch's clip_grad_norm_ does: 1 where clip is 0. */
double trit_optim_clip(double norm, double clip);

/* param -= lr * step(scale * gradient). A parameter whose gradient is NULL stays as it is. Errors: memory (muon's products; parameters before it
 * have changed then). */
TRIT_MUST_CHECK trit_status trit_optim_step(trit_optim *o, trit_tensor *const *grads, double scale, double lr, double weight_decay, trit_error *err);

/* For checkpoints: steps done, which a resumed run sets, and the states one by one, "blk.0.attn_q.weight.m"; NULL beyond the last. The name
 * lives as long as the optimiser, the tensor is the optimiser's own. */
uint64_t trit_optim_steps(const trit_optim *o);
void trit_optim_set_steps(trit_optim *o, uint64_t n);
trit_tensor *trit_optim_state_at(const trit_optim *o, size_t i, const char **name);

#endif
