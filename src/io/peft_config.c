/* Reads adapter_config.json of PEFT: how a LoRA adapter's products are scaled. What would change the result and is not computed here is
 * refused by the name of its key; what only training needs is passed over. */
#include <math.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/io.h"
#include "io/path.h"

enum { max_config_bytes = 16 << 20 }; /* real ones have a kilobyte */

/* null, false, 0 and empty lists and objects say that something is not used. */
static bool is_nothing(const trit_json *v) {
    switch (trit_json_kind_of(v)) {
    case trit_json_absent:
    case trit_json_null: return true;
    case trit_json_bool: return !trit_json_as_bool(v, true);
    case trit_json_int:
    case trit_json_real: return trit_json_as_real(v, 1) == 0;
    case trit_json_array:
    case trit_json_object: return trit_json_length(v) == 0;
    default: return trit_json_as_str(v).n == 0;
    }
}

static trit_status refuse_used(const trit_json *json, const char *what, trit_error *err) {
    static const char *const keys[] = {"use_dora", "fan_in_fan_out", "lora_bias", "use_qalora", "use_bdlora", "modules_to_save", "layer_replication",
                                       "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "arrow_config", "kasa_config",
                                       "monteclora_config", "velora_config"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!is_nothing(trit_json_get(json, keys[i])))
            return trit_error_set(err, trit_unsupported, "%.200s: %s is not supported", what, keys[i]);
    const trit_str bias = trit_json_as_str(trit_json_get(json, "bias"));
    if (bias.p && !trit_str_is(bias, "none"))
        return trit_error_set(err, trit_unsupported, "%.200s: bias \"%.*s\" is not supported, only \"none\"", what, TRIT_STR_ARG(bias));
    return trit_ok;
}

/* Other ways to begin take something out of the base's weights, which the adapter then lacks. */
static trit_status refuse_changed_base(const trit_json *json, const char *what, trit_error *err) {
    const trit_json *v = trit_json_get(json, "init_lora_weights");
    const trit_str way = trit_json_as_str(v);
    const trit_json_kind kind = trit_json_kind_of(v);
    if (kind == trit_json_absent || kind == trit_json_null || kind == trit_json_bool) return trit_ok;
    if (trit_str_is(way, "gaussian") || trit_str_is(way, "eva") || trit_str_is(way, "orthogonal")) return trit_ok;
    return trit_error_set(err, trit_unsupported, "%.200s: init_lora_weights \"%.*s\" is not supported: it goes with a base whose weights were changed", what,
                          TRIT_STR_ARG(way));
}

static bool is_rank(const trit_json *v) {
    const int64_t r = trit_json_as_int(v, 0);
    return r >= 1 && r <= trit_max_lora_rank;
}

static bool is_alpha(const trit_json *v) {
    const double alpha = fabs(trit_json_as_real(v, NAN));
    return alpha > 0 && alpha <= 1e6;
}

/* Patterns are expressions that match the end of a module's name from a dot on; here they are names. */
static bool is_name(trit_str s) {
    for (size_t i = 0; i < s.n; i++) {
        const char c = trit_ascii_lower(s.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.')) return false;
    }
    return s.n > 0;
}

static trit_status check_patterns(const trit_json *json, const char *key, bool (*is_value)(const trit_json *), const char *what, trit_error *err) {
    const trit_json *patterns = trit_json_get(json, key), *value;
    trit_str name;
    for (void *iter = NULL; trit_json_next(patterns, &iter, &name, &value);) {
        if (!is_name(name))
            return trit_error_set(err, trit_unsupported, "%.200s: %s: \"%.*s\" is no plain name of modules", what, key, TRIT_STR_ARG(name));
        if (!is_value(value)) return trit_error_set(err, trit_format, "%.200s: %s: no number for \"%.*s\"", what, key, TRIT_STR_ARG(name));
    }
    return trit_ok;
}

static trit_status check(const trit_json *json, const char *what, trit_error *err) {
    const trit_str type = trit_json_as_str(trit_json_get(json, "peft_type"));
    if (trit_json_kind_of(json) != trit_json_object) return trit_error_set(err, trit_format, "%.200s: not a JSON object", what);
    if (!trit_str_is(type, "LORA"))
        return trit_error_set(err, trit_unsupported, "%.200s: peft_type \"%.*s\" is not supported, only \"LORA\"", what, TRIT_STR_ARG(type));
    if (!is_rank(trit_json_get(json, "r")))
        return trit_error_set(err, trit_format, "%.200s: r is no number between 1 and %d", what, trit_max_lora_rank);
    if (!is_alpha(trit_json_get(json, "lora_alpha"))) return trit_error_set(err, trit_format, "%.200s: lora_alpha is no number", what);
    trit_status status = refuse_used(json, what, err);
    if (status == trit_ok) status = refuse_changed_base(json, what, err);
    if (status == trit_ok) status = check_patterns(json, "rank_pattern", is_rank, what, err);
    return status == trit_ok ? check_patterns(json, "alpha_pattern", is_alpha, what, err) : status;
}

trit_status trit_peft_config_from_memory(trit_peft_config *out, trit_str text, const char *what, trit_error *err) {
    trit_json *json;
    trit_status status = trit_json_parse(&json, text.p, text.n, what, err);
    if (status != trit_ok) return status;
    status = check(json, what, err);
    if (status == trit_ok) *out = (trit_peft_config){json, trit_json_as_bool(trit_json_get(json, TRIT_PEFT_INSIDE), false)};
    else trit_json_free(json);
    return status;
}

trit_status trit_peft_path(trit_text *out, const char *folder, const char *file, trit_error *err) {
    return trit_path_join(out, trit_str_from(folder), trit_str_from(file)) ? trit_ok : trit_error_memory(err, strlen(folder), "a path");
}

trit_status trit_peft_config_open(trit_peft_config *out, const char *folder, trit_error *err) {
    trit_text path = {0};
    trit_file_map map = {0};
    trit_status status = trit_peft_path(&path, folder, TRIT_PEFT_CONFIG, err);
    if (status == trit_ok) status = trit_os_map(&map, path.data, err);
    if (status == trit_ok && map.n > max_config_bytes)
        status = trit_error_set(err, trit_format, "%.200s: %zu bytes are no configuration", path.data, map.n);
    if (status == trit_ok) status = trit_peft_config_from_memory(out, (trit_str){(const char *)map.data, map.n}, path.data, err);
    trit_os_unmap(&map);
    trit_text_fini(&path);
    return status;
}

void trit_peft_config_fini(trit_peft_config *c) {
    trit_json_free(c->json);
    *c = (trit_peft_config){0};
}

/* The value of the first pattern that `module` ends with, from a dot on; NULL: none does. */
static const trit_json *find_pattern(const trit_json *patterns, trit_str module) {
    const trit_json *value;
    trit_str name;
    for (void *iter = NULL; trit_json_next(patterns, &iter, &name, &value);) {
        if (name.n > module.n || memcmp(module.p + module.n - name.n, name.p, name.n) != 0) continue;
        if (name.n == module.n || module.p[module.n - name.n - 1] == '.') return value;
    }
    return NULL;
}

uint32_t trit_peft_rank(const trit_peft_config *c, trit_str module) {
    const trit_json *own = find_pattern(trit_json_get(c->json, "rank_pattern"), module);
    return (uint32_t)trit_json_as_int(own ? own : trit_json_get(c->json, "r"), 1);
}

double trit_peft_scaling(const trit_peft_config *c, trit_str module) {
    const trit_json *own = find_pattern(trit_json_get(c->json, "alpha_pattern"), module);
    const double alpha = trit_json_as_real(own ? own : trit_json_get(c->json, "lora_alpha"), 0), rank = trit_peft_rank(c, module);
    /* arXiv:2312.03732: the root keeps the update's size where ranks grow */
    return alpha / (trit_json_as_bool(trit_json_get(c->json, "use_rslora"), false) ? sqrt(rank) : rank);
}
