/* Long rows of keys of type E, sorted in parts that fit the caches: keys are spread by their highest bits, parts by the rest. Included by
 * sort_long.c once for each type, behind radix_type.h. */

static void NAME(bound)(const E *x, size_t n, uint64_t *low, uint64_t *high) {
    E least = (E)*low, most = (E)*high;
    for (size_t i = 0; i < n; i++) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    *low = least;
    *high = most;
}

static void NAME(raise)(E *x, size_t n, uint64_t by) {
    for (size_t i = 0; i < n; i++) x[i] = (E)(x[i] + by);
}

static void NAME(count)(const E *x, size_t n, uint64_t low, unsigned shift, size_t *count) {
    for (size_t i = 0; i < n; i++) count[(KEY(x[i]) - low) >> shift]++;
}

/* to[at[part]++] = what each is above the lowest. */
static void NAME(spread)(const E *x, size_t n, uint64_t low, unsigned shift, size_t *at, E *to) {
    for (size_t i = 0; i < n; i++) {
        const E above = (E)(x[i] - low);
        to[at[above >> shift]++] = above;
    }
}

enum { NAME(most_passes) = 2 };

/* Digits of up to 11 bits, or 8 where more counters would cost more than a pass. */
static unsigned NAME(n_passes)(size_t n, unsigned bits) {
    const unsigned most = n < (1 << 12) ? 8 : most_digits;
    return (bits + most - 1) / most;
}

/* By their lowest bits, the others being alike. Returns x or `spare`: where the result is. */
static E *NAME(by_digits)(E *x, E *spare, size_t n, unsigned bits) {
    const unsigned n_passes = NAME(n_passes)(n, bits), digit = n_passes ? (bits + n_passes - 1) / n_passes : 0;
    const uint32_t mask = ((uint32_t)1 << digit) - 1;
    uint32_t at[NAME(most_passes)][1 << most_digits];
    for (unsigned p = 0; p < n_passes; p++) memset(at[p], 0, (mask + 1) * sizeof at[p][0]);
    for (size_t i = 0; i < n; i++)
        for (unsigned p = 0; p < n_passes; p++) at[p][x[i] >> p * digit & mask]++;
    for (unsigned p = 0; p < n_passes; p++) {
        uint32_t next = 0;
        for (uint32_t k = 0; k <= mask; k++) {
            const uint32_t here = at[p][k];
            at[p][k] = next;
            next += here;
        }
        for (size_t i = 0; i < n; i++) spare[at[p][x[i] >> p * digit & mask]++] = x[i];
        E *const result = spare;
        spare = x;
        x = result;
    }
    return x;
}

/* The same for any n and bits: spread by further bits until a few passes are left, or a few elements. */
static E *NAME(sorted)(E *x, E *spare, size_t n, unsigned bits) {
    enum { digit = 8, n_parts = 1 << digit };
    if (n < few_elements) {
        NAME(insert)(x, n, 0, sizeof(E));
        return x;
    }
    if (n <= cached_elements && NAME(n_passes)(n, bits) <= NAME(most_passes)) return NAME(by_digits)(x, spare, n, bits);
    if (bits <= digit) return NAME(radix)(x, spare, n, 0, 1);
    const unsigned shift = bits - digit;
    size_t at[n_parts] = {0}, begin = 0;
    for (size_t i = 0; i < n; i++) at[x[i] >> shift & (n_parts - 1)]++;
    for (size_t p = 0; p < n_parts; p++) {
        const size_t here = at[p];
        at[p] = begin;
        begin += here;
    }
    for (size_t i = 0; i < n; i++) spare[at[x[i] >> shift & (n_parts - 1)]++] = x[i];
    for (size_t p = 0, first = 0; p < n_parts; first = at[p++]) { /* at[p] is where part p ends by now */
        const size_t m = at[p] - first;
        const E *const part = NAME(sorted)(spare + first, x + first, m, shift);
        if (part != x + first) memcpy(x + first, part, m * sizeof *x);
    }
    return x;
}
