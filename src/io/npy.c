/* The head of an array's file:
 *
 *   "\x93NUMPY" | u8 major, u8 minor | u16 (major 1) or u32 n | n bytes: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *
 * The line is a Python dict with these three keys in any order; it ends with blanks and a newline, so that the elements begin at a
 * multiple of 64. */
#include "io/npy.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "tensor/bytes.h"

/* NumPy's letters; the byte order stands before them. */
static const struct {
    const char *code;
    trit_dtype dtype;
} codes[] = {
    {"f8", trit_dtype_f64}, {"f4", trit_dtype_f32}, {"f2", trit_dtype_f16}, {"i1", trit_dtype_i8},  {"i2", trit_dtype_i16},
    {"i4", trit_dtype_i32}, {"i8", trit_dtype_i64}, {"u1", trit_dtype_u8},  {"b1", trit_dtype_bool},
};

typedef struct line {
    const char *p, *end;
    const char *what;
    trit_error *err;
} line;

static trit_status bad(const line *l, const char *how) {
    return trit_error_set(l->err, trit_format, "%.200s: not an array of NumPy: %s", l->what, how);
}

static bool skip(line *l, char c) {
    while (l->p < l->end && *l->p == ' ') l->p++;
    if (l->p == l->end || *l->p != c) return false;
    l->p++;
    return true;
}

/* A text in quotes, without escapes. */
static bool quoted(line *l, trit_str *out) {
    const char quote = skip(l, '\'') ? '\'' : '"';
    if (quote == '"' && !skip(l, '"')) return false;
    const char *first = l->p;
    while (l->p < l->end && *l->p != quote) l->p++;
    if (l->p == l->end) return false;
    *out = (trit_str){first, (size_t)(l->p++ - first)};
    return true;
}

static bool word(line *l, const char *w) {
    const size_t n = strlen(w);
    while (l->p < l->end && *l->p == ' ') l->p++;
    if ((size_t)(l->end - l->p) < n || memcmp(l->p, w, n) != 0) return false;
    l->p += n;
    return true;
}

static trit_status read_type(line *l, trit_npy *out) {
    trit_str s;
    if (!quoted(l, &s) || s.n < 2) return bad(l, "its type is not a text");
    const char order = s.p[0];
    out->is_big_endian = order == '>';
    for (size_t i = 0; i < sizeof codes / sizeof codes[0] && (order == '<' || order == '>' || order == '|'); i++) {
        if (!trit_str_is((trit_str){s.p + 1, s.n - 1}, codes[i].code)) continue;
        out->tensor.dtype = codes[i].dtype;
        return trit_ok;
    }
    return trit_error_set(l->err, trit_unsupported, "%.200s: elements of type \"%.*s\" are no tensor's", l->what, TRIT_STR_ARG(s));
}

static trit_status read_shape(line *l, trit_npy *out) {
    if (!skip(l, '(')) return bad(l, "its shape is not a tuple");
    while (!skip(l, ')')) {
        uint64_t size = 0;
        const char *first;
        while (l->p < l->end && *l->p == ' ') l->p++;
        for (first = l->p; l->p < l->end && *l->p >= '0' && *l->p <= '9' && size < UINT64_MAX / 100; l->p++) size = size * 10 + (uint64_t)(*l->p - '0');
        if (l->p == first) return bad(l, "its shape has no number where one is due");
        if (out->tensor.n_dims == trit_file_max_dims)
            return trit_error_set(l->err, trit_unsupported, "%.200s: more than %d dimensions", l->what, (int)trit_file_max_dims);
        out->tensor.shape[out->tensor.n_dims++] = size;
        if (!skip(l, ',') && (l->p == l->end || *l->p != ')')) return bad(l, "its shape is not a tuple");
    }
    return trit_ok;
}

static trit_status read_line(line *l, trit_npy *out) {
    unsigned seen = 0;
    if (!skip(l, '{')) return bad(l, "its first line is not a dict");
    while (!skip(l, '}')) {
        trit_str key;
        trit_status status = trit_ok;
        if (!quoted(l, &key) || !skip(l, ':')) return bad(l, "its first line is not a dict");
        if (trit_str_is(key, "descr")) {
            seen |= 1;
            status = read_type(l, out);
        } else if (trit_str_is(key, "fortran_order")) {
            seen |= 2;
            out->is_fortran = word(l, "True");
            if (!out->is_fortran && !word(l, "False")) return bad(l, "fortran_order is neither True nor False");
        } else if (trit_str_is(key, "shape") && !(seen & 4)) {
            seen |= 4;
            status = read_shape(l, out);
        } else {
            return trit_error_set(l->err, trit_format, "%.200s: not an array of NumPy: key \"%.*s\"", l->what, TRIT_STR_ARG(key));
        }
        if (status != trit_ok) return status;
        if (!skip(l, ',') && (l->p == l->end || *l->p != '}')) return bad(l, "its first line is not a dict");
    }
    return seen == 7 ? trit_ok : bad(l, "type, order or shape is missing");
}

trit_status trit_npy_parse(trit_npy *out, const uint8_t *data, size_t n, const char *what, trit_error *err) {
    line l = {.what = what, .err = err};
    if (n < 10 || memcmp(data, "\x93NUMPY", 6) != 0) return bad(&l, "it begins otherwise");
    if (data[6] < 1 || data[6] > 3) return trit_error_set(err, trit_unsupported, "%.200s: version %u of the format", what, data[6]);
    const size_t before = data[6] == 1 ? 10 : 12;
    if (n < before) return bad(&l, "it ends in its head");
    const size_t n_line = data[6] == 1 ? trit_load_u16(data + 8) : trit_load_u32(data + 8);
    if (n_line > n - before) return bad(&l, "it ends in its head");
    l.p = (const char *)data + before;
    l.end = l.p + n_line;
    trit_npy npy = {0};
    trit_status status = read_line(&l, &npy);
    if (status != trit_ok) return status;
    npy.tensor.data = data + before + n_line;
    uint64_t n_elements = 1;
    for (uint32_t d = 0; d < npy.tensor.n_dims; d++)
        if (npy.tensor.shape[d] == 0) n_elements = 0;
    for (uint32_t d = 0; d < npy.tensor.n_dims && n_elements; d++) {
        if (n_elements > n / npy.tensor.shape[d]) return bad(&l, "its shape is larger than the file");
        n_elements *= npy.tensor.shape[d];
    }
    npy.tensor.n_bytes = n_elements * trit_dtype_info(npy.tensor.dtype)->block_bytes;
    if (npy.tensor.n_bytes > n - before - n_line) return bad(&l, "it ends before its last element");
    *out = npy;
    return trit_ok;
}

trit_status trit_npy_head(trit_text *head, const trit_file_tensor *t, trit_error *err) {
    char text[400], shape[250] = "";
    const char *code = NULL;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].dtype == t->dtype) code = codes[i].code;
    if (!code) return trit_error_set(err, trit_arg, "NumPy's files have no type %s", trit_dtype_label(t->dtype));
    size_t n = 0;
    for (uint32_t d = 0; d < t->n_dims; d++)
        n += (size_t)snprintf(shape + n, sizeof shape - n, d + 1 < t->n_dims ? "%" PRIu64 ", " : t->n_dims == 1 ? "%" PRIu64 "," : "%" PRIu64, t->shape[d]);
    n = (size_t)snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%s), }",
                         trit_dtype_info(t->dtype)->block_bytes == 1 ? '|' : '<', code, shape);
    while ((10 + n + 1) % 64) text[n++] = ' ';
    text[n++] = '\n';
    uint8_t before[10] = "\x93NUMPY\1";
    trit_store_u16(before + 8, (uint16_t)n);
    if (trit_text_append(head, (const char *)before, sizeof before) && trit_text_append(head, text, n)) return trit_ok;
    return trit_error_memory(err, n, "the head of an array's file");
}
