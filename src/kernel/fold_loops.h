/* Sums and products of floats of type T, in the order of kernel.h. Included by fold_type.h; LOOP(x) is a function's name for the type. */

typedef T LOOP(meet_fn)(T a, T b);

/* n elements, at most a block, and as many more that change `nothing` as make the lanes whole. */
ALWAYS_INLINE T LOOP(block)(const T *x, size_t n, T nothing, LOOP(meet_fn) *meet) {
    T lane[trit_fold_lanes], last[trit_fold_lanes];
    size_t i = 0;
    for (size_t l = 0; l < trit_fold_lanes; l++) lane[l] = nothing;
    for (; i + trit_fold_lanes <= n; i += trit_fold_lanes)
        for (size_t l = 0; l < trit_fold_lanes; l++) lane[l] = meet(lane[l], x[i + l]);
    if (i < n) {
        for (size_t l = 0; l < trit_fold_lanes; l++) last[l] = nothing;
        memcpy(last, x + i, (n - i) * sizeof *x);
        for (size_t l = 0; l < trit_fold_lanes; l++) lane[l] = meet(lane[l], last[l]);
    }
    for (size_t half = trit_fold_lanes / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lane[l] = meet(lane[l], lane[l + half]);
    return lane[0];
}

ALWAYS_INLINE void LOOP(run)(T *y, const T *x, size_t n, T nothing, LOOP(meet_fn) *meet) {
    T level[trit_fold_levels]; /* groups of blocks that wait for a partner, the largest first */
    size_t n_levels = 0;
    for (size_t b = 0; b * trit_fold_block < n; b++) {
        const size_t at = b * trit_fold_block, left = n - at;
        T value = LOOP(block)(x + at, left < trit_fold_block ? left : trit_fold_block, nothing, meet);
        for (size_t pairs = b; pairs & 1; pairs >>= 1) value = meet(level[--n_levels], value);
        level[n_levels++] = value;
    }
    if (n == 0) level[n_levels++] = nothing + 0; /* the sum of nothing is +0 */
    T value = level[--n_levels];
    while (n_levels > 0) value = meet(level[--n_levels], value);
    *y = value;
}

/* Columns take the steps of `block`, beside each other: element j of a row is the next of column j. */
ALWAYS_INLINE void LOOP(rows)(T *y, const void *const *x, size_t n_rows, size_t n, LOOP(meet_fn) *meet) {
    T lane[trit_fold_lanes][trit_fold_columns];
    for (size_t r = 0; r < n_rows; r++) {
        const T *restrict row = x[r];
        T *restrict to = lane[r % trit_fold_lanes];
        if (r < trit_fold_lanes)
            memcpy(to, row, n * sizeof *row);
        else
            for (size_t j = 0; j < n; j++) to[j] = meet(to[j], row[j]);
    }
    for (size_t half = trit_fold_lanes / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half && l + half < n_rows; l++) {
            const T *restrict from = lane[l + half];
            T *restrict to = lane[l];
            for (size_t j = 0; j < n; j++) to[j] = meet(to[j], from[j]);
        }
    memcpy(y, lane[0], n * sizeof *y);
}

#undef LOOP
