/* The table of elementary functions (functions.h): an entry for every op of LANE_FUNCTIONS. */
#ifndef AUTOGRAD_TABLE_H
#define AUTOGRAD_TABLE_H
#include "elementary.h"
#include "functions.h"
#include "primitives.h"

#define FUNCTION_1(name) {1, kernels_##name, NULL, kernel_##name, NULL}
#define FUNCTION_2(name) {2, NULL, kernels_##name, NULL, kernel_##name}
#define FUNCTION(OP, operands, name) [OP] = FUNCTION_##operands(name),
static const Function function_table[OP_COUNT] = {LANE_FUNCTIONS(FUNCTION)};
#undef FUNCTION
#undef FUNCTION_1
#undef FUNCTION_2

#endif
