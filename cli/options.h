/* Options as tables: what a command accepts, what its help, man page and shell completion say, all from the same rows.
 *
 * A group is a table of options over one struct; `base` is where that struct stands inside the command's own, so that
 * groups (model, sampling, output) are shared between commands. Every value has one of the few C types below. */
#ifndef TRIT_CLI_OPTIONS_H
#define TRIT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/status.h"

typedef enum trit_opt_kind {
    trit_opt_flag,   /* bool */
    trit_opt_int,    /* int64_t in [min, max] */
    trit_opt_real,   /* double in [min, max] */
    trit_opt_text,   /* const char * */
    trit_opt_file,   /* const char *, a path */
    trit_opt_choice, /* const char *, one of the words of `value`: "f32|f16|q8" */
    trit_opt_list,   /* trit_opt_texts: may be given several times */
    trit_opt_files   /* the same, of paths */
} trit_opt_kind;

enum { trit_opt_max_texts = 32 };

typedef struct trit_opt_texts {
    const char *item[trit_opt_max_texts];
    size_t n;
} trit_opt_texts;

typedef struct trit_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    trit_opt_kind kind;
    size_t at;         /* offset in the group's struct */
    const char *value; /* how the help names the value; NULL for flags */
    double min, max;
    const char *help; /* a default that is positive is added to it */
} trit_option;

typedef struct trit_opt_group {
    const char *title;
    const trit_option *options; /* [n] */
    size_t n;
    size_t base;
} trit_opt_group;

/* What is left after the options: the words in order. */
typedef struct trit_args {
    const char **item; /* [n], borrowed from argv */
    size_t n;
} trit_args;

typedef struct trit_opt_result {
    bool help;      /* -h or --help was found; nothing behind it was read */
} trit_opt_result;

/* Reads argv[0..argc) into `opts` by the groups. Words that are no options go to args->item, which has room for argc.
 * "--" ends the options; "-" is a word; "--name=value", "--name value", "-n value" and "-nvalue" are the same.
 * Errors: arg (one line that names the option and the value). */
TRIT_MUST_CHECK trit_status trit_opts_parse(void *opts, const trit_opt_group *groups, size_t n_groups, int argc, char **argv,
                                            trit_args *args, trit_opt_result *result, trit_error *err);

#define TRIT_COUNT(array) (sizeof(array) / sizeof(array)[0])

#endif
