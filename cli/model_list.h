/* The models of a server: those of --model, each called by its --alias or its file's name, and those that lie in a folder. */
#ifndef TRIT_CLI_MODEL_LIST_H
#define TRIT_CLI_MODEL_LIST_H

#include "options.h"

typedef struct trit_model_entry {
    char *name; /* owned, like `ref` */
    char *ref;  /* as --model has it; "": the model inside the program */
} trit_model_entry;

typedef struct trit_model_list {
    trit_model_entry *item; /* [n] */
    size_t n, capacity;
} trit_model_list;

/* Of a folder (may be NULL) every .gguf file (of one in parts the first) and every folder with a config.json, by their names' order and unless it is
 * among `models`. Without either it is the model inside the program. End *out
 * with trit_model_list_fini in any case. Errors: arg (two of one name, an empty alias, more aliases than models), io (a folder without models), memory. */
TRIT_MUST_CHECK trit_status trit_model_list_make(trit_model_list *out, const trit_opt_texts *models, const trit_opt_texts *aliases, const char *folder,
                                                 trit_error *err);
void trit_model_list_fini(trit_model_list *list);

#endif
