/* Sessions: what an engine has computed, in a file, so that a long prompt need not be computed again after a restart. A file holds the keys
 * and values of the prompts and answers that the engine's cache keeps, in whole pages of trit_engine_info.page_tokens tokens, and a note of
 * the caller's. Restored into another engine they serve whatever prompt begins like them; answers have the same bits as without.
 *
 * A file fits the model, the adapters and the type of keys and values that it was made with. It is for this machine and others of its
 * byte order, and holds what was said: keep it as you would keep that. */
#ifndef TRIT_SESSION_H
#define TRIT_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "trit/engine.h"
#include "trit/memory.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trit_session_info {
    uint64_t n_tokens, n_bytes; /* in the file */
    uint64_t n_kept;            /* of the tokens: those that are in the engine's cache now */
} trit_session_info;

/* Writes the session at once: beside `path`, then renamed; the user alone may read it. note [n_note] is kept as it is, at most
 * 1 GiB. `info` may be NULL. To be called by the thread that steps, between steps. Errors: arg (an engine without prefix cache), io,
 * device_error, memory; then what stood at `path` stands there still. */
TRIT_API TRIT_MUST_CHECK trit_status trit_engine_save(trit_engine *engine, const char *path, const char *note, size_t n_note,
                                                      trit_session_info *info, trit_error *err);

/* Reads the session into the engine's cache, as much as has room there, what was used last before the rest. `note` (may be NULL) is replaced.
 * The file is checked as a whole before anything is taken. By the same thread. Errors: arg (as above), io, format (no session, a broken one, or
 * that of another model, of other adapters, of another type of keys and values), memory; then the engine and the note are as they were.
 * device_error: then the note is as it was, and of the file's tokens some may be in the cache, in the place of others. */
TRIT_API TRIT_MUST_CHECK trit_status trit_engine_restore(trit_engine *engine, const char *path, trit_text *note, trit_session_info *info,
                                                         trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
