"""Fit scikit-learn's pipelines on a table as training specifications say, and print both, as JSON.

Usage: `python steps.py TABLE TARGET`. The target is a number. For each pipeline: the end of a specification, and what
the pipeline answers to the rows of the table.
"""

import json
import sys

import numpy
import pandas
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
)

table = pandas.read_csv(sys.argv[1], float_precision="round_trip")
y = table.pop(sys.argv[2])
texts = table.select_dtypes(exclude="number").columns.tolist()
numbers = [column for column in table if column not in texts]
complete = [column for column in numbers if not table[column].isna().any()]
gaps = [column for column in numbers if column not in complete]
one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
rare = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=105, sparse_output=False)
ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
cases = {
    """
    [[columns]]
    type = "number"
    steps = [{ step = "impute", strategy = "median" }, "standard", { step = "polynomial", include_bias = false }]
    [model]
    kind = "ridge"
    """: make_pipeline(
        make_column_transformer(
            (
                make_pipeline(
                    SimpleImputer(strategy="median"), StandardScaler(), PolynomialFeatures(include_bias=False)
                ),
                numbers,
            ),
            (one_hot, texts),
        ),
        Ridge(),
    ),
    """
    [[columns]]
    type = "number"
    steps = [{ step = "impute", strategy = "constant", fill_value = -1, add_indicator = true }, "max-abs"]
    [[columns]]
    type = "category"
    steps = [{ step = "one-hot", min_frequency = 105 }]
    [model]
    kind = "Ridge"
    steps = [{ step = "normalize", norm = "l1" }]
    parameters = { alpha = 0.1 }
    """: make_pipeline(
        make_column_transformer(
            (
                make_pipeline(SimpleImputer(strategy="constant", fill_value=-1, add_indicator=True), MaxAbsScaler()),
                numbers,
            ),
            (rare, texts),
        ),
        Normalizer("l1"),
        Ridge(0.1),
    ),
    f"""
    [[columns]]
    names = {json.dumps(complete)}
    steps = ["log1p", {{ step = "quantile", n_quantiles = 50, output_distribution = "normal" }}]
    [[columns]]
    type = "category"
    steps = ["ordinal"]
    [model]
    kind = "linear"
    """: make_pipeline(
        make_column_transformer(
            (
                make_pipeline(
                    FunctionTransformer(numpy.log1p),
                    QuantileTransformer(n_quantiles=50, output_distribution="normal"),
                ),
                complete,
            ),
            (SimpleImputer(), gaps),
            (ordinal, texts),
        ),
        LinearRegression(),
    ),
    """
    [[columns]]
    type = "number"
    steps = [{ step = "impute", strategy = "most_frequent" }, "standard", { step = "pca", n_components = 2 }]
    [[columns]]
    type = "category"
    steps = ["one-hot", { step = "variance", threshold = 0.22 }]
    [model]
    kind = "linear"
    """: make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="most_frequent"), StandardScaler(), PCA(2)), numbers),
            (make_pipeline(one_hot, VarianceThreshold(0.22)), texts),
        ),
        LinearRegression(),
    ),
}
answers = [{"spec": spec, "answer": model.fit(table, y).predict(table).tolist()} for spec, model in cases.items()]
print(json.dumps(answers))
