"""Tables with the troubles of real files, and the command line on each."""

import csv
import gzip
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd
from autograd import checkpoint
from autograd.__main__ import main
from autograd._cli.preparation import Preparation
from autograd._cli.table import FileError, read_table

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(autograd.__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}


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


# Thirty-six guests: two numbers, a text, a boolean, what tells nothing, and two targets.
RNG = np.random.default_rng(5)
ROWS = [
    {
        "id": f"G{i:03}",
        "age": round(20 + 40 * float(RNG.random()), 1),
        "nights": int(RNG.integers(1, 9)),
        "country": ["France", "Peru", "Chad"][i % 3],
        "member": ["yes", "no"][i // 3 % 2],
        "currency": "EUR",
    }
    for i in range(36)
]
for row in ROWS:
    row["bill"] = round(50.0 * row["nights"] + 30.0 * (row["country"] == "Peru") + 0.25 * row["age"], 2)
    row["returns"] = "often" if row["member"] == "yes" else "never" if row["country"] == "Chad" else "once"


def text(rows=ROWS, delimiter=",", decimal=".", end="\n", quoting=csv.QUOTE_MINIMAL, **changes):
    """Return rows as CSV; a change is a new value for a column of each row, by a function."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    rows = [{**row, **{name: change(row) for name, change in changes.items()}} for row in rows]
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([str(x).replace(".", decimal) if isinstance(x, float) else x for x in row.values()])
    return file.getvalue()


def sometimes(name, mark=""):
    """Return a change that leaves a mark in the column of every fifth row."""
    return {name: lambda row: mark if row["id"].endswith(("0", "5")) else row[name]}


USUAL = text()
LEFT_OUT = "left out: id (its texts are all different); currency (it is always 'EUR')\n"
#: By the trouble: the bytes of a file, further options, and what the output says.
TABLES = {
    "nothing": (USUAL, [], [LEFT_OUT, "36 rows (29 for training, 7 for validation), 4 features as 6 inputs, classes"]),
    "semicolons": (text(delimiter=";"), [], ["4 features as 6 inputs"]),
    "tabs": (text(delimiter="\t"), [], ["4 features as 6 inputs"]),
    "semicolons, decimal commas": (text(delimiter=";", decimal=","), [], ["4 features as 6 inputs"]),
    "tabs, decimal commas": (text(delimiter="\t", decimal=","), [], ["4 features as 6 inputs"]),
    "quotation": (text(quoting=csv.QUOTE_ALL), [], ["4 features as 6 inputs"]),
    "delimiters and newlines in quotes": (text(country=lambda row: row["country"] + ', "the\nland"'), [], ["6 inputs"]),
    "byte order mark": ("\ufeff" + text(end="\r\n"), [], ["4 features as 6 inputs"]),
    "UTF-16, as spreadsheets write": (text(delimiter="\t").encode("utf-16"), [], ["4 features as 6 inputs"]),
    "gzip": (gzip.compress(USUAL.encode()), [], ["4 features as 6 inputs"]),
    "umlauts": (text(country=lambda row: row["country"].replace("a", "ä")), [], ["4 features as 6 inputs"]),
    "blanks and blank lines": (USUAL.replace(",", " ,  ").replace("\n", "\n\n"), [], ["4 features as 6 inputs"]),
    "missing numbers, mean": (text(**sometimes("age")), ["--missing", "mean"], ["4 features as 6 inputs"]),
    "missing numbers, category": (text(**sometimes("age", "NA")), ["--missing", "category"], ["4 features as 7 "]),
    "missing texts, mean": (text(**sometimes("country")), ["--missing", "mean"], ["4 features as 6 inputs"]),
    "missing texts, category": (text(**sometimes("country")), ["--missing", "category"], ["4 features as 7 "]),
    "missing booleans": (text(**sometimes("member", "?")), ["--missing", "mean"], ["4 features as 6 inputs"]),
    "an empty column": (text(currency=lambda row: ""), ["--missing", "mean"], ["currency (it is empty)"]),
    "a constant number": (text(currency=lambda row: 7.5), [], ["currency (it is always 7.5)"]),
    "rare texts": (
        text(currency=lambda row: "USD" if row["id"] < "G010" else "EUR" if row["id"] < "G030" else row["id"]),
        [],
        ["5 features as 9 inputs"],
    ),
    "dates": (
        text(currency=lambda row: f"2026-{row['nights']:02}-01"),
        [],
        ["currency (its texts are dates, of which pandas.to_datetime makes numbers; --categorical takes them as"],
    ),
    "dates with times": (
        text(currency=lambda row: f"{row['nights']}.12.2026 10:30"),
        [],
        ["currency (its texts are dates, of which pa"],
    ),
    "dates as texts": (
        text(currency=lambda row: f"2026-{row['nights'] % 2 + 1:02}-01"),
        ["--categorical", "currency"],
        ["5 features as 8 inputs"],
    ),
    "numbers that are texts": (text(), ["--categorical", "nights"], ["4 features as "]),
    "chosen columns": (text(), ["--features", "member,country"], ["2 features as 4 inputs"]),
    "dropped columns": (text(), ["--drop", "bill,age,id"], ["3 features as 5 inputs", "left out: currency (it is"]),
    "a column name with a comma": (text().replace("nights", '"n, m"'), ["--drop", '"n, m"'], ["4 features as "]),
    "truth in capitals": (text(member=lambda row: str(row["member"] == "yes").upper()), [], ["4 features as 6 "]),
}


@pytest.mark.parametrize("trouble", TABLES)
def test_a_table_is_read_trained_on_and_predicted(run, tmp_path, trouble):
    content, options, said = TABLES[trouble]
    path = tmp_path / "guests.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    drop = [] if "--drop" in options or "--features" in options else ["--drop", "bill"]
    options = ["--target", "returns", *drop, *options, "--epochs", 60, "--save", "m.npz"]
    status, out, err = run("train", "guests.csv", *options)
    assert (status, err) == (0, "")
    for words in (*said, "classification, as returns is text\n", "classes never, often, once"):
        assert words in out
    judged = json.loads(run("evaluate", "m.npz", "guests.csv", "--json")[1])
    assert judged["accuracy"] > 0.8 > judged["baseline"]["accuracy"]
    # Another process predicts the same numbers to the last bit.
    status, out, err = run("predict", "m.npz", "guests.csv", "--probabilities")
    assert (status, err) == (0, "")
    command = [sys.executable, "-m", "autograd", "predict", "m.npz", "guests.csv", "--probabilities"]
    other = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=True)
    assert other.stdout == out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 36
    for row in rows:
        shares = {name.removeprefix("probability_"): float(x) for name, x in row.items() if name != "prediction"}
        assert max(shares, key=shares.get) == row["prediction"] and sum(shares.values()) == pytest.approx(1)


def test_delimiters_and_marks_change_no_number(run, tmp_path):
    outputs = []
    for name in ("nothing", "semicolons, decimal commas", "UTF-16, as spreadsheets write", "gzip", "quotation"):
        content = TABLES[name][0]
        (tmp_path / "d.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        options = ["--target", "bill", "--epochs", 20, "--quiet", "--save", "m.npz"]
        assert run("train", "d.csv", *options)[0] == 0
        outputs.append(run("predict", "m.npz", "d.csv")[1])
        # The mark is that of the file, not of the model.
        (tmp_path / "d.csv").write_text(USUAL)
        outputs.append(run("predict", "m.npz", "d.csv")[1])
    assert len({*outputs}) == 1


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_standard_input(run, tmp_path, monkeypatch, compress):
    def feed(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(compress(content.encode()))))

    feed(USUAL)
    status, out, _ = run("train", "-", "--target", "returns", "--epochs", 2, "--save", "m.npz")
    assert status == 0 and out.startswith("standard input: 36 rows")
    (tmp_path / "d.csv").write_text(USUAL)
    feed(USUAL)
    assert run("predict", "m.npz", "-")[:2] == run("predict", "m.npz", "d.csv")[:2]


def test_many_columns_and_many_rows(run, tmp_path):
    """Nothing in the way of a table grows with the square of its size; benchmarks/tables.py has the times."""
    rng = np.random.default_rng(0)
    for rows, columns in ((12, 20_000), (20_000, 4)):
        values = rng.normal(size=(rows, columns)).round(3)
        header = ",".join(f"x{i}" for i in range(columns)) + ",kind\n"
        lines = (",".join(map(str, row)) + f",{'ab'[i % 2]}\n" for i, row in enumerate(values.tolist()))
        (tmp_path / "d.csv").write_text(header + "".join(lines))
        options = ["--target", "kind", "--hidden", "none", "--epochs", 1, "--save", "m.npz"]
        assert run("train", "d.csv", *options)[0] == 0
        status, out, _ = run("predict", "m.npz", "d.csv")
        assert status == 0 and out.count("\n") == rows + 1
        columns_of_model = json.loads(run("info", "m.npz", "--json")[1])["columns"]
        assert [column["name"] for column in columns_of_model] == [f"x{i}" for i in range(columns)]


# What the preparation learns


def prepared(tmp_path, content, **options):
    (tmp_path / "d.csv").write_text(content)
    table = read_table(tmp_path / "d.csv")
    training = np.arange(options.pop("training", len(table.lines)))
    return Preparation.fit(table, list(table.columns), training, **options)[0], table


def test_the_preparation_is_learnt_from_the_training_rows(tmp_path):
    preparation, table = prepared(tmp_path, "a,b\n1,x\n2,x\n3,y\n,y\n100,z\n100,z\n", training=4, missing="mean")
    assert preparation.inputs == ["a", "b=x", "b=y"]
    expected = [[1, 1, 0], [2, 1, 0], [3, 0, 1], [2, 0, 1], [100, 0, 0], [100, 0, 0]]
    assert preparation.apply(table).tolist() == expected


def test_other_texts_and_missing_ones(tmp_path):
    content = "b,k\nx,1\nx,2\ny,3\ny,4\nq,5\n,6\nr,7\n"
    preparation, table = prepared(tmp_path, content, missing="category")
    assert preparation.inputs == ["b=missing", "b=x", "b=y", "b=other", "k"]
    assert preparation.apply(table)[:, :4].argmax(axis=1).tolist() == [1, 1, 2, 2, 3, 0, 3]
    (tmp_path / "n.csv").write_text("k,b\n1,never seen\n2,\n")
    assert preparation.apply(read_table(tmp_path / "n.csv")).tolist() == [[0, 0, 0, 1, 1], [1, 0, 0, 0, 2]]
    preparation, table = prepared(tmp_path, content, missing="mean")
    assert preparation.inputs == ["b=x", "b=y", "b=other", "k"]
    assert preparation.apply(table)[5].tolist() == [1, 0, 0, 6]


def test_missing_numbers_as_a_category(tmp_path):
    preparation, table = prepared(tmp_path, "a,b\n1,yes\nNA,no\n3,?\n", missing="category")
    assert preparation.inputs == ["a", "a missing", "b", "b missing"]
    assert preparation.apply(table).tolist() == [[1, 0, 1, 0], [2, 1, 0, 0], [3, 0, 0.5, 1]]


def test_a_text_met_anew(run, tmp_path):
    """It is one of the others, and where training met none of those, none of the known texts."""
    (tmp_path / "d.csv").write_text(USUAL)
    for target in ("returns", "bill"):
        assert run("train", "d.csv", "--target", target, "--epochs", 2, "--save", "m.npz")[0] == 0
        (tmp_path / "n.csv").write_text(text(country=lambda row: "Atlantis"))
        status, out, err = run("predict", "m.npz", "n.csv")
        assert (status, err) == (0, "") and out.count("\n") == 37


def test_a_boolean_met_anew(tmp_path):
    preparation, _ = prepared(tmp_path, "a,b\n1,yes\n2,No\n")
    (tmp_path / "n.csv").write_text("a,b\n1,NO\n2,maybe\n")
    with pytest.raises(FileError, match="line 3, column 'b': 'maybe' is neither true nor false"):
        preparation.apply(read_table(tmp_path / "n.csv"))


def test_at_most_a_hundred_texts_have_an_input(tmp_path):
    content = "a,b\n" + "".join(f"{i},t{i % 150}\n" for i in range(300)) + "1,t7\n2,t149\n"
    preparation, _ = prepared(tmp_path, content)
    inputs = preparation.inputs
    assert len(inputs) == 1 + 100 + 1 and "b=t149" in inputs and inputs[-1] == "b=other"


# Failures


@pytest.mark.parametrize(
    ("content", "options", "status", "message"),
    [
        (text(**sometimes("age")), [], 3, "line 2, column 'age': the cell is empty; a model trained with --missing"),
        (text(**sometimes("age", "n/a")), [], 3, "'n/a' stands for a missing value; a model trained with --missing"),
        (text(**sometimes("country")), [], 3, "line 2, column 'country': the cell is empty; a model trained with"),
        (text(**sometimes("age", "old")), [], 3, "line 2, column 'age': 'old' is not a number, as 28 of 36 cells are"),
        (text(**sometimes("age", "inf")), [], 3, "line 2, column 'age': 'inf' is not finite, as features must be"),
        (text(**sometimes("returns")), [], 3, "line 2, column 'returns': the cell is empty; leave out rows without ta"),
        (text(delimiter=";").replace("G001;", "G001;1,5;"), [], 3, "line 3 has 9 cells, the header has 8"),
        (text(delimiter=";", age=lambda row: "1,5"), [], 3, "a decimal point, but "),
        (text().encode("latin-1").replace(b"Peru", b"P\xe9rou"), [], 3, "iconv -f cp1252 -t utf-8 converts"),
        (gzip.compress(USUAL.encode())[:-20], [], 3, "damaged by compression or transport"),
        (b"PK\x03\x04" + bytes(40), [], 3, "this is a spreadsheet or another archive, not CSV; pandas.read_excel("),
        (b"PAR1" + bytes(40), [], 3, "this is Parquet, not CSV; pandas.read_parquet(...).to_csv(...) makes a CSV file"),
        (text(), ["--drop", "currrency"], 2, "--drop: d.csv: no column 'currrency' (did you mean 'currency'?)"),
        (text(), ["--features", "x"], 2, "--features: d.csv: no column 'x' (columns: id, age, nights, country,"),
        (text(), ["--features", "id,currency"], 3, "d.csv: no features (id: its texts are all different; currency: it"),
        (text(), ["--features", "returns"], 2, "d.csv: no features, 'returns' is the only column left"),
        (text(), ["--missing", "median"], 2, "argument --missing: invalid choice: 'median'"),
        (text(), ["--test", "nothing.csv"], 3, "nothing.csv: No such file or directory"),
    ],
)
def test_tables_that_are_refused(run, tmp_path, content, options, status, message):
    (tmp_path / "d.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    got, _, err = run("train", "d.csv", "--target", "returns", *options, "--epochs", 1, "--save", "m.npz")
    assert got == status and message in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["d.csv"]


def test_options_of_the_preparation_are_those_of_the_first_run(run, tmp_path):
    (tmp_path / "d.csv").write_text(USUAL)
    assert run("train", "d.csv", "--target", "returns", "--epochs", 1, "--save", "m.npz")[0] == 0
    for option in (["--drop", "age"], ["--features", "age"], ["--missing", "mean"], ["--categorical", "age"]):
        status, _, err = run("train", "--resume", "m.npz", *option)
        assert status == 2 and f"the model has its columns; --resume cannot change {option[0]}" in err
        status, _, err = run("train", "moons", *option)
        assert status == 2 and f"{option[0]} is for CSV files; moons is a built-in set" in err
    assert run("train", "--resume", "m.npz", "--epochs", 1)[0] == 0


# Judging


def test_a_rare_class(run, tmp_path):
    """A model that finds none of the few positives is as good as the best constant answer, and is shown to be."""
    rng = np.random.default_rng(0)
    rows = "".join(f"{x!r},{'yes' if i % 25 == 0 else 'no'}\n" for i, x in enumerate(rng.normal(size=200).tolist()))
    (tmp_path / "d.csv").write_text("x,sick\n" + rows)
    out = run("train", "d.csv", "--target", "sick", "--epochs", 30, "--save", "m.npz")[1]
    assert any(line.split()[:2] == ["always", "'no'"] and "97.5 %" in line for line in out.splitlines())
    assert "\nno better than to say always 'no'\n" in out
    out = run("evaluate", "m.npz", "d.csv")[1]
    assert "\nno better than to say always 'no'\n" in out
    table = [line.split() for line in out.splitlines()]
    assert ["model", "96.0", "%"] in table and ["always", "'no'", "96.0", "%"] in table
    assert ["yes", "-", "0.0", "%", "0.0", "%", "8"] in table
    assert ["yes", "8", "0"] in table and ["no", "192", "0"] in table


def test_figures_against_scikit_learn(run, tmp_path):
    metrics = pytest.importorskip("sklearn.metrics")
    (tmp_path / "d.csv").write_text(USUAL)
    for target in ("returns", "bill"):
        assert run("train", "d.csv", "--target", target, "--epochs", 8, "--save", "m.npz")[0] == 0
        judged = json.loads(run("evaluate", "m.npz", "d.csv", "--json")[1])
        actual = [row[target] for row in ROWS]
        predicted = [row["prediction"] for row in json.loads(run("predict", "m.npz", "d.csv", "--json")[1])]
        if target == "bill":
            assert judged["R2"] == pytest.approx(metrics.r2_score(actual, predicted))
            assert judged["mae"] == pytest.approx(metrics.mean_absolute_error(actual, predicted))
            assert judged["rmse"] == pytest.approx(metrics.mean_squared_error(actual, predicted) ** 0.5)
            assert judged["baseline"]["rmse"] == pytest.approx(np.std(actual)) and judged["baseline"]["R2"] == 0
        else:
            assert judged["confusion"] == metrics.confusion_matrix(actual, predicted).tolist()
            scores = metrics.precision_recall_fscore_support(actual, predicted, zero_division=0)
            ours = [[row[name] or 0 for row in judged["classes"]] for name in ("precision", "recall", "f1", "rows")]
            np.testing.assert_allclose(ours, scores)


def test_a_test_file(run, tmp_path):
    (tmp_path / "d.csv").write_text(text(ROWS[:30]))
    (tmp_path / "t.csv").write_text(text(ROWS[30:]))
    options = ["--target", "returns", "--drop", "id", "--test", "t.csv", "--epochs", 5]
    out = run("train", "d.csv", *options, "--save", "m.npz")[1]
    test = [line.split() for line in out.splitlines() if line.split()[:1] == ["test"]]
    judged = json.loads(run("evaluate", "m.npz", "t.csv", "--json")[1])
    assert len(test) == 1 and float(test[0][2]) == pytest.approx(100 * judged["accuracy"], abs=0.06)
    result = json.loads(run("train", "d.csv", *options, "--json")[1])
    assert result["figures"]["test"] == judged and result["left_out"] == {"currency": "it is always 'EUR'"}
    assert result["features"] == ["age", "nights", "country", "member", "bill"]
    (tmp_path / "t.csv").write_text(text(ROWS[30:]).replace("often", "rarely"))
    status, _, err = run("train", "d.csv", *options, "--save", "n.npz")
    assert status == 3 and "column 'returns': unknown class 'rarely'" in err and not (tmp_path / "n.npz").exists()


def test_info(run, tmp_path):
    (tmp_path / "d.csv").write_text(text(**sometimes("age")))
    options = ["--target", "returns", "--drop", "bill", "--missing", "category", "--epochs", 3, "--save", "m.npz"]
    assert run("train", "d.csv", *options)[0] == 0
    status, out, err = run("info", "m.npz")
    assert (status, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "m.npz: classification, predicts returns (one of never, often, once)"
    assert "trained on d.csv for 3 epochs" in lines and "missing values: category" in lines
    assert "country text Chad, France, Peru" in lines
    assert any(line.startswith("age number mean ") and line.endswith(", one input for missing") for line in lines)
    described = json.loads(run("info", "m.npz", "--json")[1])
    assert [column["name"] for column in described["columns"]] == ["age", "nights", "country", "member"]
    assert described["epochs"] == described["best_epoch"] == 3 and described["settings"]["target"] == "returns"
    assert run("info", "d.csv")[0] == 3
    # The figures are those of the parameters that the file holds.
    assert run("train", "d.csv", *options[:4], "--missing", "mean", "--epochs", 400, "--save", "m.npz")[0] == 0
    described = json.loads(run("info", "m.npz", "--json")[1])
    best, saved = described["best_epoch"], checkpoint.load("m.npz")[1]["history"]["validation_loss"]
    assert best < described["epochs"] == len(saved) and min(saved) == saved[best - 1]
    assert described["figures"]["validation_loss"] == saved[best - 1]
    assert f"\nthe parameters are those of epoch {best}: loss " in run("info", "m.npz")[1]


def test_a_model_of_release_0_1_0(run, tmp_path):
    (tmp_path / "d.csv").write_text(USUAL)
    run("train", "d.csv", "--target", "returns", "--features", "age,nights", "--epochs", 1, "--save", "m.npz")
    state, metadata = checkpoint.load("m.npz")
    del metadata["preparation"]
    checkpoint.save("old.npz", state, metadata=metadata)
    assert run("predict", "old.npz", "d.csv") == run("predict", "m.npz", "d.csv")


PAGE = Path(__file__).parents[1] / "docs" / "reference" / "command_line.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")
def test_the_page_shows_what_the_commands_print(run, tmp_path):
    """The sessions in the documentation, but for the digits and the widths of columns, which follow them."""

    def words(text):
        return re.sub(r"-+|\d[\d.e]*", "0", " ".join(text.split()))

    shutil.copy(PAGE.parents[2] / "examples" / "data" / "iris.csv", tmp_path)
    for name, content in re.findall(r"^```text\n(\S+\.csv)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S):
        (tmp_path / name).write_text(content, encoding="utf-8")
    sessions = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    steps = [step for session in sessions for step in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.M)]
    assert len(steps) == 5
    for command, expected in steps:
        status, out, err = run(*shlex.split(command.removeprefix("python -m autograd ")))
        assert words(out + err) == words(expected), command
        assert status == (0 if not err else 2 if "--missing" not in err else 3)


def test_plots_of_tables(run, tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "d.csv").write_text(USUAL)
    for target in ("returns", "bill"):
        for validation in (0, 0.3):
            options = ["--target", target, "--validation", validation, "--epochs", 3, "--plot", "p.png"]
            assert run("train", "d.csv", *options)[0] == 0
            assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
            (tmp_path / "p.png").unlink()
