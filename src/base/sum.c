/* Four lanes, each word multiplied into the next of them: the multiplier works on four words at once. A step is one to one in its lane and in
 * its word, and so is the end, so no change of one word can be lost. */
#include "base/sum.h"

#include <string.h>

#include "base/rng.h"

enum { n_lanes = 4 };

static uint64_t step(uint64_t lane, uint64_t word) {
    lane = (lane ^ word) * 0x9e3779b97f4a7c15u; /* odd: 2^64 over the golden ratio */
    return lane << 29 | lane >> 35;
}

uint64_t trit_sum_number(uint64_t sum, uint64_t v) {
    return trit_mix64(sum ^ trit_mix64(v + 0x9e3779b97f4a7c15u));
}

uint64_t trit_sum_bytes(uint64_t sum, const void *data, size_t n) {
    uint64_t lane[n_lanes], word[n_lanes] = {0};
    const uint8_t *p = data;
    for (uint64_t i = 0; i < n_lanes; i++) lane[i] = trit_mix64(i + 1);
    for (size_t left = n; left >= sizeof word; p += sizeof word, left -= sizeof word) {
        memcpy(word, p, sizeof word);
        for (int i = 0; i < n_lanes; i++) lane[i] = step(lane[i], word[i]);
    }
    memset(word, 0, sizeof word);
    if (n % sizeof word) memcpy(word, p, n % sizeof word);
    sum = trit_sum_number(sum, n);
    for (int i = 0; i < n_lanes; i++) sum = trit_sum_number(sum, step(lane[i], word[i]));
    return sum;
}

uint64_t trit_sum_text(uint64_t sum, const char *s) {
    return trit_sum_bytes(sum, s, strlen(s));
}
