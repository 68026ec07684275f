/* What the environment says of the hub: where it is, where the store lies, who asks. The names and defaults are those of
 * huggingface_hub, whose store this is too. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/env.h"
#include "base/error.h"
#include "base/os.h"
#include "base/str.h"
#include "io/hub.h"
#include "io/path.h"

static bool append(trit_text *out, const char *s) {
    return trit_text_append(out, s, strlen(s));
}

/* "~/x" in the home folder; other paths as they are. */
static bool append_path(trit_text *out, const char *path) {
    const char *home = getenv("HOME");
    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0') && home) return append(out, home) && append(out, path + 1);
    return append(out, path);
}

/* HF_HOME, which holds the store and the token. */
static trit_status hub_home(trit_text *out, trit_error *err) {
    const char *hf = trit_env_get("HF_HOME"), *cache = trit_env_get("XDG_CACHE_HOME"), *home = getenv("HOME");
    out->n = 0;
    if (!hf && !cache && !(home && *home)) return trit_error_set(err, trit_arg, "no folder for models: neither HF_HUB_CACHE, HF_HOME nor HOME is set");
    const bool done = hf      ? append_path(out, hf)
                      : cache ? append_path(out, cache) && append(out, "/huggingface")
                              : append(out, home) && append(out, "/.cache/huggingface");
    return done ? trit_ok : trit_error_memory(err, trit_hub_max_path, "a path");
}

trit_status trit_hub_folder(trit_text *path, trit_error *err) {
    const char *named = trit_env_get("HF_HUB_CACHE");
    trit_status status = trit_ok;
    path->n = 0;
    if (!named) status = hub_home(path, err);
    if (status == trit_ok && !(named ? append_path(path, named) : append(path, "/hub"))) status = trit_error_memory(err, trit_hub_max_path, "a path");
    if (status != trit_ok) return status;
    while (path->n > 1 && path->data[path->n - 1] == '/') path->data[--path->n] = '\0';
    return trit_ok;
}

const char *trit_hub_endpoint(void) {
    const char *named = trit_env_get("HF_ENDPOINT");
    return named ? named : "https://huggingface.co";
}

static bool is_true(const char *s) {
    static const char *const yes[] = {"1", "on", "yes", "true", "ON", "YES", "TRUE", "On", "Yes", "True"};
    for (size_t i = 0; s && i < sizeof yes / sizeof yes[0]; i++)
        if (strcmp(s, yes[i]) == 0) return true;
    return false;
}

bool trit_hub_is_offline(void) {
    return is_true(trit_env_get("HF_HUB_OFFLINE"));
}

static trit_status token_of_file(trit_text *out, trit_error *err) {
    trit_text path = {0};
    trit_file_map map = {0};
    const char *named = trit_env_get("HF_TOKEN_PATH");
    trit_status status = trit_ok;
    if (!named) status = hub_home(&path, err);
    if (status == trit_arg) return trit_ok; /* no home, no token */
    if (status == trit_ok && !(named ? append_path(&path, named) : append(&path, "/token"))) status = trit_error_memory(err, trit_hub_max_path, "a path");
    if (status == trit_ok && trit_os_is_file(path.data)) status = trit_os_map(&map, path.data, err);
    if (status == trit_ok && map.n > 4096) status = trit_error_set(err, trit_format, "%s: %zu bytes are no token", path.data, map.n);
    if (status == trit_ok && !trit_text_append(out, (const char *)map.data, map.n)) status = trit_error_memory(err, map.n, "the token");
    trit_os_unmap(&map);
    trit_text_fini(&path);
    return status;
}

trit_status trit_hub_token(trit_text *out, trit_error *err) {
    const char *given = trit_env_get("HF_TOKEN");
    out->n = 0;
    trit_status status = given ? trit_ok : token_of_file(out, err);
    if (given && !append(out, given)) status = trit_error_memory(err, strlen(given), "the token");
    if (status != trit_ok) return status;
    while (out->n && strchr(" \t\r\n", out->data[out->n - 1])) out->data[--out->n] = '\0';
    /* It becomes a line of the request. */
    for (size_t i = 0; i < out->n; i++)
        if (out->data[i] <= ' ' || out->data[i] > '~') return trit_error_set(err, trit_arg, "the token of the hub has a blank or a control character in it");
    return trit_ok;
}

trit_status trit_hub_limit(uint64_t *out, trit_error *err) {
    const char *text = trit_env_get("TRIT_CACHE_LIMIT");
    *out = UINT64_MAX;
    if (!text || trit_parse_bytes(text, out)) return trit_ok;
    return trit_error_set(err, trit_arg, "TRIT_CACHE_LIMIT: \"%s\" is no size (for example 50GB)", text);
}
