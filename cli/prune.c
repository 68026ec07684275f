/* See prune.h. */
#include "prune.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/team.h"
#include "doing.h"

const trit_option trit_prune_options[4] = {
    {"prune-vocab", 0, trit_opt_int, offsetof(trit_prune_choice, n_tokens), "N", 1, 1 << 24,
     "OUT has N tokens: special ones, bytes and printable ASCII, then those that the texts need most"},
    {"vocab-text", 0, trit_opt_list, offsetof(trit_prune_choice, texts), "FILE", 0, 0,
     "a text for that, .jsonl file of records, or folder of such; may be given several times"},
    {"text-field", 0, trit_opt_text, offsetof(trit_prune_choice, text_field), "NAME", 0, 0,
     "which string of a record is read (default: text, or else prompt and completion, or the messages)"},
    {"separator", 0, trit_opt_text, offsetof(trit_prune_choice, separator), "TEXT", 0, 0, "what divides the documents of a text file, and is no text itself"},
};

bool trit_prune_is_set(const trit_prune_choice *choice) {
    return choice->n_tokens || choice->texts.n || choice->text_field || choice->separator;
}

static trit_status check(const trit_prune_choice *choice, trit_error *err) {
    if (choice->n_tokens && !choice->texts.n) return trit_error_set(err, trit_arg, "--prune-vocab needs texts that say which tokens: --vocab-text FILE");
    if (!choice->n_tokens && trit_prune_is_set(choice))
        return trit_error_set(err, trit_arg, "%s is for --prune-vocab N",
                              choice->texts.n ? "--vocab-text" : choice->text_field ? "--text-field" : "--separator");
    return trit_ok;
}

static void tell(const trit_convert_opts *opts, const trit_prune_choice *choice, const trit_tokenizer *t, const trit_ids *ids,
                 const trit_tokenizer_cover *cover) {
    char text[256];
    const double share = cover->n_tokens ? 100.0 * (double)cover->n_covered / (double)cover->n_tokens : 100;
    const bool fewer = (int64_t)ids->n < choice->n_tokens;
    snprintf(text, sizeof text, "%zu of %" PRIu32 " tokens stay%s; they are %.3f %% of the %" PRIu64 " tokens of the texts", ids->n, trit_tokenizer_size(t),
             fewer ? " (there is no use or no room for more)" : "", share, cover->n_tokens);
    opts->say(opts->user, trit_convert_note, text);
}

static trit_status choose(trit_ids *ids, const trit_prune_choice *choice, const trit_convert_opts *opts, const trit_model *m, trit_conversion *c,
                          trit_error *err) {
    const trit_tokenizer *t = trit_model_tokenizer(m);
    trit_tokenizer_cover cover = {0};
    trit_doing doing = {.shows = !c->quiet};
    trit_tokenizer_choose_opts o = {.paths = choice->texts.item, .n_paths = choice->texts.n, .separator = choice->separator, .text_field = choice->text_field,
                                    .chat_template = trit_model_chat_template(m), .n_tokens = (uint32_t)choice->n_tokens, .progress = trit_doing_update,
                                    .self = &doing};
    if (!t) return trit_error_set(err, trit_unsupported, "--prune-vocab: the model has no tokenizer");
    trit_status status = trit_team_choose(&o.n_threads, opts->n_threads, err);
    if (status == trit_ok) status = trit_tokenizer_choose(ids, &cover, t, &o, err);
    trit_doing_end(&doing);
    if (status == trit_ok) tell(opts, choice, t, ids, &cover);
    return status;
}

trit_status trit_prune_choose(trit_ids *ids, const trit_prune_choice *choice, const trit_convert_opts *opts, const char *in, trit_conversion *c,
                              trit_error *err) {
    trit_model *m = NULL;
    trit_status status = check(choice, err);
    ids->n = 0;
    if (status != trit_ok || !choice->n_tokens) return status;
    status = trit_model_open(&m, in, &(trit_model_opts){.no_weights = true, .i2_s_block = opts->i2_s_block, .kernel_config = opts->kernel_config}, err);
    if (status == trit_ok) status = choose(ids, choice, opts, m, c, err);
    trit_model_close(m);
    return status;
}
