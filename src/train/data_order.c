/* A shuffle as a function of its place: a Feistel network over the next even power of two, and again from there while the result is beyond n
 * (cycle walking; Black and Rogaway, Ciphers with Arbitrary Finite Domains, 2002). */
#include "base/rng.h"
#include "train/data_parts.h"

enum { n_rounds = 6 };

uint64_t trit_shuffled(uint64_t i, uint64_t n, uint64_t seed) {
    unsigned half = 1;
    while (half < 32 && (uint64_t)1 << 2 * half < n) half++;
    const uint64_t mask = ((uint64_t)1 << half) - 1;
    if (n < 2) return 0;
    do {
        uint64_t left = i >> half, right = i & mask;
        for (unsigned r = 0; r < n_rounds; r++) {
            const uint64_t next = left ^ (trit_rng_u64(seed + r, right) & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}
