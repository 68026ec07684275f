#include "sampling.h"

#include <time.h>
#include <unistd.h>

#include "base/os.h"
#include "base/rng.h"

#define AT(field) offsetof(trit_sampling_choice, field)

const trit_option trit_sampling_options[9] = {
    {"temp", 0, trit_opt_real, AT(temperature), "X", 0, 100, "temperature; 0: always the most likely token"},
    {"top-k", 0, trit_opt_int, AT(top_k), "N", 0, 1 << 30, "choose among the N most likely tokens; 0: off"},
    {"top-p", 0, trit_opt_real, AT(top_p), "P", 0, 1, "choose among the most likely tokens that make up P together; 1: off"},
    {"min-p", 0, trit_opt_real, AT(min_p), "P", 0, 1, "leave out tokens less likely than P times the most likely one; 0: off"},
    {"repeat-penalty", 0, trit_opt_real, AT(repeat_penalty), "X", 0.01, 100, "divide the score of tokens that occurred by X; 1: off"},
    {"presence-penalty", 0, trit_opt_real, AT(presence_penalty), "X", -100, 100, "lower the score of tokens that occurred by X; 0: off"},
    {"frequency-penalty", 0, trit_opt_real, AT(frequency_penalty), "X", -100, 100,
     "lower the score of tokens by X for every time they occurred; 0: off"},
    {"repeat-last-n", 0, trit_opt_int, AT(repeat_last_n), "N", -1, 1 << 30,
     "how many tokens back the penalties look; -1: to the beginning, 0: nowhere"},
    {"seed", 0, trit_opt_int, AT(seed), "N", -1, 9007199254740991.0,
     "the same seed gives the same text on every machine; without it a random one"},
};

/* 32 bits, so that every JSON reader shows it as it is. Not for secrets. */
static uint64_t random_seed(void) {
    uint64_t mixed = trit_mix64((uint64_t)time(NULL)) ^ trit_os_clock_ns();
    return trit_mix64(mixed + ((uint64_t)getpid() << 32)) >> 32;
}

trit_sampling trit_sampling_chosen(const trit_sampling_choice *choice) {
    bool penalties = choice->repeat_last_n != 0;
    return (trit_sampling){
        .temperature = (float)choice->temperature,
        .top_k = (uint32_t)choice->top_k,
        .top_p = (float)choice->top_p,
        .min_p = (float)choice->min_p,
        .repeat_penalty = penalties ? (float)choice->repeat_penalty : 0,
        .presence_penalty = penalties ? (float)choice->presence_penalty : 0,
        .frequency_penalty = penalties ? (float)choice->frequency_penalty : 0,
        .penalty_last_n = (int32_t)choice->repeat_last_n,
        .seed = choice->seed >= 0 ? (uint64_t)choice->seed : random_seed(),
    };
}
