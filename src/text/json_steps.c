/* normalizer, pre_tokenizer, post_processor and decoder of a tokenizer.json. A component that is not known is refused by name:
 * a tokenizer that leaves out a step gives wrong ids without a word. */
#include "text/json_steps.h"

#include "base/error.h"

/* Splits run one inside the other, so their number is a depth of the stack. */
enum { max_depth = 8, max_steps = 32, max_replacement_bytes = 64, max_decode_rules = 8 };

/* A component under way: where it stands in the document, for the errors. */
typedef struct place {
    trit_tokenizer *t;
    const char *what, *part;
    int depth;
} place;

static trit_status no_memory(const place *at, trit_error *err) {
    return trit_error_memory(err, sizeof(trit_rewrite), at->part);
}

static trit_status refuse(const place *at, const char *why, trit_str type, trit_error *err) {
    return trit_error_set(err, trit_unsupported, "%s: %s \"%.*s\"%s is not supported", at->what, at->part, TRIT_STR_ARG(type), why);
}

static trit_status broken(const place *at, trit_str type, const char *member, trit_error *err) {
    return trit_error_set(err, trit_format, "%s: %s \"%.*s\": %s is missing or of the wrong kind", at->what, at->part, TRIT_STR_ARG(type),
                          member);
}

static trit_str type_of(const trit_json *v) {
    return trit_json_as_str(trit_json_get(v, "type"));
}

static bool is_null(const trit_json *v) {
    trit_json_kind kind = trit_json_kind_of(v);
    return kind == trit_json_absent || kind == trit_json_null;
}

trit_status trit_json_bool_member(const trit_json *object, const char *key, bool otherwise, bool *out, const char *what,
                                  trit_error *err) {
    const trit_json *v = trit_json_get(object, key);
    *out = trit_json_as_bool(v, otherwise);
    if (is_null(v) || trit_json_kind_of(v) == trit_json_bool) return trit_ok;
    return trit_error_set(err, trit_format, "%s: \"%s\" is not a bool", what, key);
}

typedef trit_status (*component_fn)(const place *at, const trit_json *v, trit_error *err);

/* A component: nothing, one, or a Sequence of them under `list`. */
static trit_status each(const place *at, const trit_json *v, const char *list, component_fn one, trit_error *err) {
    if (is_null(v)) return trit_ok;
    trit_str type = type_of(v);
    if (!type.p) return trit_error_set(err, trit_format, "%s: %s without a type", at->what, at->part);
    if (!trit_str_is(type, "Sequence")) return one(at, v, err);
    if (at->depth == max_depth) return trit_error_set(err, trit_unsupported, "%s: %s is nested too deeply", at->what, at->part);
    const trit_json *items = trit_json_get(v, list);
    if (trit_json_kind_of(items) != trit_json_array) return broken(at, type, list, err);
    place below = *at;
    below.depth++;
    trit_status status = trit_ok;
    for (size_t i = 0; !status && i < trit_json_length(items); i++) {
        const trit_json *item = trit_json_at(items, i);
        status = is_null(item) ? broken(at, type, list, err) : each(&below, item, list, one, err);
    }
    return status;
}

/* {"String": ...} or {"Regex": ...}: a literal, or a regex that the caller owns. */
static trit_status read_pattern(const place *at, const trit_json *v, trit_str *literal, trit_regex **regex, trit_error *err) {
    const trit_json *pattern = trit_json_get(v, "pattern");
    trit_str expression = trit_json_as_str(trit_json_get(pattern, "Regex"));
    *literal = trit_json_as_str(trit_json_get(pattern, "String"));
    *regex = NULL;
    if (literal->p && literal->n) return trit_ok;
    if (!expression.p || !expression.n) return broken(at, type_of(v), "pattern", err);
    return trit_regex_new(regex, expression, at->what, err);
}

static trit_status add_rewrite(const place *at, trit_rewrites *list, trit_rewrite_kind kind, trit_str from, trit_str to,
                               trit_regex *regex, trit_error *err) {
    return trit_rewrites_add(list, kind, from, to, regex) ? trit_ok : no_memory(at, err);
}

static const trit_str nothing = {NULL, 0};

static trit_status one_normalizer(const place *at, const trit_json *v, trit_error *err) {
    trit_rewrites *list = &at->t->normalizer;
    trit_str type = type_of(v);
    if (list->n == max_steps) return refuse(at, " after so many others", type, err);
    if (trit_str_is(type, "NFC")) return add_rewrite(at, list, trit_rewrite_nfc, nothing, nothing, NULL, err);
    if (trit_str_is(type, "Prepend")) {
        trit_str text = trit_json_as_str(trit_json_get(v, "prepend"));
        bool fits = text.p && text.n <= max_replacement_bytes;
        return fits ? add_rewrite(at, list, trit_rewrite_prepend, nothing, text, NULL, err) : broken(at, type, "prepend", err);
    }
    if (trit_str_is(type, "Replace")) {
        trit_str literal, content = trit_json_as_str(trit_json_get(v, "content"));
        trit_regex *regex;
        if (!content.p || content.n > max_replacement_bytes) return broken(at, type, "content", err);
        trit_status status = read_pattern(at, v, &literal, &regex, err);
        return status ? status : add_rewrite(at, list, trit_rewrite_replace, literal, content, regex, err);
    }
    return refuse(at, "", type, err);
}

trit_status trit_json_normalizer(trit_tokenizer *t, const trit_json *v, const char *what, trit_error *err) {
    return each(&(place){t, what, "normalizer", 0}, v, "normalizers", one_normalizer, err);
}

static trit_status add_literal_split(const place *at, trit_str literal, trit_split_how how, trit_error *err) {
    return trit_splits_add(&at->t->splits, NULL, literal, how, false) ? trit_ok : no_memory(at, err);
}

static trit_status split_component(const place *at, const trit_json *v, trit_error *err) {
    static const char *const names[] = {"Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    static const trit_split_how hows[] = {trit_split_isolated, trit_split_removed, trit_split_merged_with_previous,
                                          trit_split_merged_with_next, trit_split_contiguous};
    trit_str behavior = trit_json_as_str(trit_json_get(v, "behavior"));
    size_t i = 0;
    while (i < 5 && !trit_str_is(behavior, names[i])) i++;
    if (i == 5) return broken(at, type_of(v), "behavior", err);
    bool invert;
    trit_status status = trit_json_bool_member(v, "invert", false, &invert, at->what, err);
    if (status) return status;
    trit_str literal;
    trit_regex *regex;
    status = read_pattern(at, v, &literal, &regex, err);
    if (status) return status;
    return trit_splits_add(&at->t->splits, regex, literal, hows[i], invert) ? trit_ok : no_memory(at, err);
}

static trit_status digits_component(const place *at, const trit_json *v, trit_error *err) {
    bool individual;
    trit_status status = trit_json_bool_member(v, "individual_digits", false, &individual, at->what, err);
    trit_regex *regex = NULL;
    if (!status) status = trit_regex_new(&regex, trit_str_from(individual ? "\\p{N}" : "\\p{N}+"), at->what, err);
    if (status) return status;
    return trit_splits_add(&at->t->splits, regex, nothing, trit_split_isolated, false) ? trit_ok : no_memory(at, err);
}

static trit_status byte_level_component(const place *at, const trit_json *v, trit_error *err) {
    bool add_space, use_regex;
    trit_status status = trit_json_bool_member(v, "add_prefix_space", true, &add_space, at->what, err);
    if (!status) status = trit_json_bool_member(v, "use_regex", true, &use_regex, at->what, err);
    if (status) return status;
    if (add_space && at->t->splits.n) return refuse(at, " with add_prefix_space behind another", type_of(v), err);
    if (add_space) status = add_rewrite(at, &at->t->prepare, trit_rewrite_prepend_missing, nothing, (trit_str){" ", 1}, NULL, err);
    at->t->byte_level = true;
    return !status && use_regex ? trit_splits_add_gpt2(&at->t->splits, err) : status;
}

/* The scheme of a Metaspace: older files say add_prefix_space instead. */
static trit_status metaspace_scheme(const place *at, const trit_json *v, trit_str *scheme, trit_error *err) {
    bool add_space;
    trit_status status = trit_json_bool_member(v, "add_prefix_space", true, &add_space, at->what, err);
    *scheme = trit_json_as_str(trit_json_get(v, "prepend_scheme"));
    if (!scheme->p) *scheme = trit_str_from(add_space ? "always" : "never");
    return status;
}

static trit_status metaspace_component(const place *at, const trit_json *v, trit_error *err) {
    trit_str type = type_of(v), replacement = trit_json_as_str(trit_json_get(v, "replacement")), scheme;
    bool split;
    trit_status status = metaspace_scheme(at, v, &scheme, err);
    if (!status) status = trit_json_bool_member(v, "split", true, &split, at->what, err);
    if (status) return status;
    if (!replacement.n || replacement.n > 4) return broken(at, type, "replacement", err);
    if (at->t->splits.n) return refuse(at, " behind another", type, err);
    trit_rewrites *list = &at->t->prepare;
    status = add_rewrite(at, list, trit_rewrite_replace, (trit_str){" ", 1}, replacement, NULL, err);
    if (!status && trit_str_is(scheme, "always"))
        status = add_rewrite(at, list, trit_rewrite_prepend_missing, nothing, replacement, NULL, err);
    else if (!status && trit_str_is(scheme, "first"))
        status = add_rewrite(at, list, trit_rewrite_prepend_first, nothing, replacement, NULL, err);
    else if (!status && !trit_str_is(scheme, "never"))
        status = broken(at, type, "prepend_scheme", err);
    return !status && split ? add_literal_split(at, replacement, trit_split_merged_with_next, err) : status;
}

static trit_status one_pre_tokenizer(const place *at, const trit_json *v, trit_error *err) {
    trit_str type = type_of(v);
    /* Behind ByteLevel the others would see the alphabet of bytes instead of the text. */
    if (at->t->byte_level) return refuse(at, " behind ByteLevel", type, err);
    if (at->t->splits.n == max_steps) return refuse(at, " after so many others", type, err);
    if (trit_str_is(type, "Split")) return split_component(at, v, err);
    if (trit_str_is(type, "Digits")) return digits_component(at, v, err);
    if (trit_str_is(type, "ByteLevel")) return byte_level_component(at, v, err);
    if (trit_str_is(type, "Metaspace")) return metaspace_component(at, v, err);
    return refuse(at, "", type, err);
}

trit_status trit_json_pre_tokenizer(trit_tokenizer *t, const trit_json *v, const char *what, trit_error *err) {
    return each(&(place){t, what, "pre_tokenizer", 0}, v, "pretokenizers", one_pre_tokenizer, err);
}

static trit_status template_token(const place *at, const trit_json *specials, trit_str name, trit_affix *affix, trit_error *err) {
    void *iter = NULL;
    trit_str key;
    const trit_json *value, *ids = NULL;
    while (!ids && trit_json_next(specials, &iter, &key, &value))
        if (trit_str_equal(key, name)) ids = trit_json_get(value, "ids");
    if (trit_json_kind_of(ids) != trit_json_array) return broken(at, name, "special_tokens", err);
    for (size_t i = 0; i < trit_json_length(ids); i++) {
        int64_t id = trit_json_as_int(trit_json_at(ids, i), -1);
        if (id < 0 || id >= at->t->pieces.n || !trit_token_has(at->t, (int32_t)id, trit_token_present))
            return trit_error_set(err, trit_format, "%s: %s: id %lld of \"%.*s\" is not in the vocabulary", at->what, at->part,
                                  (long long)id, TRIT_STR_ARG(name));
        if (affix->n == trit_max_affixes) return refuse(at, " with so many tokens", name, err);
        affix->id[affix->n++] = (int32_t)id;
    }
    return trit_ok;
}

static trit_status template_component(const place *at, const trit_json *v, trit_error *err) {
    const trit_json *single = trit_json_get(v, "single"), *specials = trit_json_get(v, "special_tokens");
    trit_str type = type_of(v);
    if (trit_json_kind_of(single) != trit_json_array) return broken(at, type, "single", err);
    bool behind = false;
    trit_status status = trit_ok;
    for (size_t i = 0; !status && i < trit_json_length(single); i++) {
        const trit_json *item = trit_json_at(single, i), *token = trit_json_get(item, "SpecialToken");
        trit_str sequence = trit_json_as_str(trit_json_get(trit_json_get(item, "Sequence"), "id"));
        trit_str name = trit_json_as_str(trit_json_get(token, "id"));
        if (name.p)
            status = template_token(at, specials, name, behind ? &at->t->suffix : &at->t->prefix, err);
        else if (trit_str_is(sequence, "A") && !behind)
            behind = true;
        else
            status = broken(at, type, "single", err);
    }
    return !status && !behind ? broken(at, type, "single", err) : status;
}

static trit_status one_post_processor(const place *at, const trit_json *v, trit_error *err) {
    trit_str type = type_of(v);
    if (trit_str_is(type, "ByteLevel")) return trit_ok; /* only moves offsets, which we do not report */
    if (trit_str_is(type, "TemplateProcessing")) return template_component(at, v, err);
    return refuse(at, "", type, err);
}

trit_status trit_json_post_processor(trit_tokenizer *t, const trit_json *v, const char *what, trit_error *err) {
    return each(&(place){t, what, "post_processor", 0}, v, "processors", one_post_processor, err);
}

/* A decoder is compiled into what each token decodes to and what is stripped off the beginning. */
typedef struct decoder {
    trit_decode_rule rule[max_decode_rules];
    size_t n_rules;
    bool alphabet, fused;
} decoder;

static trit_status add_rule(const place *at, decoder *d, trit_str type, trit_str from, trit_str to, trit_error *err) {
    if (d->fused) return refuse(at, " behind Fuse", type, err);
    if (d->n_rules == max_decode_rules) return refuse(at, " after so many others", type, err);
    d->rule[d->n_rules++] = (trit_decode_rule){from, to};
    return trit_ok;
}

static trit_status replace_decoder(const place *at, decoder *d, const trit_json *v, trit_error *err) {
    trit_str from = trit_json_as_str(trit_json_get(trit_json_get(v, "pattern"), "String"));
    trit_str to = trit_json_as_str(trit_json_get(v, "content"));
    if (!from.n) return refuse(at, " without a String pattern", type_of(v), err);
    if (!to.p || to.n > max_replacement_bytes) return broken(at, type_of(v), "content", err);
    return add_rule(at, d, type_of(v), from, to, err);
}

static trit_status strip_decoder(const place *at, const decoder *d, const trit_json *v, trit_error *err) {
    trit_str type = type_of(v), content = trit_json_as_str(trit_json_get(v, "content"));
    int64_t start = trit_json_as_int(trit_json_get(v, "start"), -1), stop = trit_json_as_int(trit_json_get(v, "stop"), -1);
    if (content.n != 1 || start < 0 || start > UINT32_MAX || stop < 0) return broken(at, type, "content, start or stop", err);
    if (stop != 0 || !d->fused || at->t->n_strip) return refuse(at, " other than at the beginning of the fused text", type, err);
    at->t->strip = content.p[0];
    at->t->n_strip = (uint32_t)start;
    return trit_ok;
}

static trit_status metaspace_decoder(const place *at, decoder *d, const trit_json *v, trit_error *err) {
    trit_str type = type_of(v), replacement = trit_json_as_str(trit_json_get(v, "replacement")), scheme;
    if (!replacement.n || replacement.n > 4) return broken(at, type, "replacement", err);
    trit_status status = metaspace_scheme(at, v, &scheme, err);
    if (status) return status;
    at->t->strip = ' ';
    at->t->n_strip = trit_str_is(scheme, "never") ? 0 : 1;
    return add_rule(at, d, type, replacement, (trit_str){" ", 1}, err);
}

static trit_status one_decoder(const place *at, decoder *d, const trit_json *v, trit_error *err) {
    trit_str type = type_of(v);
    if (trit_str_is(type, "Replace")) return replace_decoder(at, d, v, err);
    if (trit_str_is(type, "Strip")) return strip_decoder(at, d, v, err);
    if (trit_str_is(type, "Metaspace")) return metaspace_decoder(at, d, v, err);
    if (trit_str_is(type, "ByteFallback")) return trit_ok; /* the model's byte_fallback says so already */
    if (trit_str_is(type, "Fuse")) {
        d->fused = true;
        return trit_ok;
    }
    if (trit_str_is(type, "ByteLevel")) {
        d->alphabet = true;
        return trit_ok;
    }
    return type.p ? refuse(at, "", type, err) : broken(at, type, "type", err);
}

trit_status trit_json_decoder(trit_tokenizer *t, const trit_json *v, const char *what, trit_error *err) {
    const place at = {t, what, "decoder", 0};
    decoder d = {.alphabet = is_null(v) && t->byte_level};
    trit_status status = trit_ok;
    if (trit_str_is(type_of(v), "Sequence")) {
        const trit_json *items = trit_json_get(v, "decoders");
        if (trit_json_kind_of(items) != trit_json_array) return broken(&at, type_of(v), "decoders", err);
        for (size_t i = 0; !status && i < trit_json_length(items); i++) status = one_decoder(&at, &d, trit_json_at(items, i), err);
    } else if (!is_null(v)) {
        status = one_decoder(&at, &d, v, err);
    }
    if (status) return status;
    if (d.alphabet && d.n_rules) return refuse(&at, " beside others", trit_str_from("ByteLevel"), err);
    return d.alphabet ? trit_tokenizer_decode_alphabet(t, err) : trit_tokenizer_decode_replacing(t, d.rule, d.n_rules, err);
}
