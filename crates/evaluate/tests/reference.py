"""Writes `reference.json`: scikit-learn's metrics of made-up answers, for `reference.rs`."""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn import metrics as m
from sklearn.calibration import calibration_curve

random = np.random.default_rng(11)


def classes(count, rows, weighted, ties):
    known = random.integers(0, count, rows)
    logits = random.normal(size=(rows, count)) + 1.5 * np.eye(count)[known]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if ties:
        # Few distinct values, and zeros where the loss is clipped.
        probabilities = np.round(probabilities * 4) / 4
        probabilities[:, 0] += 1 - probabilities.sum(axis=1)
        probabilities = np.clip(probabilities, 0, None)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    weights = random.integers(1, 5, rows) / 2 if weighted else None
    with_weights = {"sample_weight": weights}
    binary = count == 2
    ranked = probabilities[:, 1] if binary else probabilities
    expected = {
        "accuracy": m.accuracy_score(known, predicted, **with_weights),
        "balanced_accuracy": m.balanced_accuracy_score(known, predicted, **with_weights),
        "roc_auc": m.roc_auc_score(known, ranked, multi_class="ovr", **with_weights),
        "roc_auc_ovr_weighted": m.roc_auc_score(known, ranked, multi_class="ovr", average="weighted", **with_weights),
        "average_precision": m.average_precision_score(known, ranked, **with_weights),
        "log_loss": m.log_loss(known, probabilities, **with_weights),
        "brier": m.brier_score_loss(known, ranked, **with_weights),
        "mcc": m.matthews_corrcoef(known, predicted, **with_weights),
        "kappa": m.cohen_kappa_score(known, predicted, **with_weights),
    }
    averages = ["macro", "micro", "weighted"] + (["binary"] if binary else [])
    for average in averages:
        suffix = "" if average == "binary" else f"_{average}"
        scores = m.precision_recall_fscore_support(known, predicted, average=average, **with_weights)
        for name, score in zip(["precision", "recall", "f1"], scores, strict=False):
            expected[name + suffix] = score
    case = {
        "classes": count,
        "known": known.tolist(),
        "predicted": predicted.tolist(),
        "probabilities": probabilities.ravel().tolist(),
        "weights": [] if weights is None else weights.tolist(),
        "confusion": m.confusion_matrix(known, predicted, **with_weights).tolist(),
        "expected": expected,
    }
    if binary:
        false, true, _ = m.roc_curve(known, ranked, drop_intermediate=False, **with_weights)
        precision, recall, _ = m.precision_recall_curve(known, ranked, **with_weights)
        observed, mean = calibration_curve(known, ranked, n_bins=5)
        case["roc"] = np.column_stack([false, true]).tolist()
        case["precision_recall"] = np.column_stack([recall, precision])[::-1].tolist()
        case["calibration"] = np.column_stack([mean, observed]).tolist()
    return case


def values(rows, weighted, positive):
    known = random.gamma(2.0, 3.0, rows) if positive else random.normal(size=rows) * 10
    predicted = known * random.uniform(0.6, 1.5, rows) + (0 if positive else random.normal(size=rows))
    weights = random.integers(1, 5, rows) / 2 if weighted else None
    with_weights = {"sample_weight": weights}
    expected = {
        "r2": m.r2_score(known, predicted, **with_weights),
        "explained_variance": m.explained_variance_score(known, predicted, **with_weights),
        "rmse": m.root_mean_squared_error(known, predicted, **with_weights),
        "mse": m.mean_squared_error(known, predicted, **with_weights),
        "mae": m.mean_absolute_error(known, predicted, **with_weights),
        "median_ae": m.median_absolute_error(known, predicted, **with_weights),
        "mape": m.mean_absolute_percentage_error(known, predicted, **with_weights),
        "max_error": m.max_error(known, predicted),
        "pinball": m.mean_pinball_loss(known, predicted, alpha=0.9, **with_weights),
    }
    if positive:
        expected["msle"] = m.mean_squared_log_error(known, predicted, **with_weights)
        expected["poisson_deviance"] = m.mean_poisson_deviance(known, predicted, **with_weights)
        expected["gamma_deviance"] = m.mean_gamma_deviance(known, predicted, **with_weights)
    return {
        "known": known.tolist(),
        "predicted": predicted.tolist(),
        "weights": [] if weights is None else weights.tolist(),
        "quantile": 0.9,
        "expected": expected,
    }


cases = {
    "scikit_learn": sklearn.__version__,
    "classification": [
        classes(count, rows, weighted, ties)
        for count, rows in [(2, 40), (3, 41), (5, 60)]
        for weighted in [False, True]
        for ties in [False, True]
    ],
    "regression": [
        values(rows, weighted, positive)
        for rows in [20, 21]
        for weighted in [False, True]
        for positive in [False, True]
    ],
}
Path(__file__).with_name("reference.json").write_text(json.dumps(cases) + "\n")
