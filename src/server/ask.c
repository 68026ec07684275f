#include "server/ask.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static bool read_stream_options(trit_ask *a, const trit_json *v, trit_refusal *r);
static bool read_stop(trit_ask *a, const trit_json *v, trit_refusal *r);
static bool read_logprobs(trit_ask *a, const trit_json *v, trit_refusal *r);
static bool read_seed(trit_ask *a, const trit_json *v, trit_refusal *r);
static bool read_bias(trit_ask *a, const trit_json *v, trit_refusal *r);
static bool read_breakers(trit_ask *a, const trit_json *v, trit_refusal *r);
static bool read_format(trit_ask *a, const trit_json *v, trit_refusal *r);
static bool read_grammar(trit_ask *a, const trit_json *v, trit_refusal *r);

const trit_param trit_params[] = {
#define TRIT_PARAM(name, kind, member, least, most, routes, text) \
    {#name, trit_param_##kind, offsetof(trit_ask, member), least, most, NULL, NULL, trit_ask_##routes, text},
#define TRIT_PARAM_READ(name, function, schema, routes, text) {#name, trit_param_read, 0, 0, 0, function, schema, trit_ask_##routes, text},
#include "server/params.def"
#undef TRIT_PARAM
#undef TRIT_PARAM_READ
};
const size_t trit_n_params = sizeof trit_params / sizeof trit_params[0];

const char *trit_json_kind_text(trit_json_kind kind) {
    static const char *const texts[] = {"null", "a boolean", "an integer", "a number", "a string", "an array", "an object", "nothing"};
    return texts[kind];
}

static bool wrong_kind(trit_refusal *r, const char *name, const char *wanted, const trit_json *v) {
    return trit_refuse(r, trit_refusal_invalid_value, name, "'%s': %s is wanted, not %s", name, wanted, trit_json_kind_text(trit_json_kind_of(v)));
}

/* ---- Those with a form of their own ---- */

static bool read_stream_options(trit_ask *a, const trit_json *v, trit_refusal *r) {
    if (trit_json_kind_of(v) != trit_json_object) return wrong_kind(r, "stream_options", "an object", v);
    const trit_json *usage = trit_json_get(v, "include_usage");
    const trit_json_kind kind = trit_json_kind_of(usage);
    if (kind != trit_json_absent && kind != trit_json_null && kind != trit_json_bool)
        return wrong_kind(r, "stream_options.include_usage", "a boolean", usage);
    a->include_usage = trit_json_as_bool(usage, false);
    return true;
}

/* A text for the engine, which wants it without NULs. */
static bool read_text(const char **out, const trit_json *v, const char *name, trit_refusal *r) {
    const trit_str s = trit_json_as_str(v);
    if (!s.p) return wrong_kind(r, name, "a string", v);
    if (memchr(s.p, '\0', s.n)) return trit_refuse(r, trit_refusal_invalid_value, name, "'%s': a text holds a NUL", name);
    *out = s.p;
    return true;
}

static bool read_stop(trit_ask *a, const trit_json *v, trit_refusal *r) {
    const bool is_list = trit_json_kind_of(v) == trit_json_array;
    const size_t n = is_list ? trit_json_length(v) : 1;
    if (!is_list && trit_json_kind_of(v) != trit_json_string) return wrong_kind(r, "stop", "a string or an array of strings", v);
    if (n > trit_ask_max_texts) return trit_refuse(r, trit_refusal_invalid_value, "stop", "'stop': %zu texts, at most %d", n, trit_ask_max_texts);
    for (size_t i = 0; i < n; i++) {
        if (!read_text(&a->stop[a->n_stop], is_list ? trit_json_at(v, i) : v, "stop", r)) return false;
        if (*a->stop[a->n_stop]) a->n_stop++; /* an empty one stops nothing */
    }
    return true;
}

static bool read_breakers(trit_ask *a, const trit_json *v, trit_refusal *r) {
    const size_t n = trit_json_length(v);
    if (trit_json_kind_of(v) != trit_json_array) return wrong_kind(r, "dry_sequence_breakers", "an array of strings", v);
    if (n > trit_ask_max_texts)
        return trit_refuse(r, trit_refusal_invalid_value, "dry_sequence_breakers", "'dry_sequence_breakers': %zu texts, at most %d", n, trit_ask_max_texts);
    for (size_t i = 0; i < n; i++)
        if (!read_text(&a->breaker[i].text, trit_json_at(v, i), "dry_sequence_breakers", r)) return false;
    a->sampling.dry_breakers = a->breaker;
    a->sampling.n_dry_breakers = n;
    a->sampling.dry_no_breakers = n == 0;
    return true;
}

/* Of completions: a number, and some clients' `true`. */
static bool read_logprobs(trit_ask *a, const trit_json *v, trit_refusal *r) {
    const int64_t n = trit_json_as_int(v, -1);
    if (trit_json_kind_of(v) == trit_json_bool) {
        a->want_logprobs = trit_json_as_bool(v, false);
        return true;
    }
    if (trit_json_kind_of(v) != trit_json_int) return wrong_kind(r, "logprobs", "an integer", v);
    if (n < 0 || n > 20) return trit_refuse(r, trit_refusal_invalid_value, "logprobs", "'logprobs': %lld is not between 0 and 20", (long long)n);
    a->want_logprobs = true;
    a->n_logprobs = (uint32_t)n;
    return true;
}

static bool read_seed(trit_ask *a, const trit_json *v, trit_refusal *r) {
    if (trit_json_kind_of(v) != trit_json_int) return wrong_kind(r, "seed", "an integer", v);
    const int64_t seed = trit_json_as_int(v, 0);
    if (seed != -1) a->sampling.seed = (uint64_t)seed; /* -1: a random one, as some clients say it */
    return true;
}

static bool read_bias(trit_ask *a, const trit_json *v, trit_refusal *r) {
    if (trit_json_kind_of(v) != trit_json_object) return wrong_kind(r, "logit_bias", "an object", v);
    const size_t n = trit_json_length(v);
    if (n > trit_ask_max_bias) return trit_refuse(r, trit_refusal_invalid_value, "logit_bias", "'logit_bias': %zu tokens, at most %d", n, trit_ask_max_bias);
    a->bias = trit_alloc_zero(n, sizeof *a->bias);
    if (!a->bias) return trit_refuse_memory(r);
    trit_str key;
    const trit_json *value;
    size_t i = 0;
    for (void *iter = NULL; trit_json_next(v, &iter, &key, &value);) {
        const double x = trit_json_as_real(value, NAN);
        int64_t id;
        if (!trit_parse_int(key.p, &id) || id < 0 || id > INT32_MAX || !(x >= -100 && x <= 100))
            return trit_refuse(r, trit_refusal_invalid_value, "logit_bias", "'logit_bias': \"%.*s\" is no token id with a number from -100 to 100",
                               TRIT_STR_ARG(key));
        a->bias[i++] = (trit_logit_bias){(int32_t)id, x <= -100 ? -HUGE_VALF : (float)x};
    }
    a->sampling.logit_bias = a->bias;
    a->sampling.n_logit_bias = n;
    return true;
}

/* ---- What the answer may be ---- */

static bool set_grammar(trit_ask *a, const char *name, trit_grammar *grammar, trit_refusal *r) {
    if (a->grammar) {
        trit_grammar_free(grammar);
        return trit_refuse(r, trit_refusal_invalid_value, name, "'%s' does not go with another word on the answer's form", name);
    }
    a->grammar = grammar;
    return true;
}

static bool read_grammar(trit_ask *a, const trit_json *v, trit_refusal *r) {
    const trit_str text = trit_json_as_str(v);
    trit_grammar *grammar;
    trit_error err = {0};
    if (!text.p) return wrong_kind(r, "grammar", "a string", v);
    if (trit_grammar_from_gbnf(&grammar, text.p, text.n, &err) != trit_ok) return trit_refuse_error(r, "grammar", &err);
    return set_grammar(a, "grammar", grammar, r);
}

static bool set_schema(trit_ask *a, const char *schema, size_t n, bool strict, const char *name, trit_refusal *r) {
    trit_grammar *grammar;
    trit_error err = {0};
    if (trit_grammar_from_schema(&grammar, schema, n, &(trit_schema_opts){.strict = strict}, &err) != trit_ok) return trit_refuse_error(r, name, &err);
    return set_grammar(a, name, grammar, r);
}

static bool read_schema(trit_ask *a, const trit_json *v, trit_refusal *r) {
    static const char name[] = "response_format.json_schema";
    const trit_json *schema = trit_json_get(v, "schema");
    trit_text text = {0};
    if (trit_json_kind_of(v) != trit_json_object) return wrong_kind(r, name, "an object", v);
    if (!schema) return trit_refuse(r, trit_refusal_missing, "response_format.json_schema.schema", "'%s' has no 'schema'", name);
    bool ok = trit_json_write(&text, schema) || trit_refuse_memory(r);
    ok = ok && set_schema(a, text.data, text.n, trit_json_as_bool(trit_json_get(v, "strict"), false), "response_format.json_schema.schema", r);
    trit_text_fini(&text);
    return ok;
}

static bool read_format(trit_ask *a, const trit_json *v, trit_refusal *r) {
    static const char any_object[] = "{\"type\": \"object\"}";
    const trit_str type = trit_json_as_str(trit_json_get(v, "type"));
    if (trit_json_kind_of(v) != trit_json_object) return wrong_kind(r, "response_format", "an object", v);
    if (trit_str_is(type, "text")) return true;
    if (trit_str_is(type, "json_object")) return set_schema(a, any_object, sizeof any_object - 1, false, "response_format", r);
    if (trit_str_is(type, "json_schema")) return read_schema(a, trit_json_get(v, "json_schema"), r);
    return trit_refuse(r, trit_refusal_invalid_value, "response_format.type", "'response_format.type': '%.*s' is none of text, json_object, json_schema",
                       TRIT_STR_ARG(type));
}

/* ---- All of them ---- */

static bool read_number(void *at, const trit_param *p, const trit_json *v, trit_refusal *r) {
    const trit_json_kind kind = trit_json_kind_of(v);
    const bool is_real = p->kind == trit_param_real;
    const double x = trit_json_as_real(v, NAN);
    if ((kind != trit_json_int && kind != trit_json_real) || (!is_real && x != floor(x)))
        return wrong_kind(r, p->name, is_real ? "a number" : "an integer", v);
    if (!(x >= p->least && x <= p->most))
        return trit_refuse(r, trit_refusal_invalid_value, p->name, "'%s': %g is not between %g and %g", p->name, x, p->least, p->most);
    if (is_real) *(float *)at = (float)x;
    else if (p->kind == trit_param_whole) *(int32_t *)at = (int32_t)x;
    else *(uint32_t *)at = (uint32_t)x;
    return true;
}

static bool read_param(trit_ask *a, const trit_param *p, const trit_json *v, trit_refusal *r) {
    void *at = (char *)a + p->at;
    if (p->kind == trit_param_read) return p->read(a, v, r);
    if (p->kind != trit_param_flag) return read_number(at, p, v, r);
    if (trit_json_kind_of(v) != trit_json_bool) return wrong_kind(r, p->name, "a boolean", v);
    *(bool *)at = trit_json_as_bool(v, false);
    return true;
}

/* Zero means the default to the engine, and what it says to a client. */
static void settle(trit_ask *a) {
    trit_sampling *s = &a->sampling;
    s->top_k = a->top_k > 0 ? (uint32_t)a->top_k : 0;
    s->penalty_last_n = a->repeat_last_n;
    s->dry_last_n = a->dry_last_n;
    s->mirostat = (trit_mirostat)a->mirostat;
    if (s->top_p <= 0) s->top_p = 1e-9f;
    if (a->repeat_last_n == 0) s->repeat_penalty = s->presence_penalty = s->frequency_penalty = 0;
    if (a->dry_last_n == 0) s->dry_multiplier = 0;
}

bool trit_ask_read(trit_ask *a, const trit_json *body, trit_ask_route route, const trit_sampling *defaults, uint64_t seed, trit_refusal *r) {
    *a = (trit_ask){.sampling = *defaults, .n = 1, .max_tokens = UINT32_MAX, .top_k = (int32_t)defaults->top_k, .mirostat = (uint32_t)defaults->mirostat,
                    .repeat_last_n = defaults->penalty_last_n ? defaults->penalty_last_n : 64,
                    .dry_last_n = defaults->dry_last_n ? defaults->dry_last_n : -1};
    a->sampling.seed = seed;
    if (a->sampling.top_p <= 0) a->sampling.top_p = 1;
    for (size_t i = 0; i < trit_n_params; i++) {
        const trit_param *p = &trit_params[i];
        const trit_json *v = trit_json_get(body, p->name);
        const trit_json_kind kind = trit_json_kind_of(v);
        if ((p->routes & route) && kind != trit_json_absent && kind != trit_json_null && !read_param(a, p, v, r)) return false;
    }
    a->limits_tokens = a->max_tokens != UINT32_MAX;
    if (!a->limits_tokens) a->max_tokens = 0;
    settle(a);
    if (a->best_of && a->best_of != a->n)
        return trit_refuse(r, trit_refusal_unsupported, "best_of", "'best_of': %u is not n (%u): answers are not ranked here", a->best_of, a->n);
    if (route == trit_ask_chat && a->n_logprobs && !a->want_logprobs)
        return trit_refuse(r, trit_refusal_invalid_value, "top_logprobs", "'top_logprobs' needs 'logprobs': true");
    return true;
}

void trit_ask_fini(trit_ask *a) {
    trit_free(a->bias);
    trit_grammar_free(a->grammar);
    trit_reading_free(a->reading);
    a->bias = NULL;
    a->grammar = NULL;
    a->reading = NULL;
}

bool trit_body_read(trit_json **out, const trit_text *body, trit_refusal *r) {
    trit_error err = {0};
    if (!body->n) return trit_refuse(r, trit_refusal_invalid_json, NULL, "the body is empty; a JSON object is wanted");
    if (trit_json_parse_last(out, body->data, body->n, "the body", &err) != trit_ok) {
        if (err.status == trit_memory) return trit_refuse_memory(r);
        return trit_refuse(r, trit_refusal_invalid_json, NULL, "%s", err.message);
    }
    if (trit_json_kind_of(*out) == trit_json_object) return true;
    const trit_json_kind kind = trit_json_kind_of(*out);
    trit_json_free(*out);
    return trit_refuse(r, trit_refusal_invalid_json, NULL, "the body: an object is wanted, not %s", trit_json_kind_text(kind));
}
