/* trit: ternary (BitNet, 1.58-bit) language models in C. The whole public API. */
#ifndef TRIT_TRIT_H
#define TRIT_TRIT_H

#include "trit/arrays.h"
#include "trit/beam.h"
#include "trit/cast.h"
#include "trit/chat.h"
#include "trit/cleanup.h"
#include "trit/convert.h"
#include "trit/device.h"
#include "trit/dtype.h"
#include "trit/embed.h"
#include "trit/engine.h"
#include "trit/grad.h"
#include "trit/grammar.h"
#include "trit/hub.h"
#include "trit/index.h"
#include "trit/linalg.h"
#include "trit/lora.h"
#include "trit/maps.h"
#include "trit/mapping.h"
#include "trit/memory.h"
#include "trit/model.h"
#include "trit/nn.h"
#include "trit/pack.h"
#include "trit/patterns.h"
#include "trit/pool.h"
#include "trit/pressure.h"
#include "trit/quant.h"
#include "trit/quantize.h"
#include "trit/reduce.h"
#include "trit/sampling.h"
#include "trit/session.h"
#include "trit/status.h"
#include "trit/tensor.h"
#include "trit/tokenizer.h"
#include "trit/tracking.h"
#include "trit/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0". */
TRIT_API const char *trit_version(void);

/* Environment variables that the library and the program read: name and meaning. NULL beyond the last. */
TRIT_API const char *trit_env_at(size_t i, const char **meaning);

#ifdef __cplusplus
}
#endif
#endif
