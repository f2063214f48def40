"""Fit the two models that every server of the benchmark serves.

Usage: `python models.py FOLDER`
"""

import pathlib
import sys

import joblib
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler
from sklearn.tree import DecisionTreeClassifier

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)

iris = load_iris()
tree = make_pipeline(MinMaxScaler(), DecisionTreeClassifier(random_state=42))
joblib.dump(tree.fit(iris.data, iris.target), folder / "iris.joblib")

cancer = load_breast_cancer()
forest = make_pipeline(RobustScaler(), RandomForestClassifier(100, random_state=0))
joblib.dump(forest.fit(cancer.data, cancer.target), folder / "cancer.joblib")
