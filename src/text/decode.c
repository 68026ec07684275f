/* Ids to text, at once and token by token.
 *
 * Vocabularies with byte fall-back spell odd characters as runs of byte tokens. As in the Hugging Face tokenizers, a run that
 * is not UTF-8 as a whole decodes to one U+FFFD for each of its bytes. Byte-level vocabularies give the bytes as they are. */
#include "text/parts.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode.h"

#define REPLACEMENT "\xEF\xBF\xBD"

static trit_status unknown_id(const trit_tokenizer *t, int32_t id, trit_error *err) {
    return trit_error_set(err, trit_arg, "token %d is not in the vocabulary of %u", (int)id, t->pieces.n);
}

/* The bytes of one token that are left when the beginning of the text is stripped. *n_strip counts down. */
static trit_str stripped(const trit_tokenizer *t, trit_str bytes, uint32_t *n_strip) {
    while (*n_strip && bytes.n) {
        if (bytes.p[0] != t->strip) {
            *n_strip = 0;
            break;
        }
        bytes.p++;
        bytes.n--;
        --*n_strip;
    }
    return bytes;
}

/* Ends the run of byte tokens text[run..n). */
static bool close_run(trit_text *text, size_t run) {
    size_t n = text->n - run;
    if (trit_valid_bytes(text->data + run, n) == n) return true;
    text->n = run;
    for (size_t i = 0; i < n; i++)
        if (!trit_text_append(text, REPLACEMENT, 3)) return false;
    return true;
}

/* Is a token left out? `last` is the one before it that was not, or -1. */
static bool left_out(const trit_tokenizer *t, int32_t id, int32_t last, bool special) {
    return (!special && trit_token_has(t, id, trit_token_special)) || (t->drop_repeats && id == last);
}

/* What a token decodes to at its place. */
static trit_str bytes_of(const trit_tokenizer *t, int32_t id, bool first, bool last) {
    if (first && t->first_bytes.n) return trit_pieces_at(&t->first_bytes, id);
    if (last && t->last_bytes.n) return trit_pieces_at(&t->last_bytes, id);
    return trit_pieces_at(&t->bytes, id);
}

trit_str trit_tokenizer_token_text(const trit_tokenizer *t, int32_t id) {
    bool shown = trit_token_has(t, id, trit_token_present) && !trit_token_has(t, id, trit_token_special);
    return shown ? bytes_of(t, id, false, false) : (trit_str){NULL, 0};
}

static bool decode_into(const trit_tokenizer *t, trit_text *text, const int32_t *ids, size_t n, bool special) {
    uint32_t n_strip = t->n_strip;
    size_t run = 0;
    int32_t before = -1;
    bool in_run = false;
    while (n && left_out(t, ids[n - 1], -1, special)) n--;
    for (size_t i = 0; i < n; i++) {
        if (left_out(t, ids[i], before, special)) continue;
        trit_str bytes = stripped(t, bytes_of(t, ids[i], before < 0, i + 1 == n), &n_strip);
        bool is_byte = t->decode_bytes && trit_token_has(t, ids[i], trit_token_is_byte);
        before = ids[i];
        if (in_run && !is_byte && !close_run(text, run)) return false;
        if (is_byte && !in_run) run = text->n;
        in_run = is_byte;
        if (!trit_text_append(text, bytes.p, bytes.n)) return false;
    }
    return !in_run || close_run(text, run);
}

trit_status trit_tokenizer_decode(const trit_tokenizer *tokenizer, trit_text *text, const int32_t *ids, size_t n, bool special,
                                  trit_error *err) {
    for (size_t i = 0; i < n; i++)
        if (!trit_token_has(tokenizer, ids[i], trit_token_present)) return unknown_id(tokenizer, ids[i], err);
    text->n = 0;
    if (trit_text_append(text, "", 0) && decode_into(tokenizer, text, ids, n, special)) return trit_ok;
    text->n = 0;
    return trit_error_memory(err, n, "the decoded text");
}

const char *trit_tokenizer_bytes(const trit_tokenizer *tokenizer, int32_t id, size_t *n) {
    *n = 0;
    if (!trit_token_has(tokenizer, id, trit_token_present)) return NULL;
    const trit_str bytes = trit_pieces_at(&tokenizer->bytes, id);
    *n = bytes.n;
    return bytes.p ? bytes.p : "";
}

enum { max_held = 3 }; /* bytes of a character that is not whole yet */

struct trit_detok {
    const trit_tokenizer *t; /* borrowed */
    bool special;
    uint32_t n_strip;
    int32_t before; /* the token before, or -1 */
    int32_t delayed; /* a token whose form depends on whether another one comes, or -1 */
    unsigned n_held;
    size_t n_out;
    char *in;  /* [max_held + longest token] */
    char *out; /* [3 * (max_held + longest token)], since a broken byte becomes three */
};

static size_t longest_bytes(const trit_tokenizer *t) {
    const trit_pieces *forms[] = {&t->bytes, &t->first_bytes, &t->last_bytes};
    size_t longest = 0;
    for (size_t i = 0; i < 3; i++)
        if (forms[i]->longest > longest) longest = forms[i]->longest;
    return longest;
}

trit_status trit_detok_new(trit_detok **out, const trit_tokenizer *tokenizer, bool special, trit_error *err) {
    size_t n_in = max_held + longest_bytes(tokenizer);
    trit_detok *d = trit_alloc_zero(1, sizeof *d);
    if (d) {
        d->in = trit_alloc(n_in, 1);
        d->out = trit_alloc(n_in, 3);
    }
    if (!d || !d->in || !d->out) {
        trit_detok_free(d);
        return trit_error_memory(err, n_in * 4, "the detokenizer");
    }
    d->t = tokenizer;
    d->special = special;
    trit_detok_reset(d);
    *out = d;
    return trit_ok;
}

void trit_detok_free(trit_detok *detok) {
    if (!detok) return;
    trit_free(detok->in);
    trit_free(detok->out);
    trit_free(detok);
}

void trit_detok_reset(trit_detok *detok) {
    detok->n_strip = detok->t->n_strip;
    detok->before = detok->delayed = -1;
    detok->n_held = 0;
    detok->n_out = 0;
}

/* Broken bytes become U+FFFD: one for each in a run of byte tokens, else one for each maximal part. */
static void put_broken(trit_detok *d, size_t n_bytes) {
    size_t n = d->t->decode_bytes ? n_bytes : 1;
    for (size_t i = 0; i < n; i++, d->n_out += 3) memcpy(d->out + d->n_out, REPLACEMENT, 3);
}

/* Moves what is whole from in[0..n) to the output; the beginning of a character at the end stays behind. */
static void move_whole(trit_detok *d, size_t n) {
    size_t at = 0;
    while (at < n) {
        uint32_t cp;
        int length = trit_utf8_decode(d->in + at, n - at, &cp);
        if (length == 0) break;
        size_t used = (size_t)(length > 0 ? length : -length);
        if (length > 0) {
            memcpy(d->out + d->n_out, d->in + at, used);
            d->n_out += used;
        } else {
            put_broken(d, used);
        }
        at += used;
    }
    d->n_held = (unsigned)(n - at);
    memmove(d->in, d->in + at, d->n_held);
}

static void put_token(trit_detok *d, int32_t id, bool first, bool last) {
    trit_str piece = stripped(d->t, bytes_of(d->t, id, first, last), &d->n_strip);
    if (piece.n) memcpy(d->in + d->n_held, piece.p, piece.n);
    move_whole(d, d->n_held + piece.n);
}

trit_status trit_detok_push(trit_detok *detok, int32_t id, const char **bytes, size_t *n, trit_error *err) {
    trit_detok *d = detok;
    d->n_out = 0;
    *bytes = d->out;
    *n = 0;
    if (!trit_token_has(d->t, id, trit_token_present)) return unknown_id(d->t, id, err);
    if (left_out(d->t, id, d->before, d->special)) return trit_ok;
    if (d->t->last_bytes.n == 0) {
        put_token(d, id, d->before < 0, false);
    } else {
        if (d->delayed >= 0) put_token(d, d->delayed, false, false);
        d->delayed = id;
    }
    d->before = id;
    *n = d->n_out;
    return trit_ok;
}

void trit_detok_flush(trit_detok *detok, const char **bytes, size_t *n) {
    detok->n_out = 0;
    if (detok->delayed >= 0) put_token(detok, detok->delayed, false, true);
    detok->delayed = -1;
    if (detok->n_held) put_broken(detok, detok->n_held);
    detok->n_held = 0;
    *bytes = detok->out;
    *n = detok->n_out;
}
