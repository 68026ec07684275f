/* The frame around packed trits: header, scales, checksum, the choice of a strategy. Drawn in include/trit/pack.h. */
#include "quant/pack/pack.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"
#include "tensor/bytes.h"

enum { version = 1, header_bytes = 48, checksum_bytes = 4, n_strategies = trit_pack_end };

static const char magic[4] = {'T', 'R', 'T', 'P'};
static const uint64_t most_trits = (uint64_t)1 << 40;

static const struct {
    const char *text, *what;
    const trit_pack_method *method;
} strategies[n_strategies] = {
    [trit_pack_auto] = {"auto", "the smallest of all", NULL},
#define TRIT_PACK(name, number, text, what) [number] = {text, what, &trit_pack_method_##name},
#include "trit/pack.def"
#undef TRIT_PACK
};

const char *trit_pack_name(int strategy, const char **what) {
    if (strategy < 0 || strategy >= n_strategies) return NULL;
    if (what) *what = strategies[strategy].what;
    return strategies[strategy].text;
}

void trit_pack_count(uint64_t counts[3], const int8_t *trits, uint64_t n) {
    uint64_t plus = 0, minus = 0;
    for (uint64_t i = 0; i < n;) { /* sums of bytes in portions that 32 bits hold, which the compiler makes vectors of */
        const uint64_t end = n - i < 1u << 20 ? n : i + (1u << 20);
        uint32_t p = 0, m = 0;
        for (; i < end; i++) {
            p += trits[i] > 0;
            m += trits[i] < 0;
        }
        plus += p;
        minus += m;
    }
    counts[0] = minus;
    counts[1] = n - plus - minus;
    counts[2] = plus;
}

double trit_pack_bound(const uint64_t counts[3]) {
    const double total = (double)counts[0] + (double)counts[1] + (double)counts[2];
    double nats = 0;
    for (int s = 0; s < 3; s++)
        if (counts[s]) nats += (double)counts[s] * trit_log(total / (double)counts[s]);
    return nats * (1.4426950408889634 / 8);
}

/* ---- Sizes ---- */

/* Scales that a matrix of this shape may have. */
static bool scales_fit(uint64_t n_rows, uint64_t n_cols, uint64_t n_scales, uint32_t group) {
    if (group) return n_scales == n_rows * ((n_cols - 1) / group + 1);
    return n_scales <= 1 || n_scales == n_rows;
}

static bool shape_fits(uint64_t n_rows, uint64_t n_cols) {
    return n_rows && n_cols && n_rows <= most_trits / n_cols;
}

static trit_status check(const trit_pack_matrix *m, trit_error *err) {
    if (!shape_fits(m->n_rows, m->n_cols))
        return trit_error_set(err, trit_arg, "[%" PRIu64 ", %" PRIu64 "]: no shape of a packed tensor", m->n_rows, m->n_cols);
    if (!scales_fit(m->n_rows, m->n_cols, m->n_scales, m->group))
        return trit_error_set(err, trit_arg, "%" PRIu64 " scales in groups of %" PRIu32 " for [%" PRIu64 ", %" PRIu64 "]", m->n_scales, m->group,
                              m->n_rows, m->n_cols);
    const uint64_t n = m->n_rows * m->n_cols;
    unsigned bad = 0;
    for (uint64_t i = 0; i < n; i++) bad |= (uint8_t)(m->trits[i] + 1) > 2;
    return bad ? trit_error_set(err, trit_arg, "a trit is none of -1, 0, +1") : trit_ok;
}

/* No scales are none of halves. */
static bool are_halves(const float *scales, uint64_t n) {
    for (uint64_t i = 0; i < n; i++)
        if (trit_bits_from_f32(trit_f32_from_f16(trit_f16_from_f32(scales[i]))) != trit_bits_from_f32(scales[i])) return false;
    return n > 0;
}

/* Of all but the trits. */
static uint64_t frame_bytes(uint64_t n_scales, bool halves) {
    return header_bytes + n_scales * (halves ? 2 : 4) + checksum_bytes;
}

static void sizes_of(uint64_t bytes[trit_pack_end], const trit_pack_matrix *m) {
    const uint64_t frame = frame_bytes(m->n_scales, are_halves(m->scales, m->n_scales));
    bytes[trit_pack_auto] = UINT64_MAX;
    for (int s = trit_pack_auto + 1; s < n_strategies; s++) {
        bytes[s] = frame + strategies[s].method->size(m->trits, m->n_rows * m->n_cols);
        if (bytes[s] < bytes[trit_pack_auto]) bytes[trit_pack_auto] = bytes[s];
    }
}

trit_status trit_pack_sizes(uint64_t bytes[trit_pack_end], const trit_pack_matrix *matrix, trit_error *err) {
    const trit_status status = check(matrix, err);
    if (status == trit_ok) sizes_of(bytes, matrix);
    return status;
}

/* ---- Packing ---- */

static void put_header(uint8_t *p, const trit_pack_matrix *m, trit_pack_strategy strategy, bool halves, uint64_t n_bytes) {
    memcpy(p, magic, sizeof magic);
    p[4] = version;
    p[5] = (uint8_t)strategy;
    p[6] = halves;
    p[7] = 0;
    trit_store_u64(p + 8, m->n_rows);
    trit_store_u64(p + 16, m->n_cols);
    trit_store_u64(p + 24, m->n_scales);
    trit_store_u32(p + 32, m->group);
    trit_store_u32(p + 36, 0);
    trit_store_u64(p + 40, n_bytes);
}

/* `size` is what sizes_of tells. Appends. */
static trit_status pack_by(const trit_pack_loops *loops, trit_text *out, const trit_pack_matrix *m, trit_pack_strategy strategy, uint64_t size,
                           trit_error *err) {
    const bool halves = are_halves(m->scales, m->n_scales);
    if (!trit_text_reserve(out, out->n + size)) return trit_error_memory(err, size, "a packed tensor");
    uint8_t *const start = (uint8_t *)out->data + out->n, *p = start + header_bytes;
    for (uint64_t i = 0; i < m->n_scales; i++, p += halves ? 2 : 4) {
        if (halves) trit_store_f16(p, m->scales[i]);
        else trit_store_f32(p, m->scales[i]);
    }
    const uint64_t room = (uint64_t)(start + size - checksum_bytes - p);
    const uint64_t n_bytes = strategies[strategy].method->pack(p, room, m->trits, m->n_rows * m->n_cols);
    p += n_bytes;
    put_header(start, m, strategy, halves, n_bytes);
    trit_store_u32(p, loops->crc32c(0, start, (size_t)(p - start)));
    out->n += (size_t)(p - start) + checksum_bytes;
    out->data[out->n] = '\0';
    return trit_ok;
}

/* Entropy coded sizes are bounds: these many bytes may be missing in the end. */
static uint64_t slack_of(uint64_t size) {
    return 24 + size / 8192;
}

/* The strategies that may be the smallest, by their bounds, are tried. */
static trit_status pack_smallest(const trit_pack_loops *loops, trit_text *out, const trit_pack_matrix *m, trit_error *err) {
    uint64_t bytes[n_strategies];
    trit_text best = {0}, other = {0};
    trit_status status = trit_ok;
    sizes_of(bytes, m);
    for (int s = trit_pack_auto + 1; s < n_strategies && status == trit_ok; s++) {
        if (bytes[s] > bytes[trit_pack_auto] + slack_of(bytes[s])) continue;
        other.n = 0;
        status = pack_by(loops, &other, m, (trit_pack_strategy)s, bytes[s], err);
        if (status != trit_ok || (best.n && best.n <= other.n)) continue;
        const trit_text swap = best;
        best = other;
        other = swap;
    }
    if (status == trit_ok && !trit_text_append(out, best.data, best.n)) status = trit_error_memory(err, best.n, "a packed tensor");
    trit_text_fini(&best);
    trit_text_fini(&other);
    return status;
}

trit_status trit_pack_with(const trit_pack_loops *loops, trit_text *out, const trit_pack_matrix *m, trit_pack_strategy strategy, trit_error *err) {
    if ((int)strategy < 0 || (int)strategy >= n_strategies) return trit_error_set(err, trit_arg, "%d: no packing strategy", (int)strategy);
    trit_status status = check(m, err);
    if (status != trit_ok) return status;
    if (strategy == trit_pack_auto) return pack_smallest(loops, out, m, err);
    const uint64_t frame = frame_bytes(m->n_scales, are_halves(m->scales, m->n_scales));
    return pack_by(loops, out, m, strategy, frame + strategies[strategy].method->size(m->trits, m->n_rows * m->n_cols), err);
}

/* ---- Unpacking ---- */

typedef struct header {
    trit_pack_info info;
    bool halves;
    uint64_t n_bytes; /* of the trits */
} header;

static trit_status read_header(header *h, const uint8_t *p, size_t n, trit_error *err) {
    if (n < header_bytes + checksum_bytes || memcmp(p, magic, sizeof magic) != 0)
        return trit_error_set(err, trit_format, "packed tensor: it does not begin with \"%.4s\" and a header of %d bytes", magic, header_bytes);
    if (p[4] != version) return trit_error_set(err, trit_format, "packed tensor: version %u, but only %d is known", p[4], version);
    *h = (header){.info = {.strategy = (trit_pack_strategy)p[5], .n_rows = trit_load_u64(p + 8), .n_cols = trit_load_u64(p + 16),
                           .n_scales = trit_load_u64(p + 24), .group = trit_load_u32(p + 32)},
                  .halves = p[6] == 1, .n_bytes = trit_load_u64(p + 40)};
    if (p[5] == trit_pack_auto || p[5] >= n_strategies) return trit_error_set(err, trit_format, "packed tensor: strategy %u is unknown", p[5]);
    if (p[6] > 1 || p[7] || trit_load_u32(p + 36)) return trit_error_set(err, trit_format, "packed tensor: unknown flags in the header");
    if (!shape_fits(h->info.n_rows, h->info.n_cols))
        return trit_error_set(err, trit_format, "packed tensor: a shape of [%" PRIu64 ", %" PRIu64 "]", h->info.n_rows, h->info.n_cols);
    if (!scales_fit(h->info.n_rows, h->info.n_cols, h->info.n_scales, h->info.group))
        return trit_error_set(err, trit_format, "packed tensor: %" PRIu64 " scales in groups of %" PRIu32, h->info.n_scales, h->info.group);
    const uint64_t frame = frame_bytes(h->info.n_scales, h->halves); /* no more than 2^42 */
    if (frame > n || h->n_bytes > n - frame)
        return trit_error_set(err, trit_format, "packed tensor: %" PRIu64 " bytes of trits and %" PRIu64 " scales, but %zu bytes in all", h->n_bytes,
                              h->info.n_scales, n);
    h->info.n_bytes = frame + h->n_bytes;
    return trit_ok;
}

static trit_status read_checked(header *h, const trit_pack_loops *loops, const uint8_t *p, size_t n, trit_error *err) {
    const trit_status status = read_header(h, p, n, err);
    if (status != trit_ok) return status;
    const size_t at = (size_t)h->info.n_bytes - checksum_bytes;
    const uint32_t stored = trit_load_u32(p + at), right = loops->crc32c(0, p, at);
    if (stored == right) return trit_ok;
    return trit_error_set(err, trit_format, "packed tensor: checksum %08" PRIx32 ", but the bytes have %08" PRIx32 ": they are damaged", stored, right);
}

trit_status trit_pack_read_with(const trit_pack_loops *loops, trit_pack_info *out, const uint8_t *p, size_t n, trit_error *err) {
    header h = {0};
    const trit_status status = read_checked(&h, loops, p, n, err);
    if (status == trit_ok) *out = h.info;
    return status;
}

trit_status trit_unpack_with(const trit_pack_loops *loops, int8_t *trits, uint64_t n_trits, float *scales, uint64_t n_scales, const uint8_t *p,
                             size_t n, trit_error *err) {
    header h = {0};
    const trit_status status = read_checked(&h, loops, p, n, err);
    if (status != trit_ok) return status;
    const uint64_t n_here = h.info.n_rows * h.info.n_cols;
    if (n_trits != n_here || (scales && n_scales != h.info.n_scales))
        return trit_error_set(err, trit_arg, "room for %" PRIu64 " trits and %" PRIu64 " scales, but the tensor has %" PRIu64 " and %" PRIu64, n_trits,
                              n_scales, n_here, h.info.n_scales);
    const uint8_t *at = p + header_bytes;
    for (uint64_t i = 0; i < h.info.n_scales; i++, at += h.halves ? 2 : 4)
        if (scales) scales[i] = h.halves ? trit_load_f16(at) : trit_load_f32(at);
    if (strategies[h.info.strategy].method->unpack(trits, n_here, at, at + h.n_bytes, loops) == at + h.n_bytes) return trit_ok;
    return trit_error_set(err, trit_format, "packed tensor: its %" PRIu64 " bytes are not %" PRIu64 " trits packed by %s", h.n_bytes, n_here,
                          strategies[h.info.strategy].text);
}
