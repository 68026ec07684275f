/* Byte-pair encoding of one piece of text: of all adjacent pairs the one with the lowest rank merges first, the leftmost on
 * ties, until no pair is in the table.
 *
 * Words are short, and for them a scan of a small array beats everything. Long pieces (a line of a thousand '=', a whole text
 * where nothing splits it) take a heap over a linked list instead, so that n symbols cost n log n. */
#include "text/parts.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"

enum { short_symbols = 40 };

#define NO_RANK UINT32_MAX
#define NOWHERE UINT32_MAX

void trit_bpe_fini(trit_bpe *bpe) {
    trit_free(bpe->symbol);
    trit_free(bpe->heap);
    *bpe = (trit_bpe){0};
}

static bool note(trit_bpe *bpe, int32_t id) {
    return !bpe->path || trit_ids_push(bpe->path, id);
}

static bool push_symbol(trit_bpe *bpe, int32_t id) {
    if (bpe->n_symbols == bpe->symbol_capacity) {
        void *p = bpe->symbol;
        if (!trit_grow(&p, &bpe->symbol_capacity, bpe->n_symbols + 1, sizeof *bpe->symbol)) return false;
        bpe->symbol = p;
    }
    bpe->symbol[bpe->n_symbols++].id = id;
    return note(bpe, id);
}

static bool start_bytes(const trit_tokenizer *t, trit_bpe *bpe, trit_str piece, int *missing) {
    for (size_t i = 0; i < piece.n; i++) {
        int32_t id = t->byte_id[(unsigned char)piece.p[i]];
        if (id < 0) id = t->unk;
        if (id < 0) {
            *missing = (unsigned char)piece.p[i];
            return false;
        }
        if (!push_symbol(bpe, id)) return false;
    }
    return true;
}

/* A character that is not in the vocabulary: its bytes, or the unknown token. */
static bool start_fallback(const trit_tokenizer *t, trit_bpe *bpe, const char *s, size_t n, bool *was_unk, bool *no_token) {
    bool bytes = t->byte_fallback;
    for (size_t i = 0; bytes && i < n; i++) bytes = t->byte_id[(unsigned char)s[i]] >= 0;
    if (!bytes) {
        if (*was_unk && t->fuse_unk) return true;
        *was_unk = true;
        *no_token = t->unk < 0;
        return t->unk >= 0 && push_symbol(bpe, t->unk);
    }
    *was_unk = false;
    for (size_t i = 0; i < n; i++)
        if (!push_symbol(bpe, t->byte_id[(unsigned char)s[i]])) return false;
    return true;
}

/* A character as a vocabulary spells it that marks those inside a word, or the last one. */
static int32_t find_marked(const trit_tokenizer *t, trit_str s, bool first, bool last) {
    char spelled[4 + sizeof t->subword_prefix + sizeof t->word_suffix];
    trit_str prefix = trit_str_from(first ? "" : t->subword_prefix), suffix = trit_str_from(last ? t->word_suffix : "");
    memcpy(spelled, prefix.p, prefix.n);
    memcpy(spelled + prefix.n, s.p, s.n);
    memcpy(spelled + prefix.n + s.n, suffix.p, suffix.n);
    return trit_piece_map_find(&t->by_piece, spelled, prefix.n + s.n + suffix.n);
}

static bool start_characters(const trit_tokenizer *t, trit_bpe *bpe, trit_str piece, int *missing) {
    bool was_unk = false, no_token = false, marked = t->subword_prefix[0] || t->word_suffix[0];
    for (size_t i = 0; i < piece.n;) {
        const char *s = piece.p + i;
        uint32_t cp;
        int length = trit_utf8_decode(s, piece.n - i, &cp);
        size_t n = length > 0 ? (size_t)length : 1;
        int32_t id = marked                ? find_marked(t, (trit_str){s, n}, i == 0, i + n == piece.n)
                     : cp < 0x80           ? t->ascii_id[cp]
                                           : trit_piece_map_find(&t->by_piece, s, n);
        if (trit_token_has(t, id, trit_token_special)) id = -1;
        if (id >= 0) {
            was_unk = false;
            if (!push_symbol(bpe, id)) return false;
        } else if (!start_fallback(t, bpe, s, n, &was_unk, &no_token)) {
            if (no_token) *missing = (int)cp;
            return false;
        }
        i += n;
    }
    return true;
}

static void rate(const trit_tokenizer *t, trit_symbol *left, const trit_symbol *right) {
    const trit_merge *merge = trit_merges_find(&t->merges, left->id, right->id);
    left->rank = merge ? merge->rank : NO_RANK;
    left->merged = merge ? merge->id : -1;
}

static bool merge_short(const trit_tokenizer *t, trit_bpe *bpe) {
    trit_symbol *s = bpe->symbol;
    size_t n = bpe->n_symbols;
    for (size_t i = 0; i + 1 < n; i++) rate(t, &s[i], &s[i + 1]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (s[i].rank < s[best].rank) best = i;
        if (s[best].rank == NO_RANK) break;
        s[best].id = s[best].merged;
        if (!note(bpe, s[best].id)) return false;
        n--;
        memmove(&s[best + 1], &s[best + 2], (n - best - 1) * sizeof *s);
        if (best + 1 < n) rate(t, &s[best], &s[best + 1]);
        if (best > 0) rate(t, &s[best - 1], &s[best]);
    }
    bpe->n_symbols = n;
    return true;
}

static bool heap_push(trit_bpe *bpe, uint64_t key) {
    if (bpe->n_heap == bpe->heap_capacity) {
        void *p = bpe->heap;
        if (!trit_grow(&p, &bpe->heap_capacity, bpe->n_heap + 1, sizeof *bpe->heap)) return false;
        bpe->heap = p;
    }
    uint64_t *heap = bpe->heap;
    size_t i = bpe->n_heap++;
    for (; i > 0 && heap[(i - 1) / 2] > key; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = key;
    return true;
}

static uint64_t heap_pop(trit_bpe *bpe) {
    uint64_t *heap = bpe->heap, top = heap[0], last = heap[--bpe->n_heap];
    size_t i = 0, n = bpe->n_heap;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= n) break;
        if (child + 1 < n && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= last) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

/* Rates the pair that begins at position i and lines it up. */
static bool consider(const trit_tokenizer *t, trit_bpe *bpe, uint32_t i) {
    trit_symbol *left = &bpe->symbol[i];
    left->rank = NO_RANK;
    if (left->next == NOWHERE) return true;
    rate(t, left, &bpe->symbol[left->next]);
    return left->rank == NO_RANK || heap_push(bpe, (uint64_t)left->rank << 32 | i);
}

/* An entry of the heap whose pair has changed since is known by its rank: it is not the symbol's any more. */
static bool merge_long(const trit_tokenizer *t, trit_bpe *bpe) {
    trit_symbol *s = bpe->symbol;
    uint32_t n = (uint32_t)bpe->n_symbols;
    bpe->n_heap = 0;
    for (uint32_t i = 0; i < n; i++) {
        s[i].prev = i ? i - 1 : NOWHERE;
        s[i].next = i + 1 < n ? i + 1 : NOWHERE;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!consider(t, bpe, i)) return false;
    while (bpe->n_heap) {
        uint64_t key = heap_pop(bpe);
        uint32_t i = (uint32_t)key;
        if (s[i].rank != (uint32_t)(key >> 32)) continue;
        uint32_t gone = s[i].next;
        s[i].id = s[i].merged;
        if (!note(bpe, s[i].id)) return false;
        s[i].next = s[gone].next;
        s[gone].rank = NO_RANK;
        if (s[i].next != NOWHERE) s[s[i].next].prev = i;
        if (!consider(t, bpe, i) || (s[i].prev != NOWHERE && !consider(t, bpe, s[i].prev))) return false;
    }
    size_t kept = 0;
    for (uint32_t i = 0; i != NOWHERE;) {
        uint32_t next = s[i].next;
        s[kept++].id = s[i].id;
        i = next;
    }
    bpe->n_symbols = kept;
    return true;
}

trit_status trit_bpe_encode(const trit_tokenizer *t, trit_bpe *bpe, trit_str piece, trit_ids *ids, trit_error *err) {
    if (t->ignore_merges) {
        const trit_piece_map *whole = t->byte_level ? &t->by_bytes : &t->by_piece;
        int32_t id = trit_piece_map_find(whole, piece.p, piece.n);
        if (id >= 0 && !trit_token_has(t, id, trit_token_special))
            return trit_ids_push(ids, id) ? trit_ok : trit_error_memory(err, sizeof id, "token ids");
    }
    if (piece.n >= NOWHERE) return trit_error_set(err, trit_arg, "text: %zu bytes without a place to cut are too many", piece.n);
    int missing = -1;
    bpe->n_symbols = 0;
    bool ok = t->byte_level ? start_bytes(t, bpe, piece, &missing) : start_characters(t, bpe, piece, &missing);
    if (!ok && missing >= 0)
        return trit_error_set(err, trit_format, "tokenizer: no token for %s%02X, and no token for what is unknown",
                              t->byte_level ? "byte 0x" : "U+", (unsigned)missing);
    if (ok) ok = bpe->n_symbols <= short_symbols ? merge_short(t, bpe) : merge_long(t, bpe);
    for (size_t i = 0; ok && i < bpe->n_symbols; i++) ok = trit_ids_push(ids, bpe->symbol[i].id);
    return ok ? trit_ok : trit_error_memory(err, piece.n, "merging");
}
