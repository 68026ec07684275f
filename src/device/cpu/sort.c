/* Rows sorted by the bytes of their keys: see sort.h. */
#include "device/cpu/sort.h"

#include <string.h>

#include "base/alloc.h"

#define E uint64_t
#define KEY(e) (e)
#define NAME(x) x##_u64
#include "device/cpu/radix_type.h"
#undef E
#undef KEY
#undef NAME

#define E cpu_keyed
#define KEY(e) ((e).key)
#define NAME(x) x##_keyed
#include "device/cpu/radix_type.h"
#undef E
#undef KEY
#undef NAME

void trit_cpu_order_init(cpu_order *o, const cpu_device *cpu, trit_dtype dtype, bool is_descending) {
    const size_t size = trit_dtype_bytes(dtype);
    *o = (cpu_order){.cpu = cpu, .dtype = dtype, .n_bytes = (unsigned)size, .is_float = trit_dtype_is_float(dtype)};
    o->mask = UINT64_MAX >> (64 - 8 * size);
    o->turn = is_descending ? o->mask : 0;
    o->sign = dtype == trit_dtype_u8 || dtype == trit_dtype_bool ? 0 : o->mask ^ o->mask >> 1;
    o->infinity = dtype == trit_dtype_f64    ? 0x7ff0000000000000u
                  : dtype == trit_dtype_f32  ? 0x7f800000u
                  : dtype == trit_dtype_bf16 ? 0x7f80u
                                             : 0x7c00u;
}

/* Whole numbers: the sign bit the other way. Floats: so too, and negative ones with all bits the other way. */
static inline uint64_t key_of(const cpu_order *o, uint64_t bits, bool is_float, bool merges_zeros) {
    const uint64_t magnitude = bits & ~o->sign, number = is_float && merges_zeros && magnitude == 0 ? 0 : bits;
    const uint64_t key = number ^ o->turn ^ (is_float && (number & o->sign) ? o->mask : o->sign);
    return is_float && magnitude > o->infinity ? o->mask : key;
}

/* A key's element; a NaN is one whose bits are all 1 but the sign. */
static inline uint64_t bits_of(const cpu_order *o, uint64_t key, bool is_float) {
    const uint64_t turned = key ^ o->turn, bits = turned ^ (is_float && !(turned & o->sign) ? o->mask : o->sign);
    return is_float && key == o->mask ? o->mask & ~o->sign : bits;
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

void trit_cpu_keys_open(cpu_key_reader *r, const cpu_order *o, const trit_view *x, size_t at, size_t n) {
    trit_cpu_cursor_init(&r->c, o->cpu, x, o->dtype, (int64_t)at);
    r->at = at;
    r->n = n;
}

size_t trit_cpu_keys_next(cpu_key_reader *r) {
    const size_t left = r->n - r->at, n = left < trit_cpu_block ? left : trit_cpu_block;
    if (n) r->block = trit_cpu_cursor_load(&r->c, n);
    r->at += n;
    return n;
}

/* keys[at..) of a block, and back; the order is a copy that no key can lie on. Called with constants, so that each is a loop of its own; keys of
 * four bytes are computed in as many, which vectors hold more of. */
static inline void block_to_keys(const cpu_order o, void *keys, size_t at, const void *block, size_t n, unsigned n_bytes, bool is_float) {
    const uint32_t sign = (uint32_t)o.sign, mask = (uint32_t)o.mask, infinity = (uint32_t)o.infinity, turn = (uint32_t)o.turn;
    if (n_bytes == 8) {
        for (size_t i = 0; i < n; i++) ((uint64_t *)keys)[at + i] = key_of(&o, ((const uint64_t *)block)[i], is_float, false);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)load_bits(block, i, n_bytes), key = bits ^ turn ^ (is_float && (bits & sign) ? mask : sign);
        ((uint32_t *)keys)[at + i] = is_float && (bits & ~sign) > infinity ? mask : key;
    }
}

static inline void keys_to_block(const cpu_order o, const void *keys, size_t at, void *block, size_t n, unsigned n_bytes, bool is_float) {
    const uint32_t sign = (uint32_t)o.sign, mask = (uint32_t)o.mask, turn = (uint32_t)o.turn;
    if (n_bytes == 8) {
        for (size_t i = 0; i < n; i++) ((uint64_t *)block)[i] = bits_of(&o, ((const uint64_t *)keys)[at + i], is_float);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t key = ((const uint32_t *)keys)[at + i], turned = key ^ turn, bits = turned ^ (is_float && !(turned & sign) ? mask : sign);
        store_bits(block, i, n_bytes, is_float && key == mask ? mask & ~sign : bits);
    }
}

void trit_cpu_keys_read(const cpu_order *o, void *keys, size_t at, const void *block, size_t n) {
    switch (o->n_bytes) {
    case 1: block_to_keys(*o, keys, at, block, n, 1, false); break;
    case 2: o->is_float ? block_to_keys(*o, keys, at, block, n, 2, true) : block_to_keys(*o, keys, at, block, n, 2, false); break;
    case 4: o->is_float ? block_to_keys(*o, keys, at, block, n, 4, true) : block_to_keys(*o, keys, at, block, n, 4, false); break;
    default: o->is_float ? block_to_keys(*o, keys, at, block, n, 8, true) : block_to_keys(*o, keys, at, block, n, 8, false); break;
    }
}

void trit_cpu_keys_write(const cpu_order *o, const void *keys, size_t at, void *block, size_t n) {
    switch (o->n_bytes) {
    case 1: keys_to_block(*o, keys, at, block, n, 1, false); break;
    case 2: o->is_float ? keys_to_block(*o, keys, at, block, n, 2, true) : keys_to_block(*o, keys, at, block, n, 2, false); break;
    case 4: o->is_float ? keys_to_block(*o, keys, at, block, n, 4, true) : keys_to_block(*o, keys, at, block, n, 4, false); break;
    default: o->is_float ? keys_to_block(*o, keys, at, block, n, 8, true) : keys_to_block(*o, keys, at, block, n, 8, false); break;
    }
}

/* The row's keys, sorted; zeros keep their signs. */
static void *sorted_keys(const cpu_order *o, const trit_view *x, size_t n, void *memory) {
    cpu_key_reader r;
    size_t at = 0;
    trit_cpu_keys_open(&r, o, x, 0, n);
    for (size_t m; (m = trit_cpu_keys_next(&r)) > 0; at += m) trit_cpu_keys_read(o, memory, at, r.block, m);
    return trit_cpu_sort_keys(o, memory, (char *)memory + n * (o->n_bytes <= 4 ? sizeof(uint32_t) : sizeof(uint64_t)), n);
}

void trit_cpu_sort_values(const cpu_order *o, const trit_view *x, const trit_view *y, size_t n, void *memory) {
    const void *sorted = sorted_keys(o, x, n, memory);
    cpu_cursor out;
    trit_cpu_cursor_init(&out, o->cpu, y, o->dtype, 0);
    for (size_t at = 0; at < n; at += trit_cpu_block) {
        const size_t m = n - at < trit_cpu_block ? n - at : trit_cpu_block;
        trit_cpu_keys_write(o, sorted, at, trit_cpu_cursor_target(&out), m);
        trit_cpu_cursor_store(&out, m);
    }
}

size_t trit_cpu_sort_numbers(const cpu_order *o, const trit_view *x, double *y, size_t n, void *memory) {
    const void *sorted = sorted_keys(o, x, n, memory);
    _Alignas(64) unsigned char block[trit_cpu_block_bytes];
    size_t n_numbers = 0;
    for (size_t at = 0; at < n; at += trit_cpu_block) {
        const size_t m = n - at < trit_cpu_block ? n - at : trit_cpu_block;
        trit_cpu_keys_write(o, sorted, at, block, m);
        o->cpu->kernels->convert(trit_dtype_f64, y + at, o->dtype, block, m);
        for (size_t i = at; i < at + m; i++) n_numbers += y[i] == y[i];
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
    cpu_key_reader r;
    uint64_t *packed = memory;
    cpu_keyed *keyed = memory;
    size_t at = 0;
    trit_cpu_keys_open(&r, o, x, 0, n);
    for (size_t m; (m = trit_cpu_keys_next(&r)) > 0; at += m)
        for (size_t i = 0; i < m; i++) {
            const uint64_t key = key_of(o, load_bits(r.block, i, o->n_bytes), o->is_float, true);
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
    cpu_key_reader r;
    size_t at = 0;
    trit_cpu_keys_open(&r, o, x, 0, n);
    for (size_t m; (m = trit_cpu_keys_next(&r)) > 0; at += m)
        for (size_t i = 0; i < m; i++) {
            const cpu_keyed e = {key_of(o, load_bits(r.block, i, o->n_bytes), o->is_float, true), at + i};
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
