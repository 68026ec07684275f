/* Vocabularies learned from any text: what is written is read again, and every text comes back from its tokens. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "text/train.h"
#include "text/unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void round_trip(const trit_tokenizer *t, trit_str text, bool visible) {
    trit_ids ids = {0};
    trit_text back = {0};
    trit_error err;
    if (trit_tokenizer_encode(t, &ids, text.p, text.n, &(trit_encode_opts){.no_bos = true}, &err)) abort();
    if (trit_tokenizer_decode(t, &back, ids.data, ids.n, true, &err)) abort();
    if (!visible && (back.n != text.n || (text.n && memcmp(back.data, text.p, text.n) != 0))) abort();
    trit_ids_fini(&ids);
    trit_text_fini(&back);
}

static void learn(const trit_tokenizer_train_opts *o, trit_str text, bool visible) {
    trit_vocab_trainer *trainer = NULL;
    trit_tokenizer *t = NULL;
    trit_text json = {0}, config = {0};
    trit_error err = {0};
    if (trit_vocab_trainer_new(&trainer, o, &err)) abort();
    if (trit_vocab_trainer_count(trainer, 0, text, &err)) abort();
    trit_status status = trit_vocab_trainer_finish(trainer, &json, &config, &err);
    if (status == trit_ok) {
        if (trit_tokenizer_from_json(&t, (trit_str){json.data, json.n}, (trit_str){config.data, config.n}, "learned", &err)) abort();
        round_trip(t, text, visible);
    } else if (!*err.message) {
        abort();
    }
    trit_tokenizer_close(t);
    trit_vocab_trainer_free(trainer);
    trit_text_fini(&json);
    trit_text_fini(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char *const special[] = {"<|x|>", "ab", "<0x41>"};
    const unsigned options = n ? data[0] : 0;
    trit_text valid = {0};
    bool visible = false; /* SentencePiece cannot tell a visible space from a space */
    if (n > 4096 || !trit_append_valid(&valid, (const char *)data, n)) return 0;
    for (size_t i = 0; i + 2 < valid.n; i++) visible = visible || memcmp(valid.data + i, "\xE2\x96\x81", 3) == 0;
    const trit_str text = {valid.data ? valid.data : "", valid.n};
    trit_tokenizer_train_opts o = {.vocab_size = 262 + options, .min_frequency = 1 + options % 3, .pre = options & 4 ? "llama-bpe" : NULL,
                                   .special = special, .n_special = options & 8 ? 3 : 0};
    if (options & 32) o.kind = trit_tokenizer_train_spm;
    o.coverage = options & 16 ? 1 : 0.9;
    learn(&o, text, visible && o.kind == trit_tokenizer_train_spm);
    trit_text_fini(&valid);
    return 0;
}
