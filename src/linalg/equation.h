/* Equations of einsum, "bij,bjk->bik": a letter for each dimension of each operand; "..." for those in front that are not named. */
#ifndef TRIT_LINALG_EQUATION_H
#define TRIT_LINALG_EQUATION_H

#include "tensor/tensor.h"

/* Dimensions have numbers: 0 to 51 the letters, A first; behind them those of an ellipsis, the last one first. */
enum { trit_einsum_letters = 52, trit_einsum_labels = trit_einsum_letters + trit_max_dims, trit_einsum_max_operands = 8 };

typedef struct trit_labels {
    uint32_t n;
    uint8_t label[trit_max_dims];
} trit_labels;

typedef struct trit_equation {
    uint32_t n_operands;
    trit_labels operand[trit_einsum_max_operands], result;
    int64_t size[trit_einsum_labels]; /* of each dimension; 1 where it does not occur */
} trit_equation;

/* Reads the text for operands of these shapes. Errors: arg, naming what is wrong in the text or between it and the shapes. */
trit_status trit_equation_read(trit_equation *out, const char *text, uint32_t n, const trit_tensor *const *operands, trit_error *err);

#endif
