/* The configuration as a JSON object: read from a file of the user or from trainer.json, and written there. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "train/config_keys.h"

static trit_status wrong_kind(size_t i, const char *wanted, trit_error *err) {
    return trit_error_set(err, trit_arg, "%s: %s was expected", trit_train_keys[i].name, wanted);
}

static trit_status set_list(trit_train_config *c, size_t i, const trit_json *value, trit_error *err) {
    trit_status status = trit_train_reset(c, i, err);
    for (size_t k = 0; k < trit_json_length(value) && status == trit_ok; k++) {
        const trit_json *item = trit_json_at(value, k);
        if (trit_json_kind_of(item) != trit_json_string) return wrong_kind(i, "a list of texts", err);
        status = trit_train_set_text(c, i, trit_json_as_str(item), err);
    }
    return status;
}

/* Is it a number of the key's kind? Then the field has it, whatever its bounds are. */
static bool put_number(trit_train_config *c, size_t i, const trit_json *value) {
    const trit_json_kind kind = trit_json_kind_of(value);
    const bool is_int = trit_train_keys[i].kind == trit_train_kind_int && kind == trit_json_int;
    const bool is_real = trit_train_keys[i].kind == trit_train_kind_real && (kind == trit_json_int || kind == trit_json_real);
    if (is_int) *(int64_t *)trit_train_field(c, i) = trit_json_as_int(value, 0);
    if (is_real) *(double *)trit_train_field(c, i) = trit_json_as_real(value, 0);
    return is_int || is_real;
}

static trit_status set_value(trit_train_config *c, size_t i, const trit_json *value, trit_error *err) {
    const trit_json_kind kind = trit_json_kind_of(value);
    switch (trit_train_keys[i].kind) {
    case trit_train_kind_int:
        if (kind == trit_json_int) return trit_train_set_int(c, i, trit_json_as_int(value, 0), err);
        return wrong_kind(i, "a whole number", err);
    case trit_train_kind_real:
        if (kind == trit_json_int || kind == trit_json_real) return trit_train_set_real(c, i, trit_json_as_real(value, 0), err);
        return wrong_kind(i, "a number", err);
    case trit_train_kind_flag:
        if (kind != trit_json_bool) return wrong_kind(i, "true or false", err);
        trit_train_set_flag(c, i, trit_json_as_bool(value, false));
        return trit_ok;
    case trit_train_kind_list:
        if (kind == trit_json_array) return set_list(c, i, value, err);
        return wrong_kind(i, "a list of texts", err);
    case trit_train_kind_text:
    case trit_train_kind_file:
    case trit_train_kind_choice: break;
    }
    return kind == trit_json_string ? trit_train_set_text(c, i, trit_json_as_str(value), err) : wrong_kind(i, "a text", err);
}

trit_status trit_train_config_from_json(trit_train_config *c, const trit_json *object, bool is_told, const char *what, trit_error *err) {
    if (trit_json_kind_of(object) != trit_json_object) return trit_error_set(err, trit_format, "%.200s: no JSON object", what);
    trit_error inner = {0};
    trit_status status = trit_ok;
    void *iter = NULL;
    trit_str name;
    const trit_json *value;
    while (status == trit_ok && trit_json_next(object, &iter, &name, &value)) {
        size_t i = 0;
        status = trit_train_key_find(&i, name, &inner);
        if (status == trit_ok && (is_told || !put_number(c, i, value))) status = set_value(c, i, value, &inner);
    }
    if (status == trit_ok) return trit_ok;
    return trit_error_set(err, status == trit_arg ? trit_format : status, "%.200s: %s", what, inner.message);
}

trit_status trit_train_config_read(trit_train_config *c, const char *path, trit_error *err) {
    trit_file_map map;
    trit_json *doc = NULL;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = trit_json_parse(&doc, (const char *)map.data, map.n, path, err);
    if (status == trit_ok) status = trit_train_config_from_json(c, doc, true, path, err);
    trit_json_free(doc);
    trit_os_unmap(&map);
    return status;
}

static bool write_list(trit_text *out, const trit_train_paths *list) {
    bool ok = trit_text_append(out, "[", 1);
    for (size_t i = 0; i < list->n && ok; i++)
        ok = trit_text_append(out, ", ", i ? 2 : 0) && trit_json_write_str(out, list->item[i], strlen(list->item[i]));
    return ok && trit_text_append(out, "]", 1);
}

static bool write_value(trit_text *out, const trit_train_config *c, size_t i) {
    const void *field = trit_train_field(c, i);
    switch (trit_train_keys[i].kind) {
    case trit_train_kind_int: return trit_text_format(out, "%lld", (long long)*(const int64_t *)field);
    case trit_train_kind_real: return trit_json_write_f64(out, *(const double *)field);
    case trit_train_kind_flag: return trit_text_format(out, "%s", *(const bool *)field ? "true" : "false");
    case trit_train_kind_list: return write_list(out, field);
    case trit_train_kind_text:
    case trit_train_kind_file:
    case trit_train_kind_choice: break;
    }
    const char *text = *(char *const *)field;
    return trit_json_write_str(out, text, strlen(text));
}

static bool write_text(trit_text *out, const trit_train_config *c, size_t i) {
    const void *field = trit_train_field(c, i);
    const trit_train_paths *list = field;
    bool ok = true;
    switch (trit_train_keys[i].kind) {
    case trit_train_kind_int:
    case trit_train_kind_real: return write_value(out, c, i);
    case trit_train_kind_flag: return trit_text_format(out, "%s", *(const bool *)field ? "yes" : "no");
    case trit_train_kind_list:
        for (size_t k = 0; k < list->n && ok; k++) ok = trit_text_format(out, "%s%s", k ? ", " : "", list->item[k]);
        return ok;
    case trit_train_kind_text:
    case trit_train_kind_file:
    case trit_train_kind_choice: break;
    }
    return trit_text_format(out, "%s", *(char *const *)field);
}

trit_status trit_train_config_get(trit_text *out, const trit_train_config *c, const char *key, trit_error *err) {
    size_t i = 0;
    const trit_status status = trit_train_key_find(&i, trit_str_from(key), err);
    if (status != trit_ok) return status;
    out->n = 0;
    return trit_text_append(out, "", 0) && write_text(out, c, i) ? trit_ok : trit_error_memory(err, out->n, key);
}

trit_status trit_train_config_to_json(trit_text *out, const trit_train_config *c, trit_error *err) {
    bool ok = trit_text_append(out, "{", 1);
    for (size_t i = 0; i < trit_train_n_keys && ok; i++)
        ok = trit_text_format(out, "%s\"%s\": ", i ? ", " : "", trit_train_keys[i].name) && write_value(out, c, i);
    if (ok && trit_text_append(out, "}", 1)) return trit_ok;
    return trit_error_memory(err, out->n, "the configuration");
}
