/* rANS over trits (Duda, arXiv:1311.2540): four states of 64 bits take turns, trit i at state i % 4, and share one string of 32-bit words.
 * A state x is within [2^31, 2^63); coding a trit of frequency f (of 2^16) multiplies it by 2^16 / f, and words move between it and
 * the string. The decoder runs forwards and the coder backwards: it writes from the end of its room towards the start.
 *
 *      u64 x[4]     states, then u32 words in the order in which the decoder takes them
 *
 * Frequencies may change between lists of trits in one string, so each list but the last has a multiple of four. */
#ifndef TRIT_QUANT_PACK_RANS_H
#define TRIT_QUANT_PACK_RANS_H

#include <stdbool.h>
#include <stdint.h>

enum { trit_rans_bits = 16, trit_rans_states = 4, trit_rans_model_bytes = 4 };

/* freq[code] of 2^16, code = trit + 1, and the sums of those before. Stored as u16 freq[0], u16 freq[2]. */
typedef struct trit_rans_model {
    uint32_t freq[3], start[3];
} trit_rans_model;

/* The model for these counts: what occurs has a frequency above 0. */
trit_rans_model trit_rans_model_of(const uint64_t counts[3]);
void trit_rans_model_put(const trit_rans_model *m, uint8_t *dst);
bool trit_rans_model_get(trit_rans_model *m, const uint8_t *p); /* false: the frequencies are more than all */

double trit_rans_cost(const trit_rans_model *m, const uint64_t counts[3]); /* in bits */
uint64_t trit_rans_room(double bits); /* bytes that a string whose lists cost so much has at most */

typedef struct trit_rans_coder {
    uint64_t x[trit_rans_states];
    uint8_t *p; /* words are written downwards from here */
} trit_rans_coder;

trit_rans_coder trit_rans_coder_at(uint8_t *end);
void trit_rans_put(trit_rans_coder *c, const trit_rans_model *m, const int8_t *trits, uint64_t n); /* the last list first */
uint8_t *trit_rans_coder_finish(trit_rans_coder *c); /* where the string begins */

typedef struct trit_rans_decoder {
    uint64_t x[trit_rans_states];
    const uint8_t *p, *end;
    bool is_bad; /* the words ended too early */
} trit_rans_decoder;

bool trit_rans_open(trit_rans_decoder *d, const uint8_t *p, const uint8_t *end); /* false: no room for the states */
void trit_rans_get(trit_rans_decoder *d, const trit_rans_model *m, int8_t *trits, uint64_t n);
/* Where the string ends, or NULL: it was none. */
const uint8_t *trit_rans_close(const trit_rans_decoder *d);

#endif
