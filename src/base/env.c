/* Environment variables as a table: what is not a row of env.def is not read. */
#include "base/env.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/os.h"
#include "trit/trit.h"

static const struct {
    const char *name, *meaning;
    bool is_secret;
} variables[] = {
#define TRIT_ENV(name, meaning) {name, meaning, false},
#define TRIT_ENV_SECRET(name, meaning) {name, meaning, true},
#include "base/env.def"
#undef TRIT_ENV
#undef TRIT_ENV_SECRET
};

enum { n_variables = sizeof variables / sizeof variables[0] };

const char *trit_env_at(size_t i, const char **meaning) {
    if (i >= n_variables) return NULL;
    if (meaning) *meaning = variables[i].meaning;
    return variables[i].name;
}

#ifndef NDEBUG
static int is_row(const char *name) {
    for (size_t i = 0; i < n_variables; i++)
        if (strcmp(variables[i].name, name) == 0) return 1;
    return 0;
}
#endif

const char *trit_env_get(const char *name) {
    assert(is_row(name));
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

const char *trit_env_shown(const char *name) {
    const char *value = trit_env_get(name);
    for (size_t i = 0; value && i < n_variables; i++)
        if (variables[i].is_secret && strcmp(variables[i].name, name) == 0) return "(set, not shown)";
    return value;
}

bool trit_env_cache_folder(char *out, size_t size, bool to_write) {
    const char *own = trit_env_get("TRIT_CACHE"), *caches = trit_env_get("XDG_CACHE_HOME"), *home = getenv("HOME");
    trit_error unused;
    int n = 0;
    if (own) n = snprintf(out, size, "%s", own);
    else if (caches) n = snprintf(out, size, "%s/trit", caches);
    else if (home && *home) n = snprintf(out, size, "%s/.cache", home);
    if (n <= 0 || (size_t)n >= size || (to_write && trit_os_make_dir(out, &unused) != trit_ok)) return false;
    if (own || caches) return true;
    n = snprintf(out, size, "%s/.cache/trit", home);
    return n > 0 && (size_t)n < size && (!to_write || trit_os_make_dir(out, &unused) == trit_ok);
}

bool trit_env_state_folder(char *out, size_t size, bool to_write) {
    const char *states = trit_env_get("XDG_STATE_HOME"), *home = getenv("HOME");
    trit_error unused;
    int n = 0;
    if (states) n = snprintf(out, size, "%s/trit", states);
    else if (home && *home) n = snprintf(out, size, "%s/.local/state/trit", home);
    return n > 0 && (size_t)n < size && (!to_write || trit_fs_make_dirs(out, &unused) == trit_ok);
}
