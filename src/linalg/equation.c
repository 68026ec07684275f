/* Reads equations of einsum. */
#include "linalg/equation.h"

#include <string.h>

#include "base/error.h"

/* Letters of one operand or of the result, as written. */
typedef struct term {
    trit_labels letters;
    bool has_ellipsis;
    uint32_t ellipsis; /* letters in front of it */
} term;

static bool is_end(char c) {
    return c == '\0' || c == ',' || c == '-';
}

static bool label_of(char c, uint8_t *label) {
    const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
    *label = (uint8_t)(upper ? c - 'A' : c - 'a' + 26);
    return upper || lower;
}

static char letter_of(uint32_t label) {
    return (char)(label < 26 ? 'A' + label : 'a' + label - 26);
}

static trit_status read_term(term *out, const char **text, trit_error *err) {
    term t = {.has_ellipsis = false};
    const char *s = *text;
    for (; !is_end(*s); s++) {
        uint8_t label;
        if (*s == ' ') continue;
        if (*s == '.') {
            if (strncmp(s, "...", 3) != 0 || t.has_ellipsis)
                return trit_error_set(err, trit_arg, "einsum: dots at \"%.20s\" are not the one ellipsis of an operand", s);
            t.has_ellipsis = true;
            t.ellipsis = t.letters.n;
            s += 2;
        } else if (!label_of(*s, &label)) {
            return trit_error_set(err, trit_arg, "einsum: '%c' is no letter", *s);
        } else if (t.letters.n == trit_max_dims) {
            return trit_error_set(err, trit_arg, "einsum: more than %d letters at \"%.20s\"", trit_max_dims, s);
        } else {
            t.letters.label[t.letters.n++] = (uint8_t)label;
        }
    }
    *text = s;
    *out = t;
    return trit_ok;
}

/* Letters and the n dimensions of the ellipsis in their places. */
static trit_status expand(trit_labels *out, const term *t, uint32_t n, trit_error *err) {
    if (t->letters.n + n > trit_max_dims) return trit_error_set(err, trit_arg, "einsum: a term of more than %d dimensions", trit_max_dims);
    out->n = 0;
    for (uint32_t i = 0; i <= t->letters.n; i++) {
        if (t->has_ellipsis && i == t->ellipsis)
            for (uint32_t e = n; e-- > 0;) out->label[out->n++] = (uint8_t)(trit_einsum_letters + e);
        if (i < t->letters.n) out->label[out->n++] = t->letters.label[i];
    }
    return trit_ok;
}

/* Sizes of the dimensions of one operand join those known: equal, or 1, which repeats. */
static trit_status join_sizes(trit_equation *q, uint32_t i, const trit_view *v, trit_error *err) {
    for (uint32_t d = 0; d < v->n_dims; d++) {
        const uint8_t label = q->operand[i].label[d];
        int64_t *size = &q->size[label];
        if (*size != 1 && v->shape[d] != 1 && *size != v->shape[d]) {
            char shape[trit_shape_text_bytes], name[] = {'\'', label < trit_einsum_letters ? letter_of(label) : '.', '\'', '\0'};
            return trit_error_set(err, trit_arg, "einsum: %s has %lld elements, and %lld in operand %u, %s", name, (long long)*size,
                                  (long long)v->shape[d], i + 1, trit_shape_text(shape, v->n_dims, v->shape));
        }
        if (v->shape[d] != 1) *size = v->shape[d];
    }
    return trit_ok;
}

/* Without "->": the ellipsis, then every letter that occurs once, in the order of the alphabet. */
static trit_status implied_result(trit_equation *q, uint32_t n_ellipsis, trit_error *err) {
    uint32_t count[trit_einsum_letters] = {0};
    for (uint32_t i = 0; i < q->n_operands; i++)
        for (uint32_t d = 0; d < q->operand[i].n; d++)
            if (q->operand[i].label[d] < trit_einsum_letters) count[q->operand[i].label[d]]++;
    term t = {.has_ellipsis = true};
    for (uint32_t label = 0; label < trit_einsum_letters; label++) {
        if (count[label] != 1) continue;
        if (t.letters.n == trit_max_dims) return trit_error_set(err, trit_arg, "einsum: a result of more than %d dimensions", trit_max_dims);
        t.letters.label[t.letters.n++] = (uint8_t)label;
    }
    return expand(&q->result, &t, n_ellipsis, err);
}

static bool occurs(const trit_equation *q, uint8_t label) {
    for (uint32_t i = 0; i < q->n_operands; i++)
        if (memchr(q->operand[i].label, label, q->operand[i].n)) return true;
    return false;
}

static trit_status read_result(trit_equation *q, const char *text, uint32_t n_ellipsis, trit_error *err) {
    if (*text == '\0') return implied_result(q, n_ellipsis, err);
    if (text[0] != '-' || text[1] != '>') return trit_error_set(err, trit_arg, "einsum: \"->\" is expected at \"%.20s\"", text);
    text += 2;
    term t;
    trit_status status = read_term(&t, &text, err);
    if (status != trit_ok) return status;
    if (*text) return trit_error_set(err, trit_arg, "einsum: \"%.20s\" after the result", text);
    if (n_ellipsis && !t.has_ellipsis) return trit_error_set(err, trit_arg, "einsum: the result lacks the \"...\" of the operands");
    for (uint32_t i = 0; i < t.letters.n; i++) {
        const uint8_t label = t.letters.label[i];
        if (!occurs(q, label)) return trit_error_set(err, trit_arg, "einsum: '%c' of the result is in no operand", letter_of(label));
        if (memchr(t.letters.label, label, i)) return trit_error_set(err, trit_arg, "einsum: '%c' is twice in the result", letter_of(label));
    }
    return expand(&q->result, &t, n_ellipsis, err);
}

trit_status trit_equation_read(trit_equation *out, const char *text, uint32_t n, const trit_tensor *const *operands, trit_error *err) {
    trit_equation q = {.n_operands = n};
    uint32_t n_ellipsis = 0;
    if (n < 1 || n > trit_einsum_max_operands)
        return trit_error_set(err, trit_arg, "einsum: %u operands; 1 to %d", n, trit_einsum_max_operands);
    for (uint32_t i = 0; i < trit_einsum_labels; i++) q.size[i] = 1;
    for (uint32_t i = 0; i < n; i++) {
        const trit_view *v = &operands[i]->view;
        char shape[trit_shape_text_bytes];
        term t;
        if (i > 0 && *text++ != ',') return trit_error_set(err, trit_arg, "einsum: %u operands and %u terms", n, i);
        trit_status status = read_term(&t, &text, err);
        if (status != trit_ok) return status;
        if (t.letters.n > v->n_dims || (t.letters.n < v->n_dims && !t.has_ellipsis))
            return trit_error_set(err, trit_arg, "einsum: %u letters for operand %u, %s", t.letters.n, i + 1,
                                  trit_shape_text(shape, v->n_dims, v->shape));
        const uint32_t more = v->n_dims - t.letters.n;
        if (more > n_ellipsis) n_ellipsis = more;
        status = expand(&q.operand[i], &t, more, err);
        if (status == trit_ok) status = join_sizes(&q, i, v, err);
        if (status != trit_ok) return status;
    }
    if (*text == ',') return trit_error_set(err, trit_arg, "einsum: %u operands and more terms", n);
    trit_status status = read_result(&q, text, n_ellipsis, err);
    if (status == trit_ok) *out = q;
    return status;
}
