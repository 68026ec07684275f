/* Threads take outputs one by one, those behind guesses in turn; everything that a choice changes belongs to its sequence or to its
 * thread. */
#include "engine/choose.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"

trit_status trit_chooser_init(trit_chooser *c, trit_device *device, uint32_t n_vocab, uint32_t n_sequences, uint32_t context, trit_error *err) {
    const unsigned n = device->n_threads < n_sequences ? device->n_threads : n_sequences;
    *c = (trit_chooser){.device = device};
    c->space = trit_alloc_zero(n, sizeof *c->space);
    c->logits = trit_alloc((size_t)n * n_vocab, sizeof *c->logits);
    if (!c->space || !c->logits) return trit_error_memory(err, (size_t)n * n_vocab * sizeof *c->logits, "the samplers");
    trit_status status = trit_ok;
    while (c->n_members < n && status == trit_ok) status = trit_sample_space_init(&c->space[c->n_members++], n_vocab, context, err);
    return status;
}

void trit_chooser_fini(trit_chooser *c) {
    for (unsigned i = 0; i < c->n_members; i++) trit_sample_space_fini(&c->space[i]);
    trit_free(c->space);
    trit_free(c->logits);
    *c = (trit_chooser){0};
}

/* The chosen token's log-probability and those of the most likely ones, of the model's own distribution. */
static void fill_logprobs(trit_choice *choice) {
    const trit_running *r = choice->running;
    const float *logits = choice->logits;
    const uint32_t n = choice->n_logits;
    if (!r->asked.n_logprobs && !r->asked.want_logprob) return;
    trit_logprob *own = r->logprobs + (size_t)choice->n_guesses * (r->asked.n_logprobs + 1);
    double log_sum = trit_log_sum_exp(logits, n);
    trit_logprob *top = own + 1;
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        float lp = (float)((double)logits[i] - log_sum);
        if (k == r->asked.n_logprobs && (k == 0 || lp <= top[k - 1].logprob)) continue;
        uint32_t at = k < r->asked.n_logprobs ? k++ : k - 1;
        for (; at > 0 && top[at - 1].logprob < lp; at--) top[at] = top[at - 1];
        top[at] = (trit_logprob){(int32_t)i, lp};
    }
    *own = (trit_logprob){choice->token, (float)((double)logits[choice->token] - log_sum)};
    choice->logprobs = own;
    choice->n_logprobs = k + 1;
}

static int32_t pick(trit_choice *choice, float *logits) {
    trit_running *r = choice->running;
    const uint32_t room = r->max_answer - r->n_generated - choice->n_guesses;
    if (r->guide) choice->is_stuck = !trit_guide_mask(r->guide, logits, choice->n_logits, room, r->asked.ignore_eog);
    if (choice->is_stuck) return -1;
    int32_t token = trit_sampler_pick(r->sampler, logits, r->tokens, r->n_tokens + choice->n_guesses);
    if (r->guide) choice->is_stuck = !trit_guide_take(r->guide, token); /* where a bias forbids what the grammar allows */
    choice->is_complete = r->guide && trit_guide_must_end(r->guide);
    return token;
}

/* Member i of the team. */
static void choose_one(const trit_chooser *c, trit_choice *choice, unsigned i) {
    trit_running *r = choice->running;
    const uint32_t n = choice->n_logits;
    choice->is_broken = choice->all ? !trit_all_finite(choice->logits, n) : trit_any_nan(choice->logits, n);
    if (choice->is_broken || !choice->wants_token) return;
    float *logits = c->logits + (size_t)i * n;
    memcpy(logits, choice->logits, n * sizeof *logits);
    r->sampler->space = &c->space[i];
    choice->token = pick(choice, logits);
    if (!choice->is_stuck) fill_logprobs(choice);
}

/* Is it the guess behind which the next output is? */
static bool was_guessed(const trit_choice *choice) {
    const trit_running *r = choice->running;
    const bool counts = !choice->is_void && !choice->is_broken && !choice->is_stuck && !choice->is_complete;
    return counts && choice->token == r->tokens[r->n_tokens + choice->n_guesses];
}

/* An output, and those behind it for as long as the guesses are right. */
static void choose_in_turn(const trit_chooser *c, trit_choice *choice, uint32_t n, unsigned i) {
    choose_one(c, choice, i);
    for (uint32_t k = 1; k < n && choice[k].n_guesses; k++) {
        choice[k].is_void = !was_guessed(&choice[k - 1]);
        if (!choice[k].is_void) choose_one(c, &choice[k], i);
    }
}

typedef struct choosing {
    const trit_chooser *c;
    trit_choice *choice;
    uint32_t n;
    atomic_uint next;
} choosing;

static void choose_member(void *arg, unsigned i, unsigned n) {
    choosing *w = arg;
    (void)n;
    if (i >= w->c->n_members) return;
    for (uint32_t k; (k = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed)) < w->n;)
        if (!w->choice[k].n_guesses) choose_in_turn(w->c, &w->choice[k], w->n - k, i);
}

void trit_choose(const trit_chooser *c, trit_choice *choice, uint32_t n) {
    choosing w = {.c = c, .choice = choice, .n = n};
    if (n > 1)
        c->device->vt->together(c->device, choose_member, &w);
    else
        choose_member(&w, 0, 1);
}
