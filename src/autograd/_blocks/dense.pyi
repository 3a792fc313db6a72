from typing import Any

from typing_extensions import disjoint_base

from autograd._core import Block, Deferred

@disjoint_base
class Plan(Deferred): ...

@disjoint_base
class DenseBlock(Block): ...

@disjoint_base
class Fields:
    @property
    def _fields(self) -> dict[str, Any]: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __setstate__(self, state: dict[str, Any], /) -> None: ...

@disjoint_base
class DenseNeuron(Fields):
    w: Any
    b: Any
    nonlin: Any
    activation: Any
    def __call__(self, x: Any) -> Any: ...

@disjoint_base
class DenseLayer(Fields):
    neurons: Any
    def __call__(self, x: Any) -> Any: ...

@disjoint_base
class DenseNetwork(Fields):
    layers: Any
    def __call__(self, x: Any) -> Any: ...

@disjoint_base
class DenseDropout(Fields):
    p: Any
    training: Any
    rng: Any
    def __call__(self, x: Any) -> Any: ...
