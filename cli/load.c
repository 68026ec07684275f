#include "load.h"

#include <string.h>

#include "base/log.h"
#include "base/os.h"
#include "base/progress.h"
#include "interrupt.h"
#include "lora.h"
#include "store.h"

const trit_option trit_model_options[7] = {
    {"model", 'm', trit_opt_file, offsetof(trit_model_choice, model), "MODEL", 0, 0,
     "a .gguf or .safetensors file, a Hugging Face model folder, hf:org/name[:file][@revision] or an alias (pulled if it is not there; "
     "\"trit list --aliases\"), or synthetic:SHAPE (random weights; \"trit info --synthetic\" lists the shapes); without it the small model "
     "inside the program"},
    {"tokenizer", 0, trit_opt_file, offsetof(trit_model_choice, tokenizer), "FILE", 0, 0,
     "another tokenizer: tokenizer.json, tokenizer.model, a folder or a GGUF file"},
    {"activation", 0, trit_opt_choice, offsetof(trit_model_choice, activation), "relu2|silu|gelu", 0, 0,
     "activation function of the feed-forward layers instead of what the file says"},
    {"activations", 0, trit_opt_choice, offsetof(trit_model_choice, activations), "int8|float", 0, 0,
     "precision of the inputs of ternary layers instead of what the model was trained with"},
    {"i2s-block", 0, trit_opt_choice, offsetof(trit_model_choice, i2_s_block), "128|64|1x4", 0, 0,
     "layout of I2_S tensors: 64 for files made on some ARM machines, 1x4 for some builds of bitnet.cpp"},
    {"kernel-config", 0, trit_opt_file, offsetof(trit_model_choice, kernel_config), "FILE", 0, 0,
     "bitnet.cpp's .ini of the kernels that a TL1 or TL2 file was made for; without it kernel_config.ini beside the model"},
    {"lora", 0, trit_opt_files, offsetof(trit_model_choice, loras), "FILE[:SCALE]", 0, 0,
     "an adapter that changes the model: a PEFT folder or a GGUF file; may be given several times, they add up"},
};

const trit_option trit_run_options[6] = {
    {"threads", 't', trit_opt_int, offsetof(trit_run_choice, threads), "N", 0, 4096, "threads; 0: one a physical core"},
    {"ctx", 'c', trit_opt_int, offsetof(trit_run_choice, context), "N", 0, 1 << 30,
     "positions for prompt and answer together; 0: as the model has, 4096 at most"},
    {"kv", 0, trit_opt_choice, offsetof(trit_run_choice, kv), "f32|f16|q8", 0, 0, "number format of the attention cache; f16 without it"},
    {"chunk", 0, trit_opt_int, offsetof(trit_run_choice, chunk), "N", 0, 1 << 20, "tokens of a prompt computed together; 0: the engine chooses"},
    {"device", 0, trit_opt_choice, offsetof(trit_run_choice, device), "cpu|cuda|vulkan|metal|mlx|auto", 0, 0, "where to compute"},
    {"no-tune", 0, trit_opt_flag, offsetof(trit_run_choice, no_tune), NULL, 0, 0,
     "ternary weights take 2 bits in memory, without a measurement of what is faster"},
};

const trit_option trit_output_options[3] = {
    {"json", 0, trit_opt_flag, offsetof(trit_output_choice, json), NULL, 0, 0, "print one JSON document and nothing else"},
    {"quiet", 'q', trit_opt_flag, offsetof(trit_output_choice, quiet), NULL, 0, 0, "no progress bar, no notes: results and errors only"},
    {"verbose", 'v', trit_opt_flag, offsetof(trit_output_choice, verbose), NULL, 0, 0, "say more on standard error"},
};

static bool on_progress(void *user, uint64_t done, uint64_t total) {
    trit_progress_update(user, done, total);
    return !trit_interrupted();
}

uint32_t trit_i2_s_block_of(const char *choice) {
    return !choice ? 0 : strcmp(choice, "1x4") == 0 ? 4 : strcmp(choice, "64") == 0 ? 64 : 128;
}

static trit_kv_type kv_type_of(const char *name) {
    if (!name) return trit_kv_default;
    return strcmp(name, "f32") == 0 ? trit_kv_f32 : strcmp(name, "f16") == 0 ? trit_kv_f16 : trit_kv_q8;
}

trit_device_opts trit_device_choice(const trit_run_choice *run) {
    return (trit_device_opts){.n_threads = (unsigned)run->threads, .weights = run->no_tune ? "t2" : NULL};
}

trit_engine_opts trit_engine_choice(const trit_run_choice *run) {
    return (trit_engine_opts){.context = (uint32_t)run->context, .chunk = (uint32_t)run->chunk, .kv = kv_type_of(run->kv)};
}

const char *trit_model_choice_name(const trit_model_choice *model) {
    return model->model && *model->model ? model->model : "the built-in model";
}

trit_status trit_load(trit_loaded *out, const trit_model_choice *model, const trit_run_choice *run, const trit_output_choice *output,
                      trit_error *err) {
    uint64_t start = trit_os_clock_ns();
    if (output->verbose) trit_log_set_level(trit_log_info);
    if (output->quiet) trit_log_set_level(trit_log_error);
    trit_progress bar;
    trit_model_opts opts = {
        .tokenizer = model->tokenizer,
        .activation = model->activation,
        .activations = model->activations,
        .i2_s_block = trit_i2_s_block_of(model->i2_s_block),
        .kernel_config = model->kernel_config,
        .embeddings = model->embeddings,
        .no_weights = !run,
        .progress = on_progress,
        .user = &bar,
    };
    trit_text path = {0};
    trit_loras loras = {0};
    trit_status status = trit_loras_parse(&loras, &model->loras, err);
    if (status == trit_ok) status = trit_locate(&path, model->model, output, err);
    if (status == trit_ok && run && !out->device) {
        trit_device_opts device_opts = trit_device_choice(run);
        status = trit_device_open(&out->device, run->device, &device_opts, err);
    }
    if (status == trit_ok) {
        opts.device = out->device;
        opts.loras = loras.item;
        opts.n_loras = loras.n;
        trit_progress_init(&bar, "loading", !output->quiet);
        status = trit_model_open(&out->model, path.data, &opts, err);
        trit_progress_fini(&bar);
    }
    trit_text_fini(&path);
    trit_loras_fini(&loras);
    if (status == trit_ok) out->tokenizer = trit_model_tokenizer(out->model);
    out->load_ms = (double)(trit_os_clock_ns() - start) * 1e-6;
    return status;
}

void trit_unload(trit_loaded *loaded) {
    trit_model_close(loaded->model);
    trit_device_close(loaded->device);
    *loaded = (trit_loaded){0};
}
