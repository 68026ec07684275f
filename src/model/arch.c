/* Which architectures there are. */
#include <string.h>

#include "model/model.h"

#define TRIT_ARCH(name) extern const trit_arch trit_arch_##name;
#include "model/archs.def"
#undef TRIT_ARCH

static const trit_arch *const archs[] = {
#define TRIT_ARCH(name) &trit_arch_##name,
#include "model/archs.def"
#undef TRIT_ARCH
};

static bool is_among(const char *const *names, const char *name) {
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

const trit_arch *trit_arch_for_gguf(const char *name) {
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++)
        if (is_among(archs[i]->gguf, name)) return archs[i];
    return NULL;
}

const char *trit_arch_gguf_name(const trit_model *m) {
    const trit_config *c = &m->config;
    if (m->source.gguf) return m->source.file_arch;
    return c->arch->gguf_name ? c->arch->gguf_name(c) : c->arch->gguf[0];
}

const trit_arch *trit_arch_for_hf(const char *name) {
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++)
        if (is_among(archs[i]->hf, name)) return archs[i];
    return NULL;
}
