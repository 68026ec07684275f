/* API keys: who may ask. What is kept are their sums, and a key is compared with all of them in the same time, whichever it is. */
#ifndef TRIT_SERVER_KEYS_H
#define TRIT_SERVER_KEYS_H

#include <stddef.h>

#include "base/sha.h"
#include "trit/status.h"

typedef struct trit_keys {
    char (*sum)[trit_sha_hex_max]; /* [n] */
    size_t n, capacity;
} trit_keys;

/* A key a line; blank lines and those that begin with # are skipped. Errors: io, format (no key, a character that no header can hold), memory. */
TRIT_MUST_CHECK trit_status trit_keys_read(trit_keys *keys, const char *path, trit_error *err);
void trit_keys_fini(trit_keys *keys);

/* The number of the key in "Bearer KEY", or -1. `authorization` may be NULL. */
int trit_keys_find(const trit_keys *keys, const char *authorization);

#endif
