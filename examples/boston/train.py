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
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = pathlib.Path(__file__).parent
COLUMNS = "CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO B LSTAT MEDV".split()
CATEGORICAL = ["CHAS", "RAD"]

if len(sys.argv) < 2:
    sys.exit(__doc__)
table = pandas.read_csv(sys.argv[1], sep=r"\s+", names=COLUMNS)
features, target = table.drop(columns="MEDV"), table["MEDV"]

numeric = [name for name in features if name not in CATEGORICAL]
pipeline = Pipeline(
    [
        (
            "prepare",
            ColumnTransformer(
                [("scale", StandardScaler(), numeric), ("encode", OneHotEncoder(handle_unknown="ignore"), CATEGORICAL)]
            ),
        ),
        ("ridge", Ridge(alpha=50)),
    ]
)
folds = KFold(5, shuffle=True, random_state=42)
print(f"R2 on held-out fifths: {cross_val_score(pipeline, features, target, cv=folds).mean():.3f}")
pipeline.fit(features, target)

out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "model.joblib"
joblib.dump(pipeline, out)
