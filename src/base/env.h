/* The environment variables of env.def, and nothing else from the environment. */
#ifndef TRIT_BASE_ENV_H
#define TRIT_BASE_ENV_H

#include <stdbool.h>
#include <stddef.h>

/* The value of a variable of env.def (another name is a mistake of ours), or NULL where it is unset or empty. */
const char *trit_env_get(const char *name);

/* The same for people's eyes: of a secret only that it is set. */
const char *trit_env_shown(const char *name);

/* The folder of TRIT_CACHE, or of its default; to write into it made where it is missing. False: there is none. */
bool trit_env_cache_folder(char *out, size_t size, bool to_write);

/* The same for what a person's use leaves behind: XDG_STATE_HOME/trit. */
bool trit_env_state_folder(char *out, size_t size, bool to_write);

#endif
