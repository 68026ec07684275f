/* The engine: many sequences on one model, one step at a time. An engine is driven by one thread (step); submit and cancel may
 * be called from any thread. After trit_engine_new a step allocates nothing.
 *
 * The same sequence gives the same tokens and logits, bit for bit, for any number of threads, any instruction set, any
 * batch beside it and any chunking of its prompt. */
#ifndef TRIT_ENGINE_H
#define TRIT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/grammar.h"
#include "trit/model.h"
#include "trit/sampling.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum trit_kv_type { trit_kv_default, trit_kv_f32, trit_kv_f16, trit_kv_q8 } trit_kv_type;

typedef struct trit_engine_opts {
    uint32_t max_sequences; /* running at the same time; 0: 1 */
    uint32_t context;       /* positions a sequence may have, prompt and answer; 0: the model's, at most 4096 */
    uint32_t chunk;         /* tokens a step processes at most (prefill); 0: 256 */
    trit_kv_type kv;        /* default: f16 */
    bool no_prefix_cache;   /* do not reuse the pages of earlier prompts */
    bool embeddings;        /* on_logits gets the final norm's output [dim] instead; requests are prefill_only (see embed.h) */
    uint32_t max_queued;    /* requests that wait at most, beyond those that run; 0: any number */
    uint64_t cache_tokens;  /* positions in the cache, of all sequences together, at least `context`; 0: max_sequences * context */
    const trit_model *draft_model; /* for requests that want it (trit_draft_model); borrowed as `model`. NULL: none */
} trit_engine_opts;

typedef struct trit_engine trit_engine;

/* `model` is borrowed and must outlive the engine. `opts` may be NULL. Errors: arg (what does not fit the model, a draft model of another vocabulary
 * too), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_engine_new(trit_engine **out, const trit_model *model, const trit_engine_opts *opts,
                                                     trit_error *err);
TRIT_API void trit_engine_free(trit_engine *engine); /* NULL is fine; running requests are dropped */

typedef enum trit_stop_reason {
    trit_stop_none,      /* still running */
    trit_stop_eog,       /* an end token, or the begin token of another text */
    trit_stop_text,      /* a stop string */
    trit_stop_length,    /* max_tokens */
    trit_stop_context,   /* the context is full */
    trit_stop_cancelled,
    trit_stop_error,     /* see the event's error */
    trit_stop_deadline,  /* its time was up */
    trit_n_stop_reasons
} trit_stop_reason;

TRIT_API const char *trit_stop_reason_text(trit_stop_reason reason); /* "eos", "stop", "length", "context", ... */

typedef struct trit_logprob {
    int32_t token;
    float logprob; /* natural logarithm, of the model's own distribution (before penalties and filters) */
} trit_logprob;

enum { trit_max_logprobs = 20 };

/* What happened to a request in a step. Everything borrowed until the next step. */
typedef struct trit_event {
    uint64_t request;
    void *user;
    int32_t token;            /* the new token, -1 if none (errors, flushes) */
    const char *text;         /* [n_text] new text: whole UTF-8 characters, stop strings cut away */
    size_t n_text;
    const trit_logprob *logprobs; /* [n_logprobs]: first the chosen token, then the most likely ones, falling */
    uint32_t n_logprobs;
    trit_stop_reason stop;    /* != none: the last event of this request */
    const trit_error *error;  /* with stop_error */
    uint32_t n_prompt, n_cached, n_generated; /* tokens; n_cached: prompt tokens taken from earlier pages */
    uint32_t n_drafted, n_draft_right; /* tokens that were guessed, and those that were right, so far */
} trit_event;

enum { trit_priority_lead = 256, trit_most_drafted = 64 };

/* What guesses an answer's next tokens, so that one step can make several of them (speculative decoding). The answer is the same to the
 * bit; the engine guesses no more than makes it faster here. */
typedef enum trit_draft {
    trit_draft_none,
    trit_draft_ngram, /* the last tokens came before: those that followed there. Good for texts that are copied or edited */
    trit_draft_model, /* the engine's draft_model: a smaller model of the same vocabulary */
} trit_draft;

typedef struct trit_request {
    const int32_t *prompt; /* [n_prompt] ids, copied; n_prompt >= 1 */
    size_t n_prompt;
    uint32_t max_tokens;   /* 0: until the context is full; with `shift` it may never end by itself, so give it a deadline or cancel it */
    trit_sampling sampling; /* its arrays are copied */
    const char *const *stop; /* [n_stop] strings, copied */
    size_t n_stop;
    bool ignore_eog;       /* go on after end tokens */
    uint32_t n_logprobs;   /* most likely tokens to report with each one, at most trit_max_logprobs; 0: none */
    bool want_logprob;     /* report the chosen token's own, even with n_logprobs == 0 */
    bool special_text;     /* show special tokens in the text */

    /* Called from trit_engine_step for positions of the prompt (with all_logits those from logits_from on, else the last) and for each
     * generated token: logits [n_vocab] after position `pos`. Borrowed for the call. May be NULL. What comes before the first
     * of these positions may be taken from the prefix cache. */
    void (*on_logits)(void *user, uint32_t pos, const float *logits, uint32_t n_vocab);
    bool all_logits;
    bool prefill_only;     /* ends (stop_length) after the prompt, without a token */
    void *user;
    uint32_t logits_from;  /* with all_logits: the first position */
    const trit_grammar *grammar; /* what the answer may be; NULL: anything. It ends (stop_eog) where nothing more can follow. Kept as
                                  * long as it is needed */
    int32_t priority;      /* between -100 and 100; each one more lets it overtake up to trit_priority_lead earlier requests that wait */
    uint32_t deadline_ms;  /* from submit on, waiting included; 0: none */

    /* Where the context is full the answer goes on: of the tokens behind the first n_keep (what holds the attention; at most half of
     * the context) the older half goes, and what stays is computed anew, as if the conversation had been those tokens alone. Not
     * together with all_logits. */
    bool shift;
    uint32_t n_keep;

    trit_draft draft;
    uint32_t draft_max; /* guesses in a step at most, at most trit_most_drafted; 0: 16. Those of all answers together: what has its logits in
                         * 8 MiB at least (16 of a vocabulary of 128,256 tokens, 65 of 32,000) */
} trit_request;

/* Queues a request; *id names it in events. Errors: arg (a token outside the vocabulary, an empty prompt, sampling out of range), context (the
 * prompt does not fit: names both numbers), format (the grammar names a token that is outside of the vocabulary, neither special nor added, or an
 * end of answers), memory, busy (max_queued wait: try again later). An accepted request ends in an event with a reason to stop. */
TRIT_API TRIT_MUST_CHECK trit_status trit_engine_submit(trit_engine *engine, const trit_request *request, uint64_t *id, trit_error *err);

/* Asks for the end of a request, running or queued; its last event says `cancelled`. Unknown ids are ignored. */
TRIT_API void trit_engine_cancel(trit_engine *engine, uint64_t id);

/* One step: takes decodes and prefill chunks of up to `chunk` tokens together, runs the model once, samples. Where the cache
 * has too few pages for all, the youngest sequence waits again and is computed anew later; its events do not show it. A request has an event
 * for each new token, with drafts several in a step. *events [*n_events] is borrowed until the next step. *n_events == 0 with idle engine
 * means that nothing is queued. Errors: device; then every sequence is
 * where it was, and the next call tries again (after handing out what ended meanwhile). */
TRIT_API TRIT_MUST_CHECK trit_status trit_engine_step(trit_engine *engine, const trit_event **events, size_t *n_events, trit_error *err);

TRIT_API bool trit_engine_idle(trit_engine *engine); /* nothing running, nothing queued */

typedef struct trit_engine_info {
    uint32_t context, max_sequences, chunk;
    uint64_t kv_bytes, scratch_bytes; /* allocated, for the draft model too */
    uint32_t n_pages, n_pages_free, page_tokens;
    const char *kv_type; /* "f16" */
} trit_engine_info;

TRIT_API void trit_engine_describe(trit_engine *engine, trit_engine_info *out); /* any thread; free pages as of the last step */

/* What the engine has done since it was made, and what is in it after the last step. */
typedef struct trit_engine_counters {
    uint64_t n_steps, step_ns;          /* steps that ran the model, and the time they took */
    uint64_t n_computed;                /* tokens that went through the model */
    uint64_t n_cached;                  /* tokens that did not, because their pages were there */
    uint64_t n_generated;
    uint64_t n_accepted, n_refused;     /* requests; refused: too many waited */
    uint64_t n_ended[trit_n_stop_reasons];
    uint64_t n_put_back, n_shifts;      /* sequences that had to make room; contexts that were full and went on */
    uint64_t wait_ns;                   /* of all requests together, until they first ran */
    uint32_t n_running, n_waiting;
    uint32_t n_pages, n_pages_held;     /* held: by running sequences; the others are free, or kept for prompts to come */
    uint64_t n_drafted, n_draft_right;  /* tokens that were guessed, and those that were right */
} trit_engine_counters;

TRIT_API void trit_engine_count(trit_engine *engine, trit_engine_counters *out); /* any thread */

#ifdef __cplusplus
}
#endif
#endif
