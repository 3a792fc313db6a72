from collections.abc import Callable, Sequence
from typing import Any

from autograd._core import Value
from autograd._program.program import Program

def packed(program: Program) -> tuple[bytes, list[Value], list[Callable[..., Any]]]: ...
def to_file(program: Program) -> bytes: ...
def unpacked(
    content: bytes, captured: list[Value] | None = None, functions: Sequence[Callable[..., Any]] = ()
) -> Program: ...
