/* Any bytes as the records of an evaluation task; what is read keeps the promises of cli/records.h. The vocabulary is so small that
 * beginnings and endings also come out empty, or grow together. */
#include <stdlib.h>

#include "records.h"
#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char small[] =
    "{\"added_tokens\": [{\"id\": 0, \"content\": \"<s>\", \"special\": true}], \"model\": {\"type\": \"BPE\", \"vocab\": {\"<s>\": 0, \"a\": 1,"
    "\"b\": 2, \" \": 3, \"ab\": 4, \" a\": 5, \" ab\": 6, \"b \": 7}, \"merges\": [[\"a\", \"b\"], [\" \", \"a\"], [\" \", \"ab\"], [\"b\", \" \"]]}}";

static void require(const trit_records *r) {
    uint32_t longest = 0;
    for (size_t i = 0; i < r->n; i++) {
        const trit_record *record = &r->record[i];
        if (!record->n || record->gold >= record->n) abort();
        for (uint32_t k = 0; k < record->n; k++) {
            const trit_ending *e = &record->ending[k];
            if (e->record != record || !e->n_begin || e->n_begin >= e->n || e->n_chars > e->n_bytes) abort();
            if (e->n > longest) longest = e->n;
        }
    }
    if (longest != r->longest) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static trit_tokenizer *t;
    trit_error err;
    if (!t && trit_tokenizer_from_json(&t, trit_str_from(small), (trit_str){0}, "small", &err) != trit_ok) abort();
    const trit_text text = {.data = (char *)(uintptr_t)data, .n = n};
    trit_records all = {0};
    if (trit_records_read(&all, &text, "input", 0, t, &err) == trit_ok) require(&all);
    else if (!*err.message) abort();
    trit_records_fini(&all);
    return 0;
}
