"""A GPT whose every number is a Value, in the spirit of Karpathy's microgpt, and the same model compiled.

Run ``python examples/microgpt.py``. The model reads a word letter by letter and gives each letter a score for being
next: embeddings of letters and places, attention with four heads, a perceptron, in plain Python on single numbers. A
step with Adam is made on one word. The first steps run the Python code on Values, one node for each operation; then the
same functions are compiled, once for each length of a word, and a step replays them. The times of a step of each are
printed, and the largest difference between their gradients. The loss, in nats a letter, is compared with that of the
best table of bigrams on the same words. The exit status is 1 unless the two forms agree and the loss is below the
table's.
"""

import math
import random
import sys
from collections import Counter
from functools import reduce
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

from autograd import Value, compile, exp, log, maximum, no_grad, relu, sqrt
from autograd.optim import Adam

WORDS = Path(__file__).parent.joinpath("data", "animals.txt").read_text(encoding="ascii").split()
#: The letter 0 begins and ends a word.
ALPHABET = "." + "".join(sorted(set("".join(WORDS))))
SIZE, HEADS, LONGEST = 16, 4, max(map(len, WORDS)) + 1
STEPS, PLAIN_STEPS, RATE = 4000, 10, 0.01


def matrix(rows, columns, rng, deviation=0.08):
    return [[Value(rng.gauss(0, deviation)) for _ in range(columns)] for _ in range(rows)]


def make_parameters(rng):
    """Return the matrices of the model by name."""
    return {
        "letters": matrix(len(ALPHABET), SIZE, rng),
        "places": matrix(LONGEST, SIZE, rng),
        "query": matrix(SIZE, SIZE, rng),
        "key": matrix(SIZE, SIZE, rng),
        "value": matrix(SIZE, SIZE, rng),
        "mix": matrix(SIZE, SIZE, rng),
        "widen": matrix(4 * SIZE, SIZE, rng),
        "narrow": matrix(SIZE, 4 * SIZE, rng),
        "scores": matrix(len(ALPHABET), SIZE, rng),
    }


def product(x, y):
    """Return the scalar product, one node for each operation."""
    return sum(a * b for a, b in zip(x, y, strict=True))


def linear(weights, x):
    return [product(row, x) for row in weights]


def add(x, y):
    return [a + b for a, b in zip(x, y, strict=True)]


def normalise(x):
    """Scale a vector to a root mean square of one."""
    scale = 1.0 / sqrt(product(x, x) / len(x) + 1e-5)
    return [a * scale for a in x]


def softmax(x):
    highest = reduce(maximum, x).detach()
    powers = [exp(a - highest) for a in x]
    scale = 1.0 / sum(powers)
    return [a * scale for a in powers]


def next_letter(model, row, place, keys, values):
    """Return the scores of the letter after that whose embedding is `row`; append its key and its value."""
    x = normalise(add(row, model["places"][place]))

    normal = normalise(x)
    query = linear(model["query"], normal)
    keys.append(linear(model["key"], normal))
    values.append(linear(model["value"], normal))
    attended = []
    for start in range(0, SIZE, SIZE // HEADS):
        head = slice(start, start + SIZE // HEADS)
        weights = softmax([product(query[head], key[head]) * (SIZE // HEADS) ** -0.5 for key in keys])
        attended += [product(weights, column) for column in zip(*(value[head] for value in values), strict=True)]
    x = add(x, linear(model["mix"], attended))

    hidden = [relu(a) for a in linear(model["widen"], normalise(x))]
    return linear(model["scores"], add(x, linear(model["narrow"], hidden)))


def mean_loss(model, rows, targets):
    """Return the loss of a word, given the embeddings of its letters and for each the next one as a row of 0 and 1."""
    keys, values, losses = [], [], []
    for place, (row, target) in enumerate(zip(rows, targets, strict=True)):
        probabilities = softmax(next_letter(model, row, place, keys, values))
        losses.append(-log(product(target, probabilities)))
    return sum(losses) / len(losses)


def encode(model, word):
    """Return a word as `mean_loss` takes it."""
    codes = [ALPHABET.index(letter) for letter in f".{word}."]
    targets = [[float(code == other) for other in range(len(ALPHABET))] for code in codes[1:]]
    return [model["letters"][code] for code in codes[:-1]], targets


@no_grad()
def write(model, rng, temperature=0.6):
    """Return a word, each letter drawn by its probability."""
    word, code, keys, values = "", 0, [], []
    while len(word) < LONGEST - 1:
        scores = next_letter(model, model["letters"][code], len(word), keys, values)
        probabilities = [a.data for a in softmax([score / temperature for score in scores])]
        (code,) = rng.choices(range(len(ALPHABET)), probabilities)
        if code == 0:
            break
        word += ALPHABET[code]
    return word


def bigram_loss(words):
    """Return the mean loss of the best bigram table: the conditional entropy of a letter, given the one before."""
    pairs = Counter(pair for word in words for pair in pairwise(f".{word}."))
    firsts = Counter(letter for word in words for letter in f".{word}")
    return -sum(n * math.log(n / firsts[first]) for (first, _), n in pairs.items()) / firsts.total()


def gradients(loss, parameters):
    for parameter in parameters:
        parameter.grad = 0.0
    loss.backward()
    return [parameter.grad for parameter in parameters]


def main():
    rng = random.Random(1)
    model = make_parameters(rng)
    parameters = [value for rows in model.values() for row in rows for value in row]
    optimizer = Adam(parameters, lr=RATE, betas=(0.85, 0.99))
    print(f"{len(WORDS)} words, {len(ALPHABET)} letters, {len(parameters)} parameters")

    def plain(rows, targets):
        return mean_loss(model, rows, targets)

    replayed = compile(plain)
    times = {plain: [], replayed: []}
    recent = []
    for step in range(STEPS):
        if step % len(WORDS) == 0:
            rng.shuffle(WORDS)
        rows, targets = encode(model, WORDS[step % len(WORDS)])
        function = plain if step < PLAIN_STEPS else replayed
        start = perf_counter()
        loss = function(rows, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = RATE * (1.0 - step / STEPS)
        optimizer.step()
        times[function].append(perf_counter() - start)
        recent = [*recent[1 - len(WORDS) :], loss.data]
        if step + 1 in (1, PLAIN_STEPS) or (step + 1) % 500 == 0:
            print(f"step {step + 1:4}  loss {sum(recent) / len(recent):.4f}")

    pairs = [gradients(function(*encode(model, "dolphin")), parameters) for function in (plain, replayed)]
    difference = max(abs(a - b) for a, b in zip(*pairs, strict=True))
    with no_grad():
        loss = sum((len(word) + 1) * replayed(*encode(model, word)).data for word in WORDS) / sum(
            len(word) + 1 for word in WORDS
        )
    table = bigram_loss(WORDS)
    print(f"\nloss {loss:.4f}, best bigram table {table:.4f}")
    print(f"largest difference of a derivative between the two forms: {difference:.1e}")
    for name, function in (("plain Values", plain), ("compiled", replayed)):
        print(f"a step, {name}: {1e3 * median(times[function]):.2f} ms")
    print("words of its own:", " ".join(write(model, rng) for _ in range(12)))
    return 0 if loss < table and difference < 1e-12 else 1


if __name__ == "__main__":
    sys.exit(main())
