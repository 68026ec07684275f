/* Run-length: for each run of equal trits
 *
 *      bits 7:2    length - 1, or 63 where that is 63 or more     bits 1:0   code = trit + 1
 *
 *   and behind a 63 what is missing, length - 64, as LEB128: seven bits a byte, the lowest first, bit 7 set but in the last. */
#include <string.h>

#include "quant/pack/pack.h"

enum { long_run = 64, chunk = 64 };

/* The length of the run that begins at trits[0]. */
static uint64_t run_of(const int8_t *trits, uint64_t n) {
    uint64_t i = 1;
    while (i < n && trits[i] == trits[0]) i++;
    return i;
}

static uint64_t size_of(uint64_t run) {
    uint64_t n_bytes = 1;
    if (run < long_run) return n_bytes;
    for (uint64_t rest = run - long_run;; rest >>= 7) {
        n_bytes++;
        if (rest < 128) return n_bytes;
    }
}

/* Where runs begin in trits[0..n) behind trits[-1]. */
static unsigned count_begins(const int8_t *trits, uint64_t n) {
    const int8_t *before = trits - 1;
    uint8_t begins = 0;
    for (uint64_t i = 0; i < n; i++) begins = (uint8_t)(begins + (trits[i] != before[i]));
    return begins;
}

/* A byte a run, and more for long ones: those are open over a chunk's end. */
static uint64_t size(const int8_t *trits, uint64_t n) {
    uint64_t n_bytes = 0, open = 0; /* where the open run began */
    for (uint64_t at = 1; at < n; at += chunk) {
        const uint64_t m = n - at < chunk ? n - at : chunk;
        const unsigned begins = count_begins(trits + at, m);
        uint64_t first = at, last = at + m - 1;
        if (!begins) continue;
        while (trits[first] == trits[first - 1]) first++;
        while (trits[last] == trits[last - 1]) last--;
        n_bytes += size_of(first - open) + begins - 1;
        open = last;
    }
    return n_bytes + size_of(n - open);
}

static uint8_t *put_run(uint8_t *dst, int trit, uint64_t run) {
    const unsigned code = (unsigned)(trit + 1);
    if (run < long_run) {
        *dst++ = (uint8_t)((unsigned)(run - 1) << 2 | code);
        return dst;
    }
    *dst++ = (uint8_t)((long_run - 1) << 2 | code);
    uint64_t rest = run - long_run;
    for (; rest >= 128; rest >>= 7) *dst++ = (uint8_t)(rest | 128);
    *dst++ = (uint8_t)rest;
    return dst;
}

static uint64_t pack(uint8_t *dst, uint64_t room, const int8_t *trits, uint64_t n) {
    (void)room;
    const uint8_t *start = dst;
    for (uint64_t at = 0, run; at < n; at += run) {
        run = run_of(trits + at, n - at);
        dst = put_run(dst, trits[at], run);
    }
    return (uint64_t)(dst - start);
}

/* What is missing of a long run; NULL where the bytes end or the number does not fit. */
static const uint8_t *get_rest(uint64_t *rest, const uint8_t *p, const uint8_t *end) {
    *rest = 0;
    for (unsigned shift = 0; p < end && shift < 63; shift += 7) {
        *rest |= (uint64_t)(*p & 127) << shift;
        if (*p++ < 128) return p;
    }
    return NULL;
}

static const uint8_t *unpack(int8_t *trits, uint64_t n, const uint8_t *p, const uint8_t *end, const trit_pack_loops *loops) {
    (void)loops;
    while (n) {
        if (p == end) return NULL;
        const unsigned b = *p++;
        uint64_t run = (b >> 2) + 1u, rest;
        if (run == long_run) {
            p = get_rest(&rest, p, end);
            if (!p) return NULL;
            run += rest;
        }
        if ((b & 3) == 3 || run > n) return NULL;
        /* Most runs are short: a write of fixed length is a few stores, and what is too much is written over by the next runs. */
        memset(trits, (int)(b & 3) - 1, run < long_run && n >= chunk ? chunk : run);
        trits += run;
        n -= run;
    }
    return p;
}

const trit_pack_method trit_pack_method_runs = {size, pack, unpack};
