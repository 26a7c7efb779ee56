"""Length-controlled win rates: what a model would win against the baseline if its answers were of equal length.

After Dubois, Galambosi, Liang & Hashimoto, "Length-Controlled AlpacaEval: A Simple Way to Debias Automatic Evaluators"
(COLM 2024): the log-odds of a preference are the model's effect, its length effect times tanh of the standardised
difference in length, and its sensitivity times the difficulty of the instruction. The win rate is the mean over the
instructions at no difference in length.

Two things differ from the authors' program, which needs preferences of other models and of doctored baselines that a
platform does not have. Difficulties are estimated from the preferences at hand. And each model's length effect and
sensitivity are drawn towards those of all models together, where the authors draw them towards the doctored baselines.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack
from scipy.special import expit

from helix_pipeline.domain.ratings.fractional_logit import Floats, Prior, fit

DIFFICULTY_SD = 1.0
"""Prior of the difficulties, in logits, which sets their unit: the usual one of item response models."""

DEVIATION_SD = 0.3
"""Prior of how far a model's length effect and sensitivity lie from those of all models, in logits."""

FREE_SD = 10.0
"""Prior of effects that the preferences are to decide, in logits: too wide to matter beyond a few preferences."""

LENGTH_CONTROLLED = pa.schema(
    [
        pa.field("model", pa.string()),
        pa.field("n", pa.int64()),
        pa.field("length_controlled_win_rate", pa.float64()),
        pa.field("length_effect", pa.float64()),
    ]
)
"""The rate lies between 0 and 1; the effect is in logits for an answer very much longer than the baseline's."""

Indices = NDArray[np.intp]


def length_controlled_win_rates(preferences: pa.Table) -> pa.Table:
    """Return a table of `LENGTH_CONTROLLED`, in order of the models.

    `preferences`, all against the same baseline, has `model`, `instruction` (its text or any key), `preference` (0 for
    the baseline to 1 for the model, 0.5 for a tie), `length` and `baseline_length` of the answers (any unit). Rows with
    a null are left out. Raises ValueError for a preference outside [0, 1].
    """
    columns = ["model", "instruction", "preference", "length", "baseline_length"]
    given = preferences.select(columns).drop_null()
    models, model = _coded(given["model"])
    _, instruction = _coded(given["instruction"])
    preference, length, baseline = (given[name].to_numpy().astype(np.float64) for name in columns[2:])
    lead = standardised_lead(model, length - baseline)
    difficulty, shared = _shared_effects(model, instruction, lead, preference)
    effects = _model_effects(model, lead, difficulty[instruction], preference, shared)
    at_no_lead = expit(effects[0][model] + effects[2][model] * difficulty[instruction])
    n = np.bincount(model, minlength=len(models))
    rates = np.bincount(model, at_no_lead, len(models)) / n
    found = [models, n, rates, effects[1]]
    return pa.table(dict(zip(LENGTH_CONTROLLED.names, found, strict=True)), schema=LENGTH_CONTROLLED).sort_by("model")


def standardised_lead(model: Indices, difference: Floats) -> Floats:
    """Return tanh of each difference in length over the standard deviation of its model's differences, in [-1, 1].

    `model` numbers the models from 0. A model whose differences are all the same gets 0: its length and its quality
    cannot be told apart, and nothing is corrected.
    """
    n = np.maximum(np.bincount(model), 1)
    mean = np.bincount(model, difference) / n
    deviation = np.sqrt(np.bincount(model, (difference - mean[model]) ** 2) / n)[model]
    return np.tanh(np.divide(difference, deviation, out=np.zeros(len(difference)), where=deviation > 0))


def _coded(column: pa.ChunkedArray) -> tuple[pa.Array, Indices]:
    """Return the distinct values, and the place of each row's among them."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy().astype(np.intp)


def _indicators(place: Indices, values: Floats | float = 1.0) -> csr_array:
    """Return a matrix whose row i has value i in the column `place[i]`."""
    rows = np.arange(len(place))
    width = place.max(initial=-1) + 1
    return csr_array((np.broadcast_to(values, len(place)), (rows, place)), shape=(len(place), width))


def _shared_effects(model: Indices, instruction: Indices, lead: Floats, preference: Floats) -> tuple[Floats, float]:
    """Return each instruction's difficulty and the length effect of all models together.

    The sign is the authors': the higher, the better the models do at the instruction against the baseline.
    """
    parts = _indicators(model), _indicators(instruction), csr_array(lead[:, None])
    widths = [part.shape[1] for part in parts]
    precision = np.repeat([FREE_SD**-2, DIFFICULTY_SD**-2, FREE_SD**-2], widths)
    prior = Prior(np.zeros(len(precision)), precision)
    found = fit(hstack(parts, format="csr"), preference, np.ones(len(preference)), prior)
    return found[widths[0] : -1], float(found[-1])


def _model_effects(model: Indices, lead: Floats, difficulty: Floats, preference: Floats, shared: float) -> Floats:
    """Return a 3 x models array: each model's own effect, length effect and sensitivity to the difficulty."""
    design = hstack([_indicators(model, values) for values in (1.0, lead, difficulty)], format="csr")
    width = design.shape[1] // 3
    mean = np.repeat([0.0, shared, 1.0], width)
    precision = np.repeat([FREE_SD**-2, DEVIATION_SD**-2, DEVIATION_SD**-2], width)
    return fit(design, preference, np.ones(len(preference)), Prior(mean, precision)).reshape(3, width)
