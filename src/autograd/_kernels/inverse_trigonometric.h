/* arctan, arctan2, arcsin and arccos; see arithmetic.h. */
#ifndef AUTOGRAD_INVERSE_TRIGONOMETRIC_H
#define AUTOGRAD_INVERSE_TRIGONOMETRIC_H
#include "arithmetic.h"

static const double QUARTER_PI = 0x1.921fb54442d18p-1, QUARTER_PI_LOW = 0x1.1a62633145c07p-55;

/* sign (quarters pi / 4 + arctan(b / a)) for a, b >= 0. arctan(b / a) is a multiple of pi / 4 and arctan t or -arctan t
 * with 0 <= |t| <= tan(pi / 8); relative error of the polynomial 2^-53. */
KERNEL double arctan_quotient(double b, double a, double quarters, double sign)
{
    static const double p[] = {
        -0.3333333333333333, 0.19999999999996138, -0.14285714284749473, 0.1111111102029676, -0.09090904744833628,
        0.07692186480905326, -0.06664551917863903, 0.0585846188719363, -0.050869285735617484, 0.03927065773526003,
        -0.0192208649161806,
    };
    static const double TAN_EIGHTH = 0.41421356237309503;
    /* arctan(b / a) = pi / 2 - arctan(a / b) */
    const int steep = b > a;
    const double smaller = steep ? a : b, larger = steep ? b : a;
    /* arctan(v / w) = pi / 4 + arctan((v - w) / (v + w)) */
    const int diagonal = smaller > TAN_EIGHTH * larger;
    const double difference = smaller - larger, difference_low = (smaller - (difference + larger));
    const double sum = larger + smaller, sum_low = (larger - sum) + smaller;
    double low;
    const double t = quotient(diagonal ? difference : smaller, diagonal ? difference_low : 0.0,
                              diagonal ? sum : larger, diagonal ? sum_low : 0.0, &low);
    const double z = t * t, rest = low - low * z + t * (z * polynomial(p, 11, z));
    const double turn = steep ? -1.0 : 1.0;
    const double base = quarters + (steep ? 2.0 : 0.0) + (diagonal ? turn : 0.0);
    const double high = base * QUARTER_PI, angle = high + turn * t, angle_low = (high - angle) + turn * t;
    return sign * (angle + (angle_low + (turn * rest + base * QUARTER_PI_LOW)));
}

KERNEL double kernel_arctan(double x)
{
    const double size = fabs(x);
    const double y = arctan_quotient(size > 0x1p60 ? 0x1p60 : size, 1.0, 0.0, 1.0);
    return copysign(y, x);
}

KERNEL double kernel_arctan2(double y, double x)
{
    const double y_size = fabs(y), x_size = fabs(x), larger = x_size > y_size ? x_size : y_size;
    /* Infinite: the direction alone counts. Powers of two keep sums from overflowing and the products of a quotient
     * from underflowing. */
    const double factor = larger > 0x1p700 ? 0x1p-300 : 0x1p300;
    const int infinite = larger == INFINITY;
    const double b = infinite ? (y_size == INFINITY ? 1.0 : 0.0) : y_size * factor;
    const double a = infinite ? (x_size == INFINITY ? 1.0 : 0.0) : larger == 0.0 ? 1.0 : x_size * factor;
    const int left = copysign(1.0, x) < 0.0;
    const double angle = copysign(arctan_quotient(b, a, left ? -4.0 : 0.0, left ? -1.0 : 1.0), y);
    return ((x != x) | (y != y)) ? x + y : angle;
}

/* arcsin(r + low) - r = low + r z p(z) with z = (r + low)^2 <= 1/4; relative error of the polynomial 2^-53. */
KERNEL double arcsin_rest(double r, double low, double z)
{
    static const double p[] = {
        0.16666666666666669, 0.07499999999998082, 0.04464285714685709, 0.030381944106381384, 0.022372174069959706,
        0.017352368660149088, 0.013971544247760754, 0.011476140458759408, 0.010341531198859215, 0.005380898146972242,
        0.0176005268792511, -0.01515168178557629, 0.02895526599412778,
    };
    return low + r * (z * polynomial(p, 13, z));
}

/* For |x| <= 1/2: x. Else sqrt((1 - |x|) / 2), which is sin(arccos(|x|) / 2). With its rest and its square. */
KERNEL double arcsin_reduce(double x, int near, double *low, double *z)
{
    const double size = fabs(x), half = 0.5 * (1.0 - size), root = sqrt(half), head = head_of(root);
    const double rest = ((half - head * head) - (root - head) * (root + head)) / (root + root + 0x1p-1000);
    *low = near ? 0.0 : rest;
    *z = near ? size * size : half;
    return near ? size : root;
}

KERNEL double kernel_arcsin(double x)
{
    double low, z;
    const int near = fabs(x) <= 0.5;
    const double r = arcsin_reduce(x, near, &low, &z), rest = arcsin_rest(r, low, z);
    /* pi / 2 - 2 r */
    const double sum = 2.0 * QUARTER_PI - 2.0 * r, sum_low = (2.0 * QUARTER_PI - sum) - 2.0 * r;
    const double far = sum + (sum_low + (2.0 * QUARTER_PI_LOW - 2.0 * rest));
    return copysign(near ? r + rest : far, x);
}

KERNEL double kernel_arccos(double x)
{
    double low, z;
    const int near = fabs(x) <= 0.5;
    const double r = arcsin_reduce(x, near, &low, &z), rest = arcsin_rest(r, low, z);
    /* pi / 2 - arcsin x; 2 arcsin(root) or pi - 2 arcsin(root) */
    const double sign = x < 0.0 ? -1.0 : 1.0, factor = near ? -sign : 2.0 * sign;
    const double base = near ? 2.0 : x < 0.0 ? 4.0 : 0.0;
    const double high = base * QUARTER_PI, sum = high + factor * r, sum_low = (high - sum) + factor * r;
    return sum + (sum_low + (base * QUARTER_PI_LOW + factor * rest));
}

#endif
