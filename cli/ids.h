/* Lists of token ids as people and programs write them. */
#ifndef TRIT_CLI_IDS_H
#define TRIT_CLI_IDS_H

#include <stddef.h>

#include "base/json.h"
#include "trit/memory.h"
#include "trit/status.h"

/* Appends the ids of "1, 2 3" (commas, spaces, newlines; square brackets round all of it are fine). `what` names the text in
 * errors. Errors: arg, memory. */
TRIT_MUST_CHECK trit_status trit_ids_parse(trit_ids *ids, const char *text, size_t n, const char *what, trit_error *err);

/* Appends the ids of a JSON array of integers. Errors: format, memory. */
TRIT_MUST_CHECK trit_status trit_ids_from_json(trit_ids *ids, const trit_json *array, const char *what, trit_error *err);

#endif
