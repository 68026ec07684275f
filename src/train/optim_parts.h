/* Inside the optimisers: a parameter's slot, and the update of a run of elements by each kind. */
#ifndef TRIT_TRAIN_OPTIM_PARTS_H
#define TRIT_TRAIN_OPTIM_PARTS_H

#include "train/optim.h"

typedef struct trit_optim_slot {
    trit_tensor *param;    /* borrowed */
    trit_tensor *state[2]; /* owned; NULL: none. adam: m, v; sgd and muon: momentum */
    char *state_name[2];   /* owned */
    int64_t n;             /* elements */
    uint64_t first_chunk;  /* of all elements in chunks, where this parameter's begin */
    bool decays, by_muon;
} trit_optim_slot;

/* Elements that a member takes at once; also of the partial sums of norms. */
enum { trit_optim_chunk = 16384 };

/* Numbers of one step, rounded once. */
typedef struct trit_adam_numbers {
    float scale, keep, l2;       /* of the gradient; 1 - lr wd (adamw); wd (adam) */
    float beta1, beta2, one_less_beta1, one_less_beta2;
    float rate, root_bias2, eps; /* lr / (1 - beta1^t), sqrt(1 - beta2^t) */
} trit_adam_numbers;

/* `t`: the step, from 1; wd: 0 for a parameter that does not decay. */
trit_adam_numbers trit_adam_numbers_of(const trit_optim_opts *o, uint64_t t, double scale, double lr, double wd);
void trit_adam_update(float *restrict p, const float *restrict g, float *restrict m, float *restrict v, int64_t n, const trit_adam_numbers *numbers);

void trit_sgd_update(float *p, const float *g, float *buffer, int64_t n, float scale, float lr, float wd, float momentum);

/* To bfloat16: up with the probability of what is cut off. Element i depends on (seed, first + i) alone. */
void trit_round_bf16(float *p, int64_t n, uint64_t seed, uint64_t first);

/* Sums of squares in double: each chunk by itself, then the chunks in order. */
double trit_optim_sum_squares(const float *x, int64_t n);

/* The whole step of a matrix. */
TRIT_MUST_CHECK trit_status trit_muon_update(trit_optim_slot *s, const trit_tensor *grad, double scale, double lr, double wd, double momentum,
                                             trit_error *err);

#endif
