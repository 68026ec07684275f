#include "records.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"

typedef struct reading {
    trit_records *all;
    const trit_tokenizer *tokenizer;
} reading;

/* ids = begin token where the model wants one, then text[0..n). */
static trit_status encode(trit_ids *ids, const trit_tokenizer *t, const char *text, size_t n, trit_error *err) {
    trit_status status = trit_tokenizer_encode(t, ids, text, n, &(trit_encode_opts){.no_bos = true}, err);
    if (status != trit_ok || !trit_tokenizer_adds_bos(t)) return status;
    if (!trit_ids_push(ids, 0)) return trit_error_memory(err, ids->n * sizeof *ids->data, "a record");
    memmove(ids->data + 1, ids->data, (ids->n - 1) * sizeof *ids->data);
    ids->data[0] = trit_tokenizer_bos(t);
    return trit_ok;
}

/* The whole text is encoded at once; the ending's tokens are those behind as many as the beginning has by itself. */
static trit_status encode_ending(trit_ending *e, const trit_tokenizer *t, const trit_text *text, size_t n_begin, trit_error *err) {
    trit_ids ids = {0};
    trit_status status = encode(&ids, t, text->data, n_begin, err);
    size_t n_first = ids.n;
    if (status == trit_ok) status = encode(&ids, t, text->data, text->n, err);
    if (status == trit_ok && n_first >= ids.n) n_first = ids.n ? ids.n - 1 : 0; /* the last token grew together with the beginning */
    if (status == trit_ok && !n_first) status = trit_error_set(err, trit_format, "an empty beginning, and the model has no begin token");
    if (status == trit_ok) {
        e->ids = ids.data;
        e->n = (uint32_t)ids.n;
        e->n_begin = (uint32_t)n_first;
        ids = (trit_ids){0};
    }
    trit_ids_fini(&ids);
    return status;
}

static uint32_t count_chars(trit_str s) {
    uint32_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

/* White space between the two belongs to the ending. */
static trit_status add_ending(reading *v, trit_record *r, trit_str begin, bool space, trit_str end, trit_error *err) {
    trit_ending *e = &r->ending[r->n++];
    trit_text text = {0};
    size_t n_begin = begin.n;
    while (n_begin && trit_ascii_blank(begin.p[n_begin - 1])) n_begin--;
    bool ok = trit_text_append(&text, begin.p, begin.n) && trit_text_append(&text, " ", space) && trit_text_append(&text, end.p, end.n);
    trit_status status = ok ? encode_ending(e, v->tokenizer, &text, n_begin, err) : trit_error_memory(err, begin.n + end.n, "a record");
    e->n_chars = count_chars(end);
    e->n_bytes = (uint32_t)end.n;
    if (e->n > v->all->longest) v->all->longest = e->n;
    trit_text_fini(&text);
    return status;
}

static trit_status read_choice(reading *v, trit_record *r, const trit_json *json, trit_error *err) {
    trit_str query = trit_json_as_str(trit_json_get(json, "query"));
    const trit_json *choices = trit_json_get(json, "choices");
    size_t n = trit_json_length(choices);
    int64_t gold = trit_json_as_int(trit_json_get(json, "gold"), -1);
    if (!query.p) return trit_error_set(err, trit_format, "no \"query\"");
    if (trit_json_kind_of(choices) != trit_json_array || n < 2 || n > 1000) return trit_error_set(err, trit_format, "\"choices\" is no list of 2 to 1000");
    if (gold < 0 || (uint64_t)gold >= n) return trit_error_set(err, trit_format, "\"gold\" is none of 0 to %zu", n - 1);
    r->gold = (uint32_t)gold;
    r->ending = trit_alloc_zero(n, sizeof *r->ending);
    if (!r->ending) return trit_error_memory(err, n * sizeof *r->ending, "a record");
    trit_status status = trit_ok;
    for (size_t i = 0; i < n && status == trit_ok; i++) {
        trit_str choice = trit_json_as_str(trit_json_at(choices, i));
        if (!choice.n) return trit_error_set(err, trit_format, "choice %zu is no text, or empty", i);
        bool space = query.n && !trit_ascii_blank(query.p[query.n - 1]) && !trit_ascii_blank(choice.p[0]);
        status = add_ending(v, r, query, space, choice, err);
    }
    return status;
}

static trit_status read_word(reading *v, trit_record *r, const trit_json *json, trit_error *err) {
    trit_str text = trit_json_as_str(trit_json_get(json, "text"));
    if (!text.p) return trit_error_set(err, trit_format, "no \"choices\" and no \"text\"");
    while (text.n && trit_ascii_blank(text.p[text.n - 1])) text.n--;
    size_t at = text.n;
    while (at && text.p[at - 1] != ' ') at--;
    if (at < 2) return trit_error_set(err, trit_format, "\"text\" has no two words");
    r->ending = trit_alloc_zero(1, sizeof *r->ending);
    if (!r->ending) return trit_error_memory(err, sizeof *r->ending, "a record");
    return add_ending(v, r, (trit_str){text.p, at - 1}, true, (trit_str){text.p + at, text.n - at}, err);
}

static trit_status read_record(reading *v, const char *line, size_t n, const char *what, trit_error *err) {
    trit_json *json;
    trit_records *all = v->all;
    trit_status status = trit_json_parse(&json, line, n, what, err);
    if (status != trit_ok) return status;
    void *records = all->record;
    if (!trit_grow(&records, &all->capacity, all->n + 1, sizeof *all->record)) {
        trit_json_free(json);
        return trit_error_memory(err, (all->n + 1) * sizeof *all->record, "the records");
    }
    all->record = records;
    trit_record *r = &all->record[all->n++];
    *r = (trit_record){0};
    trit_record_kind kind = trit_json_get(json, "choices") ? trit_records_choice : trit_records_word;
    trit_error inner = {0};
    if (all->kind != trit_records_unknown && all->kind != kind)
        status = trit_error_set(&inner, trit_format, "another kind of record than those before");
    else
        status = kind == trit_records_choice ? read_choice(v, r, json, &inner) : read_word(v, r, json, &inner);
    if (status != trit_ok) (void)trit_error_set(err, status, "%s: %s", what, inner.message);
    all->kind = kind;
    trit_json_free(json);
    return status;
}

trit_status trit_records_read(trit_records *out, const trit_text *text, const char *path, size_t limit, const trit_tokenizer *tokenizer,
                              trit_error *err) {
    reading v = {out, tokenizer};
    const char *p = text->data ? text->data : "", *end = p + text->n;
    trit_status status = trit_ok;
    for (size_t number = 1; p < end && status == trit_ok && !(limit && out->n >= limit); number++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((newline ? newline : end) - p), blank = 0;
        while (blank < n && trit_ascii_blank(p[blank])) blank++;
        char what[300];
        snprintf(what, sizeof what, "%.250s, line %zu", path, number);
        if (blank < n) status = read_record(&v, p, n, what, err);
        p += n + (newline != NULL);
    }
    if (status == trit_ok && !out->n) return trit_error_set(err, trit_arg, "%s: no records", path);
    for (size_t i = 0; i < out->n; i++) /* the array does not move any more */
        for (uint32_t k = 0; k < out->record[i].n; k++) out->record[i].ending[k].record = &out->record[i];
    return status;
}

void trit_records_fini(trit_records *r) {
    for (size_t i = 0; i < r->n; i++) {
        for (uint32_t k = 0; k < r->record[i].n; k++) trit_free(r->record[i].ending[k].ids);
        trit_free(r->record[i].ending);
    }
    trit_free(r->record);
    *r = (trit_records){0};
}
