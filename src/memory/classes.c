/* Size classes: spans of blocks of one size.
 *
 *   class 250, 60 KiB:  partial -> span [ b b - b - - ~ ]  <->  span [ - - b ... ]       b: a thread has it, -: free, ~: too short for a block
 *
 * A span is as long as it takes to leave at most 1/64 of it over. A bit tells of each block whether a thread has it, as its own or in its cache;
 * the lowest is taken first, so that the end of a span is touched last. A span of which no thread has a block goes back to its arena, where
 * any class may have it; of a class up to 4 KiB the last with blocks to take stays. */
#include <string.h>

#include "base/alloc.h"
#include "memory/pool.h"

enum { word_bits = 64, most_blocks = 1024, small_span = 64 << 10, spare_most = 4 << 10 };

/* The shortest span that wastes little: from 64 KiB or a block on, or as many blocks as there may be. */
static void shape(trit_class *c, size_t unit) {
    size_t units = ((c->bytes > small_span ? c->bytes : small_span) + unit - 1) / unit;
    while (units > 1 && units * unit / c->bytes > most_blocks) units--;
    while (units * unit % c->bytes * 64 > units * unit) units++;
    const size_t n_blocks = units * unit / c->bytes;
    c->n_units = (uint16_t)units;
    c->n_blocks = (uint16_t)(n_blocks < most_blocks ? n_blocks : most_blocks);
}

bool trit_classes_init(trit_pool *pool) {
    pool->classes = trit_alloc_zero(trit_n_classes, sizeof *pool->classes);
    if (!pool->classes) return false;
    for (unsigned i = 0; i < trit_n_classes; i++) {
        trit_class *c = &pool->classes[i];
        c->bytes = trit_class_bytes(i);
        shape(c, (size_t)1 << pool->unit_shift);
        pthread_mutex_init(&c->lock, NULL);
    }
    pool->metadata += trit_n_classes * sizeof *pool->classes;
    return true;
}

void trit_classes_fini(trit_pool *pool) {
    for (unsigned i = 0; pool->classes && i < trit_n_classes; i++) pthread_mutex_destroy(&pool->classes[i].lock);
    trit_free(pool->classes);
}

static bool is_narrow(const trit_span *span) {
    return span->class_id < trit_n_cache_bins;
}

static void link_span(trit_class *c, trit_span *span) {
    span->previous = NULL;
    span->next = c->partial;
    if (c->partial) c->partial->previous = span;
    c->partial = span;
}

static void unlink_span(trit_class *c, trit_span *span) {
    if (span->next) span->next->previous = span->previous;
    if (span->previous)
        span->previous->next = span->next;
    else
        c->partial = span->next;
    span->next = span->previous = NULL;
}

/* Descriptor: the head, the bits, the slacks (all ones: not live). */
static trit_span *new_span(trit_pool *pool, unsigned class_id, bool *missed) {
    trit_class *c = &pool->classes[class_id];
    const size_t n_words = ((size_t)c->n_blocks + word_bits - 1) / word_bits;
    const size_t slack_bytes = c->n_blocks * (class_id < trit_n_cache_bins ? sizeof(uint16_t) : sizeof(uint32_t));
    const size_t own_bytes = sizeof(trit_span) + n_words * sizeof(uint64_t) + slack_bytes;
    trit_span *span = trit_alloc_zero(1, own_bytes);
    if (!span) return NULL;
    span->class_id = (uint16_t)class_id;
    span->n_free = (uint16_t)c->n_blocks;
    span->inverse = (((uint64_t)1 << 40) + c->bytes - 1) / c->bytes;
    span->own_bytes = own_bytes;
    if (is_narrow(span))
        span->slack.narrow = (uint16_t *)(void *)(span->free_bits + n_words);
    else
        span->slack.wide = (uint32_t *)(void *)(span->free_bits + n_words);
    for (uint32_t i = 0; i < c->n_blocks; i++) span->free_bits[i / word_bits] |= (uint64_t)1 << i % word_bits;
    memset(span->free_bits + n_words, 0xff, slack_bytes);
    bool is_zero;
    if (!trit_span_place(pool, span, c->n_units, 1, 0, false, missed, &is_zero)) {
        trit_free(span);
        return NULL;
    }
    link_span(c, span);
    trit_count(&c->n_spans, 1);
    return span;
}

static void drop_span(trit_pool *pool, trit_class *c, trit_span *span) {
    unlink_span(c, span);
    trit_count(&c->n_spans, (uint64_t)-1);
    trit_span_remove(pool, span);
}

/* Up to n blocks of one span that has some; fewer where they cannot be committed. */
static unsigned take_from(trit_pool *pool, trit_class *c, trit_span *span, void **out, unsigned n) {
    unsigned got = 0;
    for (uint32_t w = 0; w * word_bits < c->n_blocks && got < n; w++) {
        while (span->free_bits[w] && got < n) {
            const uint32_t i = w * word_bits + (uint32_t)__builtin_ctzll(span->free_bits[w]);
            const uint32_t touched = trit_pool_units(pool, (size_t)(i + 1) * c->bytes);
            if (touched > span->n_touched && !trit_span_touch(pool, span, touched)) return got;
            span->free_bits[w] &= span->free_bits[w] - 1;
            out[got++] = span->start + (size_t)i * c->bytes;
            span->n_free--;
        }
    }
    return got;
}

unsigned trit_class_take(trit_pool *pool, unsigned class_id, void **out, unsigned n, bool *missed) {
    trit_class *c = &pool->classes[class_id];
    unsigned got = 0;
    pthread_mutex_lock(&c->lock);
    while (got < n) {
        /* More than one block is asked for to be kept: not for them is a span begun. */
        trit_span *span = c->partial;
        if (!span && !got) span = new_span(pool, class_id, missed);
        if (!span) break;
        const unsigned some = take_from(pool, c, span, out + got, n - got);
        got += some;
        if (!some) break;
        if (!span->n_free) unlink_span(c, span);
    }
    trit_count(&c->n_out, got);
    pthread_mutex_unlock(&c->lock);
    return got;
}

void trit_class_give(trit_pool *pool, unsigned class_id, void *const *blocks, unsigned n) {
    trit_class *c = &pool->classes[class_id];
    pthread_mutex_lock(&c->lock);
    for (unsigned k = 0; k < n; k++) {
        trit_span *span = trit_span_of(pool, blocks[k]);
        const uint32_t i = trit_block_index(span, blocks[k]);
        span->free_bits[i / word_bits] |= (uint64_t)1 << i % word_bits;
        if (++span->n_free == 1) link_span(c, span);
        const bool is_spare = c->bytes <= spare_most && !span->next && !span->previous;
        if (span->n_free == c->n_blocks && !is_spare) drop_span(pool, c, span);
    }
    trit_count(&c->n_out, (uint64_t)0 - n);
    pthread_mutex_unlock(&c->lock);
}

void trit_classes_trim(trit_pool *pool) {
    for (unsigned i = 0; i < pool->n_classes; i++) {
        trit_class *c = &pool->classes[i];
        pthread_mutex_lock(&c->lock);
        for (trit_span *span = c->partial, *next; span; span = next) {
            next = span->next;
            if (span->n_free == c->n_blocks) drop_span(pool, c, span);
        }
        pthread_mutex_unlock(&c->lock);
    }
}

/* By insertion: spans of one class are few, and mostly in order. */
static void sort_spans(trit_class *c) {
    trit_span *rest = c->partial;
    c->partial = NULL;
    while (rest) {
        trit_span *span = rest, *before = NULL, *after = c->partial;
        rest = rest->next;
        for (; after && after->start < span->start; after = after->next) before = after;
        span->previous = before;
        span->next = after;
        if (after) after->previous = span;
        if (before)
            before->next = span;
        else
            c->partial = span;
    }
}

void trit_classes_sort(trit_pool *pool) {
    for (unsigned i = 0; i < pool->n_classes; i++) {
        trit_class *c = &pool->classes[i];
        pthread_mutex_lock(&c->lock);
        sort_spans(c);
        pthread_mutex_unlock(&c->lock);
    }
}

bool trit_block_slack(const trit_pool *pool, const trit_span *span, const void *p, size_t *slack) {
    if (span->class_id >= trit_class_run) {
        const size_t usable = span->class_id == trit_class_run ? (size_t)span->n_units << pool->unit_shift : span->region->bytes;
        *slack = usable - span->requested;
        return p == span->start;
    }
    const trit_class *c = &pool->classes[span->class_id];
    const uint32_t i = trit_block_index(span, p);
    if (i >= c->n_blocks || (const uint8_t *)p != span->start + (size_t)i * c->bytes) return false;
    *slack = is_narrow(span) ? span->slack.narrow[i] : span->slack.wide[i];
    return *slack != (is_narrow(span) ? trit_narrow_dead : TRIT_WIDE_DEAD);
}

void trit_block_set_slack(trit_span *span, const void *p, size_t slack) {
    const uint32_t i = trit_block_index(span, p);
    if (is_narrow(span))
        span->slack.narrow[i] = (uint16_t)slack;
    else
        span->slack.wide[i] = (uint32_t)slack;
}

void trit_block_set_dead(trit_span *span, const void *p) {
    trit_block_set_slack(span, p, TRIT_WIDE_DEAD);
}
