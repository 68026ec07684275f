/* The trainer's insides, for the files that make it up: open.c builds it, trainer.c steps, flips.c watches codes, checkpoint.c saves. */
#ifndef TRIT_TRAIN_TRAINER_H
#define TRIT_TRAIN_TRAINER_H

#include "base/team.h"
#include "train/config.h"
#include "train/data.h"
#include "train/distill.h"
#include "train/optim.h"
#include "train/parallel.h"
#include "train/train.h"

/* The codes of ternary weights after the last step. */
typedef struct trit_flips {
    int8_t **code; /* [params][elements], owned; NULL: not ternary */
    size_t n;
    bool has_codes; /* of a step before */
} trit_flips;

struct trit_trainer {
    trit_train_config *told;   /* owned: what a checkpoint keeps; 0 where the run chooses, each time that it begins or goes on */
    trit_train_config *config; /* owned: the same, settled */
    trit_parallel parallel;    /* of the processes that share the run, this one */
    trit_device *device;
    trit_team *team;           /* for optimiser and codes, between the device's calls */
    trit_tokenizer *tokenizer;
    char *tokenizer_dir;       /* owned: where its files are, in the run's folder; NULL: the run has none */
    trit_dataset *data;
    trit_params *params;
    trit_forward *forward;
    trit_teacher *teacher;     /* NULL: none */
    trit_optim *optim;
    trit_tensor **gradient;    /* [params that are not frozen], borrowed, in the optimiser's order */
    trit_param **trained;      /* [n_trained] */
    trit_tensor **reached;     /* room for n_trained: those gradients that there are */
    size_t n_trained;
    trit_train_batch batch, micro;
    trit_flips flips;
    uint64_t step, n_steps, tokens;
    bool is_broken;            /* a step failed halfway: what is here is neither the model before it nor the one behind */
};

/* open.c: `dir`: a checkpoint whose weights and tokenizer they are; NULL: a new run. *t is zeroed but for `told`, `parallel`, and a checkpoint's
 * numbers. Processes of a job come with `own`, what happened to each so far, and leave with one mind. */
trit_status trit_trainer_open(trit_trainer *t, const char *dir, trit_status own, trit_error *err);

/* trainer.c: errors: fail (it is broken). */
trit_status trit_trainer_check(const trit_trainer *t, trit_error *err);

/* flips.c */
trit_status trit_flips_count(trit_flips *x, trit_trainer *t, double *flip_rate, double *zeros, trit_error *err);
void trit_flips_fini(trit_flips *x);

#endif
