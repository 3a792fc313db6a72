/* fmod, remainder and floor_divide, the last two of which round the quotient down as Python's operators do.
 *
 * IEEE's remainder is exact, so that the C library's fmod has the same bits everywhere. */
#ifndef AUTOGRAD_DIVISION_H
#define AUTOGRAD_DIVISION_H
#include "arithmetic.h"

KERNEL double kernel_fmod(double x, double y)
{
    return fmod(x, y);
}

/* Whether the quotient rounded down is one less than the quotient rounded towards zero. */
KERNEL int division_steps_down(double rest, double y)
{
    return rest != 0.0 && (rest < 0.0) != (y < 0.0);
}

KERNEL double kernel_remainder(double x, double y)
{
    const double rest = fmod(x, y);
    return rest == 0.0 ? copysign(0.0, y) : division_steps_down(rest, y) ? rest + y : rest;
}

KERNEL double kernel_floor_divide(double x, double y)
{
    const double rest = fmod(x, y), whole = (x - rest) / y - division_steps_down(rest, y), down = floor(whole);
    const double rounded = whole == 0.0 ? copysign(0.0, x / y) : whole - down > 0.5 ? down + 1.0 : down;
    return y == 0.0 ? x / y : rounded;
}

#endif
