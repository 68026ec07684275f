/* What the processor can do, and which instruction-set tier the kernels may use. */
#ifndef TRIT_BASE_CPU_H
#define TRIT_BASE_CPU_H

#include <stdbool.h>

#include "trit/status.h"

/* Tiers in rising order within a family: a higher one may use everything of the lower ones of its own family. */
typedef enum trit_cpu_tier {
#define TRIT_CPU_TIER(name, family, text) trit_cpu_##name,
#include "base/cpu_tiers.def"
#undef TRIT_CPU_TIER
    trit_n_cpu_tiers
} trit_cpu_tier;

const char *trit_cpu_tier_name(trit_cpu_tier tier);
const char *trit_cpu_tier_text(trit_cpu_tier tier); /* what it needs, for people */
const char *trit_cpu_name(void);                    /* brand string, "" where the system does not tell */
bool trit_cpu_has(trit_cpu_tier tier);              /* can this processor (and operating system) run it? */

/* The best tier of this processor, capped by `cap` ("avx2"; NULL or "": no cap). A cap of the other family or above what the
 * processor has means what it can do at most. Errors: arg (an unknown name). */
TRIT_MUST_CHECK trit_status trit_cpu_best(trit_cpu_tier *out, const char *cap, trit_error *err);

#endif
