/* Arguments for the tests of the elementary functions: random ones over all exponents and over the domain of a
 * function, and those near the places where it is hard. The same on every machine. */
#include "elementary.h"
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;

static uint64_t random_bits(void)
{
    /* Marsaglia's xorshift, multiplied (Vigna 2016) */
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return state * 0x2545f4914f6cdd1d;
}

/* Uniform in [low, high). */
static double uniform(double low, double high)
{
    return low + (high - low) * ((double)(random_bits() >> 11) * 0x1p-53);
}

/* Any finite number. */
static double any_finite(void)
{
    double x;
    do
        x = double_of(random_bits());
    while (x - x != 0.0);
    return x;
}

/* A number of random mantissa and sign, of an exponent in low ... low + count - 1. */
static double of_size(int low, int count)
{
    const double mantissa = uniform(1.0, 2.0);
    const double size = ldexp(mantissa, low + (int)(random_bits() % count));
    return random_bits() % 2 ? size : -size;
}

static double neighbour(double x)
{
    return double_of(bits_of(x) + random_bits() % 2001 - 1000);
}

/* Where functions change their formula, or leave a range: 0, 1, the ends of exp, sinh, tanh, erfc, of the reduced
 * arguments of log, arctan and arcsin, of the subnormal numbers. */
static const double PLACES[] = {
    0x1p-1074, 0x1p-1022, 0x1p-511, 0x1p-54, 0x1p-53, 0x1p-30, 0x1p-10, 0.25, 0.41421356237309503, 0.5,
    0.34657359027997264, 0.6931471805599453, 0.7071067811865476, 0.75, 0.7853981633974483, 1.0, 1.0, 1.0, 1.0,
    1.0397207708399179, 1.4142135623730951, 1.5707963267948966, 2.0, 2.414213562373095, 3.0, 3.141592653589793, 5.9,
    6.2831853071795865, 19.06, 22.0, 26.54, 27.226, 36.7, 37.4, 0x1p22, 0x1p27, 0x1p30, 0x1p52, 0x1p53, 0x1p60, 0x1p500,
    0x1p511, 0x1p1023, 708.3964185322641, 709.782712893384, 710.4758600739439, 745.1332191019411, 1022.0, 1024.0, 1074.0,
    1075.0,
};

static const double SPECIAL[] = {
    0.0, -0.0, INFINITY, -INFINITY, NAN, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 0x1p-1074, -0x1p-1074, 0x1p-1022,
    0x1p52, -0x1p52, 0x1p53, -0x1p53, 0x1.fffffffffffffp52, -0x1.fffffffffffffp52, 0x1.fffffffffffffp51, -1022.0,
    -1074.0, 1023.0, 1024.0, 1e300, -1e300, 0x1.fffffffffffffp1023, -0x1.fffffffffffffp1023, 0x1.fffffffffffffp-1,
    -0x1.fffffffffffffp-1, 0x1.0000000000001p0, -0x1.0000000000001p0,
};
enum { SPECIALS = sizeof SPECIAL / sizeof *SPECIAL };

/* Argument i for a function whose interesting domain is [low, high]. */
static double argument(uint64_t i, double low, double high)
{
    if (i < SPECIALS)
        return SPECIAL[i];
    switch (i % 4) {
    case 0:
        return any_finite();
    case 1:
        return uniform(low, high);
    case 2: /* sizes between 2^-40 and 2^40 */
        return of_size(-40, 81);
    default:
        switch (i / 4 % 3) {
        case 0: /* near a multiple of pi / 2 up to 1e15 */
            return neighbour(floor(of_size(0, 50)) * 1.5707963267948966);
        case 1: /* near 1, at any distance */
            return 1.0 + of_size(-52, 52);
        default: {
            const double place = PLACES[random_bits() % (sizeof PLACES / sizeof *PLACES)];
            return neighbour(random_bits() % 2 ? place : -place);
        }
        }
    }
}

/* Arguments of a function of two: independent, of about one size, or for pow such that the result is a number. */
static void arguments(uint64_t i, int power, double *x, double *y)
{
    if (i < SPECIALS * SPECIALS) {
        *x = SPECIAL[i / SPECIALS], *y = SPECIAL[i % SPECIALS];
        return;
    }
    *x = argument(i, -4.0, 4.0);
    *y = argument(random_bits() | 64, -4.0, 4.0);
    if (power && i % 8 > 1) {
        const double log_x = kernel_log(fabs(*x));
        *y = uniform(-746.0, 710.5) / log_x;
        *y = i % 8 == 2 ? floor(*y) : i % 8 == 3 ? uniform(-2.0, 2.0) / log_x : *y;
        *x = *y == floor(*y) ? *x : fabs(*x);
    } else if (!power && i % 2)
        *y = *x * uniform(-4.0, 4.0);
}

typedef void unary_kernels(ptrdiff_t, const double *, double *);
typedef void binary_kernels(ptrdiff_t, const double *, const double *, double *);
