/* Help texts, made from the tables of commands and options. */
#ifndef TRIT_CLI_HELP_H
#define TRIT_CLI_HELP_H

#include <stddef.h>

#include "command.h"

void trit_help_program(void);                                       /* `trit --help` */
void trit_help_command(const char *name, const trit_command *c);    /* `trit run --help`; name "run" or "eval ppl" */
void trit_man_page(void);                                           /* `trit man`: trit.1 */

/* What help and man page say of an option: "-n, --max-tokens N" and its text with the default. Both NUL-terminated. */
void trit_help_flags(const trit_option *o, char *out, size_t n);
void trit_help_text(const trit_option *o, const char *group_defaults, char *out, size_t n);
/* The default values of a group's options; NULL where the command has none. */
const char *trit_help_defaults(const trit_command *c, const trit_opt_group *group);

/* The option --help, which every command has. */
extern const trit_opt_group trit_help_group;

typedef struct trit_exit_row {
    int code;
    const char *meaning;
} trit_exit_row;

extern const trit_exit_row trit_exit_rows[]; /* ends with a NULL meaning */

extern const trit_example trit_program_examples[];
extern const size_t trit_n_program_examples;

#endif
