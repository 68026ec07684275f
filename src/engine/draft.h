/* Drafts: guesses at the next tokens of an answer that go through the model together with the token before them. Then a token is chosen
 * from the logits of each position in turn, as ever, for as long as the guess behind it is that token; from the first wrong guess on
 * nothing counts. So answers have the same bits with and without drafts, whatever chooses them: only the time differs.
 *
 *   tokens:   the cat sat on | the cat      "the cat" came before, and what followed there is guessed
 *   step:                          cat sat on
 *   chosen:                            sat in        one guess was right: two tokens in one step
 *
 * A guess costs time, right or wrong. How likely it is right is learnt from guesses, those included that were looked up and did not go along;
 * what it costs is learnt from the time of steps. It goes along where the step then makes more tokens a second. */
#ifndef TRIT_ENGINE_DRAFT_H
#define TRIT_ENGINE_DRAFT_H

#include "engine/draft_model.h"

/* Fading, as all sums here. */
typedef struct trit_step_times {
    double w, t; /* number, nanoseconds */
} trit_step_times;

enum { trit_n_step_times = 2 * trit_most_drafted };

typedef struct trit_drafter {
    bool always;            /* every guess goes along: for tests */
    double w, n, t, nn, nt; /* of past steps: their number, tokens, nanoseconds, and the sums of products */
    double base, slope;     /* nanoseconds of a step are about base + slope n */
    trit_step_times same[trit_n_step_times]; /* of steps of so many tokens */
    trit_guesser *guesser;  /* NULL: there is no draft model. Owner: the drafter */
    double guess_ns;        /* a token of the draft model's, about */
} trit_drafter;

void trit_drafter_fini(trit_drafter *d);

/* Adds guesses to the next step, of which it is planned who takes part. */
void trit_draft_plan(trit_drafter *d, trit_schedule *s);

/* A step of so many tokens took so long. */
void trit_draft_time(trit_drafter *d, uint32_t n_tokens, uint64_t ns);

/* `token` is about to become the sequence's next one. */
void trit_draft_learn(trit_running *r, int32_t token);

void trit_draft_begin(trit_running *r);  /* nothing is learnt yet */
void trit_draft_forget(trit_running *r); /* the tokens have changed */

#endif
