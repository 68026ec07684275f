/* Reading and laying out a session's file. Its bytes are hostile: counts are checked against the file's size before they are used. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/sum.h"
#include "engine/session.h"
#include "tensor/bytes.h"

enum { version = 1 };
enum { at_version = 8, at_model = 16, at_adapters = 24, at_form = 32, at_page_tokens = 36, at_layers = 40, at_kv_heads = 44, at_head_dim = 48,
       at_vocab = 52, at_long_rope = 56, at_n_pages = 60, at_n_note = 64, at_page_bytes = 72 };

static const char magic[] = "tritsess";

void trit_session_put_header(uint8_t out[trit_session_header_bytes], const trit_session_fit *fit, uint32_t n_pages, size_t n_note) {
    memset(out, 0, trit_session_header_bytes);
    memcpy(out, magic, sizeof magic - 1);
    trit_store_u32(out + at_version, version);
    trit_store_u64(out + at_model, fit->of.model);
    trit_store_u64(out + at_adapters, fit->of.adapters);
    trit_store_u32(out + at_form, fit->kv.form);
    trit_store_u32(out + at_page_tokens, trit_page_tokens);
    trit_store_u32(out + at_layers, fit->kv.n_layers);
    trit_store_u32(out + at_kv_heads, fit->kv.n_kv_heads);
    trit_store_u32(out + at_head_dim, fit->kv.head_dim);
    trit_store_u32(out + at_vocab, fit->n_vocab);
    trit_store_u32(out + at_long_rope, fit->long_rope);
    trit_store_u32(out + at_n_pages, n_pages);
    trit_store_u64(out + at_n_note, n_note);
    trit_store_u64(out + at_page_bytes, trit_kv_page_bytes(&fit->kv));
}

void trit_session_put_index(uint8_t out[trit_session_index_bytes], const uint8_t *page, size_t page_bytes, uint32_t above,
                            const int32_t tokens[trit_page_tokens]) {
    trit_store_u64(out, trit_sum_bytes(0, page, page_bytes));
    trit_store_u32(out + 8, above);
    for (int i = 0; i < trit_page_tokens; i++) trit_store_u32(out + 12 + 4 * i, (uint32_t)tokens[i]);
}

static uint64_t sum_of(const uint8_t *header, const uint8_t *index, size_t n_index, const char *note, size_t n_note) {
    return trit_sum_bytes(trit_sum_bytes(trit_sum_bytes(0, header, trit_session_header_bytes), index, n_index), note, n_note);
}

void trit_session_put_sum(uint8_t out[trit_session_sum_bytes], const uint8_t header[trit_session_header_bytes], const uint8_t *index, size_t n_index,
                          const char *note, size_t n_note) {
    trit_store_u64(out, sum_of(header, index, n_index, note, n_note));
}

static const uint8_t *entry(const trit_session *s, uint32_t i) {
    return s->index + (size_t)i * trit_session_index_bytes;
}

uint32_t trit_session_above(const trit_session *s, uint32_t i) {
    return trit_load_u32(entry(s, i) + 8);
}

void trit_session_tokens(const trit_session *s, uint32_t i, int32_t tokens[trit_page_tokens]) {
    for (int t = 0; t < trit_page_tokens; t++) tokens[t] = (int32_t)trit_load_u32(entry(s, i) + 12 + 4 * t);
}

/* Parts of the file by its header's counts; false: they are not the file's. */
static bool divide(trit_session *s, const uint8_t *data, size_t n) {
    const uint64_t n_note = trit_load_u64(data + at_n_note);
    size_t pages, index, at = trit_session_header_bytes;
    if (n_note > n || !trit_mul_size(s->n_pages, s->page_bytes, &pages) || !trit_mul_size(s->n_pages, trit_session_index_bytes, &index)) return false;
    s->pages = data + at;
    if (!trit_add_size(at, pages, &at) || at > n) return false;
    s->index = data + at;
    if (!trit_add_size(at, index, &at) || at > n) return false;
    s->note = (const char *)data + at;
    s->n_note = (size_t)n_note;
    return trit_add_size(at, s->n_note, &at) && at < n && n - at == trit_session_sum_bytes;
}

static trit_status check_fit(const uint8_t *h, const trit_session_fit *fit, const char *what, trit_error *err) {
    static const char *const forms[] = {[trit_kv_form_f32] = "f32", [trit_kv_form_f16] = "f16", [trit_kv_form_q8] = "q8"};
    uint8_t mine[trit_session_header_bytes];
    trit_session_put_header(mine, fit, 0, 0);
    if (memcmp(h + at_model, mine + at_model, at_adapters - at_model) != 0)
        return trit_error_set(err, trit_format, "%s: the session of another model, or of this one otherwise read", what);
    if (memcmp(h + at_adapters, mine + at_adapters, at_form - at_adapters) != 0)
        return trit_error_set(err, trit_format, "%s: a session with other adapters (--lora)", what);
    const uint32_t form = trit_load_u32(h + at_form);
    if (form != fit->kv.form && form <= trit_kv_form_q8)
        return trit_error_set(err, trit_format, "%s: its keys and values are %s, and %s are wanted (--kv)", what, forms[form], forms[fit->kv.form]);
    if (trit_load_u32(h + at_long_rope) != fit->long_rope)
        return trit_error_set(err, trit_format, "%s: a session with %s context (--ctx): the model counts positions otherwise there", what,
                              fit->long_rope ? "a shorter" : "a longer");
    if (memcmp(h + at_form, mine + at_form, at_n_pages - at_form) != 0 || memcmp(h + at_page_bytes, mine + at_page_bytes, sizeof(uint64_t)) != 0)
        return trit_error_set(err, trit_format, "%s: the session's header is broken", what);
    return trit_ok;
}

static trit_status check_pages(const trit_session *s, uint32_t n_vocab, const char *what, trit_error *err) {
    int32_t tokens[trit_page_tokens];
    for (uint32_t i = 0; i < s->n_pages; i++) {
        bool good = trit_session_above(s, i) <= i;
        trit_session_tokens(s, i, tokens);
        for (int t = 0; t < trit_page_tokens; t++) good = good && tokens[t] >= 0 && (uint32_t)tokens[t] < n_vocab;
        if (!good || trit_sum_bytes(0, s->pages + i * s->page_bytes, s->page_bytes) != trit_load_u64(entry(s, i)))
            return trit_error_set(err, trit_format, "%s: page %" PRIu32 " of the session is broken", what, i);
    }
    return trit_ok;
}

trit_status trit_session_read(trit_session *out, const uint8_t *data, size_t n, const trit_session_fit *fit, const char *what, trit_error *err) {
    if (n < sizeof magic - 1 || memcmp(data, magic, sizeof magic - 1) != 0) return trit_error_set(err, trit_format, "%s: not a session", what);
    if (n < trit_session_header_bytes) return trit_error_set(err, trit_format, "%s: the session is cut off", what);
    const uint32_t its_version = trit_load_u32(data + at_version);
    if (its_version != version)
        return trit_error_set(err, trit_format, "%s: a session of version %" PRIu32 ", and this program knows version %d", what, its_version, version);
    const trit_status status = check_fit(data, fit, what, err);
    if (status != trit_ok) return status;
    trit_session s = {.n_pages = trit_load_u32(data + at_n_pages), .page_bytes = trit_kv_page_bytes(&fit->kv)};
    if (!divide(&s, data, n)) return trit_error_set(err, trit_format, "%s: %zu bytes are not what the session's header says: it is cut off or broken", what, n);
    if (sum_of(data, s.index, (size_t)s.n_pages * trit_session_index_bytes, s.note, s.n_note) != trit_load_u64(data + n - trit_session_sum_bytes))
        return trit_error_set(err, trit_format, "%s: the session is broken: its sum is not what it was", what);
    if (check_pages(&s, fit->n_vocab, what, err) != trit_ok) return trit_format;
    *out = s;
    return trit_ok;
}
