/* IEEE half and bfloat16, bit for bit as the processors' own conversions: rounding to nearest even, subnormals kept, NaNs
 * made quiet with the upper bits of their payload. Inline, because the inner loops of quant/ live on them. */
#ifndef TRIT_TENSOR_HALF_H
#define TRIT_TENSOR_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t trit_bits_from_f32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float trit_f32_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* All bits where the condition holds. Compilers keep float operations out of code that might not need them, so the choice
 * between computed cases is made with masks: then a loop over these becomes vector code. */
static inline uint32_t trit_mask(int condition) {
    return 0u - (uint32_t)condition;
}

static inline float trit_f32_from_f16(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, magnitude = h & 0x7fffu;
    const uint32_t normal = (magnitude << 13) + ((127u - 15u) << 23);                            /* the exponents' biases */
    const uint32_t small = trit_bits_from_f32((float)(int32_t)magnitude * (1.0f / 16777216.0f)); /* units of 2^-24 */
    const uint32_t is_small = trit_mask(magnitude < 0x0400), is_special = trit_mask(magnitude >= 0x7c00);
    const uint32_t quiet = trit_mask(magnitude > 0x7c00) & 0x400000u;
    return trit_f32_from_bits(sign | (small & is_small) | (normal & ~is_small) | (is_special & 0x7f800000u) | quiet);
}

static inline uint16_t trit_f16_from_f32(float x) {
    const uint32_t bits = trit_bits_from_f32(x), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    const uint32_t normal = (magnitude + 0xfffu + (magnitude >> 13 & 1u) - ((127u - 15u) << 23)) >> 13;
    /* Below 2^-14 the units are 2^-24, the distance of floats near 0.5: this addition rounds for us. */
    const uint32_t small = trit_bits_from_f32(trit_f32_from_bits(magnitude) + 0.5f) - 0x3f000000u;
    const uint32_t nan = trit_mask(magnitude > 0x7f800000u) & (0x200u | (magnitude >> 13 & 0x3ffu));
    const uint32_t is_small = trit_mask(magnitude < 0x38800000u);
    const uint32_t is_large = trit_mask(magnitude >= 0x477ff000u); /* 65520, the middle between the largest half and 2^16 */
    const uint32_t h = (small & is_small) | (normal & ~is_small & ~is_large) | (is_large & 0x7c00u) | nan;
    return (uint16_t)(sign | h);
}

static inline float trit_f32_from_bf16(uint16_t h) {
    return trit_f32_from_bits((uint32_t)h << 16);
}

static inline uint16_t trit_bf16_from_f32(float x) {
    uint32_t bits = trit_bits_from_f32(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

#endif
