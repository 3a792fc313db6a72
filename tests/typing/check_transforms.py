"""What a type checker must conclude of transforms; mypy and pyright read this file, nothing runs it."""

from typing import Any, assert_type

from autograd import Value, compile, grad, hessian, jacfwd, jacobian, jacrev, value_and_grad, vmap


def area(width: Value | float, height: Value | float = 1.0, *, scale: int = 1) -> Value | float:
    return width * height * scale


assert_type(grad(area)(2.0, 3.0), Any)
assert_type(value_and_grad(area)(2.0, height=3.0), tuple[Any, Any])
assert_type(compile(area)(2.0, scale=2), Any)
assert_type(hessian(jacobian(area))(2.0), Any)
assert_type(jacfwd(jacrev(area))(2.0), Any)
assert_type(vmap(area, in_axes={"width": 0})([2.0, 3.0], scale=2), Any)


@compile(max_ways=4)
def decorated(x: float, n: int) -> float:
    return x * n


@grad(argnums=1)
def by_y(x: float, y: float) -> float:
    return x * y


@vmap(in_axes=(0, None))
def mapped(x: float, y: float) -> float:
    return x * y


assert_type(decorated(2.0, 3), Any)
assert_type(by_y(x=2.0, y=3.0), Any)
assert_type(mapped([2.0], 3.0), Any)
