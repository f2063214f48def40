"""Make the golden cases of one old release of XGBoost: what it writes in a way that no later release does.

Usage, for each of 1.0.2, 1.2.1, 1.3.3, 1.4.2, 1.5.2 and 1.6.2, in a virtual environment with that `xgboost`,
`numpy<2`, `scipy` and `scikit-learn<1.2`: `python xgboost_releases.py tests/golden`. Layout as
`tests/golden/README.md` describes it.
"""

import json
import pathlib
import pickle
import sys
import warnings

import numpy as np
import xgboost as xgb

warnings.filterwarnings("ignore")
GOLDEN = pathlib.Path(sys.argv[1])
RELEASE = ".".join(xgb.__version__.split(".")[:2])
NAMES = ["f0", "f1", "f2", "f3"]

random = np.random.RandomState(1)
X = random.randn(160, 4) * 2
X[random.rand(160, 4) < 0.1] = np.nan
SCORE = np.nansum(X[:, :3] * [1, -0.7, 0.4], axis=1)
BINARY = (SCORE + random.randn(160) * 0.5 > 0).astype(int)
CLASSES = np.digitize(SCORE, [-1, 1])
ROWS = np.vstack([X[:12], random.randn(4, 4) * 20])


def text(number):
    return "" if np.isnan(number) else repr(float(number))


def write(case, model, estimator, task, file, save, **outputs):
    folder = GOLDEN / f"xgb{RELEASE}-{case}"
    folder.mkdir(exist_ok=True)
    save(str(folder / file))
    lines = [",".join(NAMES), *(",".join(map(text, row)) for row in ROWS)]
    (folder / "input.csv").write_text("\n".join(lines) + "\n")
    expected = {
        "library": "xgboost",
        "versions": {"xgboost": xgb.__version__, "numpy": np.__version__},
        "estimator": estimator,
        "estimator_tree": estimator,
        "task": task,
        "model_file": file,
        "serialization": file.rpartition(".")[2],
        "input_form": "ndarray",
        "feature_names": NAMES,
        "feature_types": ["float"] * len(NAMES),
        "n_rows": len(ROWS),
        "predict": None,
        "predict_proba": None,
        "margin": None,
        **{key: np.asarray(values, dtype=float).tolist() for key, values in outputs.items()},
        "tolerance": {"rel": 1e-05, "abs": 1e-06},
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def booster(case, parameters, target, task, rounds=4, extension="json"):
    model = xgb.train(dict(parameters, verbosity=0, max_depth=3), xgb.DMatrix(X, label=target), rounds)
    rows = xgb.DMatrix(ROWS)
    # Before 1.3 prediction without a limit drops trees of dart at random.
    limit = {"ntree_limit": rounds} if parameters.get("booster") == "dart" else {}
    predict, margin = model.predict(rows, **limit), model.predict(rows, output_margin=True, **limit)
    write(case, model, "Booster", task, f"model.{extension}", model.save_model, predict=predict, margin=margin)


def dump(model):
    return lambda path: pathlib.Path(path).write_bytes(pickle.dumps(model, protocol=4))


def classifier(case, target, native=False, early_stopping=False, **parameters):
    if RELEASE in ("1.3", "1.4", "1.5"):
        parameters["use_label_encoder"] = False
    model = xgb.XGBClassifier(max_depth=3, verbosity=0, n_jobs=1, **parameters)
    noisy = np.roll(target[:60], 1)
    stop = {"eval_set": [(X[:60], noisy)], "early_stopping_rounds": 2, "verbose": False} if early_stopping else {}
    model.fit(X, target, **stop)
    file, save = ("model.json", model.save_model) if native else ("model.pkl", dump(model))
    outputs = {"predict": model.predict(ROWS), "predict_proba": model.predict_proba(ROWS)}
    write(case, model, "XGBClassifier", "classification", file, save, **outputs)


def forest(case):
    model = xgb.XGBRFRegressor(n_estimators=5, max_depth=3, verbosity=0, n_jobs=1).fit(X, SCORE)
    write(case, model, "XGBRFRegressor", "regression", "model.pkl", dump(model), predict=model.predict(ROWS))


RAW = {"objective": "binary:logitraw", "base_score": 0.3}
STOPPED = {"n_estimators": 20, "learning_rate": 1.2, "early_stopping": True}
if RELEASE == "1.0":
    pruned = {"objective": "binary:logistic", "tree_method": "exact", "gamma": 4, "base_score": 0.4}
    booster("pruned-json", pruned, BINARY, "classification")
    booster("dart-bin", {"booster": "dart", "rate_drop": 0.5, "base_score": 3.7}, SCORE, "regression", extension="bin")
    classifier("clf-earlystop-pickle", BINARY, **STOPPED)
    classifier("clf-earlystop-native", CLASSES, native=True, **STOPPED)
elif RELEASE == "1.2":
    booster("logitraw-json", RAW, BINARY, "classification")
    booster("reg-bin", {"base_score": 3.7}, SCORE, "regression", extension="bin")
elif RELEASE == "1.3":
    booster("logitraw-json", RAW, BINARY, "classification")
    booster("reg-json", {"base_score": 3.7}, SCORE, "regression")
    classifier("clf-earlystop-pickle", CLASSES, **STOPPED)
elif RELEASE == "1.4":
    classifier("clf-forest-earlystop-native", CLASSES, native=True, num_parallel_tree=2, subsample=0.7, **STOPPED)
elif RELEASE == "1.5":
    classifier("clf-forest-earlystop-pickle", CLASSES, num_parallel_tree=2, subsample=0.7, **STOPPED)
    forest("rfreg-pickle")
elif RELEASE == "1.6":
    classifier("clf-forest-earlystop-native", CLASSES, native=True, num_parallel_tree=2, subsample=0.7, **STOPPED)
