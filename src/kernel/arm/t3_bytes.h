/* What the t3 kernels of the AArch64 tiers share: signed bytes, and trits for codes. */
#ifndef TRIT_KERNEL_ARM_T3_BYTES_H
#define TRIT_KERNEL_ARM_T3_BYTES_H

#include "kernel/arm/t2_bytes.h"

/* Bytes as signed ones, less 128: 3 * 128 is 128 modulo 256. */
static inline t2_bytes t3_load(const uint8_t *p) {
    return veorq_s8(t2_load(p), vdupq_n_s8(-128));
}

static inline t2_bytes t3_times3(t2_bytes f) {
    return vaddq_s8(f, vaddq_s8(f, f));
}

/* The trit: thirds of the range begin at -42 and 43; comparisons give 0 or -1. */
static inline t2_bytes t3_code(t2_bytes f) {
    return vreinterpretq_s8_u8(vsubq_u8(vcltq_s8(f, vdupq_n_s8(-42)), vcgtq_s8(f, vdupq_n_s8(42))));
}

#endif
