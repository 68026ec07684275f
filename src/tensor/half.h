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

static inline float trit_f32_from_f16(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, magnitude = h & 0x7fffu;
    uint32_t bits = magnitude << 13;
    if (magnitude > 0x7c00) bits |= 0x7fc00000u;                                            /* NaN */
    else if (magnitude == 0x7c00) bits = 0x7f800000u;                                       /* infinity */
    else if (magnitude >= 0x0400) bits += (127u - 15u) << 23;                               /* the biases of the exponents */
    else bits = trit_bits_from_f32((float)magnitude * (1.0f / 16777216.0f));                /* subnormal: units of 2^-24 */
    return trit_f32_from_bits(sign | bits);
}

static inline uint16_t trit_f16_from_f32(float x) {
    uint32_t bits = trit_bits_from_f32(x), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu, h;
    if (magnitude > 0x7f800000u) h = 0x7e00u | (magnitude >> 13 & 0x3ffu);
    else if (magnitude >= 0x477ff000u) h = 0x7c00u; /* 65520, the middle between the largest half and 2^16, and above */
    else if (magnitude < 0x38800000u) /* below 2^-14: floats near 0.5 are 2^-24 apart, so this addition rounds for us */
        h = trit_bits_from_f32(trit_f32_from_bits(magnitude) + 0.5f) - 0x3f000000u;
    else h = (magnitude + 0xfffu + (magnitude >> 13 & 1u) - ((127u - 15u) << 23)) >> 13;
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
