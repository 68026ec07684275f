/* LoRA adapters (arXiv:2106.09685): small matrices that change a model. A projection's A [rank, inputs] and B [outputs, rank] add
 * scale * alpha / rank * (x A^T) B^T to what it gives, x being its input in floats, before a norm or a quantization of its own.
 *
 * Files: a folder of PEFT (adapter_config.json and adapter_model.safetensors) or a GGUF file as llama.cpp writes it. */
#ifndef TRIT_LORA_H
#define TRIT_LORA_H

#include <stdbool.h>
#include <stdint.h>

#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One of the adapters of a model; several add up. */
typedef struct trit_lora_opts {
    const char *path;
    double scale; /* multiplies the adapter's own; 0: 1 */
} trit_lora_opts;

/* What an adapter is. Texts live as long as the model. */
typedef struct trit_lora_info {
    const char *path, *format;   /* "PEFT", "GGUF v3" */
    double scale;                /* as asked for */
    double min_scaling, max_scaling; /* alpha / rank, of the projections */
    uint32_t min_rank, max_rank, n_projections;
    uint64_t n_params;
    bool is_inside; /* trained inside the quantizer: it belongs to the weights before they are quantized, which happens at open */
} trit_lora_info;

/* Writes the adapter `in` of the model `base` (whose weights are not read) as a GGUF file, or as a folder of PEFT. The output appears, or is
 * replaced, only when all is well. Errors: those of opening both, arg (both names are the same), io, memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_lora_convert(const char *in, const char *out, const char *base, bool to_folder, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
