/* See conversion.h. */
#include "conversion.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "command.h"
#include "interrupt.h"
#include "lora.h"
#include "out.h"
#include "prune.h"

const trit_option trit_conversion_options[2] = {
    {"format", 0, trit_opt_choice, offsetof(trit_conversion_choice, format), "gguf|safetensors", 0, 0,
     "what OUT becomes: a GGUF file, or a Hugging Face folder; without it gguf where OUT ends in .gguf, else a folder"},
    {"threads", 't', trit_opt_int, offsetof(trit_conversion_choice, threads), "N", 0, 1024, "threads; 0: one a physical core"},
};

const trit_option trit_type_options[4] = {
    {"type", 0, trit_opt_text, offsetof(trit_type_choice, type), "TYPE", 0, 0,
     "type of the ternary projections (i2_s, tq1_0, tq2_0, q2_0, iq2_bn, f16, q8_0, ...); without it as in IN, or the first type that "
     "holds them exactly"},
    {"embed-type", 0, trit_opt_text, offsetof(trit_type_choice, embed_type), "TYPE", 0, 0, "type of the embeddings; without it as in IN"},
    {"head-type", 0, trit_opt_text, offsetof(trit_type_choice, head_type), "TYPE", 0, 0, "type of a head that is not the embeddings; without it as in IN"},
    {"force", 0, trit_opt_flag, offsetof(trit_type_choice, force), NULL, 0, 0, "scales that the type cannot hold become the nearest ones, instead of an error"},
};

trit_status trit_conversion_check(const trit_args *args, trit_error *err) {
    const trit_status status = trit_args_at_most(args, 2, err);
    if (status != trit_ok || args->n == 2) return status;
    return trit_error_set(err, trit_arg, "two names are needed: the model IN and the file or folder OUT");
}

void trit_conversion_init(trit_conversion *c, const trit_output_choice *output) {
    *c = (trit_conversion){.quiet = output->quiet};
    trit_jsonw_array(&c->mended);
    trit_jsonw_array(&c->notes);
    trit_jsonw_array(&c->warnings);
    trit_jsonw_array(&c->merged);
}

void trit_conversion_fini(trit_conversion *c) {
    trit_progress_fini(&c->bar);
    trit_jsonw_fini(&c->mended);
    trit_jsonw_fini(&c->notes);
    trit_jsonw_fini(&c->warnings);
    trit_jsonw_fini(&c->merged);
}

void trit_conversion_begin(trit_conversion *c, const char *doing) {
    trit_progress_fini(&c->bar);
    trit_progress_init(&c->bar, doing, !c->quiet);
}

static bool on_progress(void *user, uint64_t done, uint64_t total) {
    trit_conversion *c = user;
    trit_progress_update(&c->bar, done, total);
    return !trit_interrupted();
}

static void on_word(void *user, trit_convert_word word, const char *text) {
    static const char *const names[] = {[trit_convert_mended] = "mended", [trit_convert_note] = "note", [trit_convert_warning] = "warning"};
    trit_conversion *c = user;
    trit_jsonw *lists[] = {&c->mended, &c->notes, &c->warnings};
    trit_jsonw_str(lists[word], text);
    if (!c->quiet) fprintf(stderr, "trit: %s: %s\n", names[word], text);
}

bool trit_conversion_to_folder(const trit_conversion_choice *choice, const char *out) {
    return choice->format ? strcmp(choice->format, "safetensors") == 0 : !trit_ends_with(out, ".gguf");
}

trit_convert_opts trit_conversion_opts(trit_conversion *c, const trit_conversion_choice *choice, const char *out) {
    const bool to_folder = trit_conversion_to_folder(choice, out);
    return (trit_convert_opts){.hugging_face = to_folder, .n_threads = (unsigned)choice->threads, .progress = on_progress, .say = on_word, .user = c};
}

void trit_conversion_end(trit_conversion *c) {
    trit_progress_fini(&c->bar);
    trit_jsonw_close(&c->mended, ']');
    trit_jsonw_close(&c->notes, ']');
    trit_jsonw_close(&c->warnings, ']');
    trit_jsonw_close(&c->merged, ']');
}

void trit_conversion_put_json(const trit_conversion *c, trit_jsonw *w) {
    trit_jsonw_key(w, "mended");
    trit_jsonw_raw(w, &c->mended);
    trit_jsonw_key(w, "notes");
    trit_jsonw_raw(w, &c->notes);
    trit_jsonw_key(w, "warnings");
    trit_jsonw_raw(w, &c->warnings);
}

/* ---- All of it ---- */

static void on_merged(void *user, const trit_merged *m) {
    trit_conversion *c = user;
    trit_jsonw_object(&c->merged);
    trit_jsonw_put_str(&c->merged, "name", m->name);
    trit_jsonw_put_str(&c->merged, "type", m->type);
    trit_jsonw_put_uint(&c->merged, "rows", m->n_rows);
    trit_jsonw_put_uint(&c->merged, "cols", m->n_cols);
    trit_jsonw_put_f64(&c->merged, "sqnr_db", m->sqnr_db);
    trit_jsonw_put_f64(&c->merged, "max_error", m->max_error);
    trit_jsonw_put_f64(&c->merged, "lost", m->lost);
    trit_jsonw_close(&c->merged, '}');
    if (c->n_merged++ && m->lost <= c->worst_lost) return;
    c->worst_lost = m->lost;
    snprintf(c->worst_name, sizeof c->worst_name, "%s", m->name);
}

static trit_status print_json(const trit_conversion *c, const trit_convert_report *r, trit_error *err) {
    trit_jsonw json = {0};
    trit_jsonw_object(&json);
    trit_jsonw_put_uint(&json, "tensors", r->n_tensors);
    trit_jsonw_put_uint(&json, "bytes_in", r->bytes_in);
    trit_jsonw_put_uint(&json, "bytes_out", r->bytes_out);
    trit_jsonw_put_f64(&json, "max_error", r->max_error);
    trit_jsonw_put_bool(&json, "lossless", r->lossless);
    if (c->n_merged) trit_jsonw_key(&json, "merged");
    if (c->n_merged) trit_jsonw_raw(&json, &c->merged);
    trit_conversion_put_json(c, &json);
    trit_jsonw_close(&json, '}');
    return trit_jsonw_finish(&json, err);
}

static void print_text(const trit_conversion *c, const char *out, const trit_convert_report *r) {
    trit_out_printf("%s: %" PRIu64 " tensors, %.1f MB from %.1f MB, ", out, r->n_tensors, (double)r->bytes_out * 1e-6, (double)r->bytes_in * 1e-6);
    if (r->lossless) trit_out_puts("the same weights to the bit\n");
    else trit_out_printf("weights differ by %.2g of their row's largest at most\n", r->max_error);
    if (c->n_merged)
        trit_out_printf("adapters added to %zu projections; of their change is lost at most %.2g (%s)\n", c->n_merged, c->worst_lost, c->worst_name);
}

trit_status trit_conversion_run(const trit_conversion_wish *wish, const char *in, const char *out, trit_error *err) {
    trit_convert_report report;
    trit_conversion c;
    trit_conversion_init(&c, wish->output);
    trit_convert_opts convert = trit_conversion_opts(&c, wish->files, out);
    convert.type = wish->types->type;
    convert.embed_type = wish->types->embed_type;
    convert.head_type = wish->types->head_type;
    convert.force = wish->types->force;
    convert.i2_s_block = wish->i2_s_block;
    convert.kernel_config = wish->kernel_config;
    trit_loras loras = {0};
    trit_status status = wish->loras ? trit_loras_parse(&loras, wish->loras, err) : trit_ok;
    convert.loras = loras.item;
    convert.n_loras = loras.n;
    convert.on_merged = on_merged;
    trit_ids keep = {0};
    if (status == trit_ok && wish->prune) status = trit_prune_choose(&keep, wish->prune, &convert, in, &c, err);
    convert.keep = keep.n ? keep.data : NULL;
    convert.n_keep = keep.n;
    trit_conversion_begin(&c, "converting");
    if (status == trit_ok) status = trit_convert(in, out, &convert, &report, err);
    trit_conversion_end(&c);
    if (status == trit_ok && wish->output->json) status = print_json(&c, &report, err);
    else if (status == trit_ok && !wish->output->quiet) print_text(&c, out, &report);
    trit_ids_fini(&keep);
    trit_loras_fini(&loras);
    trit_conversion_fini(&c);
    return status;
}
