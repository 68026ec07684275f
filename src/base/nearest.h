/* What a mistyped name was meant to be. */
#ifndef TRIT_BASE_NEAREST_H
#define TRIT_BASE_NEAREST_H

#include <stddef.h>

/* Index of the name nearest to `word`, or -1 when none is near enough to be a typing error. */
int trit_nearest(const char *word, const char *(*name_at)(const void *list, size_t i), const void *list, size_t n);

#endif
