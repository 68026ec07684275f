/* Sparse: what is not zero, by the number of zeros in front of it. A string of bits, the lowest of a byte first:
 *
 *      u8 k, then for each trit that is not 0:   gap >> k zeros, a one, the k low bits of the gap, the sign (1: negative)
 *      and for zeros at the end:                 their number in the same way, without a sign
 *
 *   filled up with zeros to whole bytes. These are Rice codes (Rice, Plaunt 1971), within three in a hundred of the entropy where the
 *   gaps are geometric; k = 0 is a bit a trit and one more for each sign. */
#include <string.h>

#include "quant/pack/pack.h"
#include "tensor/bytes.h"

enum { max_k = 40 }; /* as lists have 2^40 trits at most */

/* Zeros from trits[0] on. */
static uint64_t gap_of(const int8_t *trits, uint64_t n) {
    uint64_t i = 0, word;
    for (; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, trits + i, sizeof word);
        if (word) break;
    }
    while (i < n && trits[i] == 0) i++;
    return i;
}

/* The zeros and ones in front of the low bits of all gaps, for k and for k + 1. */
static void count_unary(uint64_t bits[2], const int8_t *trits, uint64_t n, unsigned k) {
    bits[0] = bits[1] = 0;
    for (uint64_t at = 0; at < n; at++) {
        const uint64_t gap = gap_of(trits + at, n - at);
        bits[0] += (gap >> k) + 1;
        bits[1] += (gap >> k >> 1) + 1;
        at += gap;
    }
}

/* The k with the fewest bits is the one whose 2^k is near to ln 2 of the mean gap, or a neighbour of it. Where most trits are not zero it
 * is 0, and the zeros need not be looked at. */
static unsigned choose_k(uint64_t *n_bits, const int8_t *trits, uint64_t n) {
    uint64_t counts[3], bits[2];
    unsigned k = 0;
    trit_pack_count(counts, trits, n);
    const uint64_t zeros = counts[1], signs = n - zeros, gaps = signs + (trits[n - 1] == 0);
    *n_bits = zeros + gaps + signs;
    if (zeros <= signs) return 0;
    while (k + 2 < max_k && ((gaps + 1) << (k + 1)) * 10 < zeros * 7) k++;
    count_unary(bits, trits, n, k);
    bits[0] += gaps * k + signs;
    bits[1] += gaps * (k + 1) + signs;
    *n_bits = bits[0] <= bits[1] ? bits[0] : bits[1];
    return bits[0] <= bits[1] ? k : k + 1;
}

static uint64_t size(const int8_t *trits, uint64_t n) {
    uint64_t n_bits;
    (void)choose_k(&n_bits, trits, n);
    return 1 + (n_bits + 7) / 8;
}

typedef struct writer {
    uint8_t *p;
    uint64_t word; /* bits that are not written yet, the first lowest */
    unsigned n;    /* of them, below 8 between calls */
} writer;

/* value < 2^n, n <= 56 */
static void put(writer *w, uint64_t value, unsigned n) {
    w->word |= value << w->n;
    for (w->n += n; w->n >= 8; w->n -= 8, w->word >>= 8) *w->p++ = (uint8_t)w->word;
}

static void put_gap(writer *w, uint64_t gap, unsigned k) {
    uint64_t zeros = gap >> k;
    for (; zeros >= 32; zeros -= 32) put(w, 0, 32);
    put(w, (uint64_t)1 << zeros, (unsigned)zeros + 1);
    put(w, gap & (((uint64_t)1 << k) - 1), k);
}

static uint64_t pack(uint8_t *dst, uint64_t room, const int8_t *trits, uint64_t n) {
    (void)room;
    uint64_t n_bits;
    const unsigned k = choose_k(&n_bits, trits, n);
    writer w = {dst + 1, 0, 0};
    dst[0] = (uint8_t)k;
    for (uint64_t at = 0; at < n;) {
        const uint64_t gap = gap_of(trits + at, n - at);
        put_gap(&w, gap, k);
        at += gap;
        if (at < n) put(&w, trits[at++] < 0, 1);
    }
    put(&w, 0, (8 - w.n) % 8);
    return (uint64_t)(w.p - dst);
}

typedef struct reader {
    const uint8_t *p, *end;
    uint64_t word; /* the next bits, zeros behind them */
    unsigned n;    /* of them */
} reader;

/* At least 56 bits, or all there are. */
static inline void refill(reader *r) {
    if (r->end - r->p >= 8) {
        r->word |= trit_load_u64(r->p) << r->n;
        r->p += (63 - r->n) / 8;
        r->n |= 56;
        r->word &= ((uint64_t)1 << r->n) - 1;
        return;
    }
    for (; r->n <= 56 && r->p < r->end; r->n += 8) r->word |= (uint64_t)*r->p++ << r->n;
}

static inline void drop(reader *r, unsigned n) {
    r->word >>= n;
    r->n -= n;
}

/* False: the bits end. */
static inline bool get(reader *r, uint64_t *value, unsigned n) {
    refill(r);
    if (r->n < n) return false;
    *value = r->word & (((uint64_t)1 << n) - 1);
    drop(r, n);
    return true;
}

/* A gap of `most` at most; false: it is longer, or the bits end. */
static inline bool get_gap(reader *r, uint64_t *gap, unsigned k, uint64_t most) {
    uint64_t quotient = 0, low;
    for (refill(r); r->word == 0; refill(r)) {
        quotient += r->n;
        r->n = 0;
        if (r->p == r->end || quotient > most >> k) return false;
    }
    const unsigned zeros = (unsigned)__builtin_ctzll(r->word);
    quotient += zeros;
    if (zeros >= r->n || quotient > most >> k) return false;
    drop(r, zeros);
    drop(r, 1);
    if (!get(r, &low, k)) return false;
    *gap = quotient << k | low;
    return *gap <= most;
}

static const uint8_t *unpack(int8_t *trits, uint64_t n, const uint8_t *p, const uint8_t *end, const trit_pack_loops *loops) {
    (void)loops;
    if (p == end || *p > max_k) return NULL;
    const unsigned k = *p;
    reader r = {p + 1, end, 0, 0};
    memset(trits, 0, n);
    for (uint64_t at = 0; at < n;) {
        uint64_t gap, sign;
        if (!get_gap(&r, &gap, k, n - at)) return NULL;
        at += gap;
        if (at == n) break;
        if (!get(&r, &sign, 1)) return NULL;
        trits[at++] = sign ? -1 : 1;
    }
    return r.p - r.n / 8;
}

const trit_pack_method trit_pack_method_sparse = {size, pack, unpack};
