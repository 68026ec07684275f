/* probe_read and probe_float of one tier: a tier's file includes its v16_<tier>.h, says PROBE(slot), the name of its functions,
 * PROBE_WIDTH, the bytes of a vector, and PROBE_FLOAT_CHAINS, 2, 4 or 12 sums of 16 lanes that hide the latency of an addition and
 * fit into the registers, and includes this file. */
#ifndef TRIT_KERNEL_PROBE_TEMPLATE_H
#define TRIT_KERNEL_PROBE_TEMPLATE_H

#include <stddef.h>

#include "kernel/variants.h"

typedef uint64_t probe_words __attribute__((vector_size(PROBE_WIDTH)));

uint64_t PROBE(read)(const void *p, size_t n) {
    const probe_words *v = p, *end = v + n / sizeof *v;
    probe_words a = {0}, b = {0}, c = {0}, d = {0};
    for (; end - v >= 4; v += 4) {
        a ^= v[0];
        b ^= v[1];
        c ^= v[2];
        d ^= v[3];
    }
    for (; v < end; v++) a ^= *v;
    a ^= b ^ c ^ d;
    uint64_t word = 0;
    for (size_t i = 0; i < sizeof a / sizeof word; i++) word ^= a[i];
    return word;
}

#ifndef PROBE_FACTOR
#define PROBE_FACTOR "+m" /* v16 may be several registers */
#endif

static inline v16 probe_add(v16 sum, v16 *factor) {
    __asm__("" : PROBE_FACTOR(*factor)); /* to the compiler another number each time, or it would multiply once */
    return v16_add(sum, v16_mul(*factor, *factor));
}

/* Sums with names of their own: of an array some compilers keep a part in memory. */
float PROBE(float)(const float *x, uint32_t n) {
    v16 factor = v16_load(x), a = v16_zero(), b = a, c = a, d = a, e = a, f = a, g = a, h = a, q = a, r = a, s = a, t = a;
    for (uint32_t i = 0; i < n / PROBE_FLOAT_CHAINS; i++) {
        a = probe_add(a, &factor);
        b = probe_add(b, &factor);
        if (PROBE_FLOAT_CHAINS >= 4) {
            c = probe_add(c, &factor);
            d = probe_add(d, &factor);
        }
        if (PROBE_FLOAT_CHAINS == 12) {
            e = probe_add(e, &factor);
            f = probe_add(f, &factor);
            g = probe_add(g, &factor);
            h = probe_add(h, &factor);
            q = probe_add(q, &factor);
            r = probe_add(r, &factor);
            s = probe_add(s, &factor);
            t = probe_add(t, &factor);
        }
    }
    for (uint32_t i = 0; i < n % PROBE_FLOAT_CHAINS; i++) a = probe_add(a, &factor);
    a = v16_add(v16_add(a, b), v16_add(c, d));
    e = v16_add(v16_add(e, f), v16_add(g, h));
    return v16_sum(v16_add(v16_add(a, e), v16_add(v16_add(q, r), v16_add(s, t))));
}

#endif
