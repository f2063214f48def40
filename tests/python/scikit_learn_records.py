"""Make golden cases of scikit-learn's `FeatureHasher`, whose rows are records with keys of their own.

Usage, in a virtual environment with `scikit-learn` and `pandas`: `python scikit_learn_records.py tests/golden`.
Layout as `tests/golden/README.md` describes it; `given_categories` are what a user has to give beside the file. An
empty cell of input.csv is a key that the record does not have.
"""

import json
import pathlib
import sys

import joblib
import numpy
import pandas
import sklearn
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression, SGDRegressor
from sklearn.pipeline import make_pipeline

ROWS = 24
METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function", "transform"]
random = numpy.random.default_rng(11)
TABLE = pandas.DataFrame(
    {
        "rooms": random.integers(0, 6, 120),
        "age": random.normal(40, 20, 120).round(2),
        "city": random.choice(["Oslo", "Tromsø", "a=b", " "], 120),
        "kind of house": random.choice(["flat", "house"], 120),
    }
).astype({"rooms": float})
TABLE = TABLE.mask(random.random(TABLE.shape) < 0.1)
PRICE = (TABLE["rooms"].fillna(3) + (TABLE["city"] == "Oslo")).to_numpy()


def records(table, pairs=False):
    rows = [{key: value for key, value in row.items() if value == value} for row in table.to_dict("records")]
    return [list(row.items()) for row in rows] if pairs else rows


def plain(values):
    values = values.toarray() if hasattr(values, "toarray") else numpy.asarray(values)
    return values.tolist()


def write(golden, case, model, pairs=False):
    folder = golden / "sk{}.{}-{}".format(*sklearn.__version__.split(".")[:2], case)
    folder.mkdir(exist_ok=True, parents=True)
    rows = TABLE[:ROWS]
    asked = records(rows, pairs)
    found = {method: plain(getattr(model, method)(asked)) for method in METHODS if hasattr(model, method)}
    joblib.dump(model, folder / "model.joblib")
    cells = rows.map(lambda value: "" if value != value else str(value))
    lines = [",".join(rows.columns), *(",".join(row) for row in cells.to_numpy())]
    (folder / "input.csv").write_text("\n".join(lines) + "\n")
    kinds = {"classifier": "classification", "regressor": "regression"}
    expected = {
        "library": "scikit-learn",
        "versions": {"sklearn": sklearn.__version__},
        "estimator": type(model).__name__,
        "task": kinds.get(getattr(model, "_estimator_type", None), "transform"),
        "model_file": "model.joblib",
        "serialization": "joblib",
        "input_form": "records",
        "feature_names": list(rows.columns),
        "feature_types": ["float", "float", "string", "string"],
        "given_categories": {"city": ["Oslo"], "kind of house": []},
        "n_rows": ROWS,
        "classes": plain(model.classes_) if hasattr(model, "classes_") else None,
        **found,
        "tolerance": {"rel": 1e-9, "abs": 1e-12},
        "notes": "keys that a record does not have are empty cells",
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def main():
    golden = pathlib.Path(sys.argv[1])
    train, classes = records(TABLE), numpy.where(PRICE > 3, "dear", "cheap")
    write(golden, "feature-hasher", FeatureHasher(n_features=8).fit(train))
    unsigned = FeatureHasher(n_features=64, input_type="pair", alternate_sign=False)
    model = make_pipeline(unsigned, LogisticRegression()).fit(records(TABLE, pairs=True), classes)
    write(golden, "feature-hasher-pairs", model, pairs=True)
    model = make_pipeline(FeatureHasher(n_features=1 << 11), SGDRegressor(random_state=0, eta0=1e-4))
    write(golden, "feature-hasher-many", model.fit(train, PRICE))


main()
