/* Buffers that the library hands to the caller. Zero-initialise one, pass it as often as wanted (it is reused and
 * grows), release it with its _fini. Owner: the caller. Not to be shared between threads while it is being filled. */
#ifndef TRIT_MEMORY_H
#define TRIT_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes, always followed by a NUL that is not counted in n. */
typedef struct trit_text {
    char *data; /* [n + 1], NULL while empty */
    size_t n, capacity;
} trit_text;

/* Token ids. */
typedef struct trit_ids {
    int32_t *data; /* [n] */
    size_t n, capacity;
} trit_ids;

TRIT_API void trit_text_fini(trit_text *text);
TRIT_API void trit_ids_fini(trit_ids *ids);

#ifdef __cplusplus
}
#endif
#endif
