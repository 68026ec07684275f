/* The keys of the configuration as a table, and its fields by their number: for config.c and config_json.c. */
#ifndef TRIT_TRAIN_CONFIG_KEYS_H
#define TRIT_TRAIN_CONFIG_KEYS_H

#include "base/str.h"
#include "train/config.h"

typedef enum trit_train_kind {
    trit_train_kind_int,
    trit_train_kind_real,
    trit_train_kind_flag,
    trit_train_kind_text,
    trit_train_kind_file,
    trit_train_kind_choice,
    trit_train_kind_list
} trit_train_kind;

typedef struct trit_train_key {
    const char *name;
    const char *value;  /* the words of a choice */
    const char *text;   /* default of a text; NULL for numbers */
    double number;      /* default of a number or bool */
    double min, max;
    size_t at;          /* offset in trit_train_config */
    trit_train_kind kind;
    bool is_fixed;      /* of the model or the data: a run that goes on keeps it */
} trit_train_key;

extern const trit_train_key trit_train_keys[trit_train_n_keys];

/* Errors: arg (none of that name; the nearest is named). */
TRIT_MUST_CHECK trit_status trit_train_key_find(size_t *out, trit_str name, trit_error *err);

void *trit_train_field(const trit_train_config *c, size_t i);

/* Of a key of that kind. Errors: arg (out of bounds), memory. A text of a list is added to it. */
TRIT_MUST_CHECK trit_status trit_train_set_int(trit_train_config *c, size_t i, int64_t x, trit_error *err);
TRIT_MUST_CHECK trit_status trit_train_set_real(trit_train_config *c, size_t i, double x, trit_error *err);
void trit_train_set_flag(trit_train_config *c, size_t i, bool x);
TRIT_MUST_CHECK trit_status trit_train_set_text(trit_train_config *c, size_t i, trit_str text, trit_error *err);
TRIT_MUST_CHECK trit_status trit_train_reset(trit_train_config *c, size_t i, trit_error *err); /* to the default, as never set */

#endif
