/* sin, cos and tan; see arithmetic.h.
 *
 * x = n pi / 2 + r with |r| <= pi / 4. Up to TRIG_FAST pi / 2 is subtracted in four parts of 31, 31, 31 and 53 bits
 * (Cody and Waite), products of the first three and n being exact; r is a sum of two doubles that is right to 60 bits
 * also next to the multiples of pi / 2. Beyond, x is multiplied by as many bits of 2 / pi as count (Payne and Hanek,
 * "Radian reduction for trigonometric functions", SIGNUM Newsletter 18, 1983); that is for single numbers. */
#ifndef AUTOGRAD_TRIGONOMETRIC_H
#define AUTOGRAD_TRIGONOMETRIC_H
#include "arithmetic.h"

static const double TRIG_FAST = 0x1p22;

/* x = n pi / 2 + r + low for 0 <= x <= TRIG_FAST; n is in the last bits of the result. */
KERNEL uint64_t trig_reduce(double x, double *r, double *low)
{
    static const double TWO_OVER_PI = 0.6366197723675814, SHIFT = 0x1.8p52;
    static const double PART1 = 0x1.921fb544p+0, PART2 = 0x1.0b4611a4p-34, PART3 = 0x1.13198a2cp-65;
    static const double PART4 = 0x1.01b839a25204ap-96;
    const double shifted = x * TWO_OVER_PI + SHIFT, n = shifted - SHIFT;
    const double a = x - n * PART1, product = n * PART2;
    const double b = a - product, b_low = ((a - b) - product) - n * PART3;
    const double sum = b + b_low;
    *r = sum;
    *low = ((b - sum) + b_low) - n * PART4;
    return bits_of(shifted);
}

/* The same for any finite x > 1. */
static inline uint64_t trig_reduce_large(double x, double *r, double *low)
{
    /* The bits of 2 / pi, after 64 zeros. */
    static const uint32_t TWO_OVER_PI[] = {
        0, 0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561,
        0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5, 0x2ebb4484, 0xe99c7026,
        0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b, 0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f,
        0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d, 0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1,
        0x1f8d5d08, 0x56033046, 0xfc7b6bab, 0xf0cfbc20,
    };
    static const double HALF_PI = 0x1.921fb54442d18p+0, HALF_PI_26 = 0x1.921fb5p+0, HALF_PI_REST = 0x1.110b4611a6263p-26;
    /* x = mantissa 2^e; bits of 2 / pi before the one of weight 2^(1 - e) give multiples of four. */
    const uint64_t mantissa = (bits_of(x) & 0xfffffffffffff) | 0x10000000000000;
    const unsigned first = (unsigned)(bits_of(x) >> 52) - 1075 - 2 + 64;
    const unsigned word = first / 32, bit = first % 32;
    /* product = mantissa times 192 bits of 2 / pi, modulo 2^192, the highest word first: n pi / 2 = product / 2^190 */
    uint32_t product[6];
    uint64_t carry = 0, previous = 0;
    for (int i = 5; i >= 0; i--) {
        const uint64_t two = (uint64_t)TWO_OVER_PI[word + i] << 32 | TWO_OVER_PI[word + i + 1];
        const uint64_t digit = two << bit >> 32;
        /* digit times the lower half of the mantissa, previous digit times the upper one */
        const uint64_t lower = digit * (mantissa & 0xffffffff), upper = previous * (mantissa >> 32);
        const uint64_t sum = (lower & 0xffffffff) + (upper & 0xffffffff) + (carry & 0xffffffff);
        product[i] = (uint32_t)sum;
        carry = (lower >> 32) + (upper >> 32) + (carry >> 32) + (sum >> 32);
        previous = digit;
    }
    /* The nearest n, and the signed rest in units of 2^-192 quarters of a circle. */
    const uint64_t n = ((uint64_t)product[0] + 0x20000000) >> 30;
    const uint32_t negative = (product[0] >> 29 & 1) ? 0xffffffff : 0;
    double high = 0.0, high_low = 0.0, unit = 0x1p-32;
    for (int i = 0; i < 6; i++, unit *= 0x1p-32) {
        const uint32_t next = i < 5 ? product[i + 1] : 0;
        const double part = (double)((product[i] << 2 | next >> 30) ^ negative) * unit, sum = high + part;
        high_low += (high - sum) + part;
        high = sum;
    }
    const double quarter = high + high_low, quarter_low = (high - quarter) + high_low, head = head_of(quarter);
    const double first_product = head * HALF_PI_26;
    const double rest = head * HALF_PI_REST + ((quarter - head) + quarter_low) * HALF_PI;
    const double sum = first_product + rest, sum_low = (first_product - sum) + rest;
    *r = negative ? -sum : sum;
    *low = negative ? -sum_low : sum_low;
    return n;
}

/* sin(r + low) - r for |r| <= pi / 4; relative error of the polynomial 2^-54. */
KERNEL double sin_rest(double r, double low)
{
    static const double p[] = {
        -0.16666666666666666, 0.008333333333332913, -0.00019841269840724374, 2.755731891951187e-06,
        -2.505202538013427e-08, 1.604806320229221e-10, -7.065269952785862e-13,
    };
    const double z = r * r;
    return low - 0.5 * z * low + r * (z * polynomial(p, 7, z));
}

/* cos(r + low) = result + *rest; relative error of the polynomial 2^-54. */
KERNEL double cos_sum(double r, double low, double *rest)
{
    static const double p[] = {
        0.041666666666666664, -0.0013888888888887055, 2.480158729845049e-05, -2.7557317153618815e-07,
        2.087612694210574e-09, -1.138148397445046e-11,
    };
    const double z = r * r, head = head_of(r), half = 0.5 * head * head, sum = 1.0 - half;
    *rest = ((1.0 - sum) - half) + ((z * z * polynomial(p, 6, z) - 0.5 * (r - head) * (r + head)) - r * low);
    return sum;
}

/* x or y as the last bit of n is 0 or 1. */
KERNEL double choose(uint64_t n, double x, double y)
{
    const uint64_t mask = 0 - (n & 1);
    return double_of((bits_of(x) & ~mask) | (bits_of(y) & mask));
}

/* x with the sign changed if the second-last bit of n is 1. */
KERNEL double alternate(uint64_t n, double x)
{
    return double_of(bits_of(x) ^ ((n << 62) & 0x8000000000000000));
}

/* sin(n pi / 2 + r + low) */
KERNEL double trig_sin(uint64_t n, double r, double low)
{
    double cos_rest;
    const double c = cos_sum(r, low, &cos_rest);
    return alternate(n, choose(n, r, c) + choose(n, sin_rest(r, low), cos_rest));
}

/* tan(n pi / 2 + r + low) */
KERNEL double trig_tan(uint64_t n, double r, double low)
{
    double cos_rest;
    const double c = cos_sum(r, low, &cos_rest), s_rest = sin_rest(r, low);
    const double s_high = r + s_rest, s_low = (r - s_high) + s_rest;
    const double c_high = c + cos_rest, c_low = (c - c_high) + cos_rest;
    const double q = quotient(choose(n, s_high, c_high), choose(n, s_low, c_low), choose(n, c_high, s_high),
                              choose(n, c_low, s_low), &low);
    return alternate(n << 1, q + low);
}

/* The functions of numbers up to TRIG_FAST, and of all. */
#define TRIG_FUNCTION(name, value) \
    KERNEL double kernel_##name##_fast(double x) \
    { \
        double r, low; \
        const uint64_t n = trig_reduce(fabs(x), &r, &low); \
        return value; \
    } \
    static inline double kernel_##name(double x) \
    { \
        double r, low; \
        if (!(fabs(x) > TRIG_FAST)) \
            return kernel_##name##_fast(x); \
        if (fabs(x) == INFINITY) \
            return NAN; \
        const uint64_t n = trig_reduce_large(fabs(x), &r, &low); \
        return value; \
    }
TRIG_FUNCTION(sin, double_of(bits_of(trig_sin(n, r, low)) ^ (bits_of(x) & 0x8000000000000000)))
TRIG_FUNCTION(cos, trig_sin(n + 1, r, low))
TRIG_FUNCTION(tan, double_of(bits_of(trig_tan(n, r, low)) ^ (bits_of(x) & 0x8000000000000000)))
#undef TRIG_FUNCTION

#endif
