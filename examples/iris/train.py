"""Fit the iris pipeline and write `model.joblib` beside this file (or to the path given).

Usage: `python train.py [OUT]`
"""

import pathlib
import sys

import joblib
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.tree import DecisionTreeClassifier

HERE = pathlib.Path(__file__).parent

# A data frame, so that the file knows its feature names.
iris = load_iris(as_frame=True)
features = iris.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
train, test, train_target, test_target = train_test_split(
    features, iris.target, test_size=0.2, stratify=iris.target, random_state=42
)

pipeline = Pipeline([("scale", MinMaxScaler()), ("tree", DecisionTreeClassifier(random_state=42))])
pipeline.fit(train, train_target)
print(f"accuracy on {len(test)} held-out flowers: {pipeline.score(test, test_target):.3f}")

out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "model.joblib"
joblib.dump(pipeline, out)
