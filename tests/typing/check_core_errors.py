"""Every marked line is an error to a type checker, and no other; mypy reads this file, nothing runs it."""

# ruff: noqa: B015

import math

from autograd import Value, functions, no_grad

x = Value(1.0)

Value("1")  # error
Value(None)  # error
Value(x)  # error
Value()  # error
Value(1.0, 2.0)  # error
Value(1.0, label=3)  # error
x.data = "1"  # error
x.grad = None  # error
x._op = 3  # error
x._prev = {1.0}  # error
x.backward(None)  # error
x.backward(gradient="1")  # error
x + "1"  # error
"1" + x  # error
x * None  # error
x + 1j  # error
x @ 2  # error
x < "1"  # error
math.exp(x)  # error
float(x)  # error
int(x)  # error
len(x)  # error
functions.exp("1")  # error
functions.exp(x, x)  # error
functions.hypot(x)  # error
functions.sum(3)  # error
functions.clip(x, "0")  # error
no_grad(print)  # error
x.unknown()  # error
