/* References to models of the hub, and which names may become parts of paths. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/os.h"
#include "base/utf8.h"
#include "io/hub.h"

static const struct {
    const char *name, *ref, *what;
} aliases[] = {
#define TRIT_ALIAS(name, ref, what) {name, ref, what},
#include "io/aliases.def"
#undef TRIT_ALIAS
};

enum { n_aliases = sizeof aliases / sizeof aliases[0] };

static const char prefix[] = "hf:";

const char *trit_hub_alias_at(size_t i, const char **ref, const char **what) {
    if (i >= n_aliases) return NULL;
    if (ref) *ref = aliases[i].ref;
    if (what) *what = aliases[i].what;
    return aliases[i].name;
}

static const char *alias_of(const char *text) {
    for (size_t i = 0; i < n_aliases; i++)
        if (strcmp(aliases[i].name, text) == 0) return aliases[i].ref;
    return NULL;
}

bool trit_hub_is_ref(const char *ref) {
    if (!ref) return false;
    if (strncmp(ref, prefix, sizeof prefix - 1) == 0) return true;
    return alias_of(ref) && !trit_os_is_file(ref) && !trit_os_is_dir(ref);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(trit_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!is_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'f')) return false;
    return true;
}

bool trit_hub_is_commit(trit_str s) {
    return s.n == 40 && is_hex(s);
}

bool trit_hub_is_hash(trit_str s) {
    return (s.n == 40 || s.n == 64) && is_hex(s);
}

/* "name" or "org/name" by the hub's own rules: letters, digits, - _ . and neither of the latter two at an end; "--" divides org and
 * name in the store's folders. */
static bool is_repo(trit_str s) {
    size_t n_slashes = 0;
    if (s.n == 0 || s.n >= trit_hub_max_repo) return false;
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i], before = i ? s.p[i - 1] : '/', after = i + 1 < s.n ? s.p[i + 1] : '/';
        n_slashes += c == '/';
        if (c == '/' && (before == '/' || after == '/')) return false;
        if ((c == '-' || c == '.') && (before == '/' || after == '/' || before == c)) return false;
        if (!is_letter(c) && !is_digit(c) && !strchr("-_./", c)) return false;
    }
    return n_slashes <= 1;
}

/* Names that Windows keeps for devices, whatever stands behind a dot: con, nul.txt, com1. */
static bool is_device(trit_str s) {
    static const char *const devices[] = {"con", "prn", "aux", "nul", "com", "lpt"};
    enum { n_devices = sizeof devices / sizeof devices[0], first_numbered = 4 };
    const char *dot = memchr(s.p, '.', s.n);
    const size_t n = dot ? (size_t)(dot - s.p) : s.n;
    if (n == 3 || (n == 4 && is_digit(s.p[3])))
        for (size_t i = n == 3 ? 0 : first_numbered; i < (n == 3 ? (size_t)first_numbered : (size_t)n_devices); i++)
            if (trit_str_is_lower((trit_str){s.p, 3}, devices[i])) return true;
    return false;
}

/* One part of a path. A part that ends in a blank or a dot is another name on Windows. */
static bool is_safe_part(trit_str s) {
    if (s.n == 0 || s.n > 255 || s.p[s.n - 1] == '.' || s.p[s.n - 1] == ' ') return false;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        const int length = trit_utf8_decode(s.p + i, s.n - i, &cp);
        if (length <= 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp < 0x80 && strchr("\\:*?\"<>|", (int)cp))) return false;
        i += (size_t)length;
    }
    return !is_device(s);
}

bool trit_hub_is_safe_file(trit_str name) {
    if (name.n == 0 || name.n >= trit_hub_max_file) return false;
    while (name.n) {
        const char *slash = memchr(name.p, '/', name.n);
        const size_t n = slash ? (size_t)(slash - name.p) : name.n;
        if (!is_safe_part((trit_str){name.p, n}) || (slash && n + 1 == name.n)) return false;
        name.p += n + (slash != NULL);
        name.n -= n + (slash != NULL);
    }
    return true;
}

static void copy(char *out, trit_str s) {
    if (s.n) memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

trit_status trit_hub_ref_parse(trit_hub_ref *out, const char *text, bool bare, trit_error *err) {
    const char *whole = alias_of(text);
    if (!whole) whole = text;
    if (strncmp(whole, prefix, sizeof prefix - 1) == 0) whole += sizeof prefix - 1;
    else if (!bare) return trit_error_set(err, trit_arg, "\"%s\" is neither hf:org/name nor an alias (trit list --aliases)", text);
    const char *at = strrchr(whole, '@'), *end = at ? at : whole + strlen(whole);
    const char *colon = memchr(whole, ':', (size_t)(end - whole));
    const trit_str repo = {whole, (size_t)((colon ? colon : end) - whole)};
    const trit_str file = {colon ? colon + 1 : end, colon ? (size_t)(end - colon) - 1 : 0};
    const trit_str revision = trit_str_from(at ? at + 1 : "");
    if (!is_repo(repo)) return trit_error_set(err, trit_arg, "\"%s\": \"%.*s\" is no name of a repository (org/name)", text, TRIT_STR_ARG(repo));
    if (colon && !trit_hub_is_safe_file(file)) return trit_error_set(err, trit_arg, "\"%s\": \"%.*s\" is no name of a file", text, TRIT_STR_ARG(file));
    if (at && (revision.n >= trit_hub_max_revision || !trit_hub_is_safe_file(revision)))
        return trit_error_set(err, trit_arg, "\"%s\": \"%.*s\" is no branch, tag or commit", text, TRIT_STR_ARG(revision));
    copy(out->repo, repo);
    copy(out->file, file);
    copy(out->revision, revision);
    return trit_ok;
}
