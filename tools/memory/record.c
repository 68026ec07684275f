/* Records what a program asks of malloc, for tests/memory/test_trace.c. glibc, any number of threads (their order is kept, not who).
 *
 *   cc -O2 -shared -fPIC -o record.so tools/memory/record.c
 *   TRIT_RECORD=run.trace LD_PRELOAD=$PWD/record.so trit run -t 1 -n 32 "Once upon a time"
 *
 * With TRIT_RECORD_LATER=1 it begins when the program calls trit_record_start(). The file: "TRITMEM1", then for each call one or two numbers,
 * seven bits a byte, lowest first, the top bit set in all but the last:
 *   4 size           a block of so many bytes; blocks are numbered 0, 1, ...
 *   4 back + 1       the block that was taken `back` blocks before the next one is released
 *   4 back + 2, size it is resized, and keeps its number */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *p);

enum { most_bytes = 1 << 28, n_slots = 1 << 22 };

typedef struct slot {
    void *p; /* NULL: empty; removed: (void *)1 */
    uint64_t number;
} slot;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *events;
static size_t n_bytes;
static slot *slots;
static uint64_t n_blocks;
static int is_on;

void trit_record_start(void) {
    events = mmap(NULL, most_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    slots = mmap(NULL, n_slots * sizeof *slots, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    is_on = events != MAP_FAILED && slots != MAP_FAILED;
}

__attribute__((constructor)) static void begin(void) {
    if (!getenv("TRIT_RECORD_LATER")) trit_record_start();
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("TRIT_RECORD");
    if (!is_on || !path) return;
    is_on = 0;
    FILE *f = fopen(path, "wb");
    if (!f) return;
    fwrite("TRITMEM1", 1, 8, f);
    fwrite(events, 1, n_bytes, f);
    fclose(f);
}

static void put(uint64_t v) {
    for (; v >= 128 && n_bytes + 16 < most_bytes; v >>= 7) events[n_bytes++] = (uint8_t)(v | 128);
    events[n_bytes++] = (uint8_t)v;
}

static slot *find(void *p, void *or_this) {
    size_t i = ((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15u >> 42;
    while (slots[i].p && slots[i].p != p && slots[i].p != or_this) i = (i + 1) % n_slots;
    return &slots[i];
}

static void took(void *p, size_t n) {
    if (!is_on || !p) return;
    pthread_mutex_lock(&lock);
    put(n << 2);
    *find(p, (void *)1) = (slot){p, n_blocks++};
    pthread_mutex_unlock(&lock);
}

/* The block's number; its place is empty afterwards. UINT64_MAX: from before the beginning. */
static uint64_t leave(void *p) {
    slot *s = find(p, p);
    if (s->p != p) return UINT64_MAX;
    s->p = (void *)1;
    return s->number;
}

static void gave(void *p) {
    if (!is_on || !p) return;
    pthread_mutex_lock(&lock);
    const uint64_t number = leave(p);
    if (number != UINT64_MAX) put((n_blocks - number) << 2 | 1);
    pthread_mutex_unlock(&lock);
}

void *malloc(size_t n) {
    void *p = __libc_malloc(n);
    took(p, n);
    return p;
}

void *calloc(size_t n, size_t size) {
    void *p = __libc_calloc(n, size);
    took(p, n * size);
    return p;
}

void *aligned_alloc(size_t align, size_t n) {
    void *p = __libc_memalign(align, n);
    took(p, n);
    return p;
}

int posix_memalign(void **out, size_t align, size_t n) {
    void *p = __libc_memalign(align, n);
    if (!p) return 12;
    took(p, n);
    *out = p;
    return 0;
}

void free(void *p) {
    gave(p);
    __libc_free(p);
}

void *realloc(void *p, size_t n) {
    uint64_t number = UINT64_MAX;
    if (!p) return malloc(n);
    if (is_on) {
        pthread_mutex_lock(&lock);
        number = leave(p);
        pthread_mutex_unlock(&lock);
    }
    void *q = __libc_realloc(p, n);
    if (!is_on || !q) return q;
    if (number == UINT64_MAX) {
        took(q, n);
        return q;
    }
    pthread_mutex_lock(&lock);
    put((n_blocks - number) << 2 | 2);
    put(n);
    *find(q, (void *)1) = (slot){q, number};
    pthread_mutex_unlock(&lock);
    return q;
}
