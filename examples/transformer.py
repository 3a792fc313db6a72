"""A transformer block with one attention head, written with Values, that learns to write palindromes.

Run ``python examples/transformer.py``. The text has lines such as ``badc.cdab``: four letters at random, a dot, and the
four backwards. Who sees the last letter only, as a table of bigrams does, can guess little; who can look back at the
right place knows the second half of every line. The loss, in nats a letter, is printed beside that of the best bigram
table, which is the conditional entropy of the bigrams, and beside the entropy of the random letters, which is all that
there is to learn. The exit status is 1 unless the model beats the table, on the text and on lines that it never saw.
"""

import math
import random
import sys
from collections import Counter
from itertools import pairwise

from autograd import Value, no_grad
from autograd.functions import dot, softmax, sqrt
from autograd.losses import cross_entropy
from autograd.nn import MLP, Layer, Module
from autograd.optim import Adam

LETTERS, HALF = "abcdefgh", 4
ALPHABET = "\n." + LETTERS
SIZE, STEPS, BATCH = 16, 300, 16


def write(lines, rng):
    """Return a list of palindromes, each with a line break before and after it."""
    halves = ["".join(rng.choices(LETTERS, k=HALF)) for _ in range(lines)]
    return [f"\n{half}.{half[::-1]}\n" for half in halves]


def bigram_loss(lines):
    """Return the mean loss of the best bigram table: the conditional entropy of a letter, given the one before."""
    pairs = Counter(pair for line in lines for pair in pairwise(line))
    firsts = Counter(letter for line in lines for letter in line[:-1])
    return -sum(n * math.log(n / firsts[first]) for (first, _), n in pairs.items()) / firsts.total()


def add(x, y):
    return [a + b for a, b in zip(x, y, strict=True)]


def normalise(x):
    """Scale a vector to a root mean square of one."""
    scale = 1.0 / sqrt(dot(x, x) / len(x) + 1e-5)
    return [value * scale for value in x]


class Attention(Module):
    """One head: every position takes a mean of the values at those up to it, weighted by how keys fit its query."""

    def __init__(self, size, rng):
        self.query, self.key, self.value = (Layer(size, size, nonlin=False, rng=rng, init="xavier") for _ in range(3))

    def __call__(self, xs):
        queries, keys, values = ([layer(x) for x in xs] for layer in (self.query, self.key, self.value))
        outputs = []
        for position, query in enumerate(queries):
            past = slice(position + 1)
            weights = softmax([dot(query, key) / math.sqrt(len(query)) for key in keys[past]])
            outputs.append([dot(weights, column) for column in zip(*values[past], strict=True)])
        return outputs


class Transformer(Module):
    """Embeddings of letters and positions, a block of attention and a perceptron, and a score for each next letter."""

    def __init__(self, letters, length, size, rng):
        self.letters, self.positions = (
            [[Value(rng.gauss(0, 0.5)) for _ in range(size)] for _ in range(rows)] for rows in (letters, length)
        )
        self.attention = Attention(size, rng)
        self.perceptron = MLP(size, [2 * size, size], rng=rng, init="xavier")
        self.readout = Layer(size, letters, nonlin=False, rng=rng, init="xavier")

    def __call__(self, line):
        xs = [add(self.letters[letter], self.positions[place]) for place, letter in enumerate(line)]
        xs = [add(x, y) for x, y in zip(xs, self.attention(list(map(normalise, xs))), strict=True)]
        xs = [add(x, self.perceptron(normalise(x))) for x in xs]
        return [self.readout(normalise(x)) for x in xs]


def mean_loss(model, lines):
    """Return the loss of a model on lines of letters: for every letter but the first, given those before it."""
    codes = [[ALPHABET.index(letter) for letter in line] for line in lines]
    scores = [row for line in codes for row in model(line[:-1])]
    return cross_entropy(scores, [letter for line in codes for letter in line[1:]])


@no_grad()
def complete(model, start, length):
    """Let the model go on from the start of a line, each time with the letter that it holds most likely."""
    line = [ALPHABET.index(letter) for letter in start]
    while len(line) < length:
        scores = model(line)[-1]
        line.append(scores.index(max(scores)))
    return "".join(ALPHABET[code] for code in line)


def main():
    rng = random.Random(1)
    text, others = write(300, rng), write(100, rng)
    model = Transformer(len(ALPHABET), 2 * HALF + 2, SIZE, rng)
    optimizer = Adam(model.parameters(), lr=0.01)
    print(f"{len(text)} lines such as {text[0]!r}; {len(model.parameters())} parameters")

    for step in range(1, STEPS + 1):
        loss = mean_loss(model, rng.sample(text, BATCH))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step:3}  loss {loss.data:.4f}")

    better = True
    random_letters = HALF * math.log(len(LETTERS)) / (2 * HALF + 2)
    for name, lines in (("the text", text), ("other lines", others)):
        with no_grad():
            loss = mean_loss(model, lines).data
        table = bigram_loss(lines)
        better = better and loss < table
        print(f"{name}: loss {loss:.4f}, best bigram table {table:.4f}, random letters alone {random_letters:.4f}")
    for line in others[:5]:
        print(complete(model, line[: HALF + 2], len(line)).strip())
    return 0 if better else 1


if __name__ == "__main__":
    sys.exit(main())
