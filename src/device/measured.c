/* The file of what was measured: its text, and where it lies. */
#include "device/measured.h"

#include <string.h>

#include "base/alloc.h"
#include "base/env.h"
#include "base/json.h"
#include "base/os.h"

enum { most_rows = 64, most_bytes = 1 << 20 };

/* ---- the text ---- */

static bool can_be(double figure) {
    return figure > 1e-6 && figure < 1e9;
}

/* How many figures the row has; 0: it is none. */
static size_t read_row(double out[trit_measured_most], const trit_json *row) {
    size_t n = 0;
    for (const trit_json *figure; (figure = trit_json_at(row, n)); n++) {
        if (n == trit_measured_most) return 0;
        out[n] = trit_json_as_real(figure, 0);
        if (!can_be(out[n])) return 0;
    }
    return n;
}

static trit_json *parse(trit_str text) {
    trit_json *document = NULL;
    trit_error unused;
    if (!text.n || trit_json_parse(&document, text.p, text.n, "tune.json", &unused) != trit_ok) return NULL;
    return document;
}

bool trit_measured_read(double *out, size_t n, trit_str text, trit_str key) {
    trit_json *document = parse(text);
    const trit_json *row;
    double found[trit_measured_most];
    trit_str name;
    bool known = false;
    for (void *at = NULL; !known && trit_json_next(document, &at, &name, &row);) known = trit_str_equal(name, key) && read_row(found, row) == n;
    trit_json_free(document);
    if (known) memcpy(out, found, n * sizeof *out);
    return known;
}

static bool append(trit_text *out, const char *s) {
    return trit_text_append(out, s, strlen(s));
}

static bool write_row(trit_text *out, const char *before, trit_str key, const double *x, size_t n) {
    bool good = append(out, before) && trit_json_write_str(out, key.p, key.n);
    for (size_t i = 0; i < n; i++) good = good && append(out, i ? ", " : ": [") && trit_json_write_f64(out, x[i]);
    return good && append(out, "]");
}

bool trit_measured_write(trit_text *out, size_t n, const double *x, trit_str text, trit_str key) {
    for (size_t i = 0; i < n; i++)
        if (!can_be(x[i])) return false;
    trit_json *document = parse(text);
    const trit_json *row;
    double other[trit_measured_most];
    trit_str name;
    size_t n_rows = 1;
    bool done = write_row(out, "{\n", key, x, n);
    for (void *at = NULL; done && n_rows < most_rows && trit_json_next(document, &at, &name, &row);) {
        const size_t n_other = trit_str_equal(name, key) ? 0 : read_row(other, row);
        if (!n_other) continue;
        done = write_row(out, ",\n", name, other, n_other);
        n_rows++;
    }
    trit_json_free(document);
    return done && append(out, "\n}\n");
}

/* ---- the file ---- */

/* Its path; the folder is made where it is missing if it is `to_write`. False: there is none. */
static bool path_of(char *out, size_t size, bool to_write) {
    static const char name[] = "/tune.json";
    if (!trit_env_cache_folder(out, size - sizeof name, to_write)) return false;
    memcpy(out + strlen(out), name, sizeof name);
    return true;
}

/* The text of the file, empty where there is none; unmapped by the caller. */
static trit_str map_text(trit_file_map *map, const char *path) {
    trit_error unused;
    if (!trit_os_is_file(path) || trit_os_map(map, path, &unused) != trit_ok) *map = (trit_file_map){0};
    return (trit_str){(const char *)map->data, map->n < most_bytes ? map->n : 0};
}

bool trit_measured_recall(const char *key, double *out, size_t n) {
    char path[4096];
    trit_file_map map;
    if (!path_of(path, sizeof path, false)) return false;
    const bool known = trit_measured_read(out, n, map_text(&map, path), trit_str_from(key));
    trit_os_unmap(&map);
    return known;
}

bool trit_measured_keep(const char *key, const double *x, size_t n) {
    char path[4096];
    trit_file_map map;
    trit_text text = {0};
    trit_error unused;
    if (!path_of(path, sizeof path, true)) return false;
    const bool done = trit_measured_write(&text, n, x, map_text(&map, path), trit_str_from(key)) &&
                      trit_os_write_file(path, text.data, text.n, &unused) == trit_ok;
    trit_os_unmap(&map);
    trit_text_fini(&text);
    return done;
}
