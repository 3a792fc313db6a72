"""A reverse-mode engine in sixty lines of Python, against which the compiled one is tested.

A node is a float and a tuple of (parent, partial derivative). Whoever reads it to learn reverse mode finds all of it in
`gradients`: order the nodes so that each comes after its parents, then walk back and hand every parent its share.
"""

import math


class Node:
    """A number and how its parents move it."""

    def __init__(self, data, *parents):
        self.data = float(data)
        self.parents = parents

    def __add__(self, other):
        other = lift(other)
        return Node(self.data + other.data, (self, 1.0), (other, 1.0))

    def __sub__(self, other):
        other = lift(other)
        return Node(self.data - other.data, (self, 1.0), (other, -1.0))

    def __mul__(self, other):
        other = lift(other)
        return Node(self.data * other.data, (self, other.data), (other, self.data))

    def __truediv__(self, other):
        other = lift(other)
        return Node(self.data / other.data, (self, 1 / other.data), (other, -self.data / other.data / other.data))

    def __neg__(self):
        return Node(-self.data, (self, -1.0))

    def __abs__(self):
        return Node(abs(self.data), (self, float((self.data > 0) - (self.data < 0))))

    def tanh(self):
        return Node(math.tanh(self.data), (self, math.cosh(self.data) ** -2 if abs(self.data) < 300 else 0.0))

    def sin(self):
        return Node(math.sin(self.data), (self, math.cos(self.data)))

    def relu(self):
        return Node(max(self.data, 0.0), (self, float(self.data > 0)))


def lift(x):
    return x if isinstance(x, Node) else Node(x)


def gradients(root, seed=1.0):
    """Return the derivative of `seed` times `root` with respect to every node, by node."""
    order, seen, stack = [], {root}, [(root, iter(root.parents))]
    while stack:
        node, parents = stack[-1]
        parent = next((p for p, _ in parents if p not in seen), None)
        if parent is None:
            order.append(stack.pop()[0])
        else:
            seen.add(parent)
            stack.append((parent, iter(parent.parents)))
    result = dict.fromkeys(order, 0.0)
    result[root] = seed
    for node in reversed(order):
        for parent, partial in node.parents:
            result[parent] += result[node] * partial
    return result


def gradient_magnitudes(root):
    """Return the sums of the absolute values of what the gradients are the sums of: the scale of their rounding."""
    order = list(gradients(root))
    result = dict.fromkeys(order, 0.0)
    result[root] = 1.0
    for node in reversed(order):
        for parent, partial in node.parents:
            # Near the flat ends tanh has a derivative that is all rounding.
            result[parent] += result[node] * max(abs(partial), 1e-3)
    return result
