/* Writes a JSON document into a text buffer: commas and nesting are kept here, values come from base/json.h. A failed
 * allocation is remembered in `failed`. */
#ifndef TRIT_BASE_JSONW_H
#define TRIT_BASE_JSONW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "trit/memory.h"

enum { trit_jsonw_max_depth = 64 };

typedef struct trit_jsonw {
    trit_text text; /* owned */
    bool failed;
    bool has_items[trit_jsonw_max_depth];
    unsigned depth;
    bool after_key;
    void (*drain)(trit_text *text); /* large documents: takes a full buffer and empties it; NULL: the document is kept whole */
} trit_jsonw;

void trit_jsonw_object(trit_jsonw *w);
void trit_jsonw_array(trit_jsonw *w);
void trit_jsonw_close(trit_jsonw *w, char bracket); /* '}' or ']' */
void trit_jsonw_key(trit_jsonw *w, const char *key);
void trit_jsonw_keyn(trit_jsonw *w, const char *key, size_t n);
void trit_jsonw_strn(trit_jsonw *w, const char *s, size_t n);
void trit_jsonw_str(trit_jsonw *w, const char *s); /* NULL: null */
void trit_jsonw_int(trit_jsonw *w, int64_t x);
void trit_jsonw_uint(trit_jsonw *w, uint64_t x);
void trit_jsonw_f32(trit_jsonw *w, float x);
void trit_jsonw_f64(trit_jsonw *w, double x);
void trit_jsonw_bool(trit_jsonw *w, bool x);
void trit_jsonw_null(trit_jsonw *w);
void trit_jsonw_raw(trit_jsonw *w, const trit_jsonw *value); /* another writer's whole value */
void trit_jsonw_json(trit_jsonw *w, const trit_json *value);
void trit_jsonw_verbatim(trit_jsonw *w, const char *json); /* a value that is JSON already */
void trit_jsonw_ids(trit_jsonw *w, const int32_t *ids, size_t n); /* an array */

/* The key and its value in one line of the caller. */
void trit_jsonw_put_str(trit_jsonw *w, const char *key, const char *s);
void trit_jsonw_put_uint(trit_jsonw *w, const char *key, uint64_t x);
void trit_jsonw_put_f64(trit_jsonw *w, const char *key, double x);
void trit_jsonw_put_bool(trit_jsonw *w, const char *key, bool x);

void trit_jsonw_fini(trit_jsonw *w);

#endif
