/* What the other rooms see of the text room: how a tokenizer is built from parts that a model file holds. */
#ifndef TRIT_TEXT_TEXT_H
#define TRIT_TEXT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"
#include "trit/chat.h"
#include "trit/tokenizer.h"

/* tokenizer.ggml.token_type of GGUF, which SentencePiece numbers alike. */
typedef enum trit_token_type {
    trit_token_normal = 1,
    trit_token_unknown = 2,
    trit_token_control = 3,
    trit_token_user_defined = 4,
    trit_token_unused = 5,
    trit_token_byte = 6
} trit_token_type;

typedef enum trit_tristate { trit_unset = -1, trit_no = 0, trit_yes = 1 } trit_tristate;

/* A vocabulary as GGUF files hold it; everything is borrowed for the call. Ids are -1 where the file is silent. */
typedef struct trit_vocab_desc {
    const char *model;     /* "gpt2": byte-level BPE; "llama": SentencePiece BPE; "t5": Unigram; "bert": WordPiece */
    const char *pre;       /* name of the pre-tokenizer, NULL for "default" */
    uint32_t n_tokens;
    const trit_str *token; /* [n_tokens] */
    const int32_t *type;   /* [n_tokens] trit_token_type, or NULL: all normal */
    const float *score;    /* [n_tokens], or NULL: all 0 */
    uint32_t n_merges;
    const trit_str *merge; /* [n_merges] "left right" */
    int32_t bos, eos, eot, eom, unk, pad;
    const int32_t *eog;    /* [n_eog] further end tokens (generation_config.json), may be NULL */
    uint32_t n_eog;
    trit_tristate add_bos, add_eos, add_space_prefix, ignore_merges;
    bool remove_extra_whitespaces; /* SentencePiece: no blanks at the ends, single ones inside */
    trit_str charsmap;             /* SentencePiece's precompiled character map; n == 0: none */
    bool single_sums;              /* Unigram: scores are added in single precision, as SentencePiece does it */
    int32_t cls, sep;              /* WordPiece: what stands before and behind a text */
} trit_vocab_desc;

/* Errors: format (names the token and the value), unsupported (model or pre-tokenizer), memory. */
TRIT_MUST_CHECK trit_status trit_tokenizer_from_vocab(trit_tokenizer **out, const trit_vocab_desc *desc, trit_error *err);

/* From the text of a tokenizer.json. `config` is the text of tokenizer_config.json or NULL (bos/eos and their flags);
 * `what` names the document in errors. */
TRIT_MUST_CHECK trit_status trit_tokenizer_from_json(trit_tokenizer **out, trit_str json, trit_str config, const char *what,
                                                     trit_error *err);

/* From the bytes of a SentencePiece tokenizer.model (a protobuf). */
TRIT_MUST_CHECK trit_status trit_tokenizer_from_spm(trit_tokenizer **out, trit_str model, const char *what, trit_error *err);

/* The vocabulary in a SentencePiece tokenizer.model, as GGUF files would hold it; the strings are borrowed from `model`, the lists
 * owned. Errors: as trit_tokenizer_from_spm. */
typedef struct trit_spm_vocab {
    trit_vocab_desc desc;
    trit_str *token;
    float *score;
    int32_t *type;
} trit_spm_vocab;
TRIT_MUST_CHECK trit_status trit_spm_vocab_read(trit_spm_vocab *out, trit_str model, const char *what, trit_error *err);
void trit_spm_vocab_fini(trit_spm_vocab *vocab);

/* The name by which GGUF files know the pre-tokenizer of a byte-level tokenizer.json; NULL: none stands for just that. And the
 * way back: appends the value of "pre_tokenizer" for a name of pre.def; false when out of memory. */
const char *trit_pre_from_json(const trit_json *tokenizer);
bool trit_pre_write_json(trit_text *out, const char *name, bool *ignore_merges);

/* Appends a BPE vocabulary (desc->model "gpt2" or "llama", the latter with merges) as tokenizer.json, and a tokenizer_config.json; bos, eos with
 * a NULL p, a template of NULL and ids that the vocabulary lacks are left out. False: out of memory. */
bool trit_tokenizer_write_json(trit_text *out, const trit_vocab_desc *desc);
bool trit_tokenizer_write_config(trit_text *out, trit_str bos, trit_str eos, const char *chat_template);

/* The choice of trit_tokenizer_choose, of at most n_tokens, where token i is seen count[i] times. Errors: arg, unsupported, memory. */
TRIT_MUST_CHECK trit_status trit_vocab_choose(trit_ids *out, const trit_tokenizer *tokenizer, const uint64_t *count, uint32_t n_tokens, trit_error *err);

/* Adds ids at which generation ends (from generation_config.json or config.json); out-of-range ids are an error. Only
 * before the tokenizer is shared. */
TRIT_MUST_CHECK trit_status trit_tokenizer_add_eog(trit_tokenizer *tokenizer, const int32_t *ids, size_t n, trit_error *err);

/* A chat template ready to render: one for many conversations. Immutable; any number of threads may render it. Errors: as trit_chat_render. */
typedef struct trit_jinja trit_chat_template;
TRIT_MUST_CHECK trit_status trit_chat_template_new(trit_chat_template **out, const char *source, size_t n, trit_error *err);
void trit_chat_template_free(trit_chat_template *template); /* NULL is fine */
TRIT_MUST_CHECK trit_status trit_chat_template_render(const trit_chat_template *template, const char *conversation, size_t n,
                                                      const trit_chat_opts *opts, trit_text *out, trit_error *err);

/* What a token adds to a text that has begun, borrowed; n == 0: nothing (special tokens, ids not in use). */
trit_str trit_tokenizer_token_text(const trit_tokenizer *tokenizer, int32_t id);

/* A number for what the tokenizer does; another one where any text may become other tokens. For caches, not against forgery. */
uint64_t trit_tokenizer_fingerprint(const trit_tokenizer *tokenizer);

#endif
