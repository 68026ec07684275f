/* Blocks of scores for one type of floats. Included by nn_attention.c once for each type, with
 *   T         float or double
 *   NAME(x)   x with the type's name behind it
 *
 * A block is s[key][query], attend_block columns: what happens to queries beside each other is one loop over neighbours. */

/* Nothing seen, nothing summed up. */
static void NAME(begin)(T *most, T *sum) {
    for (int c = 0; c < attend_block; c++) {
        most[c] = -(T)INFINITY;
        sum[c] = 0;
    }
}

/* Scores of keys that a query does not see. */
static void NAME(hide)(T *s, int64_t n_keys, int64_t key0, const block *b) {
    for (int64_t i = 0; i < n_keys; i++, s += attend_block) {
        const int64_t key = key0 + i;
        for (int64_t c = 0; c < key - b->t; c++) s[c] = -(T)INFINITY;
        for (int64_t c = 0; c < b->n && key < b->all_see; c++)
            if (key < b->first[c]) s[c] = -(T)INFINITY;
    }
}

static void NAME(scale_rows)(T *y, int64_t y_row, const T *x, const T *by, int64_t n, int64_t d) {
    for (int64_t c = 0; c < n; c++)
        for (int64_t j = 0; j < d; j++) y[c * y_row + j] = x[c * d + j] * by[c];
}

/* n rows times a factor as columns, others 0. */
static void NAME(turn)(T *y, const T *x, int64_t x_row, int64_t n, int64_t d, double factor) {
    for (int64_t j = 0; j < d; j++)
        for (int64_t c = 0; c < attend_block; c++) y[j * attend_block + c] = c < n ? x[c * x_row + j] * (T)factor : 0;
}

/* delta = dy . y, and the logarithms of sums, of n rows; others 0. */
static void NAME(deltas)(T *delta, T *log_sum, const T *dy, const T *y, int64_t row, const T *log_sums, int64_t sums_row, int64_t n, int64_t d) {
    for (int64_t c = 0; c < attend_block; c++) {
        delta[c] = 0;
        log_sum[c] = c < n ? log_sums[c * sums_row] : 0;
        for (int64_t j = 0; j < d && c < n; j++) delta[c] += dy[c * row + j] * y[c * row + j];
    }
}

/* The result of a block of queries, from what was summed up. */
static void NAME(finish)(T *y, int64_t y_row, T *log_sums, int64_t sums_row, const T *o, T *most, T *sum, int64_t n, int64_t d) {
    for (int64_t c = 0; c < n; c++) log_sums[c * sums_row] = most[c] + (T)trit_log((double)sum[c]);
    for (int64_t c = 0; c < n; c++) sum[c] = 1 / sum[c];
    NAME(scale_rows)(y, y_row, o, sum, n, d);
}

#undef T
#undef NAME
