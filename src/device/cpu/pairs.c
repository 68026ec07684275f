/* Operands of products in bfloat16: floats become words of two neighbours along the dimension that is summed over. All of them once, before the product is
 * divided among many members; few make them while they lay out (product.c). Kernels write and read the words as halves and as floats: they are files of
 * their own, and nothing else looks into them. */
#include "base/alloc.h"
#include "base/error.h"
#include "device/cpu/matmul.h"

typedef struct pair_work {
    const trit_kernels *kernels;
    const float *x;
    int64_t x_stride, n; /* of rows; elements of one */
    uint32_t *y;         /* [rows, width] */
    int64_t width;
    int64_t n_rows;      /* of x */
} pair_work;

/* Pairs lie along the rows: each row by itself. */
static void pair_neighbours(void *arg, int64_t first, int64_t last) {
    const pair_work *w = arg;
    for (int64_t r = first; r < last; r++) {
        uint16_t *y = (uint16_t *)(w->y + r * w->width);
        w->kernels->bf16_round(y, w->x + r * w->x_stride, (size_t)w->n);
        if (w->n % 2) y[w->n] = 0;
    }
}

/* Pairs lie across: rows 2 r and 2 r + 1 become row r. */
static void pair_rows(void *arg, int64_t first, int64_t last) {
    const pair_work *w = arg;
    for (int64_t r = first; r < last; r++) {
        const float *even = w->x + 2 * r * w->x_stride;
        uint32_t *y = w->y + r * w->width;
        const bool is_alone = 2 * r + 1 == w->n_rows;
        w->kernels->bf16_pairs(y, even, is_alone ? even : even + w->x_stride, (size_t)w->n);
        for (int64_t i = 0; i < w->n && is_alone; i++) y[i] &= 0xffffu;
    }
}

trit_status trit_cpu_pair_up(cpu_device *cpu, trit_view *x, uint32_t dim, trit_error *err) {
    const uint32_t other = 1 - dim, along = x->stride[dim] == 1 ? dim : other; /* `along`: neighbours of memory */
    pair_work w = {.kernels = cpu->kernels, .x = x->data, .x_stride = x->stride[1 - along], .n = x->shape[along], .n_rows = x->shape[1 - along]};
    const int64_t n_pairs = (x->shape[dim] + 1) / 2, n_rows = along == dim ? x->shape[other] : n_pairs;
    w.width = along == dim ? n_pairs : x->shape[other];
    w.y = trit_alloc_aligned((size_t)(n_rows * w.width), sizeof *w.y);
    if (!w.y) return trit_error_memory(err, (uint64_t)(n_rows * w.width) * sizeof *w.y, "pairs for a product of matrices");
    trit_cpu_share(cpu, n_rows, 1, trit_cpu_work(n_rows, 2 * w.width), along == dim ? pair_neighbours : pair_rows, &w);
    x->data = w.y;
    x->shape[dim] = n_pairs;
    x->stride[along] = 1;
    x->stride[1 - along] = w.width;
    return trit_ok;
}
