"""Fit scikit-learn's pipelines on a table as `foretell train` does, and print what they answer to its rows, as JSON.

Usage: `python pipelines.py TABLE TARGET`. One key per kind of model; classifiers answer probabilities.
"""

import json
import sys

import pandas
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

table = pandas.read_csv(sys.argv[1], float_precision="round_trip")
y = table.pop(sys.argv[2])
texts = table.select_dtypes(exclude="number").columns.tolist()
numbers = [column for column in table if column not in texts]
SCALERS = {"standard": StandardScaler, "min-max": MinMaxScaler, "robust": RobustScaler, "none": None}
classes = y.dtype == object
exact = {"tol": 1e-13, "max_iter": 1000000}
models = (
    {
        "logistic": ("standard", LogisticRegression(tol=1e-12, max_iter=10000, solver="newton-cholesky")),
        "lda": ("robust", LinearDiscriminantAnalysis()),
        "gaussian-nb": ("none", GaussianNB()),
        "decision-tree": ("none", DecisionTreeClassifier(max_depth=2, random_state=0)),
    }
    if classes
    else {
        "linear": ("none", LinearRegression()),
        "ridge": ("standard", Ridge()),
        "lasso": ("min-max", Lasso(alpha=0.1, **exact)),
        "elastic-net": ("robust", ElasticNet(alpha=0.1, **exact)),
        "decision-tree": ("none", DecisionTreeRegressor(max_depth=2, random_state=0)),
    }
)
answers = {}
for name, (scaling, model) in models.items():
    scaler = SCALERS[scaling]
    # Trees learn from missing values as they are.
    steps = [] if name == "decision-tree" else [SimpleImputer()]
    steps += [scaler()] if scaler else []
    of_numbers = make_pipeline(*steps) if steps else "passthrough"
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    pipeline = make_pipeline(make_column_transformer((of_numbers, numbers), (encoder, texts)), model)
    pipeline.fit(table, y)
    predict = pipeline.predict_proba if classes else pipeline.predict
    answers[name] = {"scale": scaling, "answer": predict(table).tolist()}
print(json.dumps(answers))
