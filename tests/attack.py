"""Attack the transforms with random functions: `python tests/attack.py --seed 0 --count 5000`.

Every function (`random_functions`) runs eagerly, compiled, in a batch and in threads, is differentiated up to the third
order by random compositions of transforms, and is compared with nested dual numbers (`dual_numbers`). Points near which
a comparison may go either way are left out. A failure prints the function and what differs; ``--only`` repeats one.
"""

import argparse
import random
import re
import sys
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor

import dual_numbers
import numpy as np
from dual_numbers import Dual, slope_in
from random_functions import NAMES, source

import autograd
from autograd import Neuron, Value, compile, functions, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp, vmap

LANES = 4
#: Relative to the largest derivative of the order and those below; by order.
TOLERANCES = (1e-11, 1e-10, 1e-9, 1e-8)
#: Points are left out where numbers closer than this are compared, or a derivative is larger than this.
LEAST_MARGIN, LARGEST = 1e-6, 300.0

STRUCTURES = {
    "list": list,
    "array": lambda numbers: np.stack(numbers, axis=-1) if np.ndim(numbers[0]) else np.array(numbers),
    "tuple": lambda numbers: (tuple(numbers[:2]), numbers[2]),
    "dict": lambda numbers: {"a": numbers[0], "b": list(numbers[1:])},
    "dicts": lambda numbers: [{"n": number} for number in numbers],
}

threads = ThreadPoolExecutor(2)


def leaves(x):
    """Return the numbers in a structure, flat; Values stay Values."""
    if isinstance(x, dict):
        return [leaf for item in x.values() for leaf in leaves(item)]
    if isinstance(x, (list, tuple)):
        return [leaf for item in x for leaf in leaves(item)]
    return x.ravel().tolist() if isinstance(x, np.ndarray) else [x]


def floats(x):
    return [leaf.data if isinstance(leaf, Value) else leaf for leaf in leaves(x)]


def derivative(function):
    """Return the derivative as a function of Values: for a number, what `function` captures would be a constant."""
    return lambda x: grad(function)(x if isinstance(x, Value) else Value(x))


def object_array(numbers):
    return np.array(numbers, dtype=object)


class Case:
    """One random function, for Values and for dual numbers."""

    def __init__(self, seed):
        self.random = random.Random(f"{seed} attack")
        self.structure, self.source = source(seed)
        # Without a Value, arrays and batches have NumPy's numbers, which raise nothing.
        self.may_differ = bool(re.search(r"mapped|array\(", self.source) and "except" in self.source)
        self.neuron = Neuron(2, activation="tanh", rng=self.random)
        self.parameters = [Value(self.random.uniform(-1, 1)), Value(self.random.uniform(-1, 1))]
        self.parameters += self.neuron.parameters()
        names = {name: getattr(functions, name) for name in NAMES if hasattr(functions, name)}
        self.function = self.build({
            **names, "p": self.parameters, "neuron": self.neuron,
            "derivative": derivative, "compiled": compile, "mapped": vmap,
            "where": autograd.where, "stop": lambda x: x.detach() if isinstance(x, Value) else x,
            "number": lambda x: x.data if isinstance(x, Value) else x, "array": object_array,
        })  # fmt: skip
        self.duals = []
        names = {name: getattr(dual_numbers, name) for name in NAMES if hasattr(dual_numbers, name)}
        self.on_duals = self.build({
            **names, "p": self.duals, "compiled": lambda g: g, "mapped": lambda g: lambda xs: [g(x) for x in xs],
            "neuron": lambda xs: dual_numbers.tanh(dual_numbers.dot(xs, self.duals[2:4]) + self.duals[4]),
            "stop": dual_numbers.primal, "number": dual_numbers.primal, "array": object_array,
        })  # fmt: skip

    def build(self, names):
        exec(self.source, names)
        return names["f"]

    def argument(self, numbers):
        return STRUCTURES[self.structure](numbers)

    def point(self):
        return [self.random.uniform(-1.5, 1.5) for _ in range(3)]

    # -- the reference

    def exact(self, numbers):
        """The function of dual numbers, of the inputs followed by the parameters."""
        self.duals[:] = numbers[3:]
        x = list(numbers[:3])
        if self.structure != "array":
            x = self.argument(x)
        return self.on_duals(x)

    def slope(self, at, *directions):
        """Return the derivative at a point in one direction after another."""
        function = self.exact
        for direction in directions:
            function = differentiated(function, direction)
        return float(dual_numbers.primal(function(at)))

    def is_good(self, at):
        """Whether no comparison near a point may go either way, and there is a derivative."""
        Dual.margins = []
        try:
            self.exact([Dual(0, x, 0.0) for x in at])
            return min(Dual.margins, default=1.0) > LEAST_MARGIN
        except ArithmeticError:
            return False
        finally:
            Dual.margins = None

    # -- the attack

    def run(self):
        """Compare everything; return the number of points that were compared."""
        data = [p.data for p in self.parameters]
        points = [x for x in (self.point() for _ in range(2 * LANES)) if self.is_good([*x, *data])][:LANES]
        if not points:
            return 0
        exact = [self.first_order([*x, *data]) for x in points]
        kept = [i for i, numbers in enumerate(exact) if max(map(abs, numbers)) < LARGEST]
        points, exact = [points[i] for i in kept], [exact[i] for i in kept]
        if not points:
            return 0
        self.compiled = compile(self.function)
        self.eager(points, exact)
        self.programs(points, exact)
        self.batches(points, exact)
        self.changed_parameters(points[0])
        for x in points[:2]:
            self.higher_orders(x)
        return len(points)

    def first_order(self, at):
        """Return the value, and the derivative by every input and parameter."""
        return [self.slope(at), *(self.slope(at, unit(i, len(at))) for i in range(len(at)))]

    def eager(self, points, exact):
        for f in (self.function, self.compiled, compile(self.function)):
            for x, numbers in zip(points, exact, strict=True):
                self.clear()
                values = [Value(number) for number in x]
                result = f(self.argument(values))
                result.backward()
                got = [result.data, *(v.grad for v in values), *(p.grad for p in self.parameters)]
                self.compare(f"backward of {f!r}", got, numbers, 1)
                plain = object_array(x) if self.structure == "array" else self.argument(x)
                if not self.may_differ:
                    with autograd.no_grad():
                        self.compare(f"no_grad of {f!r}", floats(f(plain)), numbers[:1], 0)
                some = [v if self.random.random() < 0.5 else v.data for v in values]
                for v in values:
                    v.grad = 0.0
                result = f(self.argument(some))
                if isinstance(result, Value):
                    result.backward()
                    got = [v.grad for v in some if isinstance(v, Value)]
                    expected = [slope for slope, v in zip(numbers[1:4], some, strict=True) if isinstance(v, Value)]
                    self.compare(f"some Values in {f!r}", got, expected, 1)

    def clear(self):
        for p in self.parameters:
            p.grad = 0.0

    def programs(self, points, exact):
        derivative = value_and_grad(self.compiled)
        results = [derivative(self.argument(x)) for x in points]
        for (value, slopes), x, numbers in zip(results, points, exact, strict=True):
            self.compare("value_and_grad", [*floats(value), *floats(slopes)], numbers[:4], 1)
            self.compare("grad of plain", floats(grad(self.function)(self.argument(x))), numbers[1:4], 1)
            self.compare("compiled", floats(self.compiled(self.argument(x))), numbers[:1], 0)
        in_threads = threads.map(derivative, [self.argument(x) for x in points] * 3)
        for result, again in zip(results * 3, in_threads, strict=True):
            self.same_bits("threads", floats(again), floats(result))

    def batches(self, points, exact):
        columns = np.array(points).T
        rows = vmap(self.compiled)(self.argument(list(columns)))
        self.compare("vmap", floats(rows), [numbers[0] for numbers in exact], 0)
        self.same_bits("vmap", floats(rows), [floats(self.compiled(self.argument(x)))[0] for x in points])
        derivative = grad(self.compiled)
        slopes = np.array([floats(derivative(self.argument(x))) for x in points])
        batch = vmap(grad(self.function) if self.random.random() < 0.5 else derivative)(self.argument(list(columns)))
        self.same_bits("vmap of grad", self.by_lane(batch, len(points)), slopes.ravel())
        many = vmap(derivative, threads=2)(self.argument([np.resize(column, 300) for column in columns]))
        self.same_bits("vmap of grad in threads", self.by_lane(many, 300), np.resize(slopes, (300, 3)).ravel())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            few = vmap(compile(self.function, max_ways=self.random.randint(1, 2)))(self.argument(list(columns)))
        self.same_bits("vmap with few specializations", floats(few), floats(rows))
        # Backward through a batch: the gradients of the parameters add up.
        self.clear()
        results = [row for row in leaves(rows) if isinstance(row, Value)]
        if results:
            sum(results).backward()
            expected = [sum(numbers[4 + i] for numbers in exact) for i in range(len(self.parameters))]
            self.compare("backward of vmap", [p.grad for p in self.parameters], expected, 1)

    def by_lane(self, batch, lanes):
        """Return the numbers of a batch, those of one lane side by side."""
        if self.structure == "array":
            return floats(batch)
        return np.array(floats(batch)).reshape(3, lanes).T.ravel().tolist()

    def changed_parameters(self, x):
        before = [p.data for p in self.parameters]
        for p in self.parameters:
            p.data = self.random.uniform(-1, 1)
        at = [*x, *(p.data for p in self.parameters)]
        if self.is_good(at):
            exact = self.first_order(at)
            if max(map(abs, exact)) < LARGEST:
                value, slopes = value_and_grad(self.compiled)(self.argument(x))
                self.compare("changed parameters", [*floats(value), *floats(slopes)], exact[:4], 1)
        for p, number in zip(self.parameters, before, strict=True):
            p.data = number

    def higher_orders(self, x):
        data = [p.data for p in self.parameters]
        at, rest = [*x, *data], [0.0] * len(data)
        u, w = ([self.random.uniform(-1, 1) for _ in range(3)] for _ in "uw")
        second = [self.slope(at, [*u, *rest], unit(i, len(at))) for i in range(len(at))]
        third = [self.slope(at, [*u, *rest], [*w, *rest], unit(i, len(at))) for i in range(3)]
        if max(map(abs, second + third)) > LARGEST:
            return
        f, argument = self.maybe(self.function), self.argument(x)
        along_u, along_w = self.argument(u), self.argument(w)

        def slope_of(f, direction):
            return self.maybe(lambda x: jvp(f, (x,), (direction,))[1])

        def gradient_dot(f, direction):
            """The derivative in a direction by reverse mode."""
            return self.maybe(lambda x: sum(a * b for a, b in zip(leaves(grad(f)(x)), direction, strict=True)))

        def contracted(matrix, direction):
            return (np.array(floats(matrix)).reshape(-1, 3) @ direction).tolist()

        seconds = {
            "hessian": lambda: contracted(hessian(f)(argument), u),
            "hvp": lambda: floats(hvp(f, (argument,), (along_u,))),
            "jacobian of grad": lambda: contracted(jacobian(self.maybe(grad(f)))(argument), u),
            "grad of jvp": lambda: floats(self.maybe(grad(slope_of(f, along_u)))(argument)),
            "grad of grad": lambda: floats(grad(gradient_dot(f, u))(argument)),
            "jvp of grad": lambda: floats(jvp(self.maybe(grad(f)), (argument,), (along_u,))[1]),
            "vjp of grad": lambda: floats(vjp(self.maybe(grad(f)), argument)[1](along_u)),
            "vmap of jvp of grad": lambda: floats(
                vmap(lambda x: jvp(grad(f), (x,), (along_u,))[1])(self.argument([np.array([number]) for number in x]))
            ),
            "vmap over directions": lambda: contracted(
                self.by_lane(vmap(lambda v: hvp(f, (argument,), (v,)))(self.argument(list(np.eye(3)))), 3), u
            ),
        }
        self.compare("backward of grad", self.backward_of_grad(f, x, u), second, 2)
        for name in self.random.sample(sorted(seconds), 4):
            self.compare(name, seconds[name](), second[:3], 2)
        thirds = {
            "hessian of jvp": lambda: contracted(hessian(slope_of(f, along_u))(argument), w),
            "hessian of grad": lambda: contracted(self.maybe(hessian(gradient_dot(f, u)))(argument), w),
            "jacobian of hessian": lambda: contracted([contracted(jacobian(hessian(f))(argument), u)], w),
            "grad of jvp of jvp": lambda: floats(grad(slope_of(slope_of(f, along_u), along_w))(argument)),
            "grad of grad of grad": lambda: floats(grad(gradient_dot(gradient_dot(f, u), w))(argument)),
            "hvp of grad": lambda: floats(hvp(gradient_dot(f, u), (argument,), (along_w,))),
            "jvp of hvp": lambda: floats(jvp(lambda x: hvp(f, (x,), (along_u,)), (argument,), (along_w,))[1]),
            "vjp of jvp of grad": lambda: floats(
                vjp(lambda x: jvp(grad(f), (x,), (along_u,))[1], argument)[1](along_w)
            ),
        }
        for name in self.random.sample(sorted(thirds), 3):
            self.compare(name, thirds[name](), third, 3)

    def backward_of_grad(self, f, x, u):
        self.clear()
        values = [Value(number) for number in x]
        result = sum(slope * number for slope, number in zip(leaves(grad(f)(self.argument(values))), u, strict=True))
        if isinstance(result, Value):
            result.backward()
        return [v.grad for v in (*values, *self.parameters)]

    def maybe(self, f):
        """Compile a function or not."""
        return compile(f) if self.random.random() < 0.3 else f

    # -- comparing

    def compare(self, what, got, expected, order):
        tolerance = TOLERANCES[order] * max([1.0, *map(abs, expected)])
        if len(got) != len(expected) or not all(abs(a - b) <= tolerance for a, b in zip(got, expected, strict=True)):
            raise AssertionError(f"{what} gives {got}, dual numbers {list(expected)}")

    def same_bits(self, what, got, expected):
        if np.array(got, float).tobytes() != np.array(expected, float).tobytes():
            raise AssertionError(f"{what} gives {list(got)}, a program at each point {list(expected)}")


def differentiated(function, direction):
    return lambda at: slope_in(function, at, direction)


def unit(i, count):
    return [float(i == k) for k in range(count)]


def attack(seed, i):
    """Attack one function; return the number of points compared, and the report of a failure or None."""
    case = Case(f"{seed}/{i}")
    try:
        return case.run(), None
    except Exception as error:
        return 0, f"function {i} of seed {seed}:\n\n{case.source}\n{''.join(traceback.format_exception(error))}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=200, help="how many functions")
    parser.add_argument("--only", type=int, help="the number of the only function to run")
    options = parser.parse_args()
    chosen = range(options.count) if options.only is None else [options.only]
    points = unused = failures = 0
    for i in chosen:
        compared, report = attack(options.seed, i)
        points += compared
        failures += report is not None
        unused += not compared and report is None
        if report is not None:
            print(report, flush=True)
    print(f"{len(chosen)} functions, {unused} of them without a good point, {points} points, {failures} failures")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
