/* The maps with AVX-512. */
#define MAP1 trit_map1_avx512
#define MAP2 trit_map2_avx512
#define CHOOSE trit_choose_avx512
#include "kernel/map_template.h"
