/* trit doctor: does this installation compute right? A line a check; what fails here fails for every model. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "command.h"
#include "jsonw.h"
#include "load.h"
#include "out.h"
#include "step.h"

typedef struct doctor_opts {
    trit_run_choice run;
    trit_output_choice output;
} doctor_opts;

/* What an independent program found for the model inside this one. */
static const int32_t golden_prompt[] = {
#define TRIT_GOLDEN_PROMPT(id) id,
#define TRIT_GOLDEN_GREEDY(id)
#define TRIT_GOLDEN_LOGIT(id, logit)
#include "golden.def"
    -1 /* the end: a build without golden values has this alone */
};
#undef TRIT_GOLDEN_PROMPT
#undef TRIT_GOLDEN_GREEDY
static const int32_t golden_greedy[] = {
#define TRIT_GOLDEN_PROMPT(id)
#define TRIT_GOLDEN_GREEDY(id) id,
#include "golden.def"
    -1
};
#undef TRIT_GOLDEN_GREEDY
#undef TRIT_GOLDEN_LOGIT
static const struct {
    int32_t id;
    double logit;
} golden_logits[] = {
#define TRIT_GOLDEN_GREEDY(id)
#define TRIT_GOLDEN_LOGIT(id, logit) {id, logit},
#include "golden.def"
    {-1, 0}
};
#undef TRIT_GOLDEN_PROMPT
#undef TRIT_GOLDEN_GREEDY
#undef TRIT_GOLDEN_LOGIT

enum { n_prompt = TRIT_COUNT(golden_prompt) - 1, n_greedy = TRIT_COUNT(golden_greedy) - 1, n_logits = TRIT_COUNT(golden_logits) - 1 };

/* Activations are rounded to 8 bits, so that the reference's float64 and our float32 sometimes round to neighbours. */
static const double golden_tolerance = 0.1;

typedef enum verdict { verdict_pass, verdict_fail, verdict_skip } verdict;

typedef struct doctor {
    const doctor_opts *opts;
    trit_jsonw json; /* an open array of checks */
    unsigned n_checks, n_failed;
} doctor;

static void tell(doctor *d, const char *name, verdict v, const char *fmt, ...) TRIT_PRINTF(4, 5);

static void tell(doctor *d, const char *name, verdict v, const char *fmt, ...) {
    static const char *const words[] = {"pass", "fail", "skip"};
    char detail[700];
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(detail, sizeof detail, fmt, args) < 0) detail[0] = '\0';
    va_end(args);
    d->n_checks++;
    d->n_failed += v == verdict_fail;
    if (!d->opts->output.json) {
        trit_out_printf("%s  %-10s %s\n", words[v], name, detail);
        trit_out_flush();
        return;
    }
    trit_jsonw_object(&d->json);
    trit_jsonw_put_str(&d->json, "name", name);
    trit_jsonw_put_str(&d->json, "status", words[v]);
    trit_jsonw_put_str(&d->json, "detail", detail);
    trit_jsonw_close(&d->json, '}');
}

static void check_kernels(doctor *d) {
    trit_error err = {0};
    unsigned n = 0;
    char bad[64] = "";
    if (trit_kernels_check(&n, bad, &err) != trit_ok) tell(d, "kernels", verdict_fail, "%s", err.message);
    else if (*bad) tell(d, "kernels", verdict_fail, "%s differs from its scalar twin", bad);
    else tell(d, "kernels", verdict_pass, "%u variants agree with their scalar twins", n);
}

static void check_device(doctor *d) {
    trit_device *device = NULL;
    trit_error err = {0};
    trit_device_opts opts = trit_device_choice(&d->opts->run);
    if (trit_device_open(&device, d->opts->run.device, &opts, &err) != trit_ok) {
        tell(d, "device", verdict_fail, "%s", err.message);
        return;
    }
    trit_device_info info;
    trit_device_describe(device, &info);
    tell(d, "device", verdict_pass, "%s: %s, %s, %u thread%s", info.name, info.description, info.tier, info.n_threads,
         info.n_threads == 1 ? "" : "s");
    trit_device_close(device);
}

static void check_memory(doctor *d) {
    uint64_t total = trit_os_memory_bytes(), resident = trit_os_resident_bytes();
    if (!total) tell(d, "memory", verdict_skip, "the system does not tell how much there is");
    else
        tell(d, "memory", verdict_pass, "%.1f GB in this machine, %.1f MB in use by this program", (double)total * 1e-9,
             (double)resident * 1e-6);
}

/* One greedy answer to the golden prompt. */
typedef struct golden_run {
    int32_t token[n_greedy + 1];
    uint32_t n;
    double worst; /* largest difference from the golden logits */
    int32_t worst_id;
    uint64_t bits; /* of all logits that were seen */
} golden_run;

static void on_logits(void *user, uint32_t pos, const float *logits, uint32_t n_vocab) {
    golden_run *r = user;
    for (uint32_t i = 0; i < n_vocab; i++) {
        uint32_t bits;
        memcpy(&bits, &logits[i], sizeof bits);
        r->bits = (r->bits ^ bits) * 0x100000001b3u; /* FNV-1a by words */
    }
    if (pos + 1 != n_prompt) return;
    for (size_t i = 0; i < n_logits; i++) {
        int32_t id = golden_logits[i].id;
        double difference = id >= 0 && (uint32_t)id < n_vocab ? fabs((double)logits[id] - golden_logits[i].logit) : HUGE_VAL;
        if (isnan(difference)) difference = HUGE_VAL;
        if (difference <= r->worst) continue;
        r->worst = difference;
        r->worst_id = id;
    }
}

static trit_status answer(golden_run *r, const trit_model *model, uint32_t chunk, trit_error *err) {
    trit_engine *engine = NULL;
    trit_engine_opts opts = {.context = n_prompt + n_greedy + 8, .kv = trit_kv_f32, .chunk = chunk};
    trit_status status = trit_engine_new(&engine, model, &opts, err);
    trit_request request = {.prompt = golden_prompt,
                            .n_prompt = n_prompt,
                            .max_tokens = n_greedy,
                            .ignore_eog = true,
                            .on_logits = on_logits,
                            .user = r};
    uint64_t id;
    if (status == trit_ok) status = trit_engine_submit(engine, &request, &id, err);
    while (status == trit_ok && !trit_engine_idle(engine)) {
        const trit_event *events;
        size_t n;
        status = trit_step(engine, &events, &n, err);
        for (size_t i = 0; i < n && status == trit_ok; i++)
            if (events[i].token >= 0 && r->n < n_greedy) r->token[r->n++] = events[i].token;
    }
    trit_engine_free(engine);
    return status;
}

static void compare_golden(doctor *d, const golden_run *r) {
    if (r->worst <= golden_tolerance)
        tell(d, "logits", verdict_pass, "the built-in model's %d best logits within %.1g of the reference", n_logits, r->worst);
    else
        tell(d, "logits", verdict_fail, "logit of token %" PRId32 " is %.4f from the reference (at most %.2f allowed)", r->worst_id,
             r->worst, golden_tolerance);
    uint32_t same = 0;
    while (same < r->n && same < n_greedy && r->token[same] == golden_greedy[same]) same++;
    if (same == n_greedy)
        tell(d, "tokens", verdict_pass, "%d tokens as the reference continues", n_greedy);
    else if (same < r->n)
        tell(d, "tokens", verdict_fail, "token %" PRIu32 " of the continuation is %" PRId32 ", the reference has %" PRId32, same,
             r->token[same], golden_greedy[same]);
    else
        tell(d, "tokens", verdict_fail, "the continuation ends after %" PRIu32 " of %d tokens", same, n_greedy);
}

static trit_status check_golden(doctor *d, trit_error *err) {
    trit_loaded loaded = {0};
    trit_error why = {0};
    golden_run whole = {0}, pieces = {0};
    trit_model_choice builtin = {0};
    trit_status status = trit_load(&loaded, &builtin, &d->opts->run, &d->opts->output, &why);
    if (status != trit_ok) {
        tell(d, "model", status == trit_unsupported ? verdict_skip : verdict_fail, "the built-in model: %s", why.message);
    } else if (!n_logits) {
        tell(d, "logits", verdict_skip, "this build has no reference values for its built-in model");
    } else {
        status = answer(&whole, loaded.model, 0, &why);
        if (status == trit_ok) compare_golden(d, &whole);
        if (status == trit_ok) status = answer(&pieces, loaded.model, 3, &why);
        if (status != trit_ok) tell(d, "logits", verdict_fail, "%s", why.message);
        else if (whole.bits == pieces.bits) tell(d, "same bits", verdict_pass, "the prompt at once and in pieces of 3 tokens");
        else tell(d, "same bits", verdict_fail, "the prompt at once and in pieces of 3 tokens give different logits");
    }
    trit_unload(&loaded);
    if (status != trit_cancelled && status != trit_memory) return trit_ok;
    if (err) *err = why;
    return status;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    doctor d = {.opts = opts};
    trit_status status = trit_args_at_most(args, 0, err);
    if (status != trit_ok) return status;
    trit_jsonw_object(&d.json);
    trit_jsonw_key(&d.json, "checks");
    trit_jsonw_array(&d.json);
    check_device(&d);
    check_memory(&d);
    check_kernels(&d);
    status = check_golden(&d, err);
    trit_jsonw_close(&d.json, ']');
    trit_jsonw_put_bool(&d.json, "ok", d.n_failed == 0);
    trit_jsonw_close(&d.json, '}');
    if (status == trit_ok && d.opts->output.json) status = trit_jsonw_finish(&d.json, err);
    trit_jsonw_fini(&d.json);
    if (status == trit_ok && d.n_failed) return trit_error_set(err, trit_fail, "%u of %u checks failed", d.n_failed, d.n_checks);
    return status;
}

static const trit_option options[] = {
    {"device", 0, trit_opt_choice, offsetof(trit_run_choice, device), "cpu|cuda|vulkan|metal|mlx|auto", 0, 0, "the device to check"},
    {"threads", 't', trit_opt_int, offsetof(trit_run_choice, threads), "N", 0, 4096, "threads; 0: one a physical core"},
};

static const trit_opt_group groups[] = {
    {"Running", options, TRIT_COUNT(options), offsetof(doctor_opts, run)},
    TRIT_OUTPUT_GROUP(doctor_opts, output),
};

static const trit_example examples[] = {
    {"trit doctor", "check everything"},
    {"trit doctor --json", "the same for programs; exit status 1 when a check fails"},
    {"TRIT_CPU=scalar trit doctor", "check the portable code alone"},
};

static const doctor_opts defaults;

const trit_command trit_cmd_doctor = {
    .usage = "[options]",
    .about = "Checks that this installation computes right: every kernel against its scalar twin, the built-in model against values of "
             "an independent program, and that the same bits come out however a prompt is cut. A line a check: pass, fail or skip.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
