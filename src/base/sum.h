/* A checksum of large blocks: as fast as memory is read, and any one word that changes changes it. Not a proof against forgery; its
 * value depends on the machine's byte order. */
#ifndef TRIT_BASE_SUM_H
#define TRIT_BASE_SUM_H

#include <stddef.h>
#include <stdint.h>

/* `sum`: of what came before, so that several blocks have one; begin with 0. Where a block ends counts. */
uint64_t trit_sum_bytes(uint64_t sum, const void *data, size_t n);
uint64_t trit_sum_number(uint64_t sum, uint64_t v);
uint64_t trit_sum_text(uint64_t sum, const char *s);

#endif
