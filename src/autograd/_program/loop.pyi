from typing import Any

from typing_extensions import disjoint_base

from autograd._interpreter.interpreter import Subprogram
from autograd._program.call import Call

@disjoint_base
class Sweep: ...
@disjoint_base
class Sum: ...
@disjoint_base
class Loop(Subprogram):
    __name__: str
    recording: Loop | None
    def pushforward(self, active: list[bool]) -> tuple[Loop, list[int]]: ...
    def pullback(self, received: list[bool], active: list[bool]) -> tuple[Loop, list[int], list[int]]: ...
    def some(
        self, variables: list[tuple[int, int]], flags: list[bool]
    ) -> tuple[list[tuple[int, int]], list[int]]: ...

def lower_batch(call: Call, code: Any, operands: list[int]) -> list[int]: ...
