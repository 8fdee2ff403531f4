"""Seeds that are none: errors of ours, and of estimators those that scikit-learn demands."""

import numpy as np
import pytest
from sklearn.utils._param_validation import InvalidParameterError

from quickprop import Dense, MeanSquaredError, MLPClassifier, MLPRegressor, Network, SettingError
from quickprop.train import fit

ODD = ["a", -1, 2**40, 1.5, [1], 2**70, np.nan]
X = np.linspace(0.0, 1.0, 20)[:, None]


@pytest.mark.parametrize("seed", [None, True, *ODD])
def test_a_fit_refuses_them(seed):
    network = Network([Dense(1)], features=1)
    before = network.weights()
    with pytest.raises(SettingError, match=r"fit\.seed.*a whole number"):
        fit(network, X, X, loss=MeanSquaredError(), epochs=1, seed=seed)
    for name, array in network.weights().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("seed", ODD)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_estimators_refuse_what_scikit_learn_refuses(kind, seed):
    with pytest.raises(InvalidParameterError, match="random_state"):
        kind(max_iter=1, random_state=seed).fit(X, np.arange(20) % 2)
