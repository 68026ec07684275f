#include "ids.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"

static trit_status push(trit_ids *ids, int32_t id, trit_error *err) {
    return trit_ids_push(ids, id) ? trit_ok : trit_error_memory(err, (ids->n + 1) * sizeof id, "token ids");
}

trit_status trit_ids_parse(trit_ids *ids, const char *text, size_t n, const char *what, trit_error *err) {
    static const char between[] = ", \t\r\n[]";
    trit_status status = trit_ok;
    for (size_t i = 0; i < n && status == trit_ok;) {
        size_t length = 0;
        while (i + length < n && !memchr(between, text[i + length], sizeof between - 1)) length++;
        if (length) {
            char word[16] = "";
            int64_t id;
            if (length < sizeof word) memcpy(word, text + i, length);
            if (!trit_parse_int(word, &id) || id < 0 || id > INT32_MAX)
                return trit_error_set(err, trit_arg, "%s: \"%.*s\" is not a token id", what, length < 40 ? (int)length : 40, text + i);
            status = push(ids, (int32_t)id, err);
        }
        i += length ? length : 1;
    }
    return status;
}

trit_status trit_ids_from_json(trit_ids *ids, const trit_json *array, const char *what, trit_error *err) {
    if (trit_json_kind_of(array) != trit_json_array) return trit_error_set(err, trit_format, "%s: not an array of token ids", what);
    size_t n = trit_json_length(array);
    trit_status status = trit_ok;
    for (size_t i = 0; i < n && status == trit_ok; i++) {
        int64_t id = trit_json_as_int(trit_json_at(array, i), -1);
        if (id < 0 || id > INT32_MAX) return trit_error_set(err, trit_format, "%s: element %zu is not a token id", what, i);
        status = push(ids, (int32_t)id, err);
    }
    return status;
}
