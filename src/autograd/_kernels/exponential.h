/* exp, exp2, expm1, sinh, cosh, tanh, sech_squared, sigmoid and softplus; see arithmetic.h.
 *
 * x = n log 2 + r with |r| <= log(2) / 2, r and what its rounding loses as two doubles (Cody and Waite, "Software manual
 * for the elementary functions", 1980). Then exp x = 2^n (1 + r + r^2 p(r)); 1 + r is computed exactly, as two doubles,
 * and the small rest is added last. The other functions are sums and quotients of 2^n exp r that do the same. */
#ifndef AUTOGRAD_EXPONENTIAL_H
#define AUTOGRAD_EXPONENTIAL_H
#include "arithmetic.h"
#include "logarithm.h"

/* x = n log 2 + r + low, |x| < 1500; returns n + EXPONENT_SHIFT. */
KERNEL double exp_reduce(double x, double *r, double *low)
{
    static const double LOG2_E = 1.4426950408889634;
    const double shifted = x * LOG2_E + EXPONENT_SHIFT, n = shifted - EXPONENT_SHIFT;
    const double high = x - n * LN2_HIGH, rest = n * LN2_LOW;
    *r = high - rest;
    *low = (high - *r) - rest;
    return shifted;
}

/* exp(r + low) - 1 - r for |r| <= log(2) / 2: relative error of the polynomial 2^-58. */
KERNEL double exp_rest(double r, double low)
{
    static const double p[] = {
        0.5, 0.1666666666666667, 0.041666666666666644, 0.008333333333325895, 0.0013888888888905046,
        0.00019841269875423603, 2.4801587271890597e-05, 2.755725479972292e-06, 2.755732686428654e-07,
        2.5105424083558085e-08, 2.0896499774739555e-09,
    };
    return r * r * polynomial(p, 11, r) + (low + low * r);
}

/* 2^n exp(r + low) */
KERNEL double exp_sum(double r, double low, double shifted)
{
    const double sum = 1.0 + r, rest = (1.0 - sum) + r;
    return scale(sum + (rest + exp_rest(r, low)), shifted);
}

/* 2^(n + t + low) for |t| <= 1/2 */
KERNEL double exp2_sum(double t, double low, double shifted)
{
    static const double LN2 = 0.6931471805599453, LN2_26 = 0x1.62e42f8p-1, LN2_REST = 0x1.be8e7bcd5e4f2p-27;
    const double t_head = head_of(t), high = t_head * LN2_26, rest = t_head * LN2_REST + ((t - t_head) + low) * LN2;
    const double r = high + rest;
    return exp_sum(r, (high - r) + rest, shifted);
}

/* Has the sign bit unless |x| <= 700: then exp x and exp -x are normal. */
KERNEL uint64_t exp_is_special(double x)
{
    return bits_of(700.0) - bits_of(fabs(x));
}

KERNEL void exp_begin(double x, double *shifted, double *r, double *low)
{
    *shifted = exp_reduce(x, r, low);
}

KERNEL double exp_end(double x, double shifted, double r, double low)
{
    const double sum = 1.0 + r, rest = (1.0 - sum) + r;
    (void)x;
    return scale_normal(sum + (rest + exp_rest(r, low)), shifted);
}

KERNEL double kernel_exp(double x)
{
    double r, low;
    x = x > 720.0 ? 720.0 : x;
    x = x < -750.0 ? -750.0 : x;
    const double shifted = exp_reduce(x, &r, &low);
    return exp_sum(r, low, shifted);
}

KERNEL double kernel_exp2(double x)
{
    x = x > 1030.0 ? 1030.0 : x;
    x = x < -1080.0 ? -1080.0 : x;
    const double shifted = x + EXPONENT_SHIFT;
    return exp2_sum(x - (shifted - EXPONENT_SHIFT), 0.0, shifted);
}

/* exp x - 1 = 2^n ((1 - 2^-n) + r + rest) */
KERNEL double kernel_expm1(double x)
{
    double r, low, y = x;
    y = y > 720.0 ? 720.0 : y;
    y = y < -37.5 ? -37.5 : y;
    const double shifted = exp_reduce(y, &r, &low);
    const double gap = 1.0 - inverse_scale(shifted), sum = gap + r, rest = (gap - sum) + r;
    return copysign(scale(sum + (rest + exp_rest(r, low)), shifted), x);
}

/* cosh(r + low) - 1 and sinh(r + low) - r for |r| <= log(2) / 2: relative errors 2^-64 and 2^-54 of the polynomials. */
KERNEL double cosh_rest(double r, double low)
{
    static const double p[] = {
        0.5, 0.04166666666666667, 0.0013888888888882163, 2.480158733000438e-05, 2.755726893104362e-07,
        2.091636670093381e-09,
    };
    return r * r * polynomial(p, 6, r * r) + r * low;
}

KERNEL double sinh_rest(double r, double low)
{
    static const double p[] = {
        0.16666666666666666, 0.008333333333334875, 0.00019841269834076068, 2.7557332922482867e-06,
        2.5040688990480702e-08, 1.9531190837421076e-10,
    };
    return r * (r * r) * polynomial(p, 6, r * r) + low;
}

/* For |x| < 712: r and low, (2^n - 2^-n) / 2 and (2^n + 2^-n) / 2 divided by 2^n. */
KERNEL double hyperbolic_reduce(double x, double *r, double *low, double *difference, double *sum)
{
    const double shifted = exp_reduce(x, r, low), inverse = inverse_scale(shifted), square = inverse * inverse;
    *difference = 0.5 - 0.5 * square;
    *sum = 0.5 + 0.5 * square;
    return shifted;
}

/* sinh(n log 2 + r) = sinh(n log 2) cosh r + cosh(n log 2) sinh r */
KERNEL double kernel_sinh(double x)
{
    double r, low, sinh_n, cosh_n, size = fabs(x);
    size = size > 712.0 ? 712.0 : size;
    const double shifted = hyperbolic_reduce(size, &r, &low, &sinh_n, &cosh_n);
    const double product = cosh_n * r, sum = sinh_n + product, rest = (sinh_n - sum) + product;
    const double y = sum + (rest + (cosh_n * sinh_rest(r, low) + sinh_n * cosh_rest(r, low)));
    return copysign(scale(y, shifted), x);
}

KERNEL double kernel_cosh(double x)
{
    double r, low, sinh_n, cosh_n, size = fabs(x);
    size = size > 712.0 ? 712.0 : size;
    const double shifted = hyperbolic_reduce(size, &r, &low, &sinh_n, &cosh_n);
    const double product = sinh_n * r, sum = cosh_n + product, rest = (cosh_n - sum) + product;
    return scale(sum + (rest + (cosh_n * cosh_rest(r, low) + sinh_n * sinh_rest(r, low))), shifted);
}

/* m / (m + 2) with m = exp(2|x|) - 1, both divided by 2^n. */
KERNEL void tanh_begin(double x, double *two, double *sum, double *rest)
{
    double r, low, size = fabs(x);
    size = size > 20.0 ? 20.0 : size;
    const double shifted = exp_reduce(2.0 * size, &r, &low), inverse = inverse_scale(shifted), gap = 1.0 - inverse;
    *two = 2.0 * inverse;
    *sum = gap + r;
    *rest = ((gap - *sum) + r) + exp_rest(r, low);
}

KERNEL double tanh_end(double x, double two, double sum, double rest)
{
    double low;
    const double m = sum + rest, m_low = (sum - m) + rest;
    const double d = two + m, part = d - m, d_low = ((m - (d - part)) + (two - part)) + m_low;
    const double y = quotient(m, m_low, d, d_low, &low);
    return copysign(y + low, x);
}
HALVES(tanh)

/* exp(-|x|) as two doubles. */
KERNEL double exp_minus_size(double x, double *z_low)
{
    double r, low, size = fabs(x);
    size = size > 750.0 ? 750.0 : size;
    const double shifted = exp_reduce(-size, &r, &low);
    const double sum = 1.0 + r, rest = ((1.0 - sum) + r) + exp_rest(r, low), z = sum + rest;
    *z_low = scale((sum - z) + rest, shifted);
    return scale(z, shifted);
}

/* The same for |x| <= 700. */
KERNEL double exp_minus_size_normal(double x, double *z_low)
{
    double r, low;
    const double shifted = exp_reduce(-fabs(x), &r, &low);
    const double sum = 1.0 + r, rest = ((1.0 - sum) + r) + exp_rest(r, low), z = sum + rest;
    *z_low = scale_normal((sum - z) + rest, shifted);
    return scale_normal(z, shifted);
}

/* name_end(x, z, z_low, 0) is a function of z = exp(-|factor x|). */
#define OF_EXP_MINUS_SIZE(name, factor) \
    KERNEL uint64_t name##_is_special(double x) \
    { \
        return exp_is_special(factor * x); \
    } \
    KERNEL void name##_begin(double x, double *z, double *z_low, double *none) \
    { \
        *z = exp_minus_size_normal(factor * x, z_low); \
        *none = 0.0; \
    } \
    KERNEL double kernel_##name(double x) \
    { \
        double z_low; \
        const double z = exp_minus_size(factor * x, &z_low); \
        return name##_end(x, z, z_low, 0.0); \
    }

/* z / (1 + z) or 1 / (1 + z) */
KERNEL double sigmoid_end(double x, double z, double z_low, double none)
{
    double low;
    const double d = 1.0 + z, d_low = ((1.0 - d) + z) + z_low;
    const double y = quotient(x < 0.0 ? z : 1.0, x < 0.0 ? z_low : 0.0, d, d_low, &low);
    (void)none;
    return y + low;
}
OF_EXP_MINUS_SIZE(sigmoid, 1.0)

/* 4 s (1 - s) with s = z / (1 + z) */
KERNEL double sech_squared_end(double x, double z, double z_low, double none)
{
    double low;
    const double d = 1.0 + z, d_low = ((1.0 - d) + z) + z_low, s = quotient(z, z_low, d, d_low, &low) + low;
    (void)x;
    (void)none;
    return 4.0 * s * (1.0 - s);
}
OF_EXP_MINUS_SIZE(sech_squared, 2.0)

/* max(x, 0) + log(1 + z) */
KERNEL double softplus_end(double x, double z, double z_low, double none)
{
    const double u = 1.0 + z;
    (void)none;
    return (x > 0.0 ? x : 0.0) + log_of_sum(u, ((1.0 - u) + z) + z_low, 0.0);
}
OF_EXP_MINUS_SIZE(softplus, 1.0)
#undef OF_EXP_MINUS_SIZE

#endif
