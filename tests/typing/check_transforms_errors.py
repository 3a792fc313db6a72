"""Every marked line is an error to a type checker, and no other; mypy reads this file, nothing runs it."""

from autograd import Value, compile, grad, register_pytree_node, value_and_grad, vmap


def area(width: Value | float, height: Value | float = 1.0, *, scale: int = 1) -> Value | float:
    return width * height * scale


@compile(static_argnames="n")
def power(x: float, n: int) -> float:
    return x**n


grad(area)("1")  # error
grad(area)()  # error
grad(area)(1.0, depth=2.0)  # error
grad(3)  # error
grad(area, argnums="width")  # error
value_and_grad(area)(1.0, scale="2")  # error
value_and_grad(area)(1.0) + 1  # error
power("2", 3)  # error
power(2.0)  # error
compile(area, max_ways="4")  # error
compile(area)(1.0, 2.0, 3)  # error
vmap(3)  # error
vmap(area, threads="2")  # error
register_pytree_node(3, 4, 5)  # error
