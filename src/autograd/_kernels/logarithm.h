/* log, log2, log10, log1p, arcsinh, arccosh and arctanh; see arithmetic.h.
 *
 * x = 2^k (1 + f) with 1 + f between the square roots of 1/2 and 2. With s = f / (2 + f), z = s^2,
 *
 *   log(1 + f) = 2 atanh s = f - f^2 / 2 + s (f^2 / 2 + z p(z)),
 *
 * the form of Sun's fdlibm, whose last term is below 0.02. Here k log 2 + f - f^2 / 2 is a sum of doubles without
 * rounding errors, to which the small rest is added last. */
#ifndef AUTOGRAD_LOGARITHM_H
#define AUTOGRAD_LOGARITHM_H
#include "arithmetic.h"

/* log 2: the first part has 32 bits, so that its product with an exponent is exact. */
static const double LN2_HIGH = 0x1.62e42feep-1, LN2_LOW = 0x1.a39ef35793c76p-33;

/* x = 2^k (1 + f) for a normal number x > 0; returns k. */
KERNEL double log_split(double x, double *f)
{
    static const uint64_t ONE = 0x3ff0000000000000, SQRT_HALF = 0x3fe6a09e667f3bcd;
    const uint64_t bits = bits_of(x) + (ONE - SQRT_HALF);
    *f = double_of((bits & 0xfffffffffffff) + SQRT_HALF) - 1.0;
    return double_of(bits >> 52 | 0x4330000000000000) - (0x1p52 + 1023);
}

/* The same for subnormal numbers too. */
KERNEL double log_split_any(double x, double *f)
{
    const int subnormal = x < 0x1p-1022;
    const double k = log_split(subnormal ? x * 0x1p54 : x, f);
    return subnormal ? k - 54.0 : k;
}

/* log(1 + f) = f - *square - result, *square = head(f)^2 / 2; relative error of the polynomial 2^-51. */
KERNEL double log_rest(double f, double *square)
{
    static const double p[] = {
        0.666666666666667, 0.3999999999989969, 0.2857142862601479, 0.2222221112086998, 0.18182890401367427,
        0.1533167449208131, 0.14617065490997458,
    };
    const double head = head_of(f), s = f / (2.0 + f), z = s * s;
    const double rest = 0.5 * (f - head) * (f + head);
    *square = 0.5 * head * head;
    return rest - s * ((*square + rest) + z * polynomial(p, 7, z));
}

/* k log 2 + log(1 + f) + low */
KERNEL double log_sum(double k, double f, double low)
{
    double square;
    const double rest = log_rest(f, &square);
    const double multiple = k * LN2_HIGH, sum = multiple + f, sum_low = (multiple - sum) + f;
    const double high = sum - square, high_low = (sum - high) - square;
    return high + ((high_low + sum_low) + ((k * LN2_LOW - rest) + low));
}

/* c log(1 + f) + k unit, both constants as two doubles, the first part of c with 26 bits, that of the unit with 40. */
KERNEL double log_sum_base(double k, double f, double c, double c_26, double c_rest, double unit, double unit_low)
{
    double square;
    const double rest = log_rest(f, &square), first = f - square, first_low = ((f - first) - square) - rest;
    const double high = first + first_low, head = head_of(high), low = (first - head) + first_low;
    const double product = head * c_26, multiple = k * unit, sum = multiple + product;
    return sum + (((multiple - sum) + product) + (head * c_rest + low * c + k * unit_low));
}

/* The logarithm y of x as C's Annex F has it at 0, infinity, nan and below 0. */
KERNEL double log_special(double x, double y)
{
    return x > 0.0 ? (x < INFINITY ? y : x) : (x == 0.0 ? -INFINITY : NAN);
}

/* Has the sign bit unless x is positive, normal and finite: then nothing is to be chosen. */
KERNEL uint64_t log_is_special(double x)
{
    const uint64_t least = 0x0010000000000000, most = 0x7fefffffffffffff, bits = bits_of(x);
    return bits | (bits - least) | (most - bits);
}

KERNEL uint64_t log2_is_special(double x)
{
    return log_is_special(x);
}

KERNEL uint64_t log10_is_special(double x)
{
    return log_is_special(x);
}

/* The logarithm of x = 2^k (1 + f) is `sum`. */
#define LOGARITHM(name, sum) \
    KERNEL void name##_begin(double x, double *k, double *f, double *none) \
    { \
        *k = log_split(x, f); \
        *none = 0.0; \
    } \
    KERNEL double name##_end(double x, double k, double f, double none) \
    { \
        (void)x; \
        (void)none; \
        return sum; \
    } \
    KERNEL double kernel_##name(double x) \
    { \
        double f; \
        const double k = log_split_any(x, &f); \
        return log_special(x, sum); \
    }
LOGARITHM(log, log_sum(k, f, 0.0))
LOGARITHM(log2, log_sum_base(k, f, 1.4426950408889634, 0x1.715476p+0, 0x1.4ae0bf85ddf44p-26, 1.0, 0.0))
LOGARITHM(log10, log_sum_base(k, f, 0.4342944819032518, 0x1.bcb7b1p-2, 0x1.49b9438ca9aaep-28, 0x1.34413509f6p-2,
                              0x1.9fef311f12b36p-42))
#undef LOGARITHM

/* u + u_low = 2^k (1 + sum) (1 + low) for u > 2^-54 and |u_low| <= ulp(u) / 2, as log_sum takes it; returns k. */
KERNEL double log_split_sum(double u, double u_low, double *sum, double *low)
{
    double f;
    const double k = log_split(u, &f);
    /* 2^64 / 2^k */
    const double inverse = double_of((2110 - ((bits_of(k + (0x1p52 + 1023))) & 0xfff)) << 52);
    const double f_low = u_low * inverse * 0x1p-64;
    *sum = f + f_low;
    const double rest = (f - *sum) + f_low;
    *low = rest - rest * *sum * (1.0 - *sum);
    return k;
}

/* log(u + u_low) + extra, accurate relative to (u - 1) + u_low where u is 1. */
KERNEL double log_of_sum(double u, double u_low, double extra)
{
    double sum, low;
    const double k = log_split_sum(u, u_low, &sum, &low);
    return log_sum(k + extra, sum, low);
}

KERNEL void log1p_begin(double x, double *k, double *sum, double *low)
{
    const double u = 1.0 + x, rest = u - x, u_low = (1.0 - rest) + (x - (u - rest));
    *k = log_split_sum(u, u_low, sum, low);
}

KERNEL double log1p_end(double x, double k, double sum, double low)
{
    const double y = log_sum(k, sum, low);
    return copysign(x > -1.0 ? (x < INFINITY ? y : x) : (x == -1.0 ? -INFINITY : NAN), x);
}
HALVES(log1p)

/* log(1 + size + size^2 / (1 + sqrt(1 + size^2))), or log 2 + log size where the difference is lost. */
KERNEL double kernel_arcsinh(double x)
{
    const double size = fabs(x), square = size * size, v = square / (1.0 + sqrt(1.0 + square));
    const int large = size > 0x1p30;
    const double sum = size + v, sum_low = (size - sum) + v;
    const double u = 1.0 + sum, rest = u - sum, u_low = ((1.0 - rest) + (sum - (u - rest))) + sum_low;
    const double y = log_of_sum(large ? size : u, large ? 0.0 : u_low, large ? 1.0 : 0.0);
    return copysign(size < INFINITY ? y : size, x);
}

/* log(1 + t + sqrt(t (t + 2))) with t = x - 1 */
KERNEL double kernel_arccosh(double x)
{
    const double t = x - 1.0, v = sqrt(t * (t + 2.0));
    const int large = x > 0x1p30;
    const double sum = v + t, sum_low = (v - sum) + t;
    const double u = 1.0 + sum, rest = u - sum, u_low = ((1.0 - rest) + (sum - (u - rest))) + sum_low;
    const double y = log_of_sum(large ? x : u, large ? 0.0 : u_low, large ? 1.0 : 0.0);
    return x >= 1.0 ? (x < INFINITY ? y : x) : NAN;
}

/* log(1 + 2 |x| / (1 - |x|)) / 2 */
KERNEL double kernel_arctanh(double x)
{
    double low;
    const double size = fabs(x), d = 1.0 - size, q = quotient(2.0 * size, 0.0, d, (1.0 - d) - size, &low);
    const double u = 1.0 + q, rest = u - q, u_low = ((1.0 - rest) + (q - (u - rest))) + low;
    const double y = 0.5 * log_of_sum(u, u_low, 0.0);
    return copysign(size < 1.0 ? y : (size == 1.0 ? INFINITY : NAN), x);
}

#endif
