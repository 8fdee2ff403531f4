"""One network trained on a table that was made ready: what a search calls many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.models.inputs import network_inputs
from quickprop.models.memory_check import check_memory
from quickprop.models.prepared import Prepared
from quickprop.models.recipe import Recipe
from quickprop.nn import Embedding, Network
from quickprop.train import Callback, History
from quickprop.train import fit as train


@dataclass(frozen=True, eq=False)
class Trained:
    """A network and how it came about.

    Attributes
    ----------
    network : Network
        With its best weights.
    history : History
    recipe : Recipe

    Examples
    --------
    >>> from quickprop.data import sample_path
    >>> from quickprop.models import Recipe, Trained, prepare, train_model
    >>> prepared = prepare(sample_path("iris"), target="species")
    >>> trained = train_model(prepared, Recipe(hidden=(4,), epochs=20))
    >>> isinstance(trained, Trained), len(trained.history.epochs)
    (True, 20)
    """

    network: Network
    history: History
    recipe: Recipe


def train_model(
    prepared: Prepared,
    recipe: Recipe,
    *,
    network: Network | None = None,
    rows: np.ndarray | None = None,
    validation: np.ndarray | None = None,
    seed: int = 0,
    budget: float | None = None,
    callbacks: Sequence[Callback] = (),
    backend: str | None = None,
    threads: int | None = None,
) -> Trained:
    """Train one network. Nothing is read or prepared anew, and `prepared` stays as it is.

    Parameters
    ----------
    prepared : Prepared
    recipe : Recipe
        How the network is built and trained.
    network : Network, optional
        One that the recipe made, for whoever looks on at its weights; made from the seed unless
        given.
    rows, validation : int array, optional
        Numbers of rows of `prepared`; by default its training and validation part.
    seed : int, optional
        Of starting weights, order of rows and dropout.
    budget : float, optional
        Seconds, compiling included.
    callbacks : sequence of Callback, optional
    backend : {"native", "reference"}, optional
    threads : int, optional

    Raises
    ------
    SettingError
        The network would need more memory than there is.

    Examples
    --------
    >>> from quickprop.data import sample_path
    >>> from quickprop.models import Recipe, prepare, train_model
    >>> prepared = prepare(sample_path("iris"), target="species")
    >>> small, large = (
    ...     train_model(prepared, Recipe(hidden=(width,), epochs=20)) for width in (4, 64)
    ... )
    >>> small.network.parameter_count, large.network.parameter_count
    (35, 515)
    """
    check_memory(recipe.weights(prepared.interface), recipe.hidden)
    if network is None:
        network = recipe.network(prepared.interface, seed=seed)
    rows = prepared.split.train if rows is None else rows
    if recipe.patience is None:
        validation = None
    elif validation is None and len(prepared.split.validation):
        validation = prepared.split.validation

    def part(of: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        return network_inputs(network, prepared.matrices.take(of)), prepared.encoded[of]

    inputs, target = part(rows)
    history = train(
        network,
        inputs,
        target,
        loss=prepared.task.loss,
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        validation=None if validation is None else part(validation),
        patience=recipe.patience,
        keep="last" if recipe.last else "best",
        budget=budget,
        l2=recipe.l2,
        rate_factors=recipe.rate_factors(network),
        # Steps of training count in 32 bits; the starting weights know the whole seed.
        seed=seed % 2**31,
        callbacks=callbacks,
        backend=backend,
        threads=threads,
    )
    stand_in_for_unseen(network, prepared.matrices.categories[rows])
    return Trained(network, history, recipe)


def stand_in_for_unseen(network: Network, codes: np.ndarray) -> None:
    """Give code 0 of an embedded column the mean vector of all training rows, if it had none.

    Code 0 stands for rare and unseen levels. Without rare levels in training its vector was never
    learned, and new rows would meet random numbers.

    Parameters
    ----------
    codes : int array, shape (rows, embedded columns)
        Of the training rows.
    """
    # The tables of a network stand in the order of the columns, in one layer or in several.
    tables = [
        table
        for placed in network.layers
        if isinstance(placed.layer, Embedding)
        for table in placed.parameters.values()
    ]
    for column, table in enumerate(tables):
        vectors = table.value
        counts = np.bincount(codes[:, column], minlength=len(vectors))
        if not counts[0]:
            vectors[0] = counts @ vectors / counts.sum()
            table.assign(vectors)
