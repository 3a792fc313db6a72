"""Linear algebra of small matrices: NumPy's results, and central differences for the derivatives."""

import numpy as np
import pytest

from autograd import Value, check_grad, compile, grad, jacobian, trace, vmap
from autograd.linalg import cholesky, det, inv, solve

rng = np.random.default_rng(7)
SIZES = pytest.mark.parametrize("n", [1, 2, 3, 4, 6])


def values(a):
    return np.vectorize(Value, otypes=[object])(a)


def data(a):
    return np.vectorize(lambda v: v.data if isinstance(v, Value) else v, otypes=[float])(a)


def matrices(n, count):
    """Return matrices that need every kind of pivot: some have zeros on the diagonal."""
    result = rng.normal(size=(count, n, n))
    if n > 1:
        result[: count // 2, range(n), range(n)] = 0.0
    return result


@SIZES
def test_the_results_are_numpys_in_every_lane(n):
    a, b = matrices(n, 40), rng.normal(size=(40, n, 2))
    for ours, theirs, arguments in [
        (solve, np.linalg.solve, (a, b)),
        (lambda a, b: solve(a, b[:, 0]), lambda a, b: np.linalg.solve(a, b[..., :1])[..., 0], (a, b)),
        (inv, np.linalg.inv, (a,)),
        (det, np.linalg.det, (a,)),
        (cholesky, np.linalg.cholesky, (a @ a.transpose(0, 2, 1),)),
    ]:
        expected = theirs(*arguments)
        np.testing.assert_allclose(vmap(compile(ours))(*arguments), expected, rtol=1e-9, atol=1e-10)
        first = [x[0] for x in arguments]
        np.testing.assert_allclose(data(ours(*map(values, first))), expected[0], rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(ours(*first), expected[0], rtol=1e-9, atol=1e-10)


@SIZES
def test_derivatives_against_central_differences(n):
    for a in matrices(n, 2) + 0.0:
        a += 2.0 * rng.permutation(np.eye(n))
        check_grad(lambda a, b: list(solve(a, b)), a, rng.normal(size=n), eps=1e-4, rtol=1e-5)
        check_grad(det, a, eps=1e-3, rtol=1e-5, atol=1e-6)
        check_grad(lambda a: list((inv(a) ** 2).ravel()), a, order=1, eps=1e-4, rtol=1e-5)
        check_grad(
            lambda a, n=n: cholesky(a @ a.T + np.eye(n))[n - 1, 0] ** 2, a, eps=1e-3, rtol=1e-5, atol=1e-5
        )


def test_derivatives_in_closed_form():
    a, b = matrices(4, 1)[0] + np.eye(4), rng.normal(size=4)
    inverse = np.linalg.inv(a)
    np.testing.assert_allclose(jacobian(solve, argnums=1)(a, b), inverse, rtol=1e-10)
    expected = -np.einsum("ij,k->ijk", inverse, inverse @ b)
    np.testing.assert_allclose(jacobian(solve)(a, b), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(grad(det)(a), np.linalg.det(a) * inverse.T, rtol=1e-10)
    v = values(a)
    det(v).backward()
    np.testing.assert_allclose(np.vectorize(lambda v: v.grad)(v), np.linalg.det(a) * inverse.T, rtol=1e-10)


def test_no_guard_but_a_choice_in_every_lane():
    for f, arguments in [(solve, (np.eye(5), np.ones(5))), (det, (np.eye(5),)), (inv, (np.eye(4),))]:
        assert "guard" not in str(trace(f, *arguments))
    many = compile(solve)
    vmap(many)(matrices(5, 50), rng.normal(size=(50, 5)))
    assert len(many.programs) <= 1


def test_singular_matrices():
    a = np.ones((4, 4))
    for singular in (a, np.zeros((3, 3)), np.array([[1.0, 2.0], [2.0, 4.0]])):
        for kind in (np.array, values):
            with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
                solve(kind(singular), np.ones(len(singular)))
            assert float(data(det(kind(singular)))) == pytest.approx(0.0, abs=1e-12)
        assert not np.isfinite(vmap(inv)(singular[None])).all()
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        cholesky(values(-np.eye(2)))
    np.testing.assert_array_equal(grad(det)(np.diag([0.0, 2.0, 3.0])), np.diag([6.0, 0.0, 0.0]))


def test_bad_arguments():
    for f in (det, inv, cholesky, lambda a: solve(a, [1.0])):
        with pytest.raises(ValueError, match=r"expects a square matrix, got an array of shape \(2, 3\)"):
            f(np.ones((2, 3)))
        with pytest.raises(TypeError, match="expects a matrix of real numbers or Values, got one of"):
            f(np.array([["a"]]))
    with pytest.raises(ValueError, match=r"a right side of shape \(2,\) or \(2, k\), got one of shape \(3,\)"):
        solve(np.eye(2), np.ones(3))
