/* A vocabulary as tokenizer.json and tokenizer_config.json: BPE on bytes, or as SentencePiece has it. */
#include "base/alloc.h"
#include "text/parts.h"

/* A text under way; what failed once stays failed. */
typedef struct document {
    trit_text *text;
    bool ok;
} document;

static void raw(document *d, const char *s) {
    d->ok = d->ok && trit_text_append(d->text, s, strlen(s));
}

static void str(document *d, trit_str s) {
    d->ok = d->ok && trit_json_write_str(d->text, s.p, s.n);
}

static void number(document *d, int64_t v) {
    d->ok = d->ok && trit_text_format(d->text, "%lld", (long long)v);
}

static int32_t type_of(const trit_vocab_desc *v, uint32_t id) {
    return v->type ? v->type[id] : trit_token_normal;
}

/* An id that the vocabulary has, else -1. */
static int32_t known(const trit_vocab_desc *v, int32_t id) {
    return id >= 0 && (uint32_t)id < v->n_tokens ? id : -1;
}

static bool is_byte_level(const trit_vocab_desc *v) {
    return strcmp(v->model, "gpt2") == 0;
}

/* Tokens that stand for themselves: special ones, and those that the file's author added. */
static void write_added(document *d, const trit_vocab_desc *v) {
    bool any = false;
    raw(d, "\"added_tokens\":[");
    for (uint32_t id = 0; id < v->n_tokens; id++) {
        const int32_t type = type_of(v, id);
        if (type != trit_token_control && type != trit_token_unknown && type != trit_token_user_defined) continue;
        raw(d, any ? ",\n{\"id\":" : "\n{\"id\":");
        number(d, id);
        raw(d, ",\"content\":");
        str(d, v->token[id]);
        raw(d, ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":");
        raw(d, type == trit_token_user_defined ? "false}" : "true}");
        any = true;
    }
    raw(d, "],\n");
}

static void write_special(document *d, trit_str token) {
    raw(d, "{\"SpecialToken\":{\"id\":");
    str(d, token);
    raw(d, ",\"type_id\":0}}");
}

/* Begin and end tokens around one text or each of two. */
static void write_post_processor(document *d, const trit_vocab_desc *v) {
    static const char *const forms[][2] = {{"\"single\":[", "A"}, {"],\"pair\":[", "A"}, {",", "B"}};
    const int32_t ids[] = {v->add_bos == trit_yes ? known(v, v->bos) : -1, v->add_eos == trit_yes ? known(v, v->eos) : -1};
    const bool bos = ids[0] >= 0, eos = ids[1] >= 0;
    raw(d, bos || eos ? "\"post_processor\":{\"type\":\"TemplateProcessing\"," : "\"post_processor\":null,\n");
    if (!bos && !eos) return;
    for (size_t i = 0; i < 3; i++) {
        raw(d, forms[i][0]);
        if (bos) write_special(d, v->token[ids[0]]);
        raw(d, bos ? ",{\"Sequence\":{\"id\":\"" : "{\"Sequence\":{\"id\":\"");
        raw(d, forms[i][1]);
        raw(d, "\",\"type_id\":0}}");
        if (eos) raw(d, ",");
        if (eos) write_special(d, v->token[ids[1]]);
    }
    raw(d, "],\"special_tokens\":{");
    for (int i = 0; i < 2; i++) {
        if (ids[i] < 0 || (i && ids[1] == ids[0])) continue;
        if (i && bos) raw(d, ",");
        str(d, v->token[ids[i]]);
        raw(d, ":{\"id\":");
        str(d, v->token[ids[i]]);
        raw(d, ",\"ids\":[");
        number(d, ids[i]);
        raw(d, "],\"tokens\":[");
        str(d, v->token[ids[i]]);
        raw(d, "]}");
    }
    raw(d, "}},\n");
}

/* What stands before the model; *ignore_merges as the pre-tokenizer's name has it. */
static void write_pipeline(document *d, const trit_vocab_desc *v, bool *ignore_merges) {
    if (is_byte_level(v)) {
        raw(d, "\"normalizer\":null,\n\"pre_tokenizer\":");
        d->ok = d->ok && trit_pre_write_json(d->text, v->pre, ignore_merges);
        raw(d, ",\n");
    } else {
        raw(d, "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[");
        if (v->add_space_prefix != trit_no) raw(d, "{\"type\":\"Prepend\",\"prepend\":\"" TRIT_VISIBLE_SPACE "\"},");
        raw(d, "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" TRIT_VISIBLE_SPACE "\"}]},\n\"pre_tokenizer\":null,\n");
    }
    write_post_processor(d, v);
    if (is_byte_level(v)) {
        raw(d, "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},\n");
        return;
    }
    raw(d, "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"" TRIT_VISIBLE_SPACE "\"},\"content\":\" \"},"
           "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}");
    if (v->add_space_prefix != trit_no) raw(d, ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}");
    raw(d, "]},\n");
}

static void write_model(document *d, const trit_vocab_desc *v, bool ignore_merges) {
    raw(d, "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":");
    if (known(v, v->unk) >= 0) str(d, v->token[v->unk]);
    else raw(d, "null");
    raw(d, ",\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,");
    raw(d, is_byte_level(v) ? "\"fuse_unk\":false,\"byte_fallback\":false," : "\"fuse_unk\":true,\"byte_fallback\":true,");
    raw(d, ignore_merges ? "\"ignore_merges\":true,\"vocab\":{" : "\"ignore_merges\":false,\"vocab\":{");
    for (uint32_t id = 0; id < v->n_tokens; id++) {
        raw(d, id ? ",\n" : "\n");
        str(d, v->token[id]);
        raw(d, ":");
        number(d, id);
    }
    raw(d, "},\"merges\":[");
    for (uint32_t i = 0; i < v->n_merges; i++) {
        raw(d, i ? ",\n" : "\n");
        str(d, v->merge[i]);
    }
    raw(d, "]}}\n");
}

bool trit_tokenizer_write_json(trit_text *out, const trit_vocab_desc *v) {
    document d = {out, true};
    bool ignore_merges = false;
    raw(&d, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\n");
    write_added(&d, v);
    write_pipeline(&d, v, &ignore_merges);
    write_model(&d, v, v->ignore_merges == trit_unset ? ignore_merges : v->ignore_merges == trit_yes);
    return d.ok;
}

bool trit_tokenizer_write_config(trit_text *out, trit_str bos, trit_str eos, const char *chat_template) {
    document d = {out, true};
    raw(&d, "{\n\"tokenizer_class\": \"PreTrainedTokenizerFast\",\n\"clean_up_tokenization_spaces\": false");
    if (bos.p) raw(&d, ",\n\"bos_token\": ");
    if (bos.p) str(&d, bos);
    if (eos.p) raw(&d, ",\n\"eos_token\": ");
    if (eos.p) str(&d, eos);
    if (chat_template) raw(&d, ",\n\"chat_template\": ");
    if (chat_template) str(&d, trit_str_from(chat_template));
    raw(&d, "\n}\n");
    return d.ok;
}
