/* A request from submit to its last event: its tokens, its text, its place in the cache. Everything it needs is allocated when it is
 * made, so that the steps in between allocate nothing. */
#ifndef TRIT_ENGINE_REQUEST_H
#define TRIT_ENGINE_REQUEST_H

#include <stdatomic.h>

#include "engine/grammar.h"
#include "engine/pages.h"
#include "trit/engine.h"

/* Guesses of a kind are right about as often: by the length of the match, or the draft model's. */
enum { trit_n_match_classes = 5, trit_guess_of_model = trit_n_match_classes, trit_n_guess_classes };

/* What of the coming tokens is guessed, see draft.h. */
typedef struct trit_guess {
    uint32_t from, end; /* the next tokens will be tokens[from .. end), the earlier ones or those behind n_tokens; from >= end: no guess */
    uint32_t n_match;   /* tokens before it that are the last ones */
    double share[trit_n_guess_classes]; /* of guesses that were right */
    uint32_t n_tried[trit_n_guess_classes];
    uint32_t n_wanted, n_made; /* of the draft model in this step */
} trit_guess;

typedef struct trit_running {
    struct trit_running *next; /* in the queue, or in the list of finished ones */
    uint64_t id;
    int64_t place;       /* in the order of service, see queue.h */
    uint64_t submitted_ns, deadline_ns; /* of trit_os_clock_ns; deadline 0: none */
    trit_request asked;  /* prompt, stop and the arrays of sampling are not valid any more */
    trit_sampler *sampler;
    trit_guide *guide;   /* through the grammar; NULL without one */
    int32_t *tokens;     /* [capacity]: the prompt, then what was generated; behind n_tokens guesses of the step */
    uint32_t n_tokens, capacity;
    uint32_t n_prompt, n_generated; /* as the caller sees it, though tokens may have gone since */
    uint32_t max_answer; /* tokens; n_generated is below it where one is chosen */
    uint32_t n_done;     /* positions that are in the cache */
    uint32_t n_cached;   /* of the prompt, taken over from earlier ones */
    uint32_t n_seen;     /* positions whose logits the caller has */
    uint32_t n_planned;  /* tokens in the next step */
    bool waits;          /* in the next step, for the pages of a prompt that begins alike */
    bool was_admitted;   /* to a slot, once */
    uint32_t *pages;     /* [max_pages] */
    uint32_t n_pages;
    uint64_t serial;     /* of the last registered page; 0: none yet */
    trit_detok *detok;   /* NULL without a tokenizer */
    char **stop;         /* [n_stop], NUL-terminated */
    size_t n_stop;
    trit_text held;      /* text that may be the beginning of a stop string */
    trit_text shown;     /* text of the step's events */
    size_t n_emitted;    /* bytes of it that events have */
    trit_logprob *logprobs; /* [draft_max + 1, n_logprobs + 1]: for each token of a step its own, then the most likely ones */
    trit_guess guess;
    uint32_t n_drafted, n_right; /* guesses that went along, and those of them that were right */
    trit_error error;
    atomic_bool cancelled;
} trit_running;

/* `context` bounds the tokens; `max_piece` is the longest text of one token in bytes. */
TRIT_MUST_CHECK trit_status trit_running_new(trit_running **out, const trit_request *request, const trit_tokenizer *tokenizer,
                                             uint32_t context, size_t max_piece, trit_error *err);
void trit_running_free(trit_running *r);

bool trit_running_is_cancelled(const trit_running *r);
bool trit_running_is_late(const trit_running *r, uint64_t now_ns);

/* The context is full: half of the tokens behind the first n_keep go. */
void trit_running_shift(trit_running *r);

/* The first position whose logits are wanted; those of all later ones are, too. */
uint32_t trit_running_logits_from(const trit_running *r);

/* Takes the text of one more token: fills r->shown with what may be shown now. True: a stop string is complete (shown ends before
 * it). Errors never: the ids were checked. */
bool trit_running_add_text(trit_running *r, int32_t token);

/* The end: everything held back is shown. */
void trit_running_flush_text(trit_running *r);

#endif
