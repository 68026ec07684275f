/* Names of files beside each other. */
#include "io/path.h"

#include "base/alloc.h"

bool trit_path_join(trit_text *out, trit_str folder, trit_str name) {
    out->n = 0;
    if (!trit_text_append(out, folder.p, folder.n)) return false;
    if (folder.n && folder.p[folder.n - 1] != '/' && !trit_text_append(out, "/", 1)) return false;
    return trit_text_append(out, name.p, name.n);
}

trit_str trit_path_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return (trit_str){path, 0};
    return (trit_str){path, slash == path ? 1 : (size_t)(slash - path)};
}
