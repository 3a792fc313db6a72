/* erf and erfc; see arithmetic.h. */
#ifndef AUTOGRAD_ERROR_H
#define AUTOGRAD_ERROR_H
#include "arithmetic.h"
#include "erf.h"
#define kernel_erf lane_erf
#define kernel_erfc lane_erfc
#endif
