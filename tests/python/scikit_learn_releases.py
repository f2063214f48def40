"""Make the golden cases of one old release of scikit-learn: what no later release writes or computes so.

Usage, for each of 0.18.2, 0.19.2, 0.20.4, 0.21.3 and 0.22.2.post1, in a virtual environment of Python 3.6 with that
`scikit-learn`, `numpy<1.17`, `scipy<1.3` and `joblib`: `python scikit_learn_releases.py tests/golden`. Layout as
`tests/golden/README.md` describes it.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import sklearn
from sklearn import ensemble
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, MinMaxScaler, Normalizer, RobustScaler, StandardScaler
from sklearn.svm import SVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

try:
    from sklearn.externals import joblib
except ImportError:
    import joblib

warnings.filterwarnings("ignore")
GOLDEN = pathlib.Path(sys.argv[1])
RELEASE = ".".join(sklearn.__version__.split(".")[:2])
NAMES = ["f0", "f1", "f2", "f3"]
METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]

random = np.random.RandomState(1)
X = random.randn(120, 4) * 2
SCORE = X[:, 0] - 0.7 * X[:, 1] + 0.4 * X[:, 2] ** 2
CLASSES = np.digitize(SCORE, [0, 2])
ANSWERS = np.array(["no", "yes"])[(SCORE > 1).astype(int)]
ROWS = np.vstack([X[:12], random.randn(4, 4) * 5])
WITH_GAPS = tuple(np.where(random.rand(*table.shape) < 0.2, np.nan, table) for table in (X, ROWS))


def text(number):
    return "" if np.isnan(number) else repr(float(number))


def plain(values):
    if isinstance(values, list):
        return [plain(value) for value in values]
    return "-Infinity" if values == -np.inf else values


def write(case, model, target, task="classification", methods=METHODS, tables=(X, ROWS)):
    trained_on, rows = tables
    model.fit(trained_on, target)
    folder = GOLDEN / f"sk{RELEASE}-{case}"
    folder.mkdir(exist_ok=True)
    joblib.dump(model, str(folder / "model.joblib"))
    lines = [",".join(NAMES), *(",".join(map(text, row)) for row in rows)]
    (folder / "input.csv").write_text("\n".join(lines) + "\n")
    outputs = {name: plain(getattr(model, name)(rows).tolist()) for name in methods if hasattr(model, name)}
    estimator = type(model.steps[-1][1] if hasattr(model, "steps") else model).__name__
    expected = {
        "library": "scikit-learn",
        "versions": {"sklearn": sklearn.__version__, "numpy": np.__version__},
        "estimator": estimator,
        "estimator_tree": estimator,
        "task": task,
        "model_file": "model.joblib",
        "serialization": "joblib",
        "input_form": "ndarray",
        "feature_names": NAMES,
        "feature_types": ["float"] * len(NAMES),
        "n_rows": len(rows),
        **{name: None for name in METHODS},
        **outputs,
        "tolerance": {"rel": 1e-09, "abs": 1e-12},
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def histogram_boosting():
    from sklearn.experimental import enable_hist_gradient_boosting  # noqa: F401

    return ensemble.HistGradientBoostingClassifier(max_iter=3, max_depth=2, min_samples_leaf=5)


STAGES = {"n_estimators": 3, "max_depth": 2, "random_state": 0}
if RELEASE == "0.18":
    write("pipe-minmax-tree", make_pipeline(MinMaxScaler(), DecisionTreeClassifier(max_depth=3)), ANSWERS)
    write("gradientboosting-multi", GradientBoostingClassifier(**STAGES), CLASSES)
    write("gradientboosting-quantile", GradientBoostingRegressor(loss="quantile", **STAGES), SCORE, "regression")
elif RELEASE == "0.19":
    write("gradientboosting-strings", GradientBoostingClassifier(**STAGES), ANSWERS)
    # Its decisions depend on the rows beside them and are not given.
    svc = SVC(decision_function_shape="ovr", probability=True, random_state=0)
    write("pipe-robust-svc", make_pipeline(RobustScaler(), svc), CLASSES, methods=METHODS[:3])
    write("oneclass", OneClassSVM(gamma=0.1), None, "outlier")
    # It stands for `SimpleImputer` up to 0.21.
    from sklearn.preprocessing import Imputer

    write("pipe-imputer-logreg", make_pipeline(Imputer(), LogisticRegression()), CLASSES, tables=WITH_GAPS)
elif RELEASE == "0.20":
    write("pipe-normalizer-lda", make_pipeline(Normalizer(), LinearDiscriminantAnalysis()), CLASSES)
    members = [("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=2))]
    write("voting-soft", VotingClassifier(members, voting="soft"), ANSWERS)
elif RELEASE == "0.21":
    write("mlp", MLPClassifier((3,), random_state=0), ANSWERS)
    write("pipe-binarizer-tree", make_pipeline(Binarizer(0.3), DecisionTreeClassifier(max_depth=3)), ANSWERS)
    write("histgb-multi", histogram_boosting(), CLASSES)
elif RELEASE == "0.22":
    write("pipe-standard-logreg", make_pipeline(StandardScaler(), LogisticRegression()), CLASSES)
    write("lda", LinearDiscriminantAnalysis(), CLASSES)
    write("histgb-binary", histogram_boosting(), ANSWERS, tables=WITH_GAPS)
