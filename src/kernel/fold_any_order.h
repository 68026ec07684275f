/* Folds whose result does not depend on the order, of elements of type T into INTO. Included by fold_type.h for each such pair; LOOP(x) is
 * a function's name for it. */

typedef INTO LOOP(enter_fn)(T x);
typedef INTO LOOP(meet_fn)(INTO a, INTO b);

ALWAYS_INLINE void LOOP(run)(INTO *y, const T *x, size_t n, INTO nothing, LOOP(enter_fn) *enter, LOOP(meet_fn) *meet) {
    /* More than the compiler would take apart into single variables, which it then fails to put into vectors. */
    enum { lanes = 32, wide_lanes = 64, wide_from = 512 };
    INTO lane[lanes], value = nothing;
    size_t i = 0;
    if (n >= lanes) {
        for (size_t l = 0; l < lanes; l++) lane[l] = nothing;
        if (sizeof(INTO) == 4 && n >= wide_from) { /* twice as many vectors, since each waits for what it met before */
            INTO wide[wide_lanes];
            for (size_t l = 0; l < wide_lanes; l++) wide[l] = nothing;
            for (; i + wide_lanes <= n; i += wide_lanes)
                for (size_t l = 0; l < wide_lanes; l++) wide[l] = meet(wide[l], enter(x[i + l]));
            for (size_t l = 0; l < lanes; l++) lane[l] = meet(wide[l], wide[l + lanes]);
        }
        for (; i + lanes <= n; i += lanes)
            for (size_t l = 0; l < lanes; l++) lane[l] = meet(lane[l], enter(x[i + l]));
        for (size_t half = lanes / 2; half > 0; half /= 2)
            for (size_t l = 0; l < half; l++) lane[l] = meet(lane[l], lane[l + half]);
        value = lane[0];
    }
    for (; i < n; i++) value = meet(value, enter(x[i]));
    *y = value;
}

ALWAYS_INLINE void LOOP(rows)(INTO *to, const void *const *x, size_t n_rows, size_t n, LOOP(enter_fn) *enter, LOOP(meet_fn) *meet) {
    INTO y[trit_fold_columns];
    for (size_t r = 0; r < n_rows; r++) {
        const T *row = x[r];
        for (size_t j = 0; j < n; j++) y[j] = r ? meet(y[j], enter(row[j])) : enter(row[j]);
    }
    memcpy(to, y, n * sizeof *y);
}

#undef INTO
#undef LOOP
