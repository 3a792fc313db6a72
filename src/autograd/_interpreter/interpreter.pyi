# What Cython adds to every module.
from typing_extensions import disjoint_base

@disjoint_base
class Session: ...
@disjoint_base
class Subprogram: ...
