/* Any bytes as a session's file; what is read can be walked, and no page stands in front of the one that it continues. */
#include <stdlib.h>
#include <string.h>

#include "engine/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const trit_session_fit fit = {.of = {1, 2}, .kv = {trit_kv_form_f32, 0, 1, 1, 2}, .n_vocab = 40};

static void walk(const trit_session *s) {
    int32_t tokens[trit_page_tokens];
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->n_pages; i++) {
        trit_session_tokens(s, i, tokens);
        for (int t = 0; t < trit_page_tokens; t++)
            if (tokens[t] < 0 || (uint32_t)tokens[t] >= fit.n_vocab) abort();
        if (trit_session_above(s, i) > i) abort();
        for (size_t k = 0; k < s->page_bytes; k++) sum += s->pages[i * s->page_bytes + k];
    }
    for (size_t i = 0; i < s->n_note; i++) sum += (uint8_t)s->note[i];
    if (sum == UINT64_MAX) abort(); /* every byte was read */
}

/* The sums guard what mutations would not get past, so they are made right, for as many pages as there is room. */
static void seal(uint8_t *data, size_t n) {
    const size_t page_bytes = trit_kv_page_bytes(&fit.kv), frame = trit_session_header_bytes + trit_session_sum_bytes;
    if (n < frame) return;
    const size_t n_pages = data[60] % 4u; /* where the header has it */
    const size_t n_index = n_pages * trit_session_index_bytes;
    if (n < frame + n_pages * page_bytes + n_index) return;
    uint8_t *index = data + trit_session_header_bytes + n_pages * page_bytes, *note = index + n_index;
    const size_t n_note = (size_t)(data + n - trit_session_sum_bytes - note);
    for (size_t i = 0; i < n_pages; i++) {
        uint8_t *entry = index + i * trit_session_index_bytes;
        const uint8_t *page = data + trit_session_header_bytes + i * page_bytes;
        int32_t tokens[trit_page_tokens];
        for (int t = 0; t < trit_page_tokens; t++) tokens[t] = (int8_t)entry[12 + 4 * t];
        trit_session_put_index(entry, page, page_bytes, entry[8], tokens);
    }
    trit_session_put_header(data, &fit, (uint32_t)n_pages, n_note);
    trit_session_put_sum(data + n - trit_session_sum_bytes, data, index, n_index, (const char *)note, n_note);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    uint8_t *copy = malloc(n ? n : 1);
    trit_session s;
    trit_error err = {0};
    if (!copy) abort();
    if (n) memcpy(copy, data, n);
    if (n && !(data[n - 1] & 2)) seal(copy, n);
    if (trit_session_read(&s, copy, n, &fit, "input", &err) == trit_ok) walk(&s);
    else if (!*err.message) abort();
    free(copy);
    return 0;
}
