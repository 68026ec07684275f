/* Help for people on a terminal of 80 columns. */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "out.h"
#include "trit/trit.h"

enum { width = 80, text_column = 29 };

static const trit_option help_options[] = {
    {"help", 'h', trit_opt_flag, 0, NULL, 0, 0, "show this text"},
};
const trit_opt_group trit_help_group = {"Help", help_options, 1, 0};

const trit_exit_row trit_exit_rows[] = {
    {0, "done"},          {1, "failed"},          {2, "wrong usage"},          {3, "file or format"},
    {4, "out of memory"}, {5, "device"},          {130, "interrupted (Ctrl-C)"}, {0, NULL},
};

const trit_example trit_program_examples[] = {
    {"trit run", "the model inside the program tells a story"},
    {"trit run -m model.gguf \"The capital of France is\"", "complete a prompt with a model of yours"},
    {"trit info -m model.gguf", "what is in this file?"},
    {"trit doctor", "does this installation compute right?"},
};
const size_t trit_n_program_examples = TRIT_COUNT(trit_program_examples);

/* Writes `text` from the current column on, breaking lines between words; further lines begin at `indent`. */
static void wrapped(const char *text, size_t indent) {
    size_t column = indent;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, " \n");
        if (column > indent && column + n > width) {
            trit_out_printf("\n%*s", (int)indent, "");
            column = indent;
        }
        trit_out_write(p, n);
        column += n;
        p += n;
        if (*p == '\n') {
            trit_out_puts("\n");
            column = indent;
            p++;
        } else if (*p) {
            if (column + 1 + strcspn(p + 1, " \n") <= width) {
                trit_out_puts(" ");
                column++;
            } else {
                column = width; /* the next word begins a line */
            }
            p++;
        }
    }
    trit_out_puts("\n");
}

/* A term at column 2 and its text at text_column, below it when the term is too long. */
static void term(const char *name, const char *text) {
    size_t n = strlen(name) + 2;
    trit_out_printf("  %s", name);
    if (n + 1 > text_column) trit_out_printf("\n%*s", text_column, "");
    else trit_out_printf("%*s", (int)(text_column - n), "");
    wrapped(text, text_column);
}

void trit_help_flags(const trit_option *o, char *out, size_t n) {
    char letter[5] = "    ";
    if (o->letter) memcpy(letter, (char[]){'-', o->letter, ',', ' '}, 4);
    snprintf(out, n, "%s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
}

const char *trit_help_defaults(const trit_command *c, const trit_opt_group *group) {
    return c->defaults ? (const char *)c->defaults + group->base : NULL;
}

void trit_help_text(const trit_option *o, const char *group_defaults, char *out, size_t n) {
    char given[64] = "";
    const char *field = group_defaults ? group_defaults + o->at : NULL;
    if (!group_defaults || o->kind == trit_opt_flag || o->kind == trit_opt_list || o->kind == trit_opt_files) {
        /* nothing to show */
    } else if (o->kind == trit_opt_int) {
        int64_t x;
        memcpy(&x, field, sizeof x);
        if (x > 0) snprintf(given, sizeof given, " (default %lld)", (long long)x);
    } else if (o->kind == trit_opt_real) {
        double x;
        memcpy(&x, field, sizeof x);
        if (x > 0) snprintf(given, sizeof given, " (default %g)", x);
    } else {
        const char *s;
        memcpy(&s, field, sizeof s);
        if (s && *s) snprintf(given, sizeof given, " (default %s)", s);
    }
    snprintf(out, n, "%s%s", o->help, given);
}

static void option_groups(const trit_command *c) {
    for (size_t g = 0; g < c->n_groups; g++) {
        const trit_opt_group *group = &c->groups[g];
        trit_out_printf("\n%s:\n", group->title);
        for (size_t i = 0; i < group->n; i++) {
            char flags[64], text[512];
            trit_help_flags(&group->options[i], flags, sizeof flags);
            trit_help_text(&group->options[i], trit_help_defaults(c, group), text, sizeof text);
            term(flags, text);
        }
    }
}

static void example_list(const trit_example *examples, size_t n) {
    if (n) trit_out_puts("\nExamples:\n");
    for (size_t i = 0; i < n; i++) {
        trit_out_printf("  %s\n      ", examples[i].line);
        wrapped(examples[i].what, 6);
    }
}

static void command_list(const trit_command_row *rows, size_t n) {
    size_t longest = 12;
    for (size_t i = 0; i < n; i++)
        if (strlen(rows[i].name) > longest) longest = strlen(rows[i].name);
    trit_out_puts("\nCommands:\n");
    for (size_t i = 0; i < n; i++) trit_out_printf("  %-*s %s\n", (int)longest, rows[i].name, rows[i].summary);
}

void trit_help_program(void) {
    trit_out_printf("trit %s: ternary (BitNet, 1.58-bit) language models\n\nUsage: trit COMMAND [options]\n", trit_version());
    command_list(trit_commands, trit_n_commands);
    trit_out_puts("\nOptions:\n");
    term("-h, --help", "show this text; after a command, its own help");
    term("    --version", "show the version");
    example_list(trit_program_examples, trit_n_program_examples);
    trit_out_puts("\nExit status:\n  ");
    for (const trit_exit_row *row = trit_exit_rows; row->meaning; row++)
        trit_out_printf("%s%d %s", row == trit_exit_rows ? "" : row->code == 130 ? "\n  " : ", ", row->code, row->meaning);
    trit_out_puts("\n\n\"trit help COMMAND\" tells more.\n");
}

void trit_help_command(const char *name, const trit_command *c) {
    const char *usage = c->usage;
    for (const char *lead = "Usage: "; *usage; lead = "       ") {
        size_t n = strcspn(usage, "\n");
        trit_out_printf("%strit %s %.*s\n", lead, name, (int)n, usage);
        usage += n + (usage[n] == '\n');
    }
    trit_out_puts("\n");
    wrapped(c->about, 0);
    if (c->n_subs) command_list(c->subs, c->n_subs);
    option_groups(c);
    if (c->run) {
        trit_out_puts("\nHelp:\n");
        term("-h, --help", trit_help_group.options[0].help);
    }
    example_list(c->examples, c->n_examples);
}
