/* A smaller model that guesses: it continues each sequence by its own most likely tokens. Its cache follows the tokens of the sequences in the
 * slots: where a guess was wrong, or the next sequence begins like the last one, it goes on from there. */
#ifndef TRIT_ENGINE_DRAFT_MODEL_H
#define TRIT_ENGINE_DRAFT_MODEL_H

#include "device/device.h"
#include "engine/schedule.h"
#include "model/model.h"

typedef struct trit_guesser trit_guesser;

/* For the sequences of `model` under these limits. Errors: arg (another vocabulary: names the first difference), memory. */
TRIT_MUST_CHECK trit_status trit_guesser_new(trit_guesser **out, const trit_model *draft, const trit_model *model, const trit_schedule_limits *limit,
                                             trit_kv_form kv, trit_error *err);
void trit_guesser_free(trit_guesser *g); /* NULL is fine */
size_t trit_guesser_bytes(const trit_guesser *g, size_t *kv_bytes); /* as exec_bytes */

/* Puts up to guess.n_wanted guesses behind the tokens of each sequence that wants some; guess.n_made says how many. A long prompt is read in
 * chunks, in several steps, before there is a guess. Returns how many tokens it read. Allocates nothing. */
uint32_t trit_guesser_run(trit_guesser *g, const trit_schedule *s);

#endif
