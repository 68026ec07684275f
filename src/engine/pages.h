/* Pages of the key-value cache: who holds which, and which earlier prompt's pages can serve again.
 *
 * A page holds trit_page_tokens positions of one sequence. When it is full it is registered under (the page before it, its
 * tokens); a later prompt that begins with the same tokens takes it over instead of computing it again. Registered pages that
 * nobody holds stay until their place is needed, the longest unused first. Comparison is by tokens, not by hash alone.
 *
 *   free list:  head -> [unregistered ...][registered, oldest ... newest] <- tail */
#ifndef TRIT_ENGINE_PAGES_H
#define TRIT_ENGINE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "op/op.h"
#include "trit/engine.h"

trit_kv_form trit_kv_form_of(trit_kv_type type);

typedef struct trit_page {
    uint32_t refs;
    uint64_t serial; /* 0: not registered */
    uint64_t parent; /* serial of the page before; 0: the first of a sequence */
    int32_t tokens[trit_page_tokens];
    int32_t next_in_bucket; /* -1: last */
    int32_t previous, next; /* in the free list; -1: end */
} trit_page;

typedef struct trit_pages {
    trit_page *page;  /* [n] */
    int32_t *bucket;  /* [n_buckets] */
    uint32_t n, n_buckets, n_free;
    int32_t head, tail; /* of the free list */
    uint64_t last_serial;
} trit_pages;

TRIT_MUST_CHECK trit_status trit_pages_init(trit_pages *p, uint32_t n, trit_error *err);
void trit_pages_fini(trit_pages *p);

/* A page for a sequence's next positions; -1: none is free. The holder releases it. */
int32_t trit_pages_take(trit_pages *p);
void trit_pages_hold(trit_pages *p, uint32_t page); /* one more holder of a held page */
void trit_pages_release(trit_pages *p, uint32_t page);

/* Registers a full page; returns its serial, or that of the page that already stands for the same tokens. */
uint64_t trit_pages_register(trit_pages *p, uint32_t page, uint64_t parent, const int32_t *tokens);

/* The registered page that continues `parent` with these tokens, now held by the caller too; -1: none. */
int32_t trit_pages_find(trit_pages *p, uint64_t parent, const int32_t *tokens);

/* pages_list.c: the registered pages, latest used first but each behind the page that it continues; what cannot be found any more, because a page before it
 * is gone, is left out. Errors: memory. */
typedef struct trit_pages_list {
    uint32_t n;
    uint32_t *page;  /* [n] */
    uint32_t *above; /* [n] place in the list of the page before it, + 1; 0: the first of a sequence */
} trit_pages_list;

TRIT_MUST_CHECK trit_status trit_pages_list_all(trit_pages_list *out, const trit_pages *p, trit_error *err);
void trit_pages_list_fini(trit_pages_list *list);

#endif
