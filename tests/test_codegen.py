"""Malformed rows fail the build with their name; a row added to the table is all that a primitive needs."""

import importlib.util
import math
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

import autograd
from autograd import _core, ops
from autograd.ops import Op

PACKAGE = Path(autograd.__file__).parent


def load(path):
    """Import a file by its path, as ``setup.py`` does."""
    spec = importlib.util.spec_from_file_location(f"_test_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def codegen():
    path = PACKAGE / "_build" / "codegen.py"
    if not path.exists():
        pytest.skip("the code generator is not installed")
    return load(path)


@pytest.mark.parametrize(
    "value, grads, complaint",
    [
        ("sin(q)", ("g",), "unknown name 'q'"),
        ("a + r", ("g",), "unknown name 'r'"),
        ("a * g", ("g",), "unknown name 'g'"),
        ("sin(a)", ("g * x",), "unknown name 'x'"),
        ("sin(a)", ("g * b",), "unknown name 'b'"),
        ("sin(a)", ("g * c",), "unknown name 'c'"),
        ("a * b", ("g * z", "g * a"), "unknown name 'z'"),
        ("sine(a)", ("g",), "unknown function sine/1"),
        ("sin(a, a)", ("g",), "unknown function sin/2"),
        ("math.sin(a)", ("g",), "math.sin"),
        ("sin(a)", ("cos(a)",), "not linear in g"),
        ("sin(a)", ("g * g",), "not linear in g"),
        ("sin(a)", ("g + 1",), "not linear in g"),
        ("sin(a)", ("1 - g",), "not linear in g"),
        ("sin(a)", ("1 / g",), "not linear in g"),
        ("sin(a)", ("g ** 2",), "not linear in g"),
        ("sin(a)", ("2 ** g",), "not linear in g"),
        ("sin(a)", ("sin(g)",), "not linear in g"),
        ("sin(a)", ("where(g > 0, g, 0)",), "not linear in g"),
        ("sin(a)", ("where(a > g, g, 0)",), "not linear in g"),
        ("sin(a)", ("where(a > 0, g, 1)",), "not linear in g"),
        ("sin(a)", ("r",), "not linear in g"),
        ("a * b", ("g * b",), "missing for operand b"),
        ("a * c", ("g",), "missing for operand c"),
        ("sin(a)", (), "1 operands, but 0 gradient formulas"),
        ("sin(a)", ("g", "g", "g"), "1 operands, but 3 gradient formulas"),
        ("sin(a", ("g",), "cannot be parsed"),
        ("sin(a)", ("g *",), "cannot be parsed"),
        ("", ("g",), "cannot be parsed"),
        ("a = 1", ("g",), "cannot be parsed"),
        ("a if a > 0 else 0", ("g",), "formula language"),
        ("where(a, 1, 2)", ("g",), "unknown function where/3"),
        ("where(0 < a < 1, a, 0)", ("g",), "unknown function where/3"),
        ("where(a > 0, a)", ("g",), "unknown function where/2"),
        ("a > 0", ("g",), "formula language"),
        ("a // 2", ("g",), "formula language"),
        ("a % 2", ("g",), "formula language"),
        ("+a", ("g",), "formula language"),
        ("not a", ("g",), "formula language"),
        ("a + True", ("g",), "formula language"),
        ("a + 'x'", ("g",), "formula language"),
        ("a + 1j", ("g",), "formula language"),
        ("lambda: a", ("g",), "formula language"),
        ("sin(x=a)", ("g",), "formula language"),
        ("sin(*a)", ("g",), "formula language"),
        ("a.real", ("g",), "formula language"),
        ("a[0]", ("g",), "formula language"),
        ("(a, a)", ("g",), "formula language"),
    ],
)
def test_a_malformed_row_fails_with_its_name(value, grads, complaint):
    row = Op("faulty", value, grads)
    rows = (ops.OPS["sin"], ops.OPS["cos"], row)
    for function in (ops.check, ops.build):
        with pytest.raises(ValueError) as caught:
            function(rows)
        assert "'faulty'" in str(caught.value)
        assert complaint in str(caught.value)


def test_two_rows_of_one_name_fail():
    with pytest.raises(ValueError, match="two rows of one name"):
        ops.build((ops.OPS["sin"], ops.OPS["sin"]))


@pytest.mark.parametrize("formula", ["g", "-g", "0", "g * 0", "g + g", "-g / a", "where(a > 0, g, 0)", "2 * (g * a)"])
def test_formulas_linear_in_g_pass(formula):
    row = Op("fine", "a + 1", (formula,))
    assert ops.build((row,)) == {"fine": row}


def test_the_rows_with_an_immediate_are_derived():
    rows = ops.build((Op("power", "a ** b", ("g * b * a ** (b - 1)", "g * r * a"), symbol="**"),))
    assert list(rows) == ["power", "power_c", "c_power"]
    assert (rows["power_c"].value, rows["power_c"].grads, rows["power_c"].arguments) == (
        "a ** c",
        ("g * c * a ** (c - 1)",),
        "ac",
    )
    assert (rows["c_power"].value, rows["c_power"].grads, rows["c_power"].arguments) == ("c ** a", ("g * r * c",), "ca")
    assert [rows[name].symbol for name in rows] == ["**", "**{c}", "**"]
    commutative = ops.build((Op("plus", "a + b", ("g", "g"), commutative=True),))
    assert list(commutative) == ["plus", "plus_c"]


@pytest.mark.parametrize(
    "formula, expected",
    [
        ("a", "a"),
        ("-a", "(-a)"),
        ("2", "2.0"),
        ("1 / 2", "(1.0 / 2.0)"),
        ("a - b - c", "((a - b) - c)"),
        ("a - (b - c)", "(a - (b - c))"),
        ("-a ** b", "(-power(a, b))"),
        ("a ** -b", "power(a, (-b))"),
        ("where(a < 0, 1, b)", "((a < 0.0) ? 1.0 : b)"),
        ("where(a != b, 0, exp(-abs(a)))", "((a != b) ? 0.0 : op_exp((-op_abs(a))))"),
        ("0.6931471805599453", "0.6931471805599453"),
        ("1e300", "1e+300"),
    ],
)
def test_to_c(codegen, formula, expected):
    assert codegen.to_c(formula, "op_{}".format) == expected


def cube():
    return Op("cube", "a ** 3", ("g * 3 * a * a",), doc="Cube", parameters=("x",), example=(2.0,))


def altered(tmp_path, *rows):
    """Return a copy of the table with further rows."""
    text = (PACKAGE / "ops.py").read_text(encoding="utf-8")
    marker = "\nCOMPOSITES"
    assert text.count(marker) == 1
    path = tmp_path / "ops.py"
    path.write_text(text.replace(marker, f"\n_ROWS += ({', '.join(map(repr, rows))},)\n{marker}"), encoding="utf-8")
    return load(path)


def test_adding_a_row_is_enough(codegen, tmp_path):
    table = altered(tmp_path, cube())
    assert table.digest() != ops.digest()
    codegen.write(table, tmp_path)
    header = (tmp_path / "_kernels" / "ops.h").read_text(encoding="utf-8")
    declarations = (tmp_path / "_ops.pxi").read_text(encoding="utf-8")
    assert "OP_CUBE,\n" in header
    assert "double op_cube(double a) { return power(a, 3.0); }" in header
    assert "case OP_CUBE: return op_cube(a);" in header
    assert "case OP_CUBE: { const double a = *pa; *ga += (((g * 3.0) * a) * a); return (unsigned)1.0; }" in header
    assert "OP_CUBE\n" in declarations
    assert "def cube(x, /):" in declarations
    assert ">>> cube(2.0)\n    8.0\n" in declarations
    assert "'cube'" in declarations.split("OP_FUNCTIONS = ")[1]


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_header_is_c_that_computes_the_rows(codegen, tmp_path):
    codegen.write(altered(tmp_path, cube()), tmp_path)
    main = r"""
        #include <stdio.h>
        #include "_kernels/ops.h"
        int main(void) {
            double a = 3.0, b = 0.5, ga = 1.0, gb = 1.0;
            printf("%.17g %.17g ", op_value(OP_CUBE, a, 0, 0), op_value(OP_C_SUB, a, 0, 10.0));
            op_push(OP_CUBE, 2.0, 27.0, 0, &a, &a, &ga, &ga);
            op_push(OP_DIV, 2.0, 6.0, 0, &a, &b, &ga, &gb);
            printf("%.17g %.17g %d %d %d", ga, gb, op_python_fallback(OP_CUBE), op_python_fallback(OP_LOG),
                   op_python_fallback(OP_HYPOT));
            return 0;
        }"""
    (tmp_path / "main.c").write_text(main, encoding="utf-8")
    flags = ["-Wall", "-Wextra", "-Werror", "-std=c99", f"-I{PACKAGE / '_kernels'}"]
    subprocess.run(["cc", *flags, "-o", tmp_path / "main", tmp_path / "main.c", "-lm"], check=True)
    printed = subprocess.run([tmp_path / "main"], check=True, capture_output=True, text=True).stdout
    assert [float(x) for x in printed.split()] == [27.0, 7.0, 1 + 54 + 4, 1 - 24, 0, 1, 2]


def entries(text):
    """Return the lists of ``_kernels/primitives.h`` as their lines."""
    lists = text.split("#define LANE_")[1:]
    return {x.partition("(")[0]: re.findall(r"^    (X\(.*\))", x, flags=re.MULTILINE) for x in lists}


def test_the_rows_that_the_interpreter_has_instructions_for(codegen, tmp_path):
    further = (
        cube(),
        Op("step", "where(a < b, 1, 0)", ("0", "0")),
        Op("same", "a", ("g",)),
        Op("twice_tan", "2 * tan(a)", ("g",)),
        Op("log_abs", "log(abs(a))", ("g / a",)),
        Op("log_gamma", "log_gamma(a)", ("0",), libm="lgamma"),
    )
    lists = entries(codegen.lanes(altered(tmp_path, *further)))
    assert list(lists) == ["UNARY", "BINARY", "FUNCTIONS"]
    unary = ("neg", "abs", "sign", "floor", "ceil", "trunc", "rint", "sqrt", "deg2rad", "rad2deg")
    unary += ("relu", "stop_gradient", "same")
    assert lists["UNARY"] == [f"X(OP_{x.upper()}, op_{x})" for x in unary]
    assert {"X(OP_ADD, op_add)", "X(OP_MAXIMUM, op_maximum)", "X(OP_STEP, op_step)"} < set(lists["BINARY"])
    functions = {"X(OP_POW, 2, pow)", "X(OP_ERF, 1, erf)", "X(OP_ARCTAN2, 2, arctan2)", "X(OP_SIGMOID, 1, sigmoid)"}
    assert functions < set(lists["FUNCTIONS"])
    assert "X(OP_LOG_GAMMA, 1, log_gamma)" in lists["FUNCTIONS"]
    everything = "".join(sum(lists.values(), []))
    assert not re.search(r"OP_(CUBE|TWICE_TAN|LOG_ABS|SILU|GELU|ADD_C)\b", everything)


def test_write_leaves_alone_what_is_right(codegen, tmp_path):
    codegen.write(ops, tmp_path)

    def written():
        return {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    before = written()
    assert set(before) == {"maps.h", "ops.h", "pairs.h", "primitives.h", "_ops.pxi"}
    codegen.write(ops, tmp_path)
    assert written() == before
    (tmp_path / "_kernels" / "ops.h").write_text("", encoding="utf-8")
    codegen.write(ops, tmp_path)
    assert (tmp_path / "_kernels" / "ops.h").read_text(encoding="utf-8") == codegen.header(ops)


def test_the_core_was_built_from_the_table(codegen):
    assert ops.digest() == _core.TABLE_DIGEST
    assert (*codegen.SPECIAL, *ops.OPS) == _core.OP_NAMES


def test_a_core_of_another_table_is_refused(tmp_path, run_python):
    copy = tmp_path / "autograd"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.c", "*.html"))
    table = copy / "ops.py"
    table.write_text(table.read_text(encoding="utf-8").replace('("g * r",)', '("r * g",)'), encoding="utf-8")
    program = """
import sys
sys.path.insert(0, sys.argv[1])
try:
    import autograd
except ImportError as error:
    print(error)
"""
    assert "rebuild" in run_python(program, str(tmp_path))


def test_the_table_needs_nothing_of_the_package(tmp_path):
    """The build loads it by its path, before there is a core."""
    table = load(PACKAGE / "ops.py")
    assert isinstance(table, types.ModuleType)
    assert table.digest() == ops.digest()
    assert ops.evaluate(table.OPS["hypot"].value, {"a": 3.0, "b": 4.0}) == math.hypot(3, 4)
