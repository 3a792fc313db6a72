/* The training step on the two moons, by hand for this one network: the limit that the engines are held against.

   MLP(2, [16, 16, 1]) with ReLU, point after point, mean hinge loss, 1e-4 times the sum of the squared parameters,
   gradient descent. The parameters are in micrograd's order: for each neuron its weights, then its bias. Sums run
   over independent neurons in the inner loops, so that a compiler may use vectors without reordering a single one. */

#define WIDTH 16
#define ALPHA 1e-4

struct network {
    double first[WIDTH][3];
    double second[WIDTH][WIDTH + 1];
    double third[WIDTH + 1];
};
#define PARAMETERS ((int)(sizeof(struct network) / sizeof(double)))

/* Columns of the second layer: its forward pass adds one to all neurons at once. */
static void transpose(const struct network *network, double columns[WIDTH][WIDTH])
{
    for (int j = 0; j < WIDTH; j++)
        for (int k = 0; k < WIDTH; k++)
            columns[k][j] = network->second[j][k];
}

static inline double score_of(const struct network *network, double columns[WIDTH][WIDTH], const double *point,
                              double *hidden, double *outer)
{
    double score = network->third[WIDTH];

    for (int k = 0; k < WIDTH; k++) {
        double sum = network->first[k][2] + network->first[k][0] * point[0] + network->first[k][1] * point[1];
        hidden[k] = sum > 0.0 ? sum : 0.0;
    }
    for (int j = 0; j < WIDTH; j++)
        outer[j] = network->second[j][WIDTH];
    for (int k = 0; k < WIDTH; k++)
        for (int j = 0; j < WIDTH; j++)
            outer[j] += columns[k][j] * hidden[k];
    for (int j = 0; j < WIDTH; j++) {
        outer[j] = outer[j] > 0.0 ? outer[j] : 0.0;
        score += network->third[j] * outer[j];
    }
    return score;
}

/* Return the mean hinge loss; `correct` receives the share of points on the right side. */
double moons_loss(const struct network *network, const double (*points)[2], const double *labels, int count,
                  double *correct)
{
    double columns[WIDTH][WIDTH], hidden[WIDTH], outer[WIDTH], loss = 0.0;
    int right = 0;

    transpose(network, columns);
    for (int i = 0; i < count; i++) {
        double score = score_of(network, columns, points[i], hidden, outer);
        double margin = 1.0 - labels[i] * score;
        right += (labels[i] > 0.0) == (score > 0.0);
        loss += margin > 0.0 ? margin : 0.0;
    }
    *correct = (double)right / count;
    return loss / count;
}

/* Make a step in place and return the loss before it; `correct` receives the share of points on the right side. */
double moons_step(struct network *network, const double (*points)[2], const double *labels, int count,
                  double learning_rate, double *correct)
{
    struct network gradient = {0};
    double columns[WIDTH][WIDTH], loss = 0.0;
    int right = 0;

    transpose(network, columns);
    for (int i = 0; i < count; i++) {
        double x = points[i][0], y = points[i][1], label = labels[i];
        double hidden[WIDTH], outer[WIDTH], hidden_adjoint[WIDTH] = {0};
        double score = score_of(network, columns, points[i], hidden, outer);

        right += (label > 0.0) == (score > 0.0);
        double margin = 1.0 - label * score;
        if (!(margin > 0.0))
            continue;
        loss += margin;

        double adjoint = -label / count;
        gradient.third[WIDTH] += adjoint;
        for (int j = 0; j < WIDTH; j++) {
            gradient.third[j] += adjoint * outer[j];
            if (!(outer[j] > 0.0))
                continue;
            double outer_adjoint = adjoint * network->third[j];
            gradient.second[j][WIDTH] += outer_adjoint;
            for (int k = 0; k < WIDTH; k++) {
                gradient.second[j][k] += outer_adjoint * hidden[k];
                hidden_adjoint[k] += outer_adjoint * network->second[j][k];
            }
        }
        for (int k = 0; k < WIDTH; k++) {
            double adjoint_k = hidden[k] > 0.0 ? hidden_adjoint[k] : 0.0;
            gradient.first[k][0] += adjoint_k * x;
            gradient.first[k][1] += adjoint_k * y;
            gradient.first[k][2] += adjoint_k;
        }
    }

    double *p = (double *)network, *g = (double *)&gradient, squares = 0.0;
    for (int n = 0; n < PARAMETERS; n++) {
        squares += p[n] * p[n];
        p[n] -= learning_rate * (g[n] + 2.0 * ALPHA * p[n]);
    }
    *correct = (double)right / count;
    return loss / count + ALPHA * squares;
}
