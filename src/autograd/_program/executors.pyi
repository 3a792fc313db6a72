from typing import Any

from typing_extensions import disjoint_base

from autograd._program.program import Program

def run_chunk(
    token: str,
    keys: tuple[bytes, ...],
    contents: tuple[bytes | None, ...],
    captured: tuple[bytes, ...],
    varying: bytes,
    summed: bytes | None,
    lanes: int,
    data: bytes,
    threads: int,
    serial: int,
) -> tuple[bytes, list[tuple[int, bytes | None]]] | None: ...
@disjoint_base
class Team:
    def __init__(self, source: Any, chunk: int, threads: int) -> None: ...
    def run(self, functions: Any, inputs_at: int, lanes: int, outputs_at: int, parts: list[Any] | None) -> int: ...
    def run_summed(
        self, program: Program, varying: bytes, summed: bytes, lanes: int, rows_at: int, inputs_at: int, outputs_at: int
    ) -> bool: ...

def first_row(part: tuple[Program, bytes]) -> int: ...
