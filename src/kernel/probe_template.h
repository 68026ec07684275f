/* probe_read and probe_float of one tier: a tier's file includes its v16_<tier>.h, says PROBE(slot), the name of its functions,
 * PROBE_WIDTH, the bytes of a vector, and PROBE_FLOAT_CHAINS, up to 12 sums of 16 lanes that hide the latency of an addition and
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

/* sum[0 .. n) += factor * factor */
static inline __attribute__((always_inline)) void probe_adds(v16 *sum, int n, v16 *factor) {
#pragma GCC unroll 12
    for (int i = 0; i < n; i++) {
        __asm__("" : PROBE_FACTOR(*factor)); /* to the compiler another number each time, or it would multiply once */
        sum[i] = v16_add(sum[i], v16_mul(*factor, *factor));
    }
}

float PROBE(float)(const float *x, uint32_t n) {
    v16 factor = v16_load(x), sum[PROBE_FLOAT_CHAINS];
#pragma GCC unroll 12
    for (int i = 0; i < PROBE_FLOAT_CHAINS; i++) sum[i] = v16_zero();
    for (uint32_t i = 0; i < n / PROBE_FLOAT_CHAINS; i++) probe_adds(sum, PROBE_FLOAT_CHAINS, &factor);
    for (uint32_t i = 0; i < n % PROBE_FLOAT_CHAINS; i++) probe_adds(sum, 1, &factor);
#pragma GCC unroll 12
    for (int i = 1; i < PROBE_FLOAT_CHAINS; i++) sum[0] = v16_add(sum[0], sum[i]);
    return v16_sum(sum[0]);
}

#endif
