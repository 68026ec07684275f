/* Distillation: a model that was trained already says how likely each token is, and the student learns that beside the text's own next token
 * (arXiv:1503.02531). For a counted token, with z the student's logits, p the distributions at temperature T, and d the share:
 *
 *     loss = (1 - d) (-log softmax(z)[target]) + d T^2 KL(p_teacher || p_student)
 *
 * and where attention is learnt, too (arXiv:2510.13998), with R heads of relations of queries, keys and values (arXiv:2012.15828) in one layer:
 *
 *     + attention / R sum over queries, keys, values and heads of KL(relations_teacher || relations_student)
 */
#ifndef TRIT_TRAIN_DISTILL_H
#define TRIT_TRAIN_DISTILL_H

#include "train/train.h"

typedef struct trit_teacher trit_teacher;

typedef struct trit_teacher_opts {
    const char *ref;    /* a model with float or ternary weights, as trit_model_open takes it */
    const trit_tokenizer *tokenizer; /* the student's: the teacher's has to be the same; NULL: only the number of tokens is compared */
    const trit_config *student; /* its sizes; borrowed for the call */
    uint32_t context;   /* tokens that one of a row sees at most, itself included */
    double temperature; /* > 0 */
    double share;       /* of the teacher in the loss, 0 to 1 */
    bool in_bf16;       /* its products of floats */
    double attention;   /* the weight above; 0: none is learnt */
    uint32_t layer;     /* of the student, counted from 1; the teacher's is as deep: that of the same share of its layers, rounded up */
    uint32_t n_heads;   /* of relations, which divide the widths of both models' queries and keys; 0: as many as heads of keys divide by */
} trit_teacher_opts;

/* The caller frees. Errors: arg (another vocabulary: names the first token that differs; a context that is shorter; heads that do not
 * divide a width), those of trit_model_open, memory. */
TRIT_MUST_CHECK trit_status trit_teacher_new(trit_teacher **out, trit_device *device, const trit_teacher_opts *o, trit_error *err);
void trit_teacher_free(trit_teacher *t); /* NULL is fine */

/* Looks at rows of a batch; until the next look trit_teacher_block, with the teacher for `user`, is their loss. */
TRIT_MUST_CHECK trit_status trit_teacher_look(trit_teacher *t, const trit_train_batch *rows, trit_error *err);
trit_loss_block trit_teacher_block;
/* What attention adds to their loss, divided, as trit_head_loss does: *out is recorded where `own`, the student's queries, keys and values of its
 * layer, are. NULL: none is learnt. */
TRIT_MUST_CHECK trit_status trit_teacher_attention(trit_tensor **out, const trit_teacher *t, trit_tensor *const own[3], const trit_train_batch *rows,
                                                   double divisor, double *sum, trit_error *err);

/* ---- relations.c ---- */

typedef struct trit_relation_opts {
    const trit_train_batch *rows; /* which tokens count, and which ones they see */
    uint32_t n_heads;
    double weight;  /* of the mean over heads */
    double divisor; /* of the sum over tokens and kinds */
    double *sum;    /* the undivided sum is added here; NULL: it is not asked for */
} trit_relation_opts;

/* Queries, keys and values of both models: F32 or F64 [T, width], whose widths n_heads divides. *out: new, one element. */
TRIT_MUST_CHECK trit_status trit_relation_loss(trit_tensor **out, trit_tensor *const own[3], trit_tensor *const theirs[3], const trit_relation_opts *o,
                                               trit_error *err);

#endif
