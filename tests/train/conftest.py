import numpy as np
import pytest

from quickprop.nn import Activation, Dense, Dropout, Network


class TickingClock:
    """A clock that goes on by a fixed time whenever it is read."""

    def __init__(self, tick=0.001):
        self.now, self.tick = 0.0, tick

    def __call__(self):
        self.now += self.tick
        return self.now


@pytest.fixture
def clock():
    return TickingClock()


@pytest.fixture
def ring():
    """Two classes, inside and outside a circle: 300 rows, 100 of them for validation."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(300, 2)).astype(np.float32)
    y = (np.sum(x * x, axis=1) > 1.4).astype(np.int32)
    return (x[:200], y[:200]), (x[200:], y[200:])


@pytest.fixture
def make_network():
    def make(seed=0, dropout=0.0):
        layers = [Dense(8), Activation("tanh"), Dropout(dropout), Dense(2)]
        return Network(layers, 2, seed=seed)

    return make
