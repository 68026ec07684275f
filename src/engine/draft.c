/* Guessing by looking up the last tokens among the earlier ones (prompt lookup), and the choice of how many guesses pay. */
#include "engine/draft.h"

#include <math.h>

#include "base/os.h"

/* Tokens. A text that was followed for least_edited of them is followed beyond one that is another, as if that had been replaced. */
enum { least_match = 2, least_edited = 8, most_match = 32 };

/* ---- How likely a guess is right ---- */

/* Of the guess after `ahead` more: a match of 2 tokens, up to 4, up to 8, up to 16, a longer one; or a draft model. */
static uint32_t class_of(const trit_running *r, uint32_t ahead) {
    uint32_t class = 0;
    if (r->asked.draft == trit_draft_model) return trit_guess_of_model;
    for (uint32_t n = least_match; n < r->guess.n_match + ahead && class + 1 < trit_n_match_classes; n *= 2) class++;
    return class;
}

void trit_draft_begin(trit_running *r) {
    static const double first[trit_n_guess_classes] = {0.3, 0.4, 0.6, 0.85, 0.95, [trit_guess_of_model] = 0.7};
    for (int i = 0; i < trit_n_guess_classes; i++) r->guess.share[i] = first[i];
}

void trit_draft_forget(trit_running *r) {
    r->guess.end = 0;
}

/* Of the first guesses each counts for much, later one sixteenth. */
static void learn_share(trit_guess *g, uint32_t class, bool right) {
    const uint32_t n = 4 + g->n_tried[class];
    g->share[class] += ((right ? 1 : 0) - g->share[class]) / (n < 16 ? n : 16);
    g->n_tried[class]++;
}

void trit_draft_learn(trit_running *r, int32_t token) {
    trit_guess *g = &r->guess;
    if (g->from >= g->end) { /* a draft model that was wrong is asked again after a while */
        double *share = &g->share[trit_guess_of_model];
        *share += (0.5 - *share) / 64;
        return;
    }
    const bool right = r->tokens[g->from] == token, is_edit = !right && g->n_match >= least_edited;
    learn_share(g, class_of(r, 0), right);
    g->from++;
    g->n_match++;
    if (right) return;
    g->n_match = least_match;
    if (!is_edit || r->asked.draft == trit_draft_model) g->end = 0;
}

/* ---- What a guess costs ---- */

/* A straight line by least squares. Where all steps had about as many tokens they do not tell its slope: another token then costs
 * half of a step of one, as on machines between those that wait for memory and those that wait for arithmetic. */
static void fit(trit_drafter *d) {
    const double half = 0.5, doubt = 0.1;
    const double n = d->n / d->w, t = d->t / d->w, variance = d->nn / d->w - n * n, covariance = d->nt / d->w - n * t;
    const double expected = t * half / (1 - half + half * n);
    d->slope = fmin(fmax((covariance + doubt * expected) / (variance + doubt), 0), t / n); /* so that nothing takes less than no time */
    d->base = t - d->slope * n;
}

/* What a step of n tokens takes: by the line, and by those steps of n tokens that there were, for kernels work on several tokens at a time. */
static double time_of(const trit_drafter *d, uint32_t n) {
    const double line = d->w > 0 ? d->base + d->slope * n : 1 + n;
    const trit_step_times *same = n < trit_n_step_times ? &d->same[n] : NULL;
    return same ? (line + same->t) / (1 + same->w) : line;
}

void trit_draft_time(trit_drafter *d, uint32_t n_tokens, uint64_t ns) {
    const double fade = 0.97, n = n_tokens;
    double t = (double)ns;
    if (d->w > 4) t = fmin(t, 3 * time_of(d, n_tokens)); /* something else took the processor */
    d->w = d->w * fade + 1;
    d->n = d->n * fade + n;
    d->t = d->t * fade + t;
    d->nn = d->nn * fade + n * n;
    d->nt = d->nt * fade + n * t;
    fit(d);
    if (n_tokens >= trit_n_step_times) return;
    for (int i = 0; i < trit_n_step_times; i++) {
        d->same[i].w *= 0.99;
        d->same[i].t *= 0.99;
    }
    d->same[n_tokens].w += 1;
    d->same[n_tokens].t += t;
}

/* ---- Guesses ---- */

/* How many tokens before `at` are the last ones, up to most_match. */
static uint32_t match_before(const trit_running *r, uint32_t at) {
    uint32_t n = 0;
    while (n < at && n < most_match && r->tokens[at - 1 - n] == r->tokens[r->n_tokens - 1 - n]) n++;
    return n;
}

/* The longest match, of equals the latest one. */
static void look_up(trit_running *r) {
    trit_guess *g = &r->guess;
    g->n_match = least_match - 1;
    for (uint32_t at = r->n_tokens - 1; at >= least_match && g->n_match < most_match; at--) {
        if (r->tokens[at - 1] != r->tokens[r->n_tokens - 1]) continue;
        const uint32_t n = match_before(r, at);
        if (n <= g->n_match) continue;
        g->n_match = n;
        g->from = at;
        g->end = UINT32_MAX;
    }
}

/* Will its next token be chosen in this step? */
static bool may_guess(const trit_running *r) {
    return r->asked.draft && r->n_planned && r->n_done + 1 == r->n_tokens && !r->asked.prefill_only;
}

/* As many as there may be tokens behind the next one. */
static uint32_t most_guesses(const trit_running *r, uint32_t room) {
    uint32_t n = r->asked.draft_max;
    if (n > room) n = room;
    if (n > r->capacity - r->n_tokens - 1) n = r->capacity - r->n_tokens - 1;
    if (n > r->max_answer - r->n_generated - 1) n = r->max_answer - r->n_generated - 1;
    return n;
}

/* A step so far: the tokens that go through the model, those that will likely count, and what the draft model takes. */
typedef struct outlook {
    uint32_t n;
    double n_likely, guess_ns;
} outlook;

/* With how many of the sequence's next n guesses the step makes the most tokens a second. */
static uint32_t worth(const trit_drafter *d, const trit_running *r, uint32_t n, outlook *o) {
    const double guess_ns = r->asked.draft == trit_draft_model ? d->guess_ns : 0;
    outlook best = *o, next = *o;
    uint32_t n_best = 0;
    double likely = 1;
    for (uint32_t i = 1; i <= n; i++) {
        likely *= r->guess.share[class_of(r, i - 1)];
        next = (outlook){next.n + 1, next.n_likely + likely, next.guess_ns + guess_ns};
        const double before = best.n_likely * (time_of(d, next.n) + next.guess_ns), after = next.n_likely * (time_of(d, best.n) + best.guess_ns);
        if (!d->always && after <= before) continue;
        best = next;
        n_best = i;
    }
    *o = best;
    return n_best;
}

/* How many guesses the step takes of this sequence. Those that are looked up are there then. */
static uint32_t guess(const trit_drafter *d, trit_schedule *s, trit_running *r, uint32_t room, outlook *o) {
    trit_guess *g = &r->guess;
    const bool looks_up = r->asked.draft == trit_draft_ngram;
    if (looks_up && g->from >= g->end) look_up(r);
    if (looks_up && g->from >= g->end) return 0;
    const uint32_t n = trit_schedule_stretch(s, r, worth(d, r, most_guesses(r, room), o));
    if (!looks_up) g->n_wanted = n;
    for (uint32_t i = 0; i < n && looks_up; i++) r->tokens[r->n_tokens + i] = r->tokens[g->from + i]; /* may go on into the guesses */
    return n;
}

static void ask_model(trit_drafter *d, trit_schedule *s) {
    const uint64_t start_ns = trit_os_clock_ns();
    const uint32_t n_read = trit_guesser_run(d->guesser, s);
    if (n_read) d->guess_ns += ((double)(trit_os_clock_ns() - start_ns) / n_read - d->guess_ns) / (d->guess_ns > 0 ? 8 : 1);
    for (uint32_t k = 0; k < s->n_order; k++) {
        trit_running *r = s->slot[s->order[k]];
        trit_guess *g = &r->guess;
        if (r->asked.draft != trit_draft_model || !may_guess(r)) continue;
        r->n_planned = 1 + g->n_made;
        g->from = r->n_tokens;
        g->end = r->n_tokens + g->n_made;
    }
}

void trit_draft_plan(trit_drafter *d, trit_schedule *s) {
    uint32_t n_planned = 0;
    for (uint32_t k = 0; k < s->n_order; k++) n_planned += s->slot[s->order[k]]->n_planned;
    outlook o = {.n = n_planned, .n_likely = n_planned};
    uint32_t room = s->limit.chunk - n_planned, outputs = s->limit.max_outputs - s->n_order;
    if (room > outputs) room = outputs;
    for (uint32_t k = 0; k < s->n_order; k++) {
        trit_running *r = s->slot[s->order[k]];
        r->guess.n_wanted = 0;
        if (may_guess(r)) room -= guess(d, s, r, room, &o);
    }
    if (d->guesser) ask_model(d, s);
}

void trit_drafter_fini(trit_drafter *d) {
    trit_guesser_free(d->guesser);
    *d = (trit_drafter){0};
}
