/* crc32c by the instruction of SSE4.2, which every processor with AVX2 has: eight bytes in three cycles, faster than they come from
 * memory. */
#include <immintrin.h>
#include <string.h>

#include "kernel/variants.h"

uint32_t trit_crc32c_avx2(uint32_t crc, const void *data, size_t n) {
    const uint8_t *p = data;
    uint64_t rest = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        rest = _mm_crc32_u64(rest, word);
    }
    for (; n; n--, p++) rest = _mm_crc32_u8((uint32_t)rest, *p);
    return ~(uint32_t)rest;
}
