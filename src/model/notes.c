/* What was concluded where a file leaves something open or is known to be wrong: one line each, for whoever asks what a file is. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/model.h"

TRIT_PRINTF(2, 3) static bool note(trit_model *m, const char *fmt, ...) {
    char text[320];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (m->n_notes == trit_max_notes) return true;
    m->notes[m->n_notes] = trit_strndup(text, strlen(text));
    return m->notes[m->n_notes++] != NULL;
}

static bool note_type(trit_model *m, const trit_gguf_conclusion *c) {
    static const char *const words[] = {"the architecture", "general.file_type", "the sizes of its tensors"};
    char why[96] = "";
    for (int bit = 2; bit >= 0; bit--)
        if (c->signals >> bit & 1) snprintf(why + strlen(why), sizeof why - strlen(why), "%s%s", *why ? ", " : "", words[bit]);
    return note(m, "type %u is %s and not %s (by %s)", c->id, trit_dtype_info(c->dtype)->label, c->rival, *why ? why : "the order of the list");
}

static bool any_of(const trit_model *m, trit_dtype dtype) {
    for (size_t i = 0; i < trit_source_n_tensors(&m->source); i++)
        if (trit_source_tensor_at(&m->source, i)->dtype == dtype) return true;
    return false;
}

static bool note_types(trit_model *m) {
    bool good = true;
    for (size_t i = 0; good && trit_gguf_conclusion_at(m->source.gguf, i); i++) good = note_type(m, trit_gguf_conclusion_at(m->source.gguf, i));
    if (good && (any_of(m, trit_dtype_tl1) || any_of(m, trit_dtype_tl2)))
        good = note(m, "the layout of TL1 and TL2 is %s", m->kernels.n ? "that of kernel_config.ini" : "bitnet.cpp's for published shapes");
    return good;
}

static bool note_texts(trit_model *m) {
    const trit_gguf *g = m->source.gguf;
    const char *pre = m->tokenizer ? trit_tokenizer_pre(m->tokenizer) : "";
    bool good = true;
    if (*pre && strcmp(pre, "default") != 0 && !trit_gguf_find(g, "tokenizer.ggml.pre"))
        good = note(m, "tokenizer.ggml.pre is missing: %s, by architecture and vocabulary", pre);
    if (good && trit_model_chat_template(m) != m->chat_template)
        good = note(m, "tokenizer.chat_template is %s: that of the Hugging Face release is used",
                    m->chat_template ? "not what the model was trained with" : "missing");
    return good;
}

trit_status trit_notes_read(trit_model *m, trit_error *err) {
    if (!m->source.gguf) return trit_ok;
    bool good = note_types(m);
    m->n_type_notes = m->n_notes;
    if (good && !m->problem) good = note_texts(m);
    return good ? trit_ok : trit_error_memory(err, 320, "a note");
}

void trit_notes_fini(trit_model *m) {
    for (size_t i = 0; i < m->n_notes; i++) trit_free(m->notes[i]);
}

const char *trit_model_note_at(const trit_model *m, size_t i) {
    return i < m->n_notes ? m->notes[i] : NULL;
}

const char *trit_model_end_why(const trit_model *m, int32_t id) {
    static const char *const keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
    int64_t named;
    if (!m->tokenizer || !trit_tokenizer_is_eog(m->tokenizer, id)) return NULL;
    for (size_t i = 0; m->source.gguf && i < sizeof keys / sizeof keys[0]; i++)
        if (trit_gguf_int(trit_gguf_find(m->source.gguf, keys[i]), 0, &named) && named == id) return keys[i];
    for (uint32_t i = 0; i < m->source.hf.n_eos; i++)
        if (m->source.hf.eos[i] == id) return "eos_token_id";
    return id == trit_tokenizer_eos(m->tokenizer) ? "the tokenizer's end token" : "by its text";
}
