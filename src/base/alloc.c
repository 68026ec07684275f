/* Checked heap allocation. */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"

bool trit_mul_size(size_t a, size_t b, size_t *out) {
    if (b && a > SIZE_MAX / b) return false;
    *out = a * b;
    return true;
}

bool trit_add_size(size_t a, size_t b, size_t *out) {
    if (a > SIZE_MAX - b) return false;
    *out = a + b;
    return true;
}

void *trit_alloc(size_t n, size_t size) {
    size_t bytes;
    if (!trit_mul_size(n, size, &bytes)) return NULL;
    return malloc(bytes ? bytes : 1);
}

void *trit_alloc_zero(size_t n, size_t size) {
    return calloc(n ? n : 1, size ? size : 1);
}

void *trit_alloc_aligned(size_t n, size_t size) {
    enum { huge = 2 << 20 };
    size_t bytes;
    if (!trit_mul_size(n, size, &bytes) || bytes > SIZE_MAX - huge) return NULL;
    size_t align = bytes >= (size_t)4 * huge ? (size_t)huge : (size_t)trit_cache_line;
    bytes = (bytes + align - 1) / align * align;
    void *p = aligned_alloc(align, bytes ? bytes : align);
    if (p && align == huge) trit_os_advise_huge(p, bytes);
    return p;
}

void *trit_realloc(void *p, size_t n, size_t size) {
    size_t bytes;
    if (!trit_mul_size(n, size, &bytes)) return NULL;
    return realloc(p, bytes ? bytes : 1);
}

void trit_free(void *p) {
    free(p);
}

char *trit_strndup(const char *s, size_t n) {
    char *copy = n < SIZE_MAX ? malloc(n + 1) : NULL;
    if (!copy) return NULL;
    if (n) memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

bool trit_grow(void **p, size_t *capacity, size_t n, size_t size) {
    if (n <= *capacity) return true;
    size_t want = *capacity < 8 ? 8 : *capacity;
    while (want < n) want = want > SIZE_MAX / 2 ? n : want * 2;
    void *grown = trit_realloc(*p, want, size);
    if (!grown) return false;
    *p = grown;
    *capacity = want;
    return true;
}

bool trit_text_reserve(trit_text *text, size_t n) {
    void *data = text->data;
    if (n == SIZE_MAX || !trit_grow(&data, &text->capacity, n + 1, 1)) return false;
    text->data = data;
    return true;
}

bool trit_text_append(trit_text *text, const char *s, size_t n) {
    size_t total;
    if (!trit_add_size(text->n, n, &total) || !trit_text_reserve(text, total)) return false;
    if (n) memcpy(text->data + text->n, s, n);
    text->n = total;
    text->data[total] = '\0';
    return true;
}

bool trit_text_format(trit_text *text, const char *fmt, ...) {
    for (size_t room = 128;;) {
        if (!trit_text_reserve(text, text->n + room)) return false;
        va_list args;
        va_start(args, fmt);
        const int n = vsnprintf(text->data + text->n, room + 1, fmt, args);
        va_end(args);
        if (n >= 0 && (size_t)n <= room) {
            text->n += (size_t)n;
            return true;
        }
        text->data[text->n] = '\0';
        if (n < 0) return false;
        room = (size_t)n;
    }
}

bool trit_ids_push(trit_ids *ids, int32_t id) {
    void *data = ids->data;
    if (!trit_grow(&data, &ids->capacity, ids->n + 1, sizeof *ids->data)) return false;
    ids->data = data;
    ids->data[ids->n++] = id;
    return true;
}

void trit_text_fini(trit_text *text) {
    free(text->data);
    *text = (trit_text){0};
}

void trit_ids_fini(trit_ids *ids) {
    free(ids->data);
    *ids = (trit_ids){0};
}
