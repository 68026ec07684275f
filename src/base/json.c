/* JSON over jansson. Nothing outside this file knows which library reads the documents.
 *
 * A trit_json is a json_t under another name: no wrapper is allocated, so a document costs what jansson makes it cost.
 * jansson itself refuses nesting beyond 2048 levels, text that is not UTF-8, NUL in keys and numbers that do not fit. */
#include "base/json.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"

static json_t *inner(const trit_json *v) {
    return (json_t *)v;
}

static const trit_json *outer(const json_t *v) {
    return (const trit_json *)v;
}

/* jansson takes some failed allocations for syntax errors; after others it goes on with a token cut short and reads beyond it.
 * So while a document is parsed, a request that malloc refuses is served from a reserve, and the text ends for the parser soon
 * after: the document is given up in order. All of this only where the program around the library has not given jansson an
 * allocator of its own. */
enum { reserve_bytes = 256 << 10, chunk_bytes = 1024 };

static _Thread_local struct reserve {
    char *p; /* [reserve_bytes], NULL outside of a parse */
    size_t used;
    bool touched; /* an allocation has failed */
} reserve;

static void *watched_malloc(size_t n) {
    void *p = malloc(n);
    if (p || !reserve.p) return p;
    reserve.touched = true;
    if (n > reserve_bytes - reserve.used) return NULL;
    p = reserve.p + reserve.used;
    reserve.used += (n + 15) / 16 * 16;
    if (reserve.used > reserve_bytes) reserve.used = reserve_bytes;
    return p;
}

static void watched_free(void *p) {
    uintptr_t at = (uintptr_t)p, begin = (uintptr_t)reserve.p;
    if (!reserve.p || at < begin || at >= begin + reserve_bytes) free(p);
}

static void watch_allocations(void) {
    json_malloc_t allocate;
    json_free_t release;
    json_get_alloc_funcs(&allocate, &release);
    if (allocate == malloc && release == free) json_set_alloc_funcs(watched_malloc, watched_free);
}

/* Hands the text over in small pieces, and no more of it once memory has run out. */
static size_t next_chunk(void *buffer, size_t n, void *source) {
    trit_str *rest = source;
    if (n > chunk_bytes) n = chunk_bytes;
    if (n > rest->n) n = rest->n;
    if (reserve.touched || n == 0) return 0;
    memcpy(buffer, rest->p, n);
    rest->p += n;
    rest->n -= n;
    return n;
}

static trit_status parse(trit_json **out, const char *data, size_t n, size_t more_flags, const char *what, trit_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    json_error_t error;
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | more_flags;
    trit_str rest = {data, n};
    /* No JSON text holds a bare NUL, but jansson takes one outside of strings for the end. */
    if (n && memchr(data, '\0', n)) return trit_error_set(err, trit_format, "%s: NUL byte in the text", what);
    pthread_once(&once, watch_allocations);
    reserve = (struct reserve){.p = malloc(reserve_bytes)};
    if (!reserve.p) return trit_error_memory(err, reserve_bytes, what);
    json_t *v = json_load_callback(next_chunk, &rest, flags, &error);
    if (!v && json_error_code(&error) == json_error_numeric_overflow) {
        /* Python writes integers of any size ("model_max_length": 1000000000000000019884624838656): then all are taken as reals. */
        rest = (trit_str){data, n};
        v = json_load_callback(next_chunk, &rest, flags | JSON_DECODE_INT_AS_REAL, &error);
    }
    bool no_memory = reserve.touched;
    if (no_memory) json_decref(v);
    free(reserve.p);
    reserve = (struct reserve){0};
    if (no_memory) return trit_error_memory(err, n, what);
    if (!v) return trit_error_set(err, trit_format, "%s: line %d, column %d: %s", what, error.line, error.column, error.text);
    *out = (trit_json *)v;
    return trit_ok;
}

trit_status trit_json_parse(trit_json **out, const char *data, size_t n, const char *what, trit_error *err) {
    return parse(out, data, n, JSON_REJECT_DUPLICATES, what, err);
}

trit_status trit_json_parse_last(trit_json **out, const char *data, size_t n, const char *what, trit_error *err) {
    return parse(out, data, n, 0, what, err);
}

void trit_json_free(trit_json *document) {
    json_decref((json_t *)document);
}

trit_json_kind trit_json_kind_of(const trit_json *v) {
    if (!v) return trit_json_absent;
    switch (json_typeof(inner(v))) {
    case JSON_OBJECT: return trit_json_object;
    case JSON_ARRAY: return trit_json_array;
    case JSON_STRING: return trit_json_string;
    case JSON_INTEGER: return trit_json_int;
    case JSON_REAL: return trit_json_real;
    case JSON_TRUE:
    case JSON_FALSE: return trit_json_bool;
    case JSON_NULL: break;
    }
    return trit_json_null;
}

/* jansson's own accessors answer NULL or 0 for values of another kind, and for NULL. */
const trit_json *trit_json_get(const trit_json *object, const char *key) {
    return outer(json_object_get(inner(object), key));
}

const trit_json *trit_json_at(const trit_json *array, size_t i) {
    return outer(json_array_get(inner(array), i));
}

size_t trit_json_length(const trit_json *v) {
    return json_is_array(inner(v)) ? json_array_size(inner(v)) : json_object_size(inner(v));
}

bool trit_json_as_bool(const trit_json *v, bool otherwise) {
    return json_is_boolean(inner(v)) ? json_is_true(inner(v)) : otherwise;
}

int64_t trit_json_as_int(const trit_json *v, int64_t otherwise) {
    if (json_is_integer(inner(v))) return json_integer_value(inner(v));
    if (!json_is_real(inner(v))) return otherwise;
    double x = json_real_value(inner(v));
    /* -2^63 and 2^63 are doubles; the second is the first value that does not fit. */
    return x >= -0x1p63 && x < 0x1p63 && x == floor(x) ? (int64_t)x : otherwise;
}

double trit_json_as_real(const trit_json *v, double otherwise) {
    return json_is_number(inner(v)) ? json_number_value(inner(v)) : otherwise;
}

trit_str trit_json_as_str(const trit_json *v) {
    if (!json_is_string(inner(v))) return (trit_str){NULL, 0};
    return (trit_str){json_string_value(inner(v)), json_string_length(inner(v))};
}

bool trit_json_next(const trit_json *object, void **iter, trit_str *key, const trit_json **value) {
    json_t *o = inner(object);
    if (!json_is_object(o)) return false;
    *iter = *iter ? json_object_iter_next(o, *iter) : json_object_iter(o);
    if (!*iter) return false;
    key->p = json_object_iter_key(*iter);
    key->n = strlen(key->p); /* to jansson a NUL in a key is a parse error */
    *value = outer(json_object_iter_value(*iter));
    return true;
}

/* The escaped form of one character in buffer[0..8), or 0 when the character stands for itself. */
static size_t escape(uint32_t cp, char buffer[8]) {
    static const char shorts[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    if (cp >= 0x80) return 0;
    for (const char *s = shorts; *s; s += 2)
        if ((uint32_t)*s == cp) {
            buffer[0] = '\\';
            buffer[1] = s[1];
            return 2;
        }
    return cp < 0x20 || cp == 0x7f ? (size_t)snprintf(buffer, 8, "\\u%04x", (unsigned)cp) : 0;
}

bool trit_json_write_str(trit_text *out, const char *s, size_t n) {
    size_t wanted;
    if (!trit_add_size(out->n, n, &wanted) || !trit_add_size(wanted, 2, &wanted) || !trit_text_reserve(out, wanted)) return false;
    if (!trit_text_append(out, "\"", 1)) return false;
    size_t plain = 0; /* s[plain..i) waits to be copied as it is */
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0xFFFD;
        char buffer[8];
        int length = trit_utf8_decode(s + i, n - i, &cp);
        size_t used = length > 0 ? (size_t)length : length < 0 ? (size_t)-length : n - i;
        size_t n_escape = length > 0 ? escape(cp, buffer) : trit_utf8_encode(0xFFFD, buffer);
        if (n_escape) {
            if (!trit_text_append(out, s + plain, i - plain) || !trit_text_append(out, buffer, n_escape)) return false;
            plain = i + used;
        }
        i += used;
    }
    return (plain == n || trit_text_append(out, s + plain, n - plain)) && trit_text_append(out, "\"", 1);
}

/* printf writes the decimal point of the host's locale, which may be several bytes; JSON knows only '.'. */
static bool write_number(trit_text *out, const char *digits) {
    for (const char *p = digits; *p;) {
        if (strchr("0123456789+-e", *p)) {
            if (!trit_text_append(out, p++, 1)) return false;
            continue;
        }
        if (!trit_text_append(out, ".", 1)) return false;
        while (*p && !strchr("0123456789+-e", *p)) p++;
    }
    return true;
}

bool trit_json_write_f32(trit_text *out, float x) {
    if (!isfinite(x)) return trit_text_append(out, "null", 4);
    char digits[48];
    /* Nine digits always read back to the same float (IEEE 754: ceil(1 + 24 log10 2)). */
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)x);
        if (strtof(digits, NULL) == x) break;
    }
    return write_number(out, digits);
}

bool trit_json_write_f64(trit_text *out, double x) {
    if (!isfinite(x)) return trit_text_append(out, "null", 4);
    char digits[48];
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, x);
        if (strtod(digits, NULL) == x) break;
    }
    return write_number(out, digits);
}

static int append_chunk(const char *s, size_t n, void *out) {
    return trit_text_append(out, s, n) ? 0 : -1;
}

bool trit_json_write(trit_text *out, const trit_json *v) {
    return json_dump_callback(inner(v), append_chunk, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0;
}
