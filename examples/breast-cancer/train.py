"""Fit the breast cancer pipeline and write `model.joblib` beside this file (or to the path given).

Usage: `python train.py [OUT]`
"""

import pathlib
import sys

import joblib
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import RobustScaler

HERE = pathlib.Path(__file__).parent
# The columns that tell least about the diagnosis. A client may go on sending them: the pipeline drops them.
DROPPED = ["mean fractal dimension", "texture error", "smoothness error", "symmetry error", "fractal dimension error"]

cancer = load_breast_cancer(as_frame=True)
malignant = 1 - cancer.target  # scikit-learn's own target is 1 for a benign tumour
train, test, train_target, test_target = train_test_split(
    cancer.data, malignant, test_size=0.2, stratify=malignant, random_state=0
)

pipeline = Pipeline(
    [
        ("prepare", ColumnTransformer([("drop", "drop", DROPPED)], remainder=RobustScaler())),
        ("forest", RandomForestClassifier(n_estimators=100, random_state=0)),
    ]
)
pipeline.fit(train, train_target)
print(f"accuracy on {len(test)} held-out tumours: {pipeline.score(test, test_target):.3f}")

out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "model.joblib"
joblib.dump(pipeline, out, compress=3)
