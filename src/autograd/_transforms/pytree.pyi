from typing_extensions import disjoint_base

@disjoint_base
class Tree:
    @property
    def name(self) -> str: ...

@disjoint_base
class Builder: ...

@disjoint_base
class Reader: ...

@disjoint_base
class Leaves: ...

@disjoint_base
class Numbers(Leaves): ...

@disjoint_base
class Objects(Leaves): ...
