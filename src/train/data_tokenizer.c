/* Learning a vocabulary from files: what data*.c reads, text/train.h counts. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "text/train.h"
#include "train/data_parts.h"

enum { batch_pieces = 256 };

typedef struct learning {
    trit_vocab_trainer *trainer;
    trit_dataset_opts data; /* what records are read by */
    trit_data_files files;
    trit_data_reader reader;
    trit_team *team;
    trit_data_text_check check;
    trit_data_piece piece[batch_pieces];
    trit_data_broken broken[batch_pieces];
    trit_status status[batch_pieces];
    trit_error err[batch_pieces];
} learning;

static trit_status count_record(learning *l, unsigned member, const trit_data_piece *piece, trit_error *err) {
    char what[400];
    trit_text text = {0};
    snprintf(what, sizeof what, "%.350s, line %llu", l->files.item[piece->file].path, (unsigned long long)piece->at);
    trit_status status = trit_data_record_text(&l->data, piece->text, what, &text, err);
    if (status == trit_ok && text.n) status = trit_vocab_trainer_count(l->trainer, member, (trit_str){text.data, text.n}, err);
    trit_text_fini(&text);
    return status;
}

static void count_pieces(void *arg, unsigned member, uint64_t first, uint64_t last) {
    learning *l = arg;
    for (uint64_t i = first; i < last; i++) {
        const trit_data_piece *piece = &l->piece[i];
        const trit_data_file *file = &l->files.item[piece->file];
        trit_error *err = &l->err[i];
        l->broken[i] = (trit_data_broken){0};
        if (file->is_records) {
            l->status[i] = count_record(l, member, piece, err);
        } else {
            l->status[i] = trit_data_find_broken(&l->broken[i], file->path, piece, err);
            if (l->status[i] == trit_ok) l->status[i] = trit_vocab_trainer_count(l->trainer, member, piece->text, err);
        }
    }
}

static trit_status count_batch(learning *l, bool *more, trit_error *err) {
    trit_status status = trit_ok;
    size_t n = 0;
    while (n < batch_pieces && status == trit_ok) {
        status = trit_data_reader_next(&l->reader, &l->piece[n], more, err);
        if (status != trit_ok || !*more) break;
        n++;
    }
    if (status != trit_ok) return status;
    trit_team_share(l->team, n, 1, count_pieces, l);
    for (size_t i = 0; i < n && status == trit_ok; i++) {
        status = l->status[i];
        if (status != trit_ok && err) *err = l->err[i];
        if (status == trit_ok) status = trit_data_check_text(&l->check, l->files.item[l->piece[i].file].path, &l->piece[i], &l->broken[i], err);
    }
    trit_data_reader_release(&l->reader);
    return status;
}

static trit_status count_files(learning *l, const trit_tokenizer_train_opts *o, trit_error *err) {
    trit_status status = trit_ok;
    l->reader = (trit_data_reader){.files = &l->files, .separator = o->separator, .drops_blank = o->kind == trit_tokenizer_train_spm};
    for (bool more = true; more && status == trit_ok;) {
        status = count_batch(l, &more, err);
        if (status == trit_ok && o->progress && !o->progress(o->self, "reading", l->reader.done + l->reader.at, l->files.n_bytes))
            status = trit_error_set(err, trit_cancelled, "interrupted while words were counted");
    }
    trit_data_reader_fini(&l->reader);
    return status;
}

static trit_status write_in(const char *dir, const char *name, const trit_text *text, trit_error *err) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) return trit_error_set(err, trit_io, "%s: the path is too long", dir);
    return trit_os_write_file(path, text->data, text->n, err);
}

static trit_status finish(learning *l, trit_tokenizer **out, const char *dir, trit_error *err) {
    trit_text json = {0}, config = {0};
    trit_tokenizer *t = NULL;
    trit_status status = trit_vocab_trainer_finish(l->trainer, &json, &config, err);
    if (status == trit_ok) status = trit_tokenizer_from_json(&t, (trit_str){json.data, json.n}, (trit_str){config.data, config.n}, "tokenizer.json", err);
    if (status == trit_ok && dir) status = trit_fs_make_dirs(dir, err);
    if (status == trit_ok && dir) status = write_in(dir, "tokenizer.json", &json, err);
    if (status == trit_ok && dir) status = write_in(dir, "tokenizer_config.json", &config, err);
    if (status == trit_ok) *out = t;
    else trit_tokenizer_close(t);
    trit_text_fini(&json);
    trit_text_fini(&config);
    return status;
}

trit_status trit_tokenizer_train(trit_tokenizer **out, const trit_tokenizer_train_opts *opts, trit_error *err) {
    const bool reads = opts->kind != trit_tokenizer_train_byte;
    learning *l = trit_alloc_zero(1, sizeof *l);
    if (!l) return trit_error_memory(err, sizeof *l, "a vocabulary");
    l->data = (trit_dataset_opts){.text_field = opts->text_field, .prompt_field = opts->prompt_field, .completion_field = opts->completion_field,
                                  .messages_field = opts->messages_field};
    trit_data_format format = trit_data_auto;
    trit_status status = trit_data_format_of(&format, opts->format, err);
    if (status == trit_ok) status = trit_vocab_trainer_new(&l->trainer, opts, err);
    if (status == trit_ok && reads) status = trit_data_files_list(&l->files, opts->paths, opts->n_paths, format, err);
    if (status == trit_ok && reads && opts->n_threads > 1) status = trit_team_new(&l->team, opts->n_threads, err);
    if (status == trit_ok && reads) status = count_files(l, opts, err);
    if (status == trit_ok) status = finish(l, out, opts->dir, err);
    trit_team_free(l->team);
    trit_data_files_fini(&l->files);
    trit_vocab_trainer_free(l->trainer);
    trit_free(l);
    return status;
}
