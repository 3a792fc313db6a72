"""A recurrent network that learns a nursery rhyme letter by letter, written with Values.

Run ``python examples/char_rnn.py``. The rhyme is "The House That Jack Built", whose every verse repeats the one before,
so that what comes next may depend on a word long past. The network reads a letter, updates its state, and gives every
letter a score for being next; gradients flow back through 24 letters. Its loss, in nats a letter, is compared with the
best that a table of the last one, two or three letters can do on the same text. The exit status is 1 unless it beats
the table of three.
"""

import math
import random
import sys
from collections import Counter

from autograd import Value, no_grad
from autograd.functions import softmax
from autograd.losses import cross_entropy
from autograd.nn import Layer, Module
from autograd.optim import Adam

PARTS = [
    "lay in", "the malt", "ate", "the rat", "killed", "the cat", "worried", "the dog", "tossed",
    "the cow with the crumpled horn", "milked", "the maiden all forlorn", "kissed", "the man all tattered and torn",
    "married", "the priest all shaven and shorn", "waked", "the cock that crowed in the morn",
    "kept", "the farmer sowing his corn",
]  # fmt: skip
HIDDEN, EMBEDDING, SPAN = 48, 8, 24
EPOCHS, RATE = 30, 0.005


def rhyme():
    """Return the verses, each of which begins with something new and goes on with the verse before."""
    rest = "the house that Jack built.\n"
    verses = ["This is " + rest]
    for verb, thing in zip(PARTS[::2], PARTS[1::2], strict=True):
        rest = f"{thing}\nthat {verb} {rest}"
        verses.append("This is " + rest)
    return "\n".join(verses)


def table_loss(text, length):
    """Return the mean loss of the best table that tells the next letter from the last ones: a conditional entropy."""
    ends = range(length, len(text))
    pairs = Counter((text[i - length : i], text[i]) for i in ends)
    contexts = Counter(text[i - length : i] for i in ends)
    return -sum(n * math.log(n / contexts[context]) for (context, _), n in pairs.items()) / len(ends)


class CharRNN(Module):
    """An Elman network: the new state is a layer of the letter's embedding and the old state."""

    def __init__(self, letters, rng):
        self.embeddings = [[Value(rng.gauss(0, 1)) for _ in range(EMBEDDING)] for _ in range(letters)]
        self.recurrence = Layer(EMBEDDING + HIDDEN, HIDDEN, activation="tanh", rng=rng, init="xavier")
        self.readout = Layer(HIDDEN, letters, nonlin=False, rng=rng, init="xavier")

    def __call__(self, letter, state):
        state = self.recurrence(self.embeddings[letter] + state)
        return self.readout(state), state


def train_epoch(model, optimizer, text):
    """Go through the text once; return the mean loss."""
    total, state = 0.0, [0.0] * HIDDEN
    for start in range(0, len(text) - 1, SPAN):
        inputs, targets = text[start : start + SPAN], text[start + 1 : start + SPAN + 1]
        scores = []
        for letter in inputs[: len(targets)]:
            row, state = model(letter, state)
            scores.append(row)
        loss = cross_entropy(scores, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.data * len(targets)
        # The next span goes on from the numbers, not from the graph behind them.
        state = [value.data for value in state]
    return total / (len(text) - 1)


@no_grad()
def sample(model, start, length, rng):
    """Let the model read the start of a text and go on, each letter drawn by its probability."""
    letters, state = list(start), [0.0] * HIDDEN
    for i in range(length):
        scores, state = model(letters[i], state)
        if i >= len(start) - 1:
            letters += rng.choices(range(len(scores)), [probability.data for probability in softmax(scores)])
    return letters


def main():
    rng = random.Random(1)
    text = rhyme()
    alphabet = sorted(set(text))
    codes = [alphabet.index(letter) for letter in text]
    model = CharRNN(len(alphabet), rng)
    optimizer = Adam(model.parameters(), lr=RATE)
    print(f"{len(text)} letters, {len(alphabet)} different ones; {len(model.parameters())} parameters")

    for epoch in range(1, EPOCHS + 1):
        optimizer.param_groups[0]["lr"] = RATE * (1.0 - 0.9 * epoch / EPOCHS)
        loss = train_epoch(model, optimizer, codes)
        if epoch % 5 == 0:
            print(f"epoch {epoch:2}  loss {loss:.4f}")

    tables = {length: table_loss(text, length) for length in (1, 2, 3)}
    for length, best in tables.items():
        print(f"best table of the last {length}: {best:.4f}")
    print("\n" + "".join(alphabet[code] for code in sample(model, codes[: len("This is ")], 400, rng)))
    return 0 if loss < tables[3] else 1


if __name__ == "__main__":
    sys.exit(main())
