/* trit train-tokenizer: a vocabulary is learned from texts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/os.h"
#include "base/team.h"
#include "command.h"
#include "doing.h"
#include "input.h"
#include "jsonw.h"
#include "load.h"
#include "out.h"
#include "trit/tokenizer.h"

typedef struct train_tokenizer_opts {
    const char *output, *kind, *pre, *bos, *eos, *separator, *text_field, *chat_template;
    trit_opt_texts special;
    int64_t vocab_size, min_frequency, threads;
    double coverage;
    trit_output_choice out;
} train_tokenizer_opts;

#define AT(field) offsetof(train_tokenizer_opts, field)

static const trit_option options[] = {
    {"output", 'o', trit_opt_file, AT(output), "FOLDER", 0, 0, "gets tokenizer.json and tokenizer_config.json; made where it is missing"},
    {"kind", 0, trit_opt_choice, AT(kind), "bpe|spm|byte", 0, 0,
     "bpe: byte-level, as GPT-2 and Llama 3 have it; spm: as SentencePiece and Llama 2 have it; byte: the 256 bytes alone"},
    {"vocab-size", 0, trit_opt_int, AT(vocab_size), "N", 1, 1 << 24, "tokens in all, special ones included; fewer where the text has no more pairs"},
    {"min-frequency", 0, trit_opt_int, AT(min_frequency), "N", 1, 1e15, "pairs that are seen less often do not merge"},
    {"coverage", 0, trit_opt_real, AT(coverage), "X", 0.5, 1, "spm: share of the text whose characters get tokens; the others are bytes"},
    {"pre", 0, trit_opt_text, AT(pre), "NAME", 0, 0, "bpe: how words are cut, by the names in GGUF files: gpt-2, llama-bpe, qwen2, ... (default: gpt-2)"},
    {"bos", 0, trit_opt_text, AT(bos), "TOKEN", 0, 0, "begin token (default: <|begin_of_text|>, of spm <s>); \"\": none"},
    {"eos", 0, trit_opt_text, AT(eos), "TOKEN", 0, 0, "end token (default: <|end_of_text|>, of spm </s>); \"\": none"},
    {"special", 0, trit_opt_list, AT(special), "TOKEN", 0, 0, "a further special token; may be given several times"},
    {"chat-template", 0, trit_opt_file, AT(chat_template), "FILE", 0, 0, "Jinja template that goes into tokenizer_config.json"},
    {"separator", 0, trit_opt_text, AT(separator), "TEXT", 0, 0, "what divides the documents of a text file, and is no text itself"},
    {"text-field", 0, trit_opt_text, AT(text_field), "NAME", 0, 0,
     "which string of a record is read (default: text, or else prompt and completion, or the messages)"},
    {"threads", 't', trit_opt_int, AT(threads), "N", 1, 1024, "threads that read; the tokens are the same with any number (default: physical cores)"},
};

static trit_tokenizer_train_kind kind_of(const char *word) {
    return strcmp(word, "spm") == 0 ? trit_tokenizer_train_spm : strcmp(word, "byte") == 0 ? trit_tokenizer_train_byte : trit_tokenizer_train_bpe;
}

static trit_status print(const train_tokenizer_opts *o, const trit_tokenizer *t, double seconds, trit_error *err) {
    trit_jsonw w = {0};
    if (!o->out.json) {
        if (!o->out.quiet)
            trit_out_printf("%s: %s, %" PRIu32 " tokens, %.1f s\n", o->output, trit_tokenizer_kind(t), trit_tokenizer_size(t), seconds);
        return trit_ok;
    }
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "output", o->output);
    trit_jsonw_put_str(&w, "kind", trit_tokenizer_kind(t));
    trit_jsonw_put_uint(&w, "tokens", trit_tokenizer_size(t));
    trit_jsonw_put_f64(&w, "seconds", seconds);
    trit_jsonw_close(&w, '}');
    return trit_jsonw_finish(&w, err);
}

static trit_status check(const train_tokenizer_opts *o, const trit_args *args, trit_error *err) {
    const bool reads = strcmp(o->kind, "byte") != 0;
    if (!o->output) return trit_error_set(err, trit_arg, "train-tokenizer needs a folder for its result: --output FOLDER");
    if (reads && !args->n) return trit_error_set(err, trit_arg, "train-tokenizer needs texts: files, or folders of files");
    return trit_ok;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    const train_tokenizer_opts *o = opts;
    trit_text template = {0};
    trit_tokenizer *t = NULL;
    trit_doing doing = {.shows = !o->out.quiet};
    trit_tokenizer_train_opts train = {
        .paths = (const char *const *)args->item, .n_paths = args->n, .separator = o->separator, .text_field = o->text_field, .kind = kind_of(o->kind),
        .vocab_size = (uint32_t)o->vocab_size, .min_frequency = (uint64_t)o->min_frequency, .coverage = o->coverage, .pre = o->pre, .bos = o->bos,
        .eos = o->eos, .special = o->special.item, .n_special = o->special.n, .dir = o->output, .progress = trit_doing_update, .self = &doing};
    const uint64_t begin = trit_os_clock_ns();
    trit_status status = check(o, args, err);
    if (status == trit_ok) status = trit_team_choose(&train.n_threads, (unsigned)o->threads, err);
    if (status == trit_ok && o->chat_template) status = trit_input_read(&template, o->chat_template, err);
    train.chat_template = template.data;
    if (status == trit_ok) status = trit_tokenizer_train(&t, &train, err);
    trit_doing_end(&doing);
    if (status == trit_ok) status = print(o, t, (double)(trit_os_clock_ns() - begin) * 1e-9, err);
    trit_tokenizer_close(t);
    trit_text_fini(&template);
    return status;
}

static const trit_opt_group groups[] = {
    {"Vocabulary", options, TRIT_COUNT(options), 0},
    TRIT_OUTPUT_GROUP(train_tokenizer_opts, out),
};

static const trit_example examples[] = {
    {"trit train-tokenizer stories.txt -o tokenizer --vocab-size 4096", "4096 tokens of byte-level BPE"},
    {"trit train-tokenizer data/ -o tokenizer --kind spm --special \"<|user|>\"", "all files of a folder, and a token for chats"},
    {"trit tokenize -m tokenizer \"Once upon a time\"", "what it makes of a text"},
};

static const train_tokenizer_opts defaults = {.kind = "bpe", .vocab_size = 8192, .min_frequency = 2, .coverage = 0.9995};

const trit_command trit_cmd_train_tokenizer = {
    .usage = "[options] -o FOLDER FILE...",
    .about = "Learns a vocabulary from texts: the pair of neighbours that is seen most often becomes a token, again and again. The result is "
             "read by trit, by the Hugging Face tokenizers, and by whatever reads a tokenizer.json.\n\n"
             "Files are plain text, or records of JSON where their names end in .jsonl. A token stays within a word, and special tokens "
             "are never learned from text.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
