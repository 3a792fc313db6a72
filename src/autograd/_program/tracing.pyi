from typing_extensions import disjoint_base

from autograd._core import Tracer

@disjoint_base
class Observation: ...

@disjoint_base
class Trace(Tracer): ...
