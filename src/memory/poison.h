/* The address sanitizer sees blocks of a pool as it sees those of malloc: what is not live may not be touched, nor the bytes between the end of
 * what was asked for and the next block. */
#ifndef TRIT_MEMORY_POISON_H
#define TRIT_MEMORY_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define TRIT_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRIT_POISONS 1
#endif
#endif
#if !defined(TRIT_POISONS)
#define TRIT_POISONS 0
#endif

#if TRIT_POISONS
#include <sanitizer/asan_interface.h>
enum { trit_redzone = 16 };

static inline void trit_poison(const void *p, size_t n) {
    ASAN_POISON_MEMORY_REGION(p, n);
}

static inline void trit_unpoison(const void *p, size_t n) {
    ASAN_UNPOISON_MEMORY_REGION(p, n);
}
#else
enum { trit_redzone = 0 };

static inline void trit_poison(const void *p, size_t n) {
    (void)p;
    (void)n;
}

static inline void trit_unpoison(const void *p, size_t n) {
    (void)p;
    (void)n;
}
#endif

#endif
