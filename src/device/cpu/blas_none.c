/* In place of blas.c where no BLAS is linked: in builds without one, and in the program `trit`, whose models need none. */
#include "device/cpu/matmul.h"

bool trit_cpu_blas_product(const cpu_product *p) {
    (void)p;
    return false;
}

bool trit_cpu_blas_takes(trit_dtype type) {
    (void)type;
    return false;
}
