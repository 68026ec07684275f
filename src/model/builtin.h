/* The model inside the program: the bytes of models/story.gguf, or nothing when the build has none. */
#ifndef TRIT_MODEL_BUILTIN_H
#define TRIT_MODEL_BUILTIN_H

#include <stddef.h>

extern const unsigned char trit_builtin_model[];
extern const size_t trit_builtin_model_size; /* 0: none */

#endif
