"""Make golden cases of boosted trees with every objective of the installed XGBoost, LightGBM and CatBoost.

Usage, in a virtual environment with any of the three, NumPy, pandas and scikit-learn:
`python boosters.py OUT/golden [SEED]`, then `touch OUT/golden/cases.tsv` and `FORETELL_SHARED=OUT make golden`.
Layout as `tests/golden/README.md` describes it.
"""

import json
import pathlib
import pickle
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
GOLDEN, SEED = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
NAMES = ["a", "b", "c", "d"]

random = np.random.RandomState(SEED)
X = pd.DataFrame(random.randn(240, 4) * [1, 2, 0.5, 3], columns=NAMES)
X = X.mask(random.rand(240, 4) < 0.1)
SCORE = X.fillna(0).to_numpy().dot([1, -0.7, 2, 0.2]) + random.randn(240) * 0.3
BINARY = (SCORE > 0).astype(int)
CLASSES = np.digitize(SCORE, [-1, 1])
POSITIVE = np.exp(SCORE / 3)
COUNTS = random.poisson(POSITIVE)
SHARES = 1 / (1 + np.exp(-SCORE))
GROUPS = [40] * 6
ROWS = pd.concat([X.iloc[:12], pd.DataFrame(random.randn(6, 4) * 15, columns=NAMES)], ignore_index=True)


def plain(value):
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return [plain(item) for item in value] if isinstance(value, list) else value


def write(library, version, case, model, task, file, save, tolerance, **outputs):
    short = {"xgboost": "xgb", "lightgbm": "lgb", "catboost": "cb"}[library]
    folder = GOLDEN / "{}{}-{}-{}".format(short, ".".join(version.split(".")[:2]), case, SEED)
    folder.mkdir(exist_ok=True, parents=True)
    save(str(folder / file))
    ROWS.to_csv(folder / "input.csv", index=False)
    expected = {
        "library": library,
        "versions": {library: version},
        "estimator": model,
        "estimator_tree": model,
        "task": task,
        "model_file": file,
        "serialization": file.rpartition(".")[2],
        "input_form": "dataframe",
        "feature_names": NAMES,
        "feature_types": ["float"] * len(NAMES),
        "n_rows": len(ROWS),
        "predict": None,
        "tolerance": tolerance,
        **{name: plain(np.asarray(values).tolist()) for name, values in outputs.items() if values is not None},
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def dump(model):
    return lambda path: pathlib.Path(path).write_bytes(pickle.dumps(model, protocol=4))


def attempt(case, make):
    try:
        make()
    except Exception as error:
        print(f"{case}: {type(error).__name__}: {str(error)[:100]}")


def of_xgboost():
    import xgboost as xgb

    single = {"rel": 1e-5, "abs": 1e-6}
    low, high = np.where(random.rand(240) < 0.2, 0, POSITIVE), np.where(random.rand(240) < 0.2, np.inf, POSITIVE * 1.5)
    several = np.column_stack([SCORE, SCORE**2])
    objectives = [
        ("reg:squarederror", SCORE, "regression"),
        ("reg:squaredlogerror", POSITIVE, "regression"),
        ("reg:pseudohubererror", SCORE, "regression"),
        ("reg:absoluteerror", SCORE, "regression"),
        ("reg:quantileerror", SCORE, "regression"),
        ("reg:expectileerror", SCORE, "regression"),
        ("reg:logistic", SHARES, "regression"),
        ("reg:gamma", POSITIVE, "regression"),
        ("reg:tweedie", COUNTS, "regression"),
        ("count:poisson", COUNTS, "regression"),
        ("survival:cox", SCORE, "regression"),
        ("survival:aft", None, "regression"),
        ("binary:logistic", BINARY, "classification"),
        ("binary:logitraw", BINARY, "classification"),
        ("binary:hinge", BINARY, "classification"),
        ("multi:softmax", CLASSES, "classification"),
        ("multi:softprob", CLASSES, "classification"),
        ("rank:pairwise", CLASSES, "ranking"),
        ("rank:ndcg", CLASSES, "ranking"),
        ("rank:map", BINARY, "ranking"),
    ]
    boosters = [
        {"booster": "gbtree", "max_depth": 3},
        {"booster": "gbtree", "max_depth": 0, "max_leaves": 6, "grow_policy": "lossguide", "tree_method": "hist"},
        {"booster": "gbtree", "max_depth": 4, "num_parallel_tree": 3, "subsample": 0.7},
        {"booster": "dart", "max_depth": 3, "rate_drop": 0.4},
        {"booster": "gblinear"},
    ]
    for number, booster in enumerate(boosters):
        for objective, target, task in objectives:
            case = "{}-{}".format(objective.replace(":", "-"), number)

            def make(objective=objective, target=target, task=task, booster=booster, case=case, number=number):
                parameters = dict(booster, objective=objective, verbosity=0, seed=SEED, eta=0.5)
                if random.rand() < 0.3:
                    parameters["base_score"] = 0.3
                data = xgb.DMatrix(X, label=target)
                if objective == "survival:aft":
                    data.set_float_info("label_lower_bound", low)
                    data.set_float_info("label_upper_bound", high)
                    parameters["aft_loss_distribution"] = ["normal", "logistic", "extreme"][number % 3]
                if objective.startswith("multi"):
                    parameters["num_class"] = 3
                if task == "ranking":
                    data.set_group(GROUPS)
                if objective.endswith("quantileerror"):
                    parameters["quantile_alpha"] = [0.2, 0.8] if number % 2 else 0.3
                if objective.endswith("expectileerror"):
                    parameters["expectile_alpha"] = [0.2, 0.8] if number % 2 else 0.3
                model = xgb.train(parameters, data, 6)
                rows = xgb.DMatrix(ROWS)
                file = "model." + ["json", "ubj"][random.randint(2)]
                answers = {"predict": model.predict(rows), "margin": model.predict(rows, output_margin=True)}
                write("xgboost", xgb.__version__, case, "Booster", task, file, model.save_model, single, **answers)

            attempt(case, make)
    for strategy in ["one_output_per_tree", "multi_output_tree"]:
        model = xgb.XGBRegressor(n_estimators=5, max_depth=3, multi_strategy=strategy, tree_method="hist").fit(
            X, several
        )
        answers = {"predict": model.predict(ROWS)}
        write(
            "xgboost",
            xgb.__version__,
            strategy,
            "XGBRegressor",
            "regression",
            "model.pkl",
            dump(model),
            single,
            **answers,
        )
    for name, made, target, stop in [
        ("classifier", xgb.XGBClassifier, BINARY, False),
        ("classifier-multi", xgb.XGBClassifier, CLASSES, True),
        ("regressor", xgb.XGBRegressor, SCORE, True),
        ("forest", xgb.XGBRFClassifier, CLASSES, False),
    ]:
        for file in ["model.pkl", "model.json", "model.ubj"]:
            early = {"early_stopping_rounds": 2} if stop else {}
            model = made(n_estimators=8, max_depth=3, verbosity=0, **early)
            watched = {"eval_set": [(X.iloc[:60], np.roll(target[:60], 1))], "verbose": False} if stop else {}
            model.fit(X, target, **watched)
            answers = {"predict": model.predict(ROWS)}
            if hasattr(model, "predict_proba"):
                answers["predict_proba"] = model.predict_proba(ROWS)
            task = "classification" if "predict_proba" in answers else "regression"
            save = dump(model) if file.endswith("pkl") else model.save_model
            case = "{}-{}".format(name, file.rpartition(".")[2])
            write("xgboost", xgb.__version__, case, made.__name__, task, file, save, single, **answers)


def of_lightgbm():
    import lightgbm as lgb

    exact = {"rel": 1e-12, "abs": 1e-12}
    objectives = [
        *[(name, SCORE, "regression") for name in ["regression", "regression_l1", "huber", "fair", "quantile"]],
        ("mape", POSITIVE + 1, "regression"),
        ("poisson", COUNTS, "regression"),
        ("gamma", POSITIVE, "regression"),
        ("tweedie", COUNTS, "regression"),
        ("binary", BINARY, "classification"),
        ("multiclass", CLASSES, "classification"),
        ("multiclassova", CLASSES, "classification"),
        ("cross_entropy", SHARES, "classification"),
        ("cross_entropy_lambda", SHARES, "classification"),
        ("lambdarank", CLASSES, "ranking"),
        ("rank_xendcg", CLASSES, "ranking"),
    ]
    boosters = [
        {"boosting": "gbdt"},
        {"boosting": "dart", "drop_rate": 0.4},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
        {"boosting": "gbdt", "data_sample_strategy": "goss"} if lgb.__version__ > "4" else {"boosting": "goss"},
        {"boosting": "gbdt", "extra_trees": True, "zero_as_missing": True, "max_depth": 3},
        {"boosting": "gbdt", "linear_tree": True},
        {"boosting": "gbdt", "boost_from_average": False, "use_missing": False},
        {"boosting": "gbdt", "monotone_constraints": [1, -1, 0, 0], "path_smooth": 1.0},
    ]
    for number, booster in enumerate(boosters):
        for objective, target, task in objectives:
            case = f"{objective}-{number}"

            def make(objective=objective, target=target, task=task, booster=booster, case=case, number=number):
                parameters = dict(booster, objective=objective, verbose=-1, seed=SEED, min_data_in_leaf=8, num_leaves=7)
                if objective.startswith("multi"):
                    parameters["num_class"] = 3
                group = GROUPS if task == "ranking" else None
                model = lgb.train(parameters, lgb.Dataset(X, label=target, group=group), 6)
                answers = {"predict": model.predict(ROWS), "margin": model.predict(ROWS, raw_score=True)}
                if random.rand() < 0.5:
                    file, save = "model.txt", model.save_model
                else:
                    file, save = "model.pkl", dump(model)
                write("lightgbm", lgb.__version__, case, "Booster", task, file, save, exact, **answers)

            attempt(case, make)


def of_catboost():
    import catboost as cb

    exact = {"rel": 1e-9, "abs": 1e-10}
    regressions = [
        "RMSE",
        "MAE",
        "Quantile:alpha=0.3",
        "LogLinQuantile",
        "Poisson",
        "MAPE",
        "Lq:q=3",
        "Huber:delta=1.0",
    ]
    regressions += ["Expectile:alpha=0.3", "Tweedie:variance_power=1.5", "LogCosh", "RMSEWithUncertainty"]
    regressions += ["MultiQuantile:alpha=0.2,0.8"]
    classifications = [
        ("Logloss", BINARY),
        ("CrossEntropy", BINARY),
        ("MultiClass", CLASSES),
        ("MultiClassOneVsAll", CLASSES),
    ]
    shapes = [{}, {"grow_policy": "Depthwise"}, {"grow_policy": "Lossguide"}, {"nan_mode": "Max", "depth": 2}]
    for number, shape in enumerate(shapes):
        for loss in regressions:

            def make(loss=loss, shape=shape, number=number):
                target = POSITIVE if loss.split(":")[0] in ("Poisson", "Tweedie", "LogLinQuantile", "MAPE") else SCORE
                model = cb.CatBoostRegressor(iterations=7, loss_function=loss, verbose=0, random_seed=SEED, **shape)
                model.fit(X, target)
                extension = ["cbm", "json"][random.randint(2)]

                def save(path):
                    model.save_model(path, format=extension)

                case = "reg-{}-{}".format(loss.split(":")[0].lower(), number)
                answers = {"predict": model.predict(ROWS)}
                write(
                    "catboost",
                    cb.__version__,
                    case,
                    "CatBoostRegressor",
                    "regression",
                    "model." + extension,
                    save,
                    exact,
                    **answers,
                )

            attempt(loss, make)
        for loss, target in classifications:

            def make(loss=loss, target=target, shape=shape, number=number):
                model = cb.CatBoostClassifier(iterations=7, loss_function=loss, verbose=0, random_seed=SEED, **shape)
                model.fit(X, target)
                extension = ["cbm", "json"][random.randint(2)]

                def save(path):
                    model.save_model(path, format=extension)

                case = f"clf-{loss.lower()}-{number}"
                labels = model.predict(ROWS)
                answers = {"predict": labels, "predict_proba": model.predict_proba(ROWS)}
                file = "model." + extension
                write(
                    "catboost",
                    cb.__version__,
                    case,
                    "CatBoostClassifier",
                    "classification",
                    file,
                    save,
                    exact,
                    **answers,
                )

            attempt(loss, make)


for library in [of_xgboost, of_lightgbm, of_catboost]:
    try:
        library()
    except ImportError:
        continue
