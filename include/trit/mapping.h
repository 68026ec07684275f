/* Memory that is more than one process's own: a file as memory, and memory under a name that other processes open. */
#ifndef TRIT_MAPPING_H
#define TRIT_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trit_mapping trit_mapping;

/* A file as memory, read when touched. `writes`: what is written to the memory is written to the file, at the latest by trit_mapping_flush; else
 * the file is never changed, and the memory may only be read. bytes 0: as long as the file is; else, with `writes`, the file is made if it
 * is absent and set to that length. The caller closes. Errors: io (with the system's reason), arg, memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_mapping_file(trit_mapping **out, const char *path, size_t bytes, bool writes, trit_error *err);

/* Memory, zero at first, that processes of the same user open by its name: 1 to 28 letters, digits, '.', '_' and '-'. It lives until the name is
 * removed and the last process has closed it. `make` needs a name that is free, `open` one that was made. Writes are seen by all at once;
 * the processes agree by themselves on who writes when. The caller closes. Errors: io, arg (a name, 0 bytes), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_mapping_make(trit_mapping **out, const char *name, size_t bytes, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_mapping_open(trit_mapping **out, const char *name, trit_error *err);
TRIT_API trit_status trit_mapping_remove(const char *name, trit_error *err);

TRIT_API void *trit_mapping_data(const trit_mapping *mapping); /* [trit_mapping_bytes]; NULL for an empty file */
TRIT_API size_t trit_mapping_bytes(const trit_mapping *mapping);
/* Returns when the disk has what was written. Errors: io. */
TRIT_API TRIT_MUST_CHECK trit_status trit_mapping_flush(trit_mapping *mapping, trit_error *err);
TRIT_API void trit_mapping_close(trit_mapping *mapping); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
