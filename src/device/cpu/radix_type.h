/* Sorting of n elements of type E by the bytes [first, first + n_bytes) of KEY(e), 0 the lowest: stable, a pass for each byte, the lowest
 * first. Included once for each type by sort.c and sort_long.c; NAME(x) is a function's name for the type. */

/* A few elements, each to its place among those before. */
static void NAME(insert)(E *x, size_t n, unsigned first, unsigned n_bytes) {
    const uint64_t mask = (n_bytes == 8 ? UINT64_MAX : ((uint64_t)1 << 8 * n_bytes) - 1) << 8 * first;
    for (size_t i = 1; i < n; i++) {
        const E e = x[i];
        size_t j = i;
        for (; j > 0 && (KEY(x[j - 1]) & mask) > (KEY(e) & mask); j--) x[j] = x[j - 1];
        x[j] = e;
    }
}

/* Returns x or `spare`, which has as much room: where the result is. */
static E *NAME(radix)(E *x, E *spare, size_t n, unsigned first, unsigned n_bytes) {
    size_t count[8][256];
    if (n < few_elements) {
        NAME(insert)(x, n, first, n_bytes);
        return x;
    }
    memset(count, 0, n_bytes * sizeof count[0]);
    for (size_t i = 0; i < n; i++) {
        const uint64_t key = KEY(x[i]) >> 8 * first;
        for (unsigned b = 0; b < n_bytes; b++) count[b][key >> 8 * b & 255]++;
    }
    for (unsigned b = 0; b < n_bytes; b++) {
        const unsigned shift = 8 * (first + b);
        if (count[b][KEY(x[0]) >> shift & 255] == n) continue; /* all alike */
        size_t at = 0;
        for (size_t i = 0; i < 256; i++) {
            const size_t here = count[b][i];
            count[b][i] = at;
            at += here;
        }
        for (size_t i = 0; i < n; i++) spare[count[b][KEY(x[i]) >> shift & 255]++] = x[i];
        E *const result = spare;
        spare = x;
        x = result;
    }
    return x;
}
