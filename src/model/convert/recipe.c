/* Rules of quantization and the policies that are made of them. */
#include "model/convert/recipe.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "quant/quant.h"
#include "trit/quantize.h"

/* Where the bits go follows llama.cpp's mixes: values and what writes back into the residual stream suffer most from rounding, the
 * head decides every token, and the first and last layers err more than those between. */
static const char *const policies[][2] = {
    {"conservative", "token_embd.weight q8_0\n"
                     "output.weight q8_0\n"
                     "*attn_v.weight q8_0\n"
                     "*ffn_down.weight q8_0\n"
                     "* q6_k\n"},
    {"balanced", "token_embd.weight q6_k\n"
                 "output.weight q6_k\n"
                 "*attn_v.weight q6_k\n"
                 "blk.0.ffn_down.weight q6_k\n"
                 "blk.-1.ffn_down.weight q6_k\n"
                 "*ffn_down.weight q5_k\n"
                 "* q4_k\n"},
    {"aggressive", "token_embd.weight q4_k\n"
                   "output.weight q6_k\n"
                   "*attn_v.weight q4_k\n"
                   "blk.0.* q4_k\n"
                   "blk.-1.* q4_k\n"
                   "*attn_output.weight q3_k\n"
                   "*ffn_down.weight q3_k\n"
                   "* q2_k\n"},
};

const char *trit_policy_text(const char *name) {
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++)
        if (strcmp(policies[i][0], name) == 0) return policies[i][1];
    return NULL;
}

/* The scheme that a ternary file type stands for: floats are brought to it by absmean, with a scale for each of the type's own. */
static void scheme_of_type(trit_target *t) {
    const trit_quant_format *f = trit_quant_format_of(t->dtype);
    if (!f->trits) return;
    t->has_scheme = true;
    t->scheme = (trit_scheme){.kind = trit_scheme_ternary, .bits = 2, .grain = trit_grain_tensor};
    if (t->dtype == trit_dtype_q1_0) t->scheme = (trit_scheme){.kind = trit_scheme_symmetric, .bits = 1};
    if (f->scale_group) t->scheme.grain = trit_grain_group;
    else if (f->pack) t->scheme.grain = trit_grain_row;
    t->scheme.group = f->scale_group;
}

static trit_status read_type(trit_dtype *out, const char *name, trit_error *err) {
    static const char *const aliases[][2] = {{"fp16", "f16"}, {"fp32", "f32"}};
    for (size_t i = 0; i < 2; i++)
        if (strcmp(name, aliases[i][0]) == 0) name = aliases[i][1];
    *out = trit_dtype_from_label(name);
    if (trit_quant_can_pack(trit_quant_format_of(*out))) return trit_ok;
    return trit_error_set(err, trit_arg, "type \"%.40s\": none that can be written", name);
}

static trit_status read_target(trit_target *out, const char *word, trit_error *err) {
    char scheme[64];
    trit_error ignored;
    const char *at = strchr(word, '@');
    *out = (trit_target){.dtype = trit_n_dtypes, .keep = strcmp(word, "keep") == 0};
    if (out->keep) return trit_ok;
    if (!at && read_type(&out->dtype, word, &ignored) == trit_ok) {
        out->is_type = true;
        scheme_of_type(out);
        return trit_ok;
    }
    out->dtype = trit_n_dtypes;
    out->has_scheme = true;
    snprintf(scheme, sizeof scheme, "%.*s", at ? (int)(at - word) : (int)strlen(word), word);
    const trit_status status = trit_scheme_parse(&out->scheme, scheme, err);
    return status == trit_ok && at ? read_type(&out->dtype, at + 1, err) : status;
}

static trit_str next_word(const char **p, const char *end) {
    while (*p < end && strchr(" \t\r", **p)) (*p)++;
    const char *start = *p;
    while (*p < end && !strchr(" \t\r", **p)) (*p)++;
    return (trit_str){start, (size_t)(*p - start)};
}

static trit_status add_line(trit_recipe *recipe, const char *p, const char *end, bool named, trit_error *err) {
    char word[64];
    const trit_str pattern = next_word(&p, end), target = next_word(&p, end), more = next_word(&p, end);
    if (pattern.n == 0) return trit_ok;
    if (target.n == 0 || more.n) return trit_error_set(err, trit_arg, "a pattern and a type or scheme were expected");
    if (target.n >= sizeof word) return trit_error_set(err, trit_arg, "\"%.*s...\": no such type or scheme", 40, target.p);
    memcpy(word, target.p, target.n);
    word[target.n] = 0;
    void *grown = recipe->rules;
    if (!trit_grow(&grown, &recipe->capacity, recipe->n + 1, sizeof *recipe->rules)) return trit_error_memory(err, recipe->n, "the rules");
    recipe->rules = grown;
    trit_recipe_rule *rule = &recipe->rules[recipe->n];
    *rule = (trit_recipe_rule){.pattern = pattern, .is_named = named && !trit_str_is(pattern, "*")};
    const trit_status status = read_target(&rule->target, word, err);
    if (status == trit_ok) recipe->n++;
    return status;
}

trit_status trit_recipe_add(trit_recipe *recipe, const char *text, bool named, const char *what, trit_error *err) {
    for (unsigned line = 1; *text; line++) {
        const char *end = text + strcspn(text, "\n");
        const char *comment = memchr(text, '#', (size_t)(end - text));
        trit_error why;
        const trit_status status = add_line(recipe, text, comment ? comment : end, named, &why);
        if (status != trit_ok) return trit_error_set(err, status, "%s, line %u: %s", what, line, why.message);
        text = *end ? end + 1 : end;
    }
    return trit_ok;
}

void trit_recipe_fini(trit_recipe *recipe) {
    trit_free(recipe->rules);
    *recipe = (trit_recipe){0};
}

const trit_recipe_rule *trit_recipe_find(const trit_recipe *recipe, const char *const names[3], bool only_named) {
    for (size_t i = 0; i < recipe->n; i++)
        for (int k = 0; k < 3; k++)
            if (names[k] && (!only_named || recipe->rules[i].is_named) && trit_glob(recipe->rules[i].pattern, names[k])) return &recipe->rules[i];
    return NULL;
}
