/* One product of matrices by our own kernel, with its operands laid out as that reads them, once each:
 *
 *     b, depth x columns   panels as wide as the widest tier's two vectors; one of them stays in the first-level cache
 *     a, rows x depth      tiles of row_tile rows, column after column; a part of them stays in the second-level cache
 *
 * For each stretch of depth all panels are laid out, then part by part the tiles, and each panel meets all tiles of the part. Where rows lie far
 * apart or across memory few of their lines would fit the caches together, and six rows at once are more streams than are fetched ahead.
 *
 * Few rows of a stay where they lie. So does b, unless it lies across memory: then there is one panel at a time, since none is read twice.
 *
 * Floats that are to be multiplied as bfloat16 pairs become pairs on the way, so that they are read once, and no pairs are written that have to be read
 * again. */
#include <string.h>

#include "base/alloc.h"
#include "device/cpu/matmul.h"
#include "kernel/turn.h"

enum {
    panel_bytes = 128,    /* of a row: two vectors of the widest tier */
    panel_depth = 192,    /* rows of b: with 128 bytes each three quarters of a cache of 32 KB */
    rows_at_once = 252,   /* of a: with that depth 190 KB of floats */
    cols_at_once = 4096,  /* of b: with that depth 3 MB of floats */
    rows_ahead = 16,      /* that are asked for while b is laid out */
    pairs_ahead = 4,      /* pairs of rows, while they become pairs */
};

enum { row_tile = trit_cpu_product_rows };

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Four columns of 4-byte elements, each of neighbours; `stride` bytes apart. */
static void lay_out_four(unsigned char *to, const unsigned char *from, int64_t stride, int64_t rows) {
    for (int64_t l = 0; l < rows; l++, to += panel_bytes, from += 4) {
        memcpy(to, from, 4);
        memcpy(to + 4, from + stride, 4);
        memcpy(to + 8, from + 2 * stride, 4);
        memcpy(to + 12, from + 3 * stride, 4);
    }
}

/* Elements [rows, cols] of b side by side. */
static void lay_out_panel(unsigned char *panel, const unsigned char *b, int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride,
                          int64_t size) {
    if (col_stride == 1 && cols * size == panel_bytes) { /* a size that the compiler knows */
        for (int64_t l = 0; l < rows; l++) {
            const unsigned char *ahead = b + least(l + rows_ahead, rows - 1) * row_stride * size;
            __builtin_prefetch(ahead);
            __builtin_prefetch(ahead + trit_cache_line);
            memcpy(panel + l * panel_bytes, b + l * row_stride * size, panel_bytes);
        }
        return;
    }
    int64_t j = 0;
    for (; row_stride == 1 && size == 4 && j + 4 <= cols; j += 4)
        lay_out_four(panel + 4 * j, b + 4 * j * col_stride, 4 * col_stride, rows);
    for (; j < cols; j++)
        trit_cpu_copy_strided((char *)panel + j * size, panel_bytes / size, (const char *)b + j * col_stride * size, row_stride, (size_t)rows,
                              (size_t)size);
}

/* Tiles of 4-byte elements whose rows lie along memory, `stride` bytes apart. */
static void lay_out_rows(unsigned char *tile, const unsigned char *a, int64_t depth, int64_t stride) {
    for (int64_t l = 0; l + 2 <= depth; l += 2, tile += 2 * row_tile * 4, a += 2 * 4)
        for (int64_t i = 0; i < row_tile; i += 2) trit_turn_pairs(tile + 4 * i, 4 * row_tile, a + i * stride, (size_t)stride);
    for (int64_t i = 0; i < row_tile && depth % 2; i++) memcpy(tile + 4 * i, a + i * stride, 4);
}

/* The same where rows stand beside each other: all tiles of a column, then the next. */
static void lay_out_cols(unsigned char *tiles, const unsigned char *a, int64_t n_tiles, int64_t depth, int64_t stride) {
    for (int64_t l = 0; l < depth; l++)
        for (int64_t i = 0; i < n_tiles; i++) memcpy(tiles + (i * depth + l) * row_tile * 4, a + l * stride + i * row_tile * 4, row_tile * 4);
}

/* Elements [rows, depth] of a. */
static void lay_out_tiles(unsigned char *tiles, const unsigned char *a, int64_t rows, int64_t depth, int64_t row_stride, int64_t col_stride,
                          int64_t size) {
    int64_t i = size == 4 && (row_stride == 1 || col_stride == 1) ? rows / row_tile * row_tile : 0;
    if (i && row_stride == 1)
        lay_out_cols(tiles, a, i / row_tile, depth, col_stride * 4);
    else
        for (int64_t r = 0; r < i; r += row_tile) lay_out_rows(tiles + r * depth * 4, a + r * row_stride * 4, depth, row_stride * 4);
    for (; i < rows; i++)
        trit_cpu_copy_strided((char *)tiles + (i / row_tile * depth * row_tile + i % row_tile) * size, row_tile, (const char *)a + i * row_stride * size,
                              col_stride, (size_t)depth, (size_t)size);
}

/* The odd numbers of n pairs that have none. */
static void clear_odd(uint32_t *pairs, int64_t n) {
    for (int64_t i = 0; i < n; i++) pairs[i] &= 0xffffu;
}

/* Rows of floats that are wanted soon. */
typedef struct soon {
    const char *row;
    int64_t stride, bytes, at, n_rows; /* `at`: within the row */
} soon;

static int64_t lines_of(const soon *s) {
    return s->n_rows * ((s->bytes + trit_cache_line - 1) / trit_cache_line);
}

/* Into the second level. */
static void ask_for(soon *s, int64_t n_lines) {
    for (; n_lines > 0 && s->n_rows > 0; n_lines--) {
        __builtin_prefetch(s->row + s->at, 0, 2);
        s->at += trit_cache_line;
        if (s->at < s->bytes) continue;
        s->at = 0;
        s->row += s->stride;
        s->n_rows--;
    }
}

/* What has been laid out of a product. */
typedef struct layout {
    const trit_kernels *kernels;
    const cpu_product *p;
    int64_t size, width;   /* bytes of an element; columns of a panel */
    int64_t l, depth;      /* columns of a, rows of b */
    int64_t j, cols;       /* of b */
    unsigned char *panels; /* [panels, panel_depth, panel_bytes] */
    unsigned char *tiles;  /* [tiles, depth, row_tile] of some rows; NULL: they are few, or there is no room, and are read where they lie */
    uint32_t *pairs;       /* [panel_bytes / 4, panel_depth] on the way */
    soon a_soon, b_soon;   /* of floats, the next stretch of depth: memory has nothing else to do while the kernel computes */
    int64_t n_soon;        /* lines of each for a call of the kernel */
} layout;

/* Of stretch l, depth: floats. */
static int64_t n_floats(const layout *o) {
    return least(2 * o->depth, o->p->n_floats - 2 * o->l);
}

/* Neighbours become pairs, at o->pairs + at. */
static void pair_neighbours(const layout *o, int64_t at, const float *x) {
    uint16_t *y = (uint16_t *)(void *)(o->pairs + at);
    const int64_t n = n_floats(o);
    o->kernels->bf16_round(y, x, (size_t)n);
    if (n % 2) memset(y + n, 0, sizeof *y);
}

/* n columns of rows 2 l and 2 l + 1 of the stretch, `stride` apart, become row l. */
static void pair_two_rows(const layout *o, uint32_t *y, const float *x, int64_t l, int64_t stride, int64_t n) {
    const bool is_alone = 2 * l + 1 == n_floats(o);
    const float *even = x + 2 * l * stride, *ahead = even + pairs_ahead * 2 * stride;
    for (int64_t i = 0; i < n && 2 * (l + pairs_ahead) + 1 < n_floats(o); i += trit_cache_line / 4) {
        __builtin_prefetch(ahead + i);
        __builtin_prefetch(ahead + stride + i);
    }
    o->kernels->bf16_pairs(y, even, is_alone ? even : even + stride, (size_t)n);
    if (is_alone) clear_odd(y, n);
}

/* Floats of b as panels of pairs: rows in the order of memory, whatever is made of them, or panel by panel where columns are what is there. */
static void pair_panels(const layout *o) {
    const cpu_product *p = o->p;
    const float *b = (const float *)p->b + 2 * o->l * p->b_row + o->j * p->b_col;
    for (int64_t l = 0; l < o->depth && p->b_col == 1; l++)
        for (int64_t j = 0; j < o->cols; j += o->width)
            pair_two_rows(o, (uint32_t *)(void *)(o->panels + (j / o->width * panel_depth + l) * panel_bytes), b + j, l, p->b_row,
                          least(o->width, o->cols - j));
    for (int64_t j = 0; j < o->cols && p->b_col != 1; j += o->width) {
        const int64_t cols = least(o->width, o->cols - j);
        for (int64_t c = 0; c < cols; c++) pair_neighbours(o, c * o->depth, b + (j + c) * p->b_col);
        lay_out_panel(o->panels + j / o->width * panel_depth * panel_bytes, (const unsigned char *)o->pairs, o->depth, cols, 1, o->depth, 4);
    }
}

/* Floats [rows, ...] of a as tiles of pairs. */
static void pair_tiles(const layout *o, const float *a, int64_t rows) {
    const cpu_product *p = o->p;
    if (p->a_row == 1 && p->a_col != 1) {
        for (int64_t l = 0; l < o->depth; l++) {
            pair_two_rows(o, o->pairs, a, l, p->a_col, rows);
            unsigned char *tile = o->tiles + l * row_tile * 4;
            int64_t i = 0;
            for (; i + row_tile <= rows; i += row_tile, tile += o->depth * row_tile * 4) memcpy(tile, o->pairs + i, row_tile * 4);
            if (i < rows) memcpy(tile, o->pairs + i, (size_t)(rows - i) * 4);
        }
        return;
    }
    for (int64_t r = 0; r < rows; r += row_tile) {
        const int64_t n = least(row_tile, rows - r);
        for (int64_t i = 0; i < n; i++) pair_neighbours(o, i * o->depth, a + (r + i) * p->a_row);
        lay_out_tiles(o->tiles + r * o->depth * 4, (const unsigned char *)o->pairs, n, o->depth, o->depth, 1, 4);
    }
}

static void lay_out_b(const layout *o) {
    const cpu_product *p = o->p;
    for (int64_t j = 0; j < o->cols; j += o->width)
        lay_out_panel(o->panels + j / o->width * panel_depth * panel_bytes, (const unsigned char *)p->b + (o->l * p->b_row + (o->j + j) * p->b_col) * o->size,
                      o->depth, least(o->width, o->cols - j), p->b_row, p->b_col, o->size);
}

/* Where rows are what lies along memory; elsewhere a stretch is few lines of many rows. */
static void look_ahead(layout *o) {
    const cpu_product *p = o->p;
    const int64_t l = 2 * (o->l + o->depth), n_rows = least(2 * o->depth, p->n_floats - l);
    const int64_t n_calls = (p->m + row_tile - 1) / row_tile * ((p->n + o->width - 1) / o->width);
    if (n_rows <= 0 || p->a_row != 1 || p->b_col != 1) return;
    o->a_soon = (soon){.row = (const char *)((const float *)p->a + l * p->a_col), .stride = p->a_col * 4, .bytes = p->m * 4, .n_rows = n_rows};
    o->b_soon = (soon){.row = (const char *)((const float *)p->b + l * p->b_row), .stride = p->b_row * 4, .bytes = p->n * 4, .n_rows = n_rows};
    o->n_soon = (lines_of(&o->a_soon) + lines_of(&o->b_soon)) / n_calls + 1;
}

/* All panels by rows [i, i + rows) of a, which are laid out first. */
static void multiply_rows(layout *o, int64_t i, int64_t rows) {
    const cpu_product *p = o->p;
    const unsigned char *a = (const unsigned char *)p->a + (i * p->a_row + o->l * p->a_col) * o->size;
    trit_matmul q = {.type = p->type, .k = o->depth, .a_row = o->tiles ? 1 : p->a_row, .a_col = o->tiles ? row_tile : p->a_col, .y_row = p->y_row,
                     .b_row = o->width, .from_zero = o->l == 0};
    if (o->pairs)
        pair_tiles(o, (const float *)p->a + i * p->a_row + 2 * o->l * p->a_col, rows);
    else if (o->tiles)
        lay_out_tiles(o->tiles, a, rows, o->depth, p->a_row, p->a_col, o->size);
    for (int64_t j = 0; j < o->cols; j += o->width) {
        q.n = least(o->width, o->cols - j);
        q.b = o->panels + j / o->width * panel_depth * panel_bytes;
        for (int64_t r = 0; r < rows; r += q.m) {
            q.m = o->tiles ? least(row_tile, rows - r) : rows;
            q.a = o->tiles ? o->tiles + r * o->depth * o->size : a;
            q.y = (unsigned char *)p->y + ((i + r) * p->y_row + o->j + j) * o->size;
            (p->are_pairs ? o->kernels->bf16_matmul : o->kernels->matmul)(&q);
            ask_for(o->b_soon.n_rows ? &o->b_soon : &o->a_soon, o->n_soon);
        }
    }
}

/* Equal parts of at most so many, in multiples of `step`. */
static int64_t part_of(int64_t whole, int64_t most, int64_t step) {
    const int64_t n = (whole + most - 1) / most, part = (whole + n - 1) / n;
    return (part + step - 1) / step * step;
}

static void by_layout(const trit_kernels *kernels, const cpu_product *p, int64_t size) {
    _Alignas(64) unsigned char one_panel[panel_depth * panel_bytes], one_tile[panel_depth * row_tile * sizeof(float)];
    uint32_t pairs[panel_depth * panel_bytes / sizeof(uint32_t)];
    const int64_t width = panel_bytes / size, cols = least(cols_at_once, (p->n + width - 1) / width * width);
    const int64_t depth = part_of(p->k, panel_depth, 1);
    int64_t rows = part_of(p->m, rows_at_once, row_tile);
    const bool to_pairs = p->are_pairs && p->n_floats, few = p->m < trit_cpu_product_few && !to_pairs;
    unsigned char *tiles = few ? NULL : trit_alloc_aligned((size_t)(depth * rows), (size_t)size);
    unsigned char *panels = few ? NULL : trit_alloc_aligned((size_t)(cols / width), panel_depth * panel_bytes);
    layout o = {.kernels = kernels, .p = p, .size = size, .width = width, .tiles = tiles, .panels = panels ? panels : one_panel,
                .pairs = to_pairs ? pairs : NULL};
    if (to_pairs && !tiles) { /* floats are no pairs where they lie */
        o.tiles = one_tile;
        rows = row_tile;
    }
    for (o.l = 0; o.l < p->k; o.l += o.depth) {
        o.depth = least(depth, p->k - o.l);
        if (to_pairs) look_ahead(&o);
        for (o.j = 0; o.j < p->n; o.j += o.cols) {
            o.cols = least(panels ? cols : width, p->n - o.j);
            (o.pairs ? pair_panels : lay_out_b)(&o);
            for (int64_t i = 0; i < p->m; i += rows) multiply_rows(&o, i, least(rows, p->m - i));
        }
    }
    trit_free(tiles);
    trit_free(panels);
}

void trit_cpu_product(const trit_kernels *kernels, const cpu_product *p) {
    const int64_t size = (int64_t)trit_dtype_bytes(p->type);
    if (!p->are_pairs && trit_cpu_product_sparse(kernels, p)) return;
    if (p->m >= trit_cpu_product_few || p->b_col != 1 || (p->are_pairs && p->n_floats)) {
        by_layout(kernels, p, size);
        return;
    }
    const trit_matmul q = {.type = p->type, .m = p->m, .n = p->n, .k = p->k, .a = p->a, .a_row = p->a_row, .a_col = p->a_col,
                           .b = p->b, .b_row = p->b_row, .y = p->y, .y_row = p->y_row, .from_zero = true};
    (p->are_pairs ? kernels->bf16_matmul : kernels->matmul)(&q);
}
