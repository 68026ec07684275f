/* Fuzzes the reader of training configurations: what it takes is written, and reads back as the same. */
#include <stdlib.h>
#include <string.h>

#include "train/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static trit_train_config *read_text(const char *data, size_t n) {
    trit_train_config *c = NULL;
    trit_json *doc = NULL;
    trit_status status = trit_train_config_new(&c, NULL);
    if (status == trit_ok) status = trit_json_parse(&doc, data, n, "input", NULL);
    if (status == trit_ok) status = trit_train_config_from_json(c, doc, true, "input", NULL);
    trit_json_free(doc);
    if (status == trit_ok) return c;
    trit_train_config_free(c);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_text text = {0}, again = {0};
    trit_train_config *c = read_text((const char *)data, n), *copy = NULL;
    if (c && trit_train_config_to_json(&text, c, NULL) == trit_ok) {
        copy = read_text(text.data, text.n);
        if (!copy || trit_train_config_to_json(&again, copy, NULL) != trit_ok || strcmp(text.data, again.data) != 0) abort();
        trit_status status = trit_train_config_settle(c, NULL);
        if (status != trit_ok && status != trit_arg) abort();
    }
    trit_train_config_free(c);
    trit_train_config_free(copy);
    trit_text_fini(&text);
    trit_text_fini(&again);
    return 0;
}
