/* The registered pages in an order of which every beginning can be restored: no page stands in front of the one that it continues. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/pages.h"

typedef struct numbered {
    uint64_t serial;
    uint32_t page;
} numbered;

static const uint32_t orphan = UINT32_MAX;

typedef struct lister {
    const trit_pages *pages;
    trit_pages_list list;
    numbered *by_serial; /* [n_registered] rising */
    uint32_t n_registered;
    uint32_t *place;     /* [pages->n] in the list, + 1; 0: not there yet; orphan: one before it is gone */
    uint32_t *chain;     /* [pages->n] pages on their way into it, the first of the sequence last */
} lister;

static int rising(const void *a, const void *b) {
    const uint64_t x = ((const numbered *)a)->serial, y = ((const numbered *)b)->serial;
    return (x > y) - (x < y);
}

/* The page before; -1: it is the first; -2: it is gone. */
static int64_t before(const lister *l, uint32_t page) {
    const numbered key = {.serial = l->pages->page[page].parent};
    if (!key.serial) return -1;
    const numbered *found = bsearch(&key, l->by_serial, l->n_registered, sizeof key, rising);
    return found ? (int64_t)found->page : -2;
}

static void put(lister *l, uint32_t page) {
    uint32_t n = 0;
    int64_t at = page;
    for (; at >= 0 && !l->place[at]; at = before(l, (uint32_t)at)) l->chain[n++] = (uint32_t)at;
    uint32_t above = at < 0 ? 0 : l->place[at];
    if (at == -2 || above == orphan) {
        while (n) l->place[l->chain[--n]] = orphan;
        return;
    }
    while (n) {
        const uint32_t next = l->chain[--n];
        l->list.page[l->list.n] = next;
        l->list.above[l->list.n] = above;
        above = l->place[next] = ++l->list.n;
    }
}

static void list_all(lister *l) {
    const trit_pages *p = l->pages;
    for (uint32_t i = 0; i < p->n; i++)
        if (p->page[i].serial) l->by_serial[l->n_registered++] = (numbered){p->page[i].serial, i};
    qsort(l->by_serial, l->n_registered, sizeof *l->by_serial, rising);
    for (uint32_t i = 0; i < p->n; i++)
        if (p->page[i].serial && p->page[i].refs) put(l, i);
    for (int32_t i = p->tail; i >= 0 && p->page[i].serial; i = p->page[i].previous) put(l, (uint32_t)i);
}

trit_status trit_pages_list_all(trit_pages_list *out, const trit_pages *p, trit_error *err) {
    lister l = {.pages = p};
    l.list.page = trit_alloc(p->n, sizeof *l.list.page);
    l.list.above = trit_alloc(p->n, sizeof *l.list.above);
    l.by_serial = trit_alloc(p->n, sizeof *l.by_serial);
    l.place = trit_alloc_zero(p->n, sizeof *l.place);
    l.chain = trit_alloc(p->n, sizeof *l.chain);
    const bool good = l.list.page && l.list.above && l.by_serial && l.place && l.chain;
    if (good) list_all(&l);
    trit_free(l.by_serial);
    trit_free(l.place);
    trit_free(l.chain);
    if (!good) {
        trit_pages_list_fini(&l.list);
        return trit_error_memory(err, p->n * sizeof *l.by_serial, "the list of pages");
    }
    *out = l.list;
    return trit_ok;
}

void trit_pages_list_fini(trit_pages_list *list) {
    trit_free(list->page);
    trit_free(list->above);
    *list = (trit_pages_list){0};
}
