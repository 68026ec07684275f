/* trit completion: scripts for bash, zsh and fish, made from the tables of commands and options. */
#include <string.h>

#include "base/error.h"
#include "command.h"
#include "help.h"
#include "out.h"

/* Calls `each` for every command that has options, with its full name: "run", "eval ppl". */
static void walk(const trit_command_row *rows, size_t n, const char *parent, void (*each)(const char *name, const trit_command *c)) {
    for (size_t i = 0; i < n; i++) {
        char name[trit_command_name_max];
        trit_command_name(name, parent, rows[i].name);
        walk(rows[i].command->subs, rows[i].command->n_subs, name, each);
        if (rows[i].command->run) each(name, rows[i].command);
    }
}

static void each_option(const trit_command *c, const char *name, void (*each)(const char *name, const trit_option *o)) {
    for (size_t g = 0; g < c->n_groups; g++)
        for (size_t i = 0; i < c->groups[g].n; i++) each(name, &c->groups[g].options[i]);
    each(name, &trit_help_group.options[0]);
}

/* "f32|f16" as "f32 f16". */
static void words(const char *choices) {
    for (; *choices; choices++) trit_out_write(*choices == '|' ? " " : choices, 1);
}

/* Text between single quotes of a shell; `also` are further characters that the place wants behind a backslash. */
static void quoted(const char *s, const char *also) {
    for (; *s; s++) {
        if (*s == '\'') trit_out_puts("'\\''");
        else {
            if (strchr(also, *s)) trit_out_puts("\\");
            trit_out_write(s, 1);
        }
    }
}

/* --- bash ------------------------------------------------------------------------------------------------------------ */

static void bash_flag(const char *name, const trit_option *o) {
    (void)name;
    if (o->letter) trit_out_printf("-%c ", o->letter);
    trit_out_printf("--%s ", o->name);
}

static bool is_path(const trit_option *o) {
    return o->kind == trit_opt_file || o->kind == trit_opt_files;
}

static void bash_value(const char *name, const trit_option *o) {
    if (!o->value) return;
    trit_out_printf("        '%s --%s'", name, o->name);
    if (o->letter) trit_out_printf(" | '%s -%c'", name, o->letter);
    trit_out_puts(") ");
    if (is_path(o)) {
        trit_out_puts("files=1; return ;;\n");
    } else {
        trit_out_puts("words='");
        if (o->kind == trit_opt_choice) words(o->value);
        trit_out_puts("'; return ;;\n");
    }
}

static void bash_values(const char *name, const trit_command *c) {
    each_option(c, name, bash_value);
}

static void bash_options(const char *name, const trit_command *c) {
    if (strcmp(name, "help") == 0) return; /* completes as no command at all does */
    trit_out_printf("        '%s') words='", name);
    for (size_t k = 0; k < c->n_subs; k++) trit_out_printf("%s ", c->subs[k].name);
    each_option(c, name, bash_flag);
    trit_out_puts(strcmp(name, "completion") == 0 ? "bash zsh fish' ;;\n" : "'; files=1 ;;\n");
}

static void bash(void) {
    trit_out_puts("# bash completion for trit: source it, or put it into bash-completion's folder.\n"
                  "_trit_find() {\n    case \"$command $before\" in\n");
    walk(trit_commands, trit_n_commands, "", bash_values);
    trit_out_puts("    esac\n    case \"$command\" in\n        '' | help) words='");
    for (size_t i = 0; i < trit_n_commands; i++) trit_out_printf("%s ", trit_commands[i].name);
    trit_out_puts("--help --version' ;;\n");
    for (size_t i = 0; i < trit_n_commands; i++) {
        const trit_command *c = trit_commands[i].command;
        if (!c->n_subs || c->run) continue;
        trit_out_printf("        '%s') words='", trit_commands[i].name);
        for (size_t k = 0; k < c->n_subs; k++) trit_out_printf("%s ", c->subs[k].name);
        trit_out_puts("--help' ;;\n");
    }
    walk(trit_commands, trit_n_commands, "", bash_options);
    trit_out_puts("    esac\n"
                  "    case \"$word\" in -*) files='' ;; esac\n"
                  "}\n"
                  "_trit() {\n"
                  "    local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" command='' words='' files=''\n"
                  "    [ \"$COMP_CWORD\" -gt 1 ] && command=\"${COMP_WORDS[1]}\"\n"
                  "    case \"$command\" in ");
    bool first = true;
    for (size_t i = 0; i < trit_n_commands; i++) {
        if (!trit_commands[i].command->n_subs) continue;
        trit_out_printf("%s%s", first ? "" : " | ", trit_commands[i].name);
        first = false;
    }
    trit_out_puts(") [ \"$COMP_CWORD\" -gt 2 ] && case \"${COMP_WORDS[2]}\" in -*) ;; *) command=\"$command ${COMP_WORDS[2]}\" ;; esac ;; esac\n"
                  "    _trit_find\n"
                  "    COMPREPLY=()\n"
                  "    local answer\n"
                  "    while IFS='' read -r answer; do COMPREPLY+=(\"$answer\"); done < <(\n"
                  "        compgen -W \"$words\" -- \"$word\"\n"
                  "        [ -n \"$files\" ] && compgen -f -- \"$word\"\n"
                  "    )\n"
                  "}\n"
                  "complete -o filenames -F _trit trit\n");
}

/* --- zsh ------------------------------------------------------------------------------------------------------------- */

static void zsh_spec(const trit_option *o, const char *dashes, const char *name) {
    trit_out_printf(" \\\n            '%s%s%s[", o->kind == trit_opt_list || o->kind == trit_opt_files ? "*" : "", dashes, name);
    quoted(o->help, "[]:\\");
    trit_out_puts("]");
    if (o->value) {
        trit_out_puts(":");
        quoted(o->kind == trit_opt_choice ? o->name : o->value, ":\\");
        trit_out_puts(":");
    }
    if (is_path(o)) trit_out_puts("_files");
    if (o->kind == trit_opt_choice) {
        trit_out_puts("(");
        words(o->value);
        trit_out_puts(")");
    }
    trit_out_puts("'");
}

static void zsh_option(const char *name, const trit_option *o) {
    (void)name;
    char letter[2] = {o->letter, '\0'};
    zsh_spec(o, "--", o->name);
    if (o->letter) zsh_spec(o, "-", letter);
}

static void zsh_command(const char *name, const trit_command *c) {
    trit_out_printf("        '%s') _arguments", name);
    each_option(c, name, zsh_option);
    trit_out_puts(strcmp(name, "completion") == 0 ? " '*::shell:(bash zsh fish)' ;;\n" : " '*:file:_files' ;;\n");
}

static void zsh_rows(const trit_command_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        trit_out_printf(" '%s:", rows[i].name);
        quoted(rows[i].summary, ":\\");
        trit_out_puts("'");
    }
}

static void zsh(void) {
    trit_out_puts("#compdef trit\n"
                  "_trit() {\n"
                  "    local -a commands\n"
                  "    local command=''\n"
                  "    commands=(");
    zsh_rows(trit_commands, trit_n_commands);
    trit_out_puts(")\n"
                  "    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
                  "    command=${words[2]}; shift words; (( CURRENT-- ))\n"
                  "    case $command in\n"
                  "        help) _describe command commands; return ;;\n");
    for (size_t i = 0; i < trit_n_commands; i++) {
        const trit_command *c = trit_commands[i].command;
        if (!c->n_subs) continue;
        trit_out_printf("        %s) commands=(", trit_commands[i].name);
        zsh_rows(c->subs, c->n_subs);
        trit_out_printf(")\n            if (( CURRENT == 2 )); then _describe command commands; %s; fi\n"
                        "            if [[ ${words[2]} != -* && CURRENT -gt 2 ]]; then command=\"$command ${words[2]}\"; shift words; (( CURRENT-- )); fi ;;\n",
                        c->run ? "[[ ${words[2]} == -* ]] || return" : "return");
    }
    trit_out_puts("    esac\n    case $command in\n");
    walk(trit_commands, trit_n_commands, "", zsh_command);
    trit_out_puts("    esac\n}\n_trit \"$@\"\n");
}

/* --- fish ------------------------------------------------------------------------------------------------------------ */

static void fish_option(const char *name, const trit_option *o) {
    const char *last = strrchr(name, ' ');
    trit_out_printf("complete -c trit -n '__fish_seen_subcommand_from %s' -l %s", last ? last + 1 : name, o->name);
    if (o->letter) trit_out_printf(" -s %c", o->letter);
    if (is_path(o)) trit_out_puts(" -rF");
    else if (o->kind == trit_opt_choice) {
        trit_out_puts(" -xa '");
        words(o->value);
        trit_out_puts("'");
    } else if (o->value) trit_out_puts(" -x");
    trit_out_puts(" -d '");
    for (const char *p = o->help; *p; p++) { /* fish knows \' and \\ between single quotes */
        if (*p == '\'' || *p == '\\') trit_out_puts("\\");
        trit_out_write(p, 1);
    }
    trit_out_puts("'\n");
}

static void fish_command(const char *name, const trit_command *c) {
    each_option(c, name, fish_option);
}

static void fish(void) {
    trit_out_puts("# fish completion for trit.\ncomplete -c trit -n __fish_use_subcommand -f\n");
    for (size_t i = 0; i < trit_n_commands; i++) {
        const trit_command_row *row = &trit_commands[i];
        trit_out_printf("complete -c trit -n __fish_use_subcommand -a %s -d '%s'\n", row->name, row->summary);
        for (size_t k = 0; k < row->command->n_subs; k++)
            trit_out_printf("complete -c trit -n '__fish_seen_subcommand_from %s' -a %s -d '%s'\n", row->name,
                            row->command->subs[k].name, row->command->subs[k].summary);
    }
    trit_out_puts("complete -c trit -n '__fish_seen_subcommand_from completion' -xa 'bash zsh fish'\n");
    walk(trit_commands, trit_n_commands, "", fish_command);
}

static const struct {
    const char *name;
    void (*print)(void);
} shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    (void)opts;
    if (!args->n) return trit_error_set(err, trit_arg, "completion: for which shell? (bash, zsh or fish)");
    trit_status status = trit_args_at_most(args, 1, err);
    if (status != trit_ok) return status;
    for (size_t i = 0; i < TRIT_COUNT(shells); i++)
        if (strcmp(shells[i].name, args->item[0]) == 0) {
            shells[i].print();
            return trit_ok;
        }
    return trit_error_set(err, trit_arg, "completion: unknown shell \"%s\" (bash, zsh or fish)", args->item[0]);
}

static const trit_example examples[] = {
    {"source <(trit completion bash)", "for this bash session"},
    {"trit completion zsh > ~/.zfunc/_trit", "for zsh, with ~/.zfunc in fpath"},
    {"trit completion fish > ~/.config/fish/completions/trit.fish", "for fish"},
};

const trit_command trit_cmd_completion = {
    .usage = "bash|zsh|fish",
    .about = "Prints a script that completes commands, options and their values in a shell.",
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .run = run,
};
