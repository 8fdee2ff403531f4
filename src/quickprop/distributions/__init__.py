"""Predictions that are distributions: one for each row and target column."""

from quickprop.distributions.categorical import Categorical as Categorical
from quickprop.distributions.counts import NegativeBinomial as NegativeBinomial
from quickprop.distributions.counts import Poisson as Poisson
from quickprop.distributions.distribution import Distribution as Distribution
from quickprop.distributions.laplace import Laplace as Laplace
from quickprop.distributions.normal import Normal as Normal
from quickprop.distributions.normal_mixture import NormalMixture as NormalMixture
from quickprop.distributions.student_t import StudentT as StudentT
