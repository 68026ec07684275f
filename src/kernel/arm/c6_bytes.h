/* What the c6 kernels of the AArch64 tiers share. */
#ifndef TRIT_KERNEL_ARM_C6_BYTES_H
#define TRIT_KERNEL_ARM_C6_BYTES_H

#include "kernel/arm/t2_bytes.h"

static inline float32x4_t c6_scales(const uint8_t *p) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
}

#endif
