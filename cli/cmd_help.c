/* trit help [COMMAND]. */
#include "command.h"
#include "help.h"

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    (void)opts;
    if (!args->n) {
        trit_help_program();
        return trit_ok;
    }
    const trit_command_row *row = trit_command_find(trit_commands, trit_n_commands, args->item[0]);
    if (!row) return trit_command_unknown(trit_commands, trit_n_commands, "", args->item[0], err);
    char name[trit_command_name_max];
    trit_command_name(name, "", row->name);
    size_t used = 1;
    if (args->n > 1 && row->command->n_subs) {
        const trit_command_row *sub = trit_command_find(row->command->subs, row->command->n_subs, args->item[1]);
        if (!sub) return trit_command_unknown(row->command->subs, row->command->n_subs, row->name, args->item[1], err);
        trit_command_name(name, row->name, sub->name);
        row = sub;
        used = 2;
    }
    trit_status status = trit_args_at_most(args, used, err);
    if (status == trit_ok) trit_help_command(name, row->command);
    return status;
}

static const trit_example examples[] = {
    {"trit help run", "all options of run"},
    {"trit help eval ppl", "all options of eval ppl"},
};

const trit_command trit_cmd_help = {
    .usage = "[COMMAND [SUBCOMMAND]]",
    .about = "Shows what the program or one of its commands does, with options and examples.",
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .run = run,
};
