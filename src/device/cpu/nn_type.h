/* What layers do in one way for both types of floats. Included by nn.c once for each type, with
 *   T         float or double
 *   NAME(x)   x with the type's name behind it */

/* One head in place; sign -1 turns back. */
static void NAME(rotate)(T *x, const T *cosines, const T *sines, int64_t half, bool neox, T sign) {
    const int64_t step = neox ? 1 : 2, apart = neox ? half : 1;
    for (int64_t i = 0; i < half; i++) {
        const T a = x[i * step], b = x[i * step + apart], c = cosines[i], s = sign * sines[i];
        x[i * step] = a * c - b * s;
        x[i * step + apart] = b * c + a * s;
    }
}

/* RNE(w / g) is 0 up to 0.5, so that of all w only those beyond g / 2 become 1 or -1. A g that is not finite makes NaN of all. No branches: what
 * a weight becomes cannot be foretold. */
static void NAME(ternary_row)(T *y, const T *w, int64_t n, T g, T lambda) {
    for (int64_t i = 0; i < n; i++) y[i] = (T)((2 * w[i] > g) - (2 * w[i] < -g)) * g;
    for (int64_t i = 0; i < n && lambda != 1; i++) y[i] = w[i] + lambda * (y[i] - w[i]);
}

#undef T
#undef NAME
