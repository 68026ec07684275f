/* A counter-based generator (SplitMix64's finaliser over seed and counter): the value depends on (seed, counter) alone, so streams
 * can be entered anywhere and are the same on every machine. Steele, Lea, Flood: Fast Splittable Pseudorandom Number
 * Generators, OOPSLA 2014. Not for secrets. */
#ifndef TRIT_BASE_RNG_H
#define TRIT_BASE_RNG_H

#include <stdint.h>

static inline uint64_t trit_mix64(uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint64_t trit_rng_u64(uint64_t seed, uint64_t counter) {
    return trit_mix64(trit_mix64(seed + 0x9e3779b97f4a7c15u) + (counter + 1) * 0x9e3779b97f4a7c15u);
}

/* In [0, 1), 53 bits. */
static inline double trit_rng_unit(uint64_t seed, uint64_t counter) {
    return (double)(trit_rng_u64(seed, counter) >> 11) * 0x1p-53;
}

/* A seed for each name, so that what is drawn for one stays what it is whatever others there are. */
static inline uint64_t trit_rng_named(uint64_t seed, const char *name) {
    uint64_t h = trit_mix64(seed);
    for (; *name; name++) h = trit_mix64(h ^ (uint8_t)*name);
    return h;
}

#endif
