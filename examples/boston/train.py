"""Fit the Boston housing pipeline and write `model.joblib` beside this file (or to the path given).

Usage: `python train.py boston-housing.data [OUT]`

The table is the one StatLib and UCI publish as `housing.data`: 506 rows of 14 numbers separated by blanks,
without a header. scikit-learn carried it as `load_boston` up to version 1.1.
"""

import pathlib
import sys

import joblib
import pandas
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = pathlib.Path(__file__).parent
COLUMNS = "CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO B LSTAT MEDV".split()
CATEGORICAL = ["CHAS", "RAD"]

if len(sys.argv) < 2:
    sys.exit(__doc__)
table = pandas.read_csv(sys.argv[1], sep=r"\s+", names=COLUMNS)
features, target = table.drop(columns="MEDV"), table["MEDV"]
train, test, train_target, test_target = train_test_split(features, target, test_size=0.2, random_state=42)

numeric = [name for name in features if name not in CATEGORICAL]
pipeline = Pipeline(
    [
        (
            "prepare",
            ColumnTransformer(
                [
                    ("scale", StandardScaler(), numeric),
                    ("encode", OneHotEncoder(handle_unknown="ignore"), CATEGORICAL),
                ]
            ),
        ),
        ("ridge", Ridge()),
    ]
)
pipeline.fit(train, train_target)
print(f"R2 on {len(test)} held-out districts: {pipeline.score(test, test_target):.3f}")

out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "model.joblib"
joblib.dump(pipeline, out)
