"""Fit scikit-learn's pipelines on a table as training specifications say, and print both, as JSON.

Usage: `python steps.py TABLE TARGET`. The target is a number or a class; a column `note` holds texts. For each
pipeline: the end of a specification, the method, and what it answers to the rows of the table.
"""

import json
import sys

import numpy
import pandas
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import (
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
    chi2,
    f_classif,
    f_regression,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
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
impute = SimpleImputer()
of_numbers = {
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
    """
    [[columns]]
    type = "number"
    steps = ["power", "impute"]
    [[columns]]
    type = "category"
    steps = ["one-hot"]
    [model]
    kind = "ridge"
    steps = [{ step = "select-best", k = 4 }]
    """: make_pipeline(
        make_column_transformer((make_pipeline(PowerTransformer(), impute), numbers), (one_hot, texts)),
        SelectKBest(f_regression, k=4),
        Ridge(),
    ),
    f"""
    [[columns]]
    names = {json.dumps(complete)}
    steps = [{{ step = "power", method = "box-cox", standardize = false }}]
    [[columns]]
    type = "category"
    steps = [{{ step = "target-encode", shuffle = false }}, "standard", {{ step = "polynomial", include_bias = false }}]
    [model]
    kind = "ridge"
    """: make_pipeline(
        make_column_transformer(
            (PowerTransformer("box-cox", standardize=False), complete),
            (
                make_pipeline(TargetEncoder(shuffle=False), StandardScaler(), PolynomialFeatures(include_bias=False)),
                texts,
            ),
            (impute, gaps),
        ),
        Ridge(),
    ),
}
# Of two or more classes.
of_classes = {
    """
    [[columns]]
    type = "number"
    steps = ["impute"]
    [[columns]]
    type = "category"
    steps = [{ step = "target-encode", shuffle = false, smooth = 3.5, cv = 4 }]
    [model]
    kind = "lda"
    """: make_pipeline(
        make_column_transformer((impute, numbers), (TargetEncoder(shuffle=False, smooth=3.5, cv=4), texts)),
        LinearDiscriminantAnalysis(),
    ),
    """
    [[columns]]
    type = "category"
    steps = [{ step = "target-encode", shuffle = false }]
    [[columns]]
    type = "number"
    steps = [
        "impute",
        { step = "polynomial", degree = 3, include_bias = false },
        { step = "select-best", percentile = 30 },
    ]
    [model]
    kind = "lda"
    """: make_pipeline(
        make_column_transformer(
            (TargetEncoder(shuffle=False), texts),
            (
                make_pipeline(
                    impute, PolynomialFeatures(3, include_bias=False), SelectPercentile(f_classif, percentile=30)
                ),
                numbers,
            ),
        ),
        LinearDiscriminantAnalysis(),
    ),
    """
    [[columns]]
    type = "number"
    steps = ["impute", "min-max"]
    [[columns]]
    type = "category"
    steps = ["one-hot"]
    [model]
    kind = "multinomial-nb"
    steps = [{ step = "select-best", score_func = "chi2", k = 5 }]
    """: make_pipeline(
        make_column_transformer((make_pipeline(impute, MinMaxScaler()), numbers), (one_hot, texts)),
        SelectKBest(chi2, k=5),
        MultinomialNB(),
    ),
}
of_notes = {
    # What becomes of texts where nobody says it.
    """
    [model]
    kind = "multinomial-nb"
    """: make_pipeline(
        make_column_transformer((TfidfVectorizer(), "note"), remainder="passthrough", sparse_threshold=0),
        MultinomialNB(),
    ),
    """
    [[columns]]
    type = "text"
    steps = [
        { step = "tf-idf", ngram_range = [1, 2], min_df = 3, max_df = 0.6, sublinear_tf = true,
          stop_words = "english" },
        { step = "select-best", score_func = "chi2", k = 20 }]
    [model]
    kind = "lda"
    """: make_pipeline(
        make_column_transformer(
            (
                make_pipeline(
                    TfidfVectorizer(ngram_range=(1, 2), min_df=3, max_df=0.6, sublinear_tf=True, stop_words="english"),
                    SelectKBest(chi2, k=20),
                ),
                "note",
            ),
            remainder="passthrough",
            sparse_threshold=0,
        ),
        LinearDiscriminantAnalysis(),
    ),
    """
    [[columns]]
    names = ["note"]
    steps = [
        { step = "bag-of-words", analyzer = "char", ngram_range = [2, 3], binary = true, max_features = 25 },
        "standard",
    ]
    [model]
    kind = "gaussian-nb"
    """: make_pipeline(
        make_column_transformer(
            (
                make_pipeline(
                    CountVectorizer(analyzer="char", ngram_range=(2, 3), binary=True, max_features=25),
                    StandardScaler(with_mean=False),
                ),
                "note",
            ),
            remainder="passthrough",
            sparse_threshold=0,
        ),
        GaussianNB(),
    ),
    """
    [[columns]]
    type = "text"
    steps = [{ step = "tf-idf", analyzer = "char_wb", ngram_range = [1, 3], lowercase = false,
        strip_accents = "unicode", norm = "l1", smooth_idf = false, min_df = 0.02 }]
    [model]
    kind = "multinomial-nb"
    """: make_pipeline(
        make_column_transformer(
            (
                TfidfVectorizer(
                    analyzer="char_wb",
                    ngram_range=(1, 3),
                    lowercase=False,
                    strip_accents="unicode",
                    norm="l1",
                    smooth_idf=False,
                    min_df=0.02,
                ),
                "note",
            ),
            remainder="passthrough",
            sparse_threshold=0,
        ),
        MultinomialNB(),
    ),
}
classes = y.dtype == object
cases, method = (of_classes, "predict_proba") if classes else (of_numbers, "predict")
if "note" in table:
    cases = of_notes
    table["note"] = table["note"].fillna("")
answers = [
    {"spec": spec, "method": method, "answer": getattr(model.fit(table, y), method)(table).tolist()}
    for spec, model in cases.items()
]
print(json.dumps(answers))
