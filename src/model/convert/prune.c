/* A vocabulary of fewer tokens: which old id becomes which new one, and the lists, ids and rows that follow. The tokens that stay keep their
 * order, so lists shrink in place and scores and merges keep their ranks. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/convert/convert.h"

uint32_t trit_convert_vocab_size(const trit_convert_job *job) {
    return job->now ? (uint32_t)job->o->n_keep : job->m->config.vocab_size;
}

int32_t trit_convert_now(const trit_convert_job *job, int32_t id) {
    if (!job->now || id < 0) return id;
    return (uint32_t)id < job->m->config.vocab_size ? job->now[id] : -1;
}

static trit_status check_named(const trit_convert_job *job, const char *what, int32_t id, trit_error *err) {
    if (id < 0 || trit_convert_now(job, id) >= 0) return trit_ok;
    return trit_error_set(err, trit_arg, "tokens to keep: %d, the %s token, is not among them", id, what);
}

static trit_status check_input(const trit_convert_job *job, trit_error *err) {
    const trit_model *m = job->m;
    if (!m->tokenizer) return trit_error_set(err, trit_unsupported, "tokens to keep: the model has no tokenizer");
    if (job->o->hugging_face && m->source.folder)
        return trit_error_set(err, trit_unsupported, "tokens to keep: the tokenizer of a folder goes into another one as it is; a GGUF file can have fewer");
    if (job->o->hugging_face && !trit_convert_has_vocab(m))
        return trit_error_set(err, trit_unsupported, "tokens to keep: this tokenizer (%s) is not written as tokenizer.json; a GGUF file can have fewer",
                              trit_tokenizer_kind(m->tokenizer));
    return trit_ok;
}

trit_status trit_convert_prune(trit_convert_job *job, trit_error *err) {
    const trit_convert_opts *o = job->o;
    if (!o->keep) return trit_ok;
    trit_status status = check_input(job, err);
    if (status != trit_ok) return status;
    const uint32_t n = job->m->config.vocab_size, n_tokens = trit_tokenizer_size(job->m->tokenizer); /* not more than n */
    job->now = trit_alloc(n, sizeof *job->now);
    if (!job->now) return trit_error_memory(err, n * sizeof *job->now, "the tokens to keep");
    for (uint32_t i = 0; i < n; i++) job->now[i] = -1;
    for (size_t i = 0; i < o->n_keep; i++) {
        const int32_t id = o->keep[i];
        if (id < 0 || (uint32_t)id >= n_tokens || (i && id <= o->keep[i - 1]))
            return trit_error_set(err, trit_arg, "tokens to keep: %d, the %zuth, is not above the one before and below %u", id, i + 1, n_tokens);
        job->now[id] = (int32_t)i;
    }
    if (!o->n_keep) return trit_error_set(err, trit_arg, "tokens to keep: none");
    status = check_named(job, "begin", trit_tokenizer_bos(job->m->tokenizer), err);
    return status == trit_ok ? check_named(job, "end", trit_tokenizer_eos(job->m->tokenizer), err) : status;
}

/* A row for each token, in a type whose rows stand by themselves. */
trit_status trit_convert_prune_rows(trit_convert_tensor *t, trit_error *err) {
    const trit_convert_job *job = t->job;
    if (!job->now) return trit_ok;
    if (!trit_dtype_is_plain(t->in->dtype) && !trit_dtype_is_blocks(t->in->dtype))
        return trit_error_set(err, trit_unsupported, "tensor %.*s: rows of %s do not stand by themselves, none can be left out", TRIT_STR_ARG(t->in->name),
                              trit_dtype_info(t->in->dtype)->label);
    t->rows = job->o->keep;
    return trit_ok;
}

/* ---- Lists ---- */

static bool stays(const trit_convert_job *job, trit_str piece) {
    return trit_convert_now(job, trit_tokenizer_find(job->m->tokenizer, piece.p, piece.n)) >= 0;
}

/* Do both sides of "left right" and what they make? */
static trit_status merge_stays(bool *yes, const trit_convert_job *job, trit_str line, trit_error *err) {
    const char *blank = line.n > 1 ? memchr(line.p + 1, ' ', line.n - 1) : NULL;
    trit_text both = {0};
    *yes = false;
    if (!blank) return trit_ok;
    const trit_str left = {line.p, (size_t)(blank - line.p)}, right = {blank + 1, line.n - left.n - 1};
    const bool ok = trit_text_append(&both, left.p, left.n) && trit_text_append(&both, right.p, right.n);
    *yes = ok && stays(job, left) && stays(job, right) && stays(job, (trit_str){both.data, both.n});
    trit_text_fini(&both);
    return ok ? trit_ok : trit_error_memory(err, line.n, "a merge");
}

static trit_status prune_merges(const trit_convert_job *job, trit_str *merge, uint32_t *n, trit_error *err) {
    uint32_t n_left = 0;
    trit_status status = trit_ok;
    for (uint32_t i = 0; i < *n && status == trit_ok; i++) {
        bool yes;
        status = merge_stays(&yes, job, merge[i], err);
        if (status == trit_ok && yes) merge[n_left++] = merge[i];
    }
    *n = n_left;
    return status;
}

trit_status trit_convert_prune_vocab(const trit_convert_job *job, trit_vocab_desc *d, trit_vocab_lists lists, trit_error *err) {
    int32_t *const ids[] = {&d->bos, &d->eos, &d->eot, &d->eom, &d->unk, &d->pad, &d->cls, &d->sep};
    if (!job->now) return trit_ok;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) *ids[i] = trit_convert_now(job, *ids[i]);
    for (size_t i = 0; i < job->o->n_keep; i++) {
        const int32_t old = job->o->keep[i];
        lists.token[i] = lists.token[old];
        lists.type[i] = lists.type[old];
        if (lists.score) lists.score[i] = lists.score[old];
    }
    d->n_tokens = (uint32_t)job->o->n_keep;
    return prune_merges(job, lists.merge, &d->n_merges, err);
}

/* ---- Keys of a GGUF file ---- */

/* A key that is put anew. */
typedef struct put {
    const trit_convert_job *job;
    trit_gguf_writer *w;
    const trit_gguf_kv *kv;
    char key[256];
} put;

static trit_status put_strs(const put *p, bool merges, trit_error *err) {
    trit_str *list = trit_alloc(p->kv->n, sizeof *list);
    uint32_t n = (uint32_t)p->job->o->n_keep;
    if (!list) return trit_error_memory(err, p->kv->n * sizeof *list, p->key);
    trit_status status = trit_gguf_strs(p->kv, list) ? trit_ok : trit_error_set(err, trit_format, "%s: not an array of strings", p->key);
    for (uint32_t i = 0; i < n && !merges && status == trit_ok; i++) list[i] = list[p->job->o->keep[i]];
    if (status == trit_ok && merges) {
        n = (uint32_t)p->kv->n;
        status = prune_merges(p->job, list, &n, err);
    }
    if (status == trit_ok) status = trit_gguf_put_strs(p->w, p->key, list, n, err);
    trit_free(list);
    return status;
}

static trit_status put_reals(const put *p, trit_error *err) {
    const size_t n = p->job->o->n_keep;
    float *list = trit_alloc(n, sizeof *list);
    if (!list) return trit_error_memory(err, n * sizeof *list, p->key);
    for (size_t i = 0; i < n; i++) {
        double v = 0;
        (void)trit_gguf_real(p->kv, (uint64_t)p->job->o->keep[i], &v);
        list[i] = (float)v;
    }
    const trit_status status = trit_gguf_put_f32s(p->w, p->key, list, n, err);
    trit_free(list);
    return status;
}

/* Of the tokens that stay, or, where the items are ids, those that stay by their new ones. */
static trit_status put_ints(const put *p, bool are_ids, trit_error *err) {
    const size_t n_in = are_ids ? (size_t)p->kv->n : p->job->o->n_keep;
    size_t n = 0;
    int32_t *list = trit_alloc(n_in, sizeof *list);
    if (!list) return trit_error_memory(err, n_in * sizeof *list, p->key);
    for (size_t i = 0; i < n_in; i++) {
        int64_t v = -1;
        (void)trit_gguf_int(p->kv, are_ids ? i : (uint64_t)p->job->o->keep[i], &v);
        if (are_ids) v = v < 0 || v > INT32_MAX ? -1 : trit_convert_now(p->job, (int32_t)v);
        if (!are_ids || v >= 0) list[n++] = (int32_t)v;
    }
    const trit_status status = trit_gguf_put_i32s(p->w, p->key, list, n, err);
    trit_free(list);
    return status;
}

static trit_status put_id(const put *p, trit_error *err) {
    int64_t v;
    if (!trit_gguf_int(p->kv, 0, &v) || v < 0 || v > INT32_MAX) return trit_gguf_put_kv(p->w, p->kv, err);
    const int32_t id = trit_convert_now(p->job, (int32_t)v);
    if (id >= 0) return trit_gguf_put_u32(p->w, p->key, (uint32_t)id, err);
    trit_convert_say(p->job, trit_convert_note, "%s: token %" PRId64 " is left out, and the key with it", p->key, v);
    return trit_ok;
}

static trit_status put_list(const put *p, trit_error *err) {
    const trit_gguf_type of = p->kv->item_type;
    const bool per_token = p->kv->n == trit_tokenizer_size(p->job->m->tokenizer) && strncmp(p->key, "tokenizer.", 10) == 0;
    if (strcmp(p->key, "tokenizer.ggml.merges") == 0) return put_strs(p, true, err);
    if (trit_ends_with(p->key, "_token_ids") || trit_ends_with(p->key, "suppress_tokens")) return put_ints(p, true, err);
    if (!per_token) return trit_gguf_put_kv(p->w, p->kv, err);
    if (of == trit_gguf_string) return put_strs(p, false, err);
    return of == trit_gguf_f32 || of == trit_gguf_f64 ? put_reals(p, err) : put_ints(p, false, err);
}

trit_status trit_convert_put_pruned(const trit_convert_job *job, trit_gguf_writer *w, const trit_gguf_kv *kv, trit_error *err) {
    put p = {.job = job, .w = w, .kv = kv};
    snprintf(p.key, sizeof p.key, "%.*s", TRIT_STR_ARG(kv->key));
    if (kv->type == trit_gguf_array) return put_list(&p, err);
    if (trit_ends_with(p.key, "_token_id")) return put_id(&p, err);
    if (trit_ends_with(p.key, ".vocab_size")) return trit_gguf_put_u32(w, p.key, trit_convert_vocab_size(job), err);
    if (strcmp(p.key, "tokenizer.huggingface.json") != 0) return trit_gguf_put_kv(w, kv, err);
    trit_convert_say(job, trit_convert_note, "%s: left out, it has all tokens", p.key);
    return trit_ok;
}
