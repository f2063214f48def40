"""Compare how good models of `foretell train` and of today's libraries are, over seeds and tables.

Usage: `python accuracy.py FORETELL [--seeds N] [--tables NAME...] [--models NAME...] [--data FOLDER]`.
For each seed a fifth of the rows is held out, both learn from the others with the same parameters, and both are
measured on it. Foretell holds when its mean is no more than one standard error of the library's mean below it.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import warnings

import numpy
import pandas
from sklearn import datasets
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRegressor

THREADS = os.cpu_count()
MODELS = ["gradient-boosting", "random-forest", "mlp"]
warnings.filterwarnings("ignore")


def generated(classes, rows=100_000):
    """Numbers, some of them missing, and categories, with a target that is a noisy, not linear function of them."""
    random = numpy.random.default_rng(7)
    numbers = random.normal(size=(rows, 10)).round(4)
    town = random.integers(0, 12, rows)
    kind = random.integers(0, 4, rows)
    score = numbers[:, 0] * numbers[:, 1] + numpy.sin(2 * numbers[:, 2])
    score += numpy.cos(town) + 0.5 * kind * numbers[:, 3]
    score += random.normal(scale=0.7, size=rows)
    table = pandas.DataFrame(numbers, columns=[f"f{column}" for column in range(10)])
    for column in ("f0", "f4", "f5"):
        table.loc[random.random(rows) < 0.1, column] = numpy.nan
    table["town"] = [f"town {number}" for number in town]
    table["kind"] = [f"kind {number}" for number in kind]
    table["y"] = (score > 0.5).astype(int) if classes else score.round(5)
    return table


def tables(data):
    """Name and maker of each table; the last column is the target."""

    def known(load):
        return lambda: load(as_frame=True).frame.rename(columns={"target": "y"})

    yield "iris", known(datasets.load_iris)
    yield "wine", known(datasets.load_wine)
    yield "breast cancer", known(datasets.load_breast_cancer)
    yield "digits", known(datasets.load_digits)
    yield "diabetes progression", known(datasets.load_diabetes)
    if data:
        named = [f"x{column}" for column in range(13)] + ["y"]
        yield "Boston", lambda: pandas.read_csv(data / "boston-housing.data", sep=r"\s+", names=named)
        named = [f"x{column}" for column in range(8)] + ["y"]
        eeg = {"# Letter": "y"}
        yield "EEG", lambda: pandas.read_csv(data / "eeg.csv").drop(columns="Line").rename(columns=eeg)
        yield "Pima diabetes", lambda: pandas.read_csv(data / "pima-indians-diabetes.csv", names=named, comment="#")
    yield "generated classes", lambda: generated(True)
    yield "generated numbers", lambda: generated(False)


def library(name, classes, table, seed):
    """The model of today's library, with its parameters as foretell's flags, and the table as it takes it."""
    texts = table.select_dtypes(exclude="number").columns.tolist()
    numbers = [column for column in table if column not in texts]
    one_hot = (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts)
    if name == "gradient-boosting":
        parameters = {"n_estimators": 100, "learning_rate": 0.1, "max_depth": 6}
        kind = XGBClassifier if classes else XGBRegressor
        model = kind(tree_method="hist", n_jobs=THREADS, random_state=seed, enable_categorical=True, **parameters)
        return model, parameters, table.astype({column: "category" for column in texts})
    if name == "random-forest":
        parameters = {"n_estimators": 100}
        kind = RandomForestClassifier if classes else RandomForestRegressor
        model = kind(n_jobs=THREADS, random_state=seed, **parameters)
        return make_pipeline(make_column_transformer(one_hot, remainder="passthrough"), model), parameters, table
    parameters = {"hidden_layer_sizes": [50], "max_iter": 200 if len(table) < 10_000 else 20}
    kind = MLPClassifier if classes else MLPRegressor
    scale = make_pipeline(SimpleImputer(), StandardScaler())
    model = kind(random_state=seed, hidden_layer_sizes=(50,), max_iter=parameters["max_iter"])
    return make_pipeline(make_column_transformer(one_hot, (scale, numbers)), model), parameters, table


def measure(model, classes, x, y):
    if not classes:
        return r2_score(y, model.predict(x))
    if len(set(y)) > 2:
        return accuracy_score(y, model.predict(x))
    return roc_auc_score(y, model.predict_proba(x)[:, 1])


def own(binary, name, classes, parameters, train, held, seed, folder):
    """What foretell's model comes to."""
    train.to_csv(folder / "train.csv", index=False)
    held.to_csv(folder / "held.csv", index=False)
    model = folder / "model.foretell"
    command = [binary, "train", folder / "train.csv", "--target", "y", "--model", name, "--test-size", "0"]
    command += ["--task", "classification" if classes else "regression", "--seed", str(seed), "-o", model]
    for parameter, value in parameters.items():
        command += ["--param", f"{parameter}={value}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    command = [binary, "score", model, folder / "held.csv", "--target", "y", "--json"]
    metrics = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    if not classes:
        return metrics["r2"]
    return metrics["accuracy" if train["y"].nunique() > 2 else "roc_auc"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("foretell")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--tables", nargs="*", help="some of the tables only")
    parser.add_argument("--models", nargs="*", default=MODELS, choices=MODELS, help="some of the models only")
    named = "folder of boston-housing.data, eeg.csv and pima-indians-diabetes.csv"
    parser.add_argument("--data", type=pathlib.Path, help=named)
    arguments = parser.parse_args()
    print("| table | model | foretell | library | standard error of its mean | holds |")
    print("|---|---|---:|---:|---:|---|")
    worse = 0
    for table_name, make in tables(arguments.data):
        if arguments.tables and table_name not in arguments.tables:
            continue
        table = make()
        classes = table["y"].nunique() <= 50
        for name in arguments.models:
            ours, theirs = [], []
            for seed in range(arguments.seeds):
                train, held = train_test_split(
                    table, test_size=0.2, random_state=seed, stratify=table["y"] if classes else None
                )
                with tempfile.TemporaryDirectory() as place:
                    model, parameters, x = library(name, classes, table.drop(columns="y"), seed)
                    model.fit(x.loc[train.index], train["y"])
                    theirs.append(measure(model, classes, x.loc[held.index], held["y"]))
                    folder = pathlib.Path(place)
                    ours.append(own(arguments.foretell, name, classes, parameters, train, held, seed, folder))
            mean, error = numpy.mean(theirs), numpy.std(theirs, ddof=1) / len(theirs) ** 0.5
            holds = numpy.mean(ours) >= mean - error
            worse += not holds
            cells = [table_name, name, *(f"{value:.4f}" for value in (numpy.mean(ours), mean, error))]
            print(f"| {' | '.join(cells)} | {'yes' if holds else 'no'} |", flush=True)
    raise SystemExit(f"{worse} below one standard error" if worse else 0)


main()
