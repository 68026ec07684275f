/* The configuration of a training run as the trainer sees it: a field a row of trit/train.def. Made and set through trit/train.h. */
#ifndef TRIT_TRAIN_CONFIG_H
#define TRIT_TRAIN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "trit/train.h"

typedef struct trit_train_paths {
    char **item; /* [n] owned */
    size_t n;
} trit_train_paths;

typedef int64_t trit_train_int;
typedef double trit_train_real;
typedef bool trit_train_flag;
typedef char *trit_train_text, *trit_train_file, *trit_train_choice; /* owned, never NULL */
typedef trit_train_paths trit_train_list;

enum {
#define TRIT_TRAIN_MODEL(kind, key, ...) trit_train_key_##key,
#define TRIT_TRAIN_DATA TRIT_TRAIN_MODEL
#define TRIT_TRAIN_OPTIM TRIT_TRAIN_MODEL
#define TRIT_TRAIN_SCHEDULE TRIT_TRAIN_MODEL
#define TRIT_TRAIN_RUN TRIT_TRAIN_MODEL
#include "trit/train.def"
    trit_train_n_keys
};

struct trit_train_config {
#define TRIT_TRAIN_MODEL(kind, key, ...) trit_train_##kind key;
#define TRIT_TRAIN_DATA TRIT_TRAIN_MODEL
#define TRIT_TRAIN_OPTIM TRIT_TRAIN_MODEL
#define TRIT_TRAIN_SCHEDULE TRIT_TRAIN_MODEL
#define TRIT_TRAIN_RUN TRIT_TRAIN_MODEL
#include "trit/train.def"
    bool is_set[trit_train_n_keys]; /* by the user; else it has its default */
    trit_train_watch *watch;        /* or NULL */
    void *watch_self;
};

/* Is this text of a choice that word? */
bool trit_train_is(const char *choice, const char *word);
bool trit_train_in_bf16(const trit_train_config *c); /* products of floats */

/* Another configuration with the same values. Errors: memory. */
TRIT_MUST_CHECK trit_status trit_train_config_copy(trit_train_config **out, const trit_train_config *c, trit_error *err);

/* Checks what keys say together and gives those that were left to choose (ff_dim, n_kv_heads, seq_len, micro_rows, lr2) their values;
 * lambda_steps waits until the length of the run is known, activation until the model is there. steps stays 0 where epochs or tokens
 * say how long the run is. Errors: arg (names the keys). */
TRIT_MUST_CHECK trit_status trit_train_config_settle(trit_train_config *c, trit_error *err);

/* Takes over the keys that are set in `changes`, for a run that goes on, which was told `c` and chose `settled`; a length takes the place of another
 * one. Errors: arg (another value of a key that cannot change any more: of model and data, the optimizer, the seed), memory. */
TRIT_MUST_CHECK trit_status trit_train_config_change(trit_train_config *c, const trit_train_config *settled, const trit_train_config *changes,
                                                     trit_error *err);

/* The keys of a JSON object; `what` names it in errors. Errors: format (an unknown key, a value of another type or out of bounds), memory. Bounds are
 * for what a run is told: what it chose may be of a model beyond them. */
TRIT_MUST_CHECK trit_status trit_train_config_from_json(trit_train_config *c, const trit_json *object, bool is_told, const char *what, trit_error *err);

/* Appends all values as a JSON object. Errors: memory. */
TRIT_MUST_CHECK trit_status trit_train_config_to_json(trit_text *out, const trit_train_config *c, trit_error *err);

/* Weights that share a scale, as trit_forward_opts has it: 0: a matrix, 1: a row, else so many of a row. */
uint32_t trit_train_config_group(const trit_train_config *c);

#endif
