/* Splits, the order of an epoch, and rows.
 *
 * An epoch of training joins all documents, shuffled, into one ring of N tokens, turned by a random number of tokens. It is cut into N / seq_len rows,
 * which come in a shuffled order too, so that rows of one long document are not neighbours in a batch. What is left over is another part of
 * the ring in each epoch. */
#include "train/data.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "text/pieces.h"
#include "train/data_parts.h"

/* Tokens of a document, or the part of it on one side of a split. */
typedef struct span {
    uint64_t begin, end;
} span;

/* One side of a split. */
typedef struct side {
    const trit_token_file *file;
    span *document;   /* [n], owned */
    uint64_t n, n_tokens, n_rows;
    uint64_t *before; /* [n + 1], owned: tokens before the k-th document of the epoch at hand */
    uint64_t epoch;   /* + 1; 0: none yet */
    uint64_t turn;    /* where the first row begins */
} side;

struct trit_dataset {
    trit_token_file file, validation_file;
    side side[2];
    uint64_t seed;
    uint32_t seq_len, context;
    bool windows;
};

/* ---- splits ---- */

static bool side_init(side *s, const trit_token_file *file, uint64_t room) {
    s->file = file;
    s->document = trit_alloc(room, sizeof *s->document);
    return s->document != NULL;
}

static void add_span(side *s, uint64_t begin, uint64_t end) {
    if (begin == end) return;
    s->document[s->n++] = (span){begin, end};
    s->n_tokens += end - begin;
}

/* In [0, 1), by the tokens of the document: equal documents stay together, whatever their order. */
static double place_of(const trit_token_file *f, uint64_t i) {
    const uint64_t at = f->begin[i], n = f->begin[i + 1] - at;
    const char *tokens = f->narrow ? (const char *)(f->narrow + at) : (const char *)(f->wide + at);
    return trit_rng_unit(trit_hash_bytes(tokens, (size_t)n * (f->narrow ? 2 : 4)), 0);
}

/* Equal documents are one here: where the share would leave a side without any, it gets those of the lowest or of the highest place. */
static trit_status split_documents(side *train, side *validation, double share, trit_error *err) {
    const trit_token_file *f = train->file;
    uint64_t n_below = 0;
    double low = 2, high = -1;
    for (uint64_t i = 0; i < f->n_documents; i++) {
        const double place = place_of(f, i);
        if (place < low) low = place;
        if (place > high) high = place;
        n_below += place < share;
    }
    if (low == high)
        return trit_error_set(err, trit_arg, "data: the %llu documents are all equal: none of them can be kept for validation",
                              (unsigned long long)f->n_documents);
    for (uint64_t i = 0; i < f->n_documents; i++) {
        const double place = place_of(f, i);
        const bool below = n_below == 0 ? place == low : n_below == f->n_documents ? place != high : place < share;
        add_span(below ? validation : train, f->begin[i], f->begin[i + 1]);
    }
    return trit_ok;
}

static trit_status split(trit_dataset *d, double share, trit_error *err) {
    const trit_token_file *f = &d->file;
    side *train = &d->side[trit_data_train], *validation = &d->side[trit_data_validation];
    if (!side_init(train, f, f->n_documents) || !side_init(validation, f, f->n_documents))
        return trit_error_memory(err, (size_t)f->n_documents * 2 * sizeof(span), "the documents");
    if (share > 0 && f->n_documents == 1) {
        const uint64_t n_kept = f->n_tokens - (uint64_t)((double)f->n_tokens * share);
        add_span(train, 0, n_kept);
        add_span(validation, n_kept, f->n_tokens);
    } else if (share > 0) {
        return split_documents(train, validation, share, err);
    } else {
        for (uint64_t i = 0; i < f->n_documents; i++) add_span(train, f->begin[i], f->begin[i + 1]);
    }
    return trit_ok;
}

static trit_status take_all(side *s, const trit_token_file *f, trit_error *err) {
    trit_free(s->document);
    *s = (side){0};
    if (!side_init(s, f, f->n_documents)) return trit_error_memory(err, (size_t)f->n_documents * sizeof(span), "the documents");
    for (uint64_t i = 0; i < f->n_documents; i++) add_span(s, f->begin[i], f->begin[i + 1]);
    return trit_ok;
}

static trit_status finish_side(trit_dataset *d, trit_data_split which, trit_error *err) {
    static const char *const names[] = {"training", "validation"};
    side *s = &d->side[which];
    if (s->n_tokens < 2)
        return trit_error_set(err, trit_arg, "too little text: the %s part has %llu tokens, and a target needs one before it", names[which],
                              (unsigned long long)s->n_tokens);
    s->before = trit_alloc((size_t)s->n + 1, sizeof *s->before);
    if (!s->before) return trit_error_memory(err, ((size_t)s->n + 1) * sizeof *s->before, "the documents");
    s->n_rows = which == trit_data_train ? s->n_tokens / d->seq_len : (s->n_tokens - 1 + d->seq_len - 1) / d->seq_len;
    if (!s->n_rows) s->n_rows = 1;
    return trit_ok;
}

/* ---- opening ---- */

static trit_status check_opts(const trit_dataset_opts *o, trit_error *err) {
    if (!o->tokenizer) return trit_error_set(err, trit_arg, "data: no tokenizer");
    if (!o->n_paths) return trit_error_set(err, trit_arg, "data: no files");
    if (!o->seq_len || o->seq_len > 1u << 24) return trit_error_set(err, trit_arg, "data: rows of %u tokens are not 1 to %u", o->seq_len, 1u << 24);
    if (!(o->validation_share >= 0 && o->validation_share < 1))
        return trit_error_set(err, trit_arg, "data: the validation share %g is not from 0 to below 1", o->validation_share);
    return trit_ok;
}

static trit_status open_files(trit_token_file *out, const trit_dataset_opts *o, const char *const *paths, size_t n, trit_error *err) {
    trit_data_files files;
    trit_status status = trit_data_files_list(&files, paths, n, o->format, err);
    if (status != trit_ok) return status;
    status = trit_token_file_make(out, o, &files, err);
    if (status == trit_ok && !out->n_tokens) status = trit_error_set(err, trit_arg, "%s: %s", paths[0], n > 1 ? "this and the other files are empty" : "empty");
    trit_data_files_fini(&files);
    return status;
}

static trit_status open_all(trit_dataset *d, const trit_dataset_opts *o, trit_error *err) {
    const bool apart = o->n_validation_paths > 0;
    trit_status status = open_files(&d->file, o, o->paths, o->n_paths, err);
    if (status == trit_ok && apart) status = open_files(&d->validation_file, o, o->validation_paths, o->n_validation_paths, err);
    if (status == trit_ok) status = split(d, apart ? 0 : o->validation_share, err);
    if (status == trit_ok && apart) status = take_all(&d->side[trit_data_validation], &d->validation_file, err);
    if (status == trit_ok) status = finish_side(d, trit_data_train, err);
    if (status == trit_ok && (apart || o->validation_share > 0)) status = finish_side(d, trit_data_validation, err);
    return status;
}

trit_status trit_dataset_open(trit_dataset **out, const trit_dataset_opts *o, trit_error *err) {
    trit_status status = check_opts(o, err);
    if (status != trit_ok) return status;
    trit_dataset *d = trit_alloc_zero(1, sizeof *d);
    if (!d) return trit_error_memory(err, sizeof *d, "the data");
    d->seed = o->seed;
    d->seq_len = o->seq_len;
    d->context = o->context ? o->context : o->seq_len;
    d->windows = o->windows;
    status = open_all(d, o, err);
    if (status == trit_ok) *out = d;
    else trit_dataset_free(d);
    return status;
}

void trit_dataset_free(trit_dataset *d) {
    if (!d) return;
    for (size_t i = 0; i < 2; i++) {
        trit_free(d->side[i].document);
        trit_free(d->side[i].before);
    }
    trit_token_file_close(&d->file);
    trit_token_file_close(&d->validation_file);
    trit_free(d);
}

uint64_t trit_dataset_n_documents(const trit_dataset *d, trit_data_split split) {
    return d->side[split].n;
}

uint64_t trit_dataset_n_tokens(const trit_dataset *d, trit_data_split split) {
    return d->side[split].n_tokens;
}

uint64_t trit_dataset_n_rows(const trit_dataset *d, trit_data_split split) {
    return d->side[split].n_rows;
}

/* ---- rows ---- */

/* Streams of random numbers, so that none is another's. */
enum stream { stream_documents = 1, stream_rows, stream_turn };

static uint64_t seed_of(const trit_dataset *d, uint64_t epoch, enum stream stream) {
    return trit_rng_u64(trit_rng_u64(d->seed, stream), epoch);
}

/* The document that stands k-th in the epoch. */
static const span *nth(const trit_dataset *d, const side *s, uint64_t k) {
    const bool shuffles = s == &d->side[trit_data_train];
    return &s->document[shuffles ? trit_shuffled(k, s->n, seed_of(d, s->epoch - 1, stream_documents)) : k];
}

static void begin_epoch(const trit_dataset *d, side *s, uint64_t epoch) {
    const bool shuffles = s == &d->side[trit_data_train];
    if (s->epoch == epoch + 1) return;
    const bool stays = !shuffles && s->epoch;
    s->epoch = epoch + 1;
    if (stays) return;
    s->before[0] = 0;
    for (uint64_t k = 0; k < s->n; k++) {
        const span *document = nth(d, s, k);
        s->before[k + 1] = s->before[k] + document->end - document->begin;
    }
    s->turn = shuffles && s->n_tokens > d->seq_len ? seed_of(d, epoch, stream_turn) % s->n_tokens : 0;
}

/* Which document of the epoch holds token `at`. */
static uint64_t find_document(const side *s, uint64_t at) {
    uint64_t low = 0, high = s->n;
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (s->before[middle] <= at) low = middle;
        else high = middle;
    }
    return low;
}

/* Appends one row, whose first token is token `at` of the epoch. */
static void fill_row(const trit_dataset *d, const side *s, uint64_t at, uint64_t n_left, trit_train_batch *out) {
    const size_t base = (size_t)out->n_rows++ * d->seq_len;
    uint64_t k = find_document(s, at);
    const span *document = nth(d, s, k);
    uint64_t i = document->begin + (at - s->before[k]);
    size_t first = base;
    for (size_t t = base; t < base + d->seq_len; t++, n_left -= n_left > 0) {
        const bool is_token = n_left > 0;
        if (!is_token || t - first == d->context) first = t; /* padding sees itself */
        out->token[t] = is_token ? trit_token_at(s->file, i) : 0;
        out->target[t] = -1;
        out->first[t] = (int64_t)first;
        out->position[t] = (uint32_t)(t - first);
        if (!is_token) continue;
        const bool ends = ++i == document->end, wraps = ends && k + 1 == s->n;
        if (ends) {
            k = wraps ? 0 : k + 1;
            document = nth(d, s, k);
            i = document->begin;
        }
        if (ends && (wraps || !d->windows)) first = t + 1;
        else if (trit_token_counts(s->file, i)) out->target[t] = trit_token_at(s->file, i);
        out->n_targets += out->target[t] >= 0;
    }
}

static trit_status reserve(trit_train_batch *b, size_t n, trit_error *err) {
    if (n <= b->capacity) return trit_ok;
    trit_train_batch_fini(b);
    b->token = trit_alloc(n, sizeof *b->token);
    b->target = trit_alloc(n, sizeof *b->target);
    b->position = trit_alloc(n, sizeof *b->position);
    b->first = trit_alloc(n, sizeof *b->first);
    if (!b->token || !b->target || !b->position || !b->first) {
        trit_train_batch_fini(b);
        return trit_error_memory(err, n * 20, "a batch");
    }
    b->capacity = n;
    return trit_ok;
}

void trit_train_batch_fini(trit_train_batch *batch) {
    trit_free(batch->token);
    trit_free(batch->target);
    trit_free(batch->position);
    trit_free(batch->first);
    *batch = (trit_train_batch){0};
}

trit_status trit_dataset_fill(trit_dataset *d, trit_data_split split, uint64_t epoch, uint64_t row, uint32_t n_rows, trit_train_batch *out,
                              trit_error *err) {
    side *s = &d->side[split];
    const bool shuffles = split == trit_data_train;
    size_t n_tokens;
    if (!s->n_rows) return trit_error_set(err, trit_arg, "data: there is no validation split");
    if (!trit_mul_size(n_rows, d->seq_len, &n_tokens)) return trit_error_memory(err, SIZE_MAX, "a batch");
    trit_status status = reserve(out, n_tokens, err);
    if (status != trit_ok) return status;
    out->n_rows = 0;
    out->seq_len = d->seq_len;
    out->n_targets = 0;
    for (uint64_t i = row; i < row + n_rows; i++) {
        begin_epoch(d, s, epoch + i / s->n_rows);
        const uint64_t r = i % s->n_rows, slot = shuffles ? trit_shuffled(r, s->n_rows, seed_of(d, s->epoch - 1, stream_rows)) : r;
        const uint64_t at = (s->turn + slot * d->seq_len) % s->n_tokens;
        fill_row(d, s, at, shuffles && s->n_tokens > d->seq_len ? s->n_tokens : s->n_tokens - at, out);
    }
    return trit_ok;
}
