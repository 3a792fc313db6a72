/* Prints a digest of the bits of each elementary function at fixed arguments; they are the same on every machine. */
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

static void print_digest(const char *name, unary_kernels *unary, binary_kernels *binary)
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
        if (unary)
            unary(LANES, x, z);
        else
            binary(LANES, x, y, z);
        for (int j = 0; j < LANES; j++)
            hash = digest(hash, z[j]);
    }
    printf("%s %016llx\n", name, (unsigned long long)hash);
}

int main(void)
{
#define PRINT(name) print_digest(#name, kernels_##name, NULL);
    KERNELS_UNARY(PRINT)
    KERNELS_PERIODIC(PRINT)
#undef PRINT
#define PRINT(name) print_digest(#name, NULL, kernels_##name);
    KERNELS_BINARY(PRINT)
    return 0;
}
