/* The directory of an archive (PKWARE's APPNOTE 6.3), whose numbers are little-endian:
 *
 *   entry      "PK\3\4" | 22 bytes | u16 name, u16 extra | name | extra | the stored bytes
 *   directory  for each entry "PK\1\2" | ... | u32 size in the archive, u32 size, u16 name, u16 extra, u16 comment | ... | u32 offset
 *   end        "PK\5\6" | ... | u16 entries | u32 bytes, u32 offset of the directory | u16 comment
 *
 * Numbers of all ones stand in a field of 64 bits instead: an entry's behind its name (extra 1), those of the end in a record of
 * its own ("PK\6\6"), whose offset a locator ("PK\6\7") before the end tells. The sizes in front of an entry may be missing. */
#include "io/zip.h"

#include "base/alloc.h"
#include "base/error.h"
#include "tensor/bytes.h"

enum { local_bytes = 30, central_bytes = 46, end_bytes = 22, locator_bytes = 20, end64_bytes = 56, most_comment = 65535 };

typedef struct directory {
    uint64_t n, n_bytes, offset;
} directory;

static trit_status broken(const char *what, const char *how, trit_error *err) {
    return trit_error_set(err, trit_format, "%.200s: a broken archive: %s", what, how);
}

static bool is_inside(trit_file_map file, uint64_t offset, uint64_t n) {
    return offset <= file.n && n <= file.n - offset;
}

/* Where the end begins; false: the file is no archive. */
static bool find_end(trit_file_map file, size_t *at) {
    if (file.n < end_bytes) return false;
    const size_t last = file.n - end_bytes, first = last > most_comment ? last - most_comment : 0;
    for (size_t i = last + 1; i-- > first;) {
        if (memcmp(file.data + i, "PK\5\6", 4) != 0 || trit_load_u16(file.data + i + 20) != file.n - i - end_bytes) continue;
        *at = i;
        return true;
    }
    return false;
}

static trit_status read_end(directory *d, trit_file_map file, const char *what, trit_error *err) {
    size_t at;
    if (!find_end(file, &at)) return broken(what, "its end is missing", err);
    const uint8_t *p = file.data + at;
    *d = (directory){trit_load_u16(p + 10), trit_load_u32(p + 12), trit_load_u32(p + 16)};
    if (at >= locator_bytes && memcmp(p - locator_bytes, "PK\6\7", 4) == 0) {
        const uint64_t offset = trit_load_u64(p - locator_bytes + 8);
        if (!is_inside(file, offset, end64_bytes) || memcmp(file.data + offset, "PK\6\6", 4) != 0)
            return broken(what, "the directory's record of 64 bits is missing", err);
        p = file.data + offset;
        *d = (directory){trit_load_u64(p + 32), trit_load_u64(p + 40), trit_load_u64(p + 48)};
    }
    if (!is_inside(file, d->offset, d->n_bytes) || d->n > d->n_bytes / central_bytes)
        return broken(what, "its directory is beyond the end of the file", err);
    return trit_ok;
}

typedef struct place {
    uint64_t in_archive, n, offset;
} place;

/* Fields of all ones, in the order of `place`, are in the extra field 1. */
static bool widen(place *e, const uint8_t *extra, size_t n_extra) {
    uint64_t *const fields[] = {&e->n, &e->in_archive, &e->offset};
    while (n_extra >= 4) {
        const size_t id = trit_load_u16(extra), n = trit_load_u16(extra + 2);
        if (n > n_extra - 4) return false;
        size_t at = 0;
        for (size_t i = 0; i < 3 && id == 1; i++) {
            if (*fields[i] != UINT32_MAX) continue;
            if (at + 8 > n) return false;
            *fields[i] = trit_load_u64(extra + 4 + at);
            at += 8;
        }
        extra += 4 + n;
        n_extra -= 4 + n;
    }
    return true;
}

/* The entry whose record in the directory stands at p; *used: the record's bytes. */
static trit_status read_entry(trit_zip_entry *out, trit_file_map file, const uint8_t *p, uint64_t left, uint64_t *used, const char *what, trit_error *err) {
    if (left < central_bytes || memcmp(p, "PK\1\2", 4) != 0) return broken(what, "an entry of its directory is missing", err);
    const size_t n_name = trit_load_u16(p + 28), n_extra = trit_load_u16(p + 30);
    *used = central_bytes + n_name + n_extra + trit_load_u16(p + 32);
    if (*used > left) return broken(what, "an entry of its directory is cut off", err);
    place e = {trit_load_u32(p + 20), trit_load_u32(p + 24), trit_load_u32(p + 42)};
    *out = (trit_zip_entry){.name = {(const char *)p + central_bytes, n_name}};
    if ((trit_load_u16(p + 8) & 1) || trit_load_u16(p + 10) != 0)
        return trit_error_set(err, trit_unsupported, "%.200s: entry %.*s is compressed or encrypted", what, TRIT_STR_ARG(out->name));
    const bool good = widen(&e, p + central_bytes + n_name, n_extra) && e.n == e.in_archive && is_inside(file, e.offset, local_bytes) &&
                      memcmp(file.data + e.offset, "PK\3\4", 4) == 0;
    const uint64_t start = good ? e.offset + local_bytes + trit_load_u16(file.data + e.offset + 26) + trit_load_u16(file.data + e.offset + 28) : 0;
    if (!good || !is_inside(file, start, e.n))
        return trit_error_set(err, trit_format, "%.200s: entry %.*s is not where the directory says", what, TRIT_STR_ARG(out->name));
    out->data = file.data + start;
    out->n = e.n;
    return trit_ok;
}

trit_status trit_zip_open(trit_zip *out, trit_file_map file, const char *what, trit_error *err) {
    directory d = {0};
    size_t twice;
    *out = (trit_zip){0};
    trit_status status = read_end(&d, file, what, err);
    if (status != trit_ok) return status;
    out->entry = trit_alloc((size_t)d.n, sizeof *out->entry);
    if (!out->entry) return trit_error_memory(err, (size_t)d.n * sizeof *out->entry, "the archive's directory");
    uint64_t used = 0;
    for (uint64_t at = 0; out->n < d.n && status == trit_ok; at += used)
        status = read_entry(&out->entry[out->n++], file, file.data + d.offset + at, d.n_bytes - at, &used, what, err);
    if (status == trit_ok) {
        status = trit_names_init(&out->names, out->entry, out->n, sizeof *out->entry, &twice);
        if (status == trit_format) status = broken(what, "two entries have one name", err);
        else if (status == trit_memory) status = trit_error_memory(err, out->n * 16, "the index of names");
    }
    if (status != trit_ok) trit_zip_close(out);
    return status;
}

void trit_zip_close(trit_zip *zip) {
    trit_names_fini(&zip->names);
    trit_free(zip->entry);
    *zip = (trit_zip){0};
}

const trit_zip_entry *trit_zip_find(const trit_zip *zip, trit_str name) {
    return trit_names_find(&zip->names, name);
}
