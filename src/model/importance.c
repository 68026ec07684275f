/* The list of mean squared inputs, see importance.h. */
#include "model/importance.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

float *trit_importance_add(trit_importance *importance, const char *name, uint32_t n_cols) {
    void *p = importance->rows;
    if (!trit_grow(&p, &importance->capacity, importance->n + 1, sizeof *importance->rows)) return NULL;
    importance->rows = p;
    trit_importance_row *row = &importance->rows[importance->n];
    *row = (trit_importance_row){.n_cols = n_cols, .mean_square = trit_alloc_zero(n_cols, sizeof *row->mean_square)};
    if (!row->mean_square) return NULL;
    snprintf(row->name, sizeof row->name, "%s", name);
    importance->n++;
    return row->mean_square;
}

const float *trit_importance_find(const trit_importance *importance, const char *name, uint64_t n_cols) {
    for (size_t i = 0; importance && i < importance->n; i++)
        if (strcmp(importance->rows[i].name, name) == 0 && importance->rows[i].n_cols == n_cols) return importance->rows[i].mean_square;
    return NULL;
}

uint64_t trit_importance_tokens(const trit_importance *importance) {
    return importance->n_tokens;
}

void trit_importance_free(trit_importance *importance) {
    if (!importance) return;
    for (size_t i = 0; i < importance->n; i++) trit_free(importance->rows[i].mean_square);
    trit_free(importance->rows);
    trit_free(importance);
}
