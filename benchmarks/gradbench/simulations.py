"""Steps in time: lstm and ode."""

import itertools

import numpy as np
from registry import problem, warmed

from autograd import compile, exp, grad, log, scan, sigmoid, sum, tanh, vjp, vmap

# ---------------------------------------------------------------------------------------------------------------------
# lstm: a network that predicts the bits of the next character. All of its matrices are diagonal, so that nothing passes
# from unit to unit before the loss. The units, one for each bit, are the lanes of the program.


def predictions(main, extra, state, bits):
    """Return a unit's outputs for its bits of all characters.

    `main` has a row of weights and a row of biases of the four gates for every layer, `state` the hidden and the cell
    state of every layer.
    """

    def step(state, bit):
        signal = bit * extra[0]
        following = []
        for weights, biases, hidden, cell in zip(main[0::2], main[1::2], state[0::2], state[1::2], strict=True):
            forget = sigmoid(signal * weights[0] + biases[0])
            ingate = sigmoid(hidden * weights[1] + biases[1])
            outgate = sigmoid(signal * weights[2] + biases[2])
            change = tanh(hidden * weights[3] + biases[3])
            cell = cell * forget + ingate * change
            signal = outgate * tanh(cell)
            following += [signal, cell]
        return following, signal * extra[1] + extra[2]

    return scan(step, list(state), bits)[1]


def parameter_gradient(main, extra, state, bits, adjoints):
    """Return a unit's adjoints of its parameters from those of its outputs."""
    return vjp(lambda main, extra: predictions(main, extra, state, bits), main, extra)[1](adjoints)


def log_likelihood(outputs, bits):
    """Return the likelihood of a character, up to a factor."""
    total = log(sum([exp(output) for output in outputs]) + 2)
    return sum([bit * (output - total) for bit, output in zip(bits, outputs, strict=True)])


class Network:
    """The mean loss over a text, and its gradient."""

    predictions = staticmethod(compile(vmap(predictions)))
    parameter_gradient = staticmethod(compile(vmap(parameter_gradient)))
    log_likelihoods = staticmethod(compile(vmap(log_likelihood)))
    output_adjoints = staticmethod(compile(vmap(grad(log_likelihood))))

    def __init__(self, given):
        main, extra, state, sequence = (
            np.array(given[name]) for name in ("main_params", "extra_params", "state", "sequence")
        )
        units = extra.shape[1]
        main = main.reshape(-1, 4, units).transpose(2, 0, 1)
        self.units = [np.ascontiguousarray(array) for array in (main, extra.T, state.T, sequence[:-1].T)]
        self.following = sequence[1:]

    def outputs(self):
        return np.ascontiguousarray(self.predictions(*self.units).T)

    def loss(self):
        return -self.log_likelihoods(self.outputs(), self.following).sum() / self.following.size

    def gradient(self):
        adjoints = -self.output_adjoints(self.outputs(), self.following) / self.following.size
        main, extra = self.parameter_gradient(*self.units, np.ascontiguousarray(adjoints.T))
        return np.concatenate([main.transpose(1, 2, 0).ravel(), extra.T.ravel()])


problem("lstm", "objective")(lambda given: warmed(Network(given).loss))
problem("lstm", "jacobian", np.ndarray.tolist)(lambda given: warmed(Network(given).gradient))


# ---------------------------------------------------------------------------------------------------------------------
# ode: y[i]' = x[i] y[i - 1], where y[-1] = 1, from zero to two by the Runge-Kutta method of order four. What y[i] is
# after a step depends on itself and four neighbours below. The components are the lanes.

REACH = 4


def runge_kutta(x, y, h):
    """Return y[i] after a step, from x[i - 3], ..., x[i] and y[i - 4], ..., y[i]."""
    k1 = [x[j] * y[j] for j in range(4)]
    k2 = [x[j] * (y[j] + h * k1[j - 1] / 2) for j in range(1, 4)]
    k3 = [x[j] * (y[j] + h * k2[j - 2] / 2) for j in range(2, 4)]
    k4 = x[3] * (y[3] + h * k3[0])
    return y[4] + h * (k1[3] + 2 * k2[2] + 2 * k3[1] + k4) / 6


def step_adjoints(x, y, h, adjoint):
    """Return the adjoints of all that a step takes from that of its result."""
    return vjp(lambda x, y: runge_kutta(x, y, h), x, y)[1](adjoint)


class Chain:
    """The state at the end, and the gradient of its last component."""

    step = staticmethod(compile(vmap(runge_kutta, in_axes=(0, 0, None))))
    adjoints = staticmethod(compile(vmap(step_adjoints, in_axes=(0, 0, None, 0))))

    def __init__(self, given):
        # In front stand zeros, and y[-1] = 1, which stay what they are as their x are zero.
        x = np.concatenate([np.zeros(REACH), given["x"]])
        self.shape = given["s"] + 1, len(x)
        self.h = 2 / given["s"]
        self.x = self.windows(x)[1:]

    def windows(self, values):
        """Return what the lanes see: for each neighbour, lowest first, the part of an array that holds it."""
        return [values[j : j + self.shape[1] - REACH] for j in range(REACH + 1)]

    def states(self):
        """Return the states before and after every step."""
        states = np.zeros(self.shape)
        states[:, REACH - 1] = 1
        for before, after in itertools.pairwise(states):
            after[REACH:] = self.step(self.x, self.windows(before), self.h)
        return states

    def last(self):
        return self.states()[-1, REACH:]

    def gradient(self):
        gradient = np.zeros(self.shape[1])
        adjoint = np.zeros(self.shape[1])
        adjoint[-1] = 1
        for before in self.states()[-2::-1]:
            by_x, by_y = self.adjoints(self.x, self.windows(before), self.h, adjoint[REACH:])
            adjoint = np.zeros_like(adjoint)
            for part, addend in zip(self.windows(gradient)[1:], by_x, strict=True):
                part += addend
            for part, addend in zip(self.windows(adjoint), by_y, strict=True):
                part += addend
        return gradient[REACH:]


problem("ode", "primal", np.ndarray.tolist)(lambda given: warmed(Chain(given).last))
problem("ode", "gradient", np.ndarray.tolist)(lambda given: warmed(Chain(given).gradient))
