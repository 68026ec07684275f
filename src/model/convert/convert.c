/* Converts a model file: opened as for running but for its weights, planned, checked for room, written beside its place. See
 * convert.h. */
#include "model/convert/convert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"

void trit_convert_say(const trit_convert_job *job, trit_convert_word word, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (job->o->say) job->o->say(job->o->user, word, text);
}

const char *trit_convert_type_at(uint32_t i) {
    static const char *const names[] = {
#define TRIT_NAME_weight(name) #name,
#define TRIT_NAME_number(name)
#define TRIT_NAME_memory(name)
#define TRIT_DTYPE(name, label, block, bytes, head, gguf, safetensors, role) TRIT_NAME_##role(name)
#include "trit/dtypes.def"
#undef TRIT_DTYPE
    };
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        if (trit_quant_can_pack(trit_quant_format_of(trit_dtype_from_label(names[k]))) && i-- == 0) return names[k];
    return NULL;
}

static trit_status unknown_type(const char *name, trit_error *err) {
    char known[400] = "";
    for (uint32_t i = 0; trit_convert_type_at(i); i++) {
        const size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, " %s", trit_convert_type_at(i));
    }
    return trit_error_set(err, trit_arg, "type \"%.40s\": none that can be written (they are:%s)", name, known);
}

static trit_status read_type(trit_dtype *out, const trit_convert_job *job, const char *name, trit_error *err) {
    const char *why = "a Hugging Face folder cannot hold it";
    *out = name ? trit_dtype_from_label(name) : trit_n_dtypes;
    if (!name || trit_convert_can_hold(job, *out)) return trit_ok;
    if (!trit_quant_can_pack(trit_quant_format_of(*out))) return unknown_type(name, err);
    if (!job->o->hugging_face) why = "GGUF has no such type";
    else if (*out == trit_dtype_hf_ternary) why = "packed weights take int8 inputs, but this model was trained with float ones";
    return trit_error_set(err, trit_unsupported, "type \"%s\": %s", name, why);
}

static trit_status read_types(trit_convert_job *job, trit_error *err) {
    trit_status status = read_type(&job->type, job, job->o->type, err);
    if (status == trit_ok) status = read_type(&job->embed_type, job, job->o->embed_type, err);
    return status == trit_ok ? read_type(&job->head_type, job, job->o->head_type, err) : status;
}

static trit_status open_input(trit_convert_job *job, const char *in, trit_error *err) {
    const trit_model_opts opts = {.no_weights = true, .i2_s_block = job->o->i2_s_block, .kernel_config = job->o->kernel_config,
                                 .loras = job->o->loras, .n_loras = job->o->n_loras, .merge_loras = true};
    trit_status status = trit_model_open(&job->m, in, &opts, err);
    if (status != trit_ok) return status;
    if (job->m->problem) return trit_error_set(err, trit_unsupported, "%.100s: %s", in, job->m->problem);
    if (job->m->source.synthetic) return trit_error_set(err, trit_arg, "%.100s: random weights are not worth a file", in);
    for (size_t i = 0; i < job->m->n_type_notes; i++) trit_convert_say(job, trit_convert_note, "%s", job->m->notes[i]);
    job->m->team = job->team;
    job->same_container = job->o->hugging_face == (job->m->source.safetensors != NULL);
    return trit_ok;
}

static trit_status check_room(const trit_convert_job *job, const char *out, trit_error *err) {
    enum { slack = 1 << 20 }; /* for what is no tensor; vocabularies have some megabytes, which the system's own reserve covers */
    const uint64_t free_bytes = trit_os_free_bytes(out), need = job->report.bytes_out + slack;
    if (need <= free_bytes) return trit_ok;
    return trit_error_set(err, trit_io, "%.200s: needs %.1f MB, but the disk has %.1f MB left", out, (double)need * 1e-6, (double)free_bytes * 1e-6);
}

static trit_status write_gguf(trit_convert_job *job, const char *out, trit_error *err) {
    trit_gguf_writer *w;
    trit_status status = trit_gguf_writer_new(&w, err);
    if (status != trit_ok) return status;
    status = trit_convert_put_keys(job, w, err);
    for (size_t i = 0; i < job->n && status == trit_ok; i++)
        status = trit_gguf_put_tensor_later(w, &job->tensor[i].out, trit_convert_fill, &job->tensor[i],
                                            trit_convert_piece(&job->tensor[i]), err);
    if (status == trit_ok) status = trit_gguf_write(w, out, err);
    trit_gguf_writer_free(w);
    return status;
}

static trit_status write_tensors(trit_convert_job *job, const char *folder, trit_error *err) {
    char path[4096];
    trit_safetensors_writer *w;
    trit_status status = trit_safetensors_writer_new(&w, err);
    if (status != trit_ok) return status;
    for (size_t i = 0; i < job->n && status == trit_ok; i++)
        status = trit_safetensors_put_tensor(w, &job->tensor[i].out, trit_convert_fill, &job->tensor[i],
                                            trit_convert_piece(&job->tensor[i]), err);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (status == trit_ok) status = trit_safetensors_write(w, path, err);
    trit_safetensors_writer_free(w);
    return status;
}

/* An older output in the same folder may have files that this one has not, and which would be read with it. */
static void remove_stale(const char *part, const char *out) {
    static const char *const names[] = {"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json",
                                        "chat_template.jinja", "model.safetensors.index.json"};
    char mine[4096], old[4096];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(mine, sizeof mine, "%s/%s", part, names[i]);
        snprintf(old, sizeof old, "%s/%s", out, names[i]);
        if (!trit_os_is_file(mine) && trit_os_is_file(old)) (void)remove(old);
    }
}

static trit_status write_folder(trit_convert_job *job, const char *out, trit_error *err) {
    char part[4000];
    size_t n = strlen(out);
    while (n > 1 && out[n - 1] == '/') n--;
    if (n + sizeof ".part" > sizeof part) return trit_error_set(err, trit_io, "%.200s: the path is too long", out);
    snprintf(part, sizeof part, "%.*s.part", (int)n, out);
    trit_status status = trit_os_make_dir(part, err);
    if (status != trit_ok) return status;
    status = write_tensors(job, part, err);
    if (status == trit_ok) status = trit_convert_write_config(job, part, err);
    if (status == trit_ok) status = trit_convert_write_vocab(job, part, err);
    if (status == trit_ok) remove_stale(part, out);
    if (status == trit_ok) status = trit_os_move_dir(part, out, err);
    if (status != trit_ok) trit_os_remove_dir(part);
    return status;
}

static bool is_kind_of_output(const trit_convert_job *job, const char *out) {
    return job->o->hugging_face ? !trit_os_is_file(out) : !trit_os_is_dir(out);
}

static trit_status convert(trit_convert_job *job, const char *in, const char *out, trit_error *err) {
    if (!is_kind_of_output(job, out))
        return trit_error_set(err, trit_arg, "%.200s: is a %s, but the output would be a %s", out, job->o->hugging_face ? "file" : "folder",
                              job->o->hugging_face ? "folder" : "file");
    if (trit_os_same_file(in, out)) return trit_error_set(err, trit_arg, "%.200s: input and output are the same", out);
    for (size_t i = 0; i < job->o->n_loras; i++)
        if (trit_os_same_file(job->o->loras[i].path, out)) return trit_error_set(err, trit_arg, "%.200s: an adapter and the output are the same", out);
    unsigned n_threads;
    trit_status status = trit_team_choose(&n_threads, job->o->n_threads, err);
    if (status == trit_ok) status = trit_team_new(&job->team, n_threads, err);
    if (status == trit_ok) status = open_input(job, in, err);
    if (status == trit_ok) status = trit_convert_prune(job, err);
    if (status == trit_ok) status = read_types(job, err);
    if (status == trit_ok) status = trit_convert_plan(job, err);
    if (status == trit_ok && job->q && job->q->budget) status = trit_convert_meet_budget(job, err);
    if (status == trit_ok) status = check_room(job, out, err);
    if (status != trit_ok) return status;
    return job->o->hugging_face ? write_folder(job, out, err) : write_gguf(job, out, err);
}

trit_status trit_convert_run(trit_convert_job *job, const char *in, const char *out, trit_convert_report *report, trit_error *err) {
    const trit_status status = convert(job, in, out, err);
    if (status == trit_ok) trit_convert_tell_merge(job);
    job->report.lossless = job->report.max_error == 0;
    if (status == trit_ok && report) *report = job->report;
    trit_convert_plan_fini(job);
    trit_free(job->now);
    trit_model_close(job->m);
    trit_team_free(job->team);
    return status;
}

trit_status trit_convert(const char *in, const char *out, const trit_convert_opts *opts, trit_convert_report *report, trit_error *err) {
    static const trit_convert_opts defaults = {0};
    trit_convert_job job = {.o = opts ? opts : &defaults};
    return trit_convert_run(&job, in, out, report, err);
}
