"""Every example runs from a plain install, reaches what it promises, and fails if it does not."""

import math
import os
import re
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import autograd

EXAMPLES = Path(__file__).parents[1] / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(autograd.__file__).parents[1])}
# Runs a script as `python SCRIPT` does, with nothing to import but the package and its dependencies.
PLAIN = (
    "import runpy, sys; sys.modules.update(dict.fromkeys({absent!r})); runpy.run_path({path!r}, run_name='__main__')"
)


def run(name, directory, absent=("matplotlib", "scipy", "sklearn", "torch")):
    program = PLAIN.format(absent=absent, path=str(EXAMPLES / name))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=directory,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
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


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match="pip install scikit-learn"):
        runpy.run_path(str(EXAMPLES / "digits.py"), run_name="__main__")


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


@pytest.mark.parametrize(
    ("name", "change"),
    [
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
    if name == "digits.py":
        pytest.importorskip("sklearn")
    text = (EXAMPLES / name).read_text()
    assert text.count(change[0]) == 1
    script = tmp_path / name
    script.write_text(text.replace(*change))
    monkeypatch.setattr(sys, "argv", [name])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert end.value.code == 1


def test_moons_plot(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    script = tmp_path / "moons.py"
    script.write_text((EXAMPLES / "moons.py").read_text().replace("range(100)", "range(1)"))
    monkeypatch.setattr(sys, "argv", ["moons.py", "--plot", str(tmp_path / "p.png")])
    with pytest.raises(SystemExit):
        runpy.run_path(str(script), run_name="__main__")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_the_list_names_every_example():
    listed = re.findall(r"^\| \[`([a-z_]+\.py)`\]\(\1\)", (EXAMPLES / "README.md").read_text(), re.M)
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.glob("*.py"))
