/* trit list: the models in the store, and the names of published ones. */
#include "command.h"

#include <string.h>
#include <time.h>

#include "jsonw.h"
#include "load.h"
#include "out.h"
#include "trit/hub.h"

typedef struct list_opts {
    bool aliases, files;
    trit_output_choice output;
} list_opts;

static const trit_option options[] = {
    {"aliases", 0, trit_opt_flag, offsetof(list_opts, aliases), NULL, 0, 0, "names for published models instead"},
    {"files", 0, trit_opt_flag, offsetof(list_opts, files), NULL, 0, 0, "the files of each model too"},
};

static void put_alias(trit_jsonw *w, const char *name, const char *ref, const char *what) {
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "name", name);
    trit_jsonw_put_str(w, "ref", ref);
    trit_jsonw_put_str(w, "what", what);
    trit_jsonw_close(w, '}');
}

static void list_aliases(trit_jsonw *w, bool json) {
    const char *name, *ref, *what;
    trit_jsonw_key(w, "aliases");
    trit_jsonw_array(w);
    for (size_t i = 0; (name = trit_hub_alias_at(i, &ref, &what)); i++) {
        if (json) put_alias(w, name, ref, what);
        else trit_out_printf("%-22s %s\n%22s %s\n", name, ref, "", what);
    }
    trit_jsonw_close(w, ']');
}

static void put_model(trit_jsonw *w, const trit_hub_snapshot *s) {
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "name", s->name);
    trit_jsonw_put_str(w, "revision", s->revision);
    trit_jsonw_put_str(w, "commit", *s->commit ? s->commit : NULL);
    trit_jsonw_put_str(w, "path", s->path);
    trit_jsonw_put_uint(w, "bytes", s->n_bytes);
    trit_jsonw_put_uint(w, "used", s->used_s > 0 ? (uint64_t)s->used_s : 0);
    trit_jsonw_put_bool(w, "pulled_by_trit", s->is_ours);
    trit_jsonw_put_bool(w, "partial", !*s->commit);
    trit_jsonw_key(w, "files");
    trit_jsonw_array(w);
    for (size_t i = 0; i < s->n_files; i++) {
        trit_jsonw_object(w);
        trit_jsonw_put_str(w, "name", s->files[i].name);
        trit_jsonw_put_uint(w, "bytes", s->files[i].n_bytes);
        trit_jsonw_put_str(w, "hash", s->files[i].hash);
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
    trit_jsonw_close(w, '}');
}

/* "org/name@main", as other commands take it; "(partial)" for what interrupted pulls left. */
static void print_name(const trit_hub_snapshot *s) {
    const size_t n = strcspn(s->revision, " ");
    trit_out_escaped(s->name, strlen(s->name));
    if (!*s->commit) {
        trit_out_puts(" (partial)\n");
        return;
    }
    trit_out_puts("@");
    trit_out_escaped(n ? s->revision : s->commit, n ? n : strlen(s->commit));
    trit_out_puts("\n");
}

static void print_model(const trit_hub_snapshot *s, bool files) {
    char used[32] = "-";
    const time_t t = (time_t)s->used_s;
    struct tm local;
    if (t > 0 && localtime_r(&t, &local)) (void)strftime(used, sizeof used, "%Y-%m-%d %H:%M", &local);
    trit_out_printf("%12.1f MB  %16s  ", (double)s->n_bytes * 1e-6, used);
    print_name(s);
    for (size_t i = 0; files && i < s->n_files; i++) {
        trit_out_printf("%12.1f MB  %16s    ", (double)s->files[i].n_bytes * 1e-6, "");
        trit_out_escaped(s->files[i].name, strlen(s->files[i].name));
        trit_out_puts("\n");
    }
}

static trit_status list_models(trit_jsonw *w, const list_opts *o, trit_error *err) {
    trit_hub_snapshots list = {0};
    trit_text folder = {0};
    trit_status status = trit_hub_folder(&folder, err);
    if (status == trit_ok) status = trit_hub_list(&list, err);
    trit_jsonw_put_str(w, "folder", folder.data);
    trit_jsonw_key(w, "models");
    trit_jsonw_array(w);
    if (status == trit_ok && !o->output.json && !o->output.quiet) trit_out_printf("%zu in %s\n", list.n, folder.data);
    for (size_t i = 0; i < list.n; i++) {
        if (o->output.json) put_model(w, &list.item[i]);
        else print_model(&list.item[i], o->files);
    }
    trit_jsonw_close(w, ']');
    trit_hub_snapshots_fini(&list);
    trit_text_fini(&folder);
    return status;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    const list_opts *o = opts;
    trit_jsonw w = {0};
    trit_status status = trit_args_at_most(args, 0, err);
    if (status != trit_ok) return status;
    trit_jsonw_object(&w);
    if (o->aliases) list_aliases(&w, o->output.json);
    else status = list_models(&w, o, err);
    trit_jsonw_close(&w, '}');
    if (status == trit_ok && o->output.json) status = trit_jsonw_finish(&w, err);
    trit_jsonw_fini(&w);
    return status;
}

static const trit_opt_group groups[] = {
    {"List", options, TRIT_COUNT(options), 0},
    TRIT_OUTPUT_GROUP(list_opts, output),
};

static const trit_example examples[] = {
    {"trit list", "models in the store: bytes, last use, name and revision"},
    {"trit list --aliases", "names for published models, which -m and pull take"},
    {"trit list --files --json", "every file, for programs"},
};

static const list_opts defaults;

const trit_command trit_cmd_list = {
    .usage = "[options]",
    .about = "Lists the models in the store, which other tools of the Hugging Face hub share (HF_HUB_CACHE), whoever pulled them.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
