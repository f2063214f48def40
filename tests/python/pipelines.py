"""Fit scikit-learn's pipelines on a table as `foretell train` does, and print what they answer to its rows, as JSON.

Usage: `python pipelines.py TABLE TARGET`. One key per kind of model; classifiers answer probabilities.
"""

import json
import sys

import pandas
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler
from sklearn.svm import LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

table = pandas.read_csv(sys.argv[1], float_precision="round_trip")
y = table.pop(sys.argv[2])
texts = table.select_dtypes(exclude="number").columns.tolist()
numbers = [column for column in table if column not in texts]
SCALERS = {"standard": StandardScaler, "min-max": MinMaxScaler, "robust": RobustScaler, "none": None}
classes = y.dtype == object
exact = {"tol": 1e-13, "max_iter": 1000000}
# Scaling, parameters as flags, and what scikit-learn makes of them.
models = (
    {
        "logistic": (
            "standard",
            [],
            LogisticRegression(tol=1e-12, max_iter=10000, solver="newton-cholesky"),
        ),
        "lda": ("robust", [], LinearDiscriminantAnalysis()),
        "gaussian-nb": ("none", ["--weights", "a"], GaussianNB()),
        "multinomial-nb": ("min-max", ["--param", "alpha=0.5"], MultinomialNB(alpha=0.5)),
        "bernoulli-nb": ("standard", ["--weights", "a"], BernoulliNB()),
        "qda": ("standard", ["--param", "reg_param=0.2"], QuadraticDiscriminantAnalysis(reg_param=0.2)),
        "k-neighbors": ("standard", ["--param", "n_neighbors=7"], KNeighborsClassifier(7)),
        "decision-tree": ("none", ["--param", "max_depth=2"], DecisionTreeClassifier(max_depth=2, random_state=0)),
    }
    if classes
    else {
        "linear": ("none", [], LinearRegression()),
        "ridge": ("standard", ["--weights", "a"], Ridge()),
        "k-neighbors": ("standard", ["--param", "weights=distance"], KNeighborsRegressor(weights="distance")),
        "lasso": ("min-max", ["--param", "alpha=0.1"], Lasso(alpha=0.1, **exact)),
        "elastic-net": ("robust", ["--param", "alpha=0.1"], ElasticNet(alpha=0.1, **exact)),
        "linear-svm": (
            "standard",
            ["--param", "tol=1e-10", "--param", "max_iter=1000000", "--param", "epsilon=0.1"],
            LinearSVR(epsilon=0.1, random_state=0, **exact),
        ),
        "decision-tree": ("none", ["--param", "max_depth=2"], DecisionTreeRegressor(max_depth=2, random_state=0)),
    }
)
answers = {}
for name, (scaling, flags, model) in models.items():
    scaler = SCALERS[scaling]
    # Trees learn from missing values as they are.
    steps = [] if name == "decision-tree" else [SimpleImputer()]
    steps += [scaler()] if scaler else []
    of_numbers = make_pipeline(*steps) if steps else "passthrough"
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    weighted = flags[1] if "--weights" in flags else None
    features = [column for column in numbers if column != weighted]
    pipeline = make_pipeline(make_column_transformer((of_numbers, features), (encoder, texts)), model)
    weights = {f"{type(model).__name__.lower()}__sample_weight": table[weighted]} if weighted else {}
    pipeline.fit(table, y, **weights)
    predict = pipeline.predict_proba if classes else pipeline.predict
    answers[name] = {"flags": ["--scale", scaling, *flags], "answer": predict(table).tolist()}
print(json.dumps(answers))
