/* Hybrid: blocks of 8192 trits, each by the strategy that takes the fewest bytes. The entropy coded ones have frequencies of their own
 * and share one string of rANS, so that a block costs no more than its header.
 *
 *      u64  where the string begins, from byte 0 of this
 *      for each block:   u8 0   base-3 bytes
 *                        u8 1   run-length bytes
 *                        u8 2   sparse bytes
 *                        u8 3   u16 freq(-1), u16 freq(+1)
 *      string            see rans.h */
#include <string.h>

#include "quant/pack/pack.h"
#include "quant/pack/rans.h"
#include "tensor/bytes.h"

enum { block = 8192, head_bytes = 8, by_entropy = 3 };

/* What a block may be besides entropy coded, by its number. */
static const trit_pack_method *const methods[by_entropy] = {&trit_pack_method_base3, &trit_pack_method_runs, &trit_pack_method_sparse};

typedef struct plan {
    unsigned method;
    uint64_t n_bytes;      /* behind the block's number, without what stands in the string */
    double bits;           /* in the string */
    trit_rans_model model; /* by_entropy only */
} plan;

static uint64_t length_of(uint64_t at, uint64_t n) {
    return n - at < block ? n - at : block;
}

static plan choose(const int8_t *trits, uint64_t n) {
    uint64_t counts[3];
    trit_pack_count(counts, trits, n);
    plan best = {.method = by_entropy, .n_bytes = trit_rans_model_bytes, .model = trit_rans_model_of(counts)};
    best.bits = trit_rans_cost(&best.model, counts);
    double least = 8.0 * trit_rans_model_bytes + best.bits;
    for (unsigned k = 0; k < by_entropy; k++) {
        const uint64_t n_bytes = methods[k]->size(trits, n);
        if ((double)n_bytes * 8 >= least) continue;
        least = (double)n_bytes * 8;
        best.method = k;
        best.n_bytes = n_bytes;
        best.bits = 0;
    }
    return best;
}

static uint64_t size(const int8_t *trits, uint64_t n) {
    uint64_t n_bytes = head_bytes;
    double bits = 0;
    for (uint64_t at = 0; at < n; at += block) {
        const plan p = choose(trits + at, length_of(at, n));
        n_bytes += 1 + p.n_bytes;
        bits += p.bits;
    }
    return n_bytes + trit_rans_room(bits);
}

/* The string is made from its end, so the blocks are gone through forwards and then backwards. Choosing again is cheap beside coding. */
static uint64_t pack(uint8_t *dst, uint64_t room, const int8_t *trits, uint64_t n) {
    uint8_t *p = dst + head_bytes, *const end = dst + room;
    uint64_t last = (n - 1) / block * block;
    for (uint64_t at = 0; at < n; at += block) {
        const plan b = choose(trits + at, length_of(at, n));
        *p++ = (uint8_t)b.method;
        if (b.method == by_entropy) trit_rans_model_put(&b.model, p);
        p += b.method == by_entropy ? b.n_bytes : methods[b.method]->pack(p, b.n_bytes, trits + at, length_of(at, n));
    }
    trit_rans_coder c = trit_rans_coder_at(end);
    for (uint64_t at = last + block; at > 0; at -= block) {
        const plan b = choose(trits + at - block, length_of(at - block, n));
        if (b.method == by_entropy) trit_rans_put(&c, &b.model, trits + at - block, length_of(at - block, n));
    }
    const uint8_t *start = trit_rans_coder_finish(&c);
    trit_store_u64(dst, (uint64_t)(p - dst));
    memmove(p, start, (size_t)(end - start));
    return (uint64_t)(p - dst) + (uint64_t)(end - start);
}

/* One block, at p; returns where the next begins. */
static const uint8_t *unpack_block(int8_t *trits, uint64_t n, const uint8_t *p, const uint8_t *end, trit_rans_decoder *string,
                                   const trit_pack_loops *loops) {
    trit_rans_model m;
    if (p == end || *p > by_entropy) return NULL;
    const unsigned method = *p++;
    if (method != by_entropy) return methods[method]->unpack(trits, n, p, end, loops);
    if (end - p < trit_rans_model_bytes || !trit_rans_model_get(&m, p)) return NULL;
    trit_rans_get(string, &m, trits, n);
    return p + trit_rans_model_bytes;
}

static const uint8_t *unpack(int8_t *trits, uint64_t n, const uint8_t *p, const uint8_t *end, const trit_pack_loops *loops) {
    trit_rans_decoder string;
    if (end - p < head_bytes) return NULL;
    const uint64_t at_string = trit_load_u64(p);
    if (at_string < head_bytes || at_string > (uint64_t)(end - p)) return NULL;
    const uint8_t *const blocks_end = p + at_string;
    if (!trit_rans_open(&string, blocks_end, end)) return NULL;
    p += head_bytes;
    for (uint64_t at = 0; at < n && p; at += block) p = unpack_block(trits + at, length_of(at, n), p, blocks_end, &string, loops);
    return p == blocks_end ? trit_rans_close(&string) : NULL;
}

const trit_pack_method trit_pack_method_hybrid = {size, pack, unpack};
