/* POST /tokenize, /detokenize and /apply-template: text to tokens, tokens to text, conversations to text; GET /tokenizer_info. The first two take
 * and give llama.cpp's names of things and vLLM's, which clients of both use to count tokens. */
#include "base/alloc.h"
#include "base/json.h"
#include "server/ask.h"
#include "server/conversation.h"
#include "server/state.h"

static bool flag_of(const trit_json *body, const char *name, bool otherwise, bool *out, trit_refusal *r) {
    const trit_json *v = trit_json_get(body, name);
    const trit_json_kind kind = trit_json_kind_of(v);
    *out = trit_json_as_bool(v, otherwise);
    if (kind == trit_json_bool || kind == trit_json_absent || kind == trit_json_null) return true;
    return trit_refuse(r, trit_refusal_invalid_value, name, "'%s': a boolean is wanted, not %s", name, trit_json_kind_text(kind));
}

static void put_pieces(trit_jsonw *w, const trit_served *s, const trit_ids *ids) {
    trit_jsonw_array(w);
    for (size_t i = 0; i < ids->n; i++) {
        size_t n;
        const char *bytes = trit_tokenizer_bytes(s->tokenizer, ids->data[i], &n);
        trit_jsonw_object(w);
        trit_jsonw_key(w, "id");
        trit_jsonw_int(w, ids->data[i]);
        trit_jsonw_key(w, "piece");
        trit_jsonw_strn(w, bytes, bytes ? n : 0);
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
}

static bool tokenize(trit_served *s, trit_exchange *x, const trit_json *body, trit_ids *ids, trit_refusal *r) {
    const trit_json *content = trit_json_get(body, "content"), *v = content ? content : trit_json_get(body, "prompt");
    const trit_str text = trit_json_as_str(v);
    const char *add = content ? "add_special" : "add_special_tokens";
    bool specials, parse, pieces;
    trit_error err = {0};
    trit_jsonw w = {0};
    if (!text.p)
        return trit_refuse(r, v ? trit_refusal_invalid_value : trit_refusal_missing, content || !v ? "content" : "prompt",
                           "'%s': a string is wanted, not %s", content || !v ? "content" : "prompt", trit_json_kind_text(trit_json_kind_of(v)));
    if (!flag_of(body, add, !content, &specials, r) || !flag_of(body, "parse_special", true, &parse, r) ||
        !flag_of(body, "with_pieces", false, &pieces, r))
        return false;
    const trit_encode_opts opts = {.no_bos = !specials, .special = parse};
    if (trit_tokenizer_encode(s->tokenizer, ids, text.p, text.n, &opts, &err) != trit_ok) return trit_refuse_error(r, "content", &err);
    trit_jsonw_object(&w);
    trit_jsonw_key(&w, "tokens");
    if (pieces) put_pieces(&w, s, ids);
    else trit_jsonw_ids(&w, ids->data, ids->n);
    trit_jsonw_put_uint(&w, "count", ids->n);
    trit_jsonw_close(&w, '}');
    trit_answer_json(x, 200, &w);
    return true;
}

static bool detokenize(trit_served *s, trit_exchange *x, const trit_json *body, trit_ids *ids, trit_refusal *r) {
    const trit_json *v = trit_json_get(body, "tokens");
    trit_text text = {0};
    trit_error err = {0};
    trit_jsonw w = {0};
    if (trit_json_kind_of(v) != trit_json_array)
        return trit_refuse(r, v ? trit_refusal_invalid_value : trit_refusal_missing, "tokens", "'tokens': an array is wanted, not %s",
                           trit_json_kind_text(trit_json_kind_of(v)));
    for (size_t i = 0; i < trit_json_length(v); i++) {
        const trit_json *item = trit_json_at(v, i);
        const int64_t id = trit_json_as_int(item, -1);
        if (trit_json_kind_of(item) != trit_json_int || id < 0 || id > INT32_MAX)
            return trit_refuse(r, trit_refusal_invalid_value, "tokens", "'tokens': entry %zu is no token id", i);
        if (!trit_ids_push(ids, (int32_t)id)) return trit_refuse_memory(r);
    }
    if (trit_tokenizer_decode(s->tokenizer, &text, ids->data, ids->n, true, &err) != trit_ok) {
        trit_text_fini(&text);
        return trit_refuse_error(r, "tokens", &err);
    }
    trit_jsonw_object(&w);
    trit_jsonw_key(&w, "content");
    trit_jsonw_strn(&w, text.data, text.n);
    trit_jsonw_key(&w, "prompt");
    trit_jsonw_strn(&w, text.data, text.n);
    trit_jsonw_close(&w, '}');
    trit_text_fini(&text);
    trit_answer_json(x, 200, &w);
    return true;
}

/* Of the first model: who asks names none. */
bool trit_serve_tokenizer(trit_served *m, trit_exchange *x, const trit_json *body, trit_refusal *r) {
    trit_jsonw w = {0};
    (void)body;
    (void)r;
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "tokenizer_class", trit_tokenizer_kind(m->tokenizer));
    trit_jsonw_put_str(&w, "bos_token", m->bos);
    trit_jsonw_put_str(&w, "eos_token", m->eos);
    trit_jsonw_put_str(&w, "chat_template", m->chat_template);
    trit_jsonw_close(&w, '}');
    trit_answer_json(x, 200, &w);
    return true;
}

bool trit_serve_tokenize(trit_served *s, trit_exchange *x, const trit_json *body, trit_refusal *r) {
    trit_ids ids = {0};
    const bool ok = tokenize(s, x, body, &ids, r);
    trit_ids_fini(&ids);
    return ok;
}

bool trit_serve_detokenize(trit_served *s, trit_exchange *x, const trit_json *body, trit_refusal *r) {
    trit_ids ids = {0};
    const bool ok = detokenize(s, x, body, &ids, r);
    trit_ids_fini(&ids);
    return ok;
}

bool trit_serve_template(trit_served *s, trit_exchange *x, const trit_json *body, trit_refusal *r) {
    trit_text text = {0};
    const bool ok = trit_conversation_text(s, body, false, &text, r);
    if (ok) {
        trit_jsonw w = {0};
        trit_jsonw_object(&w);
        trit_jsonw_key(&w, "prompt");
        trit_jsonw_strn(&w, text.data, text.n);
        trit_jsonw_close(&w, '}');
        trit_answer_json(x, 200, &w);
    }
    trit_text_fini(&text);
    return ok;
}
