/* Any bytes as a token cache; what is read can be walked to its end and names no token beyond its vocabulary. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "text/pieces.h"
#include "train/data_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void walk(const trit_token_file *f) {
    uint64_t n = 0;
    for (uint64_t i = 0; i < f->n_documents; i++)
        for (uint64_t t = f->begin[i]; t < f->begin[i + 1]; t++, n++) {
            const int32_t id = trit_token_at(f, t);
            if (id < 0 || (uint32_t)id >= f->n_vocab) abort();
            (void)trit_token_counts(f, t);
        }
    if (n != f->n_tokens) abort();
}

/* The sums guard what mutations would not get past, so they are made right: of blocks of 64 KiB, and of the header (data_tokens.c). */
static void seal(uint8_t *data, size_t n) {
    enum { header_bytes = 88, sum_at = 72, own_sum_at = 80, block = 1 << 16 };
    uint64_t sum = 0;
    if (n < header_bytes) return;
    for (size_t at = header_bytes; at < n; at += block) sum = trit_mix64(sum ^ trit_hash_bytes((const char *)data + at, n - at < block ? n - at : block));
    memcpy(data + sum_at, &sum, sizeof sum);
    sum = trit_hash_bytes((const char *)data, own_sum_at);
    memcpy(data + own_sum_at, &sum, sizeof sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    uint8_t *copy = malloc(n ? n : 1); /* files are mapped at whole pages, so their numbers are aligned */
    trit_token_file f;
    trit_error err = {0};
    if (!copy) abort();
    if (n) memcpy(copy, data, n);
    if (n && !(data[n - 1] & 2)) seal(copy, n);
    const trit_status status = trit_token_file_read(&f, copy, n, "input", &err);
    if (status == trit_ok) walk(&f);
    else if (!*err.message) abort();
    free(copy);
    return 0;
}
