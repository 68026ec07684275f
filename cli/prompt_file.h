/* A file of prompts: lines of a text, rows of a CSV file, records of JSON lines. */
#ifndef TRIT_CLI_PROMPT_FILE_H
#define TRIT_CLI_PROMPT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "trit/memory.h"
#include "trit/status.h"

typedef enum trit_prompt_format { trit_prompts_txt, trit_prompts_csv, trit_prompts_jsonl } trit_prompt_format;

/* By the word of an option, or where that is NULL by the end of the path; txt if neither tells. */
trit_prompt_format trit_prompt_format_of(const char *word, const char *path);

typedef struct trit_prompt_item {
    trit_text text;  /* owned: the prompt, or the whole record of a conversation */
    bool is_conversation; /* an object with "messages" */
} trit_prompt_item;

typedef struct trit_prompt_items {
    trit_prompt_item *item; /* [n], owned */
    size_t n, capacity;
} trit_prompt_items;

/* Reads data[0..n), which `path` names in errors:
 *   txt    each line is a prompt, empty ones too
 *   csv    RFC 4180, the first row names the columns; the prompt stands in column `field`
 *   jsonl  an object a line (blank lines are skipped): the text of `field`, or a conversation where there are "messages" instead
 * `field` NULL: "prompt". Errors: format (names the line), arg (no such column, no prompts), memory. Call trit_prompt_items_fini in any case. */
TRIT_MUST_CHECK trit_status trit_prompt_items_read(trit_prompt_items *out, const char *data, size_t n, const char *path,
                                                   trit_prompt_format format, const char *field, trit_error *err);
void trit_prompt_items_fini(trit_prompt_items *items);

/* A cell of a CSV row: quoted where it must be. False when out of memory. */
bool trit_csv_put(trit_text *out, const char *s, size_t n);

#endif
