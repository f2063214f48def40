"""Make golden cases of one release of scikit-learn: classes that iterate for every row, or ask neighbours.

Usage, in a virtual environment with any `scikit-learn` from 0.18 to 1.9 and Python 3.6 or later:
`python scikit_learn_classes.py tests/golden [NAME...]`; without names all cases are made. Layout as
`tests/golden/README.md` describes it.
"""

import json
import pathlib
import pickle
import sys
import warnings

import numpy as np
import scipy.sparse
import sklearn

warnings.filterwarnings("ignore")
RELEASE = tuple(int(number) for number in sklearn.__version__.split(".")[:2])
ROWS = 16
METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples", "transform"]

random = np.random.RandomState(7)
X = random.randn(90, 5) * [1, 2, 0.5, 1, 3] + [0, 1, 0, 2, 0]
POSITIVE = np.abs(X)
COUNTS = random.poisson(1.5, (90, 8)).astype(float)
MISSING = X.copy()
MISSING[random.rand(90, 5) < 0.2] = np.nan
SCORE = X[:, :3].dot([1, -0.7, 2]) + random.randn(90) * 0.3
BINARY = (SCORE > np.median(SCORE)).astype(int)
CLASSES = np.digitize(SCORE, np.percentile(SCORE, [33, 66]))
NAMED = np.array(["low", "mid", "high"])[CLASSES]
PARTLY = np.where(random.rand(90) < 0.6, -1, CLASSES)


def rows_of(table):
    """Rows that training saw, and, but for counts, others."""
    if table is COUNTS:
        return table[:ROWS]
    seen, new = table[: ROWS // 2], table[ROWS // 2 : ROWS] * 1.25
    return np.vstack([seen, new])


def dense(values):
    return values.toarray() if scipy.sparse.issparse(values) else np.asarray(values)


def plain(value):
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return [plain(item) for item in value] if isinstance(value, list) else value


def text(value):
    return "" if value != value else repr(float(value))


def answers(model, rows, alone):
    """What every method answers, for all rows at once or for each row alone."""
    found = {}
    for name in METHODS:
        try:
            method = getattr(model, name)
            got = (
                np.concatenate([dense(method(rows[at : at + 1])) for at in range(len(rows))]) if alone else method(rows)
            )
        except (AttributeError, NotImplementedError, ValueError):
            continue
        found[name] = plain(
            got and [dense(of).tolist() for of in got] if isinstance(got, list) else dense(got).tolist()
        )
    return found


def task(model):
    kind = getattr(model, "_estimator_type", None)
    if hasattr(model, "fit_predict") and not kind:
        kind = "outlier" if hasattr(model, "decision_function") else "clusterer"
    tasks = {"classifier": "classification", "regressor": "regression", "clusterer": "clustering", "outlier": "outlier"}
    kind = {"outlier_detector": "outlier"}.get(kind, kind)
    only_transforms = hasattr(model, "transform") and not hasattr(model, "predict")
    return tasks.get(kind, "transform" if only_transforms else "regression")


def write(golden, case, model, table, tolerance=1e-9, alone=False, protocol=None):
    """A case of a fitted model. `alone` is for transformations that the library iterates over a whole batch: expected
    is what it answers for each row alone."""
    folder = golden / "sk{}.{}-{}".format(*RELEASE, case)
    folder.mkdir(exist_ok=True, parents=True)
    rows = rows_of(table)
    (folder / "model.pkl").write_bytes(pickle.dumps(model, protocol=protocol or min(4, pickle.HIGHEST_PROTOCOL)))
    header = ",".join(f"f{column}" for column in range(rows.shape[1]))
    lines = [header] + [",".join(map(text, row)) for row in rows]
    (folder / "input.csv").write_text("\n".join(lines) + "\n")
    classes = getattr(model, "classes_", None)
    classes = classes.tolist() if isinstance(classes, np.ndarray) else classes
    found = answers(model, rows, alone)
    expected = {
        "library": "scikit-learn",
        "versions": {"sklearn": sklearn.__version__, "numpy": np.__version__},
        "estimator": type(model).__name__,
        "estimator_tree": type(model).__name__,
        "task": task(model),
        "model_file": "model.pkl",
        "serialization": "pickle",
        "input_form": "ndarray",
        "feature_names": header.split(","),
        "feature_types": ["float"] * rows.shape[1],
        "n_rows": len(rows),
        "classes": [dense(of).tolist() for of in classes] if isinstance(classes, list) else classes,
        "predict": None,
        "tolerance": {"rel": tolerance, "abs": tolerance},
        "notes": "each row alone" if alone else "",
    }
    expected.update(found)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def cases():
    """Name, class by module, parameters, training data, and how it is compared."""
    yield "knn-imputer", "impute.KNNImputer", {"n_neighbors": 3}, (MISSING,), {}
    yield "knn-imputer-distance", "impute.KNNImputer", {"weights": "distance", "add_indicator": True}, (MISSING,), {}
    marked = np.where(np.isnan(MISSING), -1.0, np.abs(MISSING))
    yield "knn-imputer-marker", "impute.KNNImputer", {"n_neighbors": 2, "missing_values": -1}, (marked,), {}
    nmf = {"n_components": 3, "init": "random", "random_state": 0, "max_iter": 400, "tol": 1e-5}
    iterated = {"alone": True, "tolerance": 1e-6}
    yield "nmf", "decomposition.NMF", nmf, (POSITIVE,), iterated
    yield "nmf-mu", "decomposition.NMF", dict(nmf, solver="mu"), (POSITIVE,), iterated
    yield "nmf-mu-kl", "decomposition.NMF", dict(nmf, solver="mu", beta_loss="kullback-leibler"), (POSITIVE,), iterated
    yield (
        "nmf-mu-is",
        "decomposition.NMF",
        dict(nmf, solver="mu", beta_loss="itakura-saito"),
        (POSITIVE + 0.1,),
        iterated,
    )
    yield "nmf-mu-beta", "decomposition.NMF", dict(nmf, solver="mu", beta_loss=2.5), (POSITIVE,), iterated
    penalty = {"alpha_W": 0.01, "l1_ratio": 0.5} if RELEASE >= (1, 0) else {"alpha": 0.1, "l1_ratio": 0.5}
    yield "nmf-penalty", "decomposition.NMF", dict(nmf, **penalty), (POSITIVE,), iterated
    yield "nmf-online", "decomposition.MiniBatchNMF", dict(nmf, batch_size=30), (POSITIVE,), iterated
    online_kl = dict(nmf, batch_size=30, beta_loss="kullback-leibler", alpha_W=0.001, transform_max_iter=50)
    yield "nmf-online-kl", "decomposition.MiniBatchNMF", online_kl, (POSITIVE,), iterated
    topics = {"n_components": 4, "random_state": 0}
    yield "topics", "decomposition.LatentDirichletAllocation", topics, (COUNTS,), {}
    online = dict(topics, learning_method="online", mean_change_tol=1e-5, doc_topic_prior=0.3)
    yield "topics-online", "decomposition.LatentDirichletAllocation", online, (COUNTS,), {}
    learnt = {"n_components": 6, "random_state": 0, "max_iter": 30, "alpha": 0.5}
    learning = "decomposition.DictionaryLearning"
    yield "dictionary-omp", learning, dict(learnt, transform_n_nonzero_coefs=2), (X,), {}
    yield (
        "dictionary-lars",
        learning,
        dict(learnt, transform_algorithm="lasso_lars", transform_alpha=0.4),
        (X,),
        {"tolerance": 1e-7},
    )
    yield (
        "dictionary-cd",
        learning,
        dict(learnt, transform_algorithm="lasso_cd", split_sign=True),
        (X,),
        {"tolerance": 1e-6},
    )
    yield "dictionary-threshold", learning, dict(learnt, transform_algorithm="threshold", transform_alpha=0.3), (X,), {}
    mini = {"n_components": 6, "random_state": 0, "alpha": 0.5}
    yield "dictionary-online", "decomposition.MiniBatchDictionaryLearning", mini, (X,), {}
    dictionary = random.randn(7, 5)
    dictionary /= np.sqrt((dictionary**2).sum(axis=1, keepdims=True))
    coder = {"dictionary": dictionary, "transform_n_nonzero_coefs": 3}
    yield "sparse-coder", "decomposition.SparseCoder", coder, (X,), {}
    yield "sparse-coder-lars", "decomposition.SparseCoder", dict(coder, transform_algorithm="lars"), (X,), {}
    yield "isotonic-nan", "isotonic.IsotonicRegression", {"out_of_bounds": "nan"}, (X[:, :1], SCORE), {}
    if RELEASE >= (0, 20):
        from sklearn.linear_model import Ridge
        from sklearn.preprocessing import PowerTransformer, QuantileTransformer

        normal = QuantileTransformer(n_quantiles=20, output_distribution="normal")
        for name, target in [
            ("quantile", normal),
            ("power", PowerTransformer()),
            ("box-cox", PowerTransformer("box-cox")),
        ]:
            regressor = {"regressor": Ridge(), "transformer": target}
            yield "target-" + name, "compose.TransformedTargetRegressor", regressor, (X, np.exp(SCORE / 4)), {}
    yield "isomap", "manifold.Isomap", {"n_neighbors": 6, "n_components": 3}, (X,), {}
    yield "isomap-radius", "manifold.Isomap", {"n_neighbors": None, "radius": 5.0}, (X,), {}
    yield (
        "locally-linear",
        "manifold.LocallyLinearEmbedding",
        {"n_neighbors": 8, "random_state": 0},
        (X,),
        {"tolerance": 1e-8},
    )
    for mode in ["distance", "connectivity"]:
        yield "neighbours-" + mode, "neighbors.KNeighborsTransformer", {"mode": mode, "n_neighbors": 4}, (X,), {}
        yield "radius-" + mode, "neighbors.RadiusNeighborsTransformer", {"mode": mode, "radius": 2.5}, (X,), {}
    metric = {"n_components": 3, "random_state": 0, "max_iter": 15}
    yield "neighbourhood-components", "neighbors.NeighborhoodComponentsAnalysis", metric, (X, CLASSES), {}
    for kernel in ["gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine"]:
        yield (
            "density-" + kernel,
            "neighbors.KernelDensity",
            {"kernel": kernel, "bandwidth": 2.5},
            (X,),
            {"tolerance": 1e-7},
        )
    city = {"metric": "manhattan", "algorithm": "ball_tree", "bandwidth": 1.5}
    yield "density-manhattan", "neighbors.KernelDensity", city, (X,), {"tolerance": 1e-7}
    yield "density-scott", "neighbors.KernelDensity", {"bandwidth": "scott"}, (X[:, :2],), {"tolerance": 1e-7}
    for name in ["LabelPropagation", "LabelSpreading"]:
        labelled = "semi_supervised." + name
        yield name.lower(), labelled, {"gamma": 0.5}, (X, PARTLY), {}
        yield name.lower() + "-knn", labelled, {"kernel": "knn", "n_neighbors": 5}, (X, PARTLY), {}
    yield "spline", "preprocessing.SplineTransformer", {"n_knots": 4}, (X,), {}
    sketch = "kernel_approximation.PolynomialCountSketch"
    yield (
        "count-sketch",
        sketch,
        {"degree": 3, "n_components": 20, "coef0": 1.5, "gamma": 0.5, "random_state": 0},
        (X,),
        {},
    )
    yield "count-sketch-plain", sketch, {"n_components": 15, "random_state": 0}, (X,), {}
    yield "sgd-one-class", "linear_model.SGDOneClassSVM", {"nu": 0.2, "random_state": 0}, (X,), {}
    yield "nearest-centroid", "neighbors.NearestCentroid", {}, (X, NAMED), {}
    yield "nearest-centroid-two", "neighbors.NearestCentroid", {"shrink_threshold": 0.3}, (X, BINARY), {}
    if RELEASE >= (0, 24):
        from sklearn.linear_model import LinearRegression

        chosen = {"estimator": LinearRegression(), "n_features_to_select": 2}
        yield "sequential-selector", "feature_selection.SequentialFeatureSelector", chosen, (X, SCORE), {}


def main():
    golden, names = pathlib.Path(sys.argv[1]), sys.argv[2:]
    for name, path, parameters, data, how in cases():
        if names and name not in names:
            continue
        module, _, kind = path.rpartition(".")
        try:
            made = getattr(__import__("sklearn." + module, fromlist=[kind]), kind)
        except (ImportError, AttributeError):
            continue
        try:
            model = made(**parameters).fit(*data)
        except Exception as error:
            print(f"{name}: not in this release: {error}")
            continue
        write(golden, name, model, data[0], **how)


if __name__ == "__main__":
    main()
