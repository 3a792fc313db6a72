/* sqrt, pow, cbrt and hypot; see arithmetic.h. */
#ifndef AUTOGRAD_POWER_H
#define AUTOGRAD_POWER_H
#include "arithmetic.h"
#include "exponential.h"
#include "logarithm.h"

KERNEL double kernel_sqrt(double x)
{
    return sqrt(x);
}

/* x rounded to an integer, for x >= 0. */
KERNEL double rounded(double x)
{
    return x < 0x1p52 ? (x + 0x1p52) - 0x1p52 : x;
}

/* x^y = 2^(y log2 |x|), with a sign. An error of log2 counts up to 710 times, so that log2 has 66 bits: with
 * |x| = 2^k (1 + f), s = f / (2 + f) and z = s^2,
 *
 *   log2 |x| = k + 2 / (3 log 2) s (3 + z + z^2 p(z)),
 *
 * in which all factors but z^2 p(z) are sums of two doubles, the first of 26 bits, so that products of these are exact
 * (Sun's fdlibm; relative error of p 2^-54). */
KERNEL void pow_log2(double k, double f, double *log_head, double *log_low)
{
    static const double p[] = {
        0.6, 0.42857142857146524, 0.3333333333157377, 0.2727272765060068, 0.2307688017328414, 0.20002753542874777,
        0.17546961284104698, 0.17697170377483684,
    };
    static const double SCALE = 0.9617966939259756, SCALE_26 = 0x1.ec709d8p-1, SCALE_REST = 0x1.0e80ff5d27f05p-27;

    /* d = 2 + f, s */
    const double d = 2.0 + f, inverse = 1.0 / d, s = f * inverse, s_head = head_of(s), d_head = head_of(d);
    const double s_low = ((f - s_head * d_head) - s_head * (f - (d_head - 2.0))) * inverse;
    /* t = 3 + z + z^2 p(z) */
    const double z = s * s, z_head = s_head * s_head, rest = s_low * (s_head + s) + z * z * polynomial(p, 8, z);
    const double t = head_of((3.0 + z_head) + rest), t_low = rest - ((t - 3.0) - z_head);
    /* s t */
    const double st = s_head * t, st_low = s_low * t + t_low * s, st_head = head_of(st + st_low);
    const double st_rest = st_low - (st_head - st);
    /* log2 |x| */
    const double high = st_head * SCALE_26, low = st_head * SCALE_REST + st_rest * SCALE;
    *log_head = head_of(k + (high + low));
    *log_low = low - ((*log_head - k) - high);
}

/* 2^(y (log_head + log_low)) for |y| <= POW_LARGE */
KERNEL double pow_exp2(double y, double log_head, double log_low)
{
    const double y_head = head_of(y);
    const double product = y_head * log_head, product_low = (y - y_head) * log_head + y * log_low;
    /* No larger than what overflows or underflows. */
    const int outside = fabs(product) > 1090.0;
    const double exponent = outside ? copysign(1090.0, product) : product, exponent_low = outside ? 0.0 : product_low;
    const double shifted = (exponent + exponent_low) + EXPONENT_SHIFT;
    const double fraction = exponent - (shifted - EXPONENT_SHIFT), sum = fraction + exponent_low;
    return exp2_sum(sum, (fraction - sum) + exponent_low, shifted);
}

/* With a larger |y| there would be inf - inf. */
static const double POW_LARGE = 0x1p66;

/* Has the sign bit unless x is positive, normal and finite and |y| <= POW_LARGE: then nothing is to be chosen. */
KERNEL uint64_t pow_is_special(double x, double y)
{
    return log_is_special(x) | (bits_of(POW_LARGE) - bits_of(fabs(y)));
}

KERNEL double kernel_pow(double x, double y)
{
    const double size = fabs(x), y_size = fabs(y);
    double f, log_head, log_low;
    const double k = log_split_any(size, &f);
    pow_log2(k, f, &log_head, &log_low);
    double power = pow_exp2(y > POW_LARGE ? POW_LARGE : y < -POW_LARGE ? -POW_LARGE : y, log_head, log_low);

    const double half = 0.5 * y_size;
    const int whole = rounded(y_size) == y_size, odd = whole & (rounded(half) != half);
    power = ((size == 0.0) | (size == INFINITY)) ? ((size == 0.0) == (y < 0.0) ? INFINITY : 0.0) : power;
    power = ((x < 0.0) & (size < INFINITY) & !whole) ? NAN : power;
    power = odd ? copysign(power, x) : power;
    power = ((x != x) | (y != y)) ? x + y : power;
    return ((x == 1.0) | (y == 0.0) | ((x == -1.0) & (y_size == INFINITY))) ? 1.0 : power;
}

/* x = 8^q m with 1/2 <= m < 4. A polynomial gives t, the cube root of m to 13 bits of which all but 17 are dropped, so
 * that t^3 is exact; then m^(1/3) = t (1 - d)^(-1/3) with d = (m - t^3) / m, as a series. */
KERNEL double kernel_cbrt(double x)
{
    static const double p[] = {0.5069793737911831, 0.7181539498633678, -0.30061157089072066, 0.08609135243131551,
                               -0.010603897527788191};
    static const double series[] = {1.0 / 3.0, 2.0 / 9.0, 14.0 / 81.0, 35.0 / 243.0};
    const double size = fabs(x);
    const int subnormal = size < 0x1p-1022;
    const uint64_t bits = bits_of(subnormal ? size * 0x1p54 : size);
    const double k = double_of(bits >> 52 | 0x4330000000000000) - (0x1p52 + 1023) - (subnormal ? 54.0 : 0.0);
    const double mantissa = double_of((bits & 0xfffffffffffff) | 0x3ff0000000000000);
    const double shifted = k * (1.0 / 3.0) + EXPONENT_SHIFT, rest = k - 3.0 * (shifted - EXPONENT_SHIFT);
    const double m = mantissa * (rest < 0.0 ? 0.5 : rest > 0.0 ? 2.0 : 1.0);
    const double root = polynomial(p, 5, mantissa) * (rest < 0.0 ? 0.7937005259840998 : rest > 0.0 ? 1.2599210498948732 : 1.0);
    const double t = double_of(bits_of(root) & 0xfffffff000000000);
    const double d = (m - t * t * t) / m, y = t + t * (d * polynomial(series, 4, d));
    /* 2^q is a normal number. */
    const double power = double_of((bits_of(shifted) - 1023) << 52);
    return ((x == 0.0) | (size == INFINITY) | (x != x)) ? x : copysign(y * power, x);
}

/* The root r of a^2 + b^2 as a sum of two doubles, and half of what r^2 lacks, divided by r. */
KERNEL double kernel_hypot(double x, double y)
{
    const double x_size = fabs(x), y_size = fabs(y);
    const double larger = x_size > y_size ? x_size : y_size, smaller = x_size > y_size ? y_size : x_size;
    /* Powers of two keep the squares from overflowing and underflowing. */
    const double up = larger > 0x1p500 ? 0x1p-600 : larger < 0x1p-400 ? 0x1p600 : 1.0;
    const double down = larger > 0x1p500 ? 0x1p600 : larger < 0x1p-400 ? 0x1p-600 : 1.0;
    const double a = larger * up, b = smaller * up, a_head = head_of(a), b_head = head_of(b);
    const double a_square = a_head * a_head, b_square = b_head * b_head, sum = a_square + b_square;
    const double rest = ((a_square - sum) + b_square) + ((a - a_head) * (a + a_head) + (b - b_head) * (b + b_head));
    const double r = sqrt(sum + rest), r_head = head_of(r);
    const double lack = ((sum - r_head * r_head) - (r - r_head) * (r + r_head)) + rest;
    const double length = (r + 0.5 * lack / r) * down;
    const int infinite = (x_size == INFINITY) | (y_size == INFINITY);
    return infinite ? INFINITY : ((x != x) | (y != y)) ? x + y : larger == 0.0 ? 0.0 : length;
}

#endif
