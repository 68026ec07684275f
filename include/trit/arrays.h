/* Tensors in files that others read: NumPy's .npy (one) and .npz (several), .safetensors and .gguf (several). Elements are written as they are,
 * in rows, little-endian. .npy and .npz have no BF16; .gguf alone has quantized types, and neither U8 nor BOOL nor more than four
 * dimensions. Files are written beside their place and renamed. Of .npy both orders of dimensions and of bytes are read; compressed archives
 * are not. */
#ifndef TRIT_ARRAYS_H
#define TRIT_ARRAYS_H

#include "trit/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One tensor in a .npy file. Errors: arg (a type that NumPy lacks), io, memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_save(const char *path, const trit_tensor *t, trit_error *err);
/* Errors: io, format, unsupported (a type that tensors lack), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_load(trit_tensor **out, trit_device *device, const char *path, trit_error *err);

/* Several, by name, in a .npz, .safetensors or .gguf file. Errors: arg (another ending, a name twice, a type that the format lacks), io, memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensors_save(const char *path, uint32_t n, const char *const *names, const trit_tensor *const *tensors,
                                                       trit_error *err);

/* What such a file held. The caller frees. Immutable. */
typedef struct trit_tensors trit_tensors;

/* Types that tensors lack are an error, as TL1's of models for other programs. Errors: arg (another ending), io, format, unsupported, memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensors_load(trit_tensors **out, trit_device *device, const char *path, trit_error *err);
TRIT_API void trit_tensors_free(trit_tensors *set); /* NULL is fine */
TRIT_API uint32_t trit_tensors_n(const trit_tensors *set);
TRIT_API const char *trit_tensors_name(const trit_tensors *set, uint32_t i);          /* NULL beyond the last */
TRIT_API trit_tensor *trit_tensors_at(const trit_tensors *set, uint32_t i);           /* borrowed; NULL beyond the last */
TRIT_API trit_tensor *trit_tensors_find(const trit_tensors *set, const char *name);   /* borrowed; NULL: absent */

#ifdef __cplusplus
}
#endif
#endif
