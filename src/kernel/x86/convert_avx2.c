/* Conversions with AVX2. */
#define CONVERT trit_convert_avx2
#include "kernel/convert_template.h"
