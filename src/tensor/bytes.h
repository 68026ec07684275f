/* Little-endian numbers at any address: files promise no alignment. On little-endian machines each is a copy of its bytes, which
 * compilers turn into one load or store and loops of them into vector code. */
#ifndef TRIT_TENSOR_BYTES_H
#define TRIT_TENSOR_BYTES_H

#include <stdint.h>
#include <string.h>

#include "tensor/half.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
static inline uint16_t trit_le16(uint16_t v) {
    return __builtin_bswap16(v);
}

static inline uint32_t trit_le32(uint32_t v) {
    return __builtin_bswap32(v);
}

static inline uint64_t trit_le64(uint64_t v) {
    return __builtin_bswap64(v);
}
#else
static inline uint16_t trit_le16(uint16_t v) {
    return v;
}

static inline uint32_t trit_le32(uint32_t v) {
    return v;
}

static inline uint64_t trit_le64(uint64_t v) {
    return v;
}
#endif

static inline uint16_t trit_load_u16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return trit_le16(v);
}

static inline uint32_t trit_load_u32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return trit_le32(v);
}

static inline uint64_t trit_load_u64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return trit_le64(v);
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
    v = trit_le16(v);
    memcpy(p, &v, sizeof v);
}

static inline void trit_store_u32(uint8_t *p, uint32_t v) {
    v = trit_le32(v);
    memcpy(p, &v, sizeof v);
}

static inline void trit_store_u64(uint8_t *p, uint64_t v) {
    v = trit_le64(v);
    memcpy(p, &v, sizeof v);
}

static inline void trit_store_f16(uint8_t *p, float x) {
    trit_store_u16(p, trit_f16_from_f32(x));
}

static inline void trit_store_f32(uint8_t *p, float x) {
    trit_store_u32(p, trit_bits_from_f32(x));
}

#endif
