/* Log probabilities of tokens, as the engine or a prompt's logits tell them, in the two forms that clients know. */
#include "server/notes.h"

#include <string.h>

#include "base/alloc.h"
#include "base/math.h"
#include "base/utf8.h"
#include "server/state.h"

static uint32_t count_chars(const char *s, size_t n) {
    uint32_t chars = 0;
    for (size_t i = 0; i < n; i++) chars += ((unsigned char)s[i] & 0xC0) != 0x80;
    return chars;
}

/* What the token adds to a text; nothing where the vocabulary has it not. */
static trit_str text_of(const trit_choice *c, int32_t token) {
    trit_str text;
    text.p = trit_tokenizer_bytes(c->job->served->tokenizer, token, &text.n);
    return text.p ? text : (trit_str){"", 0};
}

bool trit_note_add(trit_choice *c, int32_t token, const trit_logprob *p, uint32_t n) {
    void *notes = c->note;
    if (!trit_grow(&notes, &c->notes_capacity, c->n_notes + 1, sizeof *c->note)) return false;
    c->note = notes;
    trit_note *note = &c->note[c->n_notes++];
    *note = (trit_note){.token = token, .n = n, .offset = c->n_chars};
    if (n) memcpy(note->p, p, n * sizeof *p);
    const trit_str text = text_of(c, token);
    if (!trit_tokenizer_is_special(c->job->served->tokenizer, token)) c->n_chars += count_chars(text.p, text.n); /* those stand in no text */
    return true;
}

/* The most likely tokens, falling; of equals the smaller id first. */
static uint32_t find_top(trit_logprob *top, uint32_t n_top, const float *logits, uint32_t n, double log_sum) {
    uint32_t k = 0;
    for (uint32_t i = 0; i < n && n_top; i++) {
        const float lp = (float)((double)logits[i] - log_sum);
        if (k == n_top && lp <= top[k - 1].logprob) continue;
        uint32_t at = k < n_top ? k++ : k - 1;
        for (; at > 0 && top[at - 1].logprob < lp; at--) top[at] = top[at - 1];
        top[at] = (trit_logprob){(int32_t)i, lp};
    }
    return k;
}

void trit_note_prompt(void *choice, uint32_t position, const float *logits, uint32_t n_vocab) {
    trit_choice *c = choice;
    if (position + 1 >= c->n_prompt) return;
    const int32_t token = c->prompt[position + 1];
    const double log_sum = trit_log_sum_exp(logits, n_vocab);
    trit_logprob p[1 + trit_max_logprobs];
    p[0] = (trit_logprob){token, (float)((double)logits[token] - log_sum)};
    const uint32_t n = find_top(p + 1, c->job->n_logprobs, logits, n_vocab, log_sum);
    if (!trit_note_add(c, token, p, n + 1)) c->no_memory = true; /* the job ends with its next event */
}

/* ---- As JSON ---- */

static void put_entry(trit_jsonw *w, const trit_choice *c, const trit_logprob *p) {
    const trit_str text = text_of(c, p->token);
    trit_jsonw_key(w, "token");
    trit_jsonw_strn(w, text.p, text.n);
    trit_jsonw_key(w, "logprob");
    trit_jsonw_f32(w, p->logprob);
    trit_jsonw_key(w, "bytes");
    trit_jsonw_array(w);
    for (size_t i = 0; i < text.n; i++) trit_jsonw_int(w, (unsigned char)text.p[i]);
    trit_jsonw_close(w, ']');
}

void trit_put_logprobs_chat(trit_jsonw *w, const trit_choice *c) {
    trit_jsonw_key(w, "logprobs");
    if (!c->job->want_logprobs) {
        trit_jsonw_null(w);
        return;
    }
    trit_jsonw_object(w);
    trit_jsonw_key(w, "content");
    trit_jsonw_array(w);
    for (size_t i = 0; i < c->n_notes; i++) {
        const trit_note *note = &c->note[i];
        trit_jsonw_object(w);
        put_entry(w, c, &note->p[0]);
        trit_jsonw_key(w, "top_logprobs");
        trit_jsonw_array(w);
        for (uint32_t k = 1; k < note->n; k++) {
            trit_jsonw_object(w);
            put_entry(w, c, &note->p[k]);
            trit_jsonw_close(w, '}');
        }
        trit_jsonw_close(w, ']');
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
    trit_jsonw_put_str(w, "refusal", NULL);
    trit_jsonw_close(w, '}');
}

static bool is_utf8(trit_str text) {
    uint32_t cp;
    int n;
    for (size_t i = 0; i < text.n; i += (size_t)n)
        if ((n = trit_utf8_decode(text.p + i, text.n - i, &cp)) <= 0) return false;
    return true;
}

/* A token of completions, as a value or as a member's name. A piece of a character is told by its bytes, as OpenAI does: as text all of them
 * would be the same. */
static void put_token(trit_jsonw *w, const trit_choice *c, int32_t token, void (*put)(trit_jsonw *w, const char *s, size_t n)) {
    const trit_str text = text_of(c, token);
    if (is_utf8(text)) {
        put(w, text.p, text.n);
        return;
    }
    trit_text spelled = {0};
    bool ok = trit_text_append(&spelled, "bytes:", 6);
    for (size_t i = 0; i < text.n; i++) ok = ok && trit_text_format(&spelled, "\\x%02x", (unsigned char)text.p[i]);
    if (ok) put(w, spelled.data, spelled.n);
    else w->failed = true;
    trit_text_fini(&spelled);
}

/* {"token": log probability}: the likeliest ones, and the token itself if it is none of them. */
static void put_top(trit_jsonw *w, const trit_choice *c, const trit_note *note) {
    bool is_among = false;
    if (!note->n || !c->job->n_logprobs) {
        trit_jsonw_null(w);
        return;
    }
    for (uint32_t k = 1; k < note->n; k++) is_among = is_among || note->p[k].token == note->token;
    trit_jsonw_object(w);
    for (uint32_t k = is_among; k < note->n; k++) {
        put_token(w, c, note->p[k].token, trit_jsonw_keyn);
        trit_jsonw_f32(w, note->p[k].logprob);
    }
    trit_jsonw_close(w, '}');
}

void trit_put_logprobs_text(trit_jsonw *w, const trit_choice *c) {
    trit_jsonw_key(w, "logprobs");
    if (!c->job->want_logprobs) {
        trit_jsonw_null(w);
        return;
    }
    static const char *const lists[] = {"tokens", "token_logprobs", "top_logprobs", "text_offset"};
    trit_jsonw_object(w);
    for (unsigned list = 0; list < 4; list++) {
        trit_jsonw_key(w, lists[list]);
        trit_jsonw_array(w);
        for (size_t i = 0; i < c->n_notes; i++) {
            const trit_note *note = &c->note[i];
            if (list == 0) put_token(w, c, note->token, trit_jsonw_strn);
            else if (list == 2) put_top(w, c, note);
            else if (list == 3) trit_jsonw_uint(w, note->offset);
            else if (note->n) trit_jsonw_f32(w, note->p[0].logprob);
            else trit_jsonw_null(w);
        }
        trit_jsonw_close(w, ']');
    }
    trit_jsonw_close(w, '}');
}
