/* Conversations: the tokens of the assistant's turns count, and no others.
 *
 * A template renders a conversation as one text and does not say who wrote what. So it is rendered in steps: up to a turn, with the beginning of an
 * answer asked for, and with the turn. The answer begins where the whole text has something else than what was asked for, and ends where
 * the second text ends, but for an end token that stands behind the very last turn only. Templates that write earlier turns another way
 * later on (dropping their thoughts, say) cannot be split so, and are refused. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/data_parts.h"
#include "trit/chat.h"

/* Templates that tell the date tell this one: the same data are the same tokens every day. */
static const trit_chat_time today = {.year = 2024, .month = 7, .day = 26, .hour = 12};

typedef struct chat {
    const trit_data_encoder *e;
    const trit_json *record, *messages;
    const char *what;
} chat;

/* {"messages": the first n, "add_generation_prompt": asks, and what else the record has} */
static bool write_conversation(const chat *c, trit_text *out, size_t n, bool asks) {
    void *iter = NULL;
    trit_str key;
    const trit_json *value;
    bool ok = trit_text_format(out, "{\"add_generation_prompt\":%s,\"messages\":[", asks ? "true" : "false");
    for (size_t i = 0; i < n; i++) ok = ok && trit_text_append(out, ",", i > 0) && trit_json_write(out, trit_json_at(c->messages, i));
    ok = ok && trit_text_append(out, "]", 1);
    while (ok && trit_json_next(c->record, &iter, &key, &value)) {
        if (value == c->messages || trit_str_is(key, "messages") || trit_str_is(key, "add_generation_prompt")) continue;
        ok = trit_text_append(out, ",", 1) && trit_json_write_str(out, key.p, key.n) && trit_text_append(out, ":", 1) && trit_json_write(out, value);
    }
    return ok && trit_text_append(out, "}", 1);
}

static trit_status render(const chat *c, trit_text *out, size_t n, bool asks, trit_error *err) {
    const trit_data_encoder *e = c->e;
    const trit_chat_opts opts = {.bos_token = *e->bos_text ? e->bos_text : NULL, .eos_token = *e->eos_text ? e->eos_text : NULL, .now = today};
    trit_text conversation = {0};
    trit_error inner = {0};
    if (!write_conversation(c, &conversation, n, asks)) {
        trit_text_fini(&conversation);
        return trit_error_memory(err, conversation.n, "a conversation");
    }
    trit_status status = trit_chat_template_render(e->chat, conversation.data, conversation.n, &opts, out, &inner);
    trit_text_fini(&conversation);
    return status == trit_ok ? trit_ok : trit_error_set(err, status, "%s: %s", c->what, inner.message);
}

/* How many bytes two texts have in common at the beginning. */
static size_t common(const trit_text *a, const trit_text *b) {
    size_t n = 0;
    while (n < a->n && n < b->n && a->data[n] == b->data[n]) n++;
    return n;
}

typedef struct rendering {
    trit_text whole, before, with;
    trit_ids alone;
} rendering;

/* *n: the tokens of the whole text that its first n_bytes have by themselves as well. */
static trit_status count_tokens(const chat *c, rendering *r, const trit_ids *whole, size_t n_bytes, size_t *n, trit_error *err) {
    trit_status status = trit_tokenizer_encode(c->e->o->tokenizer, &r->alone, r->whole.data ? r->whole.data : "", n_bytes,
                                               &(trit_encode_opts){.no_bos = true, .special = true}, err);
    for (*n = 0; *n < r->alone.n && *n < whole->n && r->alone.data[*n] == whole->data[*n];) ++*n;
    return status;
}

/* Where message i, an answer, stands in the whole text; *end <= *begin: nowhere. */
static trit_status find_turn(const chat *c, rendering *r, size_t i, size_t *begin, size_t *end, trit_error *err) {
    *begin = *end = 0;
    trit_status status = render(c, &r->before, i, true, err);
    if (status == trit_ok) status = render(c, &r->with, i + 1, false, err);
    if (status != trit_ok) return status;
    const size_t n_before = common(&r->before, &r->whole), n_shared = common(&r->with, &r->whole), n_eos = strlen(c->e->eos_text);
    const bool has_end = n_shared < r->with.n && n_eos && trit_ends_with(r->with.data, c->e->eos_text);
    const size_t n_with = r->with.n - (has_end ? n_eos : 0);
    const bool ends_here = n_shared >= n_with;
    if (ends_here && n_before < r->before.n) { /* another beginning was asked for than the answer has: what stands before it must be the same */
        status = render(c, &r->before, i, false, err);
        if (status != trit_ok || common(&r->before, &r->whole) < r->before.n) return status;
    }
    if (ends_here) {
        *begin = n_before;
        *end = n_with;
    }
    return trit_ok;
}

/* Marks the tokens of message i, and those since the last one. */
static trit_status mark_turn(const chat *c, rendering *r, size_t i, trit_data_tokens *out, trit_error *err) {
    size_t begin, end, first = 0, last = 0;
    trit_status status = find_turn(c, r, i, &begin, &end, err);
    if (status != trit_ok) return status;
    if (end <= begin)
        return trit_error_set(err, trit_format,
                              "%s: the chat template cannot be split at message %zu: what it makes of the messages up to there is not the beginning of what "
                              "it makes of all (conversations of one answer, or prompt and completion, need no splitting)",
                              c->what, i + 1);
    status = count_tokens(c, r, &out->ids, begin, &first, err);
    if (status == trit_ok) status = count_tokens(c, r, &out->ids, end, &last, err);
    if (status != trit_ok) return status;
    const bool ok = trit_data_tokens_mark(out, first, false) && trit_data_tokens_mark(out, last, true);
    return ok ? trit_ok : trit_error_memory(err, last, "tokens");
}

/* All turns, then the tokens that the template left out: the begin token, and an end where the last turn has none. */
static trit_status encode_turns(const chat *c, rendering *r, trit_data_tokens *out, trit_error *err) {
    const trit_tokenizer *t = c->e->o->tokenizer;
    const size_t n = trit_json_length(c->messages);
    trit_status status = render(c, &r->whole, n, false, err);
    if (status == trit_ok) status = trit_tokenizer_encode(t, &out->ids, r->whole.data ? r->whole.data : "", r->whole.n,
                                                          &(trit_encode_opts){.no_bos = true, .special = true}, err);
    bool answers = false;
    for (size_t i = 0; i < n && status == trit_ok; i++) {
        if (!trit_str_is(trit_json_as_str(trit_json_get(trit_json_at(c->messages, i), "role")), "assistant")) continue;
        status = mark_turn(c, r, i, out, err);
        answers = true;
    }
    if (status == trit_ok && !answers) status = trit_error_set(err, trit_format, "%s: no message of the role \"assistant\"", c->what);
    if (status != trit_ok) return status;
    bool ends = out->mask.n < out->ids.n; /* another turn stands behind the last answer */
    for (size_t i = out->ids.n; i > 0 && !ends && out->mask.data[i - 1]; i--) ends = trit_tokenizer_is_eog(t, out->ids.data[i - 1]);
    const int32_t bos = out->ids.n && out->ids.data[0] == trit_tokenizer_bos(t) ? -1 : c->e->bos;
    bool ok = trit_data_tokens_mark(out, out->ids.n, false) && trit_data_dress(&out->ids, bos, ends ? -1 : c->e->eos);
    ok = ok && (bos < 0 || trit_text_append(&out->mask, "", 1));
    if (ok && bos >= 0) {
        memmove(out->mask.data + 1, out->mask.data, out->mask.n - 1);
        out->mask.data[0] = 0;
    }
    return ok && trit_data_tokens_mark(out, out->ids.n, true) ? trit_ok : trit_error_memory(err, out->ids.n, "tokens");
}

trit_status trit_data_encode_chat(const trit_data_encoder *e, const trit_json *record, const trit_json *messages, const char *what,
                                  trit_data_tokens *out, trit_error *err) {
    const chat c = {.e = e, .record = record, .messages = messages, .what = what};
    if (trit_json_kind_of(messages) != trit_json_array || !trit_json_length(messages))
        return trit_error_set(err, trit_format, "%s: the messages are no list, or an empty one", what);
    if (!e->chat) return trit_error_set(err, trit_format, "%s: messages, and there is no chat template", what);
    rendering r = {{0}, {0}, {0}, {0}};
    trit_status status = encode_turns(&c, &r, out, err);
    trit_text_fini(&r.whole);
    trit_text_fini(&r.before);
    trit_text_fini(&r.with);
    trit_ids_fini(&r.alone);
    return status;
}
