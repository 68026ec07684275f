/* The maps with AVX2. */
#define MAP1 trit_map1_avx2
#define MAP2 trit_map2_avx2
#define CHOOSE trit_choose_avx2
#include "kernel/map_template.h"
