/* Rows and columns of 4-byte elements change places, two by two: the halves of two 8-byte words. */
#ifndef TRIT_KERNEL_TURN_H
#define TRIT_KERNEL_TURN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first of two neighbours is the lower half");

/* Strides in bytes. */
static inline void trit_turn_pairs(void *to, size_t to_stride, const void *from, size_t from_stride) {
    uint64_t x, y;
    memcpy(&x, from, sizeof x);
    memcpy(&y, (const char *)from + from_stride, sizeof y);
    const uint64_t first = (x & UINT32_MAX) | y << 32, second = x >> 32 | (y & ~(uint64_t)UINT32_MAX);
    memcpy(to, &first, sizeof first);
    memcpy((char *)to + to_stride, &second, sizeof second);
}

#endif
