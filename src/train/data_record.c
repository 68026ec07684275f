/* Records of JSON, one a line:
 *   {"text": "..."}                            all of it counts
 *   {"prompt": "...", "completion": "..."}     the completion counts
 *   {"messages": [{"role", "content"}, ...]}   the assistant's turns count (data_chat.c)
 *
 * Of several in one record the first of this list is taken, and before them what has a name of the user's own. null is as good as nothing. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/data_parts.h"

enum form { form_text, form_pair, form_messages, n_forms };

typedef struct names {
    const char *text, *prompt, *completion, *messages;
    bool is_own[n_forms]; /* not by the usual names */
} names;

static const char *name_of(const char *given, const char *usual, bool *is_own) {
    *is_own = *is_own || (given && strcmp(given, usual) != 0);
    return given ? given : usual;
}

static names names_of(const trit_dataset_opts *o) {
    names n = {0};
    n.text = name_of(o->text_field, "text", &n.is_own[form_text]);
    n.prompt = name_of(o->prompt_field, "prompt", &n.is_own[form_pair]);
    n.completion = name_of(o->completion_field, "completion", &n.is_own[form_pair]);
    n.messages = name_of(o->messages_field, "messages", &n.is_own[form_messages]);
    return n;
}

/* What a record holds; texts and values are borrowed from it. */
typedef struct fields {
    trit_json *record; /* owned */
    const trit_json *messages;
    trit_str text, prompt; /* text: the completion where there is a prompt */
} fields;

static trit_status no_string(const char *what, const char *name, const trit_json *v, trit_error *err) {
    return trit_error_set(err, trit_format, "%s: \"%s\" is %s", what, name, v ? "no string" : "missing");
}

static const trit_json *find(const trit_json *record, const char *name) {
    const trit_json *v = trit_json_get(record, name);
    return trit_json_kind_of(v) == trit_json_null ? NULL : v;
}

static enum form choose(const names *n, const bool has[n_forms]) {
    for (enum form i = 0; i < n_forms; i++)
        if (has[i] && n->is_own[i]) return i;
    for (enum form i = 0; i < n_forms; i++)
        if (has[i]) return i;
    return n_forms;
}

static trit_status find_fields(fields *f, const names *n, const char *what, trit_error *err) {
    const trit_json *text = find(f->record, n->text), *prompt = find(f->record, n->prompt), *completion = find(f->record, n->completion);
    const trit_json *messages = find(f->record, n->messages);
    if (trit_json_kind_of(f->record) != trit_json_object) return trit_error_set(err, trit_format, "%s: not a JSON object", what);
    switch (choose(n, (bool[n_forms]){text, prompt && completion, messages})) {
    case form_messages: f->messages = messages; return trit_ok;
    case form_text: f->text = trit_json_as_str(text); return f->text.p ? trit_ok : no_string(what, n->text, text, err);
    default: break;
    }
    if (!prompt && !completion)
        return trit_error_set(err, trit_format, "%s: neither \"%s\", nor \"%s\" and \"%s\", nor \"%s\" in it", what, n->text, n->prompt, n->completion,
                              n->messages);
    f->text = trit_json_as_str(completion);
    if (!f->text.p) return no_string(what, n->completion, completion, err);
    f->prompt = trit_json_as_str(prompt);
    return f->prompt.p ? trit_ok : no_string(what, n->prompt, prompt, err);
}

static trit_status read_fields(fields *f, const trit_dataset_opts *o, trit_str line, const char *what, trit_error *err) {
    const names n = names_of(o);
    *f = (fields){0};
    trit_status status = trit_json_parse(&f->record, line.p, line.n, what, err);
    return status == trit_ok ? find_fields(f, &n, what, err) : status;
}

/* Both texts are encoded as one; the tokens that the prompt has by itself as well are the prompt's. */
static trit_status encode_pair(const trit_data_encoder *e, trit_ids *ids, size_t *n_prompt, const fields *f, trit_error *err) {
    const trit_encode_opts opts = {.no_bos = true};
    trit_text both = {0};
    trit_ids alone = {0};
    const bool ok = trit_text_append(&both, f->prompt.p, f->prompt.n) && trit_text_append(&both, f->text.p, f->text.n);
    trit_status status = ok ? trit_ok : trit_error_memory(err, f->prompt.n + f->text.n, "a record");
    if (status == trit_ok) status = trit_tokenizer_encode(e->o->tokenizer, ids, both.data, both.n, &opts, err);
    if (status == trit_ok) status = trit_tokenizer_encode(e->o->tokenizer, &alone, f->prompt.p, f->prompt.n, &opts, err);
    *n_prompt = 0;
    while (*n_prompt < alone.n && *n_prompt < ids->n && alone.data[*n_prompt] == ids->data[*n_prompt]) ++*n_prompt;
    trit_ids_fini(&alone);
    trit_text_fini(&both);
    return status;
}

static trit_status encode_fields(const trit_data_encoder *e, const fields *f, trit_data_tokens *out, trit_error *err) {
    size_t n_prompt = 0;
    trit_status status = encode_pair(e, &out->ids, &n_prompt, f, err);
    if (status != trit_ok || !trit_data_dress(&out->ids, e->bos, e->eos))
        return status != trit_ok ? status : trit_error_memory(err, out->ids.n * sizeof *out->ids.data, "tokens");
    if (!f->prompt.p) return trit_ok;
    const bool ok = trit_data_tokens_mark(out, n_prompt + (e->bos >= 0), false) && trit_data_tokens_mark(out, out->ids.n, true);
    return ok ? trit_ok : trit_error_memory(err, out->ids.n, "tokens");
}

trit_status trit_data_encode_record(const trit_data_encoder *e, trit_str line, const char *what, trit_data_tokens *out, trit_error *err) {
    fields f;
    trit_status status = read_fields(&f, e->o, line, what, err);
    if (status == trit_ok)
        status = f.messages ? trit_data_encode_chat(e, f.record, f.messages, what, out, err) : encode_fields(e, &f, out, err);
    trit_json_free(f.record);
    return status;
}

trit_status trit_data_record_text(const trit_dataset_opts *o, trit_str line, const char *what, trit_text *out, trit_error *err) {
    fields f;
    trit_status status = read_fields(&f, o, line, what, err);
    bool ok = true;
    for (size_t i = 0; status == trit_ok && i < trit_json_length(f.messages); i++) {
        const trit_str content = trit_json_as_str(trit_json_get(trit_json_at(f.messages, i), "content"));
        ok = ok && trit_text_append(out, content.p, content.n) && trit_text_append(out, "\n", 1);
    }
    if (status == trit_ok && !f.messages)
        ok = trit_text_append(out, f.prompt.p, f.prompt.n) && trit_text_append(out, f.text.p, f.text.n) && trit_text_append(out, "\n", 1);
    trit_json_free(f.record);
    return ok ? status : trit_error_memory(err, line.n, "a record");
}
