/* The next tokens of a step, chosen by all threads of the device: each output is one thread's, so that the tokens are the same for any
 * number of them. */
#ifndef TRIT_ENGINE_CHOOSE_H
#define TRIT_ENGINE_CHOOSE_H

#include "device/device.h"
#include "engine/request.h"
#include "engine/sampler.h"

/* One output of a step: the results after some position of a sequence. Those of a sequence that want tokens follow each other: the first is the one
 * behind its last token, the others are behind guesses. */
typedef struct trit_choice {
    trit_running *running;
    const float *logits; /* [n_logits] */
    uint32_t n_logits;
    bool all;            /* all of them were asked for; else those that do not matter are -infinity */
    bool wants_token;
    uint32_t n_guesses;  /* of the tokens before it */
    bool is_void;        /* out: a guess was wrong, and nothing else counts */
    bool is_broken;      /* out: not a number, or infinite */
    bool is_stuck;       /* out: the grammar leaves no token */
    bool is_complete;    /* out: the grammar wants no more */
    int32_t token;       /* out, where wanted */
    const trit_logprob *logprobs; /* out: [n_logprobs], in `running` */
    uint32_t n_logprobs;
} trit_choice;

typedef struct trit_chooser {
    trit_device *device;      /* borrowed */
    unsigned n_members;       /* threads that choose at the same time at most */
    trit_sample_space *space; /* [n_members] */
    float *logits;            /* [n_members, n_vocab]: what samplers change */
} trit_chooser;

/* For `n_sequences` at most. */
TRIT_MUST_CHECK trit_status trit_chooser_init(trit_chooser *c, trit_device *device, uint32_t n_vocab, uint32_t n_sequences, uint32_t context,
                                              trit_error *err);
void trit_chooser_fini(trit_chooser *c);

void trit_choose(const trit_chooser *c, trit_choice *choice, uint32_t n); /* allocates nothing */

#endif
