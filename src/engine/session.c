/* Pages of the prefix cache into a file and back: see trit/session.h. Who asks for a prompt that begins like a restored one finds its pages as if
 * they had been computed, so nothing else in the engine knows of sessions. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/os.h"
#include "engine/engine.h"
#include "engine/session.h"

static const size_t max_note = (size_t)1 << 30;

static trit_status fit_of(trit_session_fit *out, const trit_engine_cache *c, trit_error *err) {
    const trit_rope *rope = &c->model->rope;
    if (!c->is_kept) return trit_error_set(err, trit_arg, "the engine keeps nothing of its prompts, so it has no session");
    const trit_status status = c->of->model ? trit_ok : trit_model_fingerprint(c->of, c->model, err);
    *out = (trit_session_fit){.of = *c->of, .kv = c->kv, .n_vocab = c->model->config.vocab_size,
                              .long_rope = rope->inv_freq_long && c->context > rope->original_context};
    return status;
}

/* ---- Saving ---- */

/* One file, written from its beginning to its end. */
typedef struct writer {
    trit_fs_grow file;
    const char *path;
    const trit_engine_cache *cache;
    trit_pages_list list;
    uint64_t n_bytes;
    uint8_t *page;  /* [page_bytes] */
    uint8_t *index; /* [list.n, trit_session_index_bytes] */
} writer;

static trit_status write_pages(writer *w, trit_error *err) {
    const trit_engine_cache *c = w->cache;
    const size_t page_bytes = trit_kv_page_bytes(&c->kv);
    trit_status status = trit_ok;
    for (uint32_t i = 0; i < w->list.n && status == trit_ok; i++) {
        const uint32_t page = w->list.page[i];
        status = c->device->vt->page_out(c->exec, page, w->page, err);
        if (status != trit_ok) break;
        trit_session_put_index(w->index + (size_t)i * trit_session_index_bytes, w->page, page_bytes, w->list.above[i], c->pages->page[page].tokens);
        status = trit_fs_grow_add(&w->file, w->page, page_bytes, w->path, err);
    }
    return status;
}

static trit_status write_parts(writer *w, const trit_session_fit *fit, const char *note, size_t n_note, trit_error *err) {
    const size_t n_index = (size_t)w->list.n * trit_session_index_bytes;
    uint8_t header[trit_session_header_bytes], sum[trit_session_sum_bytes];
    trit_session_put_header(header, fit, w->list.n, n_note);
    trit_status status = trit_fs_grow_add(&w->file, header, sizeof header, w->path, err);
    if (status == trit_ok) status = write_pages(w, err);
    if (status == trit_ok) status = trit_fs_grow_add(&w->file, w->index, n_index, w->path, err);
    if (status == trit_ok) status = trit_fs_grow_add(&w->file, note, n_note, w->path, err);
    if (status != trit_ok) return status;
    trit_session_put_sum(sum, header, w->index, n_index, note, n_note);
    status = trit_fs_grow_add(&w->file, sum, sizeof sum, w->path, err);
    return status == trit_ok ? trit_fs_grow_flush(&w->file, w->path, err) : status;
}

/* Beside its place, then renamed. What was said is for the user alone to read. */
static trit_status write_file(writer *w, const trit_session_fit *fit, const char *note, size_t n_note, trit_error *err) {
    char beside[4096];
    if (!trit_os_name_beside(beside, sizeof beside, w->path)) return trit_error_set(err, trit_io, "%.200s: the path is too long", w->path);
    trit_status status = trit_fs_grow_begin(&w->file, beside, err);
    if (status != trit_ok) return status;
    status = write_parts(w, fit, note, n_note, err);
    w->n_bytes = w->file.n;
    trit_fs_grow_close(&w->file);
    if (status == trit_ok) status = trit_fs_rename(beside, w->path, err);
    if (status != trit_ok) (void)!trit_fs_remove(beside, NULL);
    return status;
}

trit_status trit_engine_save(trit_engine *engine, const char *path, const char *note, size_t n_note, trit_session_info *info, trit_error *err) {
    const trit_engine_cache cache = trit_engine_cache_of(engine);
    const size_t page_bytes = trit_kv_page_bytes(&cache.kv);
    writer w = {.path = path, .cache = &cache};
    trit_session_fit fit;
    if (n_note > max_note) return trit_error_set(err, trit_arg, "%.200s: a note of %zu bytes is too long", path, n_note);
    trit_status status = fit_of(&fit, &cache, err);
    if (status == trit_ok) status = trit_pages_list_all(&w.list, cache.pages, err);
    if (status != trit_ok) return status;
    w.page = trit_alloc(page_bytes, 1);
    w.index = trit_alloc(w.list.n, trit_session_index_bytes);
    status = w.page && w.index ? write_file(&w, &fit, note, n_note, err) : trit_error_memory(err, page_bytes, "a session");
    const uint64_t n_tokens = (uint64_t)w.list.n * trit_page_tokens;
    if (status == trit_ok && info) *info = (trit_session_info){.n_tokens = n_tokens, .n_kept = n_tokens, .n_bytes = w.n_bytes};
    trit_pages_list_fini(&w.list);
    trit_free(w.page);
    trit_free(w.index);
    return status;
}

/* ---- Restoring ---- */

/* Where a page of the file is in the cache, held. */
typedef struct placed {
    uint32_t page;
    uint64_t serial;
} placed;

/* One page: the cache's own, or a place that is filled. Full: *page is -1. */
static trit_status place(int32_t *page, const trit_engine_cache *c, const trit_session *s, uint32_t i, uint64_t parent, trit_error *err) {
    int32_t tokens[trit_page_tokens];
    trit_session_tokens(s, i, tokens);
    *page = trit_pages_find(c->pages, parent, tokens);
    if (*page >= 0) return trit_ok;
    *page = trit_pages_take(c->pages);
    if (*page < 0) return trit_ok;
    const trit_status status = c->device->vt->page_in(c->exec, (uint32_t)*page, s->pages + i * s->page_bytes, err);
    if (status == trit_ok) (void)trit_pages_register(c->pages, (uint32_t)*page, parent, tokens);
    else trit_pages_release(c->pages, (uint32_t)*page);
    return status;
}

/* They are held until all are there, so that none makes way for another; what was used last is released last. */
static trit_status place_all(uint32_t *n, const trit_engine_cache *c, const trit_session *s, trit_error *err) {
    placed *at = trit_alloc(s->n_pages, sizeof *at);
    trit_status status = at ? trit_ok : trit_error_memory(err, s->n_pages * sizeof *at, "a session");
    for (*n = 0; *n < s->n_pages && status == trit_ok; ++*n) {
        const uint32_t above = trit_session_above(s, *n);
        int32_t page;
        status = place(&page, c, s, *n, above ? at[above - 1].serial : 0, err);
        if (status != trit_ok || page < 0) break;
        at[*n] = (placed){(uint32_t)page, c->pages->page[page].serial};
    }
    for (uint32_t i = *n; i > 0; i--) trit_pages_release(c->pages, at[i - 1].page);
    trit_free(at);
    return status;
}

static trit_status take_in(const trit_engine_cache *c, const trit_session *s, const char *path, trit_text *note, trit_session_info *info, trit_error *err) {
    uint32_t n = 0;
    trit_text text = {0};
    if (note && !trit_text_append(&text, s->note, s->n_note)) return trit_error_memory(err, s->n_note, path);
    const trit_status status = place_all(&n, c, s, err);
    if (status != trit_ok) {
        trit_text_fini(&text);
        return status;
    }
    if (note) {
        trit_text_fini(note);
        *note = text;
    }
    if (info) {
        info->n_tokens = (uint64_t)s->n_pages * trit_page_tokens;
        info->n_kept = (uint64_t)n * trit_page_tokens;
    }
    return trit_ok;
}

trit_status trit_engine_restore(trit_engine *engine, const char *path, trit_text *note, trit_session_info *info, trit_error *err) {
    const trit_engine_cache cache = trit_engine_cache_of(engine);
    trit_session_fit fit;
    trit_file_map map;
    trit_session session;
    trit_status status = fit_of(&fit, &cache, err);
    if (status == trit_ok) status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = trit_session_read(&session, map.data, map.n, &fit, path, err);
    if (status == trit_ok) status = take_in(&cache, &session, path, note, info, err);
    if (status == trit_ok && info) info->n_bytes = map.n;
    trit_os_unmap(&map);
    return status;
}
