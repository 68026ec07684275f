/* Any bytes as a file of prompts in each of its three forms; what a CSV file held comes back when it is written and read again. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "prompt_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_csv(const trit_prompt_items *items) {
    trit_text text = {0};
    trit_prompt_items again = {0};
    trit_error err;
    if (!trit_text_format(&text, "prompt,more\r\n")) abort();
    for (size_t i = 0; i < items->n; i++)
        if (!trit_csv_put(&text, items->item[i].text.data, items->item[i].text.n) || !trit_text_append(&text, ",\n", 2)) abort();
    if (trit_prompt_items_read(&again, text.data, text.n, "again", trit_prompts_csv, NULL, &err) != trit_ok || again.n != items->n) abort();
    for (size_t i = 0; i < items->n; i++) {
        const trit_text *a = &items->item[i].text, *b = &again.item[i].text;
        if (a->n != b->n || (a->n && memcmp(a->data, b->data, a->n) != 0)) abort();
    }
    trit_prompt_items_fini(&again);
    trit_text_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    for (int format = trit_prompts_txt; format <= trit_prompts_jsonl; format++) {
        trit_prompt_items items = {0};
        trit_error err = {0};
        if (trit_prompt_items_read(&items, (const char *)data, n, "input", (trit_prompt_format)format, NULL, &err) == trit_ok)
            check_csv(&items);
        else if (!*err.message)
            abort();
        trit_prompt_items_fini(&items);
    }
    return 0;
}
