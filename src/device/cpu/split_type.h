/* Keys of type E by their bits. Long rows are sorted in parts that fit the caches: keys are spread by their highest bits, parts by the rest. Included by
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

/* By their bits [shift, shift + bits), at most two digits of them, those above being alike. Returns x or `spare`: where the result is. */
static E *NAME(by_digits)(E *x, E *spare, size_t n, unsigned shift, unsigned bits) {
    enum { most_passes = 2 };
    const unsigned n_passes = bits > digit_of(n) ? 2 : bits ? 1 : 0, digit = n_passes ? (bits + n_passes - 1) / n_passes : 0;
    const uint32_t mask = ((uint32_t)1 << digit) - 1;
    uint32_t at[most_passes][1 << most_digits];
    for (unsigned p = 0; p < n_passes; p++) memset(at[p], 0, (mask + 1) * sizeof at[p][0]);
    for (size_t i = 0; i < n; i++)
        for (unsigned p = 0; p < n_passes; p++) at[p][x[i] >> (shift + p * digit) & mask]++;
    for (unsigned p = 0; p < n_passes; p++) {
        uint32_t next = 0;
        for (uint32_t k = 0; k <= mask; k++) {
            const uint32_t here = at[p][k];
            at[p][k] = next;
            next += here;
        }
        for (size_t i = 0; i < n; i++) spare[at[p][x[i] >> (shift + p * digit) & mask]++] = x[i];
        E *const result = spare;
        spare = x;
        x = result;
    }
    return x;
}

static E *NAME(sorted)(E *x, E *spare, size_t n, unsigned bits);

/* Puts runs of keys whose bits from `shift` on are alike in order; they are short, as a rule. */
static void NAME(finish_runs)(E *x, E *spare, size_t n, unsigned shift) {
    for (size_t i = 1; i < n; i++) {
        if ((x[i] ^ x[i - 1]) >> shift) continue;
        const size_t first = i - 1;
        while (i < n && (x[i] ^ x[first]) >> shift == 0) i++;
        const E *const run = NAME(sorted)(x + first, spare + first, i - first, shift);
        if (run != x + first) memcpy(x + first, run, (i - first) * sizeof *x);
    }
}

/* By their lowest bits, the others being alike. Up to cached_bytes two passes spread them so far that few are left together, whatever the number
 * of bits; more are spread first. Returns x or `spare`: where the result is. */
static E *NAME(sorted)(E *x, E *spare, size_t n, unsigned bits) {
    enum { digit = 8, n_parts = 1 << digit, thin = 3 }; /* thin: 2^3 places for a key */
    if (n < few_elements) {
        NAME(insert)(x, n, 0, sizeof(E));
        return x;
    }
    if (n <= cached_bytes / sizeof(E)) {
        unsigned most = thin;
        while (n >> (most - thin)) most++;
        const unsigned shift = bits > most && bits > 2 * digit_of(n) ? bits - most : 0;
        E *const y = NAME(by_digits)(x, spare, n, shift, bits - shift);
        if (shift) NAME(finish_runs)(y, y == x ? spare : x, n, shift);
        return y;
    }
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

/* Any keys, in two arrays of n. Returns where they are, in order. */
static E *NAME(sort)(E *x, E *spare, size_t n) {
    uint64_t low = UINT64_MAX, high = 0;
    if (n < few_elements) return NAME(sorted)(x, spare, n, 0);
    NAME(bound)(x, n, &low, &high);
    NAME(raise)(x, n, 0 - low);
    E *const y = NAME(sorted)(x, spare, n, bits_below(high - low));
    NAME(raise)(y, n, low);
    return y;
}
