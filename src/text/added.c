/* Added tokens. */
#include "text/added.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "text/unicode.h"

bool trit_added_set_add(trit_added_set *set, trit_str text, int32_t id, trit_added_flags flags) {
    void *token = set->token;
    char *copy = trit_strndup(text.p, text.n);
    if (!copy || !trit_grow(&token, &set->capacity, set->n + 1, sizeof *set->token)) {
        trit_free(copy);
        return false;
    }
    set->token = token;
    set->token[set->n++] = (trit_added){copy, text.n, id, flags};
    return true;
}

void trit_added_set_fini(trit_added_set *set) {
    for (size_t i = 0; i < set->n; i++) trit_free(set->token[i].text);
    trit_free(set->token);
    *set = (trit_added_set){0};
}

static int compare(const void *left, const void *right) {
    const trit_added *a = left, *b = right;
    size_t n = a->n < b->n ? a->n : b->n;
    int order = n ? memcmp(a->text, b->text, n) : 0;
    if (order) return order;
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

void trit_added_set_sort(trit_added_set *set) {
    if (set->n) qsort(set->token, set->n, sizeof *set->token, compare);
    size_t i = 0;
    for (unsigned b = 0; b <= 256; b++) {
        while (i < set->n && (unsigned char)set->token[i].text[0] < b) i++;
        set->first[b] = (uint32_t)i;
    }
}

/* The first token of [lo, hi), which agree in their first k bytes, whose byte k is at least b. A token that ends there comes
 * before all others. */
static size_t lower_bound(const trit_added_set *set, size_t lo, size_t hi, size_t k, unsigned b) {
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const trit_added *token = &set->token[mid];
        if (token->n <= k || (unsigned char)token->text[k] < b)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool word_before(trit_str s, size_t at) {
    if (at == 0) return false;
    size_t begin = at - 1;
    while (begin > 0 && ((unsigned char)s.p[begin] & 0xC0) == 0x80) begin--;
    uint32_t cp;
    return trit_utf8_decode(s.p + begin, at - begin, &cp) > 0 && trit_is_word(cp);
}

static bool word_behind(trit_str s, size_t at) {
    uint32_t cp;
    return at < s.n && trit_utf8_decode(s.p + at, s.n - at, &cp) > 0 && trit_is_word(cp);
}

static size_t blanks_before(trit_str s, size_t taken, size_t at) {
    while (at > taken) {
        size_t begin = at - 1;
        while (begin > taken && ((unsigned char)s.p[begin] & 0xC0) == 0x80) begin--;
        uint32_t cp;
        if (trit_utf8_decode(s.p + begin, at - begin, &cp) <= 0 || !trit_is_blank(cp)) break;
        at = begin;
    }
    return at;
}

static size_t blanks_behind(trit_str s, size_t at) {
    while (at < s.n) {
        uint32_t cp;
        int length = trit_utf8_decode(s.p + at, s.n - at, &cp);
        if (length <= 0 || !trit_is_blank(cp)) break;
        at += (size_t)length;
    }
    return at;
}

/* The longest token that stands at s[at..n), or NULL. */
static const trit_added *longest_at(const trit_added_set *set, trit_str s, size_t at, bool special) {
    unsigned first = (unsigned char)s.p[at];
    size_t lo = set->first[first], hi = set->first[first + 1];
    const trit_added *best = NULL;
    for (size_t k = 1; lo < hi; k++) {
        const trit_added *token = &set->token[lo];
        if (token->n == k) {
            bool counts = special || token->flags.always;
            if (counts && token->flags.single_word) counts = !word_before(s, at) && !word_behind(s, at + k);
            if (counts) best = token;
        }
        if (at + k >= s.n) break;
        unsigned b = (unsigned char)s.p[at + k];
        lo = lower_bound(set, lo, hi, k, b);
        hi = lower_bound(set, lo, hi, k, b + 1);
    }
    return best;
}

bool trit_added_set_find(const trit_added_set *set, trit_str s, size_t taken, size_t from, bool special, trit_added_hit *hit) {
    if (set->n == 0) return false;
    for (size_t at = from; at < s.n; at++) {
        unsigned first = (unsigned char)s.p[at];
        if (set->first[first] == set->first[first + 1]) continue;
        const trit_added *token = longest_at(set, s, at, special);
        if (!token) continue;
        hit->id = token->id;
        hit->begin = token->flags.lstrip ? blanks_before(s, taken, at) : at;
        hit->end = at + token->n;
        if (token->flags.rstrip) hit->end = blanks_behind(s, hit->end);
        return true;
    }
    return false;
}
