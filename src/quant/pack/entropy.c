/* Entropy: all trits in one string of rANS, by how often each occurs. Within a few bytes of the entropy of such frequencies.
 *
 *      u16 freq(-1), u16 freq(+1)   of 2^16, the zeros have the rest
 *      string                       see rans.h */
#include <string.h>

#include "quant/pack/pack.h"
#include "quant/pack/rans.h"

static uint64_t size(const int8_t *trits, uint64_t n) {
    uint64_t counts[3];
    trit_pack_count(counts, trits, n);
    const trit_rans_model m = trit_rans_model_of(counts);
    return trit_rans_model_bytes + trit_rans_room(trit_rans_cost(&m, counts));
}

static uint64_t pack(uint8_t *dst, uint64_t room, const int8_t *trits, uint64_t n) {
    uint64_t counts[3];
    trit_pack_count(counts, trits, n);
    const trit_rans_model m = trit_rans_model_of(counts);
    uint8_t *const end = dst + room;
    trit_rans_coder c = trit_rans_coder_at(end);
    trit_rans_put(&c, &m, trits, n);
    const uint8_t *start = trit_rans_coder_finish(&c);
    trit_rans_model_put(&m, dst);
    memmove(dst + trit_rans_model_bytes, start, (size_t)(end - start));
    return trit_rans_model_bytes + (uint64_t)(end - start);
}

static const uint8_t *unpack(int8_t *trits, uint64_t n, const uint8_t *p, const uint8_t *end, const trit_pack_loops *loops) {
    trit_rans_model m;
    trit_rans_decoder d;
    (void)loops;
    if (end - p < trit_rans_model_bytes || !trit_rans_model_get(&m, p) || !trit_rans_open(&d, p + trit_rans_model_bytes, end)) return NULL;
    trit_rans_get(&d, &m, trits, n);
    return trit_rans_close(&d);
}

const trit_pack_method trit_pack_method_entropy = {size, pack, unpack};
