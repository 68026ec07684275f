/* Mean squared inputs of projections, by GGUF's name of the matrix. Collected by engine/calibrate.c, read by convert/. */
#ifndef TRIT_MODEL_IMPORTANCE_H
#define TRIT_MODEL_IMPORTANCE_H

#include "trit/quantize.h"

typedef struct trit_importance_row {
    char name[48];
    uint32_t n_cols;
    float *mean_square; /* owned, [n_cols] */
} trit_importance_row;

struct trit_importance {
    trit_importance_row *rows; /* owned, [n] */
    size_t n, capacity;
    uint64_t n_tokens;
};

/* A row of zeros for `name`, or NULL without memory. Borrowed. */
float *trit_importance_add(trit_importance *importance, const char *name, uint32_t n_cols);
const float *trit_importance_find(const trit_importance *importance, const char *name, uint64_t n_cols); /* NULL: none */

#endif
