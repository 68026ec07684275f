#include "prompt.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "ids.h"
#include "input.h"

#define AT(field) offsetof(trit_prompt_choice, field)

const trit_option trit_prompt_options[5] = {
    {"prompt", 'p', trit_opt_text, AT(prompt), "TEXT", 0, 0, "the prompt, instead of an argument"},
    {"file", 'f', trit_opt_file, AT(file), "FILE", 0, 0, "read the prompt from a file (a newline at its end is dropped); -: standard input"},
    {"ids", 0, trit_opt_text, AT(ids), "1,2,3", 0, 0, "the prompt as token ids, begin token included; needs no tokenizer"},
    {"special", 0, trit_opt_flag, AT(special), NULL, 0, 0, "special tokens written out in the prompt count as such"},
    {"raw", 0, trit_opt_flag, AT(raw), NULL, 0, 0, "complete the text as it stands, also where the model has a chat template"},
};

static trit_status read_from(trit_prompt *prompt, const char *path, trit_error *err) {
    trit_status status = trit_input_read(&prompt->text, path, err);
    if (status == trit_ok) trit_input_trim(&prompt->text);
    return status;
}

trit_status trit_prompt_read(trit_prompt *prompt, const trit_prompt_choice *choice, const trit_args *args, trit_error *err) {
    trit_status status = trit_args_at_most(args, 1, err);
    if (status != trit_ok) return status;
    const char *word = args->n ? args->item[0] : NULL;
    if (!!word + !!choice->prompt + !!choice->file + !!choice->ids > 1)
        return trit_error_set(err, trit_arg, "two prompts: give one of an argument, --prompt, --file and --ids");
    if (choice->ids) {
        prompt->is_ids = true;
        status = trit_ids_parse(&prompt->ids, choice->ids, strlen(choice->ids), "--ids", err);
        if (status == trit_ok && !prompt->ids.n) status = trit_error_set(err, trit_arg, "--ids: no token id in \"%s\"", choice->ids);
        return status;
    }
    if (choice->file) return read_from(prompt, choice->file, err);
    if (word && strcmp(word, "-") == 0) return read_from(prompt, "-", err);
    const char *text = word ? word : choice->prompt;
    if (text) return trit_text_append(&prompt->text, text, strlen(text)) ? trit_ok : trit_error_memory(err, strlen(text), "the prompt");
    prompt->is_none = true;
    if (trit_os_is_terminal(0)) return trit_ok;
    status = read_from(prompt, "-", err);
    prompt->is_none = prompt->text.n == 0;
    return status;
}

trit_status trit_prompt_invent(trit_prompt *prompt, uint32_t n_vocab, trit_error *err) {
    enum { n_ids = 128, stride = 7919 }; /* a prime: neighbours are far apart */
    for (uint32_t i = 0; i < n_ids; i++)
        if (!trit_ids_push(&prompt->ids, (int32_t)(i * stride % n_vocab))) return trit_error_memory(err, n_ids * sizeof(int32_t), "the prompt");
    prompt->is_ids = true;
    return trit_ok;
}

trit_status trit_prompt_encode(trit_prompt *prompt, const trit_prompt_choice *choice, const trit_tokenizer *tokenizer, trit_error *err) {
    if (prompt->is_ids) return trit_ok;
    if (!tokenizer)
        return trit_error_set(err, trit_arg, "the model has no tokenizer: give the prompt as --ids, or a --tokenizer FILE");
    trit_encode_opts opts = {.special = choice->special || prompt->is_rendered};
    const char *text = prompt->text.data ? prompt->text.data : "";
    trit_status status = trit_tokenizer_encode(tokenizer, &prompt->ids, text, prompt->text.n, &opts, err);
    if (status != trit_ok || prompt->ids.n) return status;
    int32_t bos = trit_tokenizer_bos(tokenizer);
    if (bos < 0) return trit_error_set(err, trit_arg, "the prompt is empty and the model has no begin token: give it some text");
    return trit_ids_push(&prompt->ids, bos) ? trit_ok : trit_error_memory(err, sizeof bos, "the prompt");
}

void trit_prompt_fini(trit_prompt *prompt) {
    trit_text_fini(&prompt->text);
    trit_ids_fini(&prompt->ids);
}
