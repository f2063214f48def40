"""Time one-thread prediction of tree ensembles, linear models, SVMs and networks by the libraries that people use.

Usage: `python kernels.py FOLDER [--fit] [MODEL...]`

FOLDER gets, for each model, the file that other programs load and `rows.csv`, the rows that are timed. Prints
one line of JSON for each library and model: microseconds of a call with one row, and microseconds a row of a
call with 1000 rows, medians of several repeats. A library that is not installed is left out with a note. With
`--fit`, the files are made and nothing is timed; of XGBoost's also the one for onnxruntime.
"""

import contextlib
import json
import os
import pathlib
import statistics
import sys
import time
import warnings

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import joblib  # noqa: E402
import numpy as np  # noqa: E402

TREES = ["xgb-100x6", "xgb-1000x8", "lgb-500x255", "rf-100"]
# Pipelines of a scaler and one estimator, on float64 rows of 30 features.
DENSE = ["logistic", "ridge", "svc-rbf", "svr-rbf", "mlp-100", "mlp-64x64"]
MODELS = TREES + DENSE


def dataset(rows, features):
    rng = np.random.default_rng(7)
    X = rng.normal(size=(rows, features)).astype(np.float32)
    noise = rng.normal(size=rows) * 0.5
    score = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3:10].sum(1) * 0.3 + noise
    return X, (score > np.median(score)).astype(int)


def fit_dense(name):
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR

    # As many rows as leave about a thousand support vectors.
    rows = {"svc-rbf": 1200, "svr-rbf": 1100}.get(name, 20_000)
    estimator = {
        "logistic": lambda: LogisticRegression(),
        "ridge": lambda: Ridge(),
        "svc-rbf": lambda: SVC(),
        "svr-rbf": lambda: SVR(),
        "mlp-100": lambda: MLPClassifier(hidden_layer_sizes=(100,), max_iter=10, random_state=0),
        "mlp-64x64": lambda: MLPRegressor(hidden_layer_sizes=(64, 64), max_iter=10, random_state=0),
    }[name]()
    X, y = dataset(rows, 30)
    X = X.astype(np.float64)
    if name in ("ridge", "svr-rbf", "mlp-64x64"):
        y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3:10].sum(1) * 0.3
    return make_pipeline(StandardScaler(), estimator).fit(X, y), X


def fit(name):
    """The model of this name and the table it was fitted on."""
    if name in DENSE:
        return fit_dense(name)
    if name == "rf-100":
        from sklearn.ensemble import RandomForestClassifier

        X, y = dataset(20_000, 30)
        return RandomForestClassifier(100, random_state=0, n_jobs=2).fit(X, y), X
    if name == "lgb-500x255":
        import lightgbm

        X, y = dataset(50_000, 50)
        return lightgbm.LGBMClassifier(n_estimators=500, num_leaves=255, n_jobs=2, verbose=-1).fit(X, y), X
    import xgboost

    if name == "xgb-100x6":
        X, y = dataset(20_000, 30)
        return xgboost.XGBClassifier(n_estimators=100, max_depth=6, n_jobs=2).fit(X, y), X
    X, y = dataset(50_000, 50)
    classifier = xgboost.XGBClassifier(n_estimators=1000, max_depth=8, learning_rate=0.05, n_jobs=2)
    return classifier.fit(X, y), X


def save(name, folder):
    model, X = fit(name)
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
    if name.startswith("xgb"):
        model.get_booster().save_model(folder / "model.json")
    if name.startswith("lgb"):
        model.booster_.save_model(folder / "model.txt")
    header = ",".join(f"f{i}" for i in range(X.shape[1]))
    np.savetxt(folder / "rows.csv", X[:1000], delimiter=",", fmt="%.9g", header=header, comments="")


def own_library(name, model):
    if name.startswith("xgb"):
        booster = model.get_booster()
        booster.set_param({"nthread": 1})
        return "xgboost", booster.inplace_predict
    if name.startswith("lgb"):
        booster = model.booster_
        return "lightgbm", lambda X: booster.predict(X, num_threads=1)
    if name in DENSE:
        # What foretell computes too: the probabilities of a classifier that has them.
        return "scikit-learn", getattr(model, "predict_proba", model.predict)
    model.n_jobs = 1
    return "scikit-learn", model.predict_proba


def onnx(name, model, folder):
    import onnxruntime

    path = folder / "model.onnx"
    if not path.exists():
        if name in DENSE or name.startswith("rf"):
            import skl2onnx
            from skl2onnx.common.data_types import FloatTensorType

            inputs = [("X", FloatTensorType([None, model.n_features_in_]))]
            options = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else None
            graph = skl2onnx.to_onnx(model, initial_types=inputs, options=options, target_opset=18)
        else:
            import onnxmltools
            from onnxmltools.convert.common.data_types import FloatTensorType

            inputs = [("X", FloatTensorType([None, model.n_features_in_]))]
            if name.startswith("xgb"):
                graph = onnxmltools.convert_xgboost(model, initial_types=inputs, target_opset=15)
            else:
                graph = onnxmltools.convert_lightgbm(model, initial_types=inputs, zipmap=False, target_opset=15)
        path.write_bytes(graph.SerializeToString())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return "onnxruntime", lambda X: session.run(None, {"X": X})


def treelite_gtil(name, model):
    import treelite

    if name.startswith("xgb"):
        tree = treelite.frontend.from_xgboost(model.get_booster())
    elif name.startswith("lgb"):
        tree = treelite.frontend.from_lightgbm(model.booster_)
    else:
        tree = treelite.sklearn.import_model(model)
    return "treelite", lambda X: treelite.gtil.predict(tree, X, nthread=1)


def compiled(name, model, folder):
    """The trees as C, compiled; the large models would keep a compiler busy for an hour."""
    import tl2cgen
    import treelite

    if name != "xgb-100x6":
        raise ValueError("tl2cgen is measured on xgb-100x6 only")
    library = folder / "tl2cgen.so"
    if not library.exists():
        tree = treelite.frontend.from_xgboost(model.get_booster())
        tl2cgen.export_lib(tree, toolchain="gcc", libpath=str(library), params={"parallel_comp": 8})
    predictor = tl2cgen.Predictor(str(library), nthread=1)
    return "tl2cgen", lambda X: predictor.predict(tl2cgen.DMatrix(X))


def contenders(name, model, folder):
    """Pairs of a library's name and a function of a matrix: of float32, scikit-learn's of float64 on `DENSE`."""
    yield own_library(name, model)
    others = [lambda: onnx(name, model, folder)]
    if name in TREES:
        others += [lambda: treelite_gtil(name, model), lambda: compiled(name, model, folder)]
    for make in others:
        try:
            yield make()
        except Exception as error:  # a library that is missing, or that cannot take this model
            print(f"{name}: left out: {str(error)[:160]}", file=sys.stderr)


def micros(predict, X, repeats, loops):
    """The median duration of one call, in microseconds."""
    predict(X)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(loops):
            predict(X)
        times.append((time.perf_counter() - start) / loops * 1e6)
    return statistics.median(times)


def main(folder, names, only_fit):
    warnings.filterwarnings("ignore")
    for name in names:
        place = folder / name
        if not (place / "rows.csv").exists():
            save(name, place)
        model = joblib.load(place / "model.joblib")
        if only_fit:
            if name.startswith("xgb"):
                onnx(name, model, place)
            continue
        X = np.loadtxt(place / "rows.csv", delimiter=",", skiprows=1).astype(np.float32)
        for library, predict in contenders(name, model, place):
            rows = X.astype(np.float64) if name in DENSE and library == "scikit-learn" else X
            with contextlib.redirect_stdout(sys.stderr):
                row = micros(predict, np.ascontiguousarray(rows[:1]), 7, 50)
                batch = micros(predict, rows, 5, 20 if name in DENSE else 2) / len(rows)
            line = {"model": name, "library": library, "one_row_us": row, "batch_row_us": batch}
            print(json.dumps(line), flush=True)


arguments = [argument for argument in sys.argv[1:] if argument != "--fit"]
main(pathlib.Path(arguments[0]), arguments[1:] or MODELS, "--fit" in sys.argv)
