/* Inside the forward pass of training: what the walk over the list and the single ops share. */
#ifndef TRIT_TRAIN_FORWARD_PARTS_H
#define TRIT_TRAIN_FORWARD_PARTS_H

#include "train/train.h"

/* Ops first ... last - 1, which are computed again on the way back. */
typedef struct trit_segment {
    trit_forward *f;
    size_t first, last;
    trit_value *in, *out; /* [n_in], [n_out] values that it reads, that others read from it; into `border` */
    size_t n_in, n_out;
} trit_segment;

struct trit_forward {
    trit_params *params; /* borrowed */
    const trit_program *program;
    trit_tape *tape;
    uint32_t group; /* as trit_params_opts has it */
    bool checkpoints, in_bf16;
    double lambda;
    trit_tensor **quantized; /* [params] of ternary ones while they hold; NULL: not yet */
    trit_param **weight, **bias; /* [n_ops] that ops read */
    size_t *last_use;        /* [n_values] the last op that wants it */
    trit_value *border;      /* of segments */
    trit_segment *segments;  /* [n_segments] */
    size_t n_segments;
    trit_value tapped[3];    /* queries, keys and values of a layer; -1: none */
    trit_tensor *angles[2];  /* [positions, 2 half] of the model's rotations: all layers', local layers'; NULL: not yet */
    /* Of the run: */
    trit_tensor *token, *position, *first[2]; /* [T]; first[1]: of layers with a window */
    trit_tensor *taken[3];   /* of `tapped`; NULL: none, or handed over */
};

/* Values under way. */
typedef struct trit_walk {
    trit_forward *f;
    trit_tensor **value; /* [n_values], owned */
    trit_tensor *k, *v;  /* of the layer, borrowed */
    trit_error *err;
} trit_walk;

/* What op i makes; NULL: nothing. */
TRIT_MUST_CHECK trit_status trit_forward_compute(trit_tensor **out, trit_walk *w, size_t i);

/* x times a number. */
TRIT_MUST_CHECK trit_status trit_forward_scale(trit_tensor **out, const trit_forward *f, const trit_tensor *x, double factor, trit_error *err);

bool trit_param_is_inside(const trit_param *p); /* has it an adapter that is added before quantization? */

#endif
