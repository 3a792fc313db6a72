"""Sparse derivatives: patterns, colorings, and the arrays, against paper, definitions and dense derivatives."""

import pickle
import subprocess
import sys
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sparse_problems import HESSIANS, JACOBIANS, NONZEROS

from autograd import Value, compile, exp, grad, hessian, hvp, jacobian, jvp, scan, sin, vmap, where
from autograd._transforms.structure import coloring
from autograd.transforms import Coloring, Sparsity

sparse = pytest.importorskip("scipy.sparse")
optimize = pytest.importorskip("scipy.optimize")


def pattern_of(pairs, shape):
    array = np.zeros(shape, bool)
    for pair in pairs:
        array[pair] = True
    return array


def jacobian_by_directions(f, x):
    """Return the Jacobian, a column at a time, each in forward mode by itself."""
    columns = [jvp(lambda x: list(f(x)), (x,), (direction,))[1] for direction in np.eye(len(x))]
    return np.array(columns).T


def hessian_by_directions(f, x):
    return np.array([hvp(f, (x,), (direction,))[0] for direction in np.eye(len(x))])


# ---------------------------------------------------------------------------------------------------------------------
# Definitions, after Gebremedhin, Manne and Pothen (2005)


def is_structurally_orthogonal(pattern, colors):
    """No two columns of one color have an entry in one row."""
    return all((pattern[:, colors == color].sum(1) <= 1).all() for color in set(colors.tolist()))


def is_star_coloring(pattern, colors):
    """Neighbors differ in color, and every path over four vertices has at least three colors."""
    n = len(pattern)
    near = [[j for j in range(n) if j != i and pattern[i, j]] for i in range(n)]
    if any(colors[i] == colors[j] for i in range(n) for j in near[i]):
        return False
    return not any(
        colors[a] == colors[c] and colors[b] == colors[d]
        for a in range(n) for b in near[a] for c in near[b] if c != a for d in near[c] if d not in (a, b)
    )  # fmt: skip


def check_coloring(found, pattern):
    assert found.sparsity.toarray().tolist() == pattern.tolist()
    if found.by == "symmetric":
        assert is_star_coloring(pattern, found.colors)
    else:
        assert is_structurally_orthogonal(pattern if found.by == "columns" else pattern.T, found.colors)
    # Every entry is alone in the sum where it is read.
    sums = [(pattern if found.by != "rows" else pattern.T)[:, group].sum(1) for group in found.groups]
    assert all(sums[color][line] == 1 for line, color in zip(*found.sources(), strict=True))


patterns = st.integers(0, 12).flatmap(
    lambda m: st.integers(0, 12).flatmap(
        lambda n: st.lists(st.tuples(st.integers(0, max(m - 1, 0)), st.integers(0, max(n - 1, 0))), max_size=30).map(
            lambda pairs: pattern_of(pairs if m and n else [], (m, n))
        )
    )
)


@given(patterns)
def test_colorings_of_any_pattern(pattern):
    check_coloring(coloring(Sparsity(pattern), False), pattern)
    square = pattern[: min(pattern.shape), : min(pattern.shape)]
    check_coloring(coloring(Sparsity(square | square.T), True), square | square.T)


@given(patterns)
def test_patterns_of_any_matrix(array):
    pattern = Sparsity(array)
    assert pattern.toarray().tolist() == array.tolist()
    assert (pattern.shape, pattern.nnz) == (array.shape, array.sum())
    assert pattern.transpose().toarray().tolist() == array.T.tolist()
    assert pattern == Sparsity(sparse.coo_array(array)) == pickle.loads(pickle.dumps(pattern))
    assert pattern | pattern == pattern and pattern in pattern
    assert (Sparsity(np.zeros(array.shape)) == pattern) == (pattern.nnz == 0)


def test_published_colorings():
    # Figure 4.1 of "What color is your Jacobian?".
    figure = np.array([
        [1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 1, 1], [0, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 0, 1], [0, 1, 0, 0, 1, 0], [0, 1, 0, 1, 0, 1],
    ])  # fmt: skip
    assert coloring(Sparsity(figure), True).count == 3
    for diagonals in (2, 3, 10, 20):
        distance = abs(np.subtract.outer(np.arange(60), np.arange(60)))
        found = coloring(Sparsity(distance <= diagonals // 2), True)
        assert found.count == 2 * (diagonals // 2) + 1
    arrow = np.eye(10)
    arrow[0] = arrow[:, 0] = 1
    assert coloring(Sparsity(arrow), True).count == 2
    assert coloring(Sparsity(arrow), False).count == 10
    # A row or column that is full takes as many colors of the other.
    assert [coloring(Sparsity(arrow[:1]), False).by, coloring(Sparsity(arrow[:, :1]), False).by] == ["rows", "columns"]


# ---------------------------------------------------------------------------------------------------------------------
# Published problems


@pytest.mark.parametrize("name", JACOBIANS)
def test_the_jacobian_of_a_published_problem(name):
    f, n, pairs = JACOBIANS[name]
    x = np.random.default_rng(n).uniform(0.5, 1.5, n)
    derivative = jacobian(f, sparse=True)
    expected = pattern_of(pairs, (len(f(x)), n))
    check_coloring(derivative.coloring(x), expected)
    reference = jacobian_by_directions(f, x)
    np.testing.assert_allclose(derivative(x).toarray(), reference, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(np.array(jacobian(compile(f))(x)), reference, rtol=1e-13, atol=1e-14)


def test_the_brusselator_has_432_nonzeros():
    f, n, _ = JACOBIANS["Brusselator"]
    pattern = jacobian(f, sparse=True).sparsity(np.ones(n))
    assert (pattern.shape, pattern.nnz) == ((72, 72), 432)


@pytest.mark.parametrize("name", HESSIANS)
def test_the_hessian_of_a_published_problem(name):
    f, n, pairs = HESSIANS[name]
    x = np.random.default_rng(n).uniform(0.5, 1.5, n)
    derivative = hessian(f, sparse=True)
    found = derivative.coloring(x)
    assert found.by == "symmetric"
    if n <= 100:
        check_coloring(found, pattern_of(pairs, (n, n)))
    else:
        assert set(zip(found.sparsity.rows.tolist(), found.sparsity.columns.tolist(), strict=True)) == pairs
    reference = hessian_by_directions(compile(f), x)
    scale = abs(reference).max()
    np.testing.assert_allclose(derivative(x).toarray(), reference, rtol=1e-12, atol=1e-14 * scale)
    np.testing.assert_allclose(hessian(compile(f))(x), reference, rtol=1e-12, atol=1e-14 * scale)
    np.testing.assert_allclose(hessian(f)(x), reference, rtol=1e-12, atol=1e-14 * scale)


@pytest.mark.parametrize("name", NONZEROS)
def test_the_nonzeros_of_a_problem_of_cutest(name):
    x, count = NONZEROS[name]
    second = hessian(HESSIANS[name][0], sparse=True)(x)
    assert (abs(second.data) > 1e-9).sum() == count
    assert second.nnz == len(HESSIANS[name][2]) >= count


# ---------------------------------------------------------------------------------------------------------------------
# Random functions

UNARY = ("sin(2 * {0})", "{0} ** 2", "exp(-{0} * {0})", "3.0 * {0}", "({0} if {0} > 0.1 else {0} ** 3)")
BINARY = ("{0} + {1}", "{0} * {1}", "{0} - sin({1})", "({0} if {0} < {1} else {1} * {0})", "where({0} < {1}, {0}, {1})",
          "{0} / (2.0 + {1} ** 2)")  # fmt: skip


@st.composite
def functions(draw):
    """Return a function of 7 numbers with 6 results, and their sum's source."""
    names = [f"x[{i}]" for i in range(7)]
    lines = []
    for i in range(draw(st.integers(1, 14))):
        operands = [draw(st.sampled_from(names)) for _ in "ab"]
        form = draw(st.sampled_from(UNARY + BINARY))
        lines.append(f"    t{i} = {form.format(*operands)}")
        names.append(f"t{i}")
    results = ", ".join(draw(st.sampled_from([*names, "1.0"])) for _ in range(6))
    source = "\n".join(["def f(x):", *lines, f"    return [{results}]"])
    names = {"sin": sin, "exp": exp, "where": where}
    exec(source, names)
    return names["f"]


@settings(max_examples=60, deadline=None)
@given(functions(), st.integers(0, 2**32 - 1), st.sampled_from(["csr", "csc", "coo"]))
def test_sparse_equals_dense_on_random_functions_with_branches(f, seed, form):
    points = np.random.default_rng(seed).uniform(-1, 1, (4, 7))

    def total(x):
        return sum(f(x), start=0.0 * x[0])

    first, second = jacobian(compile(f), sparse=True, format=form), hessian(compile(total), sparse=True, format=form)
    lanes = jacobian(compile(f)), hessian(compile(total))
    seen = []
    for x in points:
        reference = jacobian_by_directions(f, x), hessian_by_directions(total, x)
        for derivative, dense, expected in zip((first, second), lanes, reference, strict=True):
            result = derivative(x)
            assert result.format == form
            np.testing.assert_allclose(result.toarray(), expected, rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(np.array(dense(x)), expected, rtol=1e-12, atol=1e-13)
        seen.append(first.sparsity(x))
    # The union over the ways seen.
    assert all(former in later for former, later in pairwise(seen))
    np.testing.assert_allclose(
        np.array(vmap(jacobian(f))(points)).transpose(1, 0, 2), [jacobian_by_directions(f, x) for x in points],
        rtol=1e-12, atol=1e-13,
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# The arrays


def chain(x):
    return sum((x[i + 1] - x[i]) ** 4 for i in range(len(x) - 1))


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_the_structure_is_constant_and_belongs_to_the_caller(form):
    derivative = hessian(compile(chain), sparse=True, format=form)
    # Explicit zeros: the second derivatives of a flat chain.
    flat, bent = derivative(np.zeros(6)), derivative(np.arange(6.0) ** 2)
    assert type(flat) is getattr(sparse, f"{form}_array")
    assert flat.nnz == bent.nnz == 16 and not flat.data.any()
    assert (flat.tocoo().coords[0] == bent.tocoo().coords[0]).all()
    bent.sum_duplicates()
    bent.eliminate_zeros()
    expected = bent.toarray()
    bent.data[:] = 7.0
    again = derivative(np.arange(6.0) ** 2)
    assert (again.toarray() == expected).all() and derivative(np.zeros(6)).nnz == 16
    assert ((again @ np.ones(6)) == expected.sum(1)).all()
    assert (again.T - expected.T == 0).all() and again.dtype == float
    if form != "coo":
        again.check_format(full_check=True)


def test_rows_are_results_and_columns_arguments():
    def f(a, b, c):
        return {"x": a["p"] * a["q"][1], "y": np.array([c, a["p"] * b[0]])}

    derivative = jacobian(f, argnums=(0, 2), sparse=True)
    result = derivative({"p": 2.0, "q": [3.0, 5.0]}, [7.0], 1.0)
    assert result.toarray().tolist() == [[5.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 1.0], [7.0, 0.0, 0.0, 0.0]]
    assert jacobian(lambda x: x * 2.0, sparse=True)(3.0).toarray().tolist() == [[2.0]]
    assert jacobian(lambda x: x[0] * x[2], sparse=True)(np.array([1.0, 2.0, 3.0])).toarray().tolist() == [[3, 0, 1]]


def test_degenerate_shapes():
    constant = jacobian(lambda x: [1.0, 2.0], sparse=True)(np.ones(3))
    assert (constant.shape, constant.nnz) == ((2, 3), 0)
    assert compile(jacobian(lambda x: [1.0, 2.0]))(np.ones(3))[0].tolist() == [0.0, 0.0, 0.0]
    linear = hessian(lambda x: x.sum(), sparse=True)(np.ones(3))
    assert (linear.shape, linear.nnz) == ((3, 3), 0)
    assert jacobian(lambda x: [], sparse=True)(np.ones(3)).shape == (0, 3)
    assert jacobian(lambda x, y: y * 2, argnums=0, sparse=True)(np.zeros(0), 1.0).shape == (1, 0)
    assert compile(hessian(lambda x: x.sum()))(np.ones(3)).tolist() == np.zeros((3, 3)).tolist()


def test_a_choice_passes_nothing_on():
    # 0 times infinity in a column that the chosen arm does not depend on.
    def f(x):
        return [where(x[0] > 0, x[1] * 2.0, x[2] ** 0.5 * x[1]), x[2]]

    assert jacobian(f, sparse=True)(np.array([1.0, 3.0, 0.0])).toarray().tolist() == [[0, 2, 0], [0, 0, 1]]


def test_a_branch_enlarges_the_pattern():
    calls = []

    @compile
    def f(x):
        calls.append(1)
        return [x[0] * x[1] if x[0] > 0 else x[2], x[2]]

    derivative, dense = jacobian(f, sparse=True), jacobian(f)
    here, there = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 2.0, 3.0])
    assert derivative(here).nnz == 3 and derivative.sparsity(here).nnz == 3
    assert derivative(there).toarray().tolist() == [[0, 0, 1], [0, 0, 1]]
    # The structure is that of both ways, from now on.
    assert derivative(there).nnz == derivative(here).nnz == 4
    assert derivative(here).toarray().tolist() == [[2, 1, 0], [0, 0, 1]]
    count = len(calls)
    assert derivative(there).nnz == derivative(here).nnz == 4 and len(calls) == count
    for x in (here, there, here):
        assert np.array(dense(x)).tolist() == derivative(x).toarray().tolist()
    # In the graph too.
    x = Value(1.0)
    row = dense([x, 2.0, 3.0])[0]
    assert [v.data for v in row] == [2.0, 1.0, 0.0]
    row = jacobian(f)([x - 2.0, 2.0, 3.0])[0]
    assert [v.data for v in row] == [0.0, 0.0, 1.0]


def test_a_pattern_that_is_given():
    def f(x):
        return [x[0] * x[1] if x[0] > 0 else x[2], x[2]]

    whole = [[1, 1, 1], [0, 0, 1]]
    derivative = jacobian(f, sparse=True, sparsity=whole)
    for x in ([1.0, 2.0, 3.0], [-1.0, 2.0, 3.0]):
        assert derivative(x).nnz == 4
        assert derivative(x).toarray().tolist() == jacobian_by_directions(f, np.array(x)).tolist()
    with pytest.raises(ValueError, match=r"sparsity lacks 1 entries of the derivative, the first in row 1, column 2"):
        jacobian(f, sparse=True, sparsity=[[1, 1, 1], [0, 0, 0]])([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"shape \(1, 3\), but the derivative has \(2, 3\)"):
        jacobian(f, sparse=True, sparsity=[[1, 1, 1]])([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="expects a matrix"):
        hessian(chain, sparse=True, sparsity=[1, 1])
    full = hessian(chain, sparse=True, sparsity=sparse.csr_array(np.ones((3, 3))))
    assert full(np.array([1.0, 2.0, 4.0])).nnz == 9
    np.testing.assert_allclose(
        full(np.array([1.0, 2.0, 4.0])).toarray(), hessian_by_directions(chain, np.array([1.0, 2.0, 4.0]))
    )


def test_loops_and_captured_values_and_many_colors():
    x = np.linspace(0.1, 1.0, 6)

    def decay(x):
        return scan(lambda c, _: (c * 0.9 + sin(c), None), x[0], None, 5)[0] * x[1]

    np.testing.assert_allclose(
        hessian(decay, sparse=True)(x).toarray(), hessian_by_directions(decay, x), rtol=1e-13, atol=1e-15
    )
    scale = Value(3.0)
    derivative = hessian(compile(lambda x: scale * chain(x)), sparse=True)
    before = derivative(x).toarray()
    scale.data = 6.0
    np.testing.assert_allclose(derivative(x).toarray(), 2 * before, rtol=1e-15)

    def dense(x):
        return (x * np.arange(len(x))).sum() ** 3

    wide = np.linspace(0.1, 1.0, 40)
    np.testing.assert_allclose(hessian(dense, sparse=True)(wide).toarray(), hessian_by_directions(dense, wide))
    np.testing.assert_allclose(hessian(compile(dense), sparse=True)(wide).toarray(), hessian(dense)(wide))

    # Colors as lanes, in rows and in columns, and of a symmetric matrix.
    def windows(x):
        return [np.tanh(x[i : i + 12].sum()) for i in range(0, 28, 4)]

    wide = np.linspace(0.1, 1.0, 40)
    for f in (windows, lambda x: [y * z for y, z in zip(windows(x), windows(x)[::-1], strict=True)]):
        expected = jacobian_by_directions(f, wide)
        np.testing.assert_allclose(jacobian(f, sparse=True)(wide).toarray(), expected, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(np.array(jacobian(compile(f))(wide)), expected, rtol=1e-12, atol=1e-15)


def test_in_the_graph_and_in_other_transforms():
    x = np.linspace(0.5, 1.0, 5)
    values = [Value(number) for number in x]
    rows = hessian(compile(chain))(values)
    sum(rows[0][k] for k in range(5)).backward()
    third = jacobian(hessian(chain))(x)
    np.testing.assert_allclose([v.grad for v in values], third[0].sum(0), atol=1e-12)
    np.testing.assert_allclose(vmap(hessian(chain))(np.array([x, x**2]))[1], hessian_by_directions(chain, x**2))
    assert grad(lambda x: np.array(hessian(chain)(x))[0, 0])(x).shape == (5,)


def test_errors():
    with pytest.raises(TypeError, match="returns numbers, and takes no Values"):
        hessian(chain, sparse=True)([Value(1.0), 2.0])
    with pytest.raises(TypeError, match="returns numbers, and takes no Values"):
        vmap(hessian(chain, sparse=True))(np.ones((2, 3)))
    with pytest.raises(ValueError, match="format must be 'csr', 'csc' or 'coo', got 'bsr'"):
        jacobian(chain, sparse=True, format="bsr")
    with pytest.raises(TypeError, match="one scalar output"):
        hessian(lambda x: [x[0]], sparse=True)(np.ones(3))
    with pytest.raises(ValueError, match="no union"):
        Sparsity(np.eye(2)) | Sparsity(np.eye(3))


def test_without_scipy():
    program = (
        "import sys; sys.modules['scipy'] = None\n"
        "from autograd import jacobian\n"
        "assert jacobian(lambda x: x)(2.0) == 1.0\n"
        "jacobian(lambda x: x, sparse=True)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ImportError: jacobian with sparse=True returns arrays of scipy.sparse" in done.stderr
    assert 'pip install "autograd-engine[sparse]"' in done.stderr


compiled_chain = compile(chain)


def test_what_there_is_to_see_and_to_pickle():
    derivative = hessian(compiled_chain, sparse=True, format="csc")
    x = np.arange(4.0)
    pattern, found = derivative.sparsity(x), derivative.coloring(x)
    assert isinstance(pattern, Sparsity) and isinstance(found, Coloring)
    assert repr(pattern) == "Sparsity: 4 x 4, 10 nonzeros"
    assert str(pattern) == "Sparsity: 4 x 4, 10 nonzeros\n⠻⣦"
    assert repr(found) == "Coloring: 3 colors of a symmetric matrix, for 4 x 4, 10 nonzeros"
    assert str(found).splitlines()[1:] == ["  0: 0, 2", "  1: 1", "  2: 3"]
    assert pattern._repr_svg_().count("<rect") == 11 and "hsl(" in found._repr_svg_()
    again = pickle.loads(pickle.dumps((pattern, found, derivative)))
    assert again[0] == pattern and again[1].colors.tolist() == found.colors.tolist()
    assert again[2](x).format == "csc" and (again[2](x).toarray() == derivative(x).toarray()).all()
    assert hessian(chain).sparsity(x) == pattern
    large = Sparsity(sparse.eye_array(1000))
    assert len(str(large).splitlines()) < 20 and large._repr_svg_().count("<rect") < 70
    assert Sparsity(np.zeros((0, 3))).nnz == 0 and str(Sparsity(np.zeros((0, 3)))).startswith("Sparsity: 0 x 3")


# ---------------------------------------------------------------------------------------------------------------------
# SciPy takes the functions as they are


def rosenbrock(x):
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))


def test_second_derivatives_are_those_of_scipy():
    x = np.random.default_rng(1).uniform(-1, 1, 30)
    np.testing.assert_allclose(hessian(rosenbrock, sparse=True)(x).toarray(), optimize.rosen_hess(x), rtol=1e-12)


@pytest.mark.filterwarnings("ignore:delta_grad == 0.0")
def test_minimize_with_constraints():
    f = compile(rosenbrock)
    circle = compile(lambda x: [x[i] ** 2 + x[i + 1] ** 2 for i in range(len(x) - 1)])
    weighted = hessian(lambda x, v: sum(a * b for a, b in zip(circle(x), v, strict=True)), sparse=True)
    constraint = optimize.NonlinearConstraint(circle, -np.inf, 1.5, jac=jacobian(circle, sparse=True), hess=weighted)
    result = optimize.minimize(
        f, np.zeros(8), jac=grad(f), hess=hessian(f, sparse=True), method="trust-constr", constraints=[constraint],
        options={"gtol": 1e-9},
    )  # fmt: skip
    dense = optimize.minimize(
        f, np.zeros(8), jac=grad(f), method="SLSQP", options={"ftol": 1e-13, "maxiter": 500},
        constraints=[{"type": "ineq", "fun": lambda x: 1.5 - np.array(circle(x))}],
    )  # fmt: skip
    np.testing.assert_allclose(result.x, dense.x, atol=1e-5)


def test_least_squares():
    f = compile(JACOBIANS["Broyden tridiagonal"][0])
    result = optimize.least_squares(f, -np.ones(50), jac=jacobian(f, sparse=True), xtol=1e-14, ftol=1e-14, gtol=1e-14)
    assert abs(np.array(f(result.x))).max() < 1e-9 and result.njev < 10


@pytest.mark.parametrize("method", ["BDF", "Radau"])
def test_stiff_equations(method):
    integrate = pytest.importorskip("scipy.integrate")
    n = 20

    @compile
    def heat(t, u):
        padded = [0.0, *u, 0.0]
        return [(padded[i - 1] - 2 * padded[i] + padded[i + 1]) * (n + 1) ** 2 for i in range(1, n + 1)]

    start = np.sin(np.pi * np.arange(1, n + 1) / (n + 1))
    solution = integrate.solve_ivp(
        heat, (0.0, 0.1), start, method=method, jac=jacobian(heat, argnums=1, sparse=True), rtol=1e-8, atol=1e-10
    )
    rate = 4 * (n + 1) ** 2 * np.sin(np.pi / (2 * (n + 1))) ** 2
    np.testing.assert_allclose(solution.y[:, -1], start * np.exp(-rate * 0.1), rtol=1e-5)


class Pair(NamedTuple):
    first: object
    second: object


@pytest.mark.parametrize("n", [3, 200])
@pytest.mark.parametrize("container", [list, tuple, lambda items: np.array(items, object)])
def test_a_dense_result_has_the_structure_of_the_function_and_belongs_to_the_caller(n, container):
    derivative = compile(jacobian(lambda x: container([a * a for a in x])))
    x = np.linspace(1.0, 2.0, n)
    for _ in range(3):
        # What the caller writes into a result is in no later one, though its memory may be.
        result = derivative(x)
        assert isinstance(result, type(container([0.0])))
        np.testing.assert_array_equal(result, np.diag(2.0 * x))
        assert all(row.shape == (n,) for row in result)
        for row in result:
            row += 7.0
        del result


def test_rows_of_a_named_tuple_and_of_a_scalar_in_an_array():
    x = np.linspace(1.0, 2.0, 5)
    rows = compile(jacobian(lambda x: Pair(x[0] * x[1], x[4] * 3.0)))(x)
    assert isinstance(rows, Pair)
    np.testing.assert_array_equal(rows, [[x[1], x[0], 0, 0, 0], [0, 0, 0, 0, 3]])
    alone = jacobian(lambda x: [x[()] * 2.0, x[()] * 3.0])(np.array(1.5))
    assert [(type(a), a.shape, float(a)) for a in alone] == [(np.ndarray, (), 2.0), (np.ndarray, (), 3.0)]
