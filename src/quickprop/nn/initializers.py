"""Starting values of weights.

Variances are set by how many numbers a neuron reads (its inputs) and how many it is read by (its
outputs). A weight is (inputs, outputs), that of a convolution (kernel..., inputs, outputs): there
each of the inputs and outputs counts once for every place of the kernel.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from quickprop.errors import SettingError
from quickprop.foundation.lazy_module import LazyModule
from quickprop.foundation.registry import Registry
from quickprop.foundation.settings import LARGEST, Component, number, setting

Shape = tuple[int, ...]

_ANY = number(-LARGEST)
special = LazyModule("scipy.special", "truncated normal numbers")


@dataclass(frozen=True)
class Initializer(Component, ABC):
    """How the numbers of a parameter are drawn.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from quickprop import Dense, Initializer, Network
    >>> @dataclass(frozen=True)
    ... class Identity(Initializer):
    ...     def draw(self, shape, generator):
    ...         return np.eye(*shape)
    >>> Network([Dense(2, initializer=Identity())], features=2).predict([[3.0, 4.0]]).tolist()
    [[3.0, 4.0]]
    """

    @abstractmethod
    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """Starting values, float64 of that shape: (inputs, outputs), or with a kernel before."""


#: The kinds of initializers by name.
INITIALIZERS: Registry[type[Component]] = Registry()


def fans(shape: Shape) -> tuple[int, int]:
    """How many numbers a neuron reads through such a weight, and how many read it.

    One number a neuron, as a bias has, counts as read and reading alike.
    """
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    kernel = math.prod(shape[:-2])
    return kernel * shape[-2], kernel * shape[-1]


def _uniform(square: float, shape: Shape, generator: np.random.Generator) -> np.ndarray:
    """Between plus and minus the root of `square`, which is three times the variance."""
    return (generator.random(shape) * 2.0 - 1.0) * math.sqrt(square)


def _normal(variance: float, shape: Shape, generator: np.random.Generator) -> np.ndarray:
    """Mean 0 and that variance."""
    return generator.standard_normal(shape) * math.sqrt(variance)


# -- without regard to the layer ------------------------------------------------------------------


@INITIALIZERS.register("zero")
@dataclass(frozen=True)
class Zeros(Initializer):
    """All zero.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import Zeros
    >>> Zeros().draw((2, 2), np.random.default_rng(0)).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """Zeros; nothing is drawn."""
        return np.zeros(shape)


@INITIALIZERS.register()
@dataclass(frozen=True)
class Filled(Initializer):
    """All the same number. (`Constant` is the learning rate that stays the same.)

    Examples
    --------
    >>> from quickprop import Dense, Filled, Network
    >>> network = Network([Dense(1, bias=False, initializer=Filled(2.0))], features=1)
    >>> network.predict([[3.0]]).tolist()
    [[6.0]]
    """

    value: float = setting(_ANY)

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """Copies of the number; nothing is drawn."""
        return np.full(shape, self.value)


@INITIALIZERS.register()
@dataclass(frozen=True)
class Uniform(Initializer):
    """Any number from `low` up to `high` as likely as any other.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import Uniform
    >>> drawn = Uniform(-1.0, 1.0).draw((200, 300), np.random.default_rng(0))
    >>> round(float(abs(drawn).max()), 2)
    1.0
    """

    low: float = setting(_ANY, -0.05)
    high: float = setting(_ANY, 0.05)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low > self.high:
            raise SettingError(
                "the lower end is above the upper one",
                where="Uniform.low",
                allowed=f"at most {self.high:g}",
                given=f"{self.low:g}",
            )

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """Variance (high - low)**2 / 12."""
        return self.low + (self.high - self.low) * generator.random(shape)


@INITIALIZERS.register()
@dataclass(frozen=True)
class Normal(Initializer):
    """Normal with a given mean and standard deviation.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import Normal
    >>> round(float(Normal(0.0, 0.5).draw((200, 300), np.random.default_rng(0)).std()), 2)
    0.5
    """

    mean: float = setting(_ANY, 0.0)
    deviation: float = setting(number(0.0), 0.05)

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """Variance deviation**2."""
        return self.mean + generator.standard_normal(shape) * self.deviation


@INITIALIZERS.register()
@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """Normal, but nothing farther from the mean than two standard deviations.

    `deviation` is that of the whole normal distribution; what is left after cutting both ends has
    0.8796 times that.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import TruncatedNormal
    >>> drawn = TruncatedNormal(0.0, 0.5).draw((200, 300), np.random.default_rng(0))
    >>> round(float(abs(drawn).max()), 2), round(float(drawn.std()), 2)
    (1.0, 0.44)
    """

    mean: float = setting(_ANY, 0.0)
    deviation: float = setting(number(0.0), 0.05)

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """By the inverse of the distribution function, so that nothing is drawn twice."""
        low, high = special.ndtr(-2.0), special.ndtr(2.0)
        part = low + (high - low) * generator.random(shape)
        drawn: np.ndarray = np.clip(special.ndtri(part), -2.0, 2.0)
        return self.mean + drawn * self.deviation


# -- with regard to how many numbers a neuron reads -----------------------------------------------


@INITIALIZERS.register("glorot", "xavier", "xavier_uniform")
@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """Uniform with variance 2 / (inputs + outputs) (Glorot and Bengio 2010).

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import GlorotUniform
    >>> drawn = GlorotUniform().draw((200, 300), np.random.default_rng(0))
    >>> round(float(drawn.std() ** 2 * (200 + 300)), 1)
    2.0
    """

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """Between plus and minus sqrt(6 / (inputs + outputs))."""
        return _uniform(6.0 / sum(fans(shape)), shape, generator)


@INITIALIZERS.register("xavier_normal")
@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Normal with variance 2 / (inputs + outputs) (Glorot and Bengio 2010).

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import GlorotNormal
    >>> drawn = GlorotNormal().draw((200, 300), np.random.default_rng(0))
    >>> round(float(drawn.std() ** 2 * (200 + 300)), 1)
    2.0
    """

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """Mean 0."""
        return _normal(2.0 / sum(fans(shape)), shape, generator)


@INITIALIZERS.register("he", "kaiming", "kaiming_uniform")
@dataclass(frozen=True)
class HeUniform(Initializer):
    """Uniform with variance 2 / inputs (He, Zhang, Ren and Sun 2015).

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import HeUniform
    >>> round(float(HeUniform().draw((200, 300), np.random.default_rng(0)).std() ** 2 * 200), 1)
    2.0
    """

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """Between plus and minus sqrt(6 / inputs)."""
        return _uniform(6.0 / fans(shape)[0], shape, generator)


@INITIALIZERS.register("kaiming_normal")
@dataclass(frozen=True)
class HeNormal(Initializer):
    """Normal with variance 2 / inputs (He, Zhang, Ren and Sun 2015).

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import HeNormal
    >>> round(float(HeNormal().draw((200, 300), np.random.default_rng(0)).std() ** 2 * 200), 1)
    2.0
    """

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """Mean 0."""
        return _normal(2.0 / fans(shape)[0], shape, generator)


@INITIALIZERS.register()
@dataclass(frozen=True)
class LeCunUniform(Initializer):
    """Uniform with variance 1 / inputs (LeCun, Bottou, Orr and Müller 1998).

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import LeCunUniform
    >>> round(float(LeCunUniform().draw((200, 300), np.random.default_rng(0)).std() ** 2 * 200), 1)
    1.0
    """

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """Between plus and minus sqrt(3 / inputs)."""
        return _uniform(3.0 / fans(shape)[0], shape, generator)


@INITIALIZERS.register()
@dataclass(frozen=True)
class LeCunNormal(Initializer):
    """Normal with variance 1 / inputs (LeCun, Bottou, Orr and Müller 1998).

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import LeCunNormal
    >>> round(float(LeCunNormal().draw((200, 300), np.random.default_rng(0)).std() ** 2 * 200), 1)
    1.0
    """

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """Mean 0."""
        return _normal(1.0 / fans(shape)[0], shape, generator)


@INITIALIZERS.register()
@dataclass(frozen=True)
class Orthogonal(Initializer):
    """W'W = gain^2 I, or WW' where there are more outputs than inputs (Saxe et al. 2014).

    W is the weight as a matrix; a kernel's places count as inputs. A stack of such layers neither
    stretches nor shrinks what goes through it. The last bits depend on the LAPACK of the machine.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import Orthogonal
    >>> weight = Orthogonal().draw((5, 3), np.random.default_rng(0))
    >>> bool(np.allclose(weight.T @ weight, np.eye(3), atol=1e-6))
    True
    """

    gain: float = setting(_ANY, 1.0)

    def draw(self, shape: Shape, generator: np.random.Generator) -> np.ndarray:
        """The orthogonal factor of a normal matrix, signs fixed so that all are equally likely."""
        columns = shape[-1] if shape else 1
        tall = (math.prod(shape) // columns, columns)
        normal = generator.standard_normal((max(tall), min(tall)))
        q, r = np.linalg.qr(normal)
        # Without the signs of R's diagonal the factor would favour some matrices (Mezzadri 2007).
        q = q * np.where(np.diag(r) < 0.0, -1.0, 1.0)
        return self.gain * (q if tall[0] >= tall[1] else q.T).reshape(shape)
