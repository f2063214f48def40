"""Writes what scikit-learn's decision trees answer for the table of `tests/trees.rs`: run it with scikit-learn 1.9."""

from pathlib import Path

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

MASK = (1 << 64) - 1


def noise(at):
    x = (at + 1) * 0x9E3779B97F4A7C15 & MASK
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return ((x ^ x >> 31) >> 11) / (1 << 53)


X = np.array([noise(at) for at in range(1200)]).reshape(400, 3)
y = X[:, 0] * X[:, 1] + np.sin(4 * X[:, 2])
classes = np.array([int((value + 0.4 * noise(2000 + at)) * 2) for at, value in enumerate(y)])
classes = np.where(classes < 0, 0, classes) % 3
weights = np.array([0.5 + noise(5000 + at) for at in range(400)])
holes = np.array([noise(7000 + at) < 0.1 for at in range(1200)]).reshape(400, 3)
missing = np.where(holes, np.nan, X)

cases = {
    "squared_error depth 5": (DecisionTreeRegressor(max_depth=5, random_state=0), X, y, None),
    "squared_error leaf 7": (DecisionTreeRegressor(min_samples_leaf=7, random_state=0), X, y, None),
    "squared_error weights": (DecisionTreeRegressor(max_depth=4, random_state=0), X, y, weights),
    "squared_error missing": (DecisionTreeRegressor(max_depth=4, random_state=0), missing, y, None),
    "squared_error pruned": (DecisionTreeRegressor(ccp_alpha=0.002, random_state=0), X, y, None),
    "poisson depth 4": (DecisionTreeRegressor(criterion="poisson", max_depth=4, random_state=0), X, y + 2, None),
    "gini depth 4": (DecisionTreeClassifier(max_depth=4, random_state=0), X, classes, None),
    "gini decrease": (DecisionTreeClassifier(min_impurity_decrease=0.01, random_state=0), X, classes, None),
    "gini balanced": (DecisionTreeClassifier(max_depth=3, class_weight="balanced", random_state=0), X, classes, None),
    "gini missing": (DecisionTreeClassifier(max_depth=3, random_state=0), missing, classes, None),
    "entropy depth 3": (DecisionTreeClassifier(criterion="entropy", max_depth=3, random_state=0), X, classes, None),
}
lines = []
for name, (model, rows, target, weight) in cases.items():
    model.fit(rows, target, sample_weight=weight)
    answers = model.predict_proba(rows) if hasattr(model, "classes_") else model.predict(rows)
    lines.append(name + ": " + " ".join(repr(float(answer)) for answer in answers[:60].ravel()))
Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")
