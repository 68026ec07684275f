#include "base/jsonw.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { drain_bytes = 1 << 16 };

static void append(trit_jsonw *w, const char *s, size_t n) {
    if (!w->failed && !trit_text_append(&w->text, s, n)) w->failed = true;
}

/* What stands before a value: a comma after an earlier one, nothing after a key. */
static void before_value(trit_jsonw *w) {
    if (w->drain && w->text.n >= drain_bytes && !w->failed) w->drain(&w->text);
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->has_items[w->depth]) append(w, ", ", 2);
    w->has_items[w->depth] = true;
}

static void open(trit_jsonw *w, const char *bracket) {
    before_value(w);
    append(w, bracket, 1);
    assert(w->depth + 1 < trit_jsonw_max_depth);
    w->has_items[++w->depth] = false;
}

void trit_jsonw_object(trit_jsonw *w) {
    open(w, "{");
}

void trit_jsonw_array(trit_jsonw *w) {
    open(w, "[");
}

void trit_jsonw_close(trit_jsonw *w, char bracket) {
    append(w, &bracket, 1);
    w->depth--;
}

void trit_jsonw_key(trit_jsonw *w, const char *key) {
    trit_jsonw_keyn(w, key, strlen(key));
}

void trit_jsonw_keyn(trit_jsonw *w, const char *key, size_t n) {
    before_value(w);
    if (!w->failed && !trit_json_write_str(&w->text, key, n)) w->failed = true;
    append(w, ": ", 2);
    w->after_key = true;
}

void trit_jsonw_strn(trit_jsonw *w, const char *s, size_t n) {
    before_value(w);
    if (!w->failed && !trit_json_write_str(&w->text, n ? s : "", n)) w->failed = true;
}

void trit_jsonw_str(trit_jsonw *w, const char *s) {
    if (s) trit_jsonw_strn(w, s, strlen(s));
    else trit_jsonw_null(w);
}

static void word(trit_jsonw *w, const char *s) {
    before_value(w);
    append(w, s, strlen(s));
}

void trit_jsonw_int(trit_jsonw *w, int64_t x) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, x);
    word(w, digits);
}

void trit_jsonw_uint(trit_jsonw *w, uint64_t x) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, x);
    word(w, digits);
}

void trit_jsonw_f32(trit_jsonw *w, float x) {
    before_value(w);
    if (!w->failed && !trit_json_write_f32(&w->text, x)) w->failed = true;
}

void trit_jsonw_f64(trit_jsonw *w, double x) {
    before_value(w);
    if (!w->failed && !trit_json_write_f64(&w->text, x)) w->failed = true;
}

void trit_jsonw_bool(trit_jsonw *w, bool x) {
    word(w, x ? "true" : "false");
}

void trit_jsonw_null(trit_jsonw *w) {
    word(w, "null");
}

void trit_jsonw_raw(trit_jsonw *w, const trit_jsonw *value) {
    before_value(w);
    append(w, value->text.data, value->text.n);
    if (value->failed) w->failed = true;
}

void trit_jsonw_json(trit_jsonw *w, const trit_json *value) {
    before_value(w);
    if (!w->failed && !trit_json_write(&w->text, value)) w->failed = true;
}

void trit_jsonw_verbatim(trit_jsonw *w, const char *json) {
    word(w, json);
}

void trit_jsonw_ids(trit_jsonw *w, const int32_t *ids, size_t n) {
    trit_jsonw_array(w);
    for (size_t i = 0; i < n; i++) trit_jsonw_int(w, ids[i]);
    trit_jsonw_close(w, ']');
}

void trit_jsonw_put_str(trit_jsonw *w, const char *key, const char *s) {
    trit_jsonw_key(w, key);
    trit_jsonw_str(w, s);
}

void trit_jsonw_put_uint(trit_jsonw *w, const char *key, uint64_t x) {
    trit_jsonw_key(w, key);
    trit_jsonw_uint(w, x);
}

void trit_jsonw_put_f64(trit_jsonw *w, const char *key, double x) {
    trit_jsonw_key(w, key);
    trit_jsonw_f64(w, x);
}

void trit_jsonw_put_bool(trit_jsonw *w, const char *key, bool x) {
    trit_jsonw_key(w, key);
    trit_jsonw_bool(w, x);
}

void trit_jsonw_fini(trit_jsonw *w) {
    trit_text_fini(&w->text);
    *w = (trit_jsonw){0};
}
