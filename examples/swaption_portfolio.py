"""161 sensitivities of a portfolio of swaptions over millions of paths, on a pool of processes, with progress.

Run ``python examples/swaption_portfolio.py --paths 10000000 --workers 8``; by default it takes 20 000 paths on two
processes. The portfolio is that of `swaptions.py`. Its program is sent to the workers once, then chunks of random
numbers are. Every chunk draws them from a seed of its own, so that the result has the same bits for any number of
workers; one of them may even be killed. The exit status is 1 unless the first chunk has the bits that this process
finds alone.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

import numpy as np
from tqdm import tqdm

from autograd import compile, value_and_grad, vmap

sys.path.insert(0, str(Path(__file__).parent))
from swaptions import START, STEPS, portfolio  # noqa: E402

CHUNK = 1000
#: So many chunks are computed at a time.
ROUND = 64


def sensitivities(**options):
    """Return a function of many paths, the value and its derivatives by the accrual, volatilities and rates."""
    return compile(vmap(value_and_grad(portfolio, argnums=(0, 1, 2)), in_axes=(None, None, None, 0), **options))


def columns(function, seeds):
    """Return the value and the derivatives of the paths of some chunks, a row for each path."""
    normals = [np.random.default_rng(seed).standard_normal((CHUNK, STEPS)) for seed in seeds]
    value, (by_accrual, by_volatilities, by_rates) = function(*START, np.concatenate(normals))
    return np.column_stack([value, by_accrual, by_volatilities, by_rates])


def estimate(paths, workers, seed=0):
    """Return the means over so many paths and their standard errors, and the rows of the first chunk."""
    def pool():
        return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))

    function = sensitivities(executor=pool, chunk=CHUNK)
    seeds = np.random.SeedSequence(seed).spawn(paths // CHUNK)
    sums = squares = 0.0
    first = None
    with tqdm(total=paths, unit="paths", unit_scale=True, disable=None) as progress:
        for k in range(0, len(seeds), ROUND):
            rows = columns(function, seeds[k : k + ROUND])
            first = rows[:CHUNK] if first is None else first
            for chunk in rows.reshape(-1, CHUNK, rows.shape[1]):
                sums = sums + chunk.sum(axis=0)
                squares = squares + (chunk**2).sum(axis=0)
            progress.update(len(rows))
    means = sums / paths
    return means, np.sqrt((squares / paths - means**2) / (paths - 1)), first


def main():
    parser = argparse.ArgumentParser(description="Sensitivities of a portfolio of swaptions, on several processes.")
    parser.add_argument("--paths", type=int, default=20_000, help=f"a multiple of {CHUNK} (default: 20000)")
    parser.add_argument("--workers", type=int, default=2, help="number of processes (default: 2)")
    options = parser.parse_args()
    if options.paths < CHUNK or options.paths % CHUNK:
        parser.error(f"--paths must be a multiple of {CHUNK}")

    start = perf_counter()
    means, errors, first = estimate(options.paths, options.workers)
    seconds = perf_counter() - start
    print(f"{options.paths} paths with {len(means) - 1} sensitivities ", end="")
    print(f"on {options.workers} processes in {seconds:.1f} s\n")
    print(f"value {means[0]:.4f} +- {errors[0]:.4f}")
    print(f"by the accrual period {means[1]:.2f} +- {errors[1]:.2f}")
    alone = columns(sensitivities(), np.random.SeedSequence(0).spawn(1))
    same = np.array_equal(alone, first)
    print(f"\nThe first {CHUNK} paths {'have' if same else 'do NOT have'} the bits that this process finds alone.")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
