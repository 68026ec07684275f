/* Packing strategies from the inside. See include/trit/pack.h for the frame around them and for what a user sees: device/cpu/pack.c, which
 * brings the loops of this processor, since quant/ holds none. */
#ifndef TRIT_QUANT_PACK_PACK_H
#define TRIT_QUANT_PACK_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/pack.h"

/* Meanings: kernel/kernel.h. */
typedef struct trit_pack_loops {
    bool (*two_bit)(int8_t *trits, const uint8_t *packed, size_t n);
    void (*base3)(int8_t *trits, const uint8_t *packed, size_t n);
    uint32_t (*crc32c)(uint32_t crc, const void *p, size_t n);
} trit_pack_loops;

/* A strategy, on a list of n > 0 trits. */
typedef struct trit_pack_method {
    /* Bytes that pack writes, or where they are entropy coded a bound that is hardly more. */
    uint64_t (*size)(const int8_t *trits, uint64_t n);
    /* Writes at dst[0..room), room = size(), and returns the bytes of it that are the packed list; others may be used on the way. */
    uint64_t (*pack)(uint8_t *dst, uint64_t room, const int8_t *trits, uint64_t n);
    /* Reads n trits from p and returns where the next thing begins; NULL: the bytes before `end` are not n packed trits. */
    const uint8_t *(*unpack)(int8_t *trits, uint64_t n, const uint8_t *p, const uint8_t *end, const trit_pack_loops *loops);
} trit_pack_method;

#define TRIT_PACK(name, number, text, what) extern const trit_pack_method trit_pack_method_##name;
#include "trit/pack.def"
#undef TRIT_PACK

trit_status trit_pack_with(const trit_pack_loops *loops, trit_text *out, const trit_pack_matrix *m, trit_pack_strategy strategy, trit_error *err);
trit_status trit_pack_read_with(const trit_pack_loops *loops, trit_pack_info *out, const uint8_t *p, size_t n, trit_error *err);
trit_status trit_unpack_with(const trit_pack_loops *loops, int8_t *trits, uint64_t n_trits, float *scales, uint64_t n_scales, const uint8_t *p,
                             size_t n, trit_error *err);

/* How often -1, 0 and +1 occur. */
void trit_pack_count(uint64_t counts[3], const int8_t *trits, uint64_t n);

#endif
