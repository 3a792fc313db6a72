"""The command line, mostly in process; signals, terminals and pipes in processes of their own."""

import csv
import io
import os
import re
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd
from autograd import checkpoint
from autograd.__main__ import main

IRIS = str(Path(__file__).parents[1] / "examples" / "data" / "iris.csv")
COMMAND = [sys.executable, "-u", "-m", "autograd"]
# The package under test, wherever the process runs.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(autograd.__file__).parents[1])}


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command line in an empty directory; return exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
        return (status, *capsys.readouterr())

    return run


@pytest.fixture
def fails(run, tmp_path):
    """Run a command line that has to fail with one line on stderr and leave the directory as it is."""

    def fails(*arguments, status=2):
        expected = status
        before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        status, _, err = run(*arguments)
        assert status == expected, err
        assert err.startswith("autograd: error: ") and err.endswith("\n") and err.count("\n") == 1, err
        assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
        return err.removeprefix("autograd: error: ").rstrip("\n")

    return fails


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def figures(out):
    """Return the final table as {part: {column: text}}."""
    lines = out.splitlines()
    start = max(i for i, line in enumerate(lines) if line.split()[:1] == ["loss"])
    rows = {}
    for line in lines[start + 1 : start + 3]:
        part, *values = line.replace(" %", "%").split() or [""]
        if part in ("training", "validation"):
            rows[part] = dict(zip(lines[start].split(), values, strict=True))
    return rows


def percent(text):
    return float(text.removesuffix("%"))


# A plane with a little noise that no class can be made of.
RNG = np.random.default_rng(0)
PLANE = RNG.normal(size=(40, 2)) * [1.0, 1000.0]
PRICES = 5e4 + 3e3 * PLANE[:, 0] - 2.0 * PLANE[:, 1] + RNG.normal(size=40)
HOUSES = "age,area,price\n" + "".join(
    f"{a!r},{b!r},{c!r}\n" for (a, b), c in zip(PLANE.tolist(), PRICES.tolist(), strict=True)
)


# The main job


def test_the_default_command_learns_the_moons(run):
    status, out, err = run("train")
    assert (status, err) == (0, "")
    assert out.startswith("moons: 200 rows (160 for training, 40 for validation), 2 features, classes 0, 1\n")
    result = figures(out)
    assert percent(result["training"]["accuracy"]) >= 99 and percent(result["validation"]["accuracy"]) >= 97
    reported = re.findall(r"^ *(\d+) +[\d.e-]+ +[\d.]+ % +[\d.e-]+ +[\d.]+ %$", out, re.M)
    assert [int(epoch) for epoch in reported] == [1, *range(10, 101, 10)]
    picture = [line for line in out.splitlines() if "│" in line]
    assert len(picture) == 20
    assert sum(line.count("○") for line in picture) > 40 and sum(line.count("●") for line in picture) > 40
    assert "○ class 0   ● class 1" in out


def test_iris_reaches_95_percent_validation_accuracy(run):
    status, out, err = run("train", IRIS, "--target", "species")
    assert (status, err) == (0, "")
    assert "150 rows (120 for training, 30 for validation), 4 features, classes setosa, versicolor, virginica" in out
    result = figures(out)
    assert percent(result["validation"]["accuracy"]) >= 95 and percent(result["training"]["accuracy"]) >= 95


def test_iris_file_is_fishers(tmp_path):
    with open(IRIS, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    species = [row["species"] for row in rows]
    assert species == ["setosa"] * 50 + ["versicolor"] * 50 + ["virginica"] * 50
    measured = np.array([[float(row[name]) for name in list(row)[:4]] for row in rows])
    # Means by species from Fisher (1936), table 2; the 35th and 38th flower as printed there, not as in the copy
    # of 1988 that most collections carry.
    means = measured.reshape(3, 50, 4).mean(axis=1)
    fisher = [[5.006, 3.428, 1.462, 0.246], [5.936, 2.770, 4.260, 1.326], [6.588, 2.974, 5.552, 2.026]]
    np.testing.assert_allclose(means, fisher, atol=1e-9)
    assert measured[34].tolist() == [4.9, 3.1, 1.5, 0.2] and measured[37].tolist() == [4.9, 3.6, 1.4, 0.1]


@pytest.mark.parametrize(("name", "rows"), [("circles", 200), ("spirals", 200), ("xor", 200), ("seed", 4)])
def test_built_in_sets(run, name, rows):
    status, out, _ = run("train", name, "--epochs", 2)
    assert status == 0
    assert out.startswith(f"{name}: {rows} rows")


def test_small_sets_show_their_predictions(run):
    status, out, _ = run("train", "seed", "--activation", "tanh")
    assert status == 0
    table = out[out.index("prediction") :].splitlines()[1:5]
    assert [line.split()[:5] for line in table] == [
        ["2", "3", "-1", "1", "1"],
        ["3", "-1", "0.5", "-1", "-1"],
        ["0.5", "1", "1", "-1", "-1"],
        ["1", "1", "-1", "1", "1"],
    ]
    assert all(0.9 < float(line.split()[5]) <= 1 for line in table)
    assert "validation" not in out  # a fifth of four rows is none


def test_a_run_repeats_itself_and_depends_on_the_seed(run):
    first, again, other = (run("train", "xor", "--epochs", 3, *seed)[1] for seed in ([], [], ["--seed", 5]))
    assert first == again != other


def test_every_option_has_its_effect(run):
    usual = run("train", "--epochs", 2, "--quiet")[1]
    for option in (
        ["--hidden", "5"],
        ["--hidden", "none"],
        ["--activation", "tanh"],
        ["--loss", "hinge"],
        ["--loss", "mse"],
        ["--loss", "cross_entropy"],
        ["--optimizer", "sgd"],
        ["--lr", "0.02"],
        ["--batch-size", "8"],
        ["--seed", "3"],
        ["--l2", "0.1"],
        ["--validation", "0.3"],
        ["--init", "xavier"],
        ["--dropout", "0.2"],
        ["--schedule", "cosine"],
        ["--l1", "0.01"],
        ["--clip-norm", "0.1"],
        *(["--optimizer", name] for name in ("adamw", "rmsprop", "adagrad")),
    ):
        status, out, err = run("train", "--epochs", 2, "--quiet", *option)
        assert (status, err) == (0, "")
        assert figures(out) != figures(usual), option


def test_the_rules_of_a_training_are_told(run):
    out = run("train", "xor", "--epochs", 1, "--lr", "0.5", "--optimizer", "adagrad")[1]
    assert "binary_cross_entropy, adagrad, learning rate 0.5, L2 0, batches of 32, patience 20\n" in out
    options = ["--schedule", "warmup", "--dropout", 0.25, "--l1", "1e-3", "--clip-norm", 2, "--patience", 7]
    out = run("train", "xor", "--epochs", 1, *options)[1]
    assert "batches of 32, schedule warmup, dropout 0.25, L1 0.001, clip norm 2, patience 7\n" in out


NOISY = ["--lr", "0.1", "--batch-size", "16"]


def test_patience_keeps_the_best_parameters(run):
    status, out, _ = run("train", "xor", *NOISY, "--epochs", 500, "--patience", 4, "--save", "m.npz")
    assert status == 0
    series = checkpoint.load("m.npz").metadata["history"]["validation_loss"]
    best = series.index(min(series))
    assert len(series) == best + 5 < 500
    assert f"\nstopped early; the parameters are those of epoch {best + 1}, after which the validation loss did" in out
    assert float(figures(out)["validation"]["loss"]) == float(f"{min(series):.4g}")


def test_the_best_parameters_are_kept_at_the_last_epoch_and_at_ctrl_c(run, monkeypatch):
    options = ["xor", *NOISY, "--patience", 400, "--save", "m.npz"]
    status, out, _ = run("train", *options, "--epochs", 60)
    assert status == 0
    series = checkpoint.load("m.npz").metadata["history"]["validation_loss"]
    best = series.index(min(series))
    assert best < 59 and f"\nthe parameters are those of epoch {best + 1}, after" in out and "stopped" not in out
    assert float(figures(out)["validation"]["loss"]) == float(f"{min(series):.4g}")

    def strike(model, history):
        if history.epochs == 60:
            raise KeyboardInterrupt

    def interrupted(*arguments, callbacks, **options):
        return autograd.training.fit(*arguments, callbacks=[*callbacks, strike], **options)

    monkeypatch.setattr("autograd._cli.commands.fit", interrupted)
    whole = checkpoint.load("m.npz").state["model"]
    assert run("train", *options, "--epochs", 100)[0] == 130
    assert checkpoint.load("m.npz").state["model"] == whole


def test_a_stopped_run_goes_on_for_as_long_again(run):
    options = ["--epochs", 500, "--save", "m.npz"]
    assert run("train", "xor", *NOISY, "--patience", 4, *options)[0] == 0
    first = checkpoint.load("m.npz").metadata["history"]["validation_loss"]
    assert run("train", "--resume", "m.npz", *options)[0] == 0
    series = checkpoint.load("m.npz").metadata["history"]["validation_loss"]
    assert len(first) + 4 <= len(series) and series[: len(first)] == first
    # Figures on other rows say nothing about these.
    out = run("train", "--resume", "m.npz", "--validation", 0.5, "--epochs", 500)[1]
    stopped = int(re.search(r"those of epoch (\d+)", out)[1])
    assert stopped > len(series)
    assert run("train", "--resume", "m.npz", "--patience", 0, "--epochs", 9, "--save", "n.npz")[0] == 0
    assert len(checkpoint.load("n.npz").metadata["history"]["loss"]) == len(series) + 9


def test_quiet_prints_the_final_figures_only(run):
    status, out, _ = run("train", "--epochs", 2, "--quiet", "--save", "m.npz")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["loss", "training", "validation", "always"]


# Regression, kinds of targets


def test_regression_in_the_units_of_the_target(run, tmp_path):
    write(tmp_path / "houses.csv", HOUSES)
    status, out, _ = run("train", "houses.csv", "--target", "price", "--save", "m.npz")
    assert status == 0 and "price is a number" in out and "mse" in out
    result = figures(out)
    assert set(result["training"]) == {"loss", "rmse", "mae", "R2"}
    assert float(result["validation"]["R2"]) > 0.9
    assert float(result["training"]["rmse"]) < 1500
    status, out, _ = run("predict", "m.npz", "houses.csv")
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["prediction"]
    predicted = np.array([float(row[0]) for row in rows[1:]])
    assert np.corrcoef(predicted, PRICES)[0, 1] > 0.97
    rmse = np.sqrt(np.mean((predicted - PRICES) ** 2))
    assert rmse < 1500


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ("a b a b", "classes a, b"),
        ("1 0 1 0", "classes 0, 1"),
        ("1.0 2 1.0 2", "classes 1.0, 2"),
        ("inf nan inf nan", "classes inf, nan"),
        ("1_2 2 12 2", "classes 12, 1_2, 2"),
        ("10 9 10 9", "classes 9, 10"),
        ("1 2 x 2", "classes 1, 2, x"),
        ("0.5 1 0.5 1", "t is a number"),
        ("1 2 3 4", "t is a number"),
        (" ".join(str(i) for i in [*range(11), *range(11)]), "t is a number"),
    ],
)
def test_the_kind_of_target_is_inferred(run, tmp_path, values, task):
    write(tmp_path / "d.csv", "x,t\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values.split())))
    status, out, _ = run("train", "d.csv", "--target", "t", "--epochs", 1)
    assert status == 0
    assert out.splitlines()[0].endswith(f", 1 feature, {task}")


def test_the_kind_of_target_can_be_set(run, tmp_path):
    write(tmp_path / "d.csv", "x,t\n1,0.5\n2,2\n3,0.5\n4,1\n")
    out = run("train", "d.csv", "--target", "t", "--epochs", 1, "--task", "classification")[1]
    assert "classes 0.5, 1, 2" in out
    write(tmp_path / "d.csv", "x,t\n1,0\n2,1\n3,0\n4,1\n")
    out = run("train", "d.csv", "--target", "t", "--epochs", 1, "--task", "regression")[1]
    assert "t is a number" in out


LABELS = ["12345678901234567891", "12345678901234567892", "007", "7", "1e5", "100000", "-0", "0", "1.0", "+7"]


@pytest.mark.parametrize("loss", ["cross_entropy", "hinge"])
@pytest.mark.parametrize("labels", [LABELS, ["inf", "nan", "a"], ["1_2", "12"], ["NaN", "nan", "1"], ["٣", "3"]])
def test_labels_are_kept_to_the_letter(run, tmp_path, labels, loss):
    labels = labels[:2] if loss == "hinge" else labels
    features = [",".join(str(int(i == k)) for k in range(len(labels))) for i in range(len(labels))]
    rows = "".join(f"{row},{label}\n" for row, label in zip(features, labels, strict=True) for _ in range(6))
    write(tmp_path / "d.csv", ",".join(f"x{k}" for k in range(len(labels))) + ",t\n" + rows)
    options = ["--target", "t", "--task", "classification", "--loss", loss, "--hidden", "none", "--lr", "0.1"]
    status, out, err = run("train", "d.csv", *options, "--epochs", 50, "--save", "m.npz")
    assert (status, err) == (0, "")
    assert percent(figures(out)["training"]["accuracy"]) == 100
    assert sorted(checkpoint.load("m.npz").metadata["architecture"]["classes"]) == sorted(labels)
    header, *rows = csv.reader(io.StringIO(run("predict", "m.npz", "d.csv", "--probabilities")[1]))
    assert [row[0] for row in rows] == [label for label in labels for _ in range(6)]
    assert loss == "hinge" or sorted(header[1:]) == sorted(f"probability_{label}" for label in labels)
    assert run("train", "--resume", "m.npz", "--epochs", 1)[0] == 0


def test_numbers_that_are_classes_come_in_the_order_of_numbers(run, tmp_path):
    write(tmp_path / "d.csv", "x,t\n" + "".join(f"{i},{label}\n" for i, label in enumerate(LABELS * 2)))
    out = run("train", "d.csv", "--target", "t", "--epochs", 0)[1]
    ordered = "-0, 0, 1.0, +7, 007, 7, 100000, 1e5, 12345678901234567891, 12345678901234567892"
    assert out.splitlines()[0].endswith(f"classes {ordered}")


def test_tables_as_spreadsheets_write_them(run, tmp_path):
    text = '\ufeffx, "long, name",t\r\n1, 2 ,"a"\r\n\r\n3,4,b\r\n5,6,a\r\n,,\r\n'
    (tmp_path / "d.csv").write_bytes(text.encode("utf-8"))
    status, out, _ = run("train", "d.csv", "--target", "t", "--epochs", 1)
    assert status == 0
    assert out.startswith("d.csv: 3 rows (3 for training), 2 features, classes a, b")


def test_a_constant_feature_does_no_harm(run, tmp_path):
    write(tmp_path / "d.csv", "x,c,t\n" + "".join(f"{i},0.1,{'ab'[i > 9]}\n" for i in range(20)))
    status, out, _ = run("train", "d.csv", "--target", "t")
    assert status == 0 and percent(figures(out)["training"]["accuracy"]) > 80


# Standardisation, saving, resuming, predicting


def test_standardisation_is_fitted_on_the_training_part_and_saved(run):
    assert run("train", IRIS, "--target", "species", "--epochs", 1, "--save", "m.npz")[0] == 0
    state, metadata = checkpoint.load("m.npz")
    assert metadata["architecture"]["features"] == ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    table = np.genfromtxt(IRIS, delimiter=",", skip_header=1, usecols=range(4))
    training, held_out = autograd.training.validation_split(
        np.repeat([0, 1, 2], 50), metadata["settings"]["validation"], metadata["settings"]["seed"]
    )
    assert len(held_out) == 30
    np.testing.assert_allclose(state["input_scale"]["mean"], table[training].mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(state["input_scale"]["scale"], table[training].std(axis=0), rtol=1e-14)


def test_resumed_runs_equal_an_uninterrupted_one(run):
    options = [IRIS, "--target", "species", "--hidden", "6", "--activation", "tanh", "--lr", "0.02", "--seed", "4"]
    assert run("train", *options, "--epochs", 6, "--save", "whole.npz")[0] == 0
    assert run("train", *options, "--epochs", 2, "--save", "part.npz")[0] == 0
    status, out, _ = run("train", "--resume", "part.npz", "--epochs", 4, "--save", "part.npz")
    assert status == 0
    assert "MLP 4-6-3, tanh" in out and "learning rate 0.02" in out
    whole, part = checkpoint.load("whole.npz"), checkpoint.load("part.npz")
    assert whole.metadata == part.metadata
    assert whole.state["model"] == part.state["model"]
    assert len(part.metadata["history"]["loss"]) == 6


def test_resuming_with_other_options(run):
    run("train", "xor", "--epochs", 2, "--save", "m.npz")
    status, out, _ = run("train", "--resume", "m.npz", "--epochs", 1, "--optimizer", "sgd", "--save", "n.npz")
    assert status == 0 and out.startswith("xor: ") and "sgd, learning rate 0.1," in out
    out = run("train", "--resume", "m.npz", "--epochs", 1, "--lr", "0.003")[1]
    assert "adam, learning rate 0.003," in out
    assert run("train", "xor", "--resume", "m.npz", "--hidden", "16,16", "--epochs", 0)[0] == 0
    out = run("train", "--resume", "m.npz", "--epochs", 1, "--validation", 0)[1]
    assert "validation" not in out and "nan" not in out


def test_resuming_on_another_file_keeps_the_scales(run, tmp_path):
    write(tmp_path / "a.csv", "x,y,t\n" + "".join(f"{i},{-i},{'ab'[i % 2]}\n" for i in range(10)))
    write(tmp_path / "b.csv", "extra,t,y,x\n" + "".join(f"?,b,{10 * i},{i}\n" for i in range(5)) + "?,a,0,0\n")
    run("train", "a.csv", "--target", "t", "--epochs", 1, "--save", "a.npz")
    assert run("train", "b.csv", "--resume", "a.npz", "--epochs", 1, "--save", "b.npz")[0] == 0
    a, b = checkpoint.load("a.npz").state, checkpoint.load("b.npz").state
    assert a["input_scale"]["mean"].tolist() == b["input_scale"]["mean"].tolist()
    assert a["model"] != b["model"]


def test_predictions_of_classes_come_with_probabilities(run, tmp_path):
    run("train", IRIS, "--target", "species", "--epochs", 20, "--save", "m.npz")
    # Only the features count: other columns may be there, in any order, and the target need not.
    write(
        tmp_path / "new.csv",
        "id,petal_width,petal_length,sepal_width,sepal_length\nx,0.2,1.4,3.5,5.1\ny,2.5,6,3.3,6.3\n",
    )
    assert run("predict", "m.npz", "new.csv")[1] == "prediction\nsetosa\nvirginica\n"
    status, out, err = run("predict", "m.npz", "new.csv", "--probabilities")
    assert (status, err) == (0, "")
    header, first, second = csv.reader(io.StringIO(out))
    assert header == ["prediction", "probability_setosa", "probability_versicolor", "probability_virginica"]
    assert (first[0], second[0]) == ("setosa", "virginica")
    for row in (first, second):
        probabilities = [float(text) for text in row[1:]]
        assert sum(probabilities) == pytest.approx(1) and max(probabilities) > 0.8
    assert run("predict", "m.npz", "new.csv", "--probabilities", "--output", "out.csv")[:2] == (0, "")
    assert (tmp_path / "out.csv").read_text() == out


@pytest.mark.parametrize(
    ("loss", "columns"),
    [
        ("binary_cross_entropy", ["probability_0", "probability_1"]),
        ("cross_entropy", ["probability_0", "probability_1"]),
        ("hinge", ["score"]),
        ("mse", ["score"]),
    ],
)
def test_predictions_of_two_classes(run, tmp_path, loss, columns):
    X, y = autograd.datasets.make_moons(50, noise=0.1, random_state=8)
    write(tmp_path / "new.csv", "x1,x2\n" + "".join(f"{a!r},{b!r}\n" for a, b in X.tolist()))
    run("train", "--loss", loss, "--epochs", 40, "--save", "m.npz")
    status, out, _ = run("predict", "m.npz", "new.csv", "--probabilities")
    header, *rows = csv.reader(io.StringIO(out))
    assert status == 0 and header == ["prediction", *columns]
    classes = np.array([int(row[0]) for row in rows])
    assert np.mean(classes == y) > 0.9
    last = np.array([float(row[-1]) for row in rows])
    assert np.array_equal(classes, last > (0 if loss in ("hinge", "mse") else 0.5))


def test_saving_without_training_keeps_the_initial_weights(run):
    assert run("train", "--epochs", 0, "--save", "m.npz")[0] == 0
    model = autograd.MLP(2, [16, 16, 1], seed=1337)
    assert checkpoint.load("m.npz").state["model"] == model.state_dict()


# Failures


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "x"], "argument --epochs: must be a whole number, at least 0, got 'x'"),
        (["--epochs", "-1"], "argument --epochs: must be a whole number, at least 0, got '-1'"),
        (["--batch-size", "0"], "argument --batch-size: must be a whole number, at least 1, got '0'"),
        (["--seed", "4294967296"], "argument --seed: must be a whole number, from 0 to 4294967295, got '4294967296'"),
        (["--lr", "0"], "argument --lr: must be a number above 0, got '0'"),
        (["--dropout", "1"], "argument --dropout: must be a number of at least 0 and below 1, got '1'"),
        (["--l1", "-1"], "argument --l1: must be a number of at least 0, got '-1'"),
        (["--clip-norm", "0"], "argument --clip-norm: must be a number above 0, got '0'"),
        (["--patience", "-1"], "argument --patience: must be a whole number, at least 0, got '-1'"),
        (["--schedule", "sine"], "argument --schedule: invalid choice: 'sine'"),
        (["--init", "zeros"], "argument --init: invalid choice: 'zeros'"),
        (["--lr", "nan"], "argument --lr: must be a number above 0, got 'nan'"),
        (["--l2", "-1"], "argument --l2: must be a number of at least 0, got '-1'"),
        (["--validation", "1"], "argument --validation: must be a number of at least 0 and below 1, got '1'"),
        (["--hidden", "16,x"], "argument --hidden: must be sizes such as 16,16, or 'none', got '16,x'"),
        (["--hidden", "0"], "argument --hidden: must be sizes such as 16,16, or 'none', got '0'"),
        (["--loss", "mean"], "argument --loss: invalid choice: 'mean'"),
        (["--activation", "step"], "argument --activation: invalid choice: 'step'"),
        (["--optimizer", "lion"], "argument --optimizer: invalid choice: 'lion'"),
        (["--task", "ranking"], "argument --task: invalid choice: 'ranking'"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["--epoch", "3"], "unrecognized arguments: --epoch"),
        (["xor", "--target", "class"], "--target is for CSV files; xor is a built-in set"),
        (["xor", "--task", "regression"], "--task is for CSV files; xor is a built-in set"),
        ([IRIS], "iris.csv: --target COLUMN is needed (columns: sepal_length, sepal_width, petal_length,"),
        ([IRIS, "--target", "colour"], "iris.csv: no column 'colour' (columns: sepal_length, sepal_width,"),
        (
            [IRIS, "--target", "species", "--loss", "hinge"],
            "the loss hinge does not suit 3 classes (choose from cross_",
        ),
        (["--save", ""], "argument --save: must name a file, got ''"),
    ],
)
def test_wrong_arguments_to_train(fails, arguments, message):
    assert message in fails("train", *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.csv"], "nothing.csv: no such file, and no built-in set (moons, circles, spirals, xor, seed)"),
        (["."], ".: Is a directory"),
        ([IRIS, "--target", "species", "--task", "regression"], "line 2, column 'species': 'setosa' is not a number"),
        (["--save", "missing/m.npz"], "missing/m.npz: No such file or directory"),
        (["--save", "."], ".: Is a directory"),
        (["--save", f"{IRIS}/m.npz"], "iris.csv/m.npz: Not a directory"),
        (["--save", os.devnull], f"{os.devnull}: Not a regular file"),
        (["--save", "x" * 300], "File name too long"),
        (["--resume", "missing.npz"], "missing.npz: No such file or directory"),
        (["--resume", IRIS], "iris.csv"),
    ],
)
def test_unusable_files(fails, arguments, message):
    assert message in fails("train", *arguments, status=3)


def test_a_training_that_diverges(fails):
    message = fails("train", "--lr", "1e300", "--optimizer", "sgd", "--save", "m.npz", status=1)
    assert message.startswith("the training diverged, its loss is ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("x,t\n", "no rows below the header"),
        ("x,t\n1,2\n3\n", "line 3 has 1 cells, the header has 2"),
        ("x,t\n1,2\n3,4,5\n", "line 3 has 3 cells, the header has 2"),
        ("x,,t\n1,2,3\n", "line 1: column 2 has no name"),
        ("x,t,x\n1,2,3\n", "line 1: two columns are named 'x'"),
        ("x,t\n1,a\n,b\n", "line 3, column 'x': the cell is empty"),
        ("x,t\n1,a\n2,\n", "line 3, column 't': the cell is empty"),
        ("x,t\n1,a\n\nhot,b\n", "line 4, column 'x': 'hot' is not a number, as 1 of 2 cells are; --categorical takes"),
        ("x,t\n1,a\nnan,b\n", "line 3, column 'x': 'nan' stands for a missing value; a model trained with --missing"),
        ("x,t\n1,a\n-inf,b\n", "line 3, column 'x': '-inf' is not finite"),
        ("x,t\n1,2\n3,nan\n", "line 3, column 't': 'nan' is not finite"),
        ("x,t\n1,1\n2,0\n3,1\n4,0\n5,nan\n", "'nan' is not finite, as a regression needs; --task classification takes"),
        ("x,t\n1,2.5\n3,1e999\n", "line 3, column 't': '1e999' is not finite"),
        ("x,t\n1_0,a\n3,b\n", "line 2, column 'x': '1_0' is not a number, as 1 of 2 cells are; --categorical takes"),
        ("x,t\n1,a\n3,a\n", "column 't' has one class only ('a')"),
        ("t\n1\n2\n", "no features, 't' is the only column left"),
        ('x,t\n1,"a\n', "line 2: unexpected end of data"),
        ("x,t\n1e308,a\n-1e308,b\n1e308,a\n", "too large to standardise"),
        (b"x,t\n1,\xff\n", "not UTF-8 text"),
        (b"PK\x03\x04\x00\x00", "d.csv: "),
    ],
)
def test_unusable_tables(fails, tmp_path, text, message):
    (tmp_path / "d.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    status = 2 if text == "t\n1\n2\n" else 3
    error = fails("train", "d.csv", "--target", "t", "--save", "m.npz", "--epochs", 1, status=status)
    assert message in error


def test_checkpoints_of_another_shape(run, fails, tmp_path):
    run("train", IRIS, "--target", "species", "--epochs", 0, "--save", "iris.npz")
    assert fails("train", "--resume", "iris.npz", "--hidden", "4", "--save", "iris.npz") == (
        "iris.npz: the model has --hidden 16,16, not 4; --resume cannot change that"
    )
    assert "has --activation relu, not tanh" in fails("train", "--resume", "iris.npz", "--activation", "tanh")
    assert "has --dropout 0.0, not 0.5; --resume" in fails("train", "--resume", "iris.npz", "--dropout", "0.5")
    assert "has --init uniform, not he; --resume" in fails("train", "--resume", "iris.npz", "--init", "he")
    assert "has --loss cross_entropy, not hinge" in fails("train", "--resume", "iris.npz", "--loss", "hinge")
    assert "the model to resume has the features sepal_length, " in fails("train", "moons", "--resume", "iris.npz")
    write(tmp_path / "d.csv", "sepal_length,species\n1,setosa\n2,virginica\n")
    assert "d.csv: no column 'sepal_width'" in fails("train", "d.csv", "--resume", "iris.npz", status=3)
    text = Path(IRIS).read_text().replace("versicolor", "rosa")
    write(tmp_path / "roses.csv", text)
    assert fails("train", "roses.csv", "--resume", "iris.npz", status=3) == (
        "roses.csv: line 52, column 'species': unknown class 'rosa' (classes: setosa, versicolor, virginica)"
    )
    state, metadata = checkpoint.load("iris.npz")
    del state["model"]["layers.0.neurons.0.b"]
    checkpoint.save("other.npz", state, metadata=metadata)
    assert "other.npz: a damaged model (layers of 403 parameters, but 402 numbers)" in fails(
        "train", "--resume", "other.npz", status=3
    )
    checkpoint.save("foreign.npz", autograd.MLP(2, [1]))
    assert fails("predict", "foreign.npz", "d.csv", status=3) == "foreign.npz: not a model that 'autograd train' saved"


def test_wrong_arguments_to_predict(run, fails, tmp_path):
    run("train", IRIS, "--target", "species", "--epochs", 0, "--save", "m.npz")
    write(tmp_path / "d.csv", "sepal_length,petal_length,petal_width\n1,2,3\n")
    assert "d.csv: no column 'sepal_width' (did you mean 'petal_width'?)" in fails(
        "predict", "m.npz", "d.csv", "--output", "out.csv", status=3
    )
    write(tmp_path / "d.csv", "sepal_length,sepal_width,petal_length,petal_width\n1,2,3,4\n1,2,x,4\n")
    assert "line 3, column 'petal_length': 'x' is not a number, as features must be" in fails(
        "predict", "m.npz", "d.csv", status=3
    )
    assert fails("predict", "m.npz", "missing.csv", status=3) == "missing.csv: No such file or directory"
    assert fails("predict", "missing.npz", IRIS, status=3) == "missing.npz: No such file or directory"
    write(tmp_path / "d.csv", "sepal_length,sepal_width,petal_length,petal_width\n1,2,3,4\n1e308,1,1,-1e308\n")
    assert "no finite prediction for row 2: its features are too large, [1e+308, " in fails(
        "predict", "m.npz", "d.csv", status=3
    )
    assert "d.csv" in fails("predict", "d.csv", "d.csv", status=3)
    assert "missing/out.csv: No such file" in fails("predict", "m.npz", IRIS, "--output", "missing/out.csv", status=3)
    assert fails("predict", "m.npz") == "the following arguments are required: DATA"


def test_an_unwritable_place_is_found_before_training(fails, monkeypatch):
    monkeypatch.setattr("autograd._cli.commands.fit", lambda *_, **__: pytest.fail("the training began"))
    assert "missing/m.npz" in fails("train", "--save", "missing/m.npz", status=3)
    pytest.importorskip("matplotlib")
    assert "missing/m.png" in fails("train", "--plot", "missing/m.png", status=3)


def test_no_option_for_a_plot_without_matplotlib(fails, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backend_bases", None)
    assert "a plot needs matplotlib: python -m pip install 'autograd-engine[viz]'" in fails("train", "--plot", "m.png")


# Help, plots, output


def test_help_and_version(run):
    assert run("--version") == (0, f"autograd-engine {autograd.__version__}\n", "")
    status, out, err = run()
    assert (status, err) == (0, "") and "train" in out and "predict" in out
    assert run("--help") == (0, out, "")
    status, out, _ = run("train", "--help")
    assert status == 0
    listed = set(re.findall(r"^  (--[a-z0-9-]+)", out, re.M))
    assert listed == {
        *("--target", "--task", "--validation", "--hidden", "--activation", "--loss", "--optimizer", "--lr"),
        *("--epochs", "--batch-size", "--l2", "--seed", "--save", "--resume", "--plot", "--quiet"),
        *("--init", "--dropout", "--schedule", "--patience", "--l1", "--clip-norm"),
        *("--features", "--drop", "--categorical", "--missing", "--test", "--json"),
    }
    for command in ("predict", "evaluate", "info"):
        assert run(command, "--help")[0] == 0


@pytest.mark.parametrize(("data", "name"), [("xor", "p.png"), ("seed", "p.svg"), ("seed", "p.PDF")])
def test_plot_files(run, tmp_path, data, name):
    pytest.importorskip("matplotlib")
    status, out, _ = run("train", data, "--epochs", 2, "--plot", name)
    assert status == 0 and f"plot saved to {name}" in out
    start = (tmp_path / name).read_bytes()[:100]
    assert {"p.png": b"\x89PNG", "p.svg": b"<svg", "p.PDF": b"%PDF"}[name] in start or b"<?xml" in start
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_plots_of_other_data(run, fails, tmp_path):
    pytest.importorskip("matplotlib")
    write(tmp_path / "houses.csv", HOUSES)
    for columns in (["--target", "price"], ["--target", "area"]):
        assert run("train", "houses.csv", *columns, "--epochs", 2, "--plot", "p.png")[0] == 0
    write(tmp_path / "d.csv", "x,t\n1,1\n2,4.5\n3,9\n")
    assert run("train", "d.csv", "--target", "t", "--epochs", 2, "--plot", "p.png")[0] == 0
    assert run("train", IRIS, "--target", "species", "--epochs", 0, "--plot", "p.png")[0] == 0
    assert "p.doc: the name of an image must end in one of ." in fails("train", "--plot", "p.doc")


class Narrow(io.TextIOWrapper):
    """Standard output in ASCII."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="ascii", write_through=True)

    def text(self):
        return self.buffer.getvalue().decode("ascii")


def test_a_stdout_that_is_not_utf_8(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "d.csv", "x,y,größe\n" + "".join(f"{i},{i % 3},{'äß'[i > 4]}\n" for i in range(10)))
    monkeypatch.setattr(sys, "stdout", Narrow())
    assert main(["train", "d.csv", "--target", "größe", "--epochs", "1", "--save", "m.npz"]) == 0
    shown = sys.stdout.text()
    assert "classes \\xdf, \\xe4" in shown and "+--" in shown and "|" in shown
    monkeypatch.setattr(sys, "stdout", Narrow())
    with pytest.raises(SystemExit) as end:
        main(["predict", "m.npz", "d.csv", "--probabilities"])
    assert end.value.code == 2 and sys.stdout.text() == ""
    assert "stdout is ascii and cannot show '\\xdf'; --output FILE writes UTF-8" in capsys.readouterr().err
    assert main(["predict", "m.npz", "d.csv", "--probabilities", "--output", "out.csv"]) == 0
    assert "probability_ß,probability_ä" in (tmp_path / "out.csv").read_text(encoding="utf-8")


def test_wrong_points_are_marked_on_the_map(run):
    out = run("train", "xor", "--epochs", 0)[1]
    wrong = int(re.search(r"✗ in a wrong region: (\d+)", out)[1])
    accuracies = [percent(row["accuracy"]) for row in figures(out).values()]
    assert wrong == round(160 * (1 - accuracies[0] / 100) + 40 * (1 - accuracies[1] / 100))
    assert 0 < sum(line.count("✗") for line in out.splitlines() if "│" in line) <= wrong


# Processes


def start(arguments, directory):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen([*COMMAND, *arguments], cwd=directory, env=environment, **pipes)


def finish(arguments, directory):
    with start(arguments, directory) as process:
        out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def test_as_a_module(tmp_path):
    status, out, err = finish(["train", "seed", "--epochs", "1"], tmp_path)
    assert (status, err) == (0, "") and out.startswith("seed: 4 rows")
    status, out, err = finish(["train", "nothing.csv"], tmp_path)
    assert (status, out) == (3, "") and err.startswith("autograd: error: nothing.csv: ")


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("save", [["--save", "m.npz"], []])
def test_control_c(tmp_path, save):
    with start(["train", "--epochs", "1000000", *save], tmp_path) as process:
        while not process.stdout.readline().lstrip().startswith("1 "):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=100)
    assert process.returncode == 130
    words = r"autograd: interrupted after epoch (\d+) of 1000000; "
    words += "saved to m.npz" if save else "nothing saved, as --save was not given"
    epochs = int(re.fullmatch(words + "\n", err)[1])
    assert epochs >= 1
    assert [path.name for path in tmp_path.iterdir()] == save[1:]
    if save:
        assert len(checkpoint.load(tmp_path / "m.npz").metadata["history"]["loss"]) == epochs
        status, out, _ = finish(["train", "--resume", "m.npz", "--epochs", "1"], tmp_path)
        assert status == 0 and f"\n{epochs + 1:5} " in out


def test_control_c_before_and_while_saving(run, monkeypatch):
    saves = []
    write_file = checkpoint.save

    def interrupted_once(*arguments, **options):
        saves.append(arguments)
        if len(saves) == 1:
            raise KeyboardInterrupt
        write_file(*arguments, **options)

    monkeypatch.setattr(checkpoint, "save", interrupted_once)
    status, _, err = run("train", "xor", "--epochs", 2, "--save", "m.npz")
    assert (status, err) == (130, "autograd: interrupted after epoch 2 of 2; saved to m.npz\n")
    assert len(checkpoint.load("m.npz").metadata["history"]["loss"]) == 2

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("autograd._cli.commands.validation_split", interrupt)
    assert run("train", "--save", "n.npz") == (130, "", "autograd: interrupted\n")
    assert not Path("n.npz").exists()


@pytest.mark.skipif(os.name != "posix", reason="needs a shell's pipes")
def test_a_reader_that_goes_away(tmp_path):
    with start(["train", "--epochs", "1000"], tmp_path) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_on_a_terminal_there_are_a_bar_and_colours(tmp_path):
    fcntl, pty, termios = map(pytest.importorskip, ("fcntl", "pty", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 70, 0, 0))
    environment = {**ENVIRONMENT, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    for name in ("NO_COLOR", "COLUMNS"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [*COMMAND, "train", "xor", "--epochs", "30"],
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux's way of saying that the other side is closed.
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    assert process.wait() == 0
    text = shown.decode()
    assert re.search(r"training: +\d+%.*\d+/30 .*loss=", text)
    picture = [line for line in text.splitlines() if "│" in line]
    assert len(picture) == 20 and all("\x1b[48;5;" in line for line in picture)
    plain = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in picture]
    assert {len(line) for line in plain} == {len(plain[0])} and len(plain[0]) <= 70
