#include "server/prompts.h"

#include "base/alloc.h"
#include "server/ask.h"

enum { max_prompts = 2048 }; /* as OpenAI's own */

static bool read_ids(trit_prompts *p, const trit_served *m, size_t i, const trit_json *list, trit_refusal *r) {
    trit_error err = {0};
    for (size_t k = 0; k < trit_json_length(list); k++) {
        const trit_json *v = trit_json_at(list, k);
        const int64_t id = trit_json_as_int(v, -1);
        if (trit_json_kind_of(v) != trit_json_int || id < 0 || id >= m->info.vocab_size)
            return trit_refuse(r, trit_refusal_invalid_value, p->name, "'%s': entry %zu is no token id below %u", p->name, k, m->info.vocab_size);
        if (!trit_ids_push(&p->ids[i], (int32_t)id)) return trit_refuse_memory(r);
    }
    if (!p->echo || trit_tokenizer_decode(m->tokenizer, &p->text[i], p->ids[i].data, p->ids[i].n, true, &err) == trit_ok) return true;
    return trit_refuse_error(r, p->name, &err);
}

static bool read_text(trit_prompts *p, const trit_served *m, size_t i, const trit_json *v, trit_refusal *r) {
    const trit_str text = trit_json_as_str(v);
    trit_error err = {0};
    if (!text.p)
        return trit_refuse(r, trit_refusal_invalid_value, p->name, "'%s': a string, token ids, or a list of such are wanted, not %s", p->name,
                           trit_json_kind_text(trit_json_kind_of(v)));
    if (trit_tokenizer_encode(m->tokenizer, &p->ids[i], text.p, text.n, NULL, &err) != trit_ok) return trit_refuse_error(r, p->name, &err);
    if (p->echo && !trit_text_append(&p->text[i], text.p, text.n)) return trit_refuse_memory(r);
    const int32_t bos = trit_tokenizer_bos(m->tokenizer);
    if (p->ids[i].n || !p->begins_empty || bos < 0) return true;
    return trit_ids_push(&p->ids[i], bos) || trit_refuse_memory(r); /* of an empty prompt the answer begins anywhere */
}

static bool read_each(trit_prompts *p, const trit_served *m, const trit_json *v, bool is_list, size_t n, trit_refusal *r) {
    while (p->n < n) {
        const trit_json *item = is_list ? trit_json_at(v, p->n) : v;
        const size_t i = p->n++;
        const bool is_ids = trit_json_kind_of(item) == trit_json_array;
        if (is_ids ? !read_ids(p, m, i, item, r) : !read_text(p, m, i, item, r)) return false;
        if (!p->begins_empty && !p->ids[i].n) return trit_refuse(r, trit_refusal_invalid_value, p->name, "'%s': text %zu is empty", p->name, i);
    }
    return true;
}

bool trit_prompts_read(trit_prompts *p, const trit_served *m, const trit_json *v, trit_refusal *r) {
    const trit_json_kind kind = trit_json_kind_of(v), first = trit_json_kind_of(trit_json_at(v, 0));
    const bool is_list = kind == trit_json_array && (first == trit_json_string || first == trit_json_array);
    if (kind == trit_json_absent || kind == trit_json_null) return trit_refuse(r, trit_refusal_missing, p->name, "'%s' is missing", p->name);
    if (kind == trit_json_array && !trit_json_length(v)) return trit_refuse(r, trit_refusal_invalid_value, p->name, "'%s' is an empty list", p->name);
    const size_t n = is_list ? trit_json_length(v) : 1;
    if (n > max_prompts) return trit_refuse(r, trit_refusal_invalid_value, p->name, "'%s': %zu texts, at most %d", p->name, n, max_prompts);
    p->ids = trit_alloc_zero(n, sizeof *p->ids);
    p->text = trit_alloc_zero(n, sizeof *p->text);
    return p->ids && p->text ? read_each(p, m, v, is_list, n, r) : trit_refuse_memory(r);
}

void trit_prompts_fini(trit_prompts *p) {
    for (size_t i = 0; p->ids && i < p->n; i++) trit_ids_fini(&p->ids[i]);
    for (size_t i = 0; p->text && i < p->n; i++) trit_text_fini(&p->text[i]);
    trit_free(p->ids);
    trit_free(p->text);
}
