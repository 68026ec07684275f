/* GET /metrics: the counts in the text form of Prometheus. */
#include "server/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "server/routes.h"
#include "server/state.h"

static const double bounds[trit_histogram_bounds] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60};

void trit_histogram_add(trit_histogram *h, double seconds) {
    size_t i = 0;
    while (i < trit_histogram_bounds && seconds > bounds[i]) i++;
    h->bucket[i]++;
    h->sum += seconds;
}

/* A model as it was when the lock was held. */
typedef struct snapshot {
    trit_text label; /* its name, as the value of a label */
    trit_counts counts;
    uint32_t n_running, n_waiting, n_pages, n_pages_free;
    bool is_loaded;
} snapshot;

typedef struct page {
    trit_text text;
    snapshot *model; /* [n_models] */
    size_t n_models;
    bool failed;
} page;

static void put(page *p, const char *fmt, ...) TRIT_PRINTF(2, 3);

static void put(page *p, const char *fmt, ...) {
    char line[512];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof line || !trit_text_append(&p->text, line, (size_t)n)) p->failed = true;
}

static void put_about(page *p, const char *name, const char *kind, const char *help) {
    put(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void put_one(page *p, const char *name, const char *kind, const char *help, double x) {
    put_about(p, name, kind, help);
    put(p, "%s %.17g\n", name, x);
}

/* ---- Of each model ---- */

/* Names may be long, and are the user's. */
static bool write_label(trit_text *out, const char *name) {
    bool ok = true;
    for (; *name && ok; name++) {
        if (strchr("\"\\\n", *name)) ok = trit_text_append(out, "\\", 1);
        ok = ok && trit_text_append(out, *name == '\n' ? "n" : name, 1);
    }
    return ok;
}

/* "name{more,model="..."} "; the value follows. */
static void put_sample(page *p, const snapshot *m, const char *name, const char *suffix, const char *more) {
    put(p, "%s%s{%s%smodel=\"", name, suffix, more, *more ? "," : "");
    if (!trit_text_append(&p->text, m->label.data ? m->label.data : "", m->label.n)) p->failed = true;
    put(p, "\"} ");
}

typedef struct metric {
    const char *name, *kind, *help;
    size_t at; /* in the snapshot */
    enum { whole, count, nanoseconds, flag } type; /* uint32_t, uint64_t, uint64_t told in seconds, bool */
} metric;

#define AT(member) offsetof(snapshot, member)

static const metric metrics[] = {
    {"trit_model_loaded", "gauge", "1: the model is in memory.", AT(is_loaded), flag},
    {"trit_model_loads_total", "counter", "How often it was loaded after the start.", AT(counts.loads), count},
    {"trit_answers_running", "gauge", "Answers that are being made.", AT(n_running), whole},
    {"trit_answers_waiting", "gauge", "Answers that wait for a place, or for their model.", AT(n_waiting), whole},
    {"trit_prompt_tokens_total", "counter", "Tokens of prompts.", AT(counts.prompt_tokens), count},
    {"trit_prompt_cached_tokens_total", "counter", "Tokens of prompts that earlier ones had left in the cache.", AT(counts.cached_tokens), count},
    {"trit_generated_tokens_total", "counter", "Tokens of answers.", AT(counts.generated_tokens), count},
    {"trit_embedded_tokens_total", "counter", "Tokens of texts that became vectors.", AT(counts.embedded_tokens), count},
    {"trit_computed_tokens_total", "counter", "Tokens that went through the model for answers.", AT(counts.computed_tokens), count},
    {"trit_steps_total", "counter", "Passes over the weights.", AT(counts.steps), count},
    {"trit_step_seconds_total", "counter", "Time that they took.", AT(counts.step_ns), nanoseconds},
    {"trit_wait_seconds_total", "counter", "Time that answers waited for a place, all together.", AT(counts.wait_ns), nanoseconds},
    {"trit_put_back_total", "counter", "Answers that had to make room in the cache and were computed anew.", AT(counts.put_back), count},
    {"trit_context_shifts_total", "counter", "Contexts that were full and went on.", AT(counts.shifts), count},
    {"trit_drafted_tokens_total", "counter", "Tokens of answers that were guessed.", AT(counts.drafted), count},
    {"trit_drafted_tokens_right_total", "counter", "Guesses that were right.", AT(counts.draft_right), count},
    {"trit_cache_pages", "gauge", "Pages of the attention cache.", AT(n_pages), whole},
    {"trit_cache_pages_free", "gauge", "Pages that no running answer holds; they may keep prompts for later ones.", AT(n_pages_free), whole},
};

static double value_of(const metric *k, const snapshot *m) {
    const void *at = (const char *)m + k->at;
    switch (k->type) {
    case whole: return *(const uint32_t *)at;
    case count: return (double)*(const uint64_t *)at;
    case nanoseconds: return (double)*(const uint64_t *)at * 1e-9;
    default: return *(const bool *)at;
    }
}

static void put_metric(page *p, const metric *k) {
    put_about(p, k->name, k->kind, k->help);
    for (size_t i = 0; i < p->n_models; i++) {
        put_sample(p, &p->model[i], k->name, "", "");
        put(p, "%.17g\n", value_of(k, &p->model[i]));
    }
}

static void put_histogram(page *p, const char *name, const char *help, size_t at) {
    char le[32];
    put_about(p, name, "histogram", help);
    for (size_t k = 0; k < p->n_models; k++) {
        const snapshot *m = &p->model[k];
        const trit_histogram *h = (const void *)((const char *)m + at);
        uint64_t n = 0;
        for (size_t i = 0; i <= trit_histogram_bounds; i++) {
            n += h->bucket[i];
            if (i < trit_histogram_bounds) snprintf(le, sizeof le, "le=\"%g\"", bounds[i]);
            put_sample(p, m, name, "_bucket", i < trit_histogram_bounds ? le : "le=\"+Inf\"");
            put(p, "%" PRIu64 "\n", n);
        }
        put_sample(p, m, name, "_sum", "");
        put(p, "%.9g\n", h->sum);
        put_sample(p, m, name, "_count", "");
        put(p, "%" PRIu64 "\n", n);
    }
}

static void put_ends(page *p) {
    char reason[64];
    put_about(p, "trit_answers_total", "counter", "Answers that have ended, by the reason.");
    for (size_t k = 0; k < p->n_models; k++)
        for (int i = trit_stop_eog; i < trit_n_stop_reasons; i++) {
            snprintf(reason, sizeof reason, "reason=\"%s\"", trit_stop_reason_text((trit_stop_reason)i));
            put_sample(p, &p->model[k], "trit_answers_total", "", reason);
            put(p, "%" PRIu64 "\n", p->model[k].counts.ends[i]);
        }
}

/* ---- Of the server ---- */

static void put_requests(page *p, const trit_answer_counts *answers) {
    static const char *const classes[] = {"2xx", "4xx", "5xx", "gone"};
    put_about(p, "trit_http_requests_total", "counter", "Requests by path and kind of answer; gone: the client left first.");
    for (size_t i = 0; i <= trit_n_routes; i++) {
        const char *path = i ? trit_routes[i - 1].path : "", *method = i ? trit_routes[i - 1].method : "";
        for (size_t k = 0; k < 4; k++)
            if (answers[i].n[k])
                put(p, "trit_http_requests_total{path=\"%s\",method=\"%s\",code=\"%s\"} %" PRIu64 "\n", path, method, classes[k], answers[i].n[k]);
    }
}

/* With the lock held. */
static void look_at(snapshot *k, const trit_served *m) {
    const uint32_t places = m->server->opts.engine.max_sequences, running = m->n_choices < places ? m->n_choices : places;
    k->is_loaded = m->state == trit_served_ready;
    k->counts = m->counts;
    k->n_running = running;
    k->n_waiting = m->n_choices - running + m->n_parked;
    if (!k->is_loaded) return;
    k->n_pages = m->seen.n_pages;
    k->n_pages_free = m->seen.n_pages - m->seen.n_pages_held;
}

static void write_page(page *p, trit_server *s) {
    trit_answer_counts answers[trit_max_counted_routes];
    for (size_t i = 0; i < p->n_models; i++)
        if (!write_label(&p->model[i].label, s->models[i].name)) p->failed = true;
    pthread_mutex_lock(&s->lock);
    memcpy(answers, s->answers, sizeof answers);
    for (size_t i = 0; i < p->n_models; i++) look_at(&p->model[i], &s->models[i]);
    pthread_mutex_unlock(&s->lock);
    put_requests(p, answers);
    put_ends(p);
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) put_metric(p, &metrics[i]);
    put_histogram(p, "trit_first_token_seconds", "From a request to the first token of its answer.", AT(counts.first_token));
    put_histogram(p, "trit_token_gap_seconds", "Between the tokens of an answer.", AT(counts.gap));
    put_histogram(p, "trit_request_seconds", "From a request for texts to the end of its answer.", AT(counts.request));
    put_one(p, "trit_connections", "gauge", "Open connections.", trit_httpd_n_connections(s->httpd));
    put_one(p, "trit_start_time_seconds", "gauge", "When the server began, since 1970.", (double)s->start_time);
}

bool trit_serve_metrics(trit_server *s, trit_exchange *x, trit_refusal *r) {
    page p = {.model = trit_alloc_zero(s->n_models, sizeof *p.model), .n_models = s->n_models};
    if (!p.model) return trit_refuse_memory(r);
    write_page(&p, s);
    const bool ok = !p.failed || trit_refuse_memory(r);
    if (ok) {
        trit_exchange_append(x, p.text.data, p.text.n);
        trit_exchange_start(x, 200, trit_routes[x->route - 1].type, false);
        trit_exchange_end(x);
    }
    for (size_t i = 0; i < p.n_models; i++) trit_text_fini(&p.model[i].label);
    trit_free(p.model);
    trit_text_fini(&p.text);
    return ok;
}
