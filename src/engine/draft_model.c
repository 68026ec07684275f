/* A slot's pages of the cache are its own: nothing is shared, nobody is put back. */
#include "engine/draft_model.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"

struct trit_guesser {
    const trit_model *model;
    trit_exec *exec;
    uint32_t n_slots, chunk, context, max_pages;
    int32_t *read;        /* [n_slots, context]: the tokens that a slot's pages are about */
    uint32_t *n_read;     /* [n_slots] */
    uint32_t *page_table; /* [n_slots, max_pages] */
    int32_t *token;       /* the batch, [chunk] */
    uint32_t *position, *sequence;
    uint32_t *output, *top; /* [n_slots] */
};

/* ---- Making and freeing ---- */

static trit_status check_vocabulary(const trit_model *draft, const trit_model *model, trit_error *err) {
    const uint32_t n = model->config.vocab_size, n_draft = draft->config.vocab_size;
    if (n != n_draft) return trit_error_set(err, trit_arg, "draft model: its vocabulary has %u tokens, the model's %u", n_draft, n);
    for (uint32_t i = 0; model->tokenizer && draft->tokenizer && i < n; i++) {
        size_t n_ours, n_theirs;
        const char *ours = trit_tokenizer_piece(model->tokenizer, (int32_t)i, &n_ours);
        const char *theirs = trit_tokenizer_piece(draft->tokenizer, (int32_t)i, &n_theirs);
        if (!ours && !theirs) continue;
        if (!ours || !theirs || n_ours != n_theirs || memcmp(ours, theirs, n_ours) != 0)
            return trit_error_set(err, trit_arg, "draft model: its vocabulary is another: token %u is \"%.*s\", the model's is \"%.*s\"", i,
                                  theirs ? (int)n_theirs : 0, theirs ? theirs : "", ours ? (int)n_ours : 0, ours ? ours : "");
    }
    return trit_ok;
}

static trit_status allocate(trit_guesser *g, trit_kv_form kv, trit_error *err) {
    const size_t n_pages = (size_t)g->n_slots * g->max_pages;
    g->read = trit_alloc((size_t)g->n_slots * g->context, sizeof *g->read);
    g->n_read = trit_alloc_zero(g->n_slots, sizeof *g->n_read);
    g->page_table = trit_alloc(n_pages, sizeof *g->page_table);
    g->token = trit_alloc(g->chunk, sizeof *g->token);
    g->position = trit_alloc(g->chunk, sizeof *g->position);
    g->sequence = trit_alloc(g->chunk, sizeof *g->sequence);
    g->output = trit_alloc(g->n_slots, sizeof *g->output);
    g->top = trit_alloc(g->n_slots, sizeof *g->top);
    if (!g->read || !g->n_read || !g->page_table || !g->token || !g->position || !g->sequence || !g->output || !g->top)
        return trit_error_memory(err, n_pages * sizeof *g->page_table, "the draft model");
    for (size_t i = 0; i < n_pages; i++) g->page_table[i] = (uint32_t)i;
    for (uint32_t i = 0; i < g->n_slots; i++) g->top[i] = 1;
    const trit_config *c = &g->model->config;
    const trit_exec_opts o = {.program = &g->model->program, .kv = {kv, (uint32_t)n_pages, c->n_layers, c->n_kv_heads, c->head_dim},
                              .max_tokens = g->chunk, .max_outputs = g->n_slots, .context = g->context};
    return g->model->device->vt->exec_new(g->model->device, &g->exec, &o, err);
}

trit_status trit_guesser_new(trit_guesser **out, const trit_model *draft, const trit_model *model, const trit_schedule_limits *limit, trit_kv_form kv,
                             trit_error *err) {
    if (draft->program.result < 0) return trit_error_set(err, trit_arg, "the draft model was opened without its weights");
    trit_status status = check_vocabulary(draft, model, err);
    if (status != trit_ok) return status;
    trit_guesser *g = trit_alloc_zero(1, sizeof *g);
    if (!g) return trit_error_memory(err, sizeof *g, "the draft model");
    const uint32_t context = limit->context < draft->config.context_length ? limit->context : draft->config.context_length;
    *g = (trit_guesser){.model = draft, .n_slots = limit->n_slots, .chunk = limit->chunk, .context = context,
                        .max_pages = (context + trit_page_tokens - 1) / trit_page_tokens};
    status = allocate(g, kv, err);
    if (status != trit_ok) {
        trit_guesser_free(g);
        return status;
    }
    *out = g;
    return trit_ok;
}

void trit_guesser_free(trit_guesser *g) {
    if (!g) return;
    if (g->exec) g->model->device->vt->exec_free(g->exec);
    void *owned[] = {g->read, g->n_read, g->page_table, g->token, g->position, g->sequence, g->output, g->top};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) trit_free(owned[i]);
    trit_free(g);
}

size_t trit_guesser_bytes(const trit_guesser *g, size_t *kv_bytes) {
    return g->model->device->vt->exec_bytes(g->exec, kv_bytes);
}

/* ---- Guessing ---- */

/* What the slot's pages hold of wrong guesses and of another sequence goes, up to where the sequence begins alike. */
static void settle(trit_guesser *g, trit_running *r, uint32_t slot) {
    const int32_t *read = g->read + (size_t)slot * g->context;
    const uint32_t room = r->n_tokens < g->context ? g->context - r->n_tokens : 0;
    uint32_t n = 0;
    r->guess.n_made = 0;
    if (r->guess.n_wanted > room) r->guess.n_wanted = room;
    if (!r->guess.n_wanted) return;
    while (n < g->n_read[slot] && n + 1 < r->n_tokens && read[n] == r->tokens[n]) n++; /* the last token is read for its logits */
    g->n_read[slot] = n;
}

/* What a sequence has that the model has not read yet: its own tokens, and the last guess. */
static void add_tokens(trit_guesser *g, trit_batch *b, const trit_running *r, uint32_t slot) {
    int32_t *read = g->read + (size_t)slot * g->context;
    uint32_t *n = &g->n_read[slot];
    const uint32_t end = r->n_tokens + r->guess.n_made;
    if (r->guess.n_made == r->guess.n_wanted) return;
    for (; *n < end && b->n_tokens < g->chunk; ++*n) {
        if (*n + 1 == end) g->output[b->n_outputs++] = b->n_tokens;
        g->token[b->n_tokens] = read[*n] = r->tokens[*n];
        g->position[b->n_tokens] = *n;
        g->sequence[b->n_tokens++] = slot;
    }
}

/* One run. False: it made no guess, for all are made, or prompts are still being read, or the device failed, which the step itself will tell. */
static bool guess_once(trit_guesser *g, const trit_schedule *s, uint32_t *n_read) {
    trit_batch b = {.token = g->token, .position = g->position, .sequence = g->sequence, .output = g->output, .top = g->top,
                    .page_table = g->page_table, .max_pages = g->max_pages};
    const float *logits;
    size_t stride;
    for (uint32_t k = 0; k < s->n_order; k++) add_tokens(g, &b, s->slot[s->order[k]], s->order[k]);
    if (!b.n_tokens) return false;
    if (g->model->device->vt->run(g->exec, &b, &logits, &stride, NULL) != trit_ok) {
        memset(g->n_read, 0, g->n_slots * sizeof *g->n_read);
        return false;
    }
    for (uint32_t i = 0; i < b.n_outputs; i++) {
        trit_running *r = s->slot[b.sequence[b.output[i]]];
        r->tokens[r->n_tokens + r->guess.n_made++] = (int32_t)trit_argmax(logits + i * stride, g->model->config.vocab_size);
    }
    *n_read += b.n_tokens;
    return b.n_outputs > 0;
}

uint32_t trit_guesser_run(trit_guesser *g, const trit_schedule *s) {
    uint32_t n_read = 0;
    for (uint32_t k = 0; k < s->n_order; k++) settle(g, s->slot[s->order[k]], s->order[k]);
    while (guess_once(g, s, &n_read)) {}
    return n_read;
}
