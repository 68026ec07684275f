/* See checkpoint.h. */
#include "checkpoint.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/os.h"
#include "base/str.h"

static bool is_checkpoint(const char *dir) {
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s/trainer.json", dir);
    return n > 0 && (size_t)n < sizeof path && trit_os_is_file(path);
}

static trit_status set(trit_text *out, const char *dir, const char *name, trit_error *err) {
    out->n = 0;
    return trit_text_format(out, "%s%s%s", dir, *name ? "/" : "", name) ? trit_ok : trit_error_memory(err, strlen(dir), "a path");
}

trit_status trit_checkpoint_find(trit_text *out, const char *dir, trit_error *err) {
    if (is_checkpoint(dir)) return set(out, dir, "", err);
    trit_fs_names names = {0};
    trit_text path = {0};
    uint64_t newest = 0, step;
    bool found = false;
    trit_status status = trit_os_is_dir(dir) ? trit_fs_list(&names, dir, err) : trit_ok;
    for (size_t i = 0; i < names.n && status == trit_ok; i++) {
        if (!trit_parse_numbered(names.item[i], "step-", &step) || (found && step <= newest)) continue;
        status = set(&path, dir, names.item[i], err);
        if (status != trit_ok || !is_checkpoint(path.data)) continue;
        newest = step;
        found = true;
        status = set(out, path.data, "", err);
    }
    if (status == trit_ok && !found)
        status = trit_error_set(err, trit_format, "%.300s: no checkpoint of trit train (no trainer.json in it, or in a folder step-N of it)", dir);
    trit_fs_names_fini(&names);
    trit_text_fini(&path);
    return status;
}

trit_status trit_checkpoint_run(trit_text *out, const char *dir, trit_error *err) {
    if (!is_checkpoint(dir)) return set(out, dir, "", err);
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') n--;
    while (n > 0 && dir[n - 1] != '/') n--;
    while (n > 1 && dir[n - 1] == '/') n--;
    out->n = 0;
    return trit_text_append(out, n ? dir : ".", n ? n : 1) ? trit_ok : trit_error_memory(err, n, "a path");
}
