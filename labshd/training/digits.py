"""Classification of scikit-learn's 8 x 8 digits: logistic regression of two of them, a small network for all ten.

The data ship with scikit-learn (1797 images of handwritten digits, Alpaydin & Kaynak, UCI repository): an optional
extra of labshd (``pip install labshd[tasks]``) that is imported when a digits task is trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from instruments.crosspoints import FloatArray
from instruments.errors import InputError
from labshd.training.algorithms import Algorithm
from labshd.training.tasks import Task

SIDE = 8  # pixels of an image, in rows and in columns


@dataclass(frozen=True)
class Digits:
    """Images (number, 64) with pixels from 0 to 1, and their class."""

    images: FloatArray
    classes: NDArray[np.int64]


@cache
def digits(chosen: tuple[int, ...], pixels: tuple[int, int] = (8, 8)) -> tuple[Digits, Digits]:
    """Training and test images of the chosen digits: every fifth image is for the test.

    Images of fewer `pixels` (rows, columns) are means over equal areas.
    """
    try:
        datasets: Any = import_module("sklearn.datasets")
    except ImportError:
        raise InputError(
            "digits tasks need scikit-learn, which ships the images; install the extra: pip install labshd[tasks]"
        ) from None
    loaded: Any = datasets.load_digits()
    labels = np.asarray(loaded.target, dtype=np.int64)
    wanted = np.isin(labels, chosen)
    images = pooled(np.asarray(loaded.data, dtype=np.float64)[wanted] / 16.0, pixels)
    classes = np.searchsorted(np.array(chosen), labels[wanted])
    test = np.arange(len(classes)) % 5 == 0
    return Digits(images[~test], classes[~test]), Digits(images[test], classes[test])


def pooled(images: FloatArray, pixels: tuple[int, int]) -> FloatArray:
    """Images (number, 64) as means over `pixels` (rows, columns) equal areas; a pixel on a border counts in parts."""
    if pixels == (SIDE, SIDE):
        return images
    rows, columns = (_means(side) for side in pixels)
    whole = images.reshape(-1, SIDE, SIDE)
    return np.einsum("ri,nij,cj->nrc", rows, whole, columns).reshape(len(images), -1)


def _means(parts: int) -> FloatArray:
    """(parts, 8) shares of 8 pixels of a line in the mean of each of its equal parts."""
    edges = np.linspace(0, SIDE, parts + 1)
    pixel = np.arange(SIDE)
    overlap = np.minimum(edges[1:, np.newaxis], pixel + 1) - np.maximum(edges[:-1, np.newaxis], pixel)
    return np.clip(overlap, 0.0, None) * parts / SIDE


@dataclass(frozen=True)
class ClassifyDigits(Task):
    """A network of analog layers with tanh between them and a softmax (one output: a logistic function) at the end.

    `chosen` digits; `hidden` widths of the layers between, none for a logistic regression. Weights of the network are
    `gain` times those of the tiles, which hold -1 to 1. `pixels` (rows, columns) of the images: fewer than 8 x 8 are
    means over areas, each of which counts as the pixels that it stands for (the gain of the first layer grows by
    64/(rows · columns)); a station of few crosspoints can be trained on those.
    """

    name: ClassVar[str] = "digits"
    description: ClassVar[str] = "handwritten digits of 8 x 8 pixels, cross-entropy"

    chosen: tuple[int, ...] = (0, 1)
    hidden: tuple[int, ...] = ()
    gain: float = 1.0
    pixels: tuple[int, int] = (8, 8)

    def __post_init__(self) -> None:
        """Refuse what is no classification."""
        if len(self.pixels) != 2 or not all(1 <= side <= SIDE for side in self.pixels):
            raise InputError(
                f"the digits have 8 x 8 pixels; rows and columns of 1 to 8 can be made of them, not {self.pixels}"
            )
        if (
            len(set(self.chosen)) < 2
            or not set(self.chosen) <= set(range(10))
            or list(self.chosen) != sorted(self.chosen)
        ):
            raise InputError(f"digits to tell apart must be two or more of 0 to 9, ascending, not {self.chosen}")
        if any(width < 1 for width in self.hidden) or not self.gain > 0:
            raise InputError(f"hidden layers need widths of 1 or more and gain > 0, not {self}")

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Pixels to the hidden layers to one output for two digits, else one for each."""
        outputs = 1 if len(self.chosen) == 2 else len(self.chosen)
        widths = (self.pixels[0] * self.pixels[1], *self.hidden, outputs)
        return tuple(zip(widths[1:], widths[:-1], strict=True))

    def step(self, layers: Sequence[Algorithm], rng: np.random.Generator) -> float:
        """One image: forward, backward with the readings of the layers, update of each."""
        train, _ = digits(self.chosen, self.pixels)
        at = int(rng.integers(len(train.classes)))
        inputs, output = self._forward(layers, train.images[at])
        d, loss = self._error(output, int(train.classes[at]))
        for layer, x in zip(reversed(layers), reversed(inputs), strict=True):
            down = self.gain * layer.backward(d) * (1.0 - x**2) if x is not inputs[0] else d  # the first is not passed
            layer.update(d, x)
            d = down
        return loss

    def evaluate(self, layers: Sequence[Algorithm]) -> dict[str, float]:
        """Part of the test images that are told right, with its binomial standard error."""
        _, test = digits(self.chosen, self.pixels)
        told = [self._tell(self._forward(layers, image)[1]) for image in test.images]
        number, right = len(told), int(np.sum(np.array(told) == test.classes))
        # Laplace's rule keeps the error honest where all were right: (right + 1)/(number + 2)
        part = (right + 1) / (number + 2)
        error = math.sqrt(part * (1 - part) / (number + 2))
        return {"accuracy": right / number, "accuracy_std": error, "test_images": float(number)}

    def hopeless_loss(self, reach: tuple[float, float]) -> float:
        """Three times the loss of a guess."""
        return 3.0 * math.log(max(2, len(self.chosen)))

    def _forward(self, layers: Sequence[Algorithm], image: FloatArray) -> tuple[list[FloatArray], FloatArray]:
        """What each layer was given, and what the last one gave."""
        inputs: list[FloatArray] = [image]
        gain = self.gain * SIDE**2 / (self.pixels[0] * self.pixels[1])
        for layer in layers[:-1]:
            inputs.append(np.tanh(gain * layer.forward(inputs[-1])))
            gain = self.gain
        return inputs, gain * layers[-1].forward(inputs[-1])

    def _tell(self, output: FloatArray) -> int:
        return int(output[0] > 0) if len(output) == 1 else int(np.argmax(output))

    def _error(self, output: FloatArray, truth: int) -> tuple[FloatArray, float]:
        """``∂E/∂y`` of the cross-entropy, and the cross-entropy."""
        if len(output) == 1:
            signed = output[0] if truth else -output[0]
            loss = float(np.logaddexp(0.0, -signed))
            return np.array([1.0 / (1.0 + math.exp(-float(np.clip(output[0], -60, 60)))) - truth]), loss
        shifted = output - output.max()
        probability = np.exp(shifted) / np.exp(shifted).sum()
        loss = -float(shifted[truth] - np.log(np.exp(shifted).sum()))
        probability[truth] -= 1.0
        return probability, loss
