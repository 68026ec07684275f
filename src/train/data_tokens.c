/* The token cache: a file that is mapped and read as it lies. It is checked whole when it is opened, since a token beyond the vocabulary would
 * lead the trainer out of its tables; what is damaged is made again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/rng.h"
#include "text/pieces.h"
#include "train/data_parts.h"

enum { version = 1, block_bytes = 1 << 16 };

static const uint64_t magic = 0x30534e4b4f544954; /* TITOKNS0 */

typedef struct header {
    uint64_t magic;
    uint32_t version, token_bytes;
    trit_token_key key;
    uint64_t n_vocab, n_documents, n_tokens, n_mask; /* n_mask: bytes */
    uint64_t sum;      /* of what follows the header */
    uint64_t own_sum;  /* of the header up to here */
} header;

_Static_assert(sizeof(header) == 88 && sizeof(header) % 8 == 0, "the header has no holes");

/* The sum is of whole blocks, each on top of the ones before. */
static uint64_t add_block(uint64_t sum, const void *data, size_t n) {
    return trit_mix64(sum ^ trit_hash_bytes(data, n));
}

static uint64_t sum_of(const uint8_t *data, size_t n) {
    uint64_t sum = 0;
    for (size_t at = 0; at < n; at += block_bytes) sum = add_block(sum, data + at, n - at < block_bytes ? n - at : block_bytes);
    return sum;
}

static uint64_t header_sum(const header *h) {
    return trit_hash_bytes((const char *)h, offsetof(header, own_sum));
}

/* ---- reading ---- */

static trit_status damaged(const char *what, const char *why, trit_error *err) {
    return trit_error_set(err, trit_format, "%s: damaged token cache: %s", what, why);
}

static trit_status check_header(const header *h, size_t n, size_t *token_area, const char *what, trit_error *err) {
    if (h->magic != magic) return trit_error_set(err, trit_format, "%s: not a token cache", what);
    if (h->own_sum != header_sum(h)) return damaged(what, "the sum of its header is another", err);
    if (h->version != version) return trit_error_set(err, trit_format, "%s: a token cache of version %u, not %d", what, h->version, version);
    if ((h->token_bytes != 2 && h->token_bytes != 4) || h->n_vocab == 0 || h->n_vocab > (h->token_bytes == 2 ? 1u << 16 : 1u << 24))
        return damaged(what, "its tokens have an impossible size", err);
    if (h->n_tokens > n || h->n_documents > n || (h->n_mask && h->n_mask != (h->n_tokens + 7) / 8)) return damaged(what, "its counts are too large", err);
    *token_area = ((size_t)h->n_tokens * h->token_bytes + 7) / 8 * 8;
    const size_t total = sizeof *h + *token_area + ((size_t)h->n_documents + 1) * 8 + (size_t)h->n_mask;
    return n == total ? trit_ok : damaged(what, "its length is another", err);
}

static trit_status check_content(const trit_token_file *f, const char *what, trit_error *err) {
    if (f->begin[0] != 0 || f->begin[f->n_documents] != f->n_tokens) return damaged(what, "its documents are not all of it", err);
    for (uint64_t i = 0; i < f->n_documents; i++)
        if (f->begin[i] > f->begin[i + 1]) return damaged(what, "its documents are out of order", err);
    uint32_t largest = 0;
    for (uint64_t i = 0; i < f->n_tokens; i++) {
        const uint32_t id = f->narrow ? f->narrow[i] : f->wide[i];
        if (id > largest) largest = id;
    }
    return largest < f->n_vocab ? trit_ok : damaged(what, "a token is beyond the vocabulary", err);
}

trit_status trit_token_file_read(trit_token_file *out, const uint8_t *data, size_t n, const char *what, trit_error *err) {
    header h;
    size_t token_area = 0;
    if (n < sizeof h) return trit_error_set(err, trit_format, "%s: not a token cache", what);
    memcpy(&h, data, sizeof h);
    trit_status status = check_header(&h, n, &token_area, what, err);
    if (status != trit_ok) return status;
    const uint8_t *tokens = data + sizeof h;
    if (sum_of(tokens, n - sizeof h) != h.sum) return damaged(what, "the sum of its bytes is another", err);
    trit_token_file f = {.key = h.key, .n_vocab = (uint32_t)h.n_vocab, .n_documents = h.n_documents, .n_tokens = h.n_tokens};
    if (h.token_bytes == 2) f.narrow = (const void *)tokens;
    else f.wide = (const void *)tokens;
    f.begin = (const void *)(tokens + token_area);
    if (h.n_mask) f.mask = tokens + token_area + ((size_t)h.n_documents + 1) * 8;
    status = check_content(&f, what, err);
    if (status == trit_ok) *out = f;
    return status;
}

trit_status trit_token_file_open(trit_token_file *out, const char *path, trit_error *err) {
    trit_file_map map;
    trit_status status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = trit_token_file_read(out, map.data, map.n, path, err);
    if (status == trit_ok) out->map = map;
    else trit_os_unmap(&map);
    return status;
}

void trit_token_file_close(trit_token_file *f) {
    if (f->map.data) trit_os_unmap(&f->map);
    *f = (trit_token_file){0};
}

/* ---- writing ---- */

/* Where each document begins and the mask stay in memory until the end: a byte or less for each token. */
struct trit_token_writer {
    FILE *file;
    char path[4096], beside[4096];
    header h;
    uint8_t block[block_bytes];
    size_t n_block;
    uint64_t *begin; /* [h.n_documents + 1] */
    size_t begin_capacity;
    trit_text mask;  /* bits; begins with the first token that does not count */
};

static trit_status write_failed(const trit_token_writer *w, trit_error *err) {
    return trit_error_set(err, trit_io, "%s: %s", w->beside, strerror(errno));
}

static trit_status flush_block(trit_token_writer *w, trit_error *err) {
    w->h.sum = add_block(w->h.sum, w->block, w->n_block);
    const bool ok = fwrite(w->block, 1, w->n_block, w->file) == w->n_block;
    w->n_block = 0;
    return ok ? trit_ok : write_failed(w, err);
}

static trit_status put(trit_token_writer *w, const void *data, size_t n, trit_error *err) {
    const uint8_t *p = data;
    while (n) {
        const size_t k = n < block_bytes - w->n_block ? n : block_bytes - w->n_block;
        memcpy(w->block + w->n_block, p, k);
        w->n_block += k;
        p += k;
        n -= k;
        trit_status status = w->n_block == block_bytes ? flush_block(w, err) : trit_ok;
        if (status != trit_ok) return status;
    }
    return trit_ok;
}

trit_status trit_token_writer_new(trit_token_writer **out, const char *path, const trit_token_key *key, uint32_t n_vocab, trit_error *err) {
    trit_token_writer *w = trit_alloc_zero(1, sizeof *w);
    if (!w) return trit_error_memory(err, sizeof *w, "the token cache");
    w->h = (header){.magic = magic, .version = version, .token_bytes = n_vocab <= 1u << 16 ? 2 : 4, .key = *key, .n_vocab = n_vocab};
    w->begin = trit_alloc_zero(1, sizeof *w->begin);
    w->begin_capacity = 1;
    trit_status status = w->begin ? trit_ok : trit_error_memory(err, sizeof *w->begin, "the token cache");
    const bool fits = snprintf(w->path, sizeof w->path, "%s", path) < (int)sizeof w->path && trit_os_name_beside(w->beside, sizeof w->beside, path);
    if (status == trit_ok && !fits) status = trit_error_set(err, trit_io, "%s: the path is too long", path);
    if (status == trit_ok && !(w->file = fopen(w->beside, "wb"))) status = write_failed(w, err);
    if (!w->file) *w->beside = '\0'; /* none of ours stands there */
    if (status == trit_ok && fwrite(&w->h, sizeof w->h, 1, w->file) != 1) status = write_failed(w, err);
    if (status == trit_ok) *out = w;
    else trit_token_writer_free(w);
    return status;
}

/* The mask of the next n tokens; NULL: all count. Without any that does not there is no mask. */
static bool add_mask(trit_token_writer *w, const char *mask, size_t n) {
    if (!w->mask.n && (!mask || !memchr(mask, 0, n))) return true;
    const size_t n_bytes = (size_t)(w->h.n_tokens + n + 7) / 8;
    const size_t from = w->mask.n ? (size_t)w->h.n_tokens : 0; /* all of those before count */
    if (!trit_text_reserve(&w->mask, n_bytes)) return false;
    memset(w->mask.data + w->mask.n, 0, n_bytes - w->mask.n);
    w->mask.n = n_bytes;
    for (size_t i = from; i < w->h.n_tokens + n; i++)
        if (i < w->h.n_tokens || !mask || mask[i - w->h.n_tokens]) w->mask.data[i / 8] = (char)(w->mask.data[i / 8] | 1 << i % 8);
    return true;
}

trit_status trit_token_writer_add(trit_token_writer *w, const trit_data_tokens *t, bool ends_document, trit_error *err) {
    trit_status status = trit_ok;
    if (!add_mask(w, t->mask.n ? t->mask.data : NULL, t->ids.n)) return trit_error_memory(err, t->ids.n, "the token cache");
    for (size_t i = 0; i < t->ids.n && status == trit_ok; i++) {
        const uint32_t wide = (uint32_t)t->ids.data[i];
        const uint16_t narrow = (uint16_t)wide;
        status = w->h.token_bytes == 2 ? put(w, &narrow, 2, err) : put(w, &wide, 4, err);
    }
    w->h.n_tokens += t->ids.n;
    if (status != trit_ok || !ends_document || w->h.n_tokens == w->begin[w->h.n_documents]) return status;
    void *begin = w->begin;
    if (!trit_grow(&begin, &w->begin_capacity, (size_t)w->h.n_documents + 2, sizeof *w->begin))
        return trit_error_memory(err, sizeof *w->begin, "the token cache");
    w->begin = begin;
    w->begin[++w->h.n_documents] = w->h.n_tokens;
    return trit_ok;
}

trit_status trit_token_writer_finish(trit_token_writer *w, trit_error *err) {
    static const uint8_t zeros[8];
    w->h.n_mask = w->mask.n;
    trit_status status = put(w, zeros, (size_t)(8 - w->h.n_tokens * w->h.token_bytes % 8) % 8, err);
    if (status == trit_ok) status = put(w, w->begin, ((size_t)w->h.n_documents + 1) * sizeof *w->begin, err);
    if (status == trit_ok && w->mask.n) status = put(w, w->mask.data, w->mask.n, err);
    if (status == trit_ok && w->n_block) status = flush_block(w, err);
    w->h.own_sum = header_sum(&w->h);
    if (status == trit_ok && (fseek(w->file, 0, SEEK_SET) != 0 || fwrite(&w->h, sizeof w->h, 1, w->file) != 1)) status = write_failed(w, err);
    FILE *file = w->file;
    w->file = NULL;
    if (fclose(file) != 0 && status == trit_ok) status = write_failed(w, err);
    if (status == trit_ok) status = trit_fs_rename(w->beside, w->path, err);
    if (status == trit_ok) *w->beside = '\0';
    return status;
}

void trit_token_writer_free(trit_token_writer *w) {
    if (!w) return;
    if (w->file) (void)fclose(w->file);
    if (*w->beside) (void)remove(w->beside);
    trit_free(w->begin);
    trit_text_fini(&w->mask);
    trit_free(w);
}
