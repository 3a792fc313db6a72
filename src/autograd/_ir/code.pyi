from typing_extensions import disjoint_base

@disjoint_base
class Code:
    @property
    def inputs(self) -> int: ...

@disjoint_base
class DerivativeRule:
    __name__: str
    def __call__(self, *operands: float) -> tuple[float, ...]: ...
