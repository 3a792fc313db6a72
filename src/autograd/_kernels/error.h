/* gaussian, erf and erfc; see arithmetic.h.
 *
 * |x| < 3/4:   erf x = x + x q(x^2), erfc x = 1 - erf x; relative error of q 2^-56 of erf.
 * |x| >= 3/4:  erf |x| = 1 - exp(-x^2) h(|x|), where h may have an error as large as exp(x^2) allows: minimax for the
 *              absolute error 2^-57 of erf, up to 6.
 *              erfc |x| = exp(-x^2) g(u) u with u = 1 / (1 + |x|); g(u) = (1 + |x|) exp(x^2) erfc |x| is smooth.
 *              After Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < inf",
 *              Math. Comp. 36 (1981); here one division is enough.
 *
 * q and g interpolate at the Chebyshev nodes of x^2 in [0, 9/16] and of u in [1/29, 4/7], computed with 120 digits;
 * relative error of g 2^-57. */
#ifndef AUTOGRAD_ERROR_H
#define AUTOGRAD_ERROR_H
#include "arithmetic.h"
#include "exponential.h"

/* erf x - x for |x| < 3/4. */
KERNEL double erf_near(double x)
{
    static const double q[] = {
        0.1283791670955126, -0.37612638903183754, 0.11283791670955087, -0.026866170645118446, 0.005223977625222192,
        -0.0008548327001135946, 0.00012055331545294116, -1.4925589383821143e-05, 1.646038320985815e-06,
        -1.63332293434337e-07, 1.4413879289095029e-08, -9.502840894774706e-10,
    };
    return x * polynomial(q, 12, x * x);
}

/* exp(log_factor - x^2) = 2^n (1 + *rest) for 0 <= x <= 28 and a small log_factor; returns n + EXPONENT_SHIFT. */
KERNEL double exp_minus_square(double x, double log_factor, double *rest)
{
    static const double LOG2_E = 1.4426950408889634;
    /* x^2 = square + tail */
    const double head = head_of(x), square = head * head, tail = (x - head) * (x + head);
    const double shifted = EXPONENT_SHIFT - square * LOG2_E, n = shifted - EXPONENT_SHIFT;
    const double high = -square - n * LN2_HIGH, low = log_factor - tail - n * LN2_LOW;
    const double r = high + low, r_low = (high - r) + low;
    *rest = r + exp_rest(r, r_low);
    return shifted;
}

KERNEL double kernel_gaussian(double x)
{
    const double size = fabs(x);
    double rest;
    const double shifted = exp_minus_square(size > 28.0 ? 28.0 : size, 0.0, &rest);
    return scale(1.0 + rest, shifted);
}

KERNEL double kernel_erf(double x)
{
    /* h(3.25 + t) */
    static const double h[] = {
        0.16633534842704015, -0.04719940231832948, 0.01293729088200261, -0.003435471385147769, 0.0008860043310940027,
        -0.00022238251367897, 5.4421738242925544e-05, -1.3002606663956862e-05, 3.038566975590474e-06,
        -6.991165738980983e-07, 1.519293084144515e-07, -3.419288002068049e-08, 1.0604185137440863e-08,
        8.983317242751125e-10, 5.487161161608369e-10, -8.673166707462182e-10, -5.287385406110288e-10,
        -1.1052297062914586e-10, 4.485784353058685e-11, 3.4964550795341226e-11, 1.0332602793147419e-11,
        1.5427393053213788e-12, 1.0078841311952494e-13,
    };
    const double size = fabs(x), limited = size > 6.0 ? 6.0 : size;
    double rest;
    const double shifted = exp_minus_square(limited, 0.0, &rest), factor = polynomial(h, 23, limited - 3.25);
    const double far = 1.0 - scale_normal(factor + factor * rest, shifted);
    return size < 0.75 ? x + erf_near(x) : copysign(far, x);
}

/* erfc x for 3/4 <= x; zero from 27.3 on. */
KERNEL double erfc_far(double x)
{
    /* g(CENTRE + t) = G0 + t p(t); at the centre g and its slope are doubles to many more bits. */
    static const double CENTRE = 0.308209535317903, G0 = 0.7513421725886438;
    static const double p[] = {
        0.5964976680339843, -0.21198306641969347, -0.49325142833748115, 0.48439738739786325, 0.364294295651149,
        -1.173016105358223, 0.6731699089098524, 1.5399419426211092, -3.8036391762865183, 2.5065998825083917,
        5.219709820846255, -16.375222848687805, 17.77658912245483, 10.454768066762002, -75.32924870798378,
        134.11420636668925, -73.6774776398105, -216.578288852617, 831.7852410538075, -1964.8627663602629,
        1140.108491765694, 9567.56289606763, -18788.550885482317, -13560.41877279149, 42805.91210504162,
    };
    double rest;
    x = x > 28.0 ? 28.0 : x;
    const double d = 1.0 + x, u = 1.0 / d, t = u - CENTRE, u_head = head_of(u), d_head = head_of(d);
    const double slope = t * polynomial(p, 25, t), g = G0 + slope, g_low = (G0 - g) + slope, g_head = head_of(g);
    /* 1 / (1 + x) = u (1 + miss); d log(g u) / d log u is 1.15 to 1.3 */
    const double miss = ((1.0 - u_head * d_head) - (u - u_head) * d_head) - u * (x - (d_head - 1.0));
    const double shifted = exp_minus_square(x, 1.2 * miss, &rest);
    /* g u */
    const double product = g_head * u_head, product_low = g_head * (u - u_head) + ((g - g_head) + g_low) * u;
    return scale(product + (product_low + (product + product_low) * rest), shifted);
}

KERNEL double kernel_erfc(double x)
{
    const double size = fabs(x), far = erfc_far(size);
    /* Around 1/2 and not 1 - erf x, so that little is lost where erfc is small. */
    return size < 0.75 ? 0.5 - ((x - 0.5) + erf_near(x)) : x > 0.0 ? far : 2.0 - far;
}

#endif
