/* Byte-pair encoding learned exactly (arXiv:1508.07909): counts of all pairs are kept up to date while words shrink.
 *
 * A pair knows the words that it was seen in (some of which it may have left since), so a merge touches those alone. The heap holds a pair with the
 * count that it had once: counts of old pairs only fall, so the top one is corrected until it is true, and pairs that grew are put in anew. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "text/train.h"

bool trit_bpe_words_push(trit_bpe_words *w, int32_t symbol) {
    void *symbols = w->symbol;
    if (!trit_grow(&symbols, &w->symbol_capacity, w->n_symbols + 1, sizeof *w->symbol)) return false;
    w->symbol = symbols;
    w->symbol[w->n_symbols++] = symbol;
    return true;
}

bool trit_bpe_words_end(trit_bpe_words *w, uint64_t count) {
    const size_t at = w->n ? w->begin[w->n - 1] + w->length[w->n - 1] : 0;
    void *begin = w->begin, *length = w->length, *counts = w->count;
    if (w->n_symbols == at) return true;
    bool ok = trit_grow(&begin, &w->begin_capacity, w->n + 1, sizeof *w->begin);
    ok = ok && trit_grow(&length, &w->length_capacity, w->n + 1, sizeof *w->length);
    ok = ok && trit_grow(&counts, &w->count_capacity, w->n + 1, sizeof *w->count);
    w->begin = begin;
    w->length = length;
    w->count = counts;
    if (!ok) return false;
    w->begin[w->n] = at;
    w->length[w->n] = (uint32_t)(w->n_symbols - at);
    w->count[w->n++] = count;
    return true;
}

void trit_bpe_words_fini(trit_bpe_words *w) {
    trit_free(w->symbol);
    trit_free(w->begin);
    trit_free(w->length);
    trit_free(w->count);
    *w = (trit_bpe_words){0};
}

typedef struct pair {
    uint64_t key;   /* left << 32 | right */
    uint64_t count;
    uint32_t *word; /* [n], rising but for what is seen again later */
    size_t n, capacity;
    bool grew;      /* by the merge at hand */
} pair;

typedef struct candidate {
    uint64_t count, key;
    size_t pair;
} candidate;

typedef struct learner {
    trit_bpe_words *words;
    pair *pairs; /* [n_pairs] */
    size_t n_pairs, pair_capacity;
    size_t *slot; /* [mask + 1], 0: free, else index + 1 */
    size_t mask;
    candidate *heap; /* the best one first */
    size_t n_heap, heap_capacity;
    size_t *grown; /* pairs that grew */
    size_t n_grown, grown_capacity;
} learner;

static uint64_t key_of(int32_t left, int32_t right) {
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

/* ---- pairs ---- */

static size_t *locate(const learner *l, uint64_t key) {
    for (size_t i = trit_mix64(key) & l->mask;; i = (i + 1) & l->mask) {
        size_t *slot = &l->slot[i];
        if (!*slot || l->pairs[*slot - 1].key == key) return slot;
    }
}

static bool make_room(learner *l) {
    const size_t n_slots = l->slot ? l->mask + 1 : 0;
    void *pairs = l->pairs;
    if (!trit_grow(&pairs, &l->pair_capacity, l->n_pairs + 1, sizeof *l->pairs)) return false;
    l->pairs = pairs;
    if (2 * (l->n_pairs + 1) <= n_slots) return true;
    learner bigger = *l;
    bigger.mask = n_slots ? 2 * n_slots - 1 : 4095;
    bigger.slot = trit_alloc_zero(bigger.mask + 1, sizeof *bigger.slot);
    if (!bigger.slot) return false;
    for (size_t i = 0; i < l->n_pairs; i++) *locate(&bigger, l->pairs[i].key) = i + 1;
    trit_free(l->slot);
    *l = bigger;
    return true;
}

/* One more place of a pair, in this word. */
static bool see(learner *l, int32_t left, int32_t right, uint32_t word) {
    if (!make_room(l)) return false;
    size_t *slot = locate(l, key_of(left, right));
    if (!*slot) {
        l->pairs[l->n_pairs] = (pair){.key = key_of(left, right)};
        *slot = ++l->n_pairs;
    }
    const size_t index = *slot - 1;
    pair *p = &l->pairs[index];
    p->count += l->words->count[word];
    if (!p->grew) {
        void *grown = l->grown;
        if (!trit_grow(&grown, &l->grown_capacity, l->n_grown + 1, sizeof *l->grown)) return false;
        l->grown = grown;
        l->grown[l->n_grown++] = index;
        p->grew = true;
    }
    if (p->n && p->word[p->n - 1] == word) return true;
    void *words = p->word;
    if (!trit_grow(&words, &p->capacity, p->n + 1, sizeof *p->word)) return false;
    p->word = words;
    p->word[p->n++] = word;
    return true;
}

static void lose(learner *l, int32_t left, int32_t right, uint64_t count) {
    l->pairs[*locate(l, key_of(left, right)) - 1].count -= count;
}

/* ---- the heap ---- */

static bool is_better(const candidate *a, const candidate *b) {
    return a->count != b->count ? a->count > b->count : a->key < b->key;
}

static bool heap_push(learner *l, size_t index) {
    const candidate c = {l->pairs[index].count, l->pairs[index].key, index};
    void *heap = l->heap;
    if (!trit_grow(&heap, &l->heap_capacity, l->n_heap + 1, sizeof *l->heap)) return false;
    l->heap = heap;
    size_t i = l->n_heap++;
    for (; i > 0 && is_better(&c, &l->heap[(i - 1) / 2]); i = (i - 1) / 2) l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = c;
    return true;
}

static candidate heap_pop(learner *l) {
    candidate *heap = l->heap;
    const candidate top = heap[0], last = heap[--l->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < l->n_heap; i = child) {
        if (child + 1 < l->n_heap && is_better(&heap[child + 1], &heap[child])) child++;
        if (!is_better(&heap[child], &last)) break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

/* Pairs that grew take part from now on. */
static bool enter_grown(learner *l, uint64_t min_count) {
    bool ok = true;
    for (size_t i = 0; i < l->n_grown; i++) {
        pair *p = &l->pairs[l->grown[i]];
        p->grew = false;
        if (ok && p->count >= min_count) ok = heap_push(l, l->grown[i]);
    }
    l->n_grown = 0;
    return ok;
}

/* The best pair as things are; false: none is left. */
static bool best_pair(learner *l, uint64_t min_count, size_t *index, bool *ok) {
    while (l->n_heap) {
        const candidate c = heap_pop(l);
        const pair *p = &l->pairs[c.pair];
        *index = c.pair;
        if (p->count == c.count) return true;
        if (p->count >= min_count && !(*ok = heap_push(l, c.pair))) return false;
    }
    return false;
}

/* ---- merging ---- */

static bool count_pairs(learner *l) {
    const trit_bpe_words *w = l->words;
    for (size_t i = 0; i < w->n; i++) {
        const int32_t *s = w->symbol + w->begin[i];
        for (uint32_t k = 0; k + 1 < w->length[i]; k++)
            if (!see(l, s[k], s[k + 1], (uint32_t)i)) return false;
    }
    return true;
}

/* Every left right of the word becomes `id`; the pairs around it change. */
static bool merge_in_word(learner *l, uint32_t word, int32_t left, int32_t right, int32_t id) {
    trit_bpe_words *w = l->words;
    int32_t *s = w->symbol + w->begin[word];
    const uint32_t n = w->length[word];
    const uint64_t count = w->count[word];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (s[i] != left || i + 1 == n || s[i + 1] != right) {
            s[kept++] = s[i];
            continue;
        }
        if (kept) lose(l, s[kept - 1], left, count);
        if (kept && !see(l, s[kept - 1], id, word)) return false;
        if (i + 2 < n) lose(l, right, s[i + 2], count);
        if (i + 2 < n && !see(l, id, s[i + 2], word)) return false;
        s[kept++] = id;
        i++;
    }
    w->length[word] = kept;
    return true;
}

static bool merge_pair(learner *l, size_t index, int32_t id) {
    const pair p = l->pairs[index]; /* the list may move meanwhile */
    const int32_t left = (int32_t)(p.key >> 32), right = (int32_t)(uint32_t)p.key;
    l->pairs[index].word = NULL;
    l->pairs[index].n = l->pairs[index].capacity = 0;
    bool ok = true;
    for (size_t i = 0; ok && id >= 0 && i < p.n; i++) ok = merge_in_word(l, p.word[i], left, right, id);
    trit_free(p.word);
    l->pairs[index].count = 0; /* it may have counted itself: aaa */
    return ok;
}

static bool learn(learner *l, uint64_t min_count, trit_bpe_sink sink) {
    bool ok = count_pairs(l) && enter_grown(l, min_count);
    for (size_t index = 0; ok && sink.goes_on(sink.self) && best_pair(l, min_count, &index, &ok);) {
        const uint64_t key = l->pairs[index].key;
        const int32_t id = sink.merged(sink.self, (int32_t)(key >> 32), (int32_t)(uint32_t)key);
        ok = id != -2 && merge_pair(l, index, id) && enter_grown(l, min_count);
    }
    return ok;
}

trit_status trit_bpe_learn(trit_bpe_words *words, uint64_t min_count, trit_bpe_sink sink, trit_error *err) {
    learner l = {.words = words};
    const bool ok = learn(&l, min_count ? min_count : 1, sink);
    for (size_t i = 0; i < l.n_pairs; i++) trit_free(l.pairs[i].word);
    trit_free(l.pairs);
    trit_free(l.slot);
    trit_free(l.heap);
    trit_free(l.grown);
    return ok ? trit_ok : trit_error_memory(err, words->n_symbols * sizeof *words->symbol, "the pairs of a vocabulary");
}
