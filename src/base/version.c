/* The version that the build gave. */
#include "trit/trit.h"

const char *trit_version(void) {
    return TRIT_VERSION;
}
