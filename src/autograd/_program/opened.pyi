from autograd._core import Value
from autograd._program.program import Program

class Term:
    name: str
    operands: list[Term | Value | float]
    label: str
    data: float | None
    grad: float | None
    def __init__(self, name: str, operands: list[Term | Value | float], label: str = "") -> None: ...

def terms_of_program(program: Program) -> list[Term]: ...
def open_block(value: Value) -> tuple[list[Term | Value | float], int] | None: ...
