/* Training: from text to a ternary model, by quantization-aware training (arXiv:2402.17764) with our own forward pass and gradients.
 *
 *     trit_train_config *c;                        what is wanted: keys and values, from a file, from flags
 *     trit_train_config_new(&c, &err);
 *     trit_train_config_set(c, "data", "story.txt", &err);
 *     trit_trainer_new(&t, c, &err);               model, data, optimiser; or trit_trainer_resume from a checkpoint
 *     while (trit_trainer_step(t, &stats, &err) == trit_ok && stats.step < stats.n_steps) ...
 *     trit_trainer_save(t, "run/last", &err);      a Hugging Face folder, which trit_model_open opens
 *
 * One seed gives the same bits for any number of threads, and a run that was stopped and resumed the bits of one that was not.
 * Threads: a configuration and a trainer belong to one thread at a time. */
#ifndef TRIT_TRAIN_H
#define TRIT_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/memory.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a run is to do: the keys of trit/train.def, each with a default. */
typedef struct trit_train_config trit_train_config;
typedef struct trit_trainer trit_trainer;

/* All keys at their defaults. The caller frees. Errors: memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_train_config_new(trit_train_config **out, trit_error *err);
TRIT_API void trit_train_config_free(trit_train_config *c); /* NULL is fine */
/* Sets a key by text: numbers are decimal, true and false are "yes" and "no", lists grow by one. NULL: back to the default. Errors: arg (an
 * unknown key, with the nearest right one; a value of another kind or outside the key's bounds), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_train_config_set(trit_train_config *c, const char *key, const char *text, trit_error *err);
/* Sets the keys of a file with one JSON object; lists become what it says. On an error the keys before it are set. Errors: io, format (names
 * the file and the key), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_train_config_read(trit_train_config *c, const char *path, trit_error *err);
/* The value of a key as `set` takes it, in place of what *out held; items of a list are divided by ", ". Errors: arg (an unknown key), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_train_config_get(trit_text *out, const trit_train_config *c, const char *key, trit_error *err);

/* Tells what takes long before the first step, a tokenizer that is learned or text that becomes tokens: "reading", "merging", "tokenizing", and how
 * far it is. `watch` is called by the thread that opens a trainer; where it answers false, that ends with the status cancelled. NULL: nobody. */
typedef bool trit_train_watch(void *self, const char *doing, uint64_t done, uint64_t total);
TRIT_API void trit_train_config_watch(trit_train_config *c, trit_train_watch *watch, void *self);

/* A step of the optimiser, as it went. */
typedef struct trit_train_stats {
    uint64_t step, n_steps;       /* done, this one included; asked for */
    uint64_t tokens, step_tokens; /* read so far; in this step */
    uint64_t targets;             /* of this step, that count in the loss */
    double loss;                  /* nats a target, mean over the step's */
    double lr, weight_decay, lambda; /* lambda: share of quantization, 0 to 1 */
    double grad_norm;             /* of all gradients together, before clipping */
    double flip_rate;             /* share of the ternary codes that are others than a step before */
    double zeros;                 /* share of the ternary codes that are 0 */
    double tokens_s;              /* of this step */
} trit_train_stats;

/* Builds or opens the model, opens the data. `c` is copied. The caller frees. Errors: arg, io, format, unsupported, memory, cancelled. */
TRIT_API TRIT_MUST_CHECK trit_status trit_trainer_new(trit_trainer **out, const trit_train_config *c, trit_error *err);
/* Goes on from a checkpoint, with the row of the data behind its last one. `changes`: keys that differ from what the run was told, or NULL; those
 * that its state depends on may not. What the run chose itself it chooses anew. Errors: as above, and format (a checkpoint that does not fit together). */
TRIT_API TRIT_MUST_CHECK trit_status trit_trainer_resume(trit_trainer **out, const char *dir, const trit_train_config *changes, trit_error *err);
TRIT_API void trit_trainer_free(trit_trainer *t); /* NULL is fine */

/* One step of the optimiser. Errors: numeric (a loss or a gradient that is not finite: names the step and the first such parameter; nothing
 * was changed), memory, fail (a step before failed when some weights were changed already: nothing is left to go on with, or to save). */
TRIT_API TRIT_MUST_CHECK trit_status trit_trainer_step(trit_trainer *t, trit_train_stats *out, trit_error *err);
/* The mean loss of the validation split, in nats a target, with weights quantized as the finished model has them. Errors: arg (there is no such
 * split), numeric, memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_trainer_evaluate(trit_trainer *t, double *loss, trit_error *err);

/* Writes a checkpoint to the folder `dir`, which appears, or is replaced, only when all is well: config.json, model.safetensors,
 * tokenizer.json, trainer.json, optimizer.safetensors. Errors: io (also: the disk has no room), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_trainer_save(trit_trainer *t, const char *dir, trit_error *err);
/* Writes <dir>/step-<N> and removes the oldest such folders beyond `keep` (0: none are removed), but never the one just written. */
TRIT_API TRIT_MUST_CHECK trit_status trit_trainer_save_step(trit_trainer *t, const char *dir, uint32_t keep, trit_error *err);

/* What the run was told, with the values that it chose itself. Borrowed, while the trainer lives. */
TRIT_API const trit_train_config *trit_trainer_config(const trit_trainer *t);
/* Of several processes that share the run (`mpirun`), the one that speaks and writes files; steps, evaluations and saves are everyone's. */
TRIT_API bool trit_trainer_is_first(const trit_trainer *t);
/* They all come here after a step with what happened to each beside it: who failed gives its own error and all fail, and *stops becomes true
 * for all where it is for one. Alone, nothing but `own`. Errors: `own`, fail (another process failed), device. */
TRIT_API TRIT_MUST_CHECK trit_status trit_trainer_agree(trit_trainer *t, trit_status own, bool *stops, trit_error *err);
TRIT_API uint64_t trit_trainer_n_params(const trit_trainer *t);
TRIT_API uint64_t trit_trainer_step_at(const trit_trainer *t); /* steps done */
TRIT_API uint64_t trit_trainer_n_steps(const trit_trainer *t); /* that the run has in all */

#ifdef __cplusplus
}
#endif
#endif
