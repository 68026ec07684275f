/* Scalar twin of crc32c: eight bytes a step, each by a table of its own (Kounavis, Berry: A Systematic Approach to Building High
 * Performance Software-Based CRC Generators, ISCC 2005). Table i holds what a byte leaves in the remainder i bytes later. That is
 * linear: the entry of a byte is the exclusive or of the entries of its bits, so the eight of them say all. */
#include "kernel/variants.h"

#define BIT(n, k, e) ((n) >> (k) & 1u ? (e) : 0u)
#define ONE(n, a, b, c, d, e, f, g, h) \
    BIT(n, 0, a) ^ BIT(n, 1, b) ^ BIT(n, 2, c) ^ BIT(n, 3, d) ^ BIT(n, 4, e) ^ BIT(n, 5, f) ^ BIT(n, 6, g) ^ BIT(n, 7, h)
#define FOUR(n, ...) ONE((n), __VA_ARGS__), ONE((n) + 1u, __VA_ARGS__), ONE((n) + 2u, __VA_ARGS__), ONE((n) + 3u, __VA_ARGS__)
#define MANY(n, ...) FOUR((n), __VA_ARGS__), FOUR((n) + 4u, __VA_ARGS__), FOUR((n) + 8u, __VA_ARGS__), FOUR((n) + 12u, __VA_ARGS__)
#define HALF(n, ...)                                                                                                       \
    MANY((n), __VA_ARGS__), MANY((n) + 16u, __VA_ARGS__), MANY((n) + 32u, __VA_ARGS__), MANY((n) + 48u, __VA_ARGS__),      \
        MANY((n) + 64u, __VA_ARGS__), MANY((n) + 80u, __VA_ARGS__), MANY((n) + 96u, __VA_ARGS__), MANY((n) + 112u, __VA_ARGS__)
#define TABLE(...) {HALF(0u, __VA_ARGS__), HALF(128u, __VA_ARGS__)}

/* By the remainder of x^32 / P: a byte with the bit 1 << k, shifted eight times, and eight times more in each row. */
static const uint32_t tables[8][256] = {
    TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
    TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
    TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
    TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
    TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
    TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
    TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
    TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};

uint32_t trit_crc32c_scalar(uint32_t crc, const void *data, size_t n) {
    const uint8_t *p = data;
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8)
        crc = tables[7][(crc ^ p[0]) & 255u] ^ tables[6][(crc >> 8 ^ p[1]) & 255u] ^ tables[5][(crc >> 16 ^ p[2]) & 255u] ^
              tables[4][(crc >> 24 ^ p[3]) & 255u] ^ tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
    for (; n; n--, p++) crc = crc >> 8 ^ tables[0][(crc ^ *p) & 255u];
    return ~crc;
}
