/* The one order of float sums (see kernel.h): sixteen lanes, folded by halves. */
#ifndef TRIT_KERNEL_REF_LANES_H
#define TRIT_KERNEL_REF_LANES_H

static inline float trit_lanes_fold(float lane[16]) {
    for (int half = 8; half >= 1; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

#endif
