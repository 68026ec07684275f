/* Options that are to come, by name: answered with one clear line instead of "unknown option". */
#include "options.h"

const char *const trit_opts_later[] = {
    "schema",         "grammar",
    "draft",          "beams",      "length-penalty", "typical",              "mirostat",  "mirostat-eta", "mirostat-tau",
    "dry-multiplier", "dry-base",   "dry-allowed-length", "dry-penalty-last-n", "dry-sequence-breaker",
    "xtc-probability", "xtc-threshold", NULL,
};
