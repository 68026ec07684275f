/* Archives of stored entries, as NumPy writes them (zip.c draws the format). Sizes and places of 64 bits are left out: an archive of
 * 4 GiB or more is refused. */
#include "base/alloc.h"
#include "base/error.h"
#include "io/items.h"
#include "io/zip.h"
#include "tensor/bytes.h"

enum { local_bytes = 30, central_bytes = 46, end_bytes = 22, version = 20, utf8_names = 1 << 11, date_1980 = 0x21 };

/* CRC-32 of IEEE 802.3, reflected, of what `crc` stands for followed by p[0..n). */
static uint32_t crc32(uint32_t crc, trit_str s) {
    static const uint32_t of_nibble[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                           0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    crc = ~crc;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (uint8_t)s.p[i];
        crc = crc >> 4 ^ of_nibble[crc & 15];
        crc = crc >> 4 ^ of_nibble[crc & 15];
    }
    return ~crc;
}

/* The fields that an entry has both in front of it and in the directory, 26 bytes. */
static void put_common(uint8_t *p, const trit_zip_item *it, uint32_t crc) {
    const uint32_t n = (uint32_t)(it->head.n + it->data.n);
    memset(p, 0, 26);
    trit_store_u16(p, version);
    trit_store_u16(p + 2, utf8_names);
    trit_store_u16(p + 8, date_1980);
    trit_store_u32(p + 10, crc);
    trit_store_u32(p + 14, n);
    trit_store_u32(p + 18, n);
    trit_store_u16(p + 22, (uint16_t)it->name.n);
}

static trit_status add_bytes(trit_items *out, const void *data, size_t n, trit_error *err) {
    const trit_file_tensor t = {.dtype = trit_dtype_u8, .n_dims = 1, .shape = {n}, .data = data, .n_bytes = n};
    return trit_items_add(out, &t, NULL, NULL, 0, err);
}

/* What stands before an entry's bytes: its extra field makes them begin at a multiple of 64. */
static bool put_local(trit_text *out, const trit_zip_item *it, uint64_t at, uint32_t crc) {
    static const char zeros[64 + 4];
    uint8_t p[local_bytes] = "PK\3\4";
    const size_t padding = 4 + (64 - (at + local_bytes + it->name.n + 4) % 64) % 64;
    uint8_t extra[4] = {0xfe, 0xca}; /* a field that no reader knows */
    put_common(p + 4, it, crc);
    trit_store_u16(p + 28, (uint16_t)padding);
    trit_store_u16(extra + 2, (uint16_t)(padding - 4));
    return trit_text_append(out, (const char *)p, sizeof p) && trit_text_append(out, it->name.p, it->name.n) &&
           trit_text_append(out, (const char *)extra, sizeof extra) && trit_text_append(out, zeros, padding - 4);
}

static bool put_central(trit_text *out, const trit_zip_item *it, uint64_t at, uint32_t crc) {
    uint8_t p[central_bytes] = "PK\1\2";
    trit_store_u16(p + 4, version);
    put_common(p + 6, it, crc);
    trit_store_u32(p + 42, (uint32_t)at);
    return trit_text_append(out, (const char *)p, sizeof p) && trit_text_append(out, it->name.p, it->name.n);
}

static bool put_end(trit_text *out, size_t n, uint64_t at) {
    uint8_t p[end_bytes] = "PK\5\6";
    trit_store_u16(p + 8, (uint16_t)n);
    trit_store_u16(p + 10, (uint16_t)n);
    trit_store_u32(p + 12, (uint32_t)out->n);
    trit_store_u32(p + 16, (uint32_t)at);
    return trit_text_append(out, (const char *)p, sizeof p);
}

static trit_status check_items(const trit_zip_item *items, size_t n, trit_error *err) {
    uint64_t all = end_bytes;
    for (size_t i = 0; i < n; i++) {
        if (items[i].name.n > UINT16_MAX) return trit_error_set(err, trit_arg, "an entry's name of %zu bytes; 65535 at most", items[i].name.n);
        all += (uint64_t)items[i].head.n + items[i].data.n + 2 * items[i].name.n + local_bytes + central_bytes + 68;
    }
    if (n > UINT16_MAX || all > UINT32_MAX)
        return trit_error_set(err, trit_unsupported, "an archive of %zu entries and %llu bytes; 65535 and 4 GiB at most", n, (unsigned long long)all);
    return trit_check_unique(items, n, sizeof *items, "entry", err);
}

trit_status trit_zip_write(const trit_zip_item *items, size_t n, const char *path, trit_error *err) {
    trit_text directory = {0}, no_head = {0}, *local = trit_alloc_zero(n, sizeof *local);
    trit_items out = {0};
    uint64_t at = 0;
    trit_status status = local ? check_items(items, n, err) : trit_error_memory(err, n * sizeof *local, "an archive");
    for (size_t i = 0; i < n && status == trit_ok; i++) {
        const uint32_t crc = crc32(crc32(0, items[i].head), items[i].data);
        if (!put_local(&local[i], &items[i], at, crc) || !put_central(&directory, &items[i], at, crc))
            status = trit_error_memory(err, local[i].n, "an archive's directory");
        at += local[i].n + items[i].head.n + items[i].data.n;
        if (status == trit_ok) status = add_bytes(&out, local[i].data, local[i].n, err);
        if (status == trit_ok) status = add_bytes(&out, items[i].head.p, items[i].head.n, err);
        if (status == trit_ok) status = add_bytes(&out, items[i].data.p, items[i].data.n, err);
    }
    if (status == trit_ok && !put_end(&directory, n, at)) status = trit_error_memory(err, directory.n, "an archive's directory");
    if (status == trit_ok) status = add_bytes(&out, directory.data, directory.n, err);
    if (status == trit_ok) status = trit_items_write(&out, &no_head, 1, path, err);
    trit_items_fini(&out);
    for (size_t i = 0; local && i < n; i++) trit_text_fini(&local[i]);
    trit_free(local);
    trit_text_fini(&directory);
    return status;
}
