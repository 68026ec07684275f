#include "prompt_file.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"

trit_prompt_format trit_prompt_format_of(const char *word, const char *path) {
    if (word) return strcmp(word, "csv") == 0 ? trit_prompts_csv : strcmp(word, "jsonl") == 0 ? trit_prompts_jsonl : trit_prompts_txt;
    if (trit_ends_with(path, ".csv")) return trit_prompts_csv;
    return trit_ends_with(path, ".jsonl") || trit_ends_with(path, ".ndjson") ? trit_prompts_jsonl : trit_prompts_txt;
}

/* What is being read. */
typedef struct reading {
    trit_prompt_items *items;
    const char *p, *end, *path, *field;
    size_t line; /* that p stands on */
} reading;

static trit_status push(reading *r, const char *s, size_t n, bool is_conversation, trit_error *err) {
    trit_prompt_items *all = r->items;
    void *items = all->item;
    if (!trit_grow(&items, &all->capacity, all->n + 1, sizeof *all->item)) return trit_error_memory(err, all->n * sizeof *all->item, "the prompts");
    all->item = items;
    all->item[all->n] = (trit_prompt_item){.is_conversation = is_conversation};
    all->n++;
    return trit_text_append(&all->item[all->n - 1].text, s, n) ? trit_ok : trit_error_memory(err, n, "a prompt");
}

/* The next line without its end; false: there is none. */
static bool next_line(reading *r, trit_str *line) {
    if (r->p >= r->end) return false;
    const char *newline = memchr(r->p, '\n', (size_t)(r->end - r->p));
    *line = (trit_str){r->p, (size_t)((newline ? newline : r->end) - r->p)};
    r->p += line->n + (newline != NULL);
    r->line++;
    if (line->n && line->p[line->n - 1] == '\r') line->n--;
    return true;
}

static trit_status read_txt(reading *r, trit_error *err) {
    trit_status status = trit_ok;
    for (trit_str line; status == trit_ok && next_line(r, &line);) status = push(r, line.p, line.n, false, err);
    return status;
}

static bool is_blank(trit_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && s.p[i] != '\t') return false;
    return true;
}

static trit_status read_object(reading *r, trit_str line, trit_error *err) {
    char what[300];
    snprintf(what, sizeof what, "%.250s, line %zu", r->path, r->line);
    trit_json *json;
    trit_status status = trit_json_parse(&json, line.p, line.n, what, err);
    if (status != trit_ok) return status;
    trit_str text = trit_json_as_str(trit_json_get(json, r->field));
    if (text.p)
        status = push(r, text.p, text.n, false, err);
    else if (trit_json_kind_of(trit_json_get(json, "messages")) == trit_json_array)
        status = push(r, line.p, line.n, true, err);
    else
        status = trit_error_set(err, trit_format, "%s: no text \"%s\" and no list \"messages\"", what, r->field);
    trit_json_free(json);
    return status;
}

static trit_status read_jsonl(reading *r, trit_error *err) {
    trit_status status = trit_ok;
    for (trit_str line; status == trit_ok && next_line(r, &line);)
        if (!is_blank(line)) status = read_object(r, line, err);
    return status;
}

/* One cell into `cell`, what divides it from the next is taken too; *last: the row ends with it. */
static trit_status read_cell(reading *r, trit_text *cell, bool *last, trit_error *err) {
    const size_t first_line = r->line + 1;
    const bool quoted = r->p < r->end && *r->p == '"';
    bool closed = !quoted, ok = true;
    cell->n = 0;
    if (quoted) r->p++;
    for (; r->p < r->end && ok; r->p++) {
        const char c = *r->p;
        if (quoted && !closed && c == '"' && r->p + 1 < r->end && r->p[1] == '"') r->p++;
        else if (quoted && !closed && c == '"') {
            closed = true;
            continue;
        } else if (closed && (c == ',' || c == '\n' || (c == '\r' && r->p + 1 < r->end && r->p[1] == '\n')))
            break;
        else if (quoted && closed)
            return trit_error_set(err, trit_format, "%s, line %zu: text behind a closing quote", r->path, r->line + 1);
        if (c == '\n') r->line++;
        ok = trit_text_append(cell, &c, 1);
    }
    if (!ok) return trit_error_memory(err, cell->n + 1, "a cell");
    if (!closed) return trit_error_set(err, trit_format, "%s, line %zu: a quote that is not closed", r->path, first_line);
    *last = r->p >= r->end || *r->p != ',';
    if (r->p < r->end && *r->p == '\r') r->p++;
    if (r->p < r->end && *r->p == '\n') r->line++;
    if (r->p < r->end) r->p++;
    return trit_ok;
}

static trit_status find_column(reading *r, trit_text *cell, size_t *column, trit_error *err) {
    trit_status status = trit_ok;
    bool found = false, last = false;
    for (size_t i = 0; !last; i++) {
        status = read_cell(r, cell, &last, err);
        if (status != trit_ok) return status;
        if (!found && trit_str_is((trit_str){cell->data, cell->n}, r->field)) {
            *column = i;
            found = true;
        }
    }
    return found ? trit_ok : trit_error_set(err, trit_arg, "%s: no column \"%s\" (name one with --field)", r->path, r->field);
}

static trit_status read_csv(reading *r, trit_error *err) {
    trit_text cell = {0};
    size_t column = 0;
    trit_status status = r->p < r->end ? find_column(r, &cell, &column, err) : trit_ok;
    while (status == trit_ok && r->p < r->end) {
        const size_t first_line = r->line + 1;
        bool last = false, found = false;
        for (size_t i = 0; !last && status == trit_ok; i++) {
            status = read_cell(r, &cell, &last, err);
            if (status != trit_ok || i != column) continue;
            status = push(r, cell.data, cell.n, false, err);
            found = true;
        }
        if (status == trit_ok && !found)
            status = trit_error_set(err, trit_format, "%s, line %zu: no cell for column \"%s\"", r->path, first_line, r->field);
    }
    trit_text_fini(&cell);
    return status;
}

trit_status trit_prompt_items_read(trit_prompt_items *out, const char *data, size_t n, const char *path, trit_prompt_format format,
                                   const char *field, trit_error *err) {
    reading r = {.items = out, .p = data, .end = data + n, .path = path, .field = field ? field : "prompt"};
    if (n >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) r.p += 3; /* some programs mark UTF-8 so */
    trit_status status = format == trit_prompts_csv ? read_csv(&r, err) : format == trit_prompts_jsonl ? read_jsonl(&r, err) : read_txt(&r, err);
    if (status == trit_ok && !out->n) return trit_error_set(err, trit_arg, "%s: no prompts", path);
    return status;
}

void trit_prompt_items_fini(trit_prompt_items *items) {
    for (size_t i = 0; i < items->n; i++) trit_text_fini(&items->item[i].text);
    trit_free(items->item);
    *items = (trit_prompt_items){0};
}

bool trit_csv_put(trit_text *out, const char *s, size_t n) {
    bool plain = true;
    for (size_t i = 0; i < n; i++) plain = plain && s[i] != '"' && s[i] != ',' && s[i] != '\n' && s[i] != '\r';
    if (plain) return trit_text_append(out, s, n);
    bool ok = trit_text_append(out, "\"", 1);
    for (size_t i = 0; i < n && ok; i++) ok = trit_text_append(out, s[i] == '"' ? "\"\"" : &s[i], s[i] == '"' ? 2 : 1);
    return ok && trit_text_append(out, "\"", 1);
}
