/* trit finetune: training that begins with a model. The trainer is that of `trit train`, with the usual figures of fine-tuning. */
#include <string.h>

#include "command.h"
#include "base/error.h"
#include "train_command.h"

static const trit_train_preset whole[] = {{"lr", "2e-4"}, {"schedule", "cosine"}, {"weight_decay", "0"}, {"warmup", "20"}, {NULL, NULL}};
static const trit_train_preset adapter[] = {{"lora_rank", "16"}, {"lr", "1e-3"}, {"schedule", "cosine"}, {"weight_decay", "0"}, {"warmup", "20"}, {NULL, NULL}};

/* A rank says so as --lora does. */
static bool is_adapter(const trit_train_opts *o) {
    return o->lora || strcmp(o->flags.lora_rank, "0") != 0;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    const trit_train_opts *o = opts;
    if (!o->resume && !o->model) return trit_error_set(err, trit_arg, "fine-tuning begins with a model: trit finetune -m MODEL FILE... -o DIR");
    return trit_train_command("finetune", o, is_adapter(o) ? adapter : whole, args, err);
}

static const trit_example examples[] = {
    {"trit finetune -m model.gguf story.txt --lora -o tuned --steps 2 --seq-len 8", "an adapter, which \"trit run --lora tuned/step-2\" takes"},
    {"trit finetune --resume tuned --steps 3", "goes on where a run ended or was stopped"},
};

const trit_command trit_cmd_finetune = {
    .usage = "[options] -m MODEL FILE...\n[options] --resume DIR",
    .about = "Trains a model further on text, or on prompts and completions (.jsonl): all its weights, or with --lora an adapter, two small matrices for each "
             "projection (arXiv:2106.09685), while the model stays as it is. A float model becomes ternary on the way (--lambda lets that set in "
             "gradually); under an adapter every model computes as it always does.\n\n"
             "Checkpoints are what \"trit train\" writes, or, of an adapter, folders as PEFT has them, for --lora of other commands.",
    .groups = trit_finetune_groups,
    .n_groups = TRIT_COUNT(trit_finetune_groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &trit_train_defaults,
    .opts_bytes = sizeof trit_train_defaults,
    .run = run,
};
