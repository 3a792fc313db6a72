"""Every example runs from a plain install, reaches what it promises, and fails if it does not."""

import math
import os
import re
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import autograd

EXAMPLES = Path(__file__).parents[1] / "examples"
NEEDS = {
    "digits.py": ["sklearn"],
    "lorenz.py": ["scipy"],
    "rosenbrock.py": ["scipy"],
    "hanging_chain.py": ["scipy"],
}
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(autograd.__file__).parents[1])}
# Runs a script as `python SCRIPT` does, with nothing to import but the package and its dependencies.
PLAIN = (
    "import runpy, sys; sys.modules.update(dict.fromkeys({absent!r})); runpy.run_path({path!r}, run_name='__main__')"
)


def run(name, directory, *arguments, absent=("matplotlib", "scipy", "sklearn", "torch")):
    program = PLAIN.format(absent=absent, path=str(EXAMPLES / name))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        cwd=directory,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(directory.iterdir())
    return done.stdout


def test_expression(tmp_path):
    out = run("expression.py", tmp_path)
    assert "NOT" not in out
    # Numbers published with micrograd.
    assert "24.7040816326531" in out and "138.833819241983" in out and "645.577259475219" in out


def test_four_points(tmp_path):
    out = run("four_points.py", tmp_path)
    losses = [float(loss) for loss in re.findall(r"^step +\d+  loss ([\d.]+)$", out, re.M)]
    assert len(losses) == 20 and losses[-1] < 0.05 < losses[0]
    predictions = re.findall(r"^ +(-?1) +(-?[\d.]+)$", out, re.M)
    assert [target for target, _ in predictions] == ["1", "-1", "-1", "1"]
    assert all(abs(float(target) - float(prediction)) < 0.2 for target, prediction in predictions)


def test_moons(tmp_path):
    out = run("moons.py", tmp_path)
    steps = re.findall(r"^step (\d+) loss ([\d.]+), accuracy ([\d.]+)%$", out, re.M)
    assert [int(step) for step, _, _ in steps] == list(range(100))
    # micrograd's own losses.
    published = [0.8958441028683222, 1.7235905336972022, 0.7429006313851131]
    assert [float(loss) for _, loss, _ in steps[:3]] == pytest.approx(published, rel=1e-9)
    assert float(steps[-1][1]) == pytest.approx(0.0109783, abs=1e-6)
    assert steps[40][2] == steps[99][2] == "100.0"


def test_damped_oscillator(tmp_path):
    out = run("damped_oscillator.py", tmp_path)
    table = out[out.index("standard error") :].splitlines()[1:5]
    rows = {name: tuple(map(float, numbers)) for name, *numbers in map(str.split, table)}
    assert set(rows) == {"k", "c", "x0", "v0"}
    for true, fitted, error in rows.values():
        assert 0 < error < 0.05 and abs(fitted - true) < 4 * error
    errors = [float(error) for error in re.findall(r"rms error ([\d.]+)", out)]
    assert errors[-1] == pytest.approx(0.02, rel=0.3) and errors[-1] < errors[0] / 10


def test_digits(tmp_path):
    pytest.importorskip("sklearn")
    out = run("digits.py", tmp_path, absent=("matplotlib",))
    reached, images, wrong = re.search(
        r"^([\d.]+)% of (\d+) test images are read right, (\d+) wrong", out, re.M
    ).groups()
    assert float(reached) >= 96 and images == "360"
    assert float(reached) == pytest.approx(100 * (1 - int(wrong) / 360), abs=0.01)


@pytest.mark.parametrize(
    ("name", "absent", "remedy"),
    [
        ("digits.py", ["sklearn", "sklearn.datasets"], "pip install scikit-learn"),
        ("lorenz.py", ["scipy", "scipy.integrate"], "pip install scipy"),
        ("rosenbrock.py", ["scipy", "scipy.optimize"], "pip install scipy"),
        ("hanging_chain.py", ["scipy", "scipy.optimize"], "pip install scipy"),
    ],
)
def test_without_what_it_needs(monkeypatch, name, absent, remedy):
    for module in absent:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit, match=remedy):
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def conditional_entropy(text, length):
    """What is uncertain of a letter where those before it are known: the entropy of both less that of the latter."""

    def entropy(pieces):
        counts = Counter(pieces)
        return -sum(n / len(pieces) * math.log(n / len(pieces)) for n in counts.values())

    known = [text[i : i + length] for i in range(len(text) - length)]
    return entropy([text[i : i + length + 1] for i in range(len(text) - length)]) - entropy(known)


def test_char_rnn(tmp_path):
    out = run("char_rnn.py", tmp_path)
    losses = [float(loss) for loss in re.findall(r"^epoch +\d+  loss ([\d.]+)$", out, re.M)]
    tables = {int(n): float(loss) for n, loss in re.findall(r"^best table of the last (\d): ([\d.]+)$", out, re.M)}
    assert tables[1] > tables[2] > tables[3] > losses[-1]
    text = runpy.run_path(str(EXAMPLES / "char_rnn.py"))["rhyme"]()
    assert text.count("This is") == 11 and text.count("that lay in the house that Jack built.") == 10
    for length, loss in tables.items():
        assert loss == pytest.approx(conditional_entropy(text, length), abs=1e-4)


def test_transformer(tmp_path):
    out = run("transformer.py", tmp_path)
    rows = re.findall(r"^(the text|other lines): loss ([\d.]+), best bigram table ([\d.]+), ", out, re.M)
    assert [name for name, _, _ in rows] == ["the text", "other lines"]
    for _, loss, table in rows:
        # All that is random are four letters of ten.
        assert 0.4 * math.log(8) - 0.02 < float(loss) < 0.9 < float(table)
    lines = re.findall(r"^([a-h]{4})\.([a-h]{4})$", out, re.M)
    assert len(lines) == 5
    assert sum(first == second[::-1] for first, second in lines) >= 4


def test_microgpt(tmp_path):
    out = run("microgpt.py", tmp_path)
    assert "367 words, 27 letters, 4144 parameters" in out
    loss, table = map(float, re.search(r"^loss ([\d.]+), best bigram table ([\d.]+)$", out, re.M).groups())
    assert loss < table - 0.2
    assert float(re.search(r"^largest difference .*: (.*)$", out, re.M).group(1)) < 1e-12
    assert len(re.findall(r"^a step, (?:plain Values|compiled): [\d.]+ ms$", out, re.M)) == 2
    assert len(re.search(r"^words of its own: (.*)$", out, re.M).group(1).split()) == 12


def test_black_scholes(tmp_path):
    out = run("black_scholes.py", tmp_path)
    assert "200000 calls" in out
    rows = re.findall(r"^([a-z ]+?) +(-?[\d.]+) +(-?[\d.]+) +([\d.]+e[+-]\d+)$", out, re.M)
    assert [name for name, *_ in rows] == [
        "price", "delta", "by strike", "rho", "vega", "by maturity", "gamma", "vanna", "volga"
    ]  # fmt: skip
    assert all(float(difference) < 1e-12 for *_, difference in rows)

    example = runpy.run_path(str(EXAMPLES / "black_scholes.py"))
    # Published with these digits by Hull, Options, Futures and Other Derivatives, chapters on pricing and on greeks.
    assert example["price"](42.0, 40.0, 0.1, 0.2, 0.5) == pytest.approx(4.76, abs=0.005)
    published = {
        "price": "2.40",
        "delta": "0.522",
        "gamma": "0.066",
        "vega": "12.1",
        "rho": "8.91",
        "by maturity": "4.31",
    }
    of_one = example["textbook"](*map(np.array, ([49.0], [50.0], [0.05], [0.2], [0.3846])))
    for name, digits in published.items():
        assert float(of_one[name][0]) == pytest.approx(float(digits), abs=0.5 * 10.0 ** -len(digits.partition(".")[2]))


def test_swaptions(tmp_path):
    out = run("swaptions.py", tmp_path, "--paths", "6000")
    assert "6000 paths with 161 sensitivities" in out and "NOT" not in out
    compared = re.findall(r"^(accrual|all volatilities|all rates) +(-?[\d.]+) +(-?[\d.]+) *$", out, re.M)
    assert len(compared) == 3
    for _, here, difference in compared:
        assert float(here) == pytest.approx(float(difference), rel=1e-4)
    value, error = map(float, re.search(r"^value ([\d.]+) \+- ([\d.]+)$", out, re.M).groups())

    portfolio = runpy.run_path(str(EXAMPLES / "swaptions.py"))["portfolio"]
    accrual, volatilities, rates = 0.25, np.full(80, 0.2), np.full(80, 0.05)
    # Results published with Giles's program for this model, whose normal numbers all are 0.3.
    arguments = accrual, volatilities, rates, np.full(40, 0.3)
    assert portfolio(*arguments) == pytest.approx(224.323, abs=0.0005)
    assert autograd.grad(portfolio, argnums=2)(*arguments)[-1] == pytest.approx(21.348, abs=0.0005)
    # Without volatility nothing is random: the value is that of the swaps in the money.
    discount = (1 + accrual * 0.05) ** -np.arange(1.0, 41.0)
    swaps = [
        100 * max(1 - discount[maturity - 1] - strike * accrual * discount[:maturity].sum(), 0)
        for maturity in (4, 8, 20, 28, 40)
        for strike in (0.045, 0.05, 0.055)
    ]
    still = portfolio(accrual, 0 * volatilities, rates, np.zeros(40))
    assert still == pytest.approx(discount[39] * sum(swaps), rel=1e-12)

    normals = np.random.default_rng(7).standard_normal((40, 20_000))
    values = portfolio(0.05, volatilities, rates, normals)
    assert error == pytest.approx(values.std() / 6000**0.5, rel=0.1)
    assert value == pytest.approx(values.mean(), abs=5 * error)


def test_swaption_portfolio(tmp_path):
    out = run("swaption_portfolio.py", tmp_path, "--paths", "3000")
    assert "3000 paths with 161 sensitivities on 2 processes" in out and "NOT" not in out
    value, error = map(float, re.search(r"^value ([\d.]+) \+- ([\d.]+)$", out, re.M).groups())
    # That of 100 000 paths of swaptions.py.
    assert abs(value - 7.665) < 4.0 * error


def test_lorenz(tmp_path):
    pytest.importorskip("scipy")
    out = run("lorenz.py", tmp_path, absent=("matplotlib", "sklearn"))
    rows = re.findall(r"^(\w+) +([\d.]+) +[\d.]+ +([\d.]+) +([\d.]+)$", out, re.M)
    assert [(name, float(true)) for name, true, *_ in rows][:3] == [("sigma", 10.0), ("rho", 28.0), ("beta", 2.6667)]
    for _, true, fitted, error in rows:
        assert abs(float(fitted) - float(true)) < 4 * float(error)
    assert float(re.search(r"rms error ([\d.]+)", out)[1]) == pytest.approx(0.3, rel=0.2)


def test_implied_volatility(tmp_path):
    out = run("implied_volatility.py", tmp_path)
    errors = [float(error) for error in re.findall(r"largest relative error ([\d.e-]+)$", out, re.M)]
    assert len(errors) == 5 and max(errors) < 1e-10


def test_rosenbrock(tmp_path):
    pytest.importorskip("scipy")
    out = run("rosenbrock.py", tmp_path, absent=("matplotlib", "sklearn"))
    rows = re.findall(r"^(\S+) +(differences|gradient|gradient and Hessian) +(\d+) +(\d+) +(\S+) +(\S+)$", out, re.M)
    assert [method for method, *_ in rows] == ["BFGS", "BFGS", "Newton-CG", "trust-exact"]
    (_, _, _, evaluations, _, error), *exact = rows
    assert all(int(other[3]) < int(evaluations) / 10 and float(other[5]) < float(error) / 100 for other in exact)


def test_hanging_chain(tmp_path):
    pytest.importorskip("scipy")
    out = run("hanging_chain.py", tmp_path, absent=("matplotlib", "sklearn"))
    # Two coordinates of each mass and of its neighbors: blocks of 2 x 2 beside the diagonal.
    assert "Sparsity: 48 x 48, 280 nonzeros" in out and "6 products with the Hessian instead of 48" in out
    found = re.search(r"^(\d+) masses lie on the ground, which carries (\d+)% of the weight$", out, re.M)
    assert 2 < int(found[1]) < 12 and 10 < int(found[2]) < 30


def test_bouncing_ball(tmp_path):
    out = run("bouncing_ball.py", tmp_path)
    assert max(map(float, re.findall(r"\d\.\de-\d+", out))) < 1e-12


def test_kalman_filter(tmp_path):
    out = run("kalman_filter.py", tmp_path)
    rows = re.findall(r"true ([\d.]+)  found ([\d.]+)  standard error ([\d.]+)", out)
    assert len(rows) == 2
    for truth, found, error in rows:
        assert abs(math.log(float(found) / float(truth))) < 3 * float(error)


def test_lotka_volterra(tmp_path):
    out = run("lotka_volterra.py", tmp_path)
    drift, error = map(float, re.findall(r"\d\.\de-\d+", out))
    assert drift < 1e-7
    assert error < 1e-4


def test_newton(tmp_path):
    out = run("newton.py", tmp_path)
    rows = re.findall(r"^ +(\d+) +(slack|pulls) +(\d+) +(-?[\d.]+) +(-?[\d.]+)$", out, re.M)
    assert sum(int(loads) for _, _, loads, _, _ in rows) == 10_000
    assert len({steps for steps, *_ in rows}) > 5
    # The second spring pulls where the first alone would yield more than the gap: beyond sinh(1) = 1.1752.
    for _, spring, _, low, high in rows:
        assert float(low) >= 1.175 if spring == "pulls" else float(high) <= 1.175


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("black_scholes.py", ('"gamma": density / (spot * deviation)', '"gamma": density / (spot + deviation)')),
        ("swaptions.py", ("step=1e-7", "step=1e-2")),
        ("lorenz.py", ("GUESS, jac=", "GUESS, max_nfev=2, jac=")),
        ("rosenbrock.py", ("DIMENSIONS, ITERATIONS = 20, 200", "DIMENSIONS, ITERATIONS = 20, 5")),
        ("implied_volatility.py", ("-curvature / vega**3", "-curvature / vega**2")),
        ("hanging_chain.py", ("(MASSES + 1), 300", "(MASSES + 1), 9")),
        ("newton.py", ("TOLERANCE = 1e-10", "TOLERANCE = 1.0")),
        ("bouncing_ball.py", ("KEPT ** (2 * bounces)", "KEPT**bounces")),
        ("kalman_filter.py", ("range(20)", "range(1)")),
        ("lotka_volterra.py", ("10_000, 10.0, 1e-9", "50, 10.0, 1e-3")),
        ("expression.py", ("-8.0", "-8.5")),
        ("four_points.py", ("STEPS, RATE = 20", "STEPS, RATE = 1")),
        ("moons.py", ("range(100)", "range(3)")),
        ("damped_oscillator.py", ("trials=50", "trials=3")),
        ("char_rnn.py", ("EPOCHS, RATE = 30", "EPOCHS, RATE = 1")),
        ("transformer.py", ("STEPS, BATCH = 16, 300", "STEPS, BATCH = 16, 1")),
        ("digits.py", ("EPOCHS, GOAL = 30", "EPOCHS, GOAL = 1")),
    ],
)
def test_a_broken_promise_is_a_failure(tmp_path, monkeypatch, name, change):
    for needed in NEEDS.get(name, []):
        pytest.importorskip(needed)
    text = (EXAMPLES / name).read_text()
    assert text.count(change[0]) == 1
    script = tmp_path / name
    script.write_text(text.replace(*change))
    monkeypatch.setattr(sys, "argv", [name, *(["--paths", "50"] if name == "swaptions.py" else [])])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert end.value.code == 1


def test_hanging_chain_plot(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    pytest.importorskip("scipy")
    script = tmp_path / "hanging_chain.py"
    script.write_text((EXAMPLES / "hanging_chain.py").read_text().replace("(MASSES + 1), 300", "(MASSES + 1), 3"))
    monkeypatch.setattr(sys, "argv", ["hanging_chain.py", "--plot", str(tmp_path / "p.png")])
    with pytest.raises(SystemExit):
        runpy.run_path(str(script), run_name="__main__")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_moons_plot(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    script = tmp_path / "moons.py"
    script.write_text((EXAMPLES / "moons.py").read_text().replace("range(100)", "range(1)"))
    monkeypatch.setattr(sys, "argv", ["moons.py", "--plot", str(tmp_path / "p.png")])
    with pytest.raises(SystemExit):
        runpy.run_path(str(script), run_name="__main__")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments", [["swaptions.py", "--paths", "100"], ["lorenz.py"], ["implied_volatility.py"]])
def test_plots(tmp_path, monkeypatch, capsys, arguments):
    pytest.importorskip("matplotlib")
    if "lorenz.py" in arguments:
        pytest.importorskip("scipy")
    monkeypatch.setattr(sys, "argv", [*arguments, "--plot", str(tmp_path / "p.png")])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(EXAMPLES / arguments[0]), run_name="__main__")
    assert end.value.code == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_the_list_names_every_example():
    listed = re.findall(r"^\| \[`([a-z_]+\.py)`\]\(\1\)", (EXAMPLES / "README.md").read_text(), re.M)
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.glob("*.py"))
