/* How perplexity cuts a text: windows of tokens that run by themselves, and which of their tokens count. */
#ifndef TRIT_CLI_WINDOWS_H
#define TRIT_CLI_WINDOWS_H

#include "trit/memory.h"
#include "trit/status.h"

typedef struct trit_window {
    size_t at;      /* where its ids begin in trit_windows.ids */
    uint32_t n;     /* ids */
    uint32_t first; /* the first one that is scored, >= 1; all behind it are scored as well */
    double nll, nll_squared; /* sums over the scored tokens, filled by the caller */
} trit_window;

typedef struct trit_windows {
    trit_ids ids; /* of all windows, begin tokens put in */
    trit_window *window;
    size_t n, capacity;
} trit_windows;

/* The first token of each window becomes `bos` (when >= 0) and the second half of the window is scored, as llama.cpp's
 * perplexity does; what is left at the end is dropped. */
TRIT_MUST_CHECK trit_status trit_windows_half(trit_windows *w, const int32_t *ids, size_t n, uint32_t window, int32_t bos, trit_error *err);

/* Every token is scored: windows of `bos` and window - 1 tokens of the text, the last one shorter. Without a begin token
 * (bos < 0) the first token of each window is not scored. */
TRIT_MUST_CHECK trit_status trit_windows_all(trit_windows *w, const int32_t *ids, size_t n, uint32_t window, int32_t bos, trit_error *err);

/* Windows that begin every `stride` tokens and score what the one before did not reach, as Hugging Face's guide does. */
TRIT_MUST_CHECK trit_status trit_windows_stride(trit_windows *w, const int32_t *ids, size_t n, uint32_t window, uint32_t stride,
                                                trit_error *err);
void trit_windows_fini(trit_windows *w);

#endif
