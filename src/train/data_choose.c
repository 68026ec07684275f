/* Which tokens of a vocabulary files of text need: what data*.c reads and counts, text/choose.c chooses by. */
#include "base/alloc.h"
#include "base/error.h"
#include "text/text.h"
#include "train/data_parts.h"

typedef struct counting {
    const trit_tokenizer_choose_opts *o;
    uint64_t *count; /* [tokens of the vocabulary] */
} counting;

static trit_status count_tokens(void *self, const trit_data_tokens *tokens, bool ends_document, trit_error *err) {
    const counting *c = self;
    (void)ends_document;
    (void)err;
    for (size_t i = 0; i < tokens->ids.n; i++) c->count[tokens->ids.data[i]]++;
    return trit_ok;
}

static bool watch(void *self, const char *doing, uint64_t done, uint64_t total) {
    const counting *c = self;
    return !c->o->progress || c->o->progress(c->o->self, doing, done, total);
}

static trit_status count_files(counting *c, const trit_tokenizer *t, trit_error *err) {
    const trit_tokenizer_choose_opts *o = c->o;
    trit_dataset_opts data = {.separator = o->separator, .text_field = o->text_field, .chat_template = o->chat_template, .no_bos = true, .no_eos = true,
                              .tokenizer = t, .watch = watch, .watch_self = c};
    trit_data_files files = {0};
    trit_status status = trit_data_files_list(&files, o->paths, o->n_paths, trit_data_auto, err);
    if (status == trit_ok && o->n_threads > 1) status = trit_team_new(&data.team, o->n_threads, err);
    if (status == trit_ok) status = trit_data_tokenize(&data, &files, count_tokens, c, err);
    trit_team_free(data.team);
    trit_data_files_fini(&files);
    return status;
}

static trit_tokenizer_cover cover_of(const uint64_t *count, uint32_t n, const trit_ids *ids) {
    trit_tokenizer_cover cover = {0};
    for (uint32_t i = 0; i < n; i++) cover.n_tokens += count[i];
    for (size_t i = 0; i < ids->n; i++) cover.n_covered += count[ids->data[i]];
    return cover;
}

trit_status trit_tokenizer_choose(trit_ids *ids, trit_tokenizer_cover *cover, const trit_tokenizer *tokenizer, const trit_tokenizer_choose_opts *opts,
                                  trit_error *err) {
    const uint32_t n = trit_tokenizer_size(tokenizer);
    counting c = {.o = opts, .count = trit_alloc_zero(n, sizeof *c.count)};
    trit_status status = c.count ? trit_ok : trit_error_memory(err, n * sizeof *c.count, "the tokens of a text");
    if (status == trit_ok) status = trit_vocab_choose(ids, tokenizer, c.count, opts->n_tokens, err); /* refused before all is read */
    if (status == trit_ok) status = count_files(&c, tokenizer, err);
    if (status == trit_ok) status = trit_vocab_choose(ids, tokenizer, c.count, opts->n_tokens, err);
    if (status == trit_ok && cover) *cover = cover_of(c.count, n, ids);
    trit_free(c.count);
    return status;
}
