"""Handwritten digits: a perceptron with 2410 parameters on the 1797 images of 8x8 pixels that come with scikit-learn.

Run ``python examples/digits.py`` (needs scikit-learn). Each call of the model on a batch is one node of the graph. The
exit status is 1 unless 96 % of the 360 images that were held out are read right.
"""

import sys

import numpy as np

from autograd import MLP
from autograd.losses import accuracy, cross_entropy
from autograd.optim import Adam
from autograd.training import fit, predict

try:
    from sklearn.datasets import load_digits
except ImportError:
    sys.exit("the images come with scikit-learn: pip install scikit-learn")

EPOCHS, GOAL = 30, 0.96


def show(image):
    """Draw an image with characters, two for each pixel."""
    return "\n".join("".join(2 * " .:*#"[int(pixel * 4)] for pixel in row) for row in image.reshape(8, 8))


def main():
    pixels, digits = load_digits(return_X_y=True)
    pixels /= 16.0
    order = np.random.default_rng(0).permutation(len(pixels))
    test, training = order[:360], order[360:]

    model = MLP(64, [32, 10], init="he", seed=0)
    print(f"{len(model.parameters())} parameters, {len(training)} training images")
    fit(
        model,
        pixels[training],
        digits[training],
        loss=cross_entropy,
        optimizer=Adam(model.parameters(), lr=0.005),
        epochs=EPOCHS,
        batch_size=32,
        l2=1e-4,
        callbacks=[report],
    )

    scores = predict(model, pixels[test])
    reached = accuracy(scores, digits[test])
    wrong = np.flatnonzero(scores.argmax(axis=1) != digits[test])
    print(f"\n{reached:.2%} of {len(test)} test images are read right, {len(wrong)} wrong; the first of these:")
    if len(wrong):
        first = wrong[0]
        print(f"{show(pixels[test][first])}\na {digits[test][first]}, read as a {scores[first].argmax()}")
    return 0 if reached >= GOAL else 1


def report(model, history):
    if history.epochs % 5 == 0:
        print(f"epoch {history.epochs:2}  loss {history['loss'][-1]:.4f}  accuracy {history['accuracy'][-1]:.2%}")


if __name__ == "__main__":
    sys.exit(main())
