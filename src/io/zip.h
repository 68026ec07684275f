/* Archives of stored entries, as PyTorch writes them: the bytes of an entry are bytes of the file. */
#ifndef TRIT_IO_ZIP_H
#define TRIT_IO_ZIP_H

#include "base/os.h"
#include "io/names.h"

typedef struct trit_zip_entry {
    trit_str name;       /* first, for trit_names; in the file */
    const uint8_t *data; /* [n] */
    uint64_t n;
} trit_zip_entry;

/* Zero-initialise; owner: the caller. */
typedef struct trit_zip {
    trit_zip_entry *entry; /* [n] in the order of the directory */
    size_t n;
    trit_names names;
} trit_zip;

/* Errors: format, unsupported (an entry that is compressed or encrypted), memory. The bytes outlive the object. */
TRIT_MUST_CHECK trit_status trit_zip_open(trit_zip *out, trit_file_map file, const char *what, trit_error *err);
void trit_zip_close(trit_zip *zip);
const trit_zip_entry *trit_zip_find(const trit_zip *zip, trit_str name); /* NULL: absent */

/* Writes entries, stored: the bytes of `head` and `data` make one each, and begin at multiples of 64 where `head` is as long. Beside its
 * place, then renamed. Errors: io, memory, arg (a name longer than 65535 bytes, an entry above 4 GiB). */
typedef struct trit_zip_item {
    trit_str name; /* first, for trit_check_unique */
    trit_str head, data;
} trit_zip_item;

TRIT_MUST_CHECK trit_status trit_zip_write(const trit_zip_item *items, size_t n, const char *path, trit_error *err);

#endif
