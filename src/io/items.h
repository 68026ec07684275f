/* The tensors of a file to write, whatever its container: remembered as they come, their bytes written last, or even made only
 * then. The file is written beside its place and renamed, so that a half-written model never carries the name of a whole one. */
#ifndef TRIT_IO_ITEMS_H
#define TRIT_IO_ITEMS_H

#include "io/io.h"
#include "trit/memory.h"

typedef struct trit_item {
    trit_file_tensor tensor;    /* first, for it begins with the name, which is owned */
    trit_tensor_fill fill; /* makes the bytes, NULL: they are at tensor.data */
    void *context;
    uint64_t piece_bytes;  /* made at a time; 0: all */
} trit_item;

/* Zero-initialise. */
typedef struct trit_items {
    trit_item *item; /* [n] */
    size_t n, capacity;
} trit_items;

TRIT_MUST_CHECK trit_status trit_items_add(trit_items *items, const trit_file_tensor *tensor, trit_tensor_fill fill, void *context,
                                           uint64_t piece_bytes, trit_error *err);
void trit_items_fini(trit_items *items);

/* Errors: arg (two things of the list, each beginning with a trit_str, have one name), memory. `kind` is for the message. */
TRIT_MUST_CHECK trit_status trit_check_unique(const void *things, size_t n, size_t stride, const char *kind, trit_error *err);

/* Writes head and tensors, each padded with zeros to a multiple of `alignment` (1: not at all). Errors: io, memory, and those of
 * the fills; then nothing is left behind. */
TRIT_MUST_CHECK trit_status trit_items_write(const trit_items *items, const trit_text *head, uint64_t alignment, const char *path,
                                             trit_error *err);

#endif
