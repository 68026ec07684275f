/* The tokenizer of a folder, tokenizer.json or tokenizer.model, as the lists of a GGUF file. What becomes of it is read back and
 * compared with the original on a few texts, for GGUF does not say all that a folder can. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "model/convert/convert.h"

/* A vocabulary in lists of our own; strings are borrowed from the document, or stand in `made`. */
typedef struct vocab {
    trit_vocab_desc desc;
    trit_str *token, *merge;
    int32_t *type;
    float *score;
    uint32_t n;      /* the model's: files of llama.cpp have as many tokens as the embeddings have rows */
    trit_text *made; /* [n_made] */
    size_t n_made;
} vocab;

static void vocab_fini(vocab *v) {
    for (size_t i = 0; i < v->n_made; i++) trit_text_fini(&v->made[i]);
    trit_free(v->made);
    trit_free(v->token);
    trit_free(v->merge);
    trit_free(v->type);
    trit_free(v->score);
}

static trit_status vocab_init(vocab *v, uint32_t n, size_t n_merges, trit_error *err) {
    v->n = n;
    v->token = trit_alloc_zero(n, sizeof *v->token);
    v->type = trit_alloc_zero(n, sizeof *v->type);
    v->score = trit_alloc_zero(n, sizeof *v->score);
    v->merge = trit_alloc_zero(n_merges, sizeof *v->merge);
    v->made = trit_alloc_zero(n_merges + n, sizeof *v->made);
    return v->token && v->type && v->score && v->merge && v->made ? trit_ok : trit_error_memory(err, n * sizeof *v->token, "the vocabulary");
}

static trit_status set_token(vocab *v, trit_str token, int64_t id, trit_token_type type, trit_error *err) {
    if (id < 0 || id >= v->n)
        return trit_error_set(err, trit_format, "tokenizer: token %.*s has the id %lld, but the model %u tokens", TRIT_STR_ARG(token),
                              (long long)id, v->n);
    v->token[id] = token;
    v->type[id] = (int32_t)type;
    return trit_ok;
}

static bool is_byte_token(trit_str s) {
    return s.n == 6 && memcmp(s.p, "<0x", 3) == 0 && s.p[5] == '>';
}

static trit_status read_tokens(vocab *v, const trit_json *doc, bool byte_level, trit_error *err) {
    const trit_json *model = trit_json_get(doc, "model"), *list = trit_json_get(model, "vocab"), *added = trit_json_get(doc, "added_tokens"), *id;
    const trit_str unk = trit_json_as_str(trit_json_get(model, "unk_token"));
    void *iter = NULL;
    trit_str token;
    trit_status status = trit_ok;
    while (status == trit_ok && trit_json_next(list, &iter, &token, &id))
        status = set_token(v, token, trit_json_as_int(id, -1), !byte_level && is_byte_token(token) ? trit_token_byte : trit_token_normal, err);
    for (size_t i = 0; i < trit_json_length(added) && status == trit_ok; i++) {
        const trit_json *one = trit_json_at(added, i);
        const bool special = trit_json_as_bool(trit_json_get(one, "special"), false);
        token = trit_json_as_str(trit_json_get(one, "content"));
        status = set_token(v, token, trit_json_as_int(trit_json_get(one, "id"), -1),
                           !special ? trit_token_user_defined : unk.n && trit_str_equal(token, unk) ? trit_token_unknown : trit_token_control, err);
    }
    return status;
}

/* Rows of the embeddings without a token. */
static trit_status pad_tokens(vocab *v, trit_error *err) {
    for (uint32_t i = 0; i < v->n; i++) {
        char name[24];
        if (v->token[i].p) continue;
        snprintf(name, sizeof name, "[PAD%u]", i);
        trit_text *text = &v->made[v->n_made++];
        if (!trit_text_append(text, name, strlen(name))) return trit_error_memory(err, sizeof name, "the vocabulary");
        v->token[i] = (trit_str){text->data, text->n};
        v->type[i] = trit_token_unused;
    }
    return trit_ok;
}

/* "left right", whichever way the document spells a merge. */
static trit_status read_merge(vocab *v, size_t i, const trit_json *one, trit_error *err) {
    v->merge[i] = trit_json_as_str(one);
    if (v->merge[i].p) return trit_ok;
    const trit_str left = trit_json_as_str(trit_json_at(one, 0)), right = trit_json_as_str(trit_json_at(one, 1));
    trit_text *text = &v->made[v->n_made++];
    if (!trit_text_append(text, left.p, left.n) || !trit_text_append(text, " ", 1) || !trit_text_append(text, right.p, right.n))
        return trit_error_memory(err, left.n + right.n, "a merge");
    v->merge[i] = (trit_str){text->data, text->n};
    return trit_ok;
}

/* A SentencePiece vocabulary merges by scores: the earlier a merge makes a piece, the better the piece's score. */
static trit_status score_by_merges(vocab *v, const trit_tokenizer *t, size_t n_merges, trit_error *err) {
    trit_text piece = {0};
    trit_status status = trit_ok;
    for (size_t i = 0; i < n_merges && status == trit_ok; i++) {
        const trit_str line = v->merge[i];
        const char *blank = line.n > 1 ? memchr(line.p + 1, ' ', line.n - 1) : NULL;
        const size_t left = blank ? (size_t)(blank - line.p) : line.n;
        piece.n = 0;
        if (!trit_text_append(&piece, line.p, left) || (blank && !trit_text_append(&piece, blank + 1, line.n - left - 1)))
            status = trit_error_memory(err, line.n, "a merge");
        const int32_t id = status == trit_ok ? trit_tokenizer_find(t, piece.data, piece.n) : -1;
        if (id >= 0 && (uint32_t)id < v->n && v->score[id] == 0) v->score[id] = -(float)(i + 1);
    }
    trit_text_fini(&piece);
    return status;
}

/* Does a normalizer put a visible space in front of the text? */
static bool prepends(const trit_json *v) {
    const trit_str type = trit_json_as_str(trit_json_get(v, "type"));
    const trit_json *list = trit_json_get(v, "normalizers");
    if (trit_str_is(type, "Prepend")) return true;
    if (trit_str_is(type, "Metaspace")) return !trit_str_is(trit_json_as_str(trit_json_get(v, "prepend_scheme")), "never");
    for (size_t i = 0; i < trit_json_length(list); i++)
        if (prepends(trit_json_at(list, i))) return true;
    return false;
}

static trit_status read_json(vocab *v, const trit_convert_job *job, const trit_json *doc, trit_error *err) {
    const trit_json *model = trit_json_get(doc, "model"), *merges = trit_json_get(model, "merges");
    const char *kind = trit_tokenizer_kind(job->m->tokenizer);
    const trit_str unk = trit_json_as_str(trit_json_get(model, "unk_token"));
    const bool byte_level = strcmp(kind, "byte-level BPE") == 0;
    if (!byte_level && strcmp(kind, "SentencePiece BPE") != 0)
        return trit_error_set(err, trit_unsupported, "a tokenizer.json of kind %s has no form in GGUF here", kind);
    trit_status status = vocab_init(v, job->m->config.vocab_size, trit_json_length(merges), err);
    if (status == trit_ok) status = read_tokens(v, doc, byte_level, err);
    if (status == trit_ok) status = pad_tokens(v, err);
    for (size_t i = 0; i < trit_json_length(merges) && status == trit_ok; i++) status = read_merge(v, i, trit_json_at(merges, i), err);
    if (status == trit_ok && !byte_level) status = score_by_merges(v, job->m->tokenizer, trit_json_length(merges), err);
    if (status != trit_ok) return status;
    v->desc = (trit_vocab_desc){.model = byte_level ? "gpt2" : "llama", .ignore_merges = trit_unset, .add_space_prefix = trit_unset, .cls = -1, .sep = -1};
    if (!byte_level) v->desc.add_space_prefix = prepends(trit_json_get(doc, "normalizer")) || prepends(trit_json_get(doc, "pre_tokenizer"));
    v->desc.n_merges = byte_level ? (uint32_t)trit_json_length(merges) : 0;
    v->desc.unk = unk.n ? trit_tokenizer_find(job->m->tokenizer, unk.p, unk.n) : -1;
    if (!byte_level) return trit_ok;
    v->desc.pre = trit_pre_from_json(doc);
    if (!v->desc.pre) return trit_error_set(err, trit_unsupported, "its pre-tokenizer has no name in GGUF");
    const trit_str normalizer = trit_json_as_str(trit_json_get(trit_json_get(doc, "normalizer"), "type"));
    if (normalizer.n)
        trit_convert_say(job, trit_convert_note, "tokenizer: GGUF has no place for the normalizer %.*s; texts that it changes get other tokens",
                         TRIT_STR_ARG(normalizer));
    return trit_ok;
}

static trit_status read_spm(vocab *v, const trit_convert_job *job, trit_str bytes, trit_spm_vocab *spm, trit_error *err) {
    trit_status status = trit_spm_vocab_read(spm, bytes, "tokenizer.model", err);
    if (status == trit_ok) status = vocab_init(v, job->m->config.vocab_size, 0, err);
    if (status != trit_ok) return status;
    v->desc = spm->desc;
    for (uint32_t i = 0; i < spm->desc.n_tokens && status == trit_ok; i++) {
        status = set_token(v, spm->token[i], i, (trit_token_type)spm->type[i], err);
        if (status == trit_ok) v->score[i] = spm->score[i];
    }
    return status == trit_ok ? pad_tokens(v, err) : status;
}

/* What stands before and behind every text, and where generation ends: as the folder's own tokenizer does it. */
static trit_status describe_ids(vocab *v, const trit_model *m, trit_error *err) {
    const trit_tokenizer *t = m->tokenizer;
    int32_t *ends[] = {&v->desc.eos, &v->desc.eot, &v->desc.eom};
    size_t n = 0;
    trit_ids ids = {0};
    v->desc.bos = trit_tokenizer_bos(t);
    v->desc.eos = trit_tokenizer_eos(t);
    v->desc.eot = v->desc.eom = -1;
    if (v->desc.eos >= 0) n = 1;
    for (uint32_t i = 0; i < m->source.hf.n_eos && n < 3; i++)
        if (m->source.hf.eos[i] != v->desc.eos) *ends[n++] = m->source.hf.eos[i];
    v->desc.pad = (int32_t)trit_json_as_int(trit_json_get(m->source.hf.json, "pad_token_id"), -1);
    if (v->desc.pad < 0 || (uint32_t)v->desc.pad >= v->n) v->desc.pad = -1;
    const trit_status status = trit_tokenizer_encode(t, &ids, "", 0, NULL, err);
    v->desc.add_bos = trit_tokenizer_adds_bos(t) ? trit_yes : trit_no;
    const bool any_behind = ids.n > (size_t)trit_tokenizer_adds_bos(t);
    v->desc.add_eos = any_behind && v->desc.eos >= 0 && ids.data[ids.n - 1] == v->desc.eos ? trit_yes : trit_no;
    trit_ids_fini(&ids);
    v->desc.n_tokens = v->n;
    v->desc.token = v->token;
    v->desc.type = v->type;
    v->desc.score = strcmp(v->desc.model, "gpt2") == 0 ? NULL : v->score;
    v->desc.merge = v->merge;
    return status;
}

/* Texts on which tokenizers tend to differ. */
static const char *const samples[] = {"Hello world's 12345  foo\n\n bar!!\t\tx", " I'LL pay $3.50, OK?", "café 你好 😀", "", " ",
                                      "def f(x):\n    return x + 1  # ok\r\n", "1234567890 1.5e-3", "a", "  two  spaces ", "▁x<|end|>"};

static trit_status compare(const trit_convert_job *job, const trit_tokenizer *made, trit_error *err) {
    trit_ids a = {0}, b = {0};
    trit_status status = trit_ok;
    unsigned n_other = 0;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0] && status == trit_ok; i++) {
        status = trit_tokenizer_encode(job->m->tokenizer, &a, samples[i], strlen(samples[i]), NULL, err);
        if (status == trit_ok) status = trit_tokenizer_encode(made, &b, samples[i], strlen(samples[i]), NULL, err);
        if (status != trit_ok) continue;
        n_other += a.n != b.n || (a.n && memcmp(a.data, b.data, a.n * sizeof *a.data) != 0);
    }
    if (n_other) trit_convert_say(job, trit_convert_note, "tokenizer: GGUF's form of it gives other tokens for %u of %zu texts tried", n_other,
                                  sizeof samples / sizeof samples[0]);
    for (uint32_t id = 0; id < trit_tokenizer_size(job->m->tokenizer) && status == trit_ok; id++)
        if (trit_tokenizer_is_eog(job->m->tokenizer, (int32_t)id) != trit_tokenizer_is_eog(made, (int32_t)id))
            trit_convert_say(job, trit_convert_note, "tokenizer: GGUF cannot say that generation %s at token %u",
                             trit_tokenizer_is_eog(made, (int32_t)id) ? "goes on" : "ends", id);
    trit_ids_fini(&a);
    trit_ids_fini(&b);
    return status;
}

static trit_status check(const trit_convert_job *job, const vocab *v, trit_error *err) {
    trit_tokenizer *made;
    trit_status status = trit_tokenizer_from_vocab(&made, &v->desc, err);
    if (status != trit_ok) return status;
    status = compare(job, made, err);
    trit_tokenizer_close(made);
    return status;
}

static trit_status put_id(trit_gguf_writer *w, const char *key, int32_t id, trit_error *err) {
    return id < 0 ? trit_ok : trit_gguf_put_u32(w, key, (uint32_t)id, err);
}

static trit_status put_flag(trit_gguf_writer *w, const char *key, trit_tristate flag, trit_error *err) {
    return flag == trit_unset ? trit_ok : trit_gguf_put_bool(w, key, flag == trit_yes, err);
}

static trit_status put_ids(trit_gguf_writer *w, const trit_vocab_desc *d, trit_error *err) {
    const struct {
        const char *key;
        int32_t id;
    } ids[] = {{"tokenizer.ggml.bos_token_id", d->bos}, {"tokenizer.ggml.eos_token_id", d->eos},     {"tokenizer.ggml.eot_token_id", d->eot},
               {"tokenizer.ggml.eom_token_id", d->eom}, {"tokenizer.ggml.unknown_token_id", d->unk}, {"tokenizer.ggml.padding_token_id", d->pad}};
    trit_status status = trit_ok;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0] && status == trit_ok; i++) status = put_id(w, ids[i].key, ids[i].id, err);
    if (status == trit_ok) status = put_flag(w, "tokenizer.ggml.add_bos_token", d->add_bos, err);
    if (status == trit_ok) status = put_flag(w, "tokenizer.ggml.add_eos_token", d->add_eos, err);
    return status == trit_ok ? put_flag(w, "tokenizer.ggml.add_space_prefix", d->add_space_prefix, err) : status;
}

static trit_status put_charsmap(trit_gguf_writer *w, const trit_vocab_desc *d, trit_error *err) {
    static const char key[] = "tokenizer.ggml.precompiled_charsmap";
    const trit_gguf_kv kv = {.key = trit_str_from(key), .type = trit_gguf_array, .item_type = trit_gguf_u8, .n = d->charsmap.n,
                             .data = (const uint8_t *)d->charsmap.p};
    trit_status status = d->charsmap.n ? trit_gguf_put_kv(w, &kv, err) : trit_ok;
    if (status == trit_ok && d->remove_extra_whitespaces) status = trit_gguf_put_bool(w, "tokenizer.ggml.remove_extra_whitespaces", true, err);
    return status;
}

static trit_status put(trit_gguf_writer *w, const trit_vocab_desc *d, trit_error *err) {
    trit_status status = trit_gguf_put_str(w, "tokenizer.ggml.model", trit_str_from(d->model), err);
    if (status == trit_ok && d->pre) status = trit_gguf_put_str(w, "tokenizer.ggml.pre", trit_str_from(d->pre), err);
    if (status == trit_ok) status = trit_gguf_put_strs(w, "tokenizer.ggml.tokens", d->token, d->n_tokens, err);
    if (status == trit_ok) status = trit_gguf_put_i32s(w, "tokenizer.ggml.token_type", d->type, d->n_tokens, err);
    if (status == trit_ok && d->score) status = trit_gguf_put_f32s(w, "tokenizer.ggml.scores", d->score, d->n_tokens, err);
    if (status == trit_ok && d->n_merges) status = trit_gguf_put_strs(w, "tokenizer.ggml.merges", d->merge, d->n_merges, err);
    if (status == trit_ok) status = put_charsmap(w, d, err);
    return status == trit_ok ? put_ids(w, d, err) : status;
}

/* Other programs refuse a file that does not even say that it has no tokenizer. */
static trit_status put_none(trit_gguf_writer *w, trit_error *err) {
    return trit_gguf_put_str(w, "tokenizer.ggml.model", trit_str_from("no_vocab"), err);
}

static trit_status convert_text(const trit_convert_job *job, trit_gguf_writer *w, const trit_json *doc, trit_str spm_bytes, trit_error *err) {
    vocab v = {0};
    trit_spm_vocab spm = {0};
    trit_error why = {0};
    trit_status status = doc ? read_json(&v, job, doc, &why) : read_spm(&v, job, spm_bytes, &spm, &why);
    if (status == trit_ok) status = describe_ids(&v, job->m, &why);
    if (status == trit_ok) status = check(job, &v, &why);
    if (status == trit_ok) status = trit_convert_prune_vocab(job, &v.desc, (trit_vocab_lists){v.token, v.merge, v.type, v.score}, &why);
    if (status == trit_ok) status = put(w, &v.desc, &why);
    vocab_fini(&v);
    trit_spm_vocab_fini(&spm);
    if (status != trit_unsupported || job->now) {
        if (status != trit_ok && err) *err = why;
        return status;
    }
    trit_convert_say(job, trit_convert_note, "no tokenizer in the output: %s", why.message);
    return put_none(w, err);
}

trit_status trit_convert_put_vocab(const trit_convert_job *job, trit_gguf_writer *w, trit_error *err) {
    char json[4096], spm[4096];
    trit_file_map map = {0};
    trit_json *doc = NULL;
    if (!job->m->tokenizer) return put_none(w, err);
    snprintf(json, sizeof json, "%s/tokenizer.json", job->m->source.folder);
    snprintf(spm, sizeof spm, "%s/tokenizer.model", job->m->source.folder);
    const bool is_json = trit_os_is_file(json);
    trit_status status = trit_os_map(&map, is_json ? json : spm, err);
    if (status == trit_ok && is_json) status = trit_json_parse(&doc, (const char *)map.data, map.n, "tokenizer.json", err);
    if (status == trit_ok) status = convert_text(job, w, doc, (trit_str){(const char *)map.data, map.n}, err);
    trit_json_free(doc);
    trit_os_unmap(&map);
    return status;
}
