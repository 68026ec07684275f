/* The sampling options, shared by all commands that generate. */
#ifndef TRIT_CLI_SAMPLING_H
#define TRIT_CLI_SAMPLING_H

#include "options.h"
#include "trit/engine.h"

typedef struct trit_sampling_choice {
    double temperature, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty;
    int64_t top_k, repeat_last_n;
    int64_t seed; /* -1: a random one */
} trit_sampling_choice;

#define TRIT_SAMPLING_DEFAULTS \
    {.temperature = 0.8, .top_k = 40, .top_p = 0.95, .min_p = 0.05, .repeat_penalty = 1, .repeat_last_n = 64, .seed = -1}

extern const trit_option trit_sampling_options[9];

#define TRIT_SAMPLING_GROUP(type, member) \
    {"Sampling", trit_sampling_options, TRIT_COUNT(trit_sampling_options), offsetof(type, member)}

/* The engine's form; draws the seed where the user gave none. */
trit_sampling trit_sampling_chosen(const trit_sampling_choice *choice);

#endif
