"""Functions of upper layers that lower layers call: registered by the package, imported when they are called."""

from __future__ import annotations

import pkgutil
from typing import Any

#: By name, ``module:function``.
FUNCTIONS: dict[str, str] = {}


def call(name: str, *arguments: Any) -> Any:
    """Call a registered function."""
    return pkgutil.resolve_name(FUNCTIONS[name])(*arguments)
