/* A tokenizer from a tokenizer.json: the vocabulary, its merges and the added tokens. What stands around the model is read in
 * json_steps.c. The document is hostile until read. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "text/json_steps.h"
#include "text/parts.h"

/* The document's ids as an array: holes are allowed, but not so many that a few tokens ask for gigabytes. */
typedef struct table {
    trit_str *string; /* [n], borrowed from the document; NULL where the id is not in use */
    size_t n;
} table;

static trit_status wrong(trit_error *err, const char *what, const char *thing) {
    return trit_error_set(err, trit_format, "%s: %s", what, thing);
}

static trit_status read_id(const trit_json *v, trit_str name, int64_t *id, const char *what, trit_error *err) {
    *id = trit_json_as_int(v, -1);
    if (*id >= 0 && *id < trit_max_tokens) return trit_ok;
    return trit_error_set(err, trit_format, "%s: token \"%.*s\" has no id from 0 to %d", what, TRIT_STR_ARG(name),
                          (int)trit_max_tokens - 1);
}

/* An added token's text and id; {content, id}. */
static trit_status read_added(const trit_json *v, trit_str *content, int64_t *id, const char *what, trit_error *err) {
    *content = trit_json_as_str(trit_json_get(v, "content"));
    if (!content->p) return wrong(err, what, "an added token has no content");
    return read_id(trit_json_get(v, "id"), *content, id, what, err);
}

static trit_status count_ids(const trit_json *vocab, const trit_json *added, size_t *n, const char *what, trit_error *err) {
    size_t n_tokens = trit_json_length(vocab) + trit_json_length(added);
    int64_t last = -1, id;
    void *iter = NULL;
    trit_str name;
    const trit_json *value;
    while (trit_json_next(vocab, &iter, &name, &value)) {
        trit_status status = read_id(value, name, &id, what, err);
        if (status) return status;
        if (id > last) last = id;
    }
    for (size_t i = 0; i < trit_json_length(added); i++) {
        trit_status status = read_added(trit_json_at(added, i), &name, &id, what, err);
        if (status) return status;
        if (id > last) last = id;
    }
    *n = (size_t)(last + 1);
    if (*n > 4 * n_tokens + 4096)
        return trit_error_set(err, trit_format, "%s: id %lld is far beyond the %zu tokens", what, (long long)last, n_tokens);
    return trit_ok;
}

static trit_status put(table *tab, int64_t id, trit_str string, const char *what, trit_error *err) {
    trit_str *slot = &tab->string[id];
    if (slot->p && !trit_str_equal(*slot, string))
        return trit_error_set(err, trit_format, "%s: id %lld is both \"%.*s\" and \"%.*s\"", what, (long long)id, TRIT_STR_ARG(*slot),
                              TRIT_STR_ARG(string));
    *slot = string;
    return trit_ok;
}

static trit_status fill(table *tab, const trit_json *vocab, const trit_json *added, const char *what, trit_error *err) {
    int64_t id;
    void *iter = NULL;
    trit_str name;
    const trit_json *value;
    trit_status status = trit_ok;
    while (!status && trit_json_next(vocab, &iter, &name, &value)) status = put(tab, trit_json_as_int(value, 0), name, what, err);
    for (size_t i = 0; !status && i < trit_json_length(added); i++) {
        status = read_added(trit_json_at(added, i), &name, &id, what, err);
        if (!status) status = put(tab, id, name, what, err);
    }
    return status;
}

static trit_status read_vocab(trit_tokenizer *t, const trit_json *vocab, const trit_json *added, const char *what, trit_error *err) {
    if (trit_json_kind_of(vocab) != trit_json_object) return wrong(err, what, "model.vocab is missing or not an object");
    trit_json_kind kind = trit_json_kind_of(added);
    if (kind != trit_json_array && kind != trit_json_absent && kind != trit_json_null)
        return wrong(err, what, "added_tokens is not a list");
    table tab = {0};
    trit_status status = count_ids(vocab, added, &tab.n, what, err);
    if (status) return status;
    tab.string = trit_alloc_zero(tab.n, sizeof *tab.string);
    if (!tab.string) return trit_error_memory(err, tab.n * sizeof *tab.string, "the vocabulary");
    status = fill(&tab, vocab, added, what, err);
    if (!status) status = trit_tokenizer_set_pieces(t, tab.string, tab.n, what, err);
    trit_free(tab.string);
    return status;
}

/* "left right", or ["left", "right"] since a side may hold spaces. */
static trit_status read_merges(trit_tokenizer *t, const trit_json *merges, const char *what, trit_error *err) {
    if (trit_json_kind_of(merges) != trit_json_array) return wrong(err, what, "model.merges is missing or not a list");
    size_t n = trit_json_length(merges);
    if (n >= UINT32_MAX / 2) return wrong(err, what, "too many merges");
    if (!trit_merges_reserve(&t->merges, n)) return trit_error_memory(err, n * sizeof(trit_merge), "the merges");
    trit_status status = trit_ok;
    for (size_t i = 0; !status && i < n; i++) {
        const trit_json *merge = trit_json_at(merges, i);
        trit_str line = trit_json_as_str(merge);
        trit_str left = trit_json_as_str(trit_json_at(merge, 0)), right = trit_json_as_str(trit_json_at(merge, 1));
        if (line.p)
            status = trit_tokenizer_add_merge_line(t, line, (uint32_t)i, what, err);
        else if (left.p && right.p && trit_json_length(merge) == 2)
            status = trit_tokenizer_add_merge(t, left, right, (uint32_t)i, what, err);
        else
            status = trit_error_set(err, trit_format, "%s: merge %zu is not a pair of strings", what, i);
    }
    return status;
}

static bool is_set(const trit_json *v) {
    return trit_json_as_str(v).n > 0;
}

static trit_status read_model(trit_tokenizer *t, const trit_json *model, const char *what, trit_error *err) {
    trit_str unk = trit_json_as_str(trit_json_get(model, "unk_token"));
    trit_status status = trit_json_bool_member(model, "byte_fallback", false, &t->byte_fallback, what, err);
    if (!status) status = trit_json_bool_member(model, "fuse_unk", false, &t->fuse_unk, what, err);
    if (!status) status = trit_json_bool_member(model, "ignore_merges", false, &t->ignore_merges, what, err);
    if (status) return status;
    if (trit_json_as_real(trit_json_get(model, "dropout"), 0) > 0)
        return trit_error_set(err, trit_unsupported, "%s: model with dropout is not supported", what);
    if (is_set(trit_json_get(model, "continuing_subword_prefix")) || is_set(trit_json_get(model, "end_of_word_suffix")))
        return trit_error_set(err, trit_unsupported, "%s: continuing_subword_prefix and end_of_word_suffix are not supported", what);
    if (unk.n) t->unk = trit_piece_map_find(&t->by_piece, unk.p, unk.n);
    if (unk.n && t->unk < 0)
        return trit_error_set(err, trit_format, "%s: unk_token \"%.*s\" is not in the vocabulary", what, TRIT_STR_ARG(unk));
    if (t->byte_fallback) trit_tokenizer_find_byte_tokens(t);
    return read_merges(t, trit_json_get(model, "merges"), what, err);
}

/* What an added token matches once the text is normalized: its own text, normalized. */
static trit_status add_normalized(trit_tokenizer *t, trit_str content, int32_t id, trit_added_flags flags, trit_error *err) {
    trit_text buffer[2] = {{0}, {0}};
    trit_matcher *matcher = trit_matcher_new();
    trit_status status = matcher ? trit_rewrites_run(&t->normalizer, matcher, buffer, &content, true, err) : trit_memory;
    bool ok = matcher && (status || content.n == 0 || trit_added_set_add(&t->normalized_added, content, id, flags));
    trit_matcher_free(matcher);
    trit_text_fini(&buffer[0]);
    trit_text_fini(&buffer[1]);
    return ok ? status : trit_error_memory(err, content.n, "an added token");
}

static trit_status read_added_flags(const trit_json *v, trit_added_flags *flags, bool *special, bool *normalized, const char *what,
                                    trit_error *err) {
    trit_status status = trit_json_bool_member(v, "lstrip", false, &flags->lstrip, what, err);
    if (!status) status = trit_json_bool_member(v, "rstrip", false, &flags->rstrip, what, err);
    if (!status) status = trit_json_bool_member(v, "single_word", false, &flags->single_word, what, err);
    if (!status) status = trit_json_bool_member(v, "special", false, special, what, err);
    return status ? status : trit_json_bool_member(v, "normalized", !*special, normalized, what, err);
}

/* None of them counts in plain text: those that are not special in the sense of "left out on decode" steer a model as well
 * (<think>, <tool_call>). */
static trit_status read_added_tokens(trit_tokenizer *t, const trit_json *added, const char *what, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t i = 0; !status && i < trit_json_length(added); i++) {
        const trit_json *v = trit_json_at(added, i);
        trit_added_flags flags = {0};
        bool special, normalized;
        trit_str content;
        int64_t id;
        status = read_added(v, &content, &id, what, err);
        if (!status) status = read_added_flags(v, &flags, &special, &normalized, what, err);
        if (status || content.n == 0) continue;
        t->flags[id] |= (uint8_t)(trit_token_literal | (special ? trit_token_special : 0));
        if (normalized)
            status = add_normalized(t, content, (int32_t)id, flags, err);
        else if (!trit_added_set_add(&t->raw_added, content, (int32_t)id, flags))
            status = trit_error_memory(err, content.n, "an added token");
    }
    return status;
}

/* The token that the configuration names, as a string or {"content": ...}; else the first of the usual names that is there. */
static int32_t named_token(const trit_tokenizer *t, const trit_json *v, const char *const *usual) {
    trit_str name = trit_json_as_str(v);
    if (!name.p) name = trit_json_as_str(trit_json_get(v, "content"));
    if (name.n) return trit_piece_map_find(&t->by_piece, name.p, name.n);
    for (; !v && *usual; usual++) {
        int32_t id = trit_piece_map_find(&t->by_piece, *usual, strlen(*usual));
        if (trit_token_has(t, id, trit_token_special)) return id;
    }
    return -1;
}

static void force_affix(trit_affix *affix, const trit_json *v, int32_t id) {
    if (trit_json_kind_of(v) != trit_json_bool) return;
    if (!trit_json_as_bool(v, false))
        *affix = (trit_affix){{0}, 0};
    else if (affix->n == 0 && id >= 0)
        *affix = (trit_affix){{id}, 1};
}

static void read_config(trit_tokenizer *t, const trit_json *config) {
    static const char *const bos_names[] = {"<s>", "<|begin_of_text|>", "<bos>", NULL};
    static const char *const eos_names[] = {"</s>", "<|end_of_text|>", "<eos>", "<|endoftext|>", NULL};
    t->bos = named_token(t, trit_json_get(config, "bos_token"), bos_names);
    t->eos = named_token(t, trit_json_get(config, "eos_token"), eos_names);
    force_affix(&t->prefix, trit_json_get(config, "add_bos_token"), t->bos);
    force_affix(&t->suffix, trit_json_get(config, "add_eos_token"), t->eos);
}

static trit_status build(trit_tokenizer *t, const trit_json *doc, const trit_json *config, const char *what, trit_error *err) {
    const trit_json *model = trit_json_get(doc, "model"), *added = trit_json_get(doc, "added_tokens");
    trit_str type = trit_json_as_str(trit_json_get(model, "type"));
    if (trit_json_kind_of(model) != trit_json_object) return wrong(err, what, "there is no model");
    if (type.p && !trit_str_is(type, "BPE"))
        return trit_error_set(err, trit_unsupported, "%s: model \"%.*s\" is not supported (BPE is)", what, TRIT_STR_ARG(type));
    trit_status status = read_vocab(t, trit_json_get(model, "vocab"), added, what, err);
    if (!status) status = trit_json_normalizer(t, trit_json_get(doc, "normalizer"), what, err);
    if (!status) status = read_model(t, model, what, err);
    if (!status) status = read_added_tokens(t, added, what, err);
    if (!status) status = trit_json_pre_tokenizer(t, trit_json_get(doc, "pre_tokenizer"), what, err);
    if (!status) status = trit_json_post_processor(t, trit_json_get(doc, "post_processor"), what, err);
    if (!status) status = trit_json_decoder(t, trit_json_get(doc, "decoder"), what, err);
    if (status) return status;
    t->kind = t->byte_level ? "byte-level BPE" : "SentencePiece BPE";
    read_config(t, config);
    return trit_tokenizer_finish(t, err);
}

trit_status trit_tokenizer_from_json(trit_tokenizer **out, trit_str json, trit_str config, const char *what, trit_error *err) {
    trit_json *doc = NULL, *options = NULL;
    trit_status status = trit_json_parse(&doc, json.p, json.n, what, err);
    if (!status && config.p) status = trit_json_parse(&options, config.p, config.n, "tokenizer_config.json", err);
    trit_tokenizer *t = status ? NULL : trit_tokenizer_blank();
    if (!status) status = t ? build(t, doc, options, what, err) : trit_error_memory(err, sizeof *t, "the tokenizer");
    if (status)
        trit_tokenizer_close(t);
    else
        *out = t;
    trit_json_free(options);
    trit_json_free(doc);
    return status;
}
