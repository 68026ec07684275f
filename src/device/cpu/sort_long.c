/* One long row, sorted by the whole team; and the keys of a short one.
 *
 * The row is read three times, by chunks: for the lowest and the highest key, to count the keys of each part, and to spread them. They are spread
 * into the result where that has room for keys, so that little memory is new: giving new pages costs the system more than sorting does. */
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "device/cpu/sort.h"

enum { cached_bytes = 1 << 19, most_digits = 11 };

/* The most bits of a digit: 11, or 8 in short parts, where more counters would cost more than a pass. */
static unsigned digit_of(size_t n) {
    return n < (1 << 12) ? 8 : most_digits;
}

/* The bits of numbers up to x. */
static unsigned bits_below(uint64_t x) {
    unsigned bits = 0;
    while (bits < 64 && x >> bits) bits++;
    return bits;
}

#define E uint32_t
#define KEY(e) ((uint64_t)(e))
#define NAME(x) x##_u32
#include "device/cpu/radix_type.h"
#include "device/cpu/split_type.h"
#undef E
#undef KEY
#undef NAME

#define E uint64_t
#define KEY(e) (e)
#define NAME(x) x##_u64
#include "device/cpu/radix_type.h"
#include "device/cpu/split_type.h"
#undef E
#undef KEY
#undef NAME

enum { most_chunks = 64 };

typedef struct long_row_work {
    const cpu_order *order;
    const trit_view *x, *y;
    void *keys;            /* [n], those of a part together */
    size_t n, key_bytes, chunk, n_chunks;
    uint64_t low[most_chunks], high[most_chunks];
    uint64_t lowest;
    unsigned shift;        /* a part has the keys whose bits from here on are alike */
    size_t n_parts;
    size_t *at;            /* [n_chunks, n_parts]: where the next key of a chunk and a part goes; [n_parts + 1] behind them: where parts begin */
    unsigned char *spare;  /* [members, spare_bytes]: for the largest part; or [n] keys, for each part where it stands */
    size_t spare_bytes;    /* 0: the latter */
    atomic_size_t n_begun; /* members that have theirs */
} long_row_work;

static size_t end_of(const long_row_work *w, size_t chunk) {
    return w->n - chunk * w->chunk < w->chunk ? w->n : (chunk + 1) * w->chunk;
}

/* What is done with m keys of chunk c. */
typedef void keys_fn(long_row_work *w, size_t c, const void *keys, size_t m);

static inline void for_keys(long_row_work *w, int64_t first, int64_t last, keys_fn *fn) {
    _Alignas(64) unsigned char keys[trit_cpu_block_bytes];
    for (size_t c = (size_t)first; c < (size_t)last; c++) {
        cpu_key_reader r;
        trit_cpu_keys_open(&r, w->order, w->x, c * w->chunk, end_of(w, c));
        for (size_t m; (m = trit_cpu_keys_next(&r)) > 0;) {
            trit_cpu_keys_read(w->order, keys, 0, r.block, m);
            fn(w, c, keys, m);
        }
    }
}

static void bound_keys(long_row_work *w, size_t c, const void *keys, size_t m) {
    if (w->key_bytes == sizeof(uint32_t))
        bound_u32(keys, m, &w->low[c], &w->high[c]);
    else
        bound_u64(keys, m, &w->low[c], &w->high[c]);
}

static void count_keys(long_row_work *w, size_t c, const void *keys, size_t m) {
    if (w->key_bytes == sizeof(uint32_t))
        count_u32(keys, m, w->lowest, w->shift, w->at + c * w->n_parts);
    else
        count_u64(keys, m, w->lowest, w->shift, w->at + c * w->n_parts);
}

static void spread_keys(long_row_work *w, size_t c, const void *keys, size_t m) {
    if (w->key_bytes == sizeof(uint32_t))
        spread_u32(keys, m, w->lowest, w->shift, w->at + c * w->n_parts, w->keys);
    else
        spread_u64(keys, m, w->lowest, w->shift, w->at + c * w->n_parts, w->keys);
}

static void bound_chunks(void *arg, int64_t first, int64_t last) {
    for_keys(arg, first, last, bound_keys);
}

static void count_chunks(void *arg, int64_t first, int64_t last) {
    for_keys(arg, first, last, count_keys);
}

static void spread_chunks(void *arg, int64_t first, int64_t last) {
    for_keys(arg, first, last, spread_keys);
}

/* Parts of some thousand keys. More than 2^10 of them have no longer all their ends in the first-level cache and their pages in the processor's tables,
 * so parts are larger then, as long as caches hold them. */
static void choose_parts(long_row_work *w) {
    uint64_t low = UINT64_MAX, high = 0;
    for (size_t c = 0; c < w->n_chunks; c++) {
        low = w->low[c] < low ? w->low[c] : low;
        high = w->high[c] > high ? w->high[c] : high;
    }
    unsigned digits = 4;
    const unsigned bits = bits_below(high - low);
    while (digits < most_digits && w->n >> (digits + (digits < 10 ? 12 : 16))) digits++;
    w->lowest = low;
    w->shift = bits > digits ? bits - digits : 0;
    w->n_parts = (size_t)((high - low) >> w->shift) + 1;
}

static size_t *begins_of(const long_row_work *w) {
    return w->at + w->n_chunks * w->n_parts;
}

/* Counts of each chunk become the places where its keys go: part after part, and in a part chunk after chunk. Returns the largest part's keys. */
static size_t place_parts(long_row_work *w) {
    size_t next = 0, most = 0, *const begin = begins_of(w);
    for (size_t p = 0; p < w->n_parts; p++) {
        begin[p] = next;
        for (size_t c = 0; c < w->n_chunks; c++) {
            const size_t here = w->at[c * w->n_parts + p];
            w->at[c * w->n_parts + p] = next;
            next += here;
        }
        if (next - begin[p] > most) most = next - begin[p];
    }
    begin[w->n_parts] = next;
    return most;
}

/* A part, sorted and with the lowest key added again, to its place in y. */
static void finish_part(const long_row_work *w, size_t begin, size_t n, void *spare) {
    void *part = (char *)w->keys + begin * w->key_bytes;
    cpu_cursor out;
    part = w->key_bytes == sizeof(uint32_t) ? (void *)sorted_u32(part, spare, n, w->shift) : sorted_u64(part, spare, n, w->shift);
    if (w->key_bytes == sizeof(uint32_t))
        raise_u32(part, n, w->lowest);
    else
        raise_u64(part, n, w->lowest);
    trit_cpu_cursor_init(&out, w->order->cpu, w->y, w->order->dtype, (int64_t)begin);
    for (size_t at = 0; at < n; at += trit_cpu_block) {
        const size_t m = n - at < trit_cpu_block ? n - at : trit_cpu_block;
        trit_cpu_keys_write(w->order, part, at, trit_cpu_cursor_target(&out), m);
        trit_cpu_cursor_store(&out, m);
    }
}

/* The parts that begin among elements [first, last), so that members have as many elements. */
static void finish_parts(void *arg, int64_t first, int64_t last) {
    long_row_work *w = arg;
    const size_t *const begin = begins_of(w);
    unsigned char *const own = w->spare + atomic_fetch_add(&w->n_begun, 1) * w->spare_bytes;
    for (size_t p = 0; p < w->n_parts && begin[p] < (size_t)last; p++)
        if (begin[p] >= (size_t)first && begin[p + 1] > begin[p])
            finish_part(w, begin[p], begin[p + 1] - begin[p], w->spare_bytes ? own : w->spare + begin[p] * w->key_bytes);
}

/* May keys stand where the result will? */
static bool has_room(const long_row_work *w) {
    return trit_view_is_contiguous(w->y) && w->order->n_bytes == w->key_bytes;
}

/* Of the largest part for each member, which stays in its cache; but never more than a second copy of the row, which a few values that are
 * most of it would ask for. */
static bool take_spare(cpu_device *cpu, long_row_work *w, size_t most) {
    const size_t n_members = trit_team_size(cpu->team), bytes = (most * w->key_bytes + trit_cache_line - 1) / trit_cache_line * trit_cache_line;
    w->spare_bytes = bytes <= w->n * w->key_bytes / n_members ? bytes : 0;
    w->spare = w->spare_bytes ? trit_device_take(&cpu->base, n_members, bytes, "sorting")
                              : trit_device_take(&cpu->base, w->n, w->key_bytes, "sorting");
    return w->spare != NULL;
}

static bool spread_and_finish(cpu_device *cpu, long_row_work *w) {
    const int64_t n = (int64_t)w->n;
    const bool has_spare = take_spare(cpu, w, place_parts(w));
    w->keys = has_room(w) ? w->y->data : trit_device_take(&cpu->base, w->n, w->key_bytes, "sorting");
    const bool done = has_spare && w->keys;
    if (done) trit_cpu_parallel(cpu, (int64_t)w->n_chunks, 1, n, spread_chunks, w);
    if (done) trit_cpu_parallel(cpu, n, 1, n, finish_parts, w);
    trit_pool_release(cpu->base.pool, w->spare, NULL);
    if (!has_room(w)) trit_pool_release(cpu->base.pool, w->keys, NULL);
    return done;
}

void *trit_cpu_sort_keys(const cpu_order *o, void *keys, void *spare, size_t n) {
    return o->n_bytes <= 4 ? (void *)sort_u32(keys, spare, n) : sort_u64(keys, spare, n);
}

bool trit_cpu_sort_is_long(const cpu_order *o, size_t n) {
    return n > cached_bytes / (o->n_bytes <= 4 ? sizeof(uint32_t) : sizeof(uint64_t));
}

bool trit_cpu_sort_long(const cpu_order *o, cpu_device *cpu, const trit_view *x, const trit_view *y, size_t n) {
    long_row_work w = {.order = o, .x = x, .y = y, .n = n, .key_bytes = o->n_bytes <= 4 ? sizeof(uint32_t) : sizeof(uint64_t),
                       .chunk = n / most_chunks + 1};
    w.n_chunks = (n + w.chunk - 1) / w.chunk;
    for (size_t c = 0; c < w.n_chunks; c++) w.low[c] = UINT64_MAX;
    trit_cpu_parallel(cpu, (int64_t)w.n_chunks, 1, (int64_t)n, bound_chunks, &w);
    choose_parts(&w);
    w.at = trit_alloc_zero(w.n_parts * (w.n_chunks + 1) + 1, sizeof *w.at);
    if (!w.at) return false;
    trit_cpu_parallel(cpu, (int64_t)w.n_chunks, 1, (int64_t)n, count_chunks, &w);
    const bool done = spread_and_finish(cpu, &w);
    trit_free(w.at);
    return done;
}
