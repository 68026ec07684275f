/* Pieces of text to tokens, with the tokens around documents. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/data_parts.h"

void trit_data_tokens_fini(trit_data_tokens *t) {
    trit_ids_fini(&t->ids);
    trit_text_fini(&t->mask);
}

bool trit_data_tokens_mark(trit_data_tokens *t, size_t n, bool counts) {
    if (n <= t->mask.n) return true;
    if (!trit_text_reserve(&t->mask, n)) return false;
    memset(t->mask.data + t->mask.n, counts, n - t->mask.n);
    t->mask.n = n;
    return true;
}

static trit_status encode(const trit_data_encoder *e, trit_ids *ids, const char *s, trit_error *err) {
    return trit_tokenizer_encode(e->o->tokenizer, ids, s, strlen(s), &(trit_encode_opts){.no_bos = true}, err);
}

/* Are these tokens `left` and then `right`? */
static bool is_joined(const trit_ids *whole, const trit_ids *left, const trit_ids *right) {
    bool same = whole->n == left->n + right->n;
    for (size_t i = 0; same && i < right->n; i++) same = whole->data[left->n + i] == right->data[i];
    return same;
}

/* A tokenizer that spells a blank before each text takes "b" where others take " b". One without letters has no blanks between them. */
static trit_status find_blank(trit_data_encoder *e, trit_error *err) {
    trit_ids whole = {0}, left = {0}, kept = {0}, bare = {0};
    trit_status status = encode(e, &whole, "a b", err);
    if (status == trit_ok) status = encode(e, &left, "a", err);
    if (status == trit_ok) status = encode(e, &kept, " b", err);
    if (status == trit_ok) status = encode(e, &bare, "b", err);
    e->drops_blank = status == trit_ok && !is_joined(&whole, &left, &kept) && is_joined(&whole, &left, &bare);
    trit_ids_fini(&whole);
    trit_ids_fini(&left);
    trit_ids_fini(&kept);
    trit_ids_fini(&bare);
    return status == trit_format ? trit_ok : status;
}

static void copy_text(char out[256], const trit_tokenizer *t, int32_t id) {
    size_t n = 0;
    const char *piece = trit_tokenizer_piece(t, id, &n);
    if (piece && n < 256) memcpy(out, piece, n);
}

trit_status trit_data_encoder_init(trit_data_encoder *e, const trit_dataset_opts *o, trit_error *err) {
    const trit_tokenizer *t = o->tokenizer;
    *e = (trit_data_encoder){.o = o, .bos = -1, .eos = o->no_eos ? -1 : trit_tokenizer_eos(t)};
    if (!o->no_bos && trit_tokenizer_adds_bos(t)) e->bos = trit_tokenizer_bos(t);
    copy_text(e->bos_text, t, trit_tokenizer_bos(t));
    copy_text(e->eos_text, t, trit_tokenizer_eos(t));
    trit_status status = o->chat_template ? trit_chat_template_new(&e->chat, o->chat_template, strlen(o->chat_template), err) : trit_ok;
    return status == trit_ok ? find_blank(e, err) : status;
}

void trit_data_encoder_fini(trit_data_encoder *e) {
    trit_chat_template_free(e->chat);
    e->chat = NULL;
}

bool trit_data_dress(trit_ids *ids, int32_t bos, int32_t eos) {
    if (eos >= 0 && !trit_ids_push(ids, eos)) return false;
    if (bos < 0) return true;
    if (!trit_ids_push(ids, bos)) return false;
    memmove(ids->data + 1, ids->data, (ids->n - 1) * sizeof *ids->data);
    ids->data[0] = bos;
    return true;
}

trit_status trit_data_encode(const trit_data_encoder *e, const trit_data_piece *piece, bool is_record, const char *what, trit_data_tokens *out,
                             trit_error *err) {
    out->mask.n = 0;
    if (is_record) return trit_data_encode_record(e, piece->text, what, out, err);
    trit_status status = trit_tokenizer_encode(e->o->tokenizer, &out->ids, piece->text.p, piece->text.n, &(trit_encode_opts){.no_bos = true}, err);
    if (status != trit_ok) return status;
    const bool ok = trit_data_dress(&out->ids, piece->begins ? e->bos : -1, piece->ends ? e->eos : -1);
    return ok ? trit_ok : trit_error_memory(err, out->ids.n * sizeof *out->ids.data, "tokens");
}
