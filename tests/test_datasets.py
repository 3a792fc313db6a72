"""The built-in data sets: scikit-learn's numbers for the same seed, and the shape of our own."""

import itertools

import numpy as np
import pytest

from autograd import datasets
from autograd.datasets import four_points, make_circles, make_moons, make_spirals, make_xor

MAKERS = [make_moons, make_circles, make_spirals, make_xor]


def close(X, expected):
    np.testing.assert_allclose(X, expected, rtol=1e-12, atol=1e-14)


def test_moons_from_the_global_state_are_those_of_the_lecture():
    np.random.seed(1337)
    X, y = make_moons(n_samples=100, noise=0.1)
    # Printed by scikit-learn 1.9.1.
    expected = [
        [1.1221146075409685, 0.08147717341718697],
        [-0.8188294130836691, 0.058790063907949996],
        [0.12108297264758441, 1.0655522522437006],
    ]
    close(X[[0, 1, 99]], expected)
    assert y[:12].tolist() == [0, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0]
    assert np.random.rand() == 0.45263179620258687  # as many random numbers have been drawn


def test_moons_of_given_sizes_from_a_seed():
    X, y = make_moons((3, 4), noise=0.25, shuffle=False, random_state=5)
    # Printed by scikit-learn 1.9.1.
    expected = [
        [1.1103068717212603, -0.08271753797352191],
        [0.6076927967519451, 0.9369769675992308],
        [-0.9725975396054543, 0.39562027926539095],
        [-0.22730810121406048, 0.3520908355174279],
        [0.5469008064592588, -0.44849289322927843],
        [1.2018088468945483, -0.41724453143133555],
        [1.9102927632496893, 0.6508679006523738],
    ]
    close(X, expected)
    assert y.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_circles_from_a_seed():
    X, y = make_circles(7, noise=0.05, random_state=7, factor=0.5)
    # Printed by scikit-learn 1.9.1.
    expected = [
        [-0.4953416969510129, -0.7059796683285527],
        [-0.5078494329781705, -0.01450656914645817],
        [1.1012885762068518, -6.640252380790819e-05],
        [-0.023846584977263073, -0.4391633825609015],
        [0.49184339626129003, -0.016711879498847684],
        [-0.5007484103524431, 0.8670949375304212],
        [0.03743905378115954, 0.4958432083818559],
    ]
    close(X, expected)
    assert y.tolist() == [0, 1, 0, 1, 1, 0, 1]


def test_equal_to_scikit_learn_where_it_is_installed():
    sklearn = pytest.importorskip("sklearn.datasets")
    for name, n_samples, noise, shuffle in itertools.product(
        ["make_moons", "make_circles"], [1, 2, 101, (3, 5)], [None, 0, 0.3], [True, False]
    ):
        options = {"noise": noise, "shuffle": shuffle, "random_state": 42}
        X, y = getattr(datasets, name)(n_samples, **options)
        expected_X, expected_y = getattr(sklearn, name)(n_samples, **options)
        assert np.array_equal(X, expected_X) and np.array_equal(y, expected_y), (name, n_samples, options)


@pytest.mark.parametrize("make", MAKERS)
def test_shapes_classes_and_kinds(make):
    X, y = make(11, noise=0.1, random_state=0)
    assert X.shape == (11, 2) and X.dtype == np.float64
    assert y.shape == (11,) and y.dtype == np.intp
    assert np.bincount(y).tolist() == [5, 6]
    assert make((2, 7))[1].sum() == 7


@pytest.mark.parametrize("make", MAKERS)
def test_the_same_seed_gives_the_same_set(make):
    first, again, other = (make(20, noise=0.1, random_state=seed)[0] for seed in (3, np.int64(3), 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    legacy, generator = np.random.RandomState(3), np.random.default_rng(3)
    assert np.array_equal(make(20, noise=0.1, random_state=legacy)[0], first)
    assert make(20, noise=0.1, random_state=generator)[0].shape == (20, 2)


@pytest.mark.parametrize("make", MAKERS)
def test_shuffling_mixes_whole_points(make):
    X, y = make(30, shuffle=False)
    mixed_X, mixed_y = make(30, random_state=1)
    assert y.tolist() == sorted(y.tolist()) != mixed_y.tolist()
    points = [sorted(map(tuple, np.column_stack(pair))) for pair in ((X, y), (mixed_X, mixed_y))]
    assert points[0] == points[1]


def test_spirals_lie_on_their_curves_and_apart():
    X, y = make_spirals(200, turns=1.5, shuffle=False)
    radius, angle = np.hypot(*X.T), np.arctan2(X[:, 1], X[:, 0])
    turned = angle - 2 * np.pi * 1.5 * radius - np.pi * y
    close(np.cos(turned), np.ones(200))
    assert radius.max() <= 1 + 1e-12
    distance = np.hypot(*(X[y == 0][:, None] - X[y == 1]).transpose(2, 0, 1))
    assert distance.min() > 0.2


def test_xor_classes_are_the_diagonals():
    X, y = make_xor(400, noise=0.1, random_state=0)
    assert np.array_equal(X[:, 0] * X[:, 1] < 0, y == 1)
    assert len({tuple(corner) for corner in np.sign(X)}) == 4


def test_four_points_are_the_lecture_s():
    X, y = four_points()
    assert X.tolist() == [[2, 3, -1], [3, -1, 0.5], [0.5, 1, 1], [1, 1, -1]]
    assert y.tolist() == [1, -1, -1, 1]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("n_samples", [0, -1, (1, 2, 3), (-1, 4), (0, 0)])
def test_impossible_sizes(make, n_samples):
    with pytest.raises(ValueError, match="n_samples must be"):
        make(n_samples)


def test_other_impossible_arguments():
    with pytest.raises(ValueError, match=r"noise must not be negative, got -0\.1"):
        make_moons(noise=-0.1)
    with pytest.raises(ValueError, match=r"factor must lie in \[0, 1\), got 1"):
        make_circles(factor=1)
    with pytest.raises(ValueError, match="turns must be above zero, got 0"):
        make_spirals(turns=0)
    with pytest.raises(TypeError, match="random_state must be a seed .* got str: 'x'"):
        make_xor(random_state="x")
    with pytest.raises(TypeError):
        make_moons(2.5)
