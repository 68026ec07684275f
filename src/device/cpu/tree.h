/* Folds of pieces, put together in the order of kernel.h: each piece is 2^k blocks, all of one k, the last one what is left. Pieces are
 * rows of up to trit_fold_columns values that are folded beside each other. */
#ifndef TRIT_DEVICE_CPU_TREE_H
#define TRIT_DEVICE_CPU_TREE_H

#include "device/cpu/calls.h"

typedef struct cpu_tree {
    const cpu_device *cpu;
    trit_fold fold;
    trit_dtype type;  /* of elements */
    trit_dtype into;  /* of values */
    size_t n_columns;
    uint64_t n_pieces;
    size_t n_levels;
    _Alignas(64) unsigned char level[trit_fold_levels][trit_fold_columns * sizeof(int64_t)];
} cpu_tree;

/* The type that elements of `type` are folded into. */
trit_dtype trit_cpu_fold_into(trit_fold fold, trit_dtype type);

void trit_cpu_tree_init(cpu_tree *t, const cpu_device *cpu, trit_fold fold, trit_dtype type, size_t n_columns);
/* Where the next piece's values [n_columns] may be written; push then takes them in. */
void *trit_cpu_tree_next(cpu_tree *t);
void trit_cpu_tree_push(cpu_tree *t);
/* All pieces' values together; one piece at least. */
const void *trit_cpu_tree_end(cpu_tree *t);

/* Folds a view of any number of elements, or n of them from `first` on, a multiple of trit_cpu_block. */
void trit_cpu_fold_view(const cpu_device *cpu, trit_fold fold, trit_dtype type, void *y, const trit_view *view, int64_t first, int64_t n);

#endif
