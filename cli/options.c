/* The option parser. It knows nothing of any command: tables in, struct out. */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

bool trit_parse_int(const char *s, int64_t *out) {
    const char *digits = s + (*s == '-' || *s == '+');
    if (!*digits || digits[strspn(digits, "0123456789")]) return false;
    errno = 0;
    long long value = strtoll(s, NULL, 10);
    if (errno) return false;
    *out = value;
    return true;
}

bool trit_parse_real(const char *s, double *out) {
    if (!*s || s[strspn(s, "0123456789+-.eE")]) return false;
    char *end;
    double value = strtod(s, &end);
    if (*end || !isfinite(value)) return false;
    *out = value;
    return true;
}

enum { max_name = 31 };

/* Edits (insert, delete, change, swap of neighbours) that turn a into b; both at most max_name bytes. */
static size_t distance(const char *a, const char *b) {
    size_t na = strlen(a), nb = strlen(b), row[3][max_name + 1];
    size_t *before = row[0], *last = row[1], *now = row[2];
    for (size_t j = 0; j <= nb; j++) last[j] = before[j] = j;
    for (size_t i = 1; i <= na; i++) {
        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < best) best = before[j - 2] + 1;
            now[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[nb];
}

int trit_nearest(const char *word, const char *(*name_at)(const void *list, size_t i), const void *list, size_t n) {
    int best = -1;
    size_t best_distance = 3, length = strlen(word);
    if (!length || length > max_name) return -1;
    for (size_t i = 0; i < n; i++) {
        const char *name = name_at(list, i);
        if (strlen(name) > max_name) continue;
        size_t d = distance(word, name);
        /* A third of the word may be wrong: "rnu" is near "run", "x" is near nothing. */
        if (d < best_distance && d * 3 <= length + 1) {
            best_distance = d;
            best = (int)i;
        }
    }
    return best;
}

/* The groups of a command seen as one list. */
typedef struct all_options {
    const trit_opt_group *groups;
    size_t n_groups;
} all_options;

static const trit_option *option_at(const all_options *all, size_t i, size_t *base) {
    for (size_t g = 0; g < all->n_groups; g++) {
        if (i < all->groups[g].n) {
            if (base) *base = all->groups[g].base;
            return &all->groups[g].options[i];
        }
        i -= all->groups[g].n;
    }
    return NULL;
}

static const char *option_name_at(const void *list, size_t i) {
    return option_at(list, i, NULL)->name;
}

static const trit_option *find(const all_options *all, const char *name, size_t n, char letter, size_t *base) {
    const trit_option *o;
    for (size_t i = 0; (o = option_at(all, i, base)); i++) {
        if (letter ? o->letter == letter : strlen(o->name) == n && memcmp(o->name, name, n) == 0) return o;
    }
    return NULL;
}

static trit_status unknown(const all_options *all, const char *word, const char *name, size_t n, trit_error *err) {
    for (size_t i = 0; trit_opts_later[i]; i++)
        if (strlen(trit_opts_later[i]) == n && memcmp(trit_opts_later[i], name, n) == 0)
            return trit_error_set(err, trit_arg, "--%s is not supported yet", trit_opts_later[i]);
    char plain[max_name + 1] = "";
    if (n <= max_name) memcpy(plain, name, n);
    size_t count = 0;
    while (option_at(all, count, NULL)) count++;
    int near = n <= max_name ? trit_nearest(plain, option_name_at, all, count) : -1;
    if (near >= 0)
        return trit_error_set(err, trit_arg, "unknown option \"%s\" (did you mean --%s?)", word, option_name_at(all, (size_t)near));
    return trit_error_set(err, trit_arg, "unknown option \"%s\" (--help lists the options)", word);
}

static bool is_choice(const char *choices, const char *word) {
    size_t n = strlen(word);
    for (const char *p = choices; *p; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == n && memcmp(p, word, n) == 0) return true;
    return false;
}

static trit_status store_number(const trit_option *o, char *field, const char *value, trit_error *err) {
    int64_t whole = 0;
    double real = 0;
    bool is_int = o->kind == trit_opt_int;
    if (is_int ? !trit_parse_int(value, &whole) : !trit_parse_real(value, &real))
        return trit_error_set(err, trit_arg, "--%s: \"%s\" is not a %snumber", o->name, value, is_int ? "whole " : "");
    double x = is_int ? (double)whole : real;
    if (x < o->min || x > o->max)
        return trit_error_set(err, trit_arg, "--%s: %s is outside %.10g to %.10g", o->name, value, o->min, o->max);
    if (is_int) memcpy(field, &whole, sizeof whole);
    else memcpy(field, &real, sizeof real);
    return trit_ok;
}

static trit_status store(const trit_option *o, char *field, const char *value, trit_error *err) {
    switch (o->kind) {
    case trit_opt_int:
    case trit_opt_real: return store_number(o, field, value, err);
    case trit_opt_choice:
        if (!is_choice(o->value, value))
            return trit_error_set(err, trit_arg, "--%s: \"%s\" is none of %s", o->name, value, o->value);
        break;
    case trit_opt_list: {
        trit_opt_texts *list = (trit_opt_texts *)(void *)field;
        if (list->n == trit_opt_max_texts)
            return trit_error_set(err, trit_arg, "--%s: given more than %d times", o->name, trit_opt_max_texts);
        list->item[list->n++] = value;
        return trit_ok;
    }
    case trit_opt_flag:
    case trit_opt_text:
    case trit_opt_file: break;
    }
    memcpy(field, &value, sizeof value);
    return trit_ok;
}

/* Takes the option that stands at argv[*i], and its value. */
static trit_status take(char *opts, const all_options *all, int argc, char **argv, int *i, trit_error *err) {
    const char *word = argv[*i], *value = NULL;
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t n = is_long ? strcspn(name, "=") : 1, base = 0;
    if (name[n]) value = name + n + is_long;
    const trit_option *o = find(all, name, n, is_long ? '\0' : *name, &base);
    if (o && o->kind == trit_opt_flag && value && !is_long) o = NULL; /* "-vx" */
    if (!o) return unknown(all, word, name, is_long ? n : strlen(name), err);
    char *field = opts + base + o->at;
    if (o->kind == trit_opt_flag) {
        if (value) return trit_error_set(err, trit_arg, "--%s takes no value", o->name);
        memcpy(field, &(bool){true}, sizeof(bool));
        return trit_ok;
    }
    if (!value && *i + 1 >= argc) return trit_error_set(err, trit_arg, "--%s needs a value (%s)", o->name, o->value);
    return store(o, field, value ? value : argv[++*i], err);
}

trit_status trit_opts_parse(void *opts, const trit_opt_group *groups, size_t n_groups, int argc, char **argv, trit_args *args,
                            trit_opt_result *result, trit_error *err) {
    all_options all = {groups, n_groups};
    bool only_words = false;
    trit_status status = trit_ok;
    for (int i = 0; i < argc && status == trit_ok; i++) {
        const char *word = argv[i];
        if (only_words || word[0] != '-' || !word[1]) {
            args->item[args->n++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_words = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            result->help = true;
            return trit_ok;
        } else {
            status = take(opts, &all, argc, argv, &i, err);
        }
    }
    return status;
}
