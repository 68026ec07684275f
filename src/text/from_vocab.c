/* A tokenizer from a vocabulary as GGUF files hold it: lists of tokens, types, scores and merges. */
#include "base/alloc.h"
#include "base/error.h"
#include "text/parts.h"

static int32_t type_of(const trit_vocab_desc *d, uint32_t id) {
    return d->type ? d->type[id] : trit_token_normal;
}

static bool is_special(int32_t type) {
    return type == trit_token_control || type == trit_token_unknown;
}

static trit_status check_types(const trit_vocab_desc *d, const char *what, trit_error *err) {
    for (uint32_t i = 0; d->type && i < d->n_tokens; i++)
        if (d->type[i] < 0 || d->type[i] > trit_token_byte)
            return trit_error_set(err, trit_format, "%s: token %u has the unknown type %d", what, i, (int)d->type[i]);
    return trit_ok;
}

static trit_status check_id(const trit_vocab_desc *d, int32_t id, const char *name, const char *what, trit_error *err) {
    if (id < -1 || (id >= 0 && (uint32_t)id >= d->n_tokens))
        return trit_error_set(err, trit_format, "%s: %s token %d is not in the vocabulary of %u", what, name, (int)id, d->n_tokens);
    return trit_ok;
}

static trit_status check_ids(const trit_vocab_desc *d, const char *what, trit_error *err) {
    const struct {
        const char *name;
        int32_t id;
    } named[] = {{"begin", d->bos},          {"end", d->eos},     {"end-of-turn", d->eot},
                 {"end-of-message", d->eom}, {"unknown", d->unk}, {"padding", d->pad}};
    trit_status status = trit_ok;
    for (size_t i = 0; !status && i < sizeof named / sizeof named[0]; i++) status = check_id(d, named[i].id, named[i].name, what, err);
    for (uint32_t i = 0; !status && i < d->n_eog; i++) status = check_id(d, d->eog[i], "end", what, err);
    return status;
}

static trit_status set_pieces(trit_tokenizer *t, const trit_vocab_desc *d, const char *what, trit_error *err) {
    trit_str *strings = trit_alloc(d->n_tokens, sizeof *strings);
    if (!strings) return trit_error_memory(err, d->n_tokens * sizeof *strings, "the vocabulary");
    for (uint32_t i = 0; i < d->n_tokens; i++) strings[i] = d->token[i].p ? d->token[i] : (trit_str){"", 0};
    trit_status status = trit_tokenizer_set_pieces(t, strings, d->n_tokens, what, err);
    trit_free(strings);
    return status;
}

/* Special tokens count where the caller says so, user-defined ones always. SentencePiece looks for the latter in the text
 * with visible spaces. */
static trit_status add_tokens(trit_tokenizer *t, const trit_vocab_desc *d, trit_error *err) {
    for (uint32_t i = 0; i < d->n_tokens; i++) {
        int32_t type = type_of(d, i);
        bool user = type == trit_token_user_defined;
        if (!user && !is_special(type)) continue;
        if (is_special(type)) t->flags[i] |= trit_token_special;
        if (!user || t->byte_level) t->flags[i] |= trit_token_literal;
        if (d->token[i].n == 0) continue;
        trit_added_set *set = user && !t->byte_level ? &t->normalized_added : &t->raw_added;
        if (!trit_added_set_add(set, d->token[i], (int32_t)i, (trit_added_flags){.always = user}))
            return trit_error_memory(err, d->token[i].n, "an added token");
    }
    return trit_ok;
}

static void set_end(trit_tokenizer *t, int32_t id) {
    if (id >= 0) t->flags[id] |= trit_token_ends;
}

static void set_ids(trit_tokenizer *t, const trit_vocab_desc *d, bool adds_bos) {
    bool llama = !t->byte_level;
    t->bos = d->bos;
    t->eos = d->eos;
    t->unk = d->unk;
    /* What llama.cpp assumes where the file is silent. */
    if (llama && t->bos < 0 && d->n_tokens > 1) t->bos = 1;
    if (llama && t->eos < 0 && d->n_tokens > 2) t->eos = 2;
    if (llama && t->unk < 0) t->unk = 0;
    set_end(t, d->eot);
    set_end(t, d->eom);
    for (uint32_t i = 0; i < d->n_eog; i++) set_end(t, d->eog[i]);
    if (d->add_bos != trit_unset) adds_bos = d->add_bos == trit_yes;
    if (adds_bos && t->bos >= 0) t->prefix = (trit_affix){{t->bos}, 1};
    if (d->add_eos == trit_yes && t->eos >= 0) t->suffix = (trit_affix){{t->eos}, 1};
}

static trit_status build_byte_level(trit_tokenizer *t, const trit_vocab_desc *d, const char *what, trit_error *err) {
    const char *pre = d->pre ? d->pre : "default";
    trit_pre_info info = {0};
    t->kind = "byte-level BPE";
    t->byte_level = true;
    strncpy(t->pre, pre, sizeof t->pre - 1);
    if (!trit_merges_reserve(&t->merges, d->n_merges)) return trit_error_memory(err, d->n_merges, "the merges");
    trit_status status = trit_splits_add_named(&t->splits, pre, &info, err);
    for (uint32_t i = 0; !status && i < d->n_merges; i++) status = trit_tokenizer_add_merge_line(t, d->merge[i], i, what, err);
    t->ignore_merges = d->ignore_merges == trit_unset ? info.ignore_merges : d->ignore_merges == trit_yes;
    if (!status) status = add_tokens(t, d, err);
    if (!status) set_ids(t, d, info.add_bos);
    return status ? status : trit_tokenizer_decode_alphabet(t, err);
}

static trit_status build_sentencepiece(trit_tokenizer *t, const trit_vocab_desc *d, const char *what, trit_error *err) {
    uint8_t *mergeable = trit_alloc(d->n_tokens, 1);
    if (!mergeable) return trit_error_memory(err, d->n_tokens, "the vocabulary");
    for (uint32_t i = 0; i < d->n_tokens; i++) mergeable[i] = type_of(d, i) <= trit_token_normal;
    trit_status status = trit_tokenizer_merges_from_scores(t, d->score, mergeable, what, err);
    trit_free(mergeable);
    if (!status) status = add_tokens(t, d, err);
    if (!status) set_ids(t, d, true);
    return status ? status : trit_tokenizer_set_sentencepiece(t, d->add_space_prefix != trit_no, d->remove_extra_whitespaces, err);
}

trit_status trit_tokenizer_from_desc(trit_tokenizer **out, const trit_vocab_desc *desc, const char *what, trit_error *err) {
    const char *model = desc->model ? desc->model : "";
    bool byte_level = strcmp(model, "gpt2") == 0;
    if (!byte_level && strcmp(model, "llama") != 0)
        return trit_error_set(err, trit_unsupported, "%s: model \"%.100s\" is not supported (gpt2 and llama are)", what, model);
    trit_status status = check_types(desc, what, err);
    if (!status) status = check_ids(desc, what, err);
    if (status) return status;
    trit_tokenizer *t = trit_tokenizer_blank();
    if (!t) return trit_error_memory(err, sizeof *t, "the tokenizer");
    status = set_pieces(t, desc, what, err);
    if (!status) status = byte_level ? build_byte_level(t, desc, what, err) : build_sentencepiece(t, desc, what, err);
    if (!status) status = trit_tokenizer_finish(t, err);
    if (status)
        trit_tokenizer_close(t);
    else
        *out = t;
    return status;
}

trit_status trit_tokenizer_from_vocab(trit_tokenizer **out, const trit_vocab_desc *desc, trit_error *err) {
    return trit_tokenizer_from_desc(out, desc, "tokenizer", err);
}
