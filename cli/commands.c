/* The table of commands and how names are looked up in it. */
#include "command.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"

#define TRIT_COMMAND(name, command, summary) extern const trit_command command;
#include "cmds.def"
#undef TRIT_COMMAND

const trit_command_row trit_commands[] = {
#define TRIT_COMMAND(name, command, summary) {#name, &command, summary},
#include "cmds.def"
#undef TRIT_COMMAND
};

const size_t trit_n_commands = TRIT_COUNT(trit_commands);

const trit_command_row *trit_command_find(const trit_command_row *rows, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    return NULL;
}

void trit_command_name(char out[trit_command_name_max], const char *parent, const char *name) {
    snprintf(out, trit_command_name_max, "%.30s%s%.30s", parent, *parent ? " " : "", name);
}

static const char *row_name_at(const void *list, size_t i) {
    return ((const trit_command_row *)list)[i].name;
}

trit_status trit_command_unknown(const trit_command_row *rows, size_t n, const char *parent, const char *name, trit_error *err) {
    const char *space = *parent ? " " : "";
    int near = trit_nearest(name, row_name_at, rows, n);
    if (near >= 0)
        return trit_error_set(err, trit_arg, "unknown command \"%s%s%s\" (did you mean \"%s%s%s\"?)", parent, space, name, parent, space,
                              rows[near].name);
    return trit_error_set(err, trit_arg, "unknown command \"%s%s%s\" (trit help%s%s lists them)", parent, space, name, space, parent);
}

trit_status trit_args_at_most(const trit_args *args, size_t n, trit_error *err) {
    if (args->n <= n) return trit_ok;
    return trit_error_set(err, trit_arg, "unexpected argument \"%s\"%s", args->item[n],
                          n == 1 ? " (put quotes round a text of several words)" : "");
}
