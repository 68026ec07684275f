/* A malloc and an mmap that count, and fail when told to. They stand in front of the C library's for every library of the one program that
 * includes this header, so the library under test needs no hooks. Only where the C library lets it (glibc, no sanitizer):
 * TRIT_COUNTS_MALLOC says whether. */
#ifndef TRIT_TESTS_COUNTING_MALLOC_H
#define TRIT_TESTS_COUNTING_MALLOC_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TRIT_COUNTS_MALLOC 0
#endif
#endif
#if !defined(TRIT_COUNTS_MALLOC)
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TRIT_COUNTS_MALLOC 1
#else
#define TRIT_COUNTS_MALLOC 0
#endif

#endif

#if TRIT_COUNTS_MALLOC
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *p);

/* Calls so far; the number of the call that fails, -1: none; blocks that are not freed. */
static atomic_long n_calls, fail_at = -1, live;

static bool refuse(void) {
    if (atomic_fetch_add(&n_calls, 1) != atomic_load(&fail_at)) return false;
    errno = ENOMEM;
    return true;
}

static void *counted(void *p) {
    if (p) atomic_fetch_add(&live, 1);
    return p;
}

void *malloc(size_t n) {
    return refuse() ? NULL : counted(__libc_malloc(n));
}

void *calloc(size_t n, size_t size) {
    return refuse() ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t n) {
    if (refuse()) return NULL;
    void *q = __libc_realloc(p, n);
    return p ? q : counted(q);
}

void *aligned_alloc(size_t align, size_t n) {
    return refuse() ? NULL : counted(__libc_memalign(align, n));
}

int posix_memalign(void **out, size_t align, size_t n) {
    void *p = refuse() ? NULL : counted(__libc_memalign(align, n));
    if (!p) return 12;
    *out = p;
    return 0;
}

void free(void *p) {
    if (p) atomic_fetch_sub(&live, 1);
    __libc_free(p);
}

/* Address space that is not given back; a mapping may be unmapped in parts. */
static atomic_long mapped_bytes;

void *mmap(void *address, size_t n, int protection, int flags, int fd, off_t offset) {
    if (refuse()) return MAP_FAILED;
    const long p = syscall(SYS_mmap, address, n, protection, flags, fd, offset);
    if (p == -1) return MAP_FAILED;
    atomic_fetch_add(&mapped_bytes, (long)n);
    return (void *)p;
}

int munmap(void *p, size_t n) {
    atomic_fetch_sub(&mapped_bytes, (long)n);
    return (int)syscall(SYS_munmap, p, n);
}
#endif

#endif
