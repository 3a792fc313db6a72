"""Names of other frameworks, and what people write by habit, are answered with what to write here."""

import asyncio
import importlib.util
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd
from autograd import MLP, Value, _elsewhere, detect_anomaly, no_grad

HINTS = [(module, name) for module, names in _elsewhere.NAMES.items() for name in names]


@pytest.mark.parametrize("module, name", HINTS)
def test_a_name_of_another_framework_is_answered(module, name):
    here = re.escape(_elsewhere.NAMES[module][name])
    with pytest.raises(AttributeError, match=rf"^module '{module}' has no attribute '{name}'; here it is {here}$"):
        getattr(importlib.import_module(module), name)
    with pytest.raises(ImportError, match=rf"no attribute '{name}'; here it is {here}$"):
        exec(f"from {module} import {name}")
    assert not hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("module, name", HINTS)
def test_an_answer_names_what_there_is(module, name):
    for named in re.findall(r"autograd(?:\.\w+)+", _elsewhere.NAMES[module][name]):
        thing = autograd
        for part in named.split(".")[1:]:
            thing = getattr(thing, part)
    first = re.match(r"(\w+)\(", _elsewhere.NAMES[module][name])
    assert first is None or hasattr(autograd, first[1])


@pytest.mark.parametrize("name", _elsewhere.NAMES["autograd"])
def test_a_module_of_another_framework_is_answered(name):
    here = re.escape(_elsewhere.NAMES["autograd"][name])
    for module in (name, f"{name} as anp", f"{name}.deeper"):
        with pytest.raises(ModuleNotFoundError, match=rf"^no module named 'autograd.{name}'; here it is {here}$"):
            exec(f"import autograd.{module}")


def test_an_unknown_module_is_an_ordinary_error():
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'autograd.nothing'$"):
        exec("import autograd.nothing")
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'numpy.engine'$"):
        exec("import numpy.engine")


@pytest.mark.parametrize("module", _elsewhere.NAMES)
def test_an_unknown_name_is_an_ordinary_error(module):
    with pytest.raises(AttributeError, match=rf"^module '{module}' has no attribute 'nothing'$") as raised:
        importlib.import_module(module).nothing  # noqa: B018
    # Python suggests a name of the module of a misspelt one.
    assert raised.value.name == "nothing" and raised.value.obj is importlib.import_module(module)
    with pytest.raises(ImportError, match=f"^cannot import name 'nothing' from '{module}'"):
        exec(f"from {module} import nothing")


PUBLIC = {
    name: f"{module}.{name}"
    for module in reversed(_elsewhere._PUBLIC) for name in importlib.import_module(module).__all__ if name[0] != "_"
}


@pytest.mark.parametrize("module", _elsewhere.NAMES)
def test_a_name_of_another_module_of_the_package_is_answered(module):
    for name, place in PUBLIC.items():
        if name not in _elsewhere.NAMES[module] and not hasattr(importlib.import_module(module), name):
            answer = rf"^module '{module}' has no attribute '{name}'; here it is {place}$"
            with pytest.raises(AttributeError, match=answer):
                getattr(importlib.import_module(module), name)
            with pytest.raises(ImportError, match=answer):
                exec(f"from {module} import {name}")
    assert not hasattr(autograd, "Adam") and not hasattr(autograd, "summary")


def test_every_public_module_is_an_attribute_of_the_package():
    package = Path(autograd.__file__).parent
    names = {path.stem for path in package.glob("*.py") if not path.stem.startswith("_")}
    if importlib.util.find_spec("sklearn") is None:
        names.remove("sklearn")
    code = f"import autograd; [getattr(autograd, name).__all__ for name in {sorted(names)}]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_where_initial_weights_are_drawn_from():
    """Python's module random, as in micrograd; a generator of NumPy's where one asks for it."""

    def weights(**options):
        return [parameter.data for parameter in MLP(2, [3, 1], **options).parameters()]

    def twice(begin, **options):
        begin()
        first = weights(**options)
        begin()
        return first == weights(**options)

    assert twice(lambda: random.seed(1))
    assert not twice(lambda: np.random.seed(1))
    assert twice(lambda: np.random.seed(1), rng=np.random)
    assert twice(lambda: None, seed=1)
    with pytest.raises(AttributeError, match=r"numpy.random.seed does not seed and random.seed does; rng=numpy.random"):
        autograd.seed  # noqa: B018


@pytest.mark.parametrize("switch", [no_grad, detect_anomaly], ids=lambda switch: switch.__name__)
class TestSwitches:
    """What no_grad and detect_anomaly share."""

    def test_a_decorator_is_called_or_not(self, switch):
        x = Value(2.0)

        @switch
        def bare(y):
            """A docstring."""
            return x * y

        @switch()
        def called(y):
            return x * y

        assert bare(3.0).data == called(3.0).data == 6.0
        assert (bare.__name__, bare.__doc__) == ("bare", "A docstring.")
        if switch is no_grad:
            assert not bare(3.0)._prev and not called(3.0)._prev and (x * 3.0)._prev

    def test_a_method_is_decorated(self, switch):
        class Model:
            @switch
            def twice(self, x):
                return x * 2

        assert Model().twice(Value(3.0)).data == 6.0

    def test_a_context_manager_without_parentheses(self, switch):
        with pytest.raises(TypeError, match=rf"^write `with {switch.__name__}\(\):`, with parentheses"), switch:
            pytest.fail("entered")

    @pytest.mark.parametrize("thing", [3, int, "f"])
    def test_what_is_no_function(self, switch, thing):
        with pytest.raises(TypeError, match=rf"^{switch.__name__} decorates a function, got {thing!r}; around"):
            switch(thing)

    def test_bodies_that_run_after_the_call(self, switch):
        async def coroutine():
            await asyncio.sleep(0)

        async def asynchronous():
            yield

        def generator():
            yield

        for function in (coroutine, asynchronous, generator):
            with pytest.raises(TypeError, match=f"cannot decorate the .* {function.__name__}, whose"):
                switch(function)
            with pytest.raises(TypeError, match="cannot decorate"):
                switch()(function)

    def test_leaving_without_entering(self, switch):
        with pytest.raises(RuntimeError, match=f"this thread is in no {switch.__name__} block"):
            switch().__exit__(None, None, None)
