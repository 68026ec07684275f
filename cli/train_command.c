/* See train_command.h. */
#include "train_command.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/os.h"
#include "base/str.h"
#include "checkpoint.h"
#include "command.h"
#include "doing.h"
#include "train_log.h"
#include "train_report.h"
#include "train_run.h"

#define OPTION_int trit_opt_text
#define OPTION_real trit_opt_text
#define OPTION_flag trit_opt_choice
#define OPTION_text trit_opt_text
#define OPTION_file trit_opt_file
#define OPTION_choice trit_opt_choice
#define OPTION_list trit_opt_list
#define OPTION(kind, key, flag, letter, value, otherwise, min, max, help) \
    {flag, letter, OPTION_##kind, offsetof(trit_train_flags, key), value, 0, 0, help},

static const trit_option model_options[] = {
#define TRIT_TRAIN_MODEL OPTION
#include "trit/train.def"
};
static const trit_option data_options[] = {
#define TRIT_TRAIN_DATA OPTION
#include "trit/train.def"
};
static const trit_option optim_options[] = {
#define TRIT_TRAIN_OPTIM OPTION
#include "trit/train.def"
};
static const trit_option schedule_options[] = {
#define TRIT_TRAIN_SCHEDULE OPTION
#include "trit/train.def"
};
static const trit_option run_options[] = {
#define TRIT_TRAIN_RUN OPTION
#include "trit/train.def"
};

#define AT(field) offsetof(trit_train_opts, field)

static const trit_option options[] = {
    {"config", 0, trit_opt_file, AT(config), "FILE", 0, 0,
     "JSON object of keys: the names of the options below with _ for - (\"n_layers\": 6); options and FILES go before it"},
    {"resume", 0, trit_opt_file, AT(resume), "DIR", 0, 0,
     "go on from a run's newest checkpoint, or from this one; other options change it from here on"},
    {"report", 0, trit_opt_file, AT(report), "FILE", 0, 0, "at the end, a page (HTML) with curves of the run"},
    {"compare", 0, trit_opt_list, AT(compare), "DIR", 0, 0, "another run whose curves the page shows too"},
};

static const trit_option finetune_options[] = {
    {"model", 'm', trit_opt_file, AT(model), "MODEL", 0, 0, "what to begin with: a file, a folder, or a model of the hub that was pulled"},
    {"lora", 0, trit_opt_flag, AT(lora), NULL, 0, 0,
     "train an adapter, of rank 16 unless --lora-rank, which means --lora, too, says another; the model stays as it is"},
};

#define DEFAULT_int(key, otherwise) .key = #otherwise,
#define DEFAULT_real(key, otherwise) .key = #otherwise,
#define DEFAULT_flag(key, otherwise) .key = #otherwise,
#define DEFAULT_text(key, otherwise) .key = otherwise,
#define DEFAULT_file(key, otherwise) .key = otherwise,
#define DEFAULT_choice(key, otherwise) .key = otherwise,
#define DEFAULT_list(key, otherwise) .key = {{0}, 0},

const trit_train_opts trit_train_defaults = {
    .flags = {
#define TRIT_TRAIN_MODEL(kind, key, flag, letter, value, otherwise, ...) DEFAULT_##kind(key, otherwise)
#define TRIT_TRAIN_DATA TRIT_TRAIN_MODEL
#define TRIT_TRAIN_OPTIM TRIT_TRAIN_MODEL
#define TRIT_TRAIN_SCHEDULE TRIT_TRAIN_MODEL
#define TRIT_TRAIN_RUN TRIT_TRAIN_MODEL
#include "trit/train.def"
    },
};

#define IS_LIST_int false
#define IS_LIST_real false
#define IS_LIST_flag false
#define IS_LIST_text false
#define IS_LIST_file false
#define IS_LIST_choice false
#define IS_LIST_list true

static const struct {
    const char *key;
    size_t at;
    bool is_list;
} flags[] = {
#define TRIT_TRAIN_MODEL(kind, key, ...) {#key, offsetof(trit_train_flags, key), IS_LIST_##kind},
#define TRIT_TRAIN_DATA TRIT_TRAIN_MODEL
#define TRIT_TRAIN_OPTIM TRIT_TRAIN_MODEL
#define TRIT_TRAIN_SCHEDULE TRIT_TRAIN_MODEL
#define TRIT_TRAIN_RUN TRIT_TRAIN_MODEL
#include "trit/train.def"
};

static const char *text_at(const trit_train_opts *o, size_t at) {
    const char *text;
    memcpy(&text, (const char *)&o->flags + at, sizeof text);
    return text;
}

/* The items become the list's only ones. */
static trit_status set_list(trit_train_config *c, const char *key, const char *const *items, size_t n, trit_error *err) {
    trit_status status = n ? trit_train_config_set(c, key, NULL, err) : trit_ok;
    for (size_t i = 0; i < n && status == trit_ok; i++) status = trit_train_config_set(c, key, items[i], err);
    return status;
}

static trit_status set_flag(trit_train_config *c, const trit_train_opts *o, size_t i, trit_error *err) {
    if (flags[i].is_list) {
        trit_opt_texts list;
        memcpy(&list, (const char *)&o->flags + flags[i].at, sizeof list);
        return set_list(c, flags[i].key, list.item, list.n, err);
    }
    const char *text = text_at(o, flags[i].at);
    return text == text_at(&trit_train_defaults, flags[i].at) ? trit_ok : trit_train_config_set(c, flags[i].key, text, err);
}

/* The presets, over them the file, the flags, the words. */
static trit_status configure(trit_train_config **out, const trit_train_opts *o, const trit_train_preset *presets, const trit_args *args, trit_error *err) {
    trit_status status = trit_train_config_new(out, err);
    for (; presets && presets->key && status == trit_ok; presets++) status = trit_train_config_set(*out, presets->key, presets->value, err);
    if (status == trit_ok && o->model) status = trit_train_config_set(*out, "init", o->model, err);
    if (status == trit_ok && o->config) status = trit_train_config_read(*out, o->config, err);
    for (size_t i = 0; i < TRIT_COUNT(flags) && status == trit_ok; i++) status = set_flag(*out, o, i, err);
    if (status == trit_ok && args->n && o->flags.data.n) status = trit_error_set(err, trit_arg, "--data and FILES: text comes by one of them");
    if (status == trit_ok) status = set_list(*out, "data", args->item, args->n, err);
    return status;
}

/* ---- New runs, and those that go on ---- */

static trit_status get(trit_text *out, const trit_train_config *c, const char *key, trit_error *err) {
    return trit_train_config_get(out, c, key, err);
}

/* A new run wants text and a folder without another run in it. */
static trit_status start(trit_trainer **out, const char *name, const trit_train_config *c, trit_error *err) {
    trit_text data = {0}, dir = {0}, found = {0};
    trit_status status = get(&data, c, "data", err);
    if (status == trit_ok) status = get(&dir, c, "output", err);
    if (status == trit_ok && !data.n) status = trit_error_set(err, trit_arg, "%s needs text: trit %s FILE... -o DIR", name, name);
    if (status == trit_ok && !dir.n) status = trit_error_set(err, trit_arg, "%s needs a folder for the model: --output DIR", name);
    if (status == trit_ok && trit_checkpoint_find(&found, dir.data, NULL) == trit_ok)
        status = trit_error_set(err, trit_arg, "%.200s: holds a run already (--resume %.200s goes on with it)", dir.data, dir.data);
    if (status == trit_ok) status = trit_trainer_new(out, c, err);
    trit_text_fini(&data);
    trit_text_fini(&dir);
    trit_text_fini(&found);
    return status;
}

/* Where a run goes on, its checkpoint is the newest one: later ones would be of another past than what follows. */
static trit_status check_newest(const char *checkpoint, const char *dir, trit_error *err) {
    trit_text newest = {0};
    trit_status status = trit_ok;
    if (trit_checkpoint_find(&newest, dir, NULL) == trit_ok && !trit_os_same_file(newest.data, checkpoint))
        status = trit_error_set(err, trit_arg, "%.200s: holds another checkpoint, %.200s; go on elsewhere (--output DIR), or remove it", dir, newest.data);
    trit_text_fini(&newest);
    return status;
}

/* A run may have been moved: it goes on in the folder that it was found in. */
static trit_status resume(trit_trainer **out, trit_train_config *c, const trit_train_opts *o, trit_error *err) {
    trit_text checkpoint = {0}, dir = {0};
    trit_status status = trit_checkpoint_find(&checkpoint, o->resume, err);
    if (status == trit_ok) status = trit_checkpoint_run(&dir, o->resume, err);
    const bool moves = o->flags.output != trit_train_defaults.flags.output;
    if (status == trit_ok && !moves) status = trit_train_config_set(c, "output", dir.data, err);
    if (status == trit_ok) status = check_newest(checkpoint.data, moves ? o->flags.output : dir.data, err);
    if (status == trit_ok) status = trit_trainer_resume(out, checkpoint.data, c, err);
    trit_text_fini(&checkpoint);
    trit_text_fini(&dir);
    return status;
}

static trit_status report(const trit_trainer *t, const trit_train_opts *o, trit_error *err) {
    const char *dirs[1 + trit_opt_max_texts];
    trit_text dir = {0};
    trit_status status = get(&dir, trit_trainer_config(t), "output", err);
    dirs[0] = dir.data;
    memcpy(dirs + 1, o->compare.item, o->compare.n * sizeof *dirs);
    if (status == trit_ok) status = trit_train_report(o->report, dirs, 1 + o->compare.n, trit_trainer_config(t), err);
    trit_text_fini(&dir);
    return status;
}

/* What would be a pity to find out at the end of a run. */
static trit_status check(const trit_train_opts *o, trit_error *err) {
    if (o->compare.n && !o->report) return trit_error_set(err, trit_arg, "--compare goes with --report FILE.html");
    if (o->report && !trit_ends_with(o->report, ".html"))
        return trit_error_set(err, trit_arg, "--report %.200s: the name ends in .html", o->report);
    trit_status status = trit_ok;
    for (size_t i = 0; i < o->compare.n && status == trit_ok; i++) {
        trit_train_log log = {0};
        status = trit_train_log_read(&log, o->compare.item[i], err);
        trit_train_log_fini(&log);
    }
    return status;
}

trit_status trit_train_command(const char *name, const trit_train_opts *o, const trit_train_preset *presets, const trit_args *args, trit_error *err) {
    trit_train_config *c = NULL;
    trit_trainer *t = NULL;
    trit_doing doing = {.shows = !o->output.quiet};
    trit_status status = check(o, err);
    if (status == trit_ok) status = configure(&c, o, o->resume ? NULL : presets, args, err);
    if (status == trit_ok) trit_train_config_watch(c, trit_doing_update, &doing);
    if (status == trit_ok) status = o->resume ? resume(&t, c, o, err) : start(&t, name, c, err);
    trit_doing_end(&doing);
    if (status == trit_ok) status = trit_train_run(t, &o->output, err);
    /* A run that ended early has curves, too; why it ended comes first. */
    if (t && o->report && trit_trainer_is_first(t)) {
        const trit_status reported = report(t, o, status == trit_ok ? err : NULL);
        if (status == trit_ok) status = reported;
    }
    trit_trainer_free(t);
    trit_train_config_free(c);
    return status;
}

const trit_opt_group trit_train_groups[7] = {
    {"Run", options, TRIT_COUNT(options), 0},
    {"Folders and figures", run_options, TRIT_COUNT(run_options), AT(flags)},
    {"Data", data_options, TRIT_COUNT(data_options), AT(flags)},
    {"Model", model_options, TRIT_COUNT(model_options), AT(flags)},
    {"Steps", schedule_options, TRIT_COUNT(schedule_options), AT(flags)},
    {"Optimizer", optim_options, TRIT_COUNT(optim_options), AT(flags)},
    TRIT_OUTPUT_GROUP(trit_train_opts, output),
};

const trit_opt_group trit_finetune_groups[8] = {
    {"Fine-tuning", finetune_options, TRIT_COUNT(finetune_options), 0},
    {"Run", options, TRIT_COUNT(options), 0},
    {"Folders and figures", run_options, TRIT_COUNT(run_options), AT(flags)},
    {"Data", data_options, TRIT_COUNT(data_options), AT(flags)},
    {"Model", model_options, TRIT_COUNT(model_options), AT(flags)},
    {"Steps", schedule_options, TRIT_COUNT(schedule_options), AT(flags)},
    {"Optimizer", optim_options, TRIT_COUNT(optim_options), AT(flags)},
    TRIT_OUTPUT_GROUP(trit_train_opts, output),
};
