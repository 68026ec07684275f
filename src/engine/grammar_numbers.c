/* Numbers between two bounds, digit by digit. A number with a point is its digits without it, so both kinds are ranges of whole
 * numbers, written with as many digits as the upper end has or fewer. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/grammar_schema.h"

enum { more_digits = 8 }; /* behind the point, beyond those of the bounds */

static const int64_t largest = 99999999999999999; /* trit_decimal_digits nines */

static int64_t power10(int n) {
    int64_t p = 1;
    while (n-- > 0) p *= 10;
    return p;
}

bool trit_decimal_of(const trit_json *v, trit_decimal *out) {
    trit_text text = {0};
    trit_decimal d = {0, 0};
    int exponent = 0;
    bool seen_point = false, negative, ok = trit_json_kind_of(v) == trit_json_int || trit_json_kind_of(v) == trit_json_real;
    if (trit_json_kind_of(v) == trit_json_int) ok = trit_text_format(&text, "%lld", (long long)trit_json_as_int(v, 0));
    else ok = ok && trit_json_write_f64(&text, trit_json_as_real(v, 0));
    const char *p = ok ? text.data : "";
    negative = *p == '-';
    for (p += negative; ok && *p && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            seen_point = true;
            continue;
        }
        ok = *p >= '0' && *p <= '9' && d.mantissa <= largest / 10;
        d.mantissa = ok ? d.mantissa * 10 + (*p - '0') : 0;
        d.digits += seen_point;
    }
    if (ok && *p) exponent = atoi(p + 1);
    trit_text_fini(&text);
    for (; d.digits && d.mantissa % 10 == 0; d.digits--) d.mantissa /= 10;
    for (; ok && exponent > 0; exponent--) {
        if (d.digits) d.digits--;
        else if ((ok = d.mantissa <= largest / 10)) d.mantissa *= 10;
    }
    d.digits -= exponent;
    if (negative) d.mantissa = -d.mantissa;
    *out = d;
    return ok && d.digits < trit_decimal_digits;
}

/* mantissa * 10^(digits - d.digits), or past the largest where it would be larger. */
static int64_t scaled(trit_decimal d, int digits) {
    for (; d.digits < digits; d.digits++) {
        if (d.mantissa > largest / 10) return largest + 1;
        if (d.mantissa < -largest / 10) return -largest - 1;
        d.mantissa *= 10;
    }
    return d.mantissa;
}

static int compare(trit_decimal a, trit_decimal b) {
    int digits = a.digits > b.digits ? a.digits : b.digits;
    int64_t x = scaled(a, digits), y = scaled(b, digits);
    return (x > y) - (x < y);
}

void trit_bounds_add(trit_bounds *b, trit_decimal bound, bool is_low, bool is_exclusive) {
    bool *has = is_low ? &b->has_low : &b->has_high, *exclusive = is_low ? &b->above_low : &b->below_high;
    trit_decimal *now = is_low ? &b->low : &b->high;
    int order = *has ? compare(bound, *now) : is_low ? 1 : -1;
    if (order == 0) *exclusive = *exclusive || is_exclusive;
    if (is_low ? order <= 0 : order >= 0) return;
    *has = true;
    *now = bound;
    *exclusive = is_exclusive;
}

/* ---- Digits ---- */

typedef struct writer {
    trit_expr_tree *tree;
    int n_behind; /* digits behind the point; 0: no point */
} writer;

static void put_digit(writer *d, uint32_t sequence, char low, char high, int n) {
    const trit_char_range range = {(uint8_t)low, (uint8_t)high};
    if (n <= 0) return;
    uint32_t digit = trit_expr_put_chars(d->tree, &range, 1, false);
    trit_expr_add(d->tree, sequence, n == 1 ? digit : trit_expr_put_repeat(d->tree, digit, (uint32_t)n, (uint32_t)n));
}

static void put_point(writer *d, uint32_t sequence, int n_left) {
    if (d->n_behind && n_left == d->n_behind) trit_expr_add(d->tree, sequence, trit_expr_put_text(d->tree, ".", 1));
}

/* n digits, any. The point stands in front of the last n_behind. */
static void put_any(writer *d, uint32_t sequence, int n) {
    int before = d->n_behind && n > d->n_behind ? n - d->n_behind : 0;
    if (before) put_digit(d, sequence, '0', '9', before);
    if (before) put_point(d, sequence, d->n_behind);
    put_digit(d, sequence, '0', '9', n - before);
}

static bool all_are(const char *s, int n, char c) {
    while (n && s[n - 1] == c) n--;
    return n == 0;
}

/* Strings of n digits from `low` to `high`. A point before the first of them has been put already. */
static uint32_t put_between(writer *d, const char *low, const char *high, int n) {
    static const char zeros[] = "00000000000000000000", nines[] = "99999999999999999999";
    uint32_t sequence = trit_expr_new(d->tree, trit_expr_sequence);
    if (n == 0 || (all_are(low, n, '0') && all_are(high, n, '9'))) {
        put_any(d, sequence, n);
        return sequence;
    }
    if (*low == *high) {
        put_digit(d, sequence, *low, *low, 1);
        put_point(d, sequence, n - 1);
        trit_expr_add(d->tree, sequence, put_between(d, low + 1, high + 1, n - 1));
        return sequence;
    }
    uint32_t choice = trit_expr_new(d->tree, trit_expr_choice);
    char from = *low, to = *high;
    if (!all_are(low + 1, n - 1, '0')) {
        uint32_t first = trit_expr_new(d->tree, trit_expr_sequence);
        put_digit(d, first, from, from, 1);
        put_point(d, first, n - 1);
        trit_expr_add(d->tree, first, put_between(d, low + 1, nines, n - 1));
        trit_expr_add(d->tree, choice, first);
        from++;
    }
    if (!all_are(high + 1, n - 1, '9')) {
        uint32_t last = trit_expr_new(d->tree, trit_expr_sequence);
        put_digit(d, last, to, to, 1);
        put_point(d, last, n - 1);
        trit_expr_add(d->tree, last, put_between(d, zeros, high + 1, n - 1));
        trit_expr_add(d->tree, choice, last);
        to--;
    }
    if (from <= to) {
        put_digit(d, sequence, from, to, 1);
        put_point(d, sequence, n - 1);
        put_any(d, sequence, n - 1);
        trit_expr_add(d->tree, choice, sequence);
    }
    return choice;
}

static void spell(char *out, int64_t x, int n) {
    for (; n > 0; x /= 10) out[--n] = (char)('0' + x % 10);
}

/* Adds the numbers from `low` to `high`, 0 <= low, to a choice, each behind `sign` and with what `behind` says. */
static void put_range(writer *d, uint32_t choice, const char *sign, int64_t low, int64_t high, bool more) {
    for (int n = d->n_behind + 1; n <= trit_decimal_digits; n++) {
        int64_t from = n > d->n_behind + 1 ? power10(n - 1) : 0, to = power10(n) - 1;
        if (from < low) from = low;
        if (to > high) to = high;
        if (from > to) continue;
        char first[trit_decimal_digits], last[trit_decimal_digits];
        spell(first, from, n);
        spell(last, to, n);
        uint32_t sequence = trit_expr_new(d->tree, trit_expr_sequence);
        trit_expr_add(d->tree, sequence, trit_expr_put_text(d->tree, sign, strlen(sign)));
        trit_expr_add(d->tree, sequence, put_between(d, first, last, n));
        if (more) {
            static const trit_char_range any = {'0', '9'};
            trit_expr_add(d->tree, sequence, trit_expr_put_repeat(d->tree, trit_expr_put_chars(d->tree, &any, 1, false), 0, more_digits));
        }
        trit_expr_add(d->tree, choice, sequence);
    }
}

/* The first whole multiple of 10^-digits at or above a bound, and the last at or below. */
static int64_t first_of(const trit_bounds *b, int digits) {
    if (!b->has_low) return -(power10(15) - 1);
    int64_t unit = b->low.digits > digits ? power10(b->low.digits - digits) : 1, m = scaled(b->low, digits);
    int64_t quotient = m / unit + (m % unit > 0);
    return quotient + (b->above_low && m % unit == 0);
}

static int64_t last_of(const trit_bounds *b, int digits) {
    if (!b->has_high) return power10(15) - 1;
    int64_t unit = b->high.digits > digits ? power10(b->high.digits - digits) : 1, m = scaled(b->high, digits);
    int64_t quotient = m / unit - (m % unit < 0);
    return quotient - (b->below_high && m % unit == 0);
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* x.yz with more digits is at least x.yz and less than the next one: the last one itself has no more. */
static void put_decimals(writer *d, uint32_t choice, const trit_bounds *b) {
    int64_t low = first_of(b, d->n_behind), high = last_of(b, d->n_behind);
    put_range(d, choice, "", most(low, 0), high - 1, true);
    if (high >= most(low, 0)) put_range(d, choice, "", high, high, false);
    put_range(d, choice, "-", most(-high, 1), -low - 1, true);
    if (-low >= most(-high, 1)) put_range(d, choice, "-", -low, -low, false);
}

uint32_t trit_numbers_put(trit_expr_tree *tree, const trit_bounds *b, bool only_whole) {
    writer d = {tree, 0};
    uint32_t choice = trit_expr_new(tree, trit_expr_choice);
    int64_t low = first_of(b, 0), high = last_of(b, 0);
    put_range(&d, choice, "", most(low, 0), high, false);
    put_range(&d, choice, "-", most(-high, 1), -low, false);
    if (only_whole) return choice;
    int n_behind = 1;
    if (b->has_low && b->low.digits > n_behind) n_behind = b->low.digits;
    if (b->has_high && b->high.digits > n_behind) n_behind = b->high.digits;
    for (d.n_behind = 1; d.n_behind < n_behind; d.n_behind++) { /* fewer digits than the bounds have */
        low = first_of(b, d.n_behind);
        high = last_of(b, d.n_behind);
        put_range(&d, choice, "", most(low, 0), high, false);
        put_range(&d, choice, "-", most(-high, 1), -low, false);
    }
    put_decimals(&d, choice, b);
    return choice;
}
