/* The man page trit(1), from the same tables as the help. */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "out.h"
#include "trit/trit.h"

/* Text for roff: no line may begin with a dot or a quote, a backslash is written \e, a dash that is to be copied is \-. */
static void roff(const char *s) {
    bool line_start = true;
    for (; *s; s++) {
        if (line_start && (*s == '.' || *s == '\'')) trit_out_puts("\\&");
        line_start = *s == '\n';
        if (*s == '\\') trit_out_puts("\\e");
        else if (*s == '-') trit_out_puts("\\-");
        else trit_out_write(s, 1);
    }
}

static void roff_line(const char *macro, const char *s) {
    if (macro) trit_out_printf("%s\n", macro);
    roff(s);
    trit_out_puts("\n");
}

static void paragraphs(const char *text) {
    char part[1024];
    for (const char *p = text; *p;) {
        const char *end = strstr(p, "\n\n");
        size_t n = end ? (size_t)(end - p) : strlen(p);
        snprintf(part, sizeof part, "%.*s", (int)n, p);
        roff_line(".PP", part);
        p += n + (end ? 2 : 0);
    }
}

static void examples(const trit_example *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        roff_line(".TP", "");
        trit_out_puts(".B ");
        roff_line(NULL, list[i].line);
        roff_line(NULL, list[i].what);
    }
}

static void options(const trit_command *c) {
    for (size_t g = 0; g < c->n_groups; g++) {
        const trit_opt_group *group = &c->groups[g];
        trit_out_printf(".PP\n%s:\n", group->title);
        for (size_t i = 0; i < group->n; i++) {
            char flags[64], text[512];
            trit_help_flags(&group->options[i], flags, sizeof flags);
            trit_help_text(&group->options[i], trit_help_defaults(c, group), text, sizeof text);
            trit_out_puts(".TP\n.B ");
            roff_line(NULL, flags + strspn(flags, " "));
            roff_line(NULL, text);
        }
    }
}

static void command(const char *name, const trit_command *c, const char *summary) {
    trit_out_puts(".SS ");
    roff(name);
    trit_out_puts(": ");
    roff_line(NULL, summary);
    if (c->run) {
        char usage[512];
        snprintf(usage, sizeof usage, "trit %s %s", name, c->usage);
        for (char *p = usage, *end; *p; p = end) {
            end = p + strcspn(p, "\n");
            bool more = *end != '\0';
            if (more) *end++ = '\0';
            trit_out_puts(p == usage ? ".B " : ".br\n.B trit ");
            if (p != usage) {
                roff(name);
                trit_out_puts(" ");
            }
            roff_line(NULL, p);
        }
    }
    paragraphs(c->about);
    options(c);
    examples(c->examples, c->n_examples);
    for (size_t i = 0; i < c->n_subs; i++) {
        char full[trit_command_name_max];
        trit_command_name(full, name, c->subs[i].name);
        command(full, c->subs[i].command, c->subs[i].summary);
    }
}

void trit_man_page(void) {
    trit_out_printf(".TH TRIT 1 \"\" \"trit %s\" \"User Commands\"\n", trit_version());
    trit_out_puts(".SH NAME\ntrit \\- ternary (BitNet, 1.58\\-bit) language models\n"
                  ".SH SYNOPSIS\n.B trit\n.I command\n.RI [ options ]\n.SH COMMANDS\n");
    for (size_t i = 0; i < trit_n_commands; i++) command(trit_commands[i].name, trit_commands[i].command, trit_commands[i].summary);
    trit_out_puts(".SH ENVIRONMENT\n");
    const char *meaning, *name;
    for (size_t i = 0; (name = trit_env_at(i, &meaning)); i++) {
        trit_out_printf(".TP\n.B %s\n", name);
        roff_line(NULL, meaning);
    }
    trit_out_puts(".SH EXIT STATUS\n");
    for (const trit_exit_row *row = trit_exit_rows; row->meaning; row++) trit_out_printf(".TP\n.B %d\n%s\n", row->code, row->meaning);
    trit_out_puts(".SH EXAMPLES\n");
    examples(trit_program_examples, trit_n_program_examples);
}
