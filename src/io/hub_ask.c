/* Questions to the hub, when to ask again, and what its refusals mean. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "io/hub.h"

/* A longer rest than that is for the user to take. */
enum { max_rest_s = 300, max_backoff_ms = 30000, default_tries = 6, default_rest_ms = 1000, max_answer_bytes = 32 << 20, step_ms = 50 };

void trit_hub_say(const trit_hub_opts *o, const char *fmt, ...) {
    trit_error line; /* its text has no control characters */
    char text[400];
    va_list args;
    if (!o->say) return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)trit_error_set(&line, trit_ok, "%s", text);
    o->say(o->user, line.message);
}

static bool append_escaped(trit_text *url, const char *s) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/";
    for (; *s; s++) {
        char code[4];
        snprintf(code, sizeof code, "%%%02X", (unsigned)(unsigned char)*s);
        const bool is_plain = strchr(plain, *s) != NULL;
        if (!trit_text_append(url, is_plain ? s : code, is_plain ? 1 : 3)) return false;
    }
    return true;
}

/* A revision is one part of the address: a slash in it is escaped. */
static bool append_part(trit_text *url, const char *s) {
    for (const char *slash; (slash = strchr(s, '/')); s = slash + 1) {
        char part[trit_hub_max_revision];
        const size_t n = (size_t)(slash - s);
        if (n >= sizeof part) return false;
        memcpy(part, s, n);
        part[n] = '\0';
        if (!append_escaped(url, part) || !trit_text_append(url, "%2F", 3)) return false;
    }
    return append_escaped(url, s);
}

trit_status trit_hub_url(trit_text *url, const char *before, const char *repo, const char *kind, const char *revision, const char *file,
                         trit_error *err) {
    const char *endpoint = trit_hub_endpoint();
    size_t n = strlen(endpoint);
    while (n && endpoint[n - 1] == '/') n--;
    url->n = 0;
    const bool done = trit_text_append(url, endpoint, n) && append_escaped(url, before) && append_escaped(url, "/") && append_escaped(url, repo) &&
                      append_escaped(url, kind) && append_part(url, revision) && (!file || (append_escaped(url, "/") && append_escaped(url, file)));
    return done ? trit_ok : trit_error_memory(err, trit_hub_max_path, "an address");
}

/* An answer that is neither the bytes nor a reason to wait. */
static trit_status refused(const trit_hub_head *h, const char *what, trit_error *err) {
    const char *said = h->error_text[0] ? h->error_text : "";
    const char *between = *said ? ": " : "";
    if (strcmp(h->error_code, "GatedRepo") == 0)
        return trit_error_set(err, trit_io, "%s: its terms have to be accepted on the model's page, and HF_TOKEN to be of who did (%d)", what, h->code);
    if (strcmp(h->error_code, "RevisionNotFound") == 0) return trit_error_set(err, trit_io, "%s: the hub has no such revision", what);
    if (strcmp(h->error_code, "EntryNotFound") == 0) return trit_error_set(err, trit_io, "%s: the hub has no such file", what);
    if (h->code == 401)
        return trit_error_set(err, trit_io, "%s: no such model on the hub, or a private one (401): check the name, or set HF_TOKEN%s%s", what, between, said);
    if (h->code == 403) return trit_error_set(err, trit_io, "%s: the hub does not let this token read it (403)%s%s", what, between, said);
    if (h->code == 404) return trit_error_set(err, trit_io, "%s: not on the hub (404)%s%s", what, between, said);
    return trit_error_set(err, trit_io, "%s: the hub answers %d%s%s", what, h->code, between, said);
}

static bool is_passing(int code) {
    return code == 408 || code == 429 || code >= 500;
}

trit_status trit_hub_again(trit_hub_patience *p, const trit_http_transfer *t, bool gained, const char *what, const trit_hub_opts *o, trit_error *err) {
    char why[300];
    const unsigned n_tries = o->n_tries ? o->n_tries : default_tries;
    const bool is_answer = t->status == trit_ok, is_short = is_answer && t->head.code < 300;
    uint64_t rest_ms = o->rest_ms ? o->rest_ms : default_rest_ms;
    if (is_answer && !is_short && !is_passing(t->head.code)) return refused(&t->head, what, err);
    if (!is_answer && t->status != trit_io) return trit_error_set(err, t->status, "%s: %s", what, t->error.message);
    if (t->head.rest_s > max_rest_s) return trit_error_set(err, trit_io, "%s: the hub asks to come back in %" PRIu64 " seconds", what, t->head.rest_s);
    p->n_failed = gained ? 0 : p->n_failed + 1 + 2u * t->is_unreachable; /* who is not there seldom comes */
    if (is_short) snprintf(why, sizeof why, "the transfer ended before the file did");
    else if (is_answer) snprintf(why, sizeof why, "the hub answers %d%s%s", t->head.code, t->head.error_text[0] ? ": " : "", t->head.error_text);
    else snprintf(why, sizeof why, "%.290s", t->error.message);
    if (p->n_failed >= n_tries) return trit_error_set(err, trit_io, "%s: %s; tried again in vain", what, why);
    if (gained) rest_ms /= 10;
    for (unsigned i = 1; i < p->n_failed && rest_ms < max_backoff_ms; i++) rest_ms *= 2;
    if (rest_ms > max_backoff_ms) rest_ms = max_backoff_ms;
    if (t->head.rest_s * 1000 > rest_ms) rest_ms = t->head.rest_s * 1000;
    p->rest_until_ns = trit_os_clock_ns() + rest_ms * 1000000;
    if (!gained) trit_hub_say(o, "%s: %s; once more in %.1f s", what, why, (double)rest_ms * 1e-3);
    return trit_ok;
}

/* ---- Small documents ---- */

typedef struct answer {
    trit_text *body; /* NULL: the head alone is wanted */
    trit_status fault;
} answer;

static bool keep(trit_http_transfer *t, const char *data, size_t n) {
    answer *a = t->user;
    if (!a->body) return true;
    if (n > max_answer_bytes - a->body->n) a->fault = trit_format;
    else if (!trit_text_append(a->body, data, n)) a->fault = trit_memory;
    return a->fault == trit_ok;
}

static trit_status may_go_on(const trit_hub_opts *o, trit_error *err) {
    return !o->progress || o->progress(o->user, 0, 0) ? trit_ok : trit_error_set(err, trit_cancelled, "interrupted");
}

static trit_status run(trit_http *h, trit_http_transfer *t, const trit_hub_opts *o, trit_error *err) {
    trit_status status = trit_http_start(h, t, err);
    if (status != trit_ok) return status;
    while (status == trit_ok && !t->done) {
        status = trit_http_run(h, step_ms, err);
        if (status == trit_ok && !t->done) status = may_go_on(o, err);
    }
    if (!t->done) trit_http_stop(h, t);
    return status;
}

static trit_status rest(const trit_hub_patience *p, const trit_hub_opts *o, trit_error *err) {
    trit_status status = trit_ok;
    while (status == trit_ok && trit_os_clock_ns() < p->rest_until_ns) {
        trit_os_sleep_ms(step_ms);
        status = may_go_on(o, err);
    }
    return status;
}

trit_status trit_hub_ask(trit_http *h, const char *url, const char *what, const trit_hub_opts *o, trit_hub_head *head, trit_text *body,
                         trit_error *err) {
    trit_hub_patience patience = {0};
    for (;;) {
        answer a = {.body = body};
        trit_http_transfer t = {.url = url, .head_only = !body, .body = keep, .user = &a};
        if (body) body->n = 0;
        trit_status status = run(h, &t, o, err);
        if (status != trit_ok) return status;
        if (a.fault == trit_memory) return trit_error_memory(err, max_answer_bytes, what);
        if (a.fault != trit_ok) return trit_error_set(err, a.fault, "%s: the hub's answer is longer than %d MiB", what, max_answer_bytes >> 20);
        const bool is_short = body && t.head.has_length && body->n != t.head.length;
        if (t.status == trit_ok && !is_short && (t.head.code == 200 || (!body && t.head.hash[0] && t.head.code < 400))) {
            *head = t.head;
            return trit_ok;
        }
        status = trit_hub_again(&patience, &t, false, what, o, err);
        if (status == trit_ok) status = rest(&patience, o, err);
        if (status != trit_ok) return status;
    }
}
