#include "server/keys.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"

static void sum_of(char out[trit_sha_hex_max], const char *key, size_t n) {
    trit_sha sha;
    trit_sha256_init(&sha);
    trit_sha_add(&sha, key, n);
    trit_sha_hex(&sha, out);
}

static trit_status add(trit_keys *keys, const char *key, size_t n, const char *path, size_t line, trit_error *err) {
    for (size_t i = 0; i < n; i++)
        if (key[i] <= ' ' || key[i] > '~') return trit_error_set(err, trit_format, "%s, line %zu: a key is one word of printable ASCII", path, line);
    void *p = keys->sum;
    if (!trit_grow(&p, &keys->capacity, keys->n + 1, sizeof *keys->sum)) return trit_error_memory(err, n, "the API keys");
    keys->sum = p;
    sum_of(keys->sum[keys->n++], key, n);
    return trit_ok;
}

trit_status trit_keys_read(trit_keys *keys, const char *path, trit_error *err) {
    trit_file_map map;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    const char *text = (const char *)map.data;
    size_t line = 0;
    for (size_t at = 0, end; at < map.n && status == trit_ok; at = end + 1) {
        for (end = at; end < map.n && text[end] != '\n'; end++) {}
        size_t n = end - at;
        line++;
        if (n && text[at + n - 1] == '\r') n--;
        if (n && text[at] != '#') status = add(keys, text + at, n, path, line, err);
    }
    trit_os_unmap(&map);
    if (status == trit_ok && !keys->n) status = trit_error_set(err, trit_format, "%s: no API key in it", path);
    return status;
}

void trit_keys_fini(trit_keys *keys) {
    trit_free(keys->sum);
    *keys = (trit_keys){0};
}

int trit_keys_find(const trit_keys *keys, const char *authorization) {
    static const char scheme[] = "Bearer ";
    char sum[trit_sha_hex_max];
    int found = -1;
    if (!authorization || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0) return -1;
    const char *key = authorization + sizeof scheme - 1;
    sum_of(sum, key, strlen(key));
    for (size_t i = 0; i < keys->n; i++) {
        unsigned difference = 0;
        for (size_t k = 0; k + 1 < sizeof sum; k++) difference |= (unsigned)(sum[k] ^ keys->sum[i][k]);
        if (!difference) found = (int)i;
    }
    return found;
}
