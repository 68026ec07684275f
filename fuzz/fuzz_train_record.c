/* Any bytes as a record of training data, in a template that writes all it is given: either it is refused in words, or each token is marked. */
#include <stdlib.h>
#include <string.h>

#include "text/alphabet.h"
#include "base/utf8.h"
#include "train/data_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The bytes, and three special tokens. */
static trit_tokenizer *open_tokenizer(void) {
    static char spelled[256][4];
    static trit_str token[259];
    static int32_t type[259];
    for (unsigned b = 0; b < 256; b++) token[b] = (trit_str){spelled[b], trit_utf8_encode(trit_alphabet_char((uint8_t)b), spelled[b])};
    token[256] = trit_str_from("<s>");
    token[257] = trit_str_from("</s>");
    token[258] = trit_str_from("<|end|>");
    for (unsigned i = 0; i < 259; i++) type[i] = i < 256 ? trit_token_normal : trit_token_control;
    const trit_vocab_desc desc = {.model = "gpt2", .pre = "gpt-2", .n_tokens = 259, .token = token, .type = type, .bos = 256, .eos = 257, .eot = 258,
                                  .eom = -1, .unk = -1, .pad = -1, .cls = -1, .sep = -1, .add_bos = trit_yes, .add_eos = trit_no};
    trit_tokenizer *t = NULL;
    return trit_tokenizer_from_vocab(&t, &desc, NULL) == trit_ok ? t : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static trit_dataset_opts o = {.chat_template = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% if m.role == 'assistant' %}<|end|>{% endif %}"
                                                   "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% else %}{{ eos_token }}{% endif %}"};
    static trit_tokenizer *tokenizer;
    static trit_data_encoder e;
    trit_data_tokens tokens = {0};
    trit_text text = {0};
    trit_error err = {0};
    const trit_str line = {(const char *)data, n};
    if (!tokenizer) {
        o.tokenizer = tokenizer = open_tokenizer();
        if (!tokenizer || trit_data_encoder_init(&e, &o, &err) != trit_ok) abort();
    }
    const trit_status status = trit_data_encode_record(&e, line, "record", &tokens, &err);
    if (status != trit_ok && strncmp(err.message, "record", 6) != 0) abort();
    if (status == trit_ok && tokens.mask.n && tokens.mask.n != tokens.ids.n) abort();
    if (status == trit_ok && !tokens.ids.n) abort();
    if (trit_data_record_text(&o, line, "record", &text, &err) != trit_ok && status == trit_ok) abort();
    trit_data_tokens_fini(&tokens);
    trit_text_fini(&text);
    return 0;
}
