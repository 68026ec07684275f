/* The scalar twin of the conversions. */
#define CONVERT trit_convert_scalar
#include "kernel/convert_template.h"
