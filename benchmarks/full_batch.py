"""L-BFGS and Levenberg-Marquardt against SciPy's on the same small network, in one run, one thread.

    python benchmarks/full_batch.py [--starts 5] [--rounds 5]

A network 5-10-1 with tanh learns the sine of the sum of its inputs from 200 rows, in float64. SciPy
is driven by a forward and backward pass in NumPy on one flat vector, without needless copies. Both
sides begin at the same weights. Two ratios for each: time per iteration over a fixed number of
them, and time to a fixed loss, whatever iterations it takes. Compiling is not counted in either;
it is shown beside. Rounds are taken in turn and the best of each side counts.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import least_squares, minimize
from threadpoolctl import threadpool_limits

from quickprop.losses import MeanSquaredError
from quickprop.nn import Activation, Dense, Network
from quickprop.optim import LBFGS, FullBatchMethod, LevenbergMarquardt
from quickprop.train import History, fit

ROWS, INPUTS, HIDDEN = 200, 5, 10
SIZE = INPUTS * HIDDEN + 2 * HIDDEN + 1
#: Iterations of the comparison by iteration, and the loss of the other, for each method.
ITERATIONS = {"L-BFGS": 500, "Levenberg-Marquardt": 100}
GOALS = {"L-BFGS": 1e-3, "Levenberg-Marquardt": 1e-6}
TARGET = 5.0


class NumpyNetwork:
    """Loss, gradient, residuals and Jacobian of the network as functions of one flat vector."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y
        self.turned = np.ascontiguousarray(x.T)
        self.looks = 0

    def _parts(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        cut = INPUTS * HIDDEN
        return w[:cut].reshape(INPUTS, HIDDEN), w[cut : cut + HIDDEN], w[cut + HIDDEN : -1], w[-1]

    def _hidden(self, first: np.ndarray, bias: np.ndarray) -> np.ndarray:
        h = self.x @ first
        h += bias
        return np.tanh(h, out=h)

    def loss(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean squared error and its gradient."""
        self.looks += 1
        first, bias, second, last = self._parts(w)
        h = self._hidden(first, bias)
        r = h @ second
        r += last
        r -= self.y
        value = (r @ r) / ROWS
        r *= 2.0 / ROWS
        gradient = np.empty(SIZE)
        into_first, into_bias, into_second, _ = self._parts(gradient)
        np.matmul(r, h, out=into_second)
        gradient[-1] = r.sum()
        np.multiply(h, h, out=h)
        np.subtract(1.0, h, out=h)
        h *= second
        h *= r[:, None]
        np.matmul(self.turned, h, out=into_first)
        h.sum(axis=0, out=into_bias)
        return value, gradient

    def residuals(self, w: np.ndarray) -> np.ndarray:
        """Output less target of every row."""
        first, bias, second, last = self._parts(w)
        r = self._hidden(first, bias) @ second
        r += last
        r -= self.y
        return r

    def jacobian(self, w: np.ndarray) -> np.ndarray:
        """The derivatives of the residuals."""
        self.looks += 1
        first, bias, second, _ = self._parts(w)
        h = self._hidden(first, bias)
        made = np.empty((ROWS, SIZE))
        cut = INPUTS * HIDDEN
        made[:, cut + HIDDEN : -1] = h
        made[:, -1] = 1.0
        np.multiply(h, h, out=h)
        np.subtract(1.0, h, out=h)
        h *= second
        made[:, cut : cut + HIDDEN] = h
        into_first = made[:, :cut].reshape(ROWS, INPUTS, HIDDEN)
        np.multiply(self.x[:, :, None], h[:, None, :], out=into_first)
        return made


def data() -> tuple[np.ndarray, np.ndarray]:
    """The rows."""
    x = np.random.default_rng(0).normal(size=(ROWS, INPUTS))
    return x, np.sin(x.sum(axis=1))


def start(seed: int) -> Network:
    """The network at its starting weights."""
    layers = [Dense(HIDDEN), Activation("tanh"), Dense(1)]
    return Network(layers, INPUTS, seed=seed, dtype="float64")


def flat(network: Network) -> np.ndarray:
    """Its weights as one vector."""
    return np.concatenate([array.ravel() for array in network.weights().values()])


def ours(method: FullBatchMethod, seed: int, **settings: object) -> History:
    """A fit by quickprop."""
    x, y = data()
    return fit(
        start(seed),
        x,
        y,
        loss=MeanSquaredError(),
        optimizer=method,
        threads=1,
        **settings,  # type: ignore[arg-type]
    )


def in_loop(history: History) -> float:
    """Seconds from the first iteration to the last, without compiling."""
    return history.epochs[-1].seconds - history.epochs[0].seconds


def scipy_lbfgs(seed: int, iterations: int) -> tuple[float, int, float]:
    """Seconds, iterations made, and the loss."""
    problem, w = NumpyNetwork(*data()), flat(start(seed))
    options = {"maxiter": iterations, "maxfun": 10**6, "ftol": 0.0, "gtol": 0.0, "maxcor": 10}
    begun = time.perf_counter()
    found = minimize(problem.loss, w, jac=True, method="L-BFGS-B", options=options)
    return time.perf_counter() - begun, found.nit, float(found.fun)


def scipy_lm(seed: int, iterations: int) -> tuple[float, int, float]:
    """Seconds, Jacobians made, and the loss; MINPACK counts calls and not iterations."""
    problem, w = NumpyNetwork(*data()), flat(start(seed))
    tight = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}
    begun = time.perf_counter()
    found = least_squares(
        problem.residuals, w, jac=problem.jacobian, method="lm", max_nfev=iterations, **tight
    )
    return time.perf_counter() - begun, problem.looks, 2.0 * float(found.cost) / ROWS


Solver = Callable[[int, int], tuple[float, int, float]]


def iterations_to(solve: Solver, seed: int, goal: float) -> int | None:
    """The fewest iterations by which SciPy comes to a loss, or None; by halving."""
    low, high = 1, 64
    while solve(seed, high)[2] > goal:
        low, high = high, 2 * high
        if high > 10**5:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if solve(seed, middle)[2] > goal:
            low = middle
        else:
            high = middle
    return high


def compare(name: str, method: FullBatchMethod, solve: Solver, starts: int, rounds: int) -> None:
    """Both ratios of a method."""
    by_iteration, to_goal = [], []
    goal, iterations = GOALS[name], ITERATIONS[name]
    print(f"\n{name}: microseconds an iteration, and milliseconds to a loss of {goal:g}\n")
    print("| start | quickprop | SciPy | ratio | losses after | quickprop | SciPy | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for seed in range(starts):
        needed = iterations_to(solve, seed, goal)
        own, theirs, own_goal, their_goal = [], [], [], []
        for _ in range(rounds):
            history = ours(method, seed, epochs=iterations)
            own.append(in_loop(history) / (len(history.epochs) - 1))
            seconds, made, loss = solve(seed, iterations)
            theirs.append(seconds / made)
            if needed is not None:
                own_goal.append(in_loop(ours(method, seed, epochs=10**5, until=goal)))
                their_goal.append(solve(seed, needed)[0])
        by_iteration.append(min(theirs) / min(own))
        cells = [
            f"{min(own) * 1e6:.1f}",
            f"{min(theirs) * 1e6:.1f}",
            f"{by_iteration[-1]:.1f}x",
            f"{history.best_loss:.2e} {loss:.2e}",
        ]
        if own_goal:
            to_goal.append(min(their_goal) / min(own_goal))
            cells += [
                f"{min(own_goal) * 1e3:.2f}",
                f"{min(their_goal) * 1e3:.2f}",
                f"{to_goal[-1]:.1f}x",
            ]
        else:
            cells += ["-", "not reached", "-"]
        print(f"| {seed} | " + " | ".join(cells) + " |", flush=True)
    print(
        f"\nmedian: {statistics.median(by_iteration):.1f}x an iteration, "
        f"{statistics.median(to_goal):.1f}x to the loss ({TARGET:g}x)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    endless = {"tolerance_gradient": 0.0, "tolerance_change": 0.0}
    with threadpool_limits(1):
        for name, method, solve in (
            ("L-BFGS", LBFGS(**endless), scipy_lbfgs),
            ("Levenberg-Marquardt", LevenbergMarquardt(**endless), scipy_lm),
        ):
            first, again = (ours(method, 0, epochs=2).seconds for _ in range(2))
            print(f"{name}: {first:.2f} s to compile and make two iterations, then {again:.3f} s")
            compare(name, method, solve, options.starts, options.rounds)


if __name__ == "__main__":
    main()
