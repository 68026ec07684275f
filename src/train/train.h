/* Training from the inside.
 *
 *   config.c, schedule.c    what is wanted (config.h)              data*.c      rows of tokens (data.h)
 *   params.c                the model: masters and their names     optim.c ...  steps (optim.h)
 *   forward*.c, linear.c    the walk over the op list while a tape records
 *   loss.c, loss_record.c   head and cross-entropy in row blocks
 *   distill.c, relations.c  what a teacher adds to the loss (distill.h)
 *   trainer.c, checkpoint.c
 *
 * The architecture's forward function writes the op list (op/op.h) of a trit_model whose weights stand for parameters: a trit_weight's `data` is
 * the master's elements, by which the walk finds the parameter; its dtype is T2 where the projection is quantized, which makes the list
 * quantize its inputs, and F32 where it stays float. Values of the list are tensors [T, cols], T = all tokens of a batch. */
#ifndef TRIT_TRAIN_TRAIN_H
#define TRIT_TRAIN_TRAIN_H

#include "model/model.h"
#include "trit/grad.h"
#include "trit/tensor.h"
#include "trit/train.h"

typedef struct trit_train_batch trit_train_batch; /* data.h */

/* ---- params.c ---- */

typedef struct trit_param trit_param;

/* Low-rank addition to a projection, arXiv:2106.09685: y += scale (x a^T) b^T, x being the input before its quantization, which the op list
 * has as ops of its own; or, inside, what is quantized is W + scale b a. */
typedef struct trit_adapter {
    trit_param *of, *a, *b; /* [n_rows, n_cols], [rank, n_cols], [n_rows, rank] */
    double scale;
    bool is_inside;
} trit_adapter;

struct trit_param {
    char name[64];       /* GGUF's: "blk.0.attn_q.weight" */
    char hf_name[96];    /* "model.layers.0.self_attn.q_proj.weight" */
    trit_tensor *master; /* owned: F32 (tests: F64) [n_rows, n_cols], or [n] of norms and biases */
    trit_weight *weight; /* its place in the model; NULL: none (adapters) */
    bool is_matrix;      /* two dimensions, and not the embeddings or the head */
    bool is_ternary;     /* quantized in the forward pass; rows and inputs as Hugging Face has them */
    bool had_trits;      /* of a base that stays as it is: its file has trits, not a master */
    bool is_finished;    /* the master is those trits times their scales, used as they are */
    bool is_grouped;     /* finished, with scales of parts of a row */
    bool is_residual;    /* its output is added to the residual stream */
    bool is_bias;
    bool decays;         /* weight decay: matrices, embeddings and the head */
    bool is_frozen;      /* no gradient */
    bool is_less_one;    /* the master is the factor less one (Gemma's norms) */
    trit_adapter *adapter; /* borrowed; NULL: none */
};

typedef struct trit_params {
    trit_model *model;   /* owned: configuration, RoPE, op list (`embedder`); no weights of its own */
    trit_device *device; /* borrowed */
    trit_param **at;     /* [n], owned; embeddings, layers, norm, head: the order of files, seeds and sums */
    size_t n, capacity;
    trit_adapter *adapters; /* [n_adapters], owned */
    size_t n_adapters;
    trit_dtype dtype;    /* of masters */
    trit_synthetic shape; /* of a new model */
} trit_params;

typedef struct trit_adapter_opts {
    uint32_t rank;
    double alpha;
    const char *targets; /* names of projections with commas between them, "q_proj,v_proj" or "attn_q,attn_v"; "": all */
    bool is_inside;
} trit_adapter_opts;

typedef struct trit_params_opts {
    const char *base;             /* a model with float weights to begin with, as trit_model_open takes it; NULL: a new one */
    const trit_synthetic *shape;  /* of a new one; copied, but for its texts, which are static. `arch`: a name of archs.def */
    const char *activation;       /* "relu2", "silu", "gelu"; NULL: the architecture's, the base model's */
    bool is_float;                /* nothing is quantized: the same model in float */
    bool has_float_inputs;        /* ternary weights, float activations */
    uint32_t group;               /* weights that share a scale: 0: a matrix, or as the base has it, 1: a row, else so many of a row */
    uint32_t ff_dim;              /* base: width of its feed-forward part, a multiple of what it is, each neuron being split; 0: as it is */
    bool adds_sub_norms;          /* base: layers of a plain architecture get sub-norms (of ones) and become "bitnet" */
    trit_dtype dtype;             /* of masters: F32 or F64 */
    bool is_frozen;               /* nothing is trained: a base computes as the engine has it, whatever is_float and has_float_inputs say */
    const trit_adapter_opts *adapters; /* nothing else is trained, and a base is as if frozen. NULL: the weights are trained */
    uint64_t seed;                /* of a new one's masters, and of what tells copies of a neuron apart */
} trit_params_opts;

/* Masters: normal with deviation 0.02, divided by sqrt(2 n_layers) where the output is added to the residual stream; norms of ones; element i of
 * a parameter depends on the seed, the name and i alone. The caller frees. Errors: arg (ff_dim among them), those of trit_model_open, memory. */
trit_status trit_params_new(trit_params **out, trit_device *device, const trit_params_opts *o, trit_error *err);
void trit_params_free(trit_params *p); /* NULL is fine */
/* A new parameter at the end, zeros; the name is GGUF's. */
trit_status trit_params_add(trit_param **out, trit_params *p, const char *name, const char *hf_name, uint32_t n_dims, const int64_t *shape, trit_error *err);
trit_param *trit_params_find(const trit_params *p, const char *name);           /* by either name; NULL: none */
trit_param *trit_params_of(const trit_params *p, const trit_weight *weight, bool bias); /* by its place; NULL: none */
uint64_t trit_params_n_elements(const trit_params *p);

/* ---- split.c ---- */

/* In w [n_rows, n_cols], the first source.n_rows * source.n_cols values are the file's; they become the master's. Nothing happens where both are one
 * shape. */
void trit_neurons_split(float *w, const trit_master *t, uint64_t seed);

/* ---- lora.c ---- */

/* Adapters for those parameters that are projections and targets, before the op list is written. Errors: arg (a target that
 * is none), unsupported (inside weights that are trits already), memory. */
trit_status trit_adapters_add(trit_params *p, const trit_adapter_opts *o, uint64_t seed, trit_error *err);
/* As PEFT has them, in a folder that exists; `base`: what the configuration says of the model. */
trit_status trit_adapters_save(const trit_params *p, const char *folder, const char *base, trit_error *err);
trit_status trit_adapters_load(trit_params *p, const char *folder, trit_error *err);

/* ---- linear.c ---- */

/* a b; with `in_bf16` by trit_tensor_matmul_bf16, where the two are matrices of F32. */
trit_status trit_train_matmul(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, bool in_bf16, trit_error *err);

typedef struct trit_linear_opts {
    bool is_ternary; /* x and w are quantized wholly, w with one scale a row */
    bool in_bf16;    /* products of floats, also on the way back */
} trit_linear_opts;

/* y = x w^T, recorded where x or the master has a record; w, which is the master or was made of it, stands for it in the walk: its gradient
 * is the master's. */
trit_status trit_linear_apply(trit_tensor **out, trit_tape *tape, const trit_tensor *x, const trit_tensor *w, const trit_tensor *master,
                              trit_linear_opts o, trit_error *err);

/* ---- forward.c ---- */

typedef struct trit_forward trit_forward;

typedef struct trit_forward_opts {
    trit_params *params;  /* borrowed */
    bool in_bf16;         /* products of floats */
    bool checkpoints;     /* layers are computed again on the way back instead of kept */
    uint32_t tapped;      /* layer, counted from 1, whose queries, keys and values can be had after a run; 0: none */
} trit_forward_opts;

trit_status trit_forward_new(trit_forward **out, const trit_forward_opts *o, trit_error *err);
void trit_forward_free(trit_forward *f); /* NULL is fine */
trit_tape *trit_forward_tape(const trit_forward *f); /* watches what is not frozen */
void trit_forward_begin(trit_forward *f, double lambda); /* from now on with this share of quantization, 0 ... 1 */
void trit_forward_changed(trit_forward *f);              /* masters are others: weights are quantized anew */
/* The final norm's output [T, dim], times the model's output factor; recorded unless the tape is paused. New; the caller frees. The walk back
 * comes before the next run. */
trit_status trit_forward_run(trit_tensor **out, trit_forward *f, const trit_train_batch *batch, trit_error *err);
/* What the attention of the tapped layer read in the last run, rotated as it reads them: [T, n_heads d], and [T, n_kv_heads d] twice; recorded
 * unless the tape was paused. The caller frees; a second call has NULLs. */
void trit_forward_take(trit_forward *f, trit_tensor *qkv[3]);
/* The master as the forward pass sees it: quantized where it is ternary. Borrowed until it changes. */
trit_status trit_forward_weight(trit_tensor **out, trit_forward *f, trit_param *p, trit_error *err);
/* Its trits times their scales, whatever the share of quantization. The caller frees. */
trit_status trit_forward_trits(trit_tensor **out, trit_forward *f, trit_param *p, trit_error *err);
/* What the final norm's output is multiplied with: the head, or the embeddings. */
trit_param *trit_forward_head(const trit_forward *f);

/* ---- loss.c ---- */

/* Of a block of tokens: their logits [n, vocab], F32 or F64, become d loss / d logits, divided by nothing; *sum: their losses. `first`: the
 * first of them in the batch, target[n] theirs. */
typedef trit_status trit_loss_block(void *user, trit_tensor *logits, int64_t first, const int32_t *target, double *sum, trit_error *err);

typedef struct trit_loss_opts {
    const int32_t *target;  /* [T], -1: does not count */
    double divisor;         /* of the sum of losses: the targets of the whole global batch */
    double *sum;            /* the undivided sum is added here; NULL: it is not asked for */
    bool in_bf16;           /* its products */
    trit_loss_block *block; /* instead of cross-entropy (distillation); NULL: cross-entropy */
    void *user;
} trit_loss_opts;

/* The sum over targets of -log softmax(x w^T)[target], divided; recorded where x or w is. Logits exist for a block of rows at a time, and the
 * gradients of x and w are made in the same pass. *out: new, one element of x's type. */
trit_status trit_head_loss(trit_tensor **out, const trit_tensor *x, const trit_tensor *w, const trit_loss_opts *o, trit_error *err);
/* A trit_loss_block; without the gradient, logits become log softmax. */
trit_status trit_cross_entropy(trit_tensor *logits, const int32_t *target, bool wants_gradient, double *sum, trit_error *err);

/* ---- loss_record.c ---- */

enum { trit_loss_max_in = 3 };

/* The tape, where a gradient of one of them is wanted; else NULL. */
trit_tape *trit_loss_tape(uint32_t n, const trit_tensor *const *in);
/* Records that the gradient of `loss` for in[i] is gradient[i] / divisor, which may be NULL where none is wanted. Takes the gradients: NULLs stay. */
trit_status trit_loss_record(trit_tape *tape, trit_tensor *loss, const char *name, uint32_t n, const trit_tensor *const *in, trit_tensor **gradient,
                             double divisor, trit_error *err);

#endif
