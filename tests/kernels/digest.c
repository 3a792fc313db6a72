/* Prints a digest of the bits of each elementary function at fixed arguments; they are the same on every machine, and for
 * a number alone. */
#include "points.h"

enum { POINTS = 20000, LANES = 203 };

/* FNV-1a; all nans are one. */
static uint64_t digest(uint64_t hash, double x)
{
    const uint64_t bits = x == x ? bits_of(x) : 0x7ff8000000000000;
    for (int i = 0; i < 64; i += 8)
        hash = (hash ^ (bits >> i & 0xff)) * 0x100000001b3;
    return hash;
}

/* `ordinary` makes the arguments such that no block has a special one. */
enum { ANY, SMALL, POSITIVE };
static void print_digest(const char *name, unary_kernels *unary, binary_kernels *binary, double (*unary_at)(double),
                         double (*binary_at)(double, double), int ordinary)
{
    uint64_t hash = 0xcbf29ce484222325;
    state = 0x9e3779b97f4a7c15;
    for (uint64_t i = 0; i < POINTS; i += LANES) {
        double x[LANES], y[LANES], z[LANES];
        for (int j = 0; j < LANES; j++)
            if (unary)
                x[j] = argument(i + j, -8.0, 8.0);
            else
                arguments(i + j, binary == kernels_pow, &x[j], &y[j]);
        for (int j = 0; ordinary && j < LANES; j++) {
            if (ordinary == SMALL)
                x[j] = fabs(x[j]) < 300.0 ? x[j] : 3.0;
            else
                x[j] = fabs(x[j]) >= 0x1p-1022 && fabs(x[j]) < INFINITY ? fabs(x[j]) : 3.0;
            y[j] = !unary && fabs(y[j]) < 0x1p66 ? y[j] : -0.7;
        }
        if (unary)
            unary(LANES, x, z);
        else
            binary(LANES, x, y, z);
        for (int j = 0; j < LANES; j++) {
            hash = digest(hash, z[j]);
            if (digest(0, z[j]) != digest(0, unary ? unary_at(x[j]) : binary_at(x[j], y[j])))
                printf("%s differs at %a %a\n", name, x[j], unary ? 0.0 : y[j]);
        }
    }
    printf("%s %016llx\n", name, (unsigned long long)hash);
}

int main(void)
{
#define PRINT(name) print_digest(#name, kernels_##name, NULL, kernel_##name, NULL, ANY);
    KERNELS_UNARY(PRINT)
    KERNELS_PERIODIC(PRINT)
#undef PRINT
#define PRINT(name) print_digest(#name, NULL, kernels_##name, NULL, kernel_##name, ANY);
    KERNELS_BINARY(PRINT)
#undef PRINT
#define PRINT(name) print_digest(#name "_ordinary", kernels_##name, NULL, kernel_##name, NULL, POSITIVE);
    KERNELS_LOGARITHM(PRINT)
#undef PRINT
#define PRINT(name) print_digest(#name "_ordinary", kernels_##name, NULL, kernel_##name, NULL, SMALL);
    KERNELS_HALVES(PRINT)
    print_digest("pow_ordinary", NULL, kernels_pow, NULL, kernel_pow, POSITIVE);
    return 0;
}
