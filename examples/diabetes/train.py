"""Fit the diabetes classifier and write `diabetes.pkl` beside this file (or to the path given).

Usage: `python train.py pima-indians-diabetes.csv [OUT]`

The table is the Pima Indians diabetes data: 768 rows of eight measurements and the class, without a header.
"""

import pathlib
import pickle
import sys

import numpy
from sklearn.model_selection import train_test_split
from xgboost import XGBClassifier

HERE = pathlib.Path(__file__).parent

if len(sys.argv) < 2:
    sys.exit(__doc__)
table = numpy.loadtxt(sys.argv[1], delimiter=",")
features, target = table[:, :8], table[:, 8].astype(int)
train, test, train_target, test_target = train_test_split(features, target, test_size=0.2, random_state=42)

classifier = XGBClassifier(n_estimators=300, max_depth=12, learning_rate=0.01, subsample=0.33, random_state=42)
classifier.fit(train, train_target)
print(f"accuracy on {len(test)} held-out patients: {classifier.score(test, test_target):.3f}")

out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "diabetes.pkl"
with out.open("wb") as file:
    pickle.dump(classifier, file)
