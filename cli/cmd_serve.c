/* trit serve: models for many clients, over HTTP as OpenAI's interface has it. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "command.h"
#include "draft.h"
#include "input.h"
#include "interrupt.h"
#include "jsonw.h"
#include "load.h"
#include "model_list.h"
#include "out.h"
#include "sampling.h"
#include "server/server.h"

typedef struct serve_opts {
    const char *host, *models_dir, *pooling, *chat_template, *reasoning, *key_file, *session_dir;
    int64_t max_loaded, port, parallel, queue, per_key, connections, deadline, idle, drain, body;
    bool no_keys;
    trit_opt_texts models, aliases, cors;
    trit_sampling_choice sampling;
    trit_draft_choice draft;
    trit_model_choice model;
    trit_run_choice run;
    trit_output_choice output;
} serve_opts;

#define AT(field) offsetof(serve_opts, field)

static const trit_option model_options[] = {
    {"model", 'm', trit_opt_files, AT(models), "MODEL", 0, 0,
     "as of `run`; may be given several times: requests say which they mean, the first is loaded at the start and the others when they are asked for"},
    {"alias", 0, trit_opt_list, AT(aliases), "NAME", 0, 0, "what clients call the model, in the order of -m; without it its file's name"},
    {"models-dir", 0, trit_opt_file, AT(models_dir), "DIR", 0, 0, "serve what lies there too, by name: .gguf files, and folders with a config.json"},
    {"max-loaded", 0, trit_opt_int, AT(max_loaded), "N", 0, 1 << 20,
     "models in memory at the same time: the one that was asked for longest ago makes room; 0: all"},
};

static const trit_option serve_options[] = {
    {"host", 0, trit_opt_text, AT(host), "ADDRESS", 0, 0, "where to listen; other machines reach 0.0.0.0 or the machine's own address"},
    {"port", 0, trit_opt_int, AT(port), "N", 0, 65535, "0: a free one, which is told"},
    {"parallel", 0, trit_opt_int, AT(parallel), "N", 1, 1024, "answers at the same time"},
    {"queue", 0, trit_opt_int, AT(queue), "N", 0, 1 << 20, "answers that may wait beside those; more requests are told to come later (429)"},
    {"chat-template", 0, trit_opt_file, AT(chat_template), "FILE", 0, 0, "this Jinja template instead of the model's own"},
    {"pooling", 0, trit_opt_choice, AT(pooling), "mean|last|cls", 0, 0, "which tokens make the vectors of /v1/embeddings, as of `embed`"},
    {"session-dir", 0, trit_opt_file, AT(session_dir), "DIR", 0, 0, "keep what was computed of prompts in this folder, from one load of a model to the next"},
    {"reasoning", 0, trit_opt_choice, AT(reasoning), "split|keep|none", 0, 0, "a chat's reasoning: apart (reasoning_content), in the text, or left out"},
};

static const trit_option safety_options[] = {
    {"api-key-file", 0, trit_opt_file, AT(key_file), "FILE", 0, 0, "keys that clients must show, one a line"},
    {"no-keys", 0, trit_opt_flag, AT(no_keys), NULL, 0, 0, "serve other machines without keys: anybody who reaches the port"},
    {"cors", 0, trit_opt_list, AT(cors), "ORIGIN", 0, 0, "pages of this origin may ask (https://example.org, or * for all); may be given several times"},
    {"per-key", 0, trit_opt_int, AT(per_key), "N", 0, 1 << 20, "requests of one key at the same time; 0: no limit"},
    {"connections", 0, trit_opt_int, AT(connections), "N", 1, 1 << 20, "clients at the same time"},
    {"deadline", 0, trit_opt_int, AT(deadline), "N", 0, 1 << 20, "seconds; an answer that takes longer is given up; 0: none is"},
    {"idle", 0, trit_opt_int, AT(idle), "N", 1, 1 << 20, "seconds; a client that sends or reads nothing for so long is dropped"},
    {"max-body", 0, trit_opt_int, AT(body), "N", 1, 1024, "the largest request, in MiB"},
    {"drain", 0, trit_opt_int, AT(drain), "N", 0, 1 << 20, "seconds that answers which were begun have at the end (Ctrl-C, SIGTERM)"},
};

/* What the server opens its models by. */
typedef struct shelf {
    const serve_opts *opts;
    trit_device *device; /* of all: their steps take turns */
    trit_model_list list;
    trit_drafting drafting;
} shelf;

static trit_status open_model(void *user, size_t i, trit_model **out, trit_error *err) {
    const shelf *all = user;
    trit_loaded loaded = {.device = all->device};
    trit_model_choice choice = all->opts->model;
    choice.model = all->list.item[i].ref;
    const trit_status status = trit_load(&loaded, &choice, &all->opts->run, &all->opts->output, err);
    if (status == trit_ok) *out = loaded.model;
    return status;
}

/* Files that cannot be run are told at the start, though they are loaded later. What lies in a folder is another's, and told to who asks for it. */
static trit_status check_models(const shelf *all, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t i = 1; i < all->opts->models.n && status == trit_ok; i++) {
        trit_loaded described = {0};
        trit_model_info info;
        const trit_model_choice choice = {.model = all->list.item[i].ref};
        status = trit_load(&described, &choice, NULL, &all->opts->output, err);
        if (status != trit_ok) break;
        trit_model_describe(described.model, &info);
        if (info.problem) status = trit_error_set(err, trit_unsupported, "%s: %s", choice.model, info.problem);
        trit_unload(&described);
    }
    return status;
}

/* Options that say how one file is read. */
static trit_status check_options(const serve_opts *o, size_t n_models, trit_error *err) {
    const trit_model_choice *m = &o->model;
    const bool any = m->tokenizer || m->activation || m->activations || m->i2_s_block || m->kernel_config || m->loras.n || o->chat_template;
    if (n_models == 1) return trit_ok;
    if (o->draft.draft && strcmp(o->draft.draft, "ngram") != 0)
        return trit_error_set(err, trit_arg, "--draft %s: a model drafts for one that has its vocabulary, not for %zu", o->draft.draft, n_models);
    if (!any) return trit_ok;
    return trit_error_set(err, trit_arg, "--tokenizer, --lora, --chat-template and the like say how one model is read: not with %zu", n_models);
}

static trit_status tell(const serve_opts *o, const trit_server *server, const trit_model_list *list, trit_error *err) {
    if (o->output.json) {
        trit_jsonw w = {0};
        trit_jsonw_object(&w);
        trit_jsonw_put_str(&w, "url", trit_server_url(server));
        trit_jsonw_put_str(&w, "model", list->item[0].name);
        trit_jsonw_key(&w, "models");
        trit_jsonw_array(&w);
        for (size_t i = 0; i < list->n; i++) trit_jsonw_str(&w, list->item[i].name);
        trit_jsonw_close(&w, ']');
        trit_jsonw_close(&w, '}');
        return trit_jsonw_finish(&w, err);
    }
    if (o->output.quiet) return trit_ok;
    for (size_t i = 0; i < list->n; i++) fprintf(stderr, "%s%s", i ? ", " : "", list->item[i].name);
    fprintf(stderr, " %s served at %s/v1 (Ctrl-C ends)\n", list->n == 1 ? "is" : "are", trit_server_url(server));
    return trit_ok;
}

static trit_reasoning reasoning_of(const char *word) {
    return !word || strcmp(word, "split") == 0 ? trit_reasoning_split : strcmp(word, "keep") == 0 ? trit_reasoning_keep : trit_reasoning_none;
}

static trit_status serve(shelf *all, const trit_text *template, trit_error *err) {
    const serve_opts *o = all->opts;
    trit_sampling_chosen chosen;
    trit_server *server = NULL;
    trit_pooling pooling = trit_pooling_default;
    if (o->pooling) (void)trit_pooling_find(&pooling, o->pooling);
    trit_status status = trit_sampling_choose(&chosen, &o->sampling, err);
    if (status != trit_ok) return status;
    trit_server_model *models = trit_alloc_zero(all->list.n, sizeof *models);
    if (!models) return trit_error_memory(err, all->list.n * sizeof *models, "the models");
    for (size_t i = 0; i < all->list.n; i++)
        models[i] = (trit_server_model){.name = all->list.item[i].name, .chat_template = o->chat_template ? template->data : NULL};
    trit_server_opts opts = {
        .models = models,
        .n_models = all->list.n,
        .may_be_broken = !o->models.n && o->models_dir,
        .open = open_model,
        .user = all,
        .max_loaded = (uint32_t)o->max_loaded,
        .engine = trit_engine_choice(&o->run),
        .pooling = pooling,
        .sampling = chosen.sampling,
        .draft = all->drafting.draft,
        .draft_max = all->drafting.max,
        .host = o->host,
        .port = (uint16_t)o->port,
        .key_file = o->key_file,
        .open_to_all = o->no_keys,
        .cors = o->cors.item,
        .n_cors = o->cors.n,
        .max_waiting = (uint32_t)o->queue,
        .max_per_key = (uint32_t)o->per_key,
        .max_connections = (uint32_t)o->connections,
        .deadline_s = (uint32_t)o->deadline,
        .idle_s = (uint32_t)o->idle,
        .max_body_bytes = (size_t)o->body << 20,
        .session_dir = o->session_dir,
        .reasoning = reasoning_of(o->reasoning),
    };
    opts.engine.max_sequences = (uint32_t)o->parallel;
    opts.engine.draft_model = all->drafting.model;
    status = trit_server_start(&server, &opts, err);
    trit_free(models);
    if (status == trit_ok) status = tell(o, server, &all->list, err);
    while (status == trit_ok && !trit_interrupted()) trit_os_sleep_ms(200);
    trit_server_stop(server, (uint32_t)o->drain * 1000);
    return status;
}

static trit_status run(const void *options, const trit_args *args, trit_error *err) {
    const serve_opts *o = options;
    shelf all = {.opts = o};
    trit_text template = {0};
    trit_device_opts device = trit_device_choice(&o->run);
    trit_status status = trit_args_at_most(args, 0, err);
    if (status == trit_ok) status = trit_model_list_make(&all.list, &o->models, &o->aliases, o->models_dir, err);
    if (status == trit_ok) status = check_options(o, all.list.n, err);
    if (status == trit_ok && o->chat_template) status = trit_input_read(&template, o->chat_template, err);
    if (status == trit_ok) status = check_models(&all, err);
    if (status == trit_ok) status = trit_device_open(&all.device, o->run.device, &device, err);
    if (status == trit_ok) status = trit_drafting_open(&all.drafting, &o->draft, all.device, &o->output, err);
    if (status == trit_ok) status = serve(&all, &template, err);
    trit_drafting_fini(&all.drafting);
    trit_device_close(all.device);
    trit_model_list_fini(&all.list);
    trit_text_fini(&template);
    return status;
}

static const trit_opt_group groups[] = {
    {"Models", model_options, TRIT_COUNT(model_options), 0},
    {"Serving", serve_options, TRIT_COUNT(serve_options), 0},
    {"Safety", safety_options, TRIT_COUNT(safety_options), 0},
    TRIT_SAMPLING_GROUP(serve_opts, sampling),
    TRIT_DRAFT_GROUP(serve_opts, draft),
    {"Reading a model", trit_model_options + 1, TRIT_COUNT(trit_model_options) - 1, offsetof(serve_opts, model)},
    TRIT_RUN_GROUP(serve_opts, run),
    TRIT_OUTPUT_GROUP(serve_opts, output),
};

static const trit_example examples[] = {
    {"trit serve -m model.gguf", "at http://127.0.0.1:8080/v1, for this machine alone"},
    {"trit serve -m model.gguf -m small.gguf --max-loaded 1", "the models \"model\" and \"small\", one of them in memory"},
    {"trit serve -m model.gguf --host 0.0.0.0 --api-key-file keys.txt --parallel 16", "for others too, sixteen answers at once"},
    {"trit serve -m model.gguf --cors https://chat.example.org --temp 0.7", "for a page elsewhere; what requests leave open is as the options say"},
};

static const serve_opts defaults = {.host = "127.0.0.1", .port = 8080, .parallel = 8, .queue = 64, .connections = 1000, .idle = 60, .drain = 30,
                                    .body = 8, .sampling = TRIT_SAMPLING_DEFAULTS};

const trit_command trit_cmd_serve = {
    .usage = "[options]",
    .about = "Serves models over HTTP as OpenAI's interface has it: chat and text completions, streamed or whole, many at the same time. Clients are "
             "told http://HOST:PORT/v1 as their base address.\n\n"
             "Without other words it listens to this machine alone. The sampling options say what requests leave open.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
