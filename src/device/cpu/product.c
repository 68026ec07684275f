/* One product of matrices by our own kernel: panels of b, as wide as the kernel's vectors ask, are laid side by side where they stay in the
 * first-level cache while the rows of a, in parts that stay in the second, pass by. */
#include <string.h>

#include "device/cpu/matmul.h"

enum {
    panel_bytes = 128, /* of a row: two vectors of the widest tier */
    panel_depth = 192, /* rows of b: with 128 bytes each three quarters of a cache of 32 KB */
    rows_at_once = 252,
    few_rows = 8,      /* of a: fewer do not pay for laying out b */
};

/* Elements [rows, cols] of b side by side. */
static void lay_out(unsigned char *panel, const unsigned char *b, int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride, int64_t size) {
    for (int64_t l = 0; l < rows; l++, panel += panel_bytes) {
        const unsigned char *from = b + l * row_stride * size;
        if (col_stride == 1) {
            memcpy(panel, from, (size_t)(cols * size));
            continue;
        }
        for (int64_t j = 0; j < cols; j++) memcpy(panel + j * size, from + j * col_stride * size, (size_t)size);
    }
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* `rows` rows of y, by all of b. */
static void some_rows(const trit_kernels *kernels, const cpu_product *p, const unsigned char *a, unsigned char *y, int64_t rows) {
    _Alignas(64) unsigned char panel[panel_depth * panel_bytes];
    const int64_t size = (int64_t)trit_dtype_bytes(p->type), width = panel_bytes / size;
    const bool lays_out = p->b_col != 1 || rows >= few_rows;
    for (int64_t l = 0; l < p->k; l += panel_depth)
        for (int64_t j = 0; j < p->n; j += lays_out ? width : p->n) {
            trit_matmul q = {.type = p->type, .m = rows, .n = lays_out ? least(width, p->n - j) : p->n, .k = least(panel_depth, p->k - l),
                             .a = a + l * p->a_col * size, .a_row = p->a_row, .a_col = p->a_col, .b = panel, .b_row = width,
                             .y = y + j * size, .y_row = p->y_row};
            const unsigned char *b = (const unsigned char *)p->b + (l * p->b_row + j * p->b_col) * size;
            if (lays_out) {
                lay_out(panel, b, q.k, q.n, p->b_row, p->b_col, size);
            } else {
                q.b = b;
                q.b_row = p->b_row;
            }
            kernels->matmul(&q);
        }
}

void trit_cpu_product(const trit_kernels *kernels, const cpu_product *p) {
    const int64_t size = (int64_t)trit_dtype_bytes(p->type);
    for (int64_t i = 0; i < p->m; i += rows_at_once) {
        const int64_t rows = least(rows_at_once, p->m - i);
        unsigned char *y = (unsigned char *)p->y + i * p->y_row * size;
        for (int64_t r = 0; r < rows; r++) memset(y + r * p->y_row * size, 0, (size_t)(p->n * size));
        some_rows(kernels, p, (const unsigned char *)p->a + i * p->a_row * size, y, rows);
    }
}
