/* Tensors as people read them: brackets around each dimension, columns of one width, the middle of large ones left out. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "tensor/tensor.h"

enum { most_elements = 1000, edge = 3, most_chars = 32 };

typedef struct printer {
    const trit_view *view;
    trit_text *out;
    size_t width; /* of an element */
    bool is_cut;
} printer;

static int format_element(char text[most_chars], trit_dtype dtype, const void *p) {
    if (dtype == trit_dtype_bool) return snprintf(text, most_chars, "%s", trit_element_get(dtype, p) != 0 ? "true" : "false");
    if (dtype == trit_dtype_i64) {
        int64_t v;
        memcpy(&v, p, sizeof v);
        return snprintf(text, most_chars, "%lld", (long long)v);
    }
    const double x = trit_element_get(dtype, p);
    if (isnan(x)) return snprintf(text, most_chars, "nan");
    return snprintf(text, most_chars, "%.6g", x);
}

/* The next index after i of a dimension of n: the middle of large tensors is passed over. */
static int64_t next_index(const printer *p, int64_t i, int64_t n) {
    return p->is_cut && n > 2 * edge && i == edge - 1 ? n - edge : i + 1;
}

static void find_width(printer *p, uint32_t d, const char *at) {
    if (d == p->view->n_dims) {
        char text[most_chars];
        const size_t n = (size_t)format_element(text, p->view->dtype, at);
        if (n > p->width) p->width = n;
        return;
    }
    const int64_t step = p->view->stride[d] * (int64_t)trit_dtype_bytes(p->view->dtype);
    for (int64_t i = 0; i < p->view->shape[d]; i = next_index(p, i, p->view->shape[d])) find_width(p, d + 1, at + i * step);
}

static bool add(printer *p, const char *s) {
    return trit_text_append(p->out, s, strlen(s));
}

/* Between two parts of dimension d: rows begin below each other, matrices have a line between them. */
static bool add_gap(printer *p, uint32_t d) {
    bool good = add(p, ",");
    if (d + 1 == p->view->n_dims) return good && add(p, " ");
    for (uint32_t i = d + 1; i < p->view->n_dims; i++) good = good && add(p, "\n");
    for (uint32_t i = 0; i <= d; i++) good = good && add(p, " ");
    return good;
}

static bool add_part(printer *p, uint32_t d, const char *at) {
    const trit_view *v = p->view;
    if (d == v->n_dims) {
        char text[most_chars];
        const size_t n = (size_t)format_element(text, v->dtype, at);
        for (size_t i = n; i < p->width; i++)
            if (!add(p, " ")) return false;
        return add(p, text);
    }
    const int64_t n = v->shape[d], step = v->stride[d] * (int64_t)trit_dtype_bytes(v->dtype);
    bool good = add(p, "[");
    for (int64_t i = 0, last = -1; good && i < n; last = i, i = next_index(p, i, n)) {
        if (i) good = add_gap(p, d);
        if (good && i != last + 1) good = add(p, "...") && add_gap(p, d);
        good = good && add_part(p, d + 1, at + i * step);
    }
    return good && add(p, "]");
}

/* What there is to print: elements, or pairs of brackets around none. */
static int64_t n_places(const trit_view *v) {
    int64_t n = 1;
    for (uint32_t d = 0; d < v->n_dims && v->shape[d] && n <= most_elements; d++) n = n > most_elements / v->shape[d] ? most_elements + 1 : n * v->shape[d];
    return n;
}

trit_status trit_tensor_text(trit_text *out, const trit_tensor *t, trit_error *err) {
    trit_status status = trit_dtype_check_plain(t->view.dtype, "the text of a tensor", err);
    if (status != trit_ok) return status;
    printer p = {.view = &t->view, .out = out, .is_cut = n_places(&t->view) > most_elements};
    out->n = 0;
    if (trit_tensor_n_elements(t)) find_width(&p, 0, t->view.data);
    return add_part(&p, 0, t->view.data) ? trit_ok : trit_error_memory(err, out->n, "the text of a tensor");
}
