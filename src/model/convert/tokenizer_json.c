/* The tokenizer of a folder: BPE on bytes or as SentencePiece has it, from a GGUF file's lists as tokenizer.json, and tokenizer_config.json with
 * the chat template; or the files of the folder that the model comes from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "model/convert/convert.h"

static trit_str piece(const trit_tokenizer *t, int32_t id) {
    trit_str s = {0};
    s.p = id >= 0 ? trit_tokenizer_piece(t, id, &s.n) : NULL;
    return s;
}

/* Takes the text over. */
static trit_status finish(trit_text *text, bool ok, const char *folder, const char *name, trit_error *err) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const trit_status status = ok ? trit_os_write_file(path, text->data, text->n, err) : trit_error_memory(err, text->n, name);
    trit_text_fini(text);
    return status;
}

/* The lists of a GGUF file, in memory of our own for the call. */
typedef struct lists {
    trit_str *token, *merge;
    int32_t *type;
    trit_text lines; /* of merges that the file does not have */
} lists;

/* ---- SentencePiece: any two pieces merge that make a piece, those of higher scores first ---- */

typedef struct scored {
    double score;
    int32_t id;
} scored;

static int by_score(const void *a, const void *b) {
    const scored *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score ? 1 : -1) : (x->id > y->id) - (x->id < y->id);
}

static bool is_normal(const lists *l, int32_t id) {
    return id >= 0 && l->type[id] <= trit_token_normal;
}

/* "left right" and a NUL for each cut of a piece. */
static bool add_cuts(lists *l, trit_vocab_desc *d, const trit_tokenizer *t, trit_str token) {
    bool ok = true;
    for (size_t cut = 1; cut < token.n && ok; cut++) {
        if (((unsigned char)token.p[cut] & 0xC0) == 0x80) continue; /* inside a character */
        const bool both = is_normal(l, trit_tokenizer_find(t, token.p, cut)) && is_normal(l, trit_tokenizer_find(t, token.p + cut, token.n - cut));
        if (!both) continue;
        ok = trit_text_append(&l->lines, token.p, cut) && trit_text_append(&l->lines, " ", 1) &&
             trit_text_append(&l->lines, token.p + cut, token.n - cut) && trit_text_append(&l->lines, "", 1);
        d->n_merges++;
    }
    return ok;
}

static bool merges_from_scores(lists *l, trit_vocab_desc *d, const trit_gguf *g, const trit_tokenizer *t) {
    const trit_gguf_kv *scores = trit_gguf_find(g, "tokenizer.ggml.scores");
    scored *order = trit_alloc(d->n_tokens, sizeof *order);
    bool ok = order != NULL;
    for (uint32_t id = 0; ok && id < d->n_tokens; id++) {
        order[id] = (scored){0, (int32_t)id};
        (void)trit_gguf_real(scores, id, &order[id].score);
    }
    if (ok) qsort(order, d->n_tokens, sizeof *order, by_score);
    d->n_merges = 0;
    for (uint32_t i = 0; ok && i < d->n_tokens; i++)
        if (is_normal(l, order[i].id)) ok = add_cuts(l, d, t, l->token[order[i].id]);
    trit_free(order);
    trit_free(l->merge);
    l->merge = ok ? trit_alloc(d->n_merges, sizeof *l->merge) : NULL;
    if (!l->merge) return false;
    const char *at = l->lines.data;
    for (uint32_t i = 0; i < d->n_merges; i++, at += strlen(at) + 1) l->merge[i] = trit_str_from(at);
    d->merge = l->merge;
    return true;
}

/* ---- The document ---- */

static bool is_sentencepiece(const trit_tokenizer *t) {
    return strcmp(trit_tokenizer_kind(t), "SentencePiece BPE") == 0;
}

bool trit_convert_has_vocab(const trit_model *m) {
    const trit_gguf *g = m->source.gguf;
    const trit_tokenizer *t = m->tokenizer;
    bool removes = false;
    if (m->source.folder || !t) return m->source.folder != NULL;
    (void)trit_gguf_bool_value(trit_gguf_find(g, "tokenizer.ggml.remove_extra_whitespaces"), &removes);
    if (strcmp(trit_tokenizer_kind(t), "byte-level BPE") == 0) return true;
    return is_sentencepiece(t) && !removes && !trit_gguf_find(g, "tokenizer.ggml.precompiled_charsmap");
}

/* The first where the file names none that there is, as when it is read. */
static int32_t unknown_of(const trit_gguf *g, const trit_tokenizer *t) {
    int64_t id;
    const bool known = trit_gguf_int(trit_gguf_find(g, "tokenizer.ggml.unknown_token_id"), 0, &id);
    return known && id >= 0 && id < (int64_t)trit_tokenizer_size(t) ? (int32_t)id : 0;
}

static bool read_lists(lists *l, trit_vocab_desc *d, const trit_gguf *g, const trit_tokenizer *t) {
    const trit_gguf_kv *types = trit_gguf_find(g, "tokenizer.ggml.token_type"), *merges = trit_gguf_find(g, "tokenizer.ggml.merges");
    const uint64_t n_merges = merges ? merges->n : 0;
    d->n_tokens = trit_tokenizer_size(t);
    *l = (lists){.token = trit_alloc(d->n_tokens, sizeof *l->token), .merge = trit_alloc(n_merges, sizeof *l->merge),
                 .type = trit_alloc(d->n_tokens, sizeof *l->type)};
    if (!l->token || !l->merge || !l->type) return false;
    for (uint32_t id = 0; id < d->n_tokens; id++) {
        int64_t type = trit_token_normal;
        (void)trit_gguf_int(types, id, &type);
        l->type[id] = (int32_t)type;
        l->token[id] = piece(t, (int32_t)id);
    }
    d->n_merges = merges && trit_gguf_strs(merges, l->merge) ? (uint32_t)n_merges : 0;
    d->token = l->token;
    d->merge = l->merge;
    d->type = l->type;
    return is_sentencepiece(t) ? merges_from_scores(l, d, g, t) : true;
}

static trit_status write_tokenizer(const trit_convert_job *job, const char *folder, trit_error *err) {
    const trit_gguf *g = job->m->source.gguf;
    const trit_tokenizer *t = job->m->tokenizer;
    trit_ids ids = {0};
    trit_text text = {0};
    lists l = {0};
    trit_status status = trit_tokenizer_encode(t, &ids, "", 0, NULL, err);
    if (status != trit_ok) return status;
    const bool bos = trit_tokenizer_adds_bos(t), eos = ids.n > (size_t)bos;
    trit_ids_fini(&ids);
    trit_vocab_desc desc = {.model = "gpt2", .pre = trit_tokenizer_pre(t), .bos = trit_tokenizer_bos(t), .eos = trit_tokenizer_eos(t), .unk = -1,
                            .add_bos = bos ? trit_yes : trit_no, .add_eos = eos ? trit_yes : trit_no, .ignore_merges = trit_unset};
    if (is_sentencepiece(t)) {
        bool prefix = true;
        (void)trit_gguf_bool_value(trit_gguf_find(g, "tokenizer.ggml.add_space_prefix"), &prefix);
        desc.model = "llama";
        desc.unk = unknown_of(g, t);
        desc.add_space_prefix = prefix ? trit_yes : trit_no;
        desc.ignore_merges = trit_no;
    }
    bool ok = read_lists(&l, &desc, g, t);
    if (ok) status = trit_convert_prune_vocab(job, &desc, (trit_vocab_lists){.token = l.token, .merge = l.merge, .type = l.type}, err);
    ok = ok && (status != trit_ok || trit_tokenizer_write_json(&text, &desc));
    trit_free(l.token);
    trit_free(l.merge);
    trit_free(l.type);
    trit_text_fini(&l.lines);
    if (status == trit_ok) return finish(&text, ok, folder, "tokenizer.json", err);
    trit_text_fini(&text);
    return status;
}

static trit_status write_tokenizer_config(const trit_model *m, const char *folder, trit_error *err) {
    const trit_tokenizer *t = m->tokenizer;
    trit_text text = {0};
    const bool ok = trit_tokenizer_write_config(&text, piece(t, trit_tokenizer_bos(t)), piece(t, trit_tokenizer_eos(t)), trit_model_chat_template(m));
    return finish(&text, ok, folder, "tokenizer_config.json", err);
}

/* From folder to folder the files go along as they are. */
trit_status trit_convert_copy_vocab(const char *from, const char *to, trit_error *err) {
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "generation_config.json",
                                        "chat_template.jinja"};
    trit_status status = trit_ok;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == trit_ok; i++) {
        char path[4096], target[4096];
        trit_file_map map;
        if (snprintf(path, sizeof path, "%s/%s", from, names[i]) >= (int)sizeof path ||
            snprintf(target, sizeof target, "%s/%s", to, names[i]) >= (int)sizeof target)
            return trit_error_set(err, trit_io, "%.200s: the path is too long", strlen(from) > strlen(to) ? from : to);
        if (!trit_os_is_file(path)) continue;
        status = trit_os_map(&map, path, err);
        if (status != trit_ok) return status;
        status = trit_os_write_file(target, map.data, map.n, err);
        trit_os_unmap(&map);
    }
    return status;
}

trit_status trit_convert_write_vocab(const trit_convert_job *job, const char *folder, trit_error *err) {
    const trit_model *m = job->m;
    if (m->source.folder) return trit_convert_copy_vocab(m->source.folder, folder, err);
    if (!m->tokenizer) return trit_ok;
    if (!trit_convert_has_vocab(m)) {
        trit_convert_say(job, trit_convert_note, "no tokenizer in the output: this kind (%s) is not written as tokenizer.json",
                         trit_tokenizer_kind(m->tokenizer));
        return trit_ok;
    }
    trit_status status = write_tokenizer(job, folder, err);
    return status == trit_ok ? write_tokenizer_config(m, folder, err) : status;
}
