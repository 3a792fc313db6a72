/* sin and cos over many lanes, with the bits of GNU libc.
 *
 * x = n pi + r with |r| <= pi / 2, n an integer for sin, a half-integer for cos, so that the result is +-sin r. It is
 * computed as a sum of two doubles whose error is below 0.006 ulp of the result. Where all numbers within
 * MARGIN = 1/32 ulp of the sum round to the same double, every function whose error is below 0.525 ulp returns that
 * double: any other is half an ulp beyond the end of that interval (Ziv, "Fast evaluation of elementary mathematical
 * functions with correctly rounded last bit", ACM TOMS 17, 1991). The other lanes, one in sixteen, are left to libc.
 *
 * libc's error (since 2.28; earlier versions round correctly) is largest for results just above 1/8, where it adds a
 * correction below 2^-8 after three roundings of such numbers: 1/2 + 3 * 2^-62 / 2^-55 < 0.524 ulp, and 0.516 ulp where
 * a fused multiply-add saves one. 0.516 ulp is also the largest error that has been found (Zimmermann et al., "Accuracy
 * of mathematical functions in single, double, extended double and quadruple precision").
 *
 * r:      x less n times the first 106 bits of pi (Cody and Waite), a sum of two doubles.
 * sin r:  r + r z (c3 + z (c5 + z q(z))), z = r^2, c3 = -1/6, c5 = 1/120 as a double; q is the minimax polynomial of
 *         degree 6 for |r| <= pi / 2, its coefficients rounded one by one and the following ones fitted again: relative
 *         error 2^-70. From c5 on, sums and products carry their rounding errors along, each computed by one fused
 *         multiply-add.
 * Error:  0.003 ulp from the rounding of q, 0.0013 and 0.0012 from the factors of z_low and r_low, little else. The
 *         largest in 800 000 comparisons with exact values is 0.0049 ulp.
 *
 * Faster than libc only if a fused multiply-add is one instruction and vectors have four lanes or more. */
#ifndef AUTOGRAD_TRIGONOMETRY_H
#define AUTOGRAD_TRIGONOMETRY_H
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "ops.h"
#include "simd.h"

#if AUTOGRAD_HAS_CLONES

#define TRIG_FMA __builtin_fma

OP_INLINE uint64_t trig_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

OP_INLINE double trig_double(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Stores the sine or cosine of x in *y and returns 1, or x and 0 if the C library's result is uncertain. */
OP_INLINE uint64_t trig_lane(double x, int cosine, double *y)
{
    static const double PI_HIGH = 0x1.921fb54442d18p+1, PI_LOW = 0x1.1a62633145c07p-53, PER_PI = 0.3183098861837907;
    /* Adding SHIFT rounds a number to an integer, whose parity is the last bit. */
    static const double SHIFT = 0x1.8p52;
    static const double C3 = -0.16666666666666666, C3_LOW = -9.25185853854297e-18, C5 = 0.008333333333333333;
    static const double q[] = {
        -0.00019841269841269744, 2.7557319223953853e-06, -2.5052108379950217e-08, 1.6059043289155393e-10,
        -7.647130754082263e-13, 2.8102743927784137e-15, -7.987521301632819e-18,
    };
    /* cos r and d (sin r / r) / dz, to 6e-4 and 4e-4. */
    static const double COS[] = {0.9993898, -0.49553736, 0.03677406}, SLOPE[] = {-0.16623378, 0.01525525};
    static const double MARGIN = 0x1p-5 * 0x1p-52;

    const double shifted = cosine ? TRIG_FMA(x, PER_PI, 0.5) + SHIFT : TRIG_FMA(x, PER_PI, SHIFT);
    const double n = cosine ? (shifted - SHIFT) - 0.5 : shifted - SHIFT;

    /* Exact, except where |n| = 1/2 and x has bits below those of pi / 2: there cos needs the remainder. */
    const double part = TRIG_FMA(-n, PI_HIGH, x);
    const double r = TRIG_FMA(-n, PI_LOW, part);
    const double rest = TRIG_FMA(-n, PI_LOW, part - r);
    const double r_low = cosine ? rest + (x - TRIG_FMA(n, PI_HIGH, part)) : rest;

    const double z = r * r, z_low = TRIG_FMA(r, r, -z);
    double c7 = TRIG_FMA(z, q[6], q[5]);
    c7 = TRIG_FMA(z, c7, q[4]);
    c7 = TRIG_FMA(z, c7, q[3]);
    c7 = TRIG_FMA(z, c7, q[2]);
    c7 = TRIG_FMA(z, c7, q[1]);
    c7 = TRIG_FMA(z, c7, q[0]);
    const double c5 = TRIG_FMA(z, c7, C5), c5_low = TRIG_FMA(z, c7, C5 - c5);
    const double c3 = TRIG_FMA(z, c5, C3), c3_low = TRIG_FMA(z, c5, C3 - c3) + TRIG_FMA(z, c5_low, C3_LOW);
    /* sin r / r = 1 + s + s_low */
    const double s = z * c3, s_exact = TRIG_FMA(z, c3_low, TRIG_FMA(z, c3, -s));
    const double s_low = TRIG_FMA(z_low, TRIG_FMA(z, SLOPE[1], SLOPE[0]), s_exact);
    const double high = TRIG_FMA(r, s, r), high_low = TRIG_FMA(r, s_low, TRIG_FMA(r, s, r - high));
    const double low = TRIG_FMA(r_low, TRIG_FMA(z, TRIG_FMA(z, COS[2], COS[1]), COS[0]), high_low);

    /* An ulp is 2^-52 times `binade`, the power of two below; it differs on the two sides of a power of two. */
    const double binade = trig_double(trig_bits(high) & 0x7ff0000000000000);
    const double up = high + TRIG_FMA(binade, MARGIN, low), down = high + TRIG_FMA(binade, -MARGIN, low);
    const uint64_t certain = (up == down) & ((trig_bits(up) & 0xfffffffffffff) != 0)
        /* 106 bits of pi are enough, and `rest` is right, for |n| < 2^16 and |r| > 2^-20. */
        & (fabs(x) < 0x1p17) & (fabs(high) > 0x1p-20);
    *y = certain ? trig_double(trig_bits(up) ^ trig_bits(shifted) << 63) : x;
    return certain;
}

/* Computes sines or cosines of up to 64 lanes; returns the set of uncertain lanes, which still hold their x. */
#define TRIG_LANES(name, cosine) \
    AUTOGRAD_CLONES \
    static uint64_t name(ptrdiff_t n, const double *a, double *out) \
    { \
        uint64_t left = 0; \
        _Pragma("GCC ivdep") \
        for (ptrdiff_t i = 0; i < n; i++) \
            left |= (uint64_t)!trig_lane(a[i], cosine, &out[i]) << i; \
        return left; \
    }
TRIG_LANES(trig_sines, 0)
TRIG_LANES(trig_cosines, 1)

/* Computes all lanes, 64 at a time; the uncertain ones by the C library's function. out may be a. */
OP_INLINE void trig_all(uint64_t (*lanes)(ptrdiff_t, const double *, double *), double (*libc)(double), ptrdiff_t n,
                        const double *a, double *out)
{
    for (; n > 0; n -= 64, a += 64, out += 64)
        for (uint64_t left = lanes(n < 64 ? n : 64, a, out); left; left &= left - 1) {
            double *x = &out[__builtin_ctzll(left)];
            *x = libc(*x);
        }
}

static void lanes_sin(ptrdiff_t n, const double *a, double *out) { trig_all(trig_sines, sin, n, a, out); }
static void lanes_cos(ptrdiff_t n, const double *a, double *out) { trig_all(trig_cosines, cos, n, a, out); }

#endif
#endif
