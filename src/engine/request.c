/* Requests and their text. */
#include "engine/request.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"

enum { default_draft = 16 };

static trit_status copy_stops(trit_running *r, const trit_request *q, size_t *longest, trit_error *err) {
    r->stop = trit_alloc_zero(q->n_stop, sizeof *r->stop);
    if (!r->stop) return trit_error_memory(err, q->n_stop * sizeof *r->stop, "the stop strings");
    for (; r->n_stop < q->n_stop; r->n_stop++) {
        size_t n = strlen(q->stop[r->n_stop]);
        if (n == 0) return trit_error_set(err, trit_arg, "stop string %zu is empty", r->n_stop + 1);
        r->stop[r->n_stop] = trit_strndup(q->stop[r->n_stop], n);
        if (!r->stop[r->n_stop]) return trit_error_memory(err, n, "a stop string");
        if (n > *longest) *longest = n;
    }
    return trit_ok;
}

static trit_status fill(trit_running *r, const trit_request *q, const trit_tokenizer *tokenizer, uint32_t context, size_t max_piece, trit_error *err) {
    size_t longest_stop = 0;
    uint64_t capacity = q->n_prompt + (uint64_t)(q->max_tokens ? q->max_tokens : context) + 1;
    r->capacity = capacity < context ? (uint32_t)capacity : context;
    r->max_answer = q->max_tokens ? q->max_tokens : UINT32_MAX;
    if (!q->shift && r->max_answer > context - q->n_prompt) r->max_answer = context - (uint32_t)q->n_prompt;
    r->n_tokens = r->n_prompt = (uint32_t)q->n_prompt;
    r->tokens = trit_alloc(r->capacity, sizeof *r->tokens);
    r->pages = trit_alloc((r->capacity + trit_page_tokens - 1) / trit_page_tokens, sizeof *r->pages);
    const size_t most_tokens = r->asked.draft_max + 1; /* of a step */
    r->logprobs = trit_alloc(most_tokens * (q->n_logprobs + 1), sizeof *r->logprobs);
    if (!r->tokens || !r->pages || !r->logprobs) return trit_error_memory(err, r->capacity * sizeof *r->tokens, "the tokens of a request");
    memcpy(r->tokens, q->prompt, q->n_prompt * sizeof *r->tokens);
    trit_status status = copy_stops(r, q, &longest_stop, err);
    if (status != trit_ok || !tokenizer) return status;
    /* A token adds at most its piece and what the decoder held back of a character before it, each broken byte as three; the end adds
     * what the decoder still holds. */
    size_t room = longest_stop + 3 * (max_piece + 8);
    if (!trit_text_reserve(&r->held, room) || !trit_text_reserve(&r->shown, room * most_tokens)) return trit_error_memory(err, room, "the text of a request");
    status = trit_detok_new(&r->detok, tokenizer, q->special_text, err);
    /* The answer goes on where the prompt ends: a space in front of its first word belongs to it. */
    const char *bytes;
    size_t n;
    for (size_t i = 0; i < q->n_prompt && status == trit_ok; i++)
        if ((uint32_t)q->prompt[i] < trit_tokenizer_size(tokenizer)) status = trit_detok_push(r->detok, q->prompt[i], &bytes, &n, err);
    return status;
}

trit_status trit_running_new(trit_running **out, const trit_request *request, const trit_tokenizer *tokenizer, uint32_t context,
                             size_t max_piece, trit_error *err) {
    trit_running *r = trit_alloc_zero(1, sizeof *r);
    if (!r) return trit_error_memory(err, sizeof *r, "a request");
    r->asked = *request;
    r->asked.prompt = NULL;
    r->asked.stop = NULL;
    r->asked.grammar = NULL;
    r->asked.draft_max = !request->draft ? 0 : request->draft_max ? request->draft_max : default_draft;
    r->submitted_ns = trit_os_clock_ns();
    if (request->deadline_ms) r->deadline_ns = r->submitted_ns + (uint64_t)request->deadline_ms * 1000000;
    trit_status status = fill(r, request, tokenizer, context, max_piece, err);
    if (status != trit_ok) {
        trit_running_free(r);
        return status;
    }
    *out = r;
    return trit_ok;
}

void trit_running_free(trit_running *r) {
    if (!r) return;
    for (size_t i = 0; i < r->n_stop; i++) trit_free(r->stop[i]);
    trit_free(r->stop);
    trit_free(r->tokens);
    trit_free(r->pages);
    trit_free(r->logprobs);
    trit_sampler_free(r->sampler);
    trit_guide_free(r->guide);
    trit_detok_free(r->detok);
    trit_text_fini(&r->held);
    trit_text_fini(&r->shown);
    trit_free(r);
}

bool trit_running_is_cancelled(const trit_running *r) {
    return atomic_load(&r->cancelled);
}

bool trit_running_is_late(const trit_running *r, uint64_t now_ns) {
    return r->deadline_ns && now_ns >= r->deadline_ns;
}

void trit_running_shift(trit_running *r) {
    const uint32_t keep = r->asked.n_keep, n_gone = (r->n_tokens - keep + 1) / 2;
    r->n_tokens -= n_gone;
    memmove(r->tokens + keep, r->tokens + keep + n_gone, (r->n_tokens - keep) * sizeof *r->tokens);
}

uint32_t trit_running_logits_from(const trit_running *r) {
    const uint32_t last = r->n_tokens - 1, asked = r->asked.logits_from > r->n_seen ? r->asked.logits_from : r->n_seen;
    return r->asked.all_logits && asked < last ? asked : last;
}

/* Where the earliest complete stop string begins in text[0..n), or n. */
static size_t find_stop(const trit_running *r, const char *text, size_t n) {
    for (size_t at = 0; at < n; at++)
        for (size_t i = 0; i < r->n_stop; i++) {
            size_t len = strlen(r->stop[i]);
            if (len <= n - at && memcmp(text + at, r->stop[i], len) == 0) return at;
        }
    return n;
}

/* How many bytes at the end of text[0..n) could become a stop string with more text. */
static size_t undecided(const trit_running *r, const char *text, size_t n) {
    for (size_t at = 0; at < n; at++)
        for (size_t i = 0; i < r->n_stop; i++)
            if (strlen(r->stop[i]) > n - at && memcmp(text + at, r->stop[i], n - at) == 0) return n - at;
    return 0;
}

/* The buffers were made large enough: appending cannot fail. */
static void append(trit_text *text, const char *s, size_t n) {
    if (text->n + n + 1 > text->capacity) n = text->capacity - text->n - 1;
    memcpy(text->data + text->n, s, n);
    text->n += n;
    text->data[text->n] = '\0';
}

static void show(trit_running *r, size_t n) {
    append(&r->shown, r->held.data, n);
    memmove(r->held.data, r->held.data + n, r->held.n - n);
    r->held.n -= n;
}

bool trit_running_add_text(trit_running *r, int32_t token) {
    if (!r->detok) return false;
    const char *bytes = "";
    size_t n = 0;
    if (trit_detok_push(r->detok, token, &bytes, &n, NULL) != trit_ok) n = 0;
    append(&r->held, bytes, n);
    size_t stop_at = find_stop(r, r->held.data, r->held.n);
    if (stop_at < r->held.n) {
        show(r, stop_at);
        r->held.n = 0;
        return true;
    }
    show(r, r->held.n - undecided(r, r->held.data, r->held.n));
    return false;
}

void trit_running_flush_text(trit_running *r) {
    if (!r->detok) return;
    const char *bytes = "";
    size_t n = 0;
    trit_detok_flush(r->detok, &bytes, &n);
    append(&r->held, bytes, n);
    show(r, find_stop(r, r->held.data, r->held.n));
    r->held.n = 0;
}
