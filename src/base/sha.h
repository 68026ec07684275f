/* SHA-1 and SHA-256 (FIPS 180-4), a piece at a time: what the hub names its files by, and how we know that they arrived whole.
 * Portable C; a download is slower than it. SHA-1 is git's name for a small file, not a proof against forgery. */
#ifndef TRIT_BASE_SHA_H
#define TRIT_BASE_SHA_H

#include <stddef.h>
#include <stdint.h>

typedef struct trit_sha {
    uint32_t h[8];
    uint64_t n; /* bytes so far */
    uint8_t block[64];
    unsigned n_words; /* of the result: 5 (SHA-1) or 8 (SHA-256) */
} trit_sha;

enum { trit_sha_hex_max = 65 }; /* 64 digits and a NUL */

void trit_sha1_init(trit_sha *s);
void trit_sha256_init(trit_sha *s);
void trit_sha_add(trit_sha *s, const void *data, size_t n);

/* Ends the sum and writes it in lower-case hexadecimal digits. */
void trit_sha_hex(trit_sha *s, char out[trit_sha_hex_max]);

#endif
