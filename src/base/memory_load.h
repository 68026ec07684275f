/* How full the memory is that this process may use: that of its cgroup (version 1 or 2), or the machine's where no limit is set. */
#ifndef TRIT_BASE_MEMORY_LOAD_H
#define TRIT_BASE_MEMORY_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "trit/status.h"

typedef struct trit_memory_source trit_memory_source;

typedef struct trit_memory_load {
    uint64_t used, limit;  /* bytes, of the cgroup above us that is fullest; used leaves out what the system can drop at once: files' pages
                              that were not read lately, of a cgroup from half of its limit on */
    double stall_percent;  /* of the last ten seconds, in which something waited for memory (PSI, "some avg10"); -1: unknown */
    const char *kind;      /* "cgroup v2", "cgroup v1" or "system" */
} trit_memory_load;

/* `root` is put before /proc and /sys, for tests; "" for this machine. The files stay open, so that a reading is a few system calls. The
 * caller closes. Errors: unsupported (no such files: not Linux), memory. */
TRIT_MUST_CHECK trit_status trit_memory_source_open(trit_memory_source **out, const char *root, trit_error *err);
void trit_memory_source_close(trit_memory_source *source); /* NULL is fine */

/* One thread at a time. false: nothing could be read. */
bool trit_memory_source_read(const trit_memory_source *source, trit_memory_load *out);

#endif
