"""Scalar expressions and their gradients, from Andrej Karpathy's lecture on micrograd.

Run ``python examples/expression.py``. Each derivative is printed beside the one worked out by hand or published; the
exit status is 1 if one is off.
"""

import math
import sys

from autograd import Value


def product_of_sums():
    """L = (a*b + c) * f, by the chain rule on paper."""
    a, b, c, f = (Value(x, label=name) for name, x in (("a", 2.0), ("b", -3.0), ("c", 10.0), ("f", -2.0)))
    d = a * b + c
    L = d * f
    L.backward()
    return "L = (a*b + c) * f", L, -8.0, [(a, 6.0), (b, -4.0), (c, -2.0), (f, 4.0)]


def neuron():
    """o = tanh(x1*w1 + x2*w2 + b), whose bias makes the derivative of tanh exactly 1/2."""
    x1, x2, w1, w2 = (Value(x, label=name) for name, x in (("x1", 2.0), ("x2", 0.0), ("w1", -3.0), ("w2", 1.0)))
    b = Value(6.0 + math.atanh(math.sqrt(0.5)), label="b")
    o = (x1 * w1 + x2 * w2 + b).tanh()
    o.backward()
    return "o = tanh(x1*w1 + x2*w2 + b)", o, math.sqrt(0.5), [(x1, -1.5), (w1, 1.0), (x2, 0.5), (w2, 0.0), (b, 0.5)]


def many_operations():
    """The expression of micrograd's README, with the numbers published there."""
    a = Value(-4.0, label="a")
    b = Value(2.0, label="b")
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    gradients = [(a, 138.83381924198252), (b, 645.5772594752186)]
    return "g = f/2 + 10/f with f = (c - d)**2, ...", g, 24.70408163265306, gradients


def main():
    right = True
    for expression in (product_of_sums, neuron, many_operations):
        title, result, value, gradients = expression()
        print(title)
        rows = [("value", result.data, value)] + [(f"d/d{x.label}", x.grad, expected) for x, expected in gradients]
        for name, computed, expected in rows:
            agrees = math.isclose(computed, expected, rel_tol=1e-12, abs_tol=1e-12)
            right = right and agrees
            print(f"  {name:6} {computed:20.15g}   {'as' if agrees else 'NOT as'} expected: {expected:.10g}")
        print()
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
