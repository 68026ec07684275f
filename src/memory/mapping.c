/* Files as memory and memory under a name: what base/os.h maps, with an owner. */
#include "trit/mapping.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"

struct trit_mapping {
    void *data; /* [bytes] */
    size_t bytes;
    bool writes;
};

enum { longest_name = 28 }; /* the least of the supported systems takes 31 with the slash and the NUL */

/* "/name", as the system wants it. */
static trit_status path_of(char path[longest_name + 2], const char *name, trit_error *err) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t n = strlen(name);
    if (!n || n > longest_name || strspn(name, allowed) != n || !strcmp(name, ".") || !strcmp(name, ".."))
        return trit_error_set(err, trit_arg, "shared memory \"%s\": a name is 1 to %d letters, digits, '.', '_' and '-'", name, longest_name);
    snprintf(path, longest_name + 2, "/%s", name);
    return trit_ok;
}

static trit_status map(trit_mapping **out, trit_os_source source, const char *path, size_t bytes, bool must_make, bool writes, trit_error *err) {
    trit_mapping *m = trit_alloc_zero(1, sizeof *m);
    if (!m) return trit_error_memory(err, sizeof *m, "a mapping");
    m->writes = writes;
    trit_status status = trit_os_map_named(&m->data, &m->bytes, source, path, bytes, must_make, writes, err);
    if (status != trit_ok) {
        trit_free(m);
        return status;
    }
    *out = m;
    return trit_ok;
}

trit_status trit_mapping_file(trit_mapping **out, const char *path, size_t bytes, bool writes, trit_error *err) {
    if (bytes && !writes) return trit_error_set(err, trit_arg, "%s: only a file that is written can be given a length", path);
    return map(out, trit_os_file, path, bytes, false, writes, err);
}

trit_status trit_mapping_make(trit_mapping **out, const char *name, size_t bytes, trit_error *err) {
    char path[longest_name + 2];
    trit_status status = path_of(path, name, err);
    if (status != trit_ok) return status;
    if (!bytes) return trit_error_set(err, trit_arg, "shared memory \"%s\": 0 bytes", name);
    return map(out, trit_os_shared, path, bytes, true, true, err);
}

trit_status trit_mapping_open(trit_mapping **out, const char *name, trit_error *err) {
    char path[longest_name + 2];
    trit_status status = path_of(path, name, err);
    return status == trit_ok ? map(out, trit_os_shared, path, 0, false, true, err) : status;
}

trit_status trit_mapping_remove(const char *name, trit_error *err) {
    char path[longest_name + 2];
    trit_status status = path_of(path, name, err);
    return status == trit_ok ? trit_os_shared_remove(path, err) : status;
}

void *trit_mapping_data(const trit_mapping *mapping) {
    return mapping->data;
}

size_t trit_mapping_bytes(const trit_mapping *mapping) {
    return mapping->bytes;
}

trit_status trit_mapping_flush(trit_mapping *mapping, trit_error *err) {
    return mapping->writes ? trit_os_map_flush(mapping->data, mapping->bytes, err) : trit_ok;
}

void trit_mapping_close(trit_mapping *mapping) {
    if (!mapping) return;
    if (mapping->data) trit_os_unreserve(mapping->data, mapping->bytes);
    trit_free(mapping);
}
