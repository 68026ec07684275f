/* trit train: from text to a ternary model. Each key of trit/train.def is a flag. */
#include "command.h"
#include "train_command.h"

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    return trit_train_command("train", opts, NULL, args, err);
}

static const trit_example examples[] = {
    {"trit train story.txt -o run --config small.json", "a model of a text; small.json: {\"n_layers\": 2, \"dim\": 128, \"steps\": 500}"},
    {"trit train --resume run --steps 8", "goes on where a run ended or was stopped"},
    {"trit train story.txt -o float --config small.json --weight-type float", "the same model in floats"},
    {"trit train --resume run --report both.html --compare float", "curves of both in one page"},
};

const trit_command trit_cmd_train = {
    .usage = "[options] FILE...\n[options] --resume DIR",
    .about = "Trains a ternary model on text, by quantization-aware training as BitNet b1.58 has it: a tokenizer is learnt, the text becomes tokens, and "
             "masters in float learn what their ternary selves say. The folder gets a checkpoint every now and then, step-N, which is a Hugging Face "
             "folder that every command takes as a model, and log.jsonl, a line a step, as --json prints it.\n\n"
             "One seed gives one result, on any number of threads, also when a run is stopped and goes on. Ctrl-C saves and ends it.",
    .groups = trit_train_groups,
    .n_groups = TRIT_COUNT(trit_train_groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &trit_train_defaults,
    .opts_bytes = sizeof trit_train_defaults,
    .run = run,
};
