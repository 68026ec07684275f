#include "server/reply_scan.h"

#include <string.h>

enum { max_head = 16 << 10 }; /* bytes before a call's name is known; more is text */

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

size_t trit_blanks(trit_str s) {
    size_t n = 0;
    while (n < s.n && trit_ascii_blank(s.p[n])) n++;
    return n;
}

static trit_match no_end(bool last) {
    return last ? trit_match_no : trit_match_partial;
}

static trit_match found(size_t n, size_t *used) {
    *used = n;
    return trit_match_yes;
}

static size_t name_length(trit_str s) {
    size_t n = 0;
    while (n < s.n && is_name(s.p[n])) n++;
    return n;
}

trit_match trit_match_mark(trit_str mark, trit_str s, bool last, size_t *used) {
    size_t at = 0;
    for (size_t i = 0; i < mark.n; i++) {
        const char c = mark.p[i];
        if (at == s.n && !(last && trit_ascii_blank(c))) return no_end(last);
        if (at == s.n) continue;
        if (i && (c == '[' || c == '{')) at += trit_blanks(trit_behind(s, at)); /* some models put blanks there */
        if (at == s.n) return no_end(last);
        if (c == '*') at += name_length(trit_behind(s, at));
        else if (s.p[at] == c) at++;
        else if (!trit_ascii_blank(c)) return trit_match_no;
    }
    *used = at;
    return trit_match_yes;
}

bool trit_nesting_add(trit_nesting *n, char c) {
    if (n->in_string) {
        if (n->escaped) n->escaped = false;
        else if (c == '\\') n->escaped = true;
        else n->in_string = c != '"';
        return false;
    }
    if (c == '"') n->in_string = true;
    if (c == '{' || c == '[') n->depth++;
    if (c != '}' && c != ']') return false;
    return --n->depth == 0;
}

static trit_match match_string(trit_str s, bool last, size_t *used) {
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\') i++;
        else if (s.p[i] == '"') return found(i + 1, used);
    }
    return no_end(last);
}

trit_match trit_match_value(trit_str s, bool last, size_t *used) {
    trit_nesting nesting = {0};
    if (!s.n) return no_end(last);
    if (*s.p == '"') return match_string(s, last, used);
    if (*s.p != '{' && *s.p != '[') {
        size_t n = 0;
        while (n < s.n && (is_name(s.p[n]) || s.p[n] == '+')) n++;
        if (n == s.n && !last) return trit_match_partial;
        *used = n;
        return n ? trit_match_yes : trit_match_no;
    }
    for (size_t i = 0; i < s.n; i++)
        if (trit_nesting_add(&nesting, s.p[i])) return found(i + 1, used);
    return no_end(last);
}

trit_match trit_match_member(trit_str s, bool last, trit_str *name, size_t *used) {
    size_t at = trit_blanks(s), n = 0;
    if (at == s.n) return no_end(last);
    if (s.p[at] != '"') return trit_match_no;
    const trit_match m = match_string(trit_behind(s, at), last, &n);
    if (m != trit_match_yes) return m;
    *name = (trit_str){s.p + at + 1, n - 2};
    at += n;
    at += trit_blanks(trit_behind(s, at));
    if (at == s.n) return no_end(last);
    if (s.p[at++] != ':') return trit_match_no;
    at += trit_blanks(trit_behind(s, at));
    *used = at;
    return at == s.n ? no_end(last) : trit_match_yes;
}

bool trit_is_arguments(trit_str member) {
    return trit_str_is(member, "arguments") || trit_str_is(member, "parameters");
}

/* Behind the brace. */
static trit_match match_object(const trit_tools *tools, trit_str s, bool last, trit_call_head *head) {
    for (size_t at = 0;;) {
        trit_str member;
        size_t n;
        trit_match m = trit_match_member(trit_behind(s, at), last, &member, &n);
        if (m != trit_match_yes) return m;
        at += n;
        m = trit_match_value(trit_behind(s, at), last, &n);
        if (m != trit_match_yes) return m;
        const trit_str value = {s.p + at, n};
        at += n;
        if (trit_str_is(member, "name") || trit_str_is(member, "tool_name")) {
            head->tool = *value.p == '"' ? trit_tools_find(tools, (trit_str){value.p + 1, value.n - 2}) : NULL;
            head->used = at;
            return head->tool ? trit_match_yes : trit_match_no;
        }
        if (trit_is_arguments(member)) head->arguments = value;
        at += trit_blanks(trit_behind(s, at));
        if (at == s.n) return no_end(last);
        if (s.p[at++] != ',') return trit_match_no;
    }
}

/* "()" or "(name=", names being what reply_values.c takes for one: a call whose arguments have no names is none. */
static trit_match match_keywords(trit_str s, bool last) {
    if (*s.p != '(') return trit_match_no;
    size_t at = 1 + trit_blanks(trit_behind(s, 1));
    if (at < s.n && s.p[at] == ')') return trit_match_yes;
    if (at < s.n && strchr("=\"'", s.p[at]) && s.p[at]) return trit_match_no;
    while (at < s.n && !strchr("=:,()[]{}", s.p[at])) at++;
    if (at == s.n) return no_end(last);
    return s.p[at] == '=' ? trit_match_yes : trit_match_no;
}

static trit_match match_named(const trit_tool_family *family, const trit_tools *tools, trit_str s, bool last, trit_call_head *head) {
    const size_t n = name_length(s);
    size_t used, at = n;
    if (n == s.n && !last) return n > trit_tool_name_max ? trit_match_no : trit_match_partial;
    head->tool = trit_tools_find(tools, (trit_str){s.p, n});
    if (!head->tool) return trit_match_no;
    const trit_match m = trit_match_mark(trit_str_from(family->middle), trit_behind(s, at), last, &used);
    if (m != trit_match_yes) return m;
    at += used;
    head->used = at;
    if (family->kind == trit_tool_tagged) return trit_match_yes;
    at += trit_blanks(trit_behind(s, at));
    if (at == s.n) return no_end(last);
    head->used = at;
    if (family->kind == trit_tool_python) return match_keywords(trit_behind(s, at), last);
    return s.p[at] == '{' ? trit_match_yes : trit_match_no;
}

static trit_match match_head(const trit_tool_family *family, const trit_tools *tools, trit_str s, bool last, trit_call_head *head) {
    const bool is_python = family->kind == trit_tool_python;
    bool is_object = family->kind == trit_tool_object;
    const trit_str lead = {family->open, is_object ? strcspn(family->open, "{") : strlen(family->open)};
    size_t at = 0;
    trit_match m = trit_match_mark(lead, s, last, &at);
    if (m != trit_match_yes) return m;
    if (is_object || is_python) at += trit_blanks(trit_behind(s, at));
    if (at == s.n) return no_end(last);
    if (is_python) is_object = s.p[at] == '{';
    head->kind = is_object ? trit_tool_object : family->kind;
    if (is_object && s.p[at++] != '{') return trit_match_no;
    m = is_object ? match_object(tools, trit_behind(s, at), last, head) : match_named(family, tools, trit_behind(s, at), last, head);
    head->used += at;
    return m;
}

/* What is partial beyond the limit could only become what is refused for the same reason. */
trit_match trit_match_head(const trit_tool_family *family, const trit_tools *tools, trit_str s, bool last, trit_call_head *head) {
    *head = (trit_call_head){0};
    const trit_match m = match_head(family, tools, s, last, head);
    return (m == trit_match_yes ? head->used : m == trit_match_partial ? s.n : 0) > max_head ? trit_match_no : m;
}
