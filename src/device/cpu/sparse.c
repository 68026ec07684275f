/* A product of matrices of which one is mostly zeros, on the calling thread. A gradient that came back through a ReLU is, half of it and more, and so
 * are activations behind one once they are int8. Adding 0 times a finite number changes no sum that began at 0, so the zeros are left out and the bits are
 * those of the whole product; whether it pays is a guess from a sample, and decides nothing else.
 *
 * Rows of the sparse operand are laid out 64 columns at a time, with a bit for each that counts, and meet strips of the other one:
 *
 *     left [rows, 64]   right [64, width]  -->  sums [rows, columns], which stay in the second-level cache
 *
 * Where the right operand is the sparse one, the transposed product is computed. Rows of the right one that hold what is not finite count for all. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "device/cpu/matmul.h"
#include "kernel/turn.h"

enum {
    depth = trit_sparse_depth,
    most_width = trit_sparse_width,
    most_rows = 512,           /* of left at once: 128 KB */
    most_cols = 5 * most_width, /* of right: 120 KB */
    sums_bytes = 448 << 10,    /* rows by columns */
    least_macs = 1 << 21,      /* of a product that is worth a look */
    tile = 16,                 /* rows and columns that change places together */
    samples = 32,              /* rows and columns of a sample */
    least_zeros = 3,           /* of eight: beyond that leaving out pays */
};

typedef struct operand {
    const float *at;
    int64_t row, col; /* strides; one of them is 1 */
} operand;

typedef struct work {
    const trit_kernels *kernels;
    int64_t m, n, k;
    operand left, right;
    float *y;
    int64_t y_row, y_col;
    int64_t n_rows, n_cols, width; /* at once; columns of a strip */
    float *rows, *strips, *sums;   /* [n_rows, depth], [n_cols / width, depth, width], [n_rows, n_cols] */
    uint64_t *bits;                /* [n_rows] */
    uint64_t *always;              /* [stretches of k, strips]: rows of a strip that are not finite */
} work;

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t round_up(int64_t n, int64_t step) {
    return (n + step - 1) / step * step;
}

/* How many of each eight elements [m, n] are 0, by a sample. */
static int64_t zeros_in_eight(const operand *o, int64_t m, int64_t n) {
    int64_t zeros = 0;
    for (int64_t i = 0; i < samples; i++)
        for (int64_t j = 0; j < samples; j++) zeros += o->at[(i * m + j) / samples % m * o->row + j * n / samples * o->col] == 0;
    return zeros * 8 / (samples * samples);
}

/* [m, n] of left turned, a column of which is `stride` elements behind the one before it. */
static void turn(float *to, const float *from, int64_t stride, int64_t m, int64_t n) {
    const int64_t even_m = m / 2 * 2, even_n = n / 2 * 2;
    for (int64_t c = 0; c < even_n; c += 2)
        for (int64_t r = 0; r < even_m; r += 2) trit_turn_pairs(to + r * depth + c, depth * sizeof *to, from + c * stride + r, (size_t)stride * sizeof *to);
    for (int64_t r = 0; r < m; r++)
        for (int64_t c = r < even_m ? even_n : 0; c < n; c++) to[r * depth + c] = from[c * stride + r];
}

/* The same of a size that the compiler knows, while the lines that come `ahead` elements later are asked for; at the end some of these are none of
 * ours, and no pointers. */
static void turn_tile(float *to, const float *from, int64_t stride, int64_t ahead) {
    for (int64_t c = 0; c < tile; c += 2) {
        __builtin_prefetch((const void *)((uintptr_t)from + (uintptr_t)(ahead + c * stride) * sizeof *from));
        __builtin_prefetch((const void *)((uintptr_t)from + (uintptr_t)(ahead + (c + 1) * stride) * sizeof *from));
        for (int64_t r = 0; r < tile; r += 2) trit_turn_pairs(to + r * depth + c, depth * sizeof *to, from + c * stride + r, (size_t)stride * sizeof *to);
    }
}

/* Elements [m, n] of left, n <= depth; columns that there are not become zeros. */
static void lay_out_left(float *to, const operand *o, int64_t i, int64_t l, int64_t m, int64_t n, bool is_last) {
    const float *from = o->at + i * o->row + l * o->col;
    if (n < depth) memset(to, 0, (size_t)(m * depth) * sizeof *to);
    if (o->col == 1) {
        for (int64_t r = 0; r < m; r++) memcpy(to + r * depth, from + r * o->row, (size_t)n * sizeof *to);
        return;
    }
    const int64_t tiles_m = m / tile * tile, tiles_n = n / tile * tile;
    for (int64_t c = 0; c < tiles_n; c += tile)
        for (int64_t r = 0; r < tiles_m; r += tile)
            turn_tile(to + r * depth + c, from + c * o->col + r, o->col, is_last && c + tile == tiles_n ? 0 : tile * o->col);
    turn(to + tiles_n, from + tiles_n * o->col, o->col, m, n - tiles_n);
    turn(to + tiles_m * depth, from + tiles_m, o->col, m - tiles_m, tiles_n);
}

/* Pieces of a size that the compiler knows, since rows of strips are too short for memcpy to be quick. */
static void copy_row(float *to, const float *from, int64_t n) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) memcpy(to + i, from + i, 16 * sizeof *to);
    for (; i < n; i++) to[i] = from[i];
}

/* Elements [m, n] of right as strips; columns that there are not become zeros. */
static void lay_out_right(const work *w, int64_t l, int64_t j, int64_t m, int64_t n) {
    const operand *o = &w->right;
    const float *from = o->at + l * o->row + j * o->col;
    if (n < w->n_cols) memset(w->strips, 0, (size_t)(depth * w->n_cols) * sizeof *w->strips);
    for (int64_t r = 0; r < m && o->col == 1; r++)
        for (int64_t c = 0; c < n; c += w->width) copy_row(w->strips + c * depth + r * w->width, from + r * o->row + c, least(w->width, n - c));
    for (int64_t c = 0; c < n && o->col != 1; c++)
        trit_cpu_copy_strided((char *)(w->strips + c / w->width * w->width * depth + c % w->width), w->width, (const char *)(from + c * o->col), o->row,
                              (size_t)m, sizeof *from);
}

/* The rows of a strip that hold what is not finite. */
static uint64_t not_finite(const float *strip, int64_t m, int64_t width) {
    uint64_t bits = 0;
    for (int64_t r = 0; r < m; r++) {
        int bad = 0;
        for (int64_t c = 0; c < width; c++) bad |= !(fabsf(strip[r * width + c]) <= FLT_MAX);
        bits |= (uint64_t)bad << r;
    }
    return bits;
}

/* Rows [i, i + m) and columns [j, j + n) of the result. */
static void multiply(const work *w, int64_t i, int64_t m, int64_t j, int64_t n) {
    memset(w->sums, 0, (size_t)(m * w->n_cols) * sizeof *w->sums);
    for (int64_t l = 0; l < w->k; l += depth) {
        const int64_t d = least(depth, w->k - l);
        lay_out_left(w->rows, &w->left, i, l, m, d, l + depth >= w->k);
        lay_out_right(w, l, j, d, n);
        w->kernels->nonzeros(w->bits, w->rows, (size_t)m);
        for (int64_t c = 0; c < n; c += w->width) {
            const float *strip = w->strips + c * depth;
            uint64_t *always = &w->always[l / depth * (w->n_cols / w->width) + c / w->width];
            if (i == 0) *always = not_finite(strip, d, w->width);
            w->kernels->sparse_mul(&(trit_sparse_mul){.m = (uint32_t)m, .width = (uint32_t)w->width, .a = w->rows, .bits = w->bits,
                                                            .always = *always, .b = strip, .y = w->sums + c, .y_row = (size_t)w->n_cols});
        }
    }
    if (w->y_col == 1) {
        for (int64_t r = 0; r < m; r++) memcpy(w->y + (i + r) * w->y_row + j, w->sums + r * w->n_cols, (size_t)n * sizeof *w->y);
        return;
    }
    for (int64_t c = 0; c < n; c++)
        for (int64_t r = 0; r < m; r++) w->y[i + r + (j + c) * w->y_col] = w->sums[r * w->n_cols + c];
}

/* Strips as equal as they can be. */
static void divide(work *w) {
    const int64_t n = round_up(w->n, 16), cols = least(n, most_cols), n_strips = (cols + most_width - 1) / most_width;
    w->width = round_up((cols + n_strips - 1) / n_strips, 16);
    w->n_cols = round_up(cols, w->width);
    const int64_t rows = least(most_rows, sums_bytes / (w->n_cols * (int64_t)sizeof *w->sums)), n_parts = (w->m + rows - 1) / rows;
    w->n_rows = round_up((w->m + n_parts - 1) / n_parts, tile);
}

static bool run(work *w) {
    divide(w);
    const size_t n_stretches = (size_t)((w->k + depth - 1) / depth), n_strips = (size_t)(w->n_cols / w->width), n_rows = (size_t)w->n_rows;
    float *room = trit_alloc_aligned(n_rows * (size_t)(w->n_cols + depth) + (size_t)w->n_cols * depth, sizeof *room);
    uint64_t *bits = trit_alloc(n_rows + n_stretches * n_strips, sizeof *bits);
    if (room && bits) {
        w->sums = room;
        w->rows = room + w->n_rows * w->n_cols;
        w->strips = w->rows + w->n_rows * depth;
        w->bits = bits;
        w->always = bits + w->n_rows;
        for (int64_t j = 0; j < w->n; j += w->n_cols)
            for (int64_t i = 0; i < w->m; i += w->n_rows) multiply(w, i, least(w->n_rows, w->m - i), j, least(w->n_cols, w->n - j));
    }
    trit_free(room);
    trit_free(bits);
    return room && bits;
}

bool trit_cpu_product_sparse(const trit_kernels *kernels, const cpu_product *p) {
    if (p->type != trit_dtype_f32 || p->kind != cpu_product_matrix || p->k < depth || p->m < 16 || p->n < 16) return false;
    if ((double)p->m * (double)p->n * (double)p->k < least_macs) return false;
    const operand a = {.at = p->a, .row = p->a_row, .col = p->a_col}, b = {.at = p->b, .row = p->b_row, .col = p->b_col};
    const int64_t in_a = zeros_in_eight(&a, p->m, p->k), in_b = zeros_in_eight(&b, p->k, p->n);
    work w = {.kernels = kernels, .k = p->k, .y = p->y};
    if (in_a >= least_zeros && in_a >= in_b) {
        w.m = p->m, w.n = p->n, w.left = a, w.right = b, w.y_row = p->y_row, w.y_col = 1;
    } else if (in_b >= least_zeros) {
        w.m = p->n, w.n = p->m, w.y_row = 1, w.y_col = p->y_row;
        w.left = (operand){.at = p->b, .row = p->b_col, .col = p->b_row};
        w.right = (operand){.at = p->a, .row = p->a_col, .col = p->a_row};
    } else {
        return false;
    }
    return run(&w);
}
