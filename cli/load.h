/* What most commands begin with: the common options, and a model on a device opened by them. */
#ifndef TRIT_CLI_LOAD_H
#define TRIT_CLI_LOAD_H

#include <stdbool.h>

#include "options.h"
#include "trit/engine.h"
#include "trit/model.h"

/* Which model, and how its file is read. */
typedef struct trit_model_choice {
    const char *model; /* NULL: the model inside the program */
    const char *tokenizer, *activation, *activations, *i2_s_block, *kernel_config;
    trit_opt_texts loras;
    bool embeddings; /* no option: the command wants embeddings only */
} trit_model_choice;

/* The number that --i2s-block and --layout mean by "128", "64", "1x4"; NULL: 0. */
uint32_t trit_i2_s_block_of(const char *choice);

/* Where and how it runs. */
typedef struct trit_run_choice {
    int64_t threads, context, chunk; /* 0: the library chooses */
    const char *device, *kv;
    bool no_tune;
} trit_run_choice;

/* What the command says. */
typedef struct trit_output_choice {
    bool json, quiet, verbose;
} trit_output_choice;

extern const trit_option trit_model_options[7], trit_run_options[6], trit_output_options[3];

/* The groups' rows for a command's table of groups; `type` has a member of each. */
#define TRIT_MODEL_GROUP(type, member) {"Model", trit_model_options, TRIT_COUNT(trit_model_options), offsetof(type, member)}
#define TRIT_RUN_GROUP(type, member) {"Running", trit_run_options, TRIT_COUNT(trit_run_options), offsetof(type, member)}
#define TRIT_OUTPUT_GROUP(type, member) {"Output", trit_output_options, TRIT_COUNT(trit_output_options), offsetof(type, member)}

typedef struct trit_loaded {
    trit_device *device;
    trit_model *model;
    const trit_tokenizer *tokenizer; /* the model's, NULL where it has none */
    double load_ms;
} trit_loaded;

/* Opens device and model with a progress bar; close it with trit_unload in any case. A device that is in *out already is taken. `run` may be NULL:
 * the description only, without weights. Errors: those of trit_model_open and trit_device_open, cancelled (Ctrl-C). */
TRIT_MUST_CHECK trit_status trit_load(trit_loaded *out, const trit_model_choice *model, const trit_run_choice *run,
                                      const trit_output_choice *output, trit_error *err);
void trit_unload(trit_loaded *loaded);

/* Device and engine options by the user's choice; the caller adds what is its own. */
trit_device_opts trit_device_choice(const trit_run_choice *run);
trit_engine_opts trit_engine_choice(const trit_run_choice *run);

/* How messages call the model: its path, or "the built-in model". */
const char *trit_model_choice_name(const trit_model_choice *model);

#endif
