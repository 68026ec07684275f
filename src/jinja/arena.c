/* Blocks in a list, each twice as large as the one before until they are large enough. */
#include "jinja/arena.h"

#include <string.h>

#include "base/alloc.h"

enum { align_bytes = 8, first_block_bytes = 4096, largest_block_bytes = 1 << 20 };

struct trit_jblock {
    trit_jblock *previous;
    size_t used, capacity;
    char data[];
};

/* n bytes at a multiple of `align`, in the last block or in a new one. */
static char *take(trit_jarena *a, size_t n, size_t align) {
    if (n > a->max_bytes - a->n_bytes) {
        a->limit_hit = true;
        return NULL;
    }
    trit_jblock *b = a->last;
    size_t at = b ? (b->used + align - 1) / align * align : 0;
    if (!b || at > b->capacity || n > b->capacity - at) {
        size_t capacity = b ? b->capacity * 2 : first_block_bytes, total;
        if (capacity > largest_block_bytes) capacity = largest_block_bytes;
        if (capacity < n) capacity = n;
        if (!trit_add_size(sizeof *b, capacity, &total) || !(b = trit_alloc(total, 1))) return NULL;
        *b = (trit_jblock){.previous = a->last, .capacity = capacity};
        a->last = b;
        at = 0;
    }
    b->used = at + n;
    a->n_bytes += n;
    return b->data + at;
}

void *trit_jarena_alloc(trit_jarena *arena, size_t n, size_t size) {
    size_t bytes;
    if (!trit_mul_size(n, size, &bytes)) {
        arena->limit_hit = true;
        return NULL;
    }
    char *p = take(arena, bytes, align_bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

char *trit_jarena_bytes(trit_jarena *arena, size_t n) {
    return take(arena, n, 1);
}

bool trit_jarena_extend(trit_jarena *arena, const char *end, size_t n) {
    trit_jblock *b = arena->last;
    if (!b || end != b->data + b->used || n > b->capacity - b->used || n > arena->max_bytes - arena->n_bytes) return false;
    b->used += n;
    arena->n_bytes += n;
    return true;
}

void trit_jarena_fini(trit_jarena *arena) {
    for (trit_jblock *b = arena->last; b;) {
        trit_jblock *previous = b->previous;
        trit_free(b);
        b = previous;
    }
    *arena = (trit_jarena){0};
}
