/* From files to tokens, and to the token cache: pieces are read in batches, a team turns them into tokens, and they are handed on in the order
 * of the text. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/env.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/rng.h"
#include "text/pieces.h"
#include "text/text.h"
#include "train/data_parts.h"

enum { batch_pieces = 1024, batch_bytes = 1 << 24 };

typedef struct job {
    trit_data_piece piece;
    trit_data_tokens tokens;
    trit_data_broken broken;
    trit_status status;
    trit_error err;
} job;

typedef struct build {
    const trit_dataset_opts *o;
    const trit_data_files *files;
    trit_data_encoder encoder;
    trit_data_reader reader;
    trit_data_sink *sink;
    void *sink_self;
    job *jobs; /* [batch_pieces] */
    size_t n_jobs;
    trit_data_text_check check;
    uint64_t n_broken; /* bytes that are not UTF-8 */
} build;

static void encode_jobs(void *arg, unsigned member, uint64_t first, uint64_t last) {
    build *b = arg;
    (void)member;
    for (uint64_t i = first; i < last; i++) {
        job *j = &b->jobs[i];
        const trit_data_file *file = &b->files->item[j->piece.file];
        char what[400];
        if (file->is_records) snprintf(what, sizeof what, "%.350s, line %llu", file->path, (unsigned long long)j->piece.at);
        j->broken = (trit_data_broken){0};
        j->status = file->is_records ? trit_ok : trit_data_find_broken(&j->broken, file->path, &j->piece, &j->err);
        if (j->status == trit_ok)
            j->status = trit_data_encode(&b->encoder, &j->piece, file->is_records, file->is_records ? what : file->path, &j->tokens, &j->err);
    }
}

static trit_status read_batch(build *b, bool *more, trit_error *err) {
    size_t n_bytes = 0;
    trit_status status = trit_ok;
    b->n_jobs = 0;
    for (*more = true; b->n_jobs < batch_pieces && n_bytes < batch_bytes;) {
        job *j = &b->jobs[b->n_jobs];
        status = trit_data_reader_next(&b->reader, &j->piece, more, err);
        if (status != trit_ok || !*more) break;
        n_bytes += j->piece.text.n;
        b->n_jobs++;
    }
    return status;
}

static trit_status hand_on(build *b, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t i = 0; i < b->n_jobs && status == trit_ok; i++) {
        const job *j = &b->jobs[i];
        if (j->status != trit_ok && err) *err = j->err;
        status = j->status;
        if (status == trit_ok) status = trit_data_check_text(&b->check, b->files->item[j->piece.file].path, &j->piece, &j->broken, err);
        if (status == trit_ok) status = b->sink(b->sink_self, &j->tokens, j->piece.ends, err);
        b->n_broken += j->broken.n;
    }
    return status;
}

static trit_status tokenize(build *b, trit_error *err) {
    const trit_dataset_opts *o = b->o;
    trit_status status = trit_ok;
    for (bool more = true; more && status == trit_ok;) {
        status = read_batch(b, &more, err);
        if (status != trit_ok) break;
        trit_team_share(o->team, b->n_jobs, 1, encode_jobs, b);
        status = hand_on(b, err);
        trit_data_reader_release(&b->reader);
        if (status == trit_ok && o->watch && !o->watch(o->watch_self, "tokenizing", b->reader.done + b->reader.at, b->files->n_bytes))
            status = trit_error_set(err, trit_cancelled, "interrupted while text was turned into tokens");
    }
    if (status == trit_ok && b->n_broken)
        trit_logf(trit_log_warn, "%llu bytes of the text are not UTF-8 and became U+FFFD", (unsigned long long)b->n_broken);
    return status;
}

trit_status trit_data_tokenize(const trit_dataset_opts *o, const trit_data_files *files, trit_data_sink *sink, void *self, trit_error *err) {
    build b = {.o = o, .files = files, .reader = {.files = files, .separator = o->separator}, .sink = sink, .sink_self = self};
    trit_status status = trit_data_encoder_init(&b.encoder, o, err);
    b.reader.drops_blank = b.encoder.drops_blank;
    b.jobs = trit_alloc_zero(batch_pieces, sizeof *b.jobs);
    if (status == trit_ok && !b.jobs) status = trit_error_memory(err, batch_pieces * sizeof *b.jobs, "tokens");
    if (status == trit_ok) status = tokenize(&b, err);
    trit_data_reader_fini(&b.reader);
    for (size_t i = 0; b.jobs && i < batch_pieces; i++) trit_data_tokens_fini(&b.jobs[i].tokens);
    trit_free(b.jobs);
    trit_data_encoder_fini(&b.encoder);
    return status;
}

static trit_status write_piece(void *self, const trit_data_tokens *tokens, bool ends_document, trit_error *err) {
    return trit_token_writer_add(self, tokens, ends_document, err);
}

static trit_status write_cache(const char *path, const trit_token_key *key, const trit_dataset_opts *o, const trit_data_files *files, trit_error *err) {
    trit_token_writer *writer = NULL;
    trit_status status = trit_token_writer_new(&writer, path, key, trit_tokenizer_size(o->tokenizer), err);
    if (status == trit_ok) status = trit_data_tokenize(o, files, write_piece, writer, err);
    if (status == trit_ok) status = trit_token_writer_finish(writer, err);
    trit_token_writer_free(writer);
    return status;
}

/* ---- which cache ---- */

static uint64_t add(uint64_t sum, const char *s) {
    return trit_mix64(sum ^ (s ? trit_hash_bytes(s, strlen(s)) : 0));
}

static uint64_t options_key(const trit_dataset_opts *o) {
    const char *const texts[] = {o->separator, o->text_field, o->prompt_field, o->completion_field, o->messages_field, o->chat_template};
    uint64_t sum = 1 + o->no_bos + 2u * o->no_eos;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) sum = add(sum, texts[i]);
    return sum;
}

/* FOLDER/story.txt-0123456789abcdef.tokens: one for each list of files, tokenizer and set of options, so that runs which share a folder do not
 * write over one another's. */
static trit_status name_cache(char *out, size_t size, const trit_dataset_opts *o, const trit_token_key *key, const trit_data_files *files, trit_error *err) {
    char folder[3000];
    const char *path = files->item[0].path, *slash = strrchr(path, '/');
    uint64_t sum = trit_mix64(key->tokenizer ^ trit_mix64(key->options + files->n));
    for (size_t i = 0; i < files->n; i++) sum = add(sum, files->item[i].path);
    if (o->cache_dir) {
        if (snprintf(folder, sizeof folder, "%s", o->cache_dir) >= (int)sizeof folder)
            return trit_error_set(err, trit_io, "%s: the path is too long", o->cache_dir);
    } else {
        if (!trit_env_cache_folder(folder, sizeof folder - sizeof "/tokens", true))
            return trit_error_set(err, trit_io, "no folder for the token cache (TRIT_CACHE)");
        memcpy(folder + strlen(folder), "/tokens", sizeof "/tokens");
    }
    trit_status status = trit_fs_make_dirs(folder, err);
    if (status == trit_ok) snprintf(out, size, "%s/%.200s-%016llx.tokens", folder, slash ? slash + 1 : path, (unsigned long long)sum);
    return status;
}

/* Why a cache is of no use; NULL: it can be used. */
static const char *differs(const trit_token_key *a, const trit_token_key *b) {
    if (a->tokenizer != b->tokenizer) return "the tokenizer is another";
    if (a->options != b->options) return "the options are others";
    return a->text != b->text ? "the text has changed" : NULL;
}

trit_status trit_token_file_make(trit_token_file *out, const trit_dataset_opts *o, const trit_data_files *files, trit_error *err) {
    char path[4096];
    trit_token_key key = {.tokenizer = trit_tokenizer_fingerprint(o->tokenizer), .options = options_key(o)};
    trit_status status = name_cache(path, sizeof path, o, &key, files, err);
    if (status == trit_ok) status = trit_data_files_hash(&key.text, files, o->team, err);
    if (status != trit_ok) return status;
    if (trit_os_is_file(path)) {
        trit_error why = {0};
        status = trit_token_file_open(out, path, &why);
        const char *other = status == trit_ok ? differs(&out->key, &key) : NULL;
        if (status == trit_ok && !other) return trit_ok;
        if (status == trit_ok) trit_token_file_close(out);
        else if (status != trit_format) return err ? (*err = why, status) : status;
        trit_logf(trit_log_warn, "%.400s: made anew: %.500s", path, other ? other : why.message);
    }
    status = write_cache(path, &key, o, files, err);
    if (status == trit_ok) status = trit_token_file_open(out, path, err);
    const char *other = status == trit_ok ? differs(&out->key, &key) : NULL;
    if (!other) return status;
    trit_token_file_close(out);
    return trit_error_set(err, trit_io, "%.400s: another program wrote over it at once: %s", path, other);
}
