/* The sampler from the inside. A step of the chain is one small function: the first ones change logits, the others narrow the list
 * of candidates. To add one: its field in trit/sampling.h, its function, its row in sampler.c.
 *
 * Settings and state belong to a sequence; the large buffers are shared by all sequences of an engine. */
#ifndef TRIT_ENGINE_SAMPLER_H
#define TRIT_ENGINE_SAMPLER_H

#include "engine/candidates.h"
#include "trit/sampling.h"

/* Buffers of a step, for one sampler at a time. */
typedef struct trit_sample_space {
    trit_candidate *candidates; /* [n_vocab]; until the list is made, counters of tokens */
    uint32_t *matches;          /* [max_history]: DRY's */
    uint32_t n_vocab, max_history;
} trit_sample_space;

TRIT_MUST_CHECK trit_status trit_sample_space_init(trit_sample_space *space, uint32_t n_vocab, uint32_t max_history, trit_error *err);
void trit_sample_space_fini(trit_sample_space *space);

/* DRY's breakers. */
typedef struct trit_breakers {
    uint64_t *single;    /* a bit for each token: one that breaks by itself */
    int32_t *ids;        /* the longer ones, one behind the other */
    size_t *end;         /* [n]: where each ends in ids */
    size_t n, capacity;
} trit_breakers;

struct trit_sampler {
    trit_sampling s;        /* defaults filled in, without the borrowed arrays */
    trit_logit_bias *bias;  /* [s.n_logit_bias] */
    trit_breakers breakers; /* empty without DRY */
    uint64_t n_drawn;
    double mu;              /* mirostat's bound on the surprise, in bits */
    trit_sample_space *space; /* in an engine that of the thread which chooses */
    trit_sample_space own;  /* what `space` is for a sampler of its own */
};

/* As trit_sampler_new, with buffers that outlive it. */
TRIT_MUST_CHECK trit_status trit_sampler_new_in(trit_sampler **out, const trit_sampling *sampling, trit_sample_space *space,
                                                const trit_tokenizer *tokenizer, trit_error *err);

/* How many of the largest logits decide the next token, after a history of n_history: the others may be -INFINITY instead. 0: all. */
uint32_t trit_sampler_reach(const trit_sampler *s, size_t n_history);

/* ---- Steps that change logits [space->n_vocab] ---- */

typedef void trit_sample_adjust(const trit_sampler *s, float *logits, const int32_t *history, size_t n_history);
trit_sample_adjust trit_adjust_bias, trit_adjust_penalties, trit_adjust_dry;

/* ---- Steps that narrow the candidates ---- */

typedef void trit_sample_filter(const trit_sampler *s, trit_candidates *c);
trit_sample_filter trit_filter_top_n_sigma, trit_filter_top_k, trit_filter_typical, trit_filter_top_p, trit_filter_min_p, trit_filter_xtc,
    trit_filter_temperature;
trit_sample_filter trit_filter_mirostat; /* in place of them, behind the temperature */

/* The end of a step with mirostat: `index` was drawn from what the filter left. */
void trit_mirostat_learn(trit_sampler *s, trit_candidates *c, size_t index);

TRIT_MUST_CHECK trit_status trit_breakers_init(trit_breakers *b, const trit_sampling *s, uint32_t n_vocab, const trit_tokenizer *tokenizer,
                                               trit_error *err);
void trit_breakers_fini(trit_breakers *b);

#endif
