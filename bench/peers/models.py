"""Fit the two models that every server of the benchmark serves, and a slow one for the overload.

Usage: `python models.py FOLDER`
"""

import pathlib
import sys

import joblib
import numpy
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsRegressor
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

points = numpy.random.default_rng(0).normal(size=(60000, 4))
neighbours = KNeighborsRegressor(5, algorithm="brute")
joblib.dump(neighbours.fit(points, points.sum(axis=1)), folder / "slow.joblib")
