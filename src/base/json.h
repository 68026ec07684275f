/* JSON, the one place that knows jansson. Documents from files are hostile: depth is limited, duplicate keys are refused,
 * text must be UTF-8, NUL characters in strings are kept, and in keys refused: one that is cut at its NUL could pass for another. */
#ifndef TRIT_BASE_JSON_H
#define TRIT_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "trit/memory.h"
#include "trit/status.h"

typedef struct trit_json trit_json; /* any JSON value; borrowed from its document */

/* Parses data[0..n). `what` names the document in errors. The caller frees the document. Errors: format, memory. */
TRIT_MUST_CHECK trit_status trit_json_parse(trit_json **out, const char *data, size_t n, const char *what, trit_error *err);
/* The same where an object may have a key twice: the last one counts, as most readers have it. For what programs send, and not for files, where
 * two parts of one name are a mistake or worse. */
TRIT_MUST_CHECK trit_status trit_json_parse_last(trit_json **out, const char *data, size_t n, const char *what, trit_error *err);
void trit_json_free(trit_json *document);

typedef enum trit_json_kind {
    trit_json_null,
    trit_json_bool,
    trit_json_int,
    trit_json_real,
    trit_json_string,
    trit_json_array,
    trit_json_object,
    trit_json_absent /* the kind of a NULL pointer */
} trit_json_kind;

trit_json_kind trit_json_kind_of(const trit_json *v);

/* Navigation: all of them take NULL and values of another kind and then answer NULL or the default. */
const trit_json *trit_json_get(const trit_json *object, const char *key);
const trit_json *trit_json_at(const trit_json *array, size_t i);
size_t trit_json_length(const trit_json *v); /* of an array or object, else 0 */
bool trit_json_as_bool(const trit_json *v, bool otherwise);
int64_t trit_json_as_int(const trit_json *v, int64_t otherwise); /* a real with an integral value counts */
double trit_json_as_real(const trit_json *v, double otherwise);  /* an integer counts */
trit_str trit_json_as_str(const trit_json *v);                   /* {NULL, 0} where it is no string */

/* Walks an object in document order: start with *iter = NULL; false at the end. */
bool trit_json_next(const trit_json *object, void **iter, trit_str *key, const trit_json **value);

/* Writing: appends s as a quoted JSON string (invalid UTF-8 becomes U+FFFD), and numbers in the shortest form that reads
 * back to the same float (non-finite ones as null). False when out of memory. */
bool trit_json_write_str(trit_text *out, const char *s, size_t n);
bool trit_json_write(trit_text *out, const trit_json *v); /* any value, on one line */
bool trit_json_write_f32(trit_text *out, float x);
bool trit_json_write_f64(trit_text *out, double x);

#endif
