/* Heap memory with checked sizes. Every allocation of the library passes through here or through trit_buf, so that a size
 * which came from a file is multiplied safely in one place. All of it is released with trit_free. */
#ifndef TRIT_BASE_ALLOC_H
#define TRIT_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

#include "trit/memory.h"
#include "trit/status.h"

enum { trit_cache_line = 64 };

/* a * b and a + b without wrap-around: false when the result does not fit. */
bool trit_mul_size(size_t a, size_t b, size_t *out);
bool trit_add_size(size_t a, size_t b, size_t *out);

void *trit_alloc(size_t n, size_t size);         /* n * size bytes, or NULL; n == 0 gives a pointer that can be freed */
void *trit_alloc_zero(size_t n, size_t size);    /* the same, zeroed */
void *trit_alloc_aligned(size_t n, size_t size); /* the same, on a cache line; large blocks ask for huge pages */
void *trit_realloc(void *p, size_t n, size_t size);
void trit_free(void *p);
char *trit_strndup(const char *s, size_t n); /* always NUL-terminated */

/* Room for at least n elements in a caller's growing array: *p and *capacity change only on success. */
bool trit_grow(void **p, size_t *capacity, size_t n, size_t size);

/* Appending to the public buffers. */
bool trit_text_reserve(trit_text *text, size_t n);
bool trit_text_append(trit_text *text, const char *s, size_t n);
bool trit_text_format(trit_text *text, const char *fmt, ...) TRIT_PRINTF(2, 3);
bool trit_ids_push(trit_ids *ids, int32_t id);

#endif
