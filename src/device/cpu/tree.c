/* Pieces that wait for partners, as the digits of a binary counter: see kernel.h. */
#include "device/cpu/tree.h"

#include <assert.h>
#include <string.h>

enum into { into_wide, into_same, into_count };

trit_dtype trit_cpu_fold_into(trit_fold fold, trit_dtype type) {
    static const enum into rows[trit_n_folds] = {
#define TRIT_FOLD(name, into, meaning) [trit_fold_##name] = into_##into,
#include "tensor/folds.def"
#undef TRIT_FOLD
    };
    if (rows[fold] == into_same || (rows[fold] == into_wide && trit_dtype_is_float(type))) return type;
    return trit_dtype_i64;
}

/* How values meet that were folded already. */
static trit_fold meeting(trit_fold fold) {
    return fold == trit_fold_count_nonzero ? trit_fold_sum : fold;
}

void trit_cpu_tree_init(cpu_tree *t, const cpu_device *cpu, trit_fold fold, trit_dtype type, size_t n_columns) {
    t->cpu = cpu;
    t->fold = fold;
    t->type = type;
    t->into = trit_cpu_fold_into(fold, type);
    t->n_columns = n_columns;
    t->n_pieces = t->n_levels = 0;
}

void *trit_cpu_tree_next(cpu_tree *t) {
    assert(t->n_levels < trit_fold_levels);
    return t->level[t->n_levels];
}

/* The last level joins the one before. */
static void meet(cpu_tree *t) {
    unsigned char *a = t->level[t->n_levels - 2], *b = t->level[t->n_levels - 1];
    t->cpu->kernels->fold_rows(meeting(t->fold), t->into, a, (const void *const[]){a, b}, 2, t->n_columns);
    t->n_levels--;
}

void trit_cpu_tree_push(cpu_tree *t) {
    t->n_levels++;
    for (uint64_t pairs = t->n_pieces; pairs & 1; pairs >>= 1) meet(t);
    t->n_pieces++;
}

const void *trit_cpu_tree_end(cpu_tree *t) {
    while (t->n_levels > 1) meet(t);
    return t->level[0];
}

void trit_cpu_fold_view(const cpu_device *cpu, trit_fold fold, trit_dtype type, void *y, const trit_view *view, int64_t first, int64_t n) {
    if (n == 0 || (view->dtype == type && view->n_dims == 1 && view->stride[0] == 1)) {
        cpu->kernels->fold_run(fold, type, y, (const char *)view->data + first * (int64_t)trit_dtype_bytes(type), (size_t)n);
        return;
    }
    cpu_cursor c;
    cpu_tree t;
    trit_cpu_cursor_init(&c, cpu, view, type, first);
    trit_cpu_tree_init(&t, cpu, fold, type, 1);
    do {
        const int64_t piece = n < trit_cpu_block ? n : trit_cpu_block;
        const void *x = trit_cpu_cursor_load(&c, (size_t)piece);
        cpu->kernels->fold_run(fold, type, trit_cpu_tree_next(&t), x, (size_t)piece);
        trit_cpu_tree_push(&t);
        n -= piece;
    } while (n > 0);
    memcpy(y, trit_cpu_tree_end(&t), trit_dtype_bytes(t.into));
}
