/* The file of what tune.c measured: {"processor, tier, threads, build": {"t2_ms": [one token, several], "t3_ms": [...]}, ...}. It is a
 * cache: what cannot be read or cannot be true counts as absent and is left out when the file is written anew. */
#include "base/alloc.h"
#include "base/json.h"
#include "device/cpu/cpu.h"

enum { most_rows = 64 };

static bool read_ms(double *out, const trit_json *pair, size_t i) {
    *out = trit_json_as_real(trit_json_at(pair, i), 0);
    return *out > 1e-6 && *out < 1e6; /* from a nanosecond to a quarter of an hour */
}

static bool read_row(trit_tuning *out, const trit_json *row) {
    static const char *const names[2] = {"t2_ms", "t3_ms"};
    for (size_t f = 0; f < 2; f++) {
        const trit_json *pair = trit_json_get(row, names[f]);
        if (!read_ms(&out->one[f], pair, 0) || !read_ms(&out->several[f], pair, 1)) return false;
    }
    return true;
}

static trit_json *parse(trit_str text) {
    trit_json *document = NULL;
    trit_error unused;
    if (!text.n || trit_json_parse(&document, text.p, text.n, "tune.json", &unused) != trit_ok) return NULL;
    return document;
}

bool trit_tuning_read(trit_tuning *out, trit_str text, trit_str key) {
    trit_json *document = parse(text);
    const trit_json *row;
    trit_tuning found;
    trit_str name;
    bool known = false;
    for (void *at = NULL; !known && trit_json_next(document, &at, &name, &row);) known = trit_str_equal(name, key) && read_row(&found, row);
    trit_json_free(document);
    if (known) *out = found;
    return known;
}

static bool append(trit_text *out, const char *s) {
    return trit_text_append(out, s, strlen(s));
}

static bool write_row(trit_text *out, const char *before, trit_str key, const trit_tuning *t) {
    return append(out, before) && trit_json_write_str(out, key.p, key.n) && append(out, ": {\"t2_ms\": [") && trit_json_write_f64(out, t->one[0]) &&
           append(out, ", ") && trit_json_write_f64(out, t->several[0]) && append(out, "], \"t3_ms\": [") && trit_json_write_f64(out, t->one[1]) &&
           append(out, ", ") && trit_json_write_f64(out, t->several[1]) && append(out, "]}");
}

bool trit_tuning_write(trit_text *out, trit_str text, trit_str key, const trit_tuning *t) {
    trit_json *document = parse(text);
    const trit_json *row;
    trit_tuning other;
    trit_str name;
    size_t n = 1;
    bool done = write_row(out, "{\n", key, t);
    for (void *at = NULL; done && n < most_rows && trit_json_next(document, &at, &name, &row);) {
        if (trit_str_equal(name, key) || !read_row(&other, row)) continue;
        done = write_row(out, ",\n", name, &other);
        n++;
    }
    trit_json_free(document);
    return done && append(out, "\n}\n");
}
