/* POST /v1/completions: the continuations of texts, which may be given as tokens. */
#include "base/json.h"
#include "server/notes.h"
#include "server/prompts.h"
#include "server/state.h"

enum { default_max_tokens = 16 }; /* as OpenAI's own */

static void put_choice(trit_jsonw *w, const trit_choice *c) {
    trit_jsonw_object(w);
    trit_jsonw_key(w, "text");
    trit_jsonw_strn(w, c->text.data, c->text.n);
    trit_jsonw_put_uint(w, "index", c->index);
    trit_put_logprobs_text(w, c);
    trit_jsonw_put_str(w, "finish_reason", trit_finish_reason(c));
    trit_jsonw_close(w, '}');
}

static const trit_form form = {"text_completion", "text_completion", "cmpl-", put_choice, put_choice};

static bool start(trit_served *s, trit_exchange *x, const trit_json *body, trit_ask *ask, trit_refusal *r) {
    trit_prompts p = {.name = "prompt", .echo = ask->echo, .begins_empty = true};
    const trit_json *suffix = trit_json_get(body, "suffix");
    if (trit_json_as_str(suffix).n) return trit_refuse(r, trit_refusal_unsupported, "suffix", "'suffix': this model fills no gaps");
    if (!ask->limits_tokens) {
        ask->limits_tokens = true;
        ask->max_tokens = default_max_tokens;
    }
    const bool ok = trit_prompts_read(&p, s, trit_json_get(body, "prompt"), r) &&
                    trit_job_start(s, x, &form, ask, p.ids, ask->echo ? p.text : NULL, p.n, r);
    trit_prompts_fini(&p);
    return ok;
}

bool trit_serve_text(trit_served *s, trit_exchange *x, const trit_json *body, trit_refusal *r) {
    trit_ask ask = {0};
    const bool ok = trit_ask_read(&ask, body, trit_ask_text, &s->server->opts.sampling, trit_server_unique(s->server), r) && start(s, x, body, &ask, r);
    trit_ask_fini(&ask);
    return ok;
}
