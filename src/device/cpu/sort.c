/* Rows sorted by the bytes of their keys: see sort.h. */
#include "device/cpu/sort.h"

#include <string.h>

#include "base/alloc.h"

enum { few_elements = 48 };

#define E uint32_t
#define KEY(e) ((uint64_t)(e))
#define NAME(x) x##_u32
#include "device/cpu/radix_type.h"

#define E uint64_t
#define KEY(e) (e)
#define NAME(x) x##_u64
#include "device/cpu/radix_type.h"

#define E cpu_keyed
#define KEY(e) ((e).key)
#define NAME(x) x##_keyed
#include "device/cpu/radix_type.h"

void trit_cpu_order_init(cpu_order *o, const cpu_device *cpu, trit_dtype dtype, bool is_descending) {
    const size_t size = trit_dtype_bytes(dtype);
    *o = (cpu_order){.cpu = cpu, .dtype = dtype, .n_bytes = (unsigned)size, .is_float = trit_dtype_is_float(dtype), .is_descending = is_descending};
    o->mask = UINT64_MAX >> (64 - 8 * size);
    o->sign = dtype == trit_dtype_u8 || dtype == trit_dtype_bool ? 0 : o->mask ^ o->mask >> 1;
    o->infinity = dtype == trit_dtype_f64    ? 0x7ff0000000000000u
                  : dtype == trit_dtype_f32  ? 0x7f800000u
                  : dtype == trit_dtype_bf16 ? 0x7f80u
                                             : 0x7c00u;
}

/* Whole numbers: the sign bit the other way. Floats: so too, and negative ones with all bits the other way. */
static inline uint64_t key_of(const cpu_order *o, uint64_t bits, bool merges_zeros) {
    uint64_t flip = o->sign;
    if (o->is_float) {
        const uint64_t magnitude = bits & ~o->sign;
        if (magnitude > o->infinity) return o->mask;
        if (merges_zeros && magnitude == 0) bits = 0;
        if (bits & o->sign) flip = o->mask;
    }
    return bits ^ flip ^ (o->is_descending ? o->mask : 0);
}

/* A key's element; a NaN is one whose bits are all 1 but the sign. */
static inline uint64_t bits_of(const cpu_order *o, uint64_t key) {
    if (o->is_float && key == o->mask) return o->mask & ~o->sign;
    if (o->is_descending) key ^= o->mask;
    return key ^ (o->is_float && !(key & o->sign) ? o->mask : o->sign);
}

static inline uint64_t load_bits(const void *p, size_t i, unsigned n_bytes) {
    switch (n_bytes) {
    case 1: return ((const uint8_t *)p)[i];
    case 2: return ((const uint16_t *)p)[i];
    case 4: return ((const uint32_t *)p)[i];
    default: return ((const uint64_t *)p)[i];
    }
}

static inline void store_bits(void *p, size_t i, unsigned n_bytes, uint64_t bits) {
    switch (n_bytes) {
    case 1: ((uint8_t *)p)[i] = (uint8_t)bits; break;
    case 2: ((uint16_t *)p)[i] = (uint16_t)bits; break;
    case 4: ((uint32_t *)p)[i] = (uint32_t)bits; break;
    default: ((uint64_t *)p)[i] = bits; break;
    }
}

/* Places fit beside keys of up to four bytes. */
static bool packs(const cpu_order *o, size_t n) {
    return o->n_bytes <= 4 && n <= UINT32_MAX;
}

bool trit_cpu_sort_bytes(const cpu_order *o, size_t n, bool is_places, size_t *out) {
    const size_t size = is_places ? (packs(o, n) ? sizeof(uint64_t) : sizeof(cpu_keyed)) : o->n_bytes <= 4 ? sizeof(uint32_t) : sizeof(uint64_t);
    return trit_mul_size(n, 2 * size, out);
}

/* The next block of a row. */
typedef struct key_reader {
    cpu_cursor c;
    const void *block;
    size_t at, n; /* of the block, of the row */
} key_reader;

static void open_row(key_reader *r, const cpu_order *o, const trit_view *x, size_t n) {
    trit_cpu_cursor_init(&r->c, o->cpu, x, o->dtype, 0);
    r->at = 0;
    r->n = n;
}

/* Its number of elements; 0 at the end. */
static size_t next_block(key_reader *r) {
    const size_t left = r->n - r->at, n = left < trit_cpu_block ? left : trit_cpu_block;
    if (n) r->block = trit_cpu_cursor_load(&r->c, n);
    r->at += n;
    return n;
}

/* The row's keys, sorted; zeros keep their signs. */
static void *sorted_values(const cpu_order *o, const trit_view *x, size_t n, void *memory) {
    key_reader r;
    uint32_t *narrow = memory;
    uint64_t *wide = memory;
    size_t at = 0;
    open_row(&r, o, x, n);
    for (size_t m; (m = next_block(&r)) > 0; at += m)
        for (size_t i = 0; i < m; i++) {
            const uint64_t key = key_of(o, load_bits(r.block, i, o->n_bytes), false);
            if (o->n_bytes <= 4)
                narrow[at + i] = (uint32_t)key;
            else
                wide[at + i] = key;
        }
    return o->n_bytes <= 4 ? (void *)radix_u32(narrow, narrow + n, n, 0, o->n_bytes) : (void *)radix_u64(wide, wide + n, n, 0, 8);
}

static inline uint64_t value_at(const cpu_order *o, const void *sorted, size_t i) {
    return bits_of(o, o->n_bytes <= 4 ? ((const uint32_t *)sorted)[i] : ((const uint64_t *)sorted)[i]);
}

void trit_cpu_sort_values(const cpu_order *o, const trit_view *x, const trit_view *y, size_t n, void *memory) {
    const void *sorted = sorted_values(o, x, n, memory);
    cpu_cursor out;
    trit_cpu_cursor_init(&out, o->cpu, y, o->dtype, 0);
    for (size_t at = 0; at < n; at += trit_cpu_block) {
        const size_t m = n - at < trit_cpu_block ? n - at : trit_cpu_block;
        void *to = trit_cpu_cursor_target(&out);
        for (size_t i = 0; i < m; i++) store_bits(to, i, o->n_bytes, value_at(o, sorted, at + i));
        trit_cpu_cursor_store(&out, m);
    }
}

size_t trit_cpu_sort_numbers(const cpu_order *o, const trit_view *x, double *y, size_t n, void *memory) {
    const void *sorted = sorted_values(o, x, n, memory);
    size_t n_numbers = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t element;
        store_bits(&element, 0, o->n_bytes, value_at(o, sorted, i));
        y[i] = trit_element_get(o->dtype, &element);
        n_numbers += y[i] == y[i];
    }
    return n_numbers;
}

/* Writes k places: the index of sorted elements, or the low half of packed ones. */
static void put_places(const cpu_order *o, const trit_view *y, const cpu_keyed *keyed, const uint64_t *packed, size_t k) {
    cpu_cursor out;
    trit_cpu_cursor_init(&out, o->cpu, y, trit_dtype_i64, 0);
    for (size_t at = 0; at < k; at += trit_cpu_block) {
        const size_t m = k - at < trit_cpu_block ? k - at : trit_cpu_block;
        int64_t *to = trit_cpu_cursor_target(&out);
        for (size_t i = 0; i < m; i++) to[i] = (int64_t)(packed ? packed[at + i] & UINT32_MAX : keyed[at + i].index);
        trit_cpu_cursor_store(&out, m);
    }
}

void trit_cpu_sort_places(const cpu_order *o, const trit_view *x, size_t n, const trit_view *y, size_t k, void *memory) {
    const bool is_packed = packs(o, n);
    key_reader r;
    uint64_t *packed = memory;
    cpu_keyed *keyed = memory;
    size_t at = 0;
    open_row(&r, o, x, n);
    for (size_t m; (m = next_block(&r)) > 0; at += m)
        for (size_t i = 0; i < m; i++) {
            const uint64_t key = key_of(o, load_bits(r.block, i, o->n_bytes), true);
            if (is_packed)
                packed[at + i] = key << 32 | (at + i);
            else
                keyed[at + i] = (cpu_keyed){key, at + i};
        }
    if (is_packed)
        put_places(o, y, NULL, radix_u64(packed, packed + n, n, 4, o->n_bytes), k);
    else
        put_places(o, y, radix_keyed(keyed, keyed + n, n, 0, o->n_bytes), NULL, k);
}

static bool is_before(const cpu_keyed *a, const cpu_keyed *b) {
    return a->key < b->key || (a->key == b->key && a->index < b->index);
}

/* A heap whose top is the last of its n elements: the one at `at` sinks to where it belongs. */
static void sink(cpu_keyed *heap, size_t n, size_t at) {
    const cpu_keyed e = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && is_before(&heap[child], &heap[child + 1])) child++;
        if (!is_before(&e, &heap[child])) break;
        heap[at] = heap[child];
    }
    heap[at] = e;
}

void trit_cpu_sort_few(const cpu_order *o, const trit_view *x, size_t n, const trit_view *y, size_t k, void *memory) {
    cpu_keyed *heap = memory;
    key_reader r;
    size_t at = 0;
    open_row(&r, o, x, n);
    for (size_t m; (m = next_block(&r)) > 0; at += m)
        for (size_t i = 0; i < m; i++) {
            const cpu_keyed e = {key_of(o, load_bits(r.block, i, o->n_bytes), true), at + i};
            if (at + i < k) {
                heap[at + i] = e;
                for (size_t j = at + i + 1 == k ? k / 2 : 0; j-- > 0;) sink(heap, k, j);
            } else if (e.key < heap[0].key) {
                heap[0] = e;
                sink(heap, k, 0);
            }
        }
    for (size_t left = k; left-- > 1;) { /* the last goes to the end */
        const cpu_keyed last = heap[0];
        heap[0] = heap[left];
        heap[left] = last;
        sink(heap, left, 0);
    }
    put_places(o, y, heap, NULL, k);
}
