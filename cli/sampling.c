#include "sampling.h"

#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/os.h"
#include "base/rng.h"
#include "base/str.h"

#define AT(field) offsetof(trit_sampling_choice, field)

const trit_option trit_sampling_options[24] = {
    {"temp", 0, trit_opt_real, AT(temperature), "X", 0, 100, "temperature; 0: always the most likely token"},
    {"dynatemp-range", 0, trit_opt_real, AT(dynatemp_range), "X", 0, 100,
     "the temperature moves by up to X down where the model is sure and up where it is not; 0: off"},
    {"dynatemp-exp", 0, trit_opt_real, AT(dynatemp_exp), "X", 0.01, 100, "how the temperature follows: (entropy / its maximum) ^ X"},
    {"top-k", 0, trit_opt_int, AT(top_k), "N", 0, 1 << 30, "choose among the N most likely tokens; 0: off"},
    {"top-p", 0, trit_opt_real, AT(top_p), "P", 0, 1, "choose among the most likely tokens that make up P together; 1: off"},
    {"min-p", 0, trit_opt_real, AT(min_p), "P", 0, 1, "leave out tokens less likely than P times the most likely one; 0: off"},
    {"typical", 0, trit_opt_real, AT(typical), "P", 0.001, 1, "choose among the least unusual tokens that make up P together; 1: off"},
    {"top-n-sigma", 0, trit_opt_real, AT(top_n_sigma), "X", 0, 1000,
     "leave out tokens scored more than X standard deviations below the best; 0: off"},
    {"xtc-probability", 0, trit_opt_real, AT(xtc_probability), "P", 0, 1,
     "with this probability leave out all likely tokens but the least likely of them; 0: off"},
    {"xtc-threshold", 0, trit_opt_real, AT(xtc_threshold), "P", 0.0001, 1, "what likely means there; above 0.5: off"},
    {"repeat-penalty", 0, trit_opt_real, AT(repeat_penalty), "X", 0.01, 100, "divide the score of tokens that occurred by X; 1: off"},
    {"presence-penalty", 0, trit_opt_real, AT(presence_penalty), "X", -100, 100, "lower the score of tokens that occurred by X; 0: off"},
    {"frequency-penalty", 0, trit_opt_real, AT(frequency_penalty), "X", -100, 100,
     "lower the score of tokens by X for every time they occurred; 0: off"},
    {"repeat-last-n", 0, trit_opt_int, AT(repeat_last_n), "N", -1, 1 << 30,
     "how many tokens back the penalties look; -1: to the beginning, 0: nowhere"},
    {"dry-multiplier", 0, trit_opt_real, AT(dry_multiplier), "X", 0, 1000,
     "lower the score of a token that would prolong a repetition, by X and more the longer it is; 0: off"},
    {"dry-base", 0, trit_opt_real, AT(dry_base), "X", 0.01, 1000, "times X for every token of the repetition more; at least 1"},
    {"dry-allowed-length", 0, trit_opt_int, AT(dry_allowed_length), "N", 1, 1 << 30, "repetitions shorter than N are free"},
    {"dry-penalty-last-n", 0, trit_opt_int, AT(dry_last_n), "N", -1, 1 << 30,
     "how many tokens back repetitions are looked for; -1: to the beginning, 0: nowhere"},
    {"dry-sequence-breaker", 0, trit_opt_list, AT(dry_breakers), "TEXT", 0, 0,
     "repetitions end at this text; may be given several times, and replaces newline, colon, quote and asterisk; none: no such text"},
    {"mirostat", 0, trit_opt_int, AT(mirostat), "N", 0, 2,
     "1 or 2: hold the surprise of the tokens at a target by mirostat of this version, in place of the filters above; 0: off"},
    {"mirostat-tau", 0, trit_opt_real, AT(mirostat_tau), "X", 0.01, 100, "the target, in bits a token"},
    {"mirostat-eta", 0, trit_opt_real, AT(mirostat_eta), "X", 0.0001, 10, "how fast it is followed"},
    {"logit-bias", 0, trit_opt_list, AT(logit_bias), "ID=X", 0, 0,
     "add X to the score of token ID; -inf: the token never comes; may be given several times"},
    {"seed", 0, trit_opt_int, AT(seed), "N", -1, 9007199254740991.0,
     "the same seed gives the same text on every machine; without it a random one"},
};

/* 32 bits, so that every JSON reader shows it as it is. Not for secrets. */
static uint64_t random_seed(void) {
    uint64_t mixed = trit_mix64((uint64_t)time(NULL)) ^ trit_os_clock_ns();
    return trit_mix64(mixed + ((uint64_t)getpid() << 32)) >> 32;
}

/* "ID=X" */
static trit_status parse_bias(trit_logit_bias *out, const char *text, trit_error *err) {
    char id[12] = "";
    const char *equals = strchr(text, '=');
    int64_t token = -1;
    double bias = -HUGE_VAL;
    bool ok = equals && (size_t)(equals - text) < sizeof id;
    if (ok) {
        memcpy(id, text, (size_t)(equals - text));
        ok = trit_parse_int(id, &token) && token >= 0 && token <= INT32_MAX;
        ok = ok && (strcmp(equals + 1, "-inf") == 0 || trit_parse_real(equals + 1, &bias));
    }
    if (!ok) return trit_error_set(err, trit_arg, "--logit-bias: \"%s\" is no ID=X (for example 13=-2.5, or 13=-inf)", text);
    *out = (trit_logit_bias){(int32_t)token, (float)bias};
    return trit_ok;
}

/* "none" among them leaves those before it out. */
static size_t fill_breakers(trit_breaker *out, const trit_opt_texts *texts) {
    size_t n = 0;
    for (size_t i = 0; i < texts->n; i++)
        if (strcmp(texts->item[i], "none") == 0) n = 0;
        else out[n++] = (trit_breaker){.text = texts->item[i]};
    return n;
}

trit_status trit_sampling_choose(trit_sampling_chosen *out, const trit_sampling_choice *choice, trit_error *err) {
    bool penalties = choice->repeat_last_n != 0;
    for (size_t i = 0; i < choice->logit_bias.n; i++) {
        trit_status status = parse_bias(&out->bias[i], choice->logit_bias.item[i], err);
        if (status != trit_ok) return status;
    }
    size_t n_breakers = fill_breakers(out->breaker, &choice->dry_breakers);
    out->sampling = (trit_sampling){
        .temperature = (float)choice->temperature,
        .top_k = (uint32_t)choice->top_k,
        .top_p = (float)choice->top_p,
        .min_p = (float)choice->min_p,
        .repeat_penalty = penalties ? (float)choice->repeat_penalty : 0,
        .presence_penalty = penalties ? (float)choice->presence_penalty : 0,
        .frequency_penalty = penalties ? (float)choice->frequency_penalty : 0,
        .penalty_last_n = (int32_t)choice->repeat_last_n,
        .seed = choice->seed >= 0 ? (uint64_t)choice->seed : random_seed(),
        .logit_bias = out->bias,
        .n_logit_bias = choice->logit_bias.n,
        .typical_p = (float)choice->typical,
        .top_n_sigma = (float)choice->top_n_sigma,
        .xtc_probability = (float)choice->xtc_probability,
        .xtc_threshold = (float)choice->xtc_threshold,
        .dynatemp_range = (float)choice->dynatemp_range,
        .dynatemp_exponent = (float)choice->dynatemp_exp,
        .dry_multiplier = choice->dry_last_n ? (float)choice->dry_multiplier : 0,
        .dry_base = (float)choice->dry_base,
        .dry_allowed_length = (uint32_t)choice->dry_allowed_length,
        .dry_last_n = (int32_t)choice->dry_last_n,
        .dry_breakers = out->breaker,
        .n_dry_breakers = n_breakers,
        .dry_no_breakers = choice->dry_breakers.n && !n_breakers,
        .mirostat = (trit_mirostat)choice->mirostat,
        .mirostat_tau = (float)choice->mirostat_tau,
        .mirostat_eta = (float)choice->mirostat_eta,
    };
    return trit_ok;
}
