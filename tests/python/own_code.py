"""Writes pipelines that hold classes and functions of the user's own, by cloudpickle, dill and plain pickle.

    python - crates/formats/tests/own_code < tests/python/own_code.py

needs scikit-learn, cloudpickle and dill. Code knows the file it is from, so it is read from standard input. What is
written is read by `crates/formats/tests/own_code.rs`.
"""

import pathlib
import pickle
import sys

import cloudpickle
import dill
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler


class Floor(BaseEstimator):
    """Replaces what is below `low`."""

    def __init__(self, low=0.0):
        self.low = low

    def fit(self, rows, targets=None):
        return self

    def transform(self, rows):
        return np.maximum(rows, self.low)


class Shifted(Ridge):
    """A class of scikit-learn with another answer."""

    def predict(self, rows):
        return super().predict(rows) + 1


def doubled(rows):
    """Twice as much."""
    return rows * 2


def noted(model, note):
    """The model with an attribute that it does not need."""
    model.note = note
    return model


def main(folder):
    rows = np.arange(12.0).reshape(6, 2) ** 1.5
    targets = rows.sum(axis=1)

    def pipeline(*steps):
        return Pipeline(list(steps)).fit(rows, targets)

    floor = ("floor", Floor())
    ridge = ("ridge", Ridge())
    columns = ColumnTransformer([("keep", "passthrough", [0]), ("floor", Floor(), [1])])
    bag = BaggingRegressor(Shifted(), n_estimators=2, random_state=0)
    files = {
        "floor": (pipeline(floor, ridge), [pickle, cloudpickle, dill]),
        "columns": (pipeline(("columns", columns), ridge), [dill]),
        "bag": (pipeline(("scale", StandardScaler()), ("bag", bag)), [cloudpickle]),
        "shifted": ({"model": Shifted().fit(rows, targets)}, [cloudpickle, dill]),
        "lambda": (pipeline(("f", FunctionTransformer(lambda rows: rows + 1)), ridge), [cloudpickle, dill]),
        "function": (pipeline(("f", FunctionTransformer(doubled)), ridge), [pickle, cloudpickle]),
        "noted": (noted(StandardScaler().fit(rows), Floor()), [cloudpickle, dill]),
        "plain": (pipeline(("scale", StandardScaler()), ridge), [dill]),
    }
    for name, (model, writers) in files.items():
        for writer in writers:
            (folder / f"{name}-{writer.__name__}.pkl").write_bytes(writer.dumps(model))


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    main(target)
