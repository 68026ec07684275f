/* Scalar twins of the maps. */
#define MAP1 trit_map1_scalar
#define MAP2 trit_map2_scalar
#define CHOOSE trit_choose_scalar
#include "kernel/map_template.h"
