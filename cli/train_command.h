/* What `train` and `finetune` are made of: the keys of trit/train.def as flags, a configuration by them, and a run. */
#ifndef TRIT_CLI_TRAIN_COMMAND_H
#define TRIT_CLI_TRAIN_COMMAND_H

#include "load.h"
#include "options.h"
#include "trit/train.h"

/* Flags are kept as texts: the configuration reads them, and one that was not given still points to its default. */
#define FIELD_int(key) const char *key;
#define FIELD_real(key) const char *key;
#define FIELD_flag(key) const char *key;
#define FIELD_text(key) const char *key;
#define FIELD_file(key) const char *key;
#define FIELD_choice(key) const char *key;
#define FIELD_list(key) trit_opt_texts key;

typedef struct trit_train_flags {
#define TRIT_TRAIN_MODEL(kind, key, ...) FIELD_##kind(key)
#define TRIT_TRAIN_DATA TRIT_TRAIN_MODEL
#define TRIT_TRAIN_OPTIM TRIT_TRAIN_MODEL
#define TRIT_TRAIN_SCHEDULE TRIT_TRAIN_MODEL
#define TRIT_TRAIN_RUN TRIT_TRAIN_MODEL
#include "trit/train.def"
} trit_train_flags;

typedef struct trit_train_opts {
    const char *config, *resume, *report;
    trit_opt_texts compare;
    const char *model; /* of finetune: instead of --init */
    bool lora;         /* of finetune: an adapter, of a usual rank unless another is given */
    trit_train_flags flags;
    trit_output_choice output;
} trit_train_opts;

extern const trit_train_opts trit_train_defaults;
extern const trit_opt_group trit_train_groups[7], trit_finetune_groups[8];

/* A key of the configuration and its value where nobody sets it. */
typedef struct trit_train_preset {
    const char *key, *value;
} trit_train_preset;

/* The whole command of that name: a new run, whose words are files of text, or one that goes on. `presets` end with a NULL key; NULL: none.
 * Errors: arg, and those of the run. */
TRIT_MUST_CHECK trit_status trit_train_command(const char *name, const trit_train_opts *o, const trit_train_preset *presets, const trit_args *args,
                                               trit_error *err);

#endif
