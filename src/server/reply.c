#include "server/reply.h"

#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"

enum { state_begin, state_thinking, state_text, state_arguments, state_values, state_member, state_tagged, state_after, state_between, state_ignore };

void trit_reading_free(trit_reading *reading) {
    if (!reading) return;
    trit_tools_fini(&reading->tools);
    trit_free(reading);
}

void trit_reply_init(trit_reply *r, const trit_reading *reading, uint64_t seed) {
    *r = (trit_reply){.reading = reading, .seed = seed, .state = reading->marks ? state_begin : state_text};
}

void trit_reply_fini(trit_reply *r) {
    for (size_t i = 0; i < r->n_calls; i++) trit_text_fini(&r->call[i].arguments);
    trit_free(r->call);
    trit_values_fini(&r->values);
    trit_text_fini(&r->pending);
    trit_text_fini(&r->reasoning);
    trit_text_fini(&r->content);
}

/* ---- What has come, and where it goes ---- */

static trit_str rest(const trit_reply *r) {
    return r->pending.n ? (trit_str){r->pending.data + r->at, r->pending.n - r->at} : (trit_str){"", 0};
}

static size_t without_blanks(trit_str s, size_t n) {
    while (n && trit_blanks((trit_str){s.p + n - 1, 1})) n--;
    return n;
}

static void put(trit_reply *r, trit_text *out, const char *s, size_t n) {
    if (n && !trit_text_append(out, s, n)) r->failed = true;
}

static bool keeps(const trit_reply *r) {
    return r->reading->reasoning == trit_reasoning_keep;
}

static void put_text(trit_reply *r, trit_str s, size_t n) {
    r->has_text = r->has_text || trit_blanks(s) < n;
    put(r, &r->content, s.p, n);
    r->at += n;
}

static void put_thought(trit_reply *r, trit_str s, size_t n) {
    if (keeps(r)) put(r, &r->content, s.p, n);
    else if (r->reading->reasoning == trit_reasoning_split) put(r, &r->reasoning, s.p, n);
    r->at += n;
}

/* ---- Reasoning ---- */

static bool step_begin(trit_reply *r, bool last) {
    const trit_think_marks *marks = r->reading->marks;
    const trit_str s = rest(r);
    const size_t blanks = trit_blanks(s);
    size_t used = 0;
    if (blanks == s.n && !last) return false;
    const trit_match m = trit_match_mark(trit_str_from(marks->open), trit_behind(s, blanks), last, &used);
    if (m == trit_match_partial) return false;
    r->state = m == trit_match_yes || r->reading->thinks ? state_thinking : state_text;
    if (r->state == state_thinking && keeps(r)) put(r, &r->content, marks->open, strlen(marks->open));
    if (m == trit_match_yes) r->at += blanks + used;
    r->after_mark = r->state == state_thinking && !keeps(r);
    return true;
}

/* Blanks behind a mark belong to it. True: nothing else has come. */
static bool skip_blanks(trit_reply *r) {
    if (!r->after_mark) return false;
    r->at += trit_blanks(rest(r));
    r->after_mark = !rest(r).n;
    return r->after_mark;
}

static bool step_thinking(trit_reply *r, bool last) {
    const trit_str close = trit_str_from(r->reading->marks->close);
    if (skip_blanks(r)) return false;
    const trit_str s = rest(r);
    trit_match m = trit_match_no;
    size_t i = 0, used = 0;
    while (i < s.n && (m = trit_match_mark(close, trit_behind(s, i), last, &used)) == trit_match_no) i++;
    put_thought(r, s, keeps(r) ? i : without_blanks(s, i));
    if (m != trit_match_yes) return false;
    if (keeps(r)) put(r, &r->content, close.p, close.n);
    r->at = r->pending.n - s.n + i + used;
    r->state = state_text;
    r->after_mark = !keeps(r);
    return true;
}

/* ---- Calls ---- */

static void make_id(trit_reply_call *call, uint64_t seed) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t i = 0; i + 1 < sizeof call->id; i++) call->id[i] = letters[trit_rng_u64(seed, i) % (sizeof letters - 1)];
}

static trit_reply_call *current(trit_reply *r) {
    return &r->call[r->n_calls - 1];
}

/* Arguments that are no object: a text that holds one, as some models write it, or what cannot be helped. */
static void put_value(trit_reply *r, trit_str value) {
    trit_json *text = NULL;
    trit_str s = value;
    if (*value.p == '"' && trit_json_parse(&text, value.p, value.n, "arguments", NULL) == trit_ok) s = trit_json_as_str(text);
    if (!trit_str_is(s, "null")) put(r, &current(r)->arguments, s.p, s.n);
    current(r)->has_arguments = s.n && !trit_str_is(s, "null");
    trit_json_free(text);
}

static void begin_call(trit_reply *r, const trit_call_head *head) {
    static const int next[] = {[trit_tool_object] = state_member, [trit_tool_named] = state_arguments, [trit_tool_tagged] = state_tagged,
                               [trit_tool_python] = state_values, [trit_tool_quoted] = state_values};
    if (!trit_grow((void **)&r->call, &r->capacity, r->n_calls + 1, sizeof *r->call)) {
        r->failed = true;
        return;
    }
    r->call[r->n_calls] = (trit_reply_call){.tool = head->tool};
    make_id(&r->call[r->n_calls], trit_rng_u64(r->seed, r->n_calls));
    r->n_calls++;
    if (head->arguments.n) put_value(r, head->arguments);
    r->nesting = (trit_nesting){0};
    trit_values_fini(&r->values);
    trit_values_init(&r->values, r->reading->family->quote);
    r->kind = head->kind;
    r->state = next[r->kind];
}

/* Is there nothing but a bracket in front of a call? */
static bool is_unmarked(const trit_tool_family *f) {
    const char *mark = *f->begin ? f->begin : f->open;
    return *mark == '{' || (*mark == '[' && !mark[1]);
}

/* Is there a call at s? Where the family has no mark in front of one, only the whole answer may be one. */
static trit_match match_call(const trit_reply *r, trit_str s, bool at_start, bool last, trit_call_head *head) {
    const trit_tool_family *f = r->reading->family;
    size_t at = 0;
    if (!f || !s.n || r->n_calls == trit_reply_max_calls) return trit_match_no;
    if (!at_start && is_unmarked(f)) return trit_match_no;
    if (*f->begin) {
        const trit_match m = trit_match_mark(trit_str_from(f->begin), s, last, &at);
        if (m != trit_match_yes) return m;
        at += trit_blanks(trit_behind(s, at));
    }
    const trit_match m = trit_match_head(f, &r->reading->tools, trit_behind(s, at), last, head);
    head->used += at;
    return m;
}

static bool step_text(trit_reply *r, bool last) {
    if (skip_blanks(r)) return false;
    const trit_str s = rest(r);
    const size_t blanks = trit_blanks(s);
    trit_call_head head = {0};
    trit_match m = trit_match_no;
    size_t i = 0;
    while (i < s.n && (m = match_call(r, trit_behind(s, i), !r->has_text && i <= blanks, last, &head)) == trit_match_no) i++;
    const size_t start = r->at;
    put_text(r, s, last && m == trit_match_no ? i : without_blanks(s, i));
    if (m != trit_match_yes) return false;
    begin_call(r, &head);
    r->at = start + i + head.used;
    return true;
}

static bool step_arguments(trit_reply *r) {
    const trit_str s = rest(r);
    for (size_t i = 0; i < s.n; i++) {
        if (!trit_nesting_add(&r->nesting, s.p[i])) continue;
        put(r, &current(r)->arguments, s.p, i + 1);
        current(r)->has_arguments = true;
        r->at += i + 1;
        r->state = r->kind == trit_tool_object ? state_member : state_after;
        return true;
    }
    put(r, &current(r)->arguments, s.p, s.n);
    current(r)->has_arguments = s.n || current(r)->has_arguments;
    r->at += s.n;
    return false;
}

static bool leave(trit_reply *r, int state) {
    r->state = state;
    return true;
}

/* An answer may end inside of them: their object stays open, as where the model writes JSON. What goes wrong before is text. */
static bool step_values(trit_reply *r, bool last) {
    size_t used;
    const trit_match m = trit_values_take(&r->values, rest(r), last, &current(r)->arguments, &used);
    r->at += used;
    current(r)->has_arguments = true;
    if (m == trit_match_no && !last) trit_values_end(&r->values, &current(r)->arguments);
    r->failed = r->failed || r->values.failed;
    if (m == trit_match_partial) return false;
    if (m == trit_match_no && last) return leave(r, state_ignore);
    return leave(r, m == trit_match_yes ? state_after : state_between);
}

/* Between the members of a call's object, its name being known. */
static bool step_member(trit_reply *r, bool last) {
    const trit_str s = rest(r);
    size_t at = trit_blanks(s), n;
    trit_str member;
    if (at == s.n) return last && leave(r, state_after);
    if (s.p[at] == '}') {
        r->at += at + 1;
        return leave(r, state_after);
    }
    if (s.p[at] == ',') at++;
    trit_match m = trit_match_member(trit_behind(s, at), last, &member, &n);
    if (m != trit_match_yes) return m == trit_match_no && leave(r, state_after);
    at += n;
    const bool is_wanted = trit_is_arguments(member) && !current(r)->has_arguments;
    if (is_wanted && s.p[at] == '{') {
        r->at += at;
        r->nesting = (trit_nesting){0};
        return leave(r, state_arguments);
    }
    m = trit_match_value(trit_behind(s, at), last, &n);
    if (m != trit_match_yes) return m == trit_match_no && leave(r, state_after);
    if (is_wanted) put_value(r, (trit_str){s.p + at, n});
    r->at += at + n;
    return true;
}

/* Is the argument a text, and not JSON? By its schema, and where that does not say, by its looks. */
static bool is_text(const trit_tool *tool, trit_str name, trit_str value) {
    const trit_json *properties = trit_json_get(tool->parameters, "properties"), *v, *schema = NULL;
    trit_str key;
    trit_json *parsed = NULL;
    for (void *iter = NULL; trit_json_next(properties, &iter, &key, &v);)
        if (trit_str_equal(key, name)) schema = v;
    if (trit_str_is(trit_json_as_str(trit_json_get(schema, "type")), "string")) return true;
    const bool is_json = trit_json_parse(&parsed, value.p, value.n, "an argument", NULL) == trit_ok;
    trit_json_free(parsed);
    return !is_json;
}

/* XML's way to say that a value is text as it stands. */
static bool is_cdata(trit_str s) {
    return s.n >= 12 && memcmp(s.p, "<![CDATA[", 9) == 0 && memcmp(s.p + s.n - 3, "]]>", 3) == 0;
}

static void put_argument(trit_reply *r, trit_str name, trit_str value) {
    trit_reply_call *call = current(r);
    if (is_cdata(value)) value = (trit_str){value.p + 9, value.n - 12};
    put(r, &call->arguments, call->has_arguments ? ", " : "{", call->has_arguments ? 2 : 1);
    call->has_arguments = true;
    if (!trit_json_write_str(&call->arguments, name.p, name.n)) r->failed = true;
    put(r, &call->arguments, ": ", 2);
    if (!is_text(call->tool, name, value)) put(r, &call->arguments, value.p, value.n);
    else if (!trit_json_write_str(&call->arguments, value.p, value.n)) r->failed = true;
    r->n_name = r->n_value = 0;
}

/* The first place where a mark stands in s, looked for from *at on. Where none is sure yet, *at is how far there is none. */
static trit_match find_mark(const char *mark, trit_str s, bool last, size_t *at, size_t *used) {
    trit_match m = trit_match_no;
    for (; *at < s.n; ++*at)
        if ((m = trit_match_mark(trit_str_from(mark), trit_behind(s, *at), last, used)) != trit_match_no) return m;
    return last ? trit_match_no : trit_match_partial;
}

static bool end_tagged(trit_reply *r, size_t used) {
    trit_reply_call *call = current(r);
    put(r, &call->arguments, call->has_arguments ? "}" : "{}", call->has_arguments ? 1 : 2);
    r->at += used;
    r->n_name = 0;
    return leave(r, state_between);
}

/* An answer may end inside a mark, which is dropped, or inside a value: its call's object stays open, as where the model writes it itself. */
static bool step_tagged(trit_reply *r, bool last) {
    const trit_tool_family *f = r->reading->family;
    const trit_str s = rest(r);
    size_t at = trit_blanks(s), used = 0;
    if (at == s.n) return last && end_tagged(r, at);
    trit_match m = trit_match_mark(trit_str_from(f->close), trit_behind(s, at), last, &used);
    if (m == trit_match_partial) return false;
    if (m == trit_match_yes) return end_tagged(r, at + used);
    m = trit_match_mark(trit_str_from(f->key), trit_behind(s, at), last, &used);
    if (m != trit_match_yes) return m == trit_match_no && end_tagged(r, last ? s.n : 0);
    at += used;
    const trit_str name = trit_behind(s, at);
    m = find_mark(f->key_end, name, last, &r->n_name, &used);
    if (m != trit_match_yes) return m == trit_match_no && end_tagged(r, s.n);
    at += r->n_name + used;
    const trit_str value = trit_behind(s, at);
    const size_t n_before = r->n_value;
    m = find_mark(f->value_end, value, last, &r->n_value, &used);
    if (m == trit_match_partial) return false;
    at += r->n_value + used;
    put_argument(r, (trit_str){name.p, r->n_name}, (trit_str){value.p, m == trit_match_yes ? r->n_value : n_before});
    if (m == trit_match_no) return leave(r, state_ignore);
    r->at += at;
    return true;
}

/* Behind the arguments: the call's own end, which some models leave out. */
static bool step_after(trit_reply *r, bool last) {
    const trit_tool_family *f = r->reading->family;
    const trit_str s = rest(r), close = trit_str_from(f->close + (r->kind == trit_tool_object && *f->close));
    const size_t at = trit_blanks(s);
    size_t used = 0;
    if (at == s.n && !last) return false;
    const trit_match m = trit_match_mark(close, trit_behind(s, at), last, &used);
    if (m == trit_match_partial) return false;
    if (m == trit_match_yes) r->at += at + used;
    if (!current(r)->has_arguments) put(r, &current(r)->arguments, "{}", 2);
    return leave(r, m == trit_match_no && last ? state_ignore : state_between);
}

static bool step_between(trit_reply *r, bool last) {
    const trit_tool_family *f = r->reading->family;
    const trit_str s = rest(r);
    size_t at = trit_blanks(s), used = 0;
    trit_call_head head;
    if (!r->reading->tools.parallel) return leave(r, state_ignore);
    if (at == s.n) return false;
    r->after_mark = true;
    trit_match m = *f->end ? trit_match_mark(trit_str_from(f->end), trit_behind(s, at), last, &used) : trit_match_no;
    if (m == trit_match_partial) return false;
    r->at += m == trit_match_yes ? at + used : 0;
    if (m == trit_match_yes) return leave(r, state_text);
    if (s.p[at] == ',' || s.p[at] == ';') at++;
    at += trit_blanks(trit_behind(s, at));
    m = r->n_calls < trit_reply_max_calls ? trit_match_head(f, &r->reading->tools, trit_behind(s, at), last, &head) : trit_match_no;
    if (m == trit_match_partial) return false;
    if (m == trit_match_no) return leave(r, last ? state_ignore : state_text);
    begin_call(r, &head);
    r->at += at + head.used;
    return true;
}

/* One step; false: more text is wanted. `last` is said of what was held back alone: behind a call that is part of a mark, and nobody's. */
static bool step(trit_reply *r, bool last) {
    switch (r->state) {
    case state_begin: return step_begin(r, last);
    case state_thinking: return step_thinking(r, last);
    case state_arguments: return step_arguments(r);
    case state_values: return step_values(r, last);
    case state_member: return step_member(r, last);
    case state_tagged: return step_tagged(r, last);
    case state_after: return step_after(r, last);
    case state_between: return step_between(r, last);
    case state_ignore: r->at = r->pending.n; return false;
    default: return step_text(r, last);
    }
}

bool trit_reply_add(trit_reply *r, const char *text, size_t n, bool last) {
    put(r, &r->pending, text, n);
    do {
        while (!r->failed && step(r, false)) continue;
    } while (last && !r->failed && step(r, true));
    if (last) r->at = r->pending.n; /* blanks of nobody */
    if (r->at) memmove(r->pending.data, r->pending.data + r->at, r->pending.n - r->at);
    r->pending.n -= r->at;
    r->at = 0;
    return !r->failed;
}

bool trit_reply_has_news(const trit_reply *r) {
    bool has = r->reasoning.n || r->content.n;
    for (size_t i = 0; i < r->n_calls; i++) has = has || !r->call[i].is_told || r->call[i].arguments.n;
    return has;
}

void trit_reply_sent(trit_reply *r) {
    r->reasoning.n = r->content.n = 0;
    for (size_t i = 0; i < r->n_calls; i++) {
        r->call[i].is_told = true;
        r->call[i].arguments.n = 0;
    }
}
