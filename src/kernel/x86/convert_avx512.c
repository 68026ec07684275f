/* Conversions with AVX-512. */
#define CONVERT trit_convert_avx512
#include "kernel/convert_template.h"
