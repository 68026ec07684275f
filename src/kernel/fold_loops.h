/* The order in which elements are folded, see kernel.h: lanes, blocks, pairs of blocks. Included by fold_type.h for each element type T
 * and each type INTO that it is folded into; LOOP(x) is a function's name for the pair. */

typedef INTO LOOP(enter_fn)(T x);
typedef INTO LOOP(meet_fn)(INTO a, INTO b);

/* At most a block. */
ALWAYS_INLINE INTO LOOP(block)(const T *x, size_t n, INTO nothing, LOOP(enter_fn) *enter, LOOP(meet_fn) *meet) {
    INTO lane[trit_fold_lanes];
    size_t i = 0;
    for (size_t l = 0; l < trit_fold_lanes; l++) lane[l] = nothing;
    for (; i + trit_fold_lanes <= n; i += trit_fold_lanes)
        for (size_t l = 0; l < trit_fold_lanes; l++) lane[l] = meet(lane[l], enter(x[i + l]));
    for (size_t l = 0; i + l < n; l++) lane[l] = meet(lane[l], enter(x[i + l]));
    for (size_t half = trit_fold_lanes / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lane[l] = meet(lane[l], lane[l + half]);
    return lane[0];
}

ALWAYS_INLINE void LOOP(run)(INTO *y, const T *x, size_t n, INTO nothing, LOOP(enter_fn) *enter, LOOP(meet_fn) *meet) {
    INTO level[trit_fold_levels]; /* of blocks that wait for a partner, the largest first */
    size_t n_levels = 0;
    for (size_t b = 0; b < n / trit_fold_block; b++) {
        INTO value = LOOP(block)(x + b * trit_fold_block, trit_fold_block, nothing, enter, meet);
        for (size_t pairs = b; pairs & 1; pairs >>= 1) value = meet(level[--n_levels], value);
        level[n_levels++] = value;
    }
    if (n % trit_fold_block) level[n_levels++] = LOOP(block)(x + n / trit_fold_block * trit_fold_block, n % trit_fold_block, nothing, enter, meet);
    if (n_levels == 0) level[n_levels++] = (INTO)(nothing + (INTO)0); /* the sum of nothing is +0 */
    INTO value = level[--n_levels];
    while (n_levels > 0) value = meet(level[--n_levels], value);
    *y = value;
}

/* Element j of the rows is a lane's j-th: columns take the steps of `block`, beside each other. */
ALWAYS_INLINE void LOOP(rows)(INTO *y, const void *const *x, size_t n_rows, size_t n, LOOP(enter_fn) *enter, LOOP(meet_fn) *meet) {
    INTO lane[trit_fold_lanes][trit_fold_columns];
    const size_t n_lanes = n_rows < trit_fold_lanes ? n_rows : trit_fold_lanes;
    for (size_t l = 0; l < n_lanes; l++) {
        const T *row = x[l];
        for (size_t j = 0; j < n; j++) lane[l][j] = enter(row[j]);
        for (size_t r = l + trit_fold_lanes; r < n_rows; r += trit_fold_lanes) {
            row = x[r];
            for (size_t j = 0; j < n; j++) lane[l][j] = meet(lane[l][j], enter(row[j]));
        }
    }
    for (size_t half = trit_fold_lanes / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half && l + half < n_lanes; l++)
            for (size_t j = 0; j < n; j++) lane[l][j] = meet(lane[l][j], lane[l + half][j]);
    for (size_t j = 0; j < n; j++) y[j] = lane[0][j];
}

#undef INTO
#undef LOOP
