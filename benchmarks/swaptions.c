/* A path of the swaption portfolio in the LIBOR market model, as `swaptions` in models.py: the value alone, without its
   161 sensitivities, in scalar C as one would write it. Compiled without the options that let a compiler call vector
   functions or change the order of operations. */

#include <math.h>

#define RATES 80
#define STEPS 40
#define SWAPTIONS 15

static const int maturities[SWAPTIONS] = {4, 4, 4, 8, 8, 8, 20, 20, 20, 28, 28, 28, 40, 40, 40};
static const double strikes[3] = {0.045, 0.05, 0.055};

static double value_of_path(double d, const double *volatilities, const double *initial_rates, const double *normals)
{
    double rates[RATES], bonds[RATES - STEPS], annuities[RATES - STEPS];

    for (int i = 0; i < RATES; i++)
        rates[i] = initial_rates[i];
    for (int n = 0; n < STEPS; n++) {
        double shock = sqrt(d) * normals[n], drift = 0.0;
        for (int i = n + 1; i < RATES; i++) {
            double volatility = volatilities[i - n - 1], c = d * volatility;
            drift += c * rates[i] / (1.0 + d * rates[i]);
            rates[i] *= exp(c * drift + volatility * (shock - c / 2.0));
        }
    }

    double bond = 1.0, annuity = 0.0, value = 0.0;
    for (int i = STEPS; i < RATES; i++) {
        bond /= 1.0 + d * rates[i];
        annuity += d * bond;
        bonds[i - STEPS] = bond;
        annuities[i - STEPS] = annuity;
    }
    for (int j = 0; j < SWAPTIONS; j++) {
        int k = maturities[j] - 1;
        double payoff = 1.0 - bonds[k] - strikes[j % 3] * annuities[k];
        value += 100.0 * (payoff > 0.0 ? payoff : 0.0);
    }
    for (int n = 0; n < STEPS; n++)
        value /= 1.0 + d * rates[n];
    return value;
}

/* Evaluate so many paths; `normals` has a row of STEPS numbers for each. */
void swaptions(double d, const double *volatilities, const double *initial_rates, const double (*normals)[STEPS],
               double *values, int paths)
{
    for (int path = 0; path < paths; path++)
        values[path] = value_of_path(d, volatilities, initial_rates, normals[path]);
}
