/* Little-endian numbers at any address: files promise no alignment. Compilers turn each of these into one load or store. */
#ifndef TRIT_TENSOR_BYTES_H
#define TRIT_TENSOR_BYTES_H

#include <stdint.h>
#include <string.h>

#include "tensor/half.h"

static inline uint16_t trit_load_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t trit_load_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t trit_load_u64(const uint8_t *p) {
    return (uint64_t)trit_load_u32(p) | (uint64_t)trit_load_u32(p + 4) << 32;
}

static inline float trit_load_f16(const uint8_t *p) {
    return trit_f32_from_f16(trit_load_u16(p));
}

static inline float trit_load_f32(const uint8_t *p) {
    return trit_f32_from_bits(trit_load_u32(p));
}

static inline double trit_load_f64(const uint8_t *p) {
    uint64_t bits = trit_load_u64(p);
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline void trit_store_u16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void trit_store_u32(uint8_t *p, uint32_t v) {
    trit_store_u16(p, (uint16_t)v);
    trit_store_u16(p + 2, (uint16_t)(v >> 16));
}

static inline void trit_store_u64(uint8_t *p, uint64_t v) {
    trit_store_u32(p, (uint32_t)v);
    trit_store_u32(p + 4, (uint32_t)(v >> 32));
}

static inline void trit_store_f16(uint8_t *p, float x) {
    trit_store_u16(p, trit_f16_from_f32(x));
}

static inline void trit_store_f32(uint8_t *p, float x) {
    trit_store_u32(p, trit_bits_from_f32(x));
}

#endif
