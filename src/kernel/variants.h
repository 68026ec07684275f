/* Declares the function of every row of kernels.def with the type of its slot, for dispatch and for the files that define
 * them. */
#ifndef TRIT_KERNEL_VARIANTS_H
#define TRIT_KERNEL_VARIANTS_H

#include "kernel/kernel.h"

#define TRIT_KERNEL(slot, tier) extern __typeof__(*((trit_kernels *)0)->slot) trit_##slot##_##tier;
#include "kernel/kernels.def"
#undef TRIT_KERNEL

#endif
