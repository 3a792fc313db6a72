"""The command line: ``python -m autograd train``, ``predict``, ``evaluate`` and ``info``."""

from __future__ import annotations

import argparse
import csv
import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NoReturn

from autograd import __version__
from autograd._cli.commands import BUILT_IN, DEFAULTS, INTERRUPTED, PATIENCE, evaluate, info, predict, train
from autograd._cli.estimator import losses_for
from autograd._cli.preparation import POLICIES
from autograd._cli.table import CLASSIFICATION, REGRESSION, TASKS, FileError
from autograd.initializers import INITIALIZERS
from autograd.nn import ACTIVATIONS
from autograd.schedules import SCHEDULES
from autograd.training import EPOCHS, LEARNING_RATES, OPTIMIZERS

# Exit statuses; those of a process that a signal ended are the shell's, 128 and its number.
DIVERGED, USAGE, FILE = 1, 2, 3
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, by default those of the process.

    Returns
    -------
    int
        Exit status: 0, 1 if the training diverged, 130 after Ctrl-C, 141 if nobody reads the output.

    Raises
    ------
    SystemExit
        After one line on stderr that says what is wrong: with status 2 if it is the command line, 3 if it is a file.
        With 0 for ``--help`` and ``--version``.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if "run" not in arguments:
        parser.print_help()
        return 0
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("autograd: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has gone; without this the flush at exit would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except ArithmeticError as error:
        parser.fail(DIVERGED, str(error))
    except FileError as error:
        parser.fail(FILE, str(error))
    except OSError as error:
        parser.fail(FILE, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except ValueError as error:
        parser.error(str(error))


EPILOG = """\
'autograd COMMAND --help' describes a command. 'python -m autograd' is the same as 'autograd'.

exit status:
  0  done
  1  the training diverged
  2  the command line is wrong
  3  a file cannot be read or written, or is not what it has to be
"""
TRAIN_EPILOG = """\
A CSV file has a header; commas, semicolons or tabs separate its cells, with the last
two a number may have a decimal comma. It may be compressed by gzip; - is standard
input. pandas makes CSV of anything else, and numbers of dates.

The target is a class if it is text, or if its numbers are whole, at most ten are
distinct and each occurs twice on average; otherwise it is a number. Classes are the
texts in the file, to the letter: 1 and 1.0 are two. Features that are numbers, and a
number to predict, are standardised; true and false, yes and no are 1 and 0. A text is
an input for each text of the column that occurs twice, and one for any other. A
column that is constant, whose texts are all different, or that holds dates, is left
out. All this is learnt from the training rows and saved with the model.

examples:
  autograd train
  autograd train spirals --hidden 32,32 --epochs 200 --plot spirals.png
  autograd train iris.csv --target species --save iris.npz
  autograd train houses.csv.gz --target price --drop id,address --missing mean
  autograd train iris.csv --target species --schedule cosine --dropout 0.1 --patience 40
  autograd train --resume iris.npz --epochs 50 --save iris.npz
"""
PREDICT_EPILOG = """\
examples:
  autograd predict iris.npz flowers.csv
  autograd predict iris.npz flowers.csv --probabilities --output species.csv
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, for whichever command."""

    def error(self, message: str) -> NoReturn:
        self.fail(USAGE, message)

    def fail(self, status: int, message: str) -> NoReturn:
        """Exit with a status and a line on stderr."""
        self.exit(status, f"autograd: error: {' '.join(message.split())}\n")


def _parser() -> _Parser:
    parser = _Parser(
        prog="autograd",
        description="Train a small neural network, and apply it to a table.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"autograd-engine {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, add, what, epilog in (
        ("train", _add_train, "train a multi-layer perceptron on a CSV file or a built-in set", TRAIN_EPILOG),
        ("predict", _add_predict, "apply a saved model to a CSV file and write the predictions as CSV", PREDICT_EPILOG),
        ("evaluate", _add_evaluate, "say how good the predictions of a saved model for a CSV file are", None),
        ("info", _add_info, "say what a saved model is and what it reads", None),
    ):
        command = commands.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}.",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add(command)
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=train)
    parser.add_argument(
        "data",
        nargs="?",
        metavar="DATA",
        help=f"CSV file with a header, or a built-in set: {', '.join(BUILT_IN)} (default: {DEFAULTS['data']})",
    )
    group = parser.add_argument_group("data")
    group.add_argument("--target", metavar="COLUMN", help="column of a CSV file to predict")
    for option, what in (
        ("features", "columns to learn from (default: all others)"),
        ("drop", "columns not to learn from"),
        ("categorical", "columns to take as texts though they hold numbers"),
    ):
        group.add_argument(f"--{option}", type=_names, metavar="COLUMNS", help=what)
    group.add_argument(
        "--missing",
        choices=POLICIES,
        help="whether a missing feature is an error, the mean or most frequent text of its column, or a category of "
        f"its own (default: {DEFAULTS['missing']})",
    )
    group.add_argument("--task", choices=TASKS, help="whether the target is a class or a number (default: inferred)")
    group.add_argument(
        "--validation",
        type=_share,
        metavar="SHARE",
        help=f"share of the rows to hold out, rounded down (default: {DEFAULTS['validation']})",
    )
    group.add_argument("--test", type=_file, metavar="FILE", help="CSV file of rows to judge the model by in the end")

    group = parser.add_argument_group("network")
    sizes = ",".join(map(str, DEFAULTS["hidden"]))
    group.add_argument(
        "--hidden", type=_sizes, metavar="SIZES", help=f"neurons in each hidden layer, or 'none' (default: {sizes})"
    )
    _add_choice(group, "activation", ACTIVATIONS, DEFAULTS["activation"])
    _add_choice(group, "init", INITIALIZERS, DEFAULTS["init"])
    group.add_argument(
        "--dropout",
        type=_share,
        metavar="P",
        help="probability that training drops an output of a hidden layer (default: 0)",
    )

    group = parser.add_argument_group("training")
    suited = {*losses_for(REGRESSION, 0), *losses_for(CLASSIFICATION, 2)}
    _add_choice(group, "loss", suited, "mse for a number, binary_cross_entropy for two classes, cross_entropy for more")
    _add_choice(group, "optimizer", OPTIMIZERS, DEFAULTS["optimizer"])
    rates = ", ".join(f"{rate} for {name}" for name, rate in LEARNING_RATES.items())
    group.add_argument("--lr", type=_positive, metavar="RATE", help=f"learning rate (default: {rates})")
    _add_choice(group, "schedule", SCHEDULES, DEFAULTS["schedule"])
    group.add_argument(
        "--epochs", type=_at_least_0, default=EPOCHS, metavar="N", help=f"passes over the rows (default: {EPOCHS})"
    )
    group.add_argument(
        "--batch-size", type=_at_least_1, metavar="N", help=f"rows in a step (default: {DEFAULTS['batch_size']})"
    )
    group.add_argument(
        "--patience",
        type=_at_least_0,
        metavar="N",
        help="stop after so many epochs without a lower loss of the validation rows, and go back to the best whenever "
        f"a run ends; 0 is never (default: {PATIENCE} where rows are held out)",
    )
    group.add_argument(
        "--l1", type=_not_negative, metavar="FACTOR", help="factor of the sum of absolute parameters (default: 0)"
    )
    group.add_argument(
        "--l2",
        type=_not_negative,
        metavar="FACTOR",
        help="factor of the sum of squared parameters in the loss (default: 1 / training rows for classes in a CSV "
        "file, else 0)",
    )
    group.add_argument(
        "--clip-norm", type=_positive, metavar="NORM", help="largest norm of a gradient (default: no limit)"
    )
    group.add_argument(
        "--seed",
        type=_seed,
        metavar="N",
        help=f"for built-in data, held-out rows, weights, batches and dropout (default: {DEFAULTS['seed']})",
    )

    group = parser.add_argument_group("files and output")
    group.add_argument("--save", type=_file, metavar="FILE", help="write the model here (.npz), also after Ctrl-C")
    group.add_argument(
        "--resume",
        type=_file,
        metavar="FILE",
        help="go on from a saved model, with its data and options where none are given",
    )
    group.add_argument(
        "--plot", type=_file, metavar="FILE", help="draw the result here (.png, .svg, .pdf; needs matplotlib)"
    )
    group.add_argument("--quiet", action="store_true", help="print the final figures only")
    _add_json(group)


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=predict)
    parser.add_argument("model", metavar="MODEL", help="file that 'autograd train --save' wrote")
    parser.add_argument("data", metavar="DATA", help="CSV file with a header that has the features of the model")
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="write the probability of each class too, or the score if the loss makes no probabilities",
    )
    parser.add_argument("--output", type=_file, metavar="FILE", help="write here instead of to stdout")
    _add_json(parser)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=evaluate)
    parser.add_argument("model", metavar="MODEL", help="file that 'autograd train --save' wrote")
    parser.add_argument("data", metavar="DATA", help="CSV file with the features and the target of the model")
    _add_json(parser)


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=info)
    parser.add_argument("model", metavar="MODEL", help="file that 'autograd train --save' wrote")
    _add_json(parser)


def _add_json(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _add_choice(group: argparse._ArgumentGroup, name: str, choices: Iterable[str], default: str) -> None:
    names = sorted(choices)
    group.add_argument(
        f"--{name}", choices=names, metavar=name.upper(), help=f"{', '.join(names)} (default: {default})"
    )


def _integer(text: str, low: int, high: float = math.inf) -> int:
    try:
        value = int(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        limits = f"at least {low}" if high == math.inf else f"from {low} to {high}"
        raise argparse.ArgumentTypeError(f"must be a whole number, {limits}, got {text!r}")
    return value


def _number(text: str, what: str, accept: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and accept(value)):
        raise argparse.ArgumentTypeError(f"must be a number {what}, got {text!r}")
    return value


_at_least_0 = partial(_integer, low=0)
_at_least_1 = partial(_integer, low=1)
_seed = partial(_integer, low=0, high=2**32 - 1)
_positive = partial(_number, what="above 0", accept=lambda value: value > 0)
_not_negative = partial(_number, what="of at least 0", accept=lambda value: value >= 0)
_share = partial(_number, what="of at least 0 and below 1", accept=lambda value: 0 <= value < 1)


def _file(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("must name a file, got ''")
    return text


def _names(text: str) -> list[str]:
    """Return names as a line of CSV has them."""
    return [name.strip() for name in next(csv.reader([text], skipinitialspace=True))]


def _sizes(text: str) -> list[int]:
    if text == "none":
        return []
    try:
        return [_integer(size, low=1) for size in text.split(",")]
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"must be sizes such as 16,16, or 'none', got {text!r}") from None


if __name__ == "__main__":
    sys.exit(main())
