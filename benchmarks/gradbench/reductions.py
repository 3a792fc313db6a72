"""Sums over many rows: hello, det, llsq, lse, gmm and kmeans."""

import functools
import math

import numpy as np
from registry import SumOfRows, problem, warmed

from autograd import compile, dot, exp, grad, jvp, log, logsumexp, sum, value_and_grad, vjp, vmap, where

# ---------------------------------------------------------------------------------------------------------------------
# hello: a square

problem("hello", "square")(lambda x: warmed(compile(lambda x: x * x), x))
problem("hello", "double")(lambda x: warmed(compile(grad(lambda x: x * x)), x))


# ---------------------------------------------------------------------------------------------------------------------
# det: a determinant by minors


def determinant(matrix):
    """Expand along the first row; a minor, which its columns name, is computed once."""
    n = len(matrix)

    @functools.cache
    def minor(columns):
        if not columns:
            return 1.0
        row = matrix[n - len(columns)]
        total = 0.0
        for j, column in enumerate(columns):
            term = row[column] * minor(columns[:j] + columns[j + 1 :])
            total = total - term if j % 2 else total + term
        return total

    return minor(tuple(range(n)))


def matrix_of(given):
    return np.reshape(given["A"], (given["ell"], given["ell"]))


problem("det", "primal")(lambda given: warmed(compile(determinant), matrix_of(given)))
problem("det", "gradient", lambda result: result.ravel().tolist())(
    lambda given: warmed(compile(grad(determinant)), matrix_of(given))
)


# ---------------------------------------------------------------------------------------------------------------------
# llsq: a polynomial fitted to a step


def squared_residual(x, t):
    polynomial = 0.0
    for coefficient in x[::-1]:
        polynomial = polynomial * t + coefficient
    step = where(t > 0, 1.0, where(t < 0, -1.0, 0.0))
    return 0.5 * (step - polynomial) ** 2


def least_squares(given, method):
    times = -1 + np.arange(given["n"]) * 2 / (given["n"] - 1)
    return warmed(getattr(SumOfRows(squared_residual), method), np.array(given["x"]), times)


problem("llsq", "primal")(lambda given: least_squares(given, "value"))
problem("llsq", "gradient", np.ndarray.tolist)(lambda given: least_squares(given, "gradient"))


# ---------------------------------------------------------------------------------------------------------------------
# lse: the logarithm of a sum of exponentials, about the largest


def shifted_exponential(x, top):
    return exp(x - top)


def entry_adjoint(x, top, adjoint):
    """Return the adjoint of an entry; those by the largest in its second role cancel and are left out."""
    return vjp(lambda x: shifted_exponential(x, top), x)[1](adjoint)[0]


shifted_exponentials = compile(vmap(shifted_exponential, in_axes=(0, None)))
entry_adjoints = compile(vmap(entry_adjoint, in_axes=(0, None, None)))
logarithm = compile(value_and_grad(lambda total: log(total)))


def log_sum_exp(x):
    top = x.max()
    return logarithm(shifted_exponentials(x, top).sum())[0] + top


def log_sum_exp_gradient(x):
    top = x.max()
    return entry_adjoints(x, top, logarithm(shifted_exponentials(x, top).sum())[1])


problem("lse", "primal")(lambda given: warmed(log_sum_exp, np.array(given["x"])))
problem("lse", "gradient", np.ndarray.tolist)(lambda given: warmed(log_sum_exp_gradient, np.array(given["x"])))


# ---------------------------------------------------------------------------------------------------------------------
# gmm: the posterior of a mixture of Gaussians


def mixture_parts(parameters, d, k):
    """Split the flat parameters into weights, means, log-diagonals and strict lower triangles."""
    triangle = d * (d - 1) // 2
    alpha, means, diagonals, lower = np.split(np.asarray(parameters), np.cumsum([k, k * d, k * d]))
    return alpha, means.reshape(k, d), diagonals.reshape(k, d), lower.reshape(k, triangle)


def log_density(component, x):
    """Return the logarithm of the density of a component at a point, up to a constant."""
    d = len(x)
    weight, mean, diagonal, lower = (
        component[0],
        component[1 : d + 1],
        component[d + 1 : 2 * d + 1],
        component[2 * d + 1 :],
    )
    centred = [x[i] - mean[i] for i in range(d)]
    entries = []
    for i in range(d):
        # The triangle is stored by columns; column j starts after those of lengths d - 1, d - 2, ...
        row = [lower[j * d - j * (j + 1) // 2 + i - j - 1] for j in range(i)]
        entries.append(dot([exp(diagonal[i]), *row], [centred[i], *centred[:i]]))
    return weight + sum(list(diagonal)) - 0.5 * dot(entries, entries)


def mixture_prior(parameters, *, d, k, n, gamma, m):
    """Return the terms that no point enters, but for constants."""
    alpha, _, diagonals, lower = mixture_parts(parameters, d, k)
    total = -n * logsumexp(list(alpha))
    for diagonal, triangle in zip(diagonals, lower, strict=True):
        entries = [exp(q) for q in diagonal] + list(triangle)
        total = total - 0.5 * gamma * gamma * dot(entries, entries) + m * sum(list(diagonal))
    return total


def log_multigamma(a, d):
    return 0.25 * d * (d - 1) * math.log(math.pi) + math.fsum(math.lgamma(a - 0.5 * j) for j in range(d))


class Mixture:
    """The log-posterior of a mixture and its gradient, one component after the other."""

    log_densities = staticmethod(compile(vmap(log_density, in_axes=(None, 0))))
    weighted = SumOfRows(lambda component, x, weight: weight * log_density(component, x), columns=2)
    log_sums = staticmethod(compile(vmap(value_and_grad(logsumexp))))

    def __init__(self, given):
        d, k, n, gamma, m = (given[name] for name in ("d", "k", "n", "gamma", "m"))
        self.sizes = d, k
        self.x = np.array(given["x"])
        self.parameters = np.concatenate([np.ravel(given[name]) for name in ("alpha", "mu", "q", "l")])
        freedom = d + m + 1
        self.constant = -n * d * 0.5 * math.log(2 * math.pi) + k * (
            freedom * d * (math.log(gamma) - 0.5 * math.log(2)) - log_multigamma(0.5 * freedom, d)
        )
        self.prior = compile(value_and_grad(functools.partial(mixture_prior, d=d, k=k, n=n, gamma=gamma, m=m)))

    def components(self):
        """Return the parameters with a row for every component."""
        return np.column_stack(mixture_parts(self.parameters, *self.sizes))

    def likelihoods(self, components):
        """Return the log-likelihoods of the points, and the share that every component has in them."""
        terms = np.column_stack([self.log_densities(component, self.x) for component in components])
        return self.log_sums(terms)

    def value(self):
        likelihoods, _ = self.likelihoods(self.components())
        return likelihoods.sum() + self.prior(self.parameters)[0] + self.constant

    def gradient(self):
        components = self.components()
        _, shares = self.likelihoods(components)
        rows = [self.weighted.gradient(row, self.x, share) for row, share in zip(components, shares.T, strict=True)]
        d = self.sizes[0]
        prior = mixture_parts(self.prior(self.parameters)[1], *self.sizes)
        alpha, *others = np.split(np.array(rows), [1, d + 1, 2 * d + 1], axis=1)
        return [by_rows + by_prior for by_rows, by_prior in zip((alpha[:, 0], *others), prior, strict=True)]


problem("gmm", "objective")(lambda given: warmed(Mixture(given).value))


def encode_parts(parts):
    return {name: part.tolist() for name, part in zip(("alpha", "mu", "q", "l"), parts, strict=True)}


problem("gmm", "jacobian", encode_parts)(lambda given: warmed(Mixture(given).gradient))


# ---------------------------------------------------------------------------------------------------------------------
# kmeans: a step of Newton's method on the distances to the nearest centroids


def squared_distance(centroid, point):
    return sum([(c - p) * (c - p) for c, p in zip(centroid, point, strict=True)])


def nearest(centroids, point):
    """Return the squared distance to the nearest centroid and its index."""
    closest, index = squared_distance(centroids[0], point), 0.0
    for j in range(1, len(centroids)):
        distance = squared_distance(centroids[j], point)
        index = where(distance < closest, float(j), index)
        closest = where(distance < closest, distance, closest)
    return closest, index


def slope_and_curvature(centroid, point):
    """Return the gradient and the diagonal of the Hessian, the others being zero, of the distance."""
    gradient = grad(squared_distance)
    return jvp(lambda c: gradient(c, point), (centroid,), (np.ones(len(centroid)),))


def newton_direction(search, derivatives, centroids, points):
    """Return the gradient over the curvature; a point's distance depends on the nearest centroid only."""
    chosen = search(centroids, points)[1].astype(int)
    slopes, curvatures = derivatives(centroids[chosen], points)
    entries = (chosen[:, None] * centroids.shape[1] + np.arange(centroids.shape[1])).ravel()
    gradient, curvature = (
        np.bincount(entries, part.ravel(), centroids.size).reshape(centroids.shape) for part in (slopes, curvatures)
    )
    return gradient / curvature


def clustering(function):
    search = compile(vmap(nearest, in_axes=(None, 0)))
    derivatives = compile(vmap(slope_and_curvature))
    return lambda given: warmed(
        functools.partial(function, search, derivatives), np.array(given["centroids"]), np.array(given["points"])
    )


problem("kmeans", "cost")(clustering(lambda search, _, centroids, points: search(centroids, points)[0].sum()))
problem("kmeans", "dir", np.ndarray.tolist)(clustering(newton_direction))
