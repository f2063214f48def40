"""Fit both EEG classifiers; write `lda.joblib`, `mlp.joblib` and the held-out rows `eeg-test.csv`.

Usage: `python train.py eeg.csv [FOLDER]`

The table has one row per imagined letter: `Line`, `# Letter` (0 to 25) and 160 band powers. The files go
beside this script or into FOLDER.
"""

import pathlib
import sys

import joblib
import pandas
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

HERE = pathlib.Path(__file__).parent
TARGET = "# Letter"

if len(sys.argv) < 2:
    sys.exit(__doc__)
folder = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE
table = pandas.read_csv(sys.argv[1])
train, test = train_test_split(table, test_size=0.2, stratify=table[TARGET], random_state=0)


def split(rows):
    return rows.drop(columns=["Line", TARGET]), rows[TARGET]


pipelines = {
    "lda": make_pipeline(Normalizer(), LinearDiscriminantAnalysis()),
    "mlp": make_pipeline(Normalizer(), MLPClassifier(hidden_layer_sizes=(500,), max_iter=1000, random_state=0)),
}
for name, pipeline in pipelines.items():
    pipeline.fit(*split(train))
    print(f"{name}: accuracy on {len(test)} held-out rows {pipeline.score(*split(test)):.3f}")
    joblib.dump(pipeline, folder / f"{name}.joblib")

test.to_csv(folder / "eeg-test.csv", index=False)
