#include "windows.h"

#include "base/alloc.h"
#include "base/error.h"

/* Adds a window of ids[0..n), led by `lead` when that is >= 0. */
static trit_status add(trit_windows *w, int32_t lead, const int32_t *ids, size_t n, uint32_t first, trit_error *err) {
    void *p = w->window;
    bool ok = trit_grow(&p, &w->capacity, w->n + 1, sizeof *w->window);
    w->window = p;
    trit_window window = {.at = w->ids.n, .n = (uint32_t)(n + (lead >= 0)), .first = first};
    if (ok && lead >= 0) ok = trit_ids_push(&w->ids, lead);
    for (size_t i = 0; i < n && ok; i++) ok = trit_ids_push(&w->ids, ids[i]);
    if (!ok) return trit_error_memory(err, (w->ids.n + n) * sizeof *ids, "the text's tokens");
    w->window[w->n++] = window;
    return trit_ok;
}

trit_status trit_windows_half(trit_windows *w, const int32_t *ids, size_t n, uint32_t window, int32_t bos, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t at = 0; n - at >= window && status == trit_ok; at += window) {
        size_t skip = bos >= 0;
        status = add(w, bos, ids + at + skip, window - skip, window / 2 + 1, err);
    }
    return status;
}

trit_status trit_windows_all(trit_windows *w, const int32_t *ids, size_t n, uint32_t window, int32_t bos, trit_error *err) {
    trit_status status = trit_ok;
    size_t step = window - (bos >= 0);
    for (size_t at = 0; at < n && status == trit_ok; at += step) {
        size_t length = n - at < step ? n - at : step;
        if (length + (bos >= 0) >= 2) status = add(w, bos, ids + at, length, 1, err);
    }
    return status;
}

trit_status trit_windows_stride(trit_windows *w, const int32_t *ids, size_t n, uint32_t window, uint32_t stride, trit_error *err) {
    trit_status status = trit_ok;
    size_t reached = 0; /* ids[0..reached) are scored */
    for (size_t at = 0; reached < n && status == trit_ok; at += stride) {
        size_t length = n - at < window ? n - at : window;
        size_t first = reached > at ? reached - at : 1;
        reached = at + length;
        if (length > first) status = add(w, -1, ids + at, length, (uint32_t)first, err);
    }
    return status;
}

void trit_windows_fini(trit_windows *w) {
    trit_ids_fini(&w->ids);
    trit_free(w->window);
    *w = (trit_windows){0};
}
