/* probe_int8 of one tier, written once. A tier's file provides these and includes this file:
 *
 *      PROBE_INT8                  the name of the tier's function
 *      PROBE_REGISTER              letter of the registers that hold a vector, for the compiler's asm
 *      probe_bytes                 a vector of PROBE_WIDTH bytes; probe_load(p)
 *      probe_sums, probe_wide      sums of products; int32 lanes; probe_zero(), probe_zero_wide()
 *      probe_dot(sums, codes, x)   sums += codes * x in any lanes; at most PROBE_STEPS of them fit
 *      probe_fold(wide, sums)      wide + sums
 *      probe_total(wide)           the lanes added up
 *      PROBE_CHAINS                sets of four sums that are needed to hide the latency of probe_dot
 *
 * Sums wrap around in 32 bits, so their order is free. */
#ifndef TRIT_KERNEL_PROBE_INT8_TEMPLATE_H
#define TRIT_KERNEL_PROBE_INT8_TEMPLATE_H

#include "kernel/variants.h"

/* Two rows by two tokens: the operands stay in registers. */
typedef struct probe_tile {
    probe_bytes w[2], x[2];
} probe_tile;

static inline __attribute__((always_inline)) void probe_step(probe_sums sums[4], probe_tile *t) {
    /* The compiler is told that the codes change, or it would multiply once for all steps. */
    __asm__("" : "+" PROBE_REGISTER(t->w[0]), "+" PROBE_REGISTER(t->w[1]));
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) sums[i] = probe_dot(sums[i], t->w[i / 2], t->x[i % 2]);
}

enum { probe_round = 4 * PROBE_CHAINS }; /* steps of one turn of the loop */

static inline probe_wide probe_steps(probe_wide wide, probe_tile *t, uint32_t n) {
    probe_sums sums[4 * PROBE_CHAINS];
#pragma GCC unroll 12
    for (int i = 0; i < 4 * PROBE_CHAINS; i++) sums[i] = probe_zero();
    for (uint32_t i = 0; i < n / probe_round; i++)
#pragma GCC unroll 12
        for (int k = 0; k < probe_round; k++) probe_step(sums + 4 * (k % PROBE_CHAINS), t);
    for (uint32_t i = 0; i < n % probe_round; i++) probe_step(sums, t);
#pragma GCC unroll 12
    for (int i = 0; i < 4 * PROBE_CHAINS; i++) wide = probe_fold(wide, sums[i]);
    return wide;
}

int32_t PROBE_INT8(const uint8_t *w, const int8_t *x, uint32_t n) {
    uint32_t total = 0;
    for (uint32_t at = 0; at < 64; at += PROBE_WIDTH) {
        probe_tile t = {{probe_load(w + at), probe_load(w + 64 + at)}, {probe_load(x + at), probe_load(x + 64 + at)}};
        probe_wide wide = probe_zero_wide();
        uint32_t left = n;
        for (; left > PROBE_STEPS; left -= PROBE_STEPS) wide = probe_steps(wide, &t, PROBE_STEPS);
        total += (uint32_t)probe_total(probe_steps(wide, &t, left));
    }
    return (int32_t)total;
}

#endif
