"""Print what a model answers for the rows of a CSV table, as JSON: the library's own word.

Usage: `python answers.py MODEL TABLE [COLUMN_TO_DROP...]`. The table has a header.
"""

import json
import pathlib
import pickle
import sys

import joblib
import pandas

path = pathlib.Path(sys.argv[1])
model = joblib.load(path) if path.suffix == ".joblib" else pickle.loads(path.read_bytes())
table = pandas.read_csv(sys.argv[2], float_precision="round_trip").drop(columns=sys.argv[3:])
rows = table if hasattr(model, "feature_names_in_") else table.to_numpy()
print(json.dumps({"prediction": model.predict(rows).tolist(), "probability": model.predict_proba(rows).tolist()}))
