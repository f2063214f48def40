"""Make golden cases of random pipelines, for comparing foretell with scikit-learn beyond the corpus.

Usage, in a virtual environment with any `scikit-learn` from 0.23 to 1.9 and pandas:
`python scikit_learn_pipelines.py OUT/golden COUNT [SEED]`, then `touch OUT/golden/cases.tsv` and
`FORETELL_SHARED=OUT make golden`. Layout as `tests/golden/README.md` describes it.
"""

import json
import pathlib
import pickle
import signal
import sys
import warnings

import joblib
import numpy as np
import pandas as pd
import scipy.sparse
import sklearn
from sklearn import (
    calibration,
    cluster,
    compose,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    kernel_approximation,
    kernel_ridge,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401

warnings.filterwarnings("ignore")
RELEASE = tuple(int(number) for number in sklearn.__version__.split(".")[:2])
if RELEASE < (1, 0):
    from sklearn.experimental import enable_hist_gradient_boosting  # noqa: F401
METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples", "transform"]
NUMBERS, TEXTS = ["age", "income", "height", "visits"], ["city", "plan"]
ROUNDED = ("SVC", "SVR", "SVM", "KNeighbors", "RadiusNeighbors", "Gaussian", "KernelRidge", "Kernel", "Nystroem", "MLP")


class Maker:
    """Random pipelines from one generator."""

    def __init__(self, seed):
        self.random = np.random.RandomState(seed)

    def one(self, *choices):
        return choices[self.random.randint(len(choices))]

    def chance(self, share):
        return self.random.rand() < share

    def number(self, low, high):
        return float(np.exp(self.random.uniform(np.log(low), np.log(high))))

    def table(self, rows):
        random = self.random
        table = pd.DataFrame(
            {
                "age": random.randint(18, 80, rows).astype(float),
                "income": np.exp(random.randn(rows) + 3).round(2),
                "height": random.randn(rows) * 10 + 170,
                "visits": random.poisson(2, rows).astype(float),
                "city": random.choice(
                    ["Bergen", "Oslo", "Århus", "Lyon", "Ystad"], rows, p=[0.4, 0.3, 0.2, 0.07, 0.03]
                ),
                "plan": random.choice(["basic", "plus", "pro"], rows),
            }
        )
        for column in self.missing:
            table.loc[random.rand(rows) < 0.15, column] = np.nan
        return table

    def fill(self):
        # Not by neighbours: which of several equally near rows NumPy takes depends on the processor.
        strategy = self.one("mean", "median", "most_frequent", "constant")
        parameters = {"strategy": strategy, "add_indicator": self.chance(0.3)}
        if strategy == "constant":
            parameters["fill_value"] = self.one(0, -1.5, 100)
        return self.one(
            impute.SimpleImputer(**parameters),
            impute.SimpleImputer(**parameters),
            impute.IterativeImputer(max_iter=self.one(2, 5), random_state=0),
        )

    def scale(self):
        quantiles = {"n_quantiles": self.one(10, 50), "output_distribution": self.one("uniform", "normal")}
        low = self.one(0, -1)
        return self.one(
            preprocessing.StandardScaler(with_mean=self.chance(0.8), with_std=self.chance(0.8)),
            preprocessing.MinMaxScaler(feature_range=(low, self.one(1, 5))),
            preprocessing.MaxAbsScaler(),
            preprocessing.RobustScaler(
                quantile_range=self.one((25.0, 75.0), (10.0, 90.0)), with_centering=self.chance(0.7)
            ),
            preprocessing.Normalizer(norm=self.one("l1", "l2", "max")),
            preprocessing.PowerTransformer(standardize=self.chance(0.7)),
            preprocessing.QuantileTransformer(**quantiles),
            preprocessing.KBinsDiscretizer(
                n_bins=self.one(3, 5),
                encode=self.one("ordinal", "onehot", "onehot-dense"),
                strategy=self.one("uniform", "quantile"),
            ),
            preprocessing.PolynomialFeatures(
                degree=2, interaction_only=self.chance(0.5), include_bias=self.chance(0.5)
            ),
            preprocessing.FunctionTransformer(np.log1p) if self.nonnegative else preprocessing.StandardScaler(),
            preprocessing.Binarizer(threshold=self.one(0.0, 1.0)),
            preprocessing.SplineTransformer(n_knots=self.one(3, 5), degree=self.one(2, 3))
            if RELEASE >= (1, 0)
            else preprocessing.MaxAbsScaler(),
        )

    def encode(self):
        kinds = ["onehot", "onehot", "ordinal"] + (["target"] if RELEASE >= (1, 3) and self.target != "several" else [])
        kind = self.one(*kinds)
        steps = []
        if self.missing_text:
            steps.append(impute.SimpleImputer(strategy=self.one("most_frequent", "constant"), fill_value="none"))
        if kind == "ordinal":
            steps.append(preprocessing.OrdinalEncoder())
        elif kind == "target":
            steps.append(preprocessing.TargetEncoder(random_state=0))
        else:
            unknown = (
                {"handle_unknown": "ignore"} if self.chance(0.5) else {"drop": self.one(None, "first", "if_binary")}
            )
            if RELEASE >= (1, 1) and self.chance(0.3):
                unknown = {"handle_unknown": "infrequent_if_exist", "min_frequency": self.one(8, 0.1)}
            steps.append(preprocessing.OneHotEncoder(**unknown))
        return self.joined(steps)

    def joined(self, steps):
        if len(steps) == 1 and self.chance(0.5):
            return steps[0]
        return pipeline.make_pipeline(*steps)

    def prepare(self):
        """What makes numbers of the table."""
        numbers = [self.fill()] if self.missing_number else []
        # One alone: a quantile or bin whose edge is a computed value jumps where two processors round it differently.
        numbers += [self.scale()] if self.chance(0.7) else []
        parts = []
        cut = self.random.randint(1, 4)
        if self.chance(0.5) or not numbers:
            parts.append(("numbers", self.joined(numbers) if numbers else "passthrough", self.columns(NUMBERS)))
        else:
            more = [self.fill()] if self.missing_number else []
            parts.append(("some", self.joined(numbers), self.columns(NUMBERS[:cut])))
            parts.append(("others", self.joined(more + [self.scale()]), self.columns(NUMBERS[cut:])))
        if self.chance(0.85):
            parts.append(("texts", self.encode(), self.columns(TEXTS)))
        weights = {"numbers": 0.5} if self.chance(0.1) and parts[0][0] == "numbers" else None
        prepared = compose.ColumnTransformer(
            parts, sparse_threshold=self.one(0.3, 0.0, 1.0), transformer_weights=weights
        )
        if self.chance(0.15):
            selected = compose.make_column_selector(dtype_include=float)
            prepared = compose.ColumnTransformer(
                [("numbers", self.joined(numbers) if numbers else "passthrough", selected)]
            )
        return prepared

    def columns(self, names):
        if self.chance(0.2):
            return [(NUMBERS + TEXTS).index(name) for name in names]
        return list(names)

    def between(self):
        """What stands between the columns and the estimator."""
        return self.one(
            None,
            None,
            None,
            decomposition.TruncatedSVD(2, random_state=0),
            feature_selection.VarianceThreshold(0.01),
            feature_selection.SelectKBest(k=3)
            if self.target == "classes"
            else feature_selection.SelectKBest(feature_selection.f_regression, k=3)
            if self.target == "number"
            else None,
            feature_selection.SelectFromModel(ensemble.ExtraTreesClassifier(5, random_state=0))
            if self.target == "classes"
            else None,
            preprocessing.MaxAbsScaler(),
            pipeline.make_union(preprocessing.MaxAbsScaler(), decomposition.TruncatedSVD(1, random_state=0)),
            kernel_approximation.RBFSampler(n_components=8, gamma=0.01, random_state=0),
            kernel_approximation.Nystroem(n_components=6, gamma=0.01, random_state=0),
            cluster.MiniBatchKMeans(4, random_state=0, n_init=1),
        )

    def depth(self):
        return {"max_depth": self.one(2, 4, None), "random_state": 0}

    def leaf(self):
        return dict(self.depth(), n_estimators=self.one(3, 8))

    def classifier(self, simple=False):
        c = self.number(0.05, 10)
        log_loss = "log" if RELEASE < (1, 1) else "log_loss"
        simple_ones = [
            lambda: linear_model.LogisticRegression(
                C=c, max_iter=200, solver=self.one("lbfgs", "liblinear") if RELEASE < (1, 7) else "lbfgs"
            ),
            lambda: linear_model.SGDClassifier(
                loss=self.one("hinge", log_loss, "modified_huber", "perceptron"), random_state=0, max_iter=50
            ),
            lambda: linear_model.RidgeClassifier(alpha=c),
            lambda: svm.LinearSVC(C=c, random_state=0, max_iter=200),
            lambda: svm.SVC(
                C=c,
                kernel=self.one("rbf", "poly", "sigmoid", "linear"),
                gamma=self.one("scale", 0.01),
                max_iter=2000,
                probability=RELEASE < (1, 8) and self.chance(0.5),
                random_state=0,
            ),
            lambda: tree.DecisionTreeClassifier(criterion=self.one("gini", "entropy"), **self.depth()),
            lambda: naive_bayes.GaussianNB(),
            lambda: neighbors.KNeighborsClassifier(
                self.one(1, 4, 9), weights=self.one("uniform", "distance"), p=self.one(1, 2, 3)
            ),
            lambda: ensemble.RandomForestClassifier(**self.leaf()),
        ]
        if simple:
            return self.one(*simple_ones)()
        base = "estimator" if RELEASE >= (1, 2) else "base_estimator"
        member = lambda: self.classifier(simple=True)  # noqa: E731
        return self.one(
            *simple_ones,
            lambda: linear_model.LogisticRegressionCV(cv=3, Cs=3, max_iter=100),
            lambda: linear_model.Perceptron(random_state=0),
            lambda: ensemble.ExtraTreesClassifier(**self.leaf()),
            lambda: ensemble.GradientBoostingClassifier(subsample=self.one(1.0, 0.7), **self.leaf()),
            lambda: ensemble.HistGradientBoostingClassifier(
                max_iter=self.one(3, 10), random_state=0, l2_regularization=self.one(0, 1)
            ),
            lambda: ensemble.AdaBoostClassifier(n_estimators=5, random_state=0),
            lambda: ensemble.BaggingClassifier(n_estimators=3, max_features=self.one(0.5, 1.0), random_state=0),
            lambda: ensemble.VotingClassifier(
                [("a", member()), ("b", linear_model.LogisticRegression()), ("c", naive_bayes.GaussianNB())],
                voting="hard",
                weights=self.one(None, [1, 2, 1]),
            ),
            lambda: ensemble.VotingClassifier(
                [("a", tree.DecisionTreeClassifier(**self.depth())), ("b", naive_bayes.GaussianNB())], voting="soft"
            ),
            lambda: ensemble.StackingClassifier(
                [("a", member()), ("b", tree.DecisionTreeClassifier(**self.depth()))],
                cv=3,
                passthrough=self.chance(0.4),
            ),
            lambda: calibration.CalibratedClassifierCV(
                **{base: linear_model.RidgeClassifier(), "cv": 3, "method": self.one("sigmoid", "isotonic")}
            ),
            lambda: calibration.CalibratedClassifierCV(
                **{base: tree.DecisionTreeClassifier(**self.depth()), "cv": 3, "ensemble": self.chance(0.5)}
            ),
            lambda: multiclass.OneVsRestClassifier(member()),
            lambda: multiclass.OneVsOneClassifier(linear_model.LogisticRegression()),
            lambda: discriminant_analysis.LinearDiscriminantAnalysis(solver=self.one("svd", "lsqr"), shrinkage=None),
            lambda: discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1),
            lambda: neural_network.MLPClassifier(
                (self.one(4, 8), 3),
                activation=self.one("relu", "tanh", "logistic", "identity"),
                max_iter=30,
                random_state=0,
            ),
            lambda: naive_bayes.BernoulliNB(alpha=c),
            lambda: gaussian_process.GaussianProcessClassifier(random_state=0),
            lambda: model_selection.GridSearchCV(
                tree.DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]}, cv=3
            ),
            lambda: ensemble.IsolationForest(n_estimators=5, random_state=0),
        )()

    def regressor(self, simple=False):
        alpha = self.number(0.01, 10)
        simple_ones = [
            lambda: linear_model.Ridge(alpha=alpha),
            lambda: linear_model.Lasso(alpha=alpha),
            lambda: linear_model.ElasticNet(alpha=alpha, l1_ratio=0.3),
            lambda: tree.DecisionTreeRegressor(**self.depth()),
            lambda: neighbors.KNeighborsRegressor(
                self.one(1, 4, 9),
                weights=self.one("uniform", "distance"),
                metric=self.one("euclidean", "manhattan", "chebyshev"),
            ),
            lambda: ensemble.RandomForestRegressor(**self.leaf()),
            lambda: svm.SVR(C=alpha, kernel=self.one("rbf", "linear", "poly"), max_iter=2000),
        ]
        if simple or self.target == "several":
            return self.one(*simple_ones[:6])()
        link = {"func": np.log1p, "inverse_func": np.expm1}
        return self.one(
            *simple_ones,
            lambda: linear_model.BayesianRidge(),
            lambda: linear_model.HuberRegressor(max_iter=200),
            lambda: linear_model.SGDRegressor(random_state=0, eta0=1e-6),
            lambda: linear_model.PoissonRegressor(alpha=alpha),
            lambda: linear_model.TweedieRegressor(power=self.one(0, 1.5), alpha=alpha, link=self.one("auto", "log")),
            lambda: linear_model.GammaRegressor(alpha=alpha),
            lambda: linear_model.OrthogonalMatchingPursuit(n_nonzero_coefs=1),
            lambda: linear_model.RANSACRegressor(linear_model.Ridge(), min_samples=20, random_state=0),
            lambda: ensemble.ExtraTreesRegressor(**self.leaf()),
            lambda: ensemble.GradientBoostingRegressor(loss=self.one("huber", "quantile"), **self.leaf()),
            lambda: ensemble.HistGradientBoostingRegressor(max_iter=self.one(3, 10), random_state=0),
            lambda: ensemble.AdaBoostRegressor(
                n_estimators=4, loss=self.one("linear", "square", "exponential"), random_state=0
            ),
            lambda: ensemble.BaggingRegressor(n_estimators=3, max_features=0.7, random_state=0),
            lambda: ensemble.VotingRegressor([("a", self.regressor(True)), ("b", linear_model.Ridge())]),
            lambda: ensemble.StackingRegressor(
                [("a", self.regressor(True)), ("b", linear_model.Ridge())], cv=3, passthrough=self.chance(0.5)
            ),
            lambda: compose.TransformedTargetRegressor(self.regressor(True), **link),
            lambda: compose.TransformedTargetRegressor(
                self.regressor(True),
                transformer=preprocessing.QuantileTransformer(n_quantiles=20, output_distribution="normal"),
            ),
            lambda: kernel_ridge.KernelRidge(
                alpha=alpha, kernel=self.one("rbf", "polynomial", "laplacian"), gamma=0.001
            ),
            lambda: gaussian_process.GaussianProcessRegressor(alpha=1.0, normalize_y=self.chance(0.5)),
            lambda: neural_network.MLPRegressor((5,), activation=self.one("relu", "tanh"), max_iter=30, random_state=0),
            lambda: svm.LinearSVR(random_state=0, max_iter=100),
        )()

    def case(self):
        """A fitted model, its kind, and rows to predict."""
        self.target = self.one("classes", "classes", "number", "number", "none", "several")
        self.missing = [name for name in NUMBERS + TEXTS if self.chance(0.3)]
        self.missing_number = any(name in NUMBERS for name in self.missing)
        self.missing_text = any(name in TEXTS for name in self.missing)
        self.nonnegative = True
        table = self.table(140)
        score = table["age"].fillna(40) * 0.05 + np.log(table["income"].fillna(20)) + (table["plan"] == "pro") * 2
        score = score + self.random.randn(len(table)) * 0.5
        steps = [self.prepare(), self.between()]
        if self.target == "classes":
            count = self.one(2, 2, 3)
            target = pd.qcut(score, count, labels=False).to_numpy()
            target = self.one(
                target,
                np.array(["no", "maybe", "yes"])[target],
                target.astype(float),
                target == 1 if count == 2 else target + 5,
            )
            steps.append(self.classifier())
        elif self.target == "number":
            target = np.exp(score.to_numpy() / 4)
            steps.append(self.regressor())
        elif self.target == "several":
            target = np.column_stack([score, np.sqrt(np.abs(score))])
            regressor = self.regressor()
            steps.append(
                self.one(
                    multioutput.MultiOutputRegressor(regressor),
                    multioutput.RegressorChain(regressor),
                    linear_model.Ridge(),
                    tree.DecisionTreeRegressor(**self.depth()),
                )
            )
        else:
            target = None
            last = self.one(
                None,
                cluster.KMeans(3, random_state=0, n_init=2),
                mixture.GaussianMixture(
                    2, covariance_type=self.one("full", "diag", "tied", "spherical"), random_state=0, reg_covar=1e-2
                ),
                decomposition.NMF(2, random_state=0, max_iter=50) if RELEASE < (0, 0) else None,
                ensemble.IsolationForest(n_estimators=4, random_state=0),
                svm.OneClassSVM(gamma=0.01, max_iter=2000),
                neighbors.LocalOutlierFactor(novelty=True),
            )
            steps.append(last)
        model = pipeline.make_pipeline(*[step for step in steps if step is not None])
        if self.chance(0.1) and self.target in ("classes", "number"):
            model = model_selection.GridSearchCV(model, {}, cv=2)
        model.fit(table, target)
        rows = pd.concat([table.iloc[:10], self.table(10)], ignore_index=True)
        return model, rows


def plain(value):
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return [plain(item) for item in value] if isinstance(value, list) else value


def listed(values):
    values = values.toarray() if scipy.sparse.issparse(values) else values
    return plain([listed(of) for of in values] if isinstance(values, list) else np.asarray(values).tolist())


def tree_of(model):
    text = str(model)
    return " ".join(text.split())[:400]


def write(golden, name, model, rows):
    found = {}
    for method in METHODS:
        try:
            found[method] = listed(getattr(model, method)(rows))
        except (AttributeError, NotImplementedError):
            continue
    folder = golden / name
    folder.mkdir(exist_ok=True, parents=True)
    if hash(name) % 2:
        file = "model.joblib"
        joblib.dump(model, folder / file)
    else:
        file = "model.pkl"
        (folder / file).write_bytes(pickle.dumps(model))
    rows.to_csv(folder / "input.csv", index=False)
    text = str(model)
    tolerance = 1e-7 if any(word in text for word in ROUNDED) else 1e-9
    # A sum of many features far from 0 is rounded where it is small.
    tasks = {
        "classifier": "classification",
        "clusterer": "clustering",
        "outlier_detector": "outlier",
        "regressor": "regression",
    }
    last = model.steps[-1][1] if isinstance(model, pipeline.Pipeline) else model
    kind = getattr(last, "_estimator_type", None)
    if kind is None and "predict" in found:
        name_of = type(last).__name__
        outlier = name_of in ("IsolationForest", "OneClassSVM", "LocalOutlierFactor")
        kind = "outlier_detector" if outlier else "clusterer" if "Mixture" in name_of or "KMeans" in name_of else None
        if kind is None:
            kind = "classifier" if hasattr(model, "classes_") else "regressor"
    expected = {
        "library": "scikit-learn",
        "versions": {"sklearn": sklearn.__version__},
        "estimator": type(last).__name__,
        "estimator_tree": tree_of(model),
        "task": tasks.get(kind, "transform"),
        "model_file": file,
        "serialization": file.rpartition(".")[2],
        "input_form": "dataframe",
        "feature_names": list(rows.columns),
        "feature_types": ["float"] * len(NUMBERS) + ["string"] * len(TEXTS),
        "n_rows": len(rows),
        "classes": None,
        "predict": None,
        "tolerance": {"rel": tolerance, "abs": tolerance},
        **found,
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def too_slow(*_):
    raise ValueError("some combinations settle late, or never")


def main():
    signal.signal(signal.SIGALRM, too_slow)
    golden, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    made, tried = 0, 0
    while made < count and tried < 20 * count:
        tried += 1
        signal.alarm(5)
        try:
            model, rows = Maker(seed * 100_000 + tried).case()
            write(golden, "sk{}.{}-random-{}-{}".format(*RELEASE, seed, tried), model, rows)
        except (
            ValueError,
            TypeError,
            AttributeError,
            FloatingPointError,
            np.linalg.LinAlgError,
            AssertionError,
            KeyError,
        ):
            # Not every combination can be fitted, or predicts rows with new categories.
            continue
        finally:
            signal.alarm(0)
        made += 1
    print(f"{made} of {tried} pipelines could be fitted")


if __name__ == "__main__":
    main()
