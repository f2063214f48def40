"""Writes stochastic.txt: how well scikit-learn's models that depend on a seed do on rows they have not seen.

Each line is a name, the mean over ten seeds, and the standard deviation.
"""

from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import SGDClassifier, SGDRegressor

MASK = (1 << 64) - 1
SEEDS = range(10)


def noise(at: int) -> float:
    """Numbers that look random, from 0 to 1: the same as in stochastic.rs."""
    x = (at + 1) * 0x9E3779B97F4A7C15 & MASK
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return ((x ^ (x >> 31)) >> 11) / (1 << 53)


x = 3.0 * np.array([noise(at) for at in range(10000)]).reshape(2000, 5) - 1.5
y = 2.0 * x[:, 0] - x[:, 1] + 0.5 * x[:, 2] * x[:, 2] + 2.0 * np.array([noise(at) for at in range(20000, 22000)])
two = (y > 1.0).astype(int)
three = np.digitize(y, [0.0, 2.0])
LEARNS = 1500
CLASSIFIERS = [
    ("hinge", two, {}),
    ("log", two, {"loss": "log_loss", "penalty": "l1", "alpha": 1e-3}),
    ("huber", two, {"loss": "modified_huber", "penalty": "elasticnet", "early_stopping": True}),
    ("squares", two, {"loss": "squared_error", "learning_rate": "adaptive", "eta0": 0.01}),
    ("three", three, {"loss": "log_loss", "learning_rate": "invscaling", "eta0": 0.1}),
]
REGRESSORS = [
    ("values", {}),
    ("values-huber", {"loss": "huber", "penalty": None, "early_stopping": True}),
    ("values-tube", {"loss": "epsilon_insensitive", "penalty": "l1", "learning_rate": "constant"}),
    ("values-steps", {"loss": "squared_epsilon_insensitive", "learning_rate": "adaptive"}),
]

lines = []


def add(name: str, values: list[float]) -> None:
    """One line."""
    lines.append(f"{name} {np.mean(values)!r} {np.std(values, ddof=1)!r}".replace("np.float64(", "").replace(")", ""))


for name, codes, parameters in CLASSIFIERS:
    models = [SGDClassifier(random_state=seed, **parameters).fit(x[:LEARNS], codes[:LEARNS]) for seed in SEEDS]
    add(name, [model.score(x[LEARNS:], codes[LEARNS:]) for model in models])
for name, parameters in REGRESSORS:
    models = [SGDRegressor(random_state=seed, **parameters).fit(x[:LEARNS], y[:LEARNS]) for seed in SEEDS]
    add(name, [model.score(x[LEARNS:], y[LEARNS:]) for model in models])
clouds = np.array(
    [4.0 * noise(50000 + at // 5 % 7 * 5 + at % 5) + noise(60000 + at) + noise(90000 + at) for at in range(1400 * 5)]
).reshape(1400, 5)
whole = ((clouds - clouds.mean(axis=0)) ** 2).sum()
add("clusters-whole", [whole, whole])
for name, parameters in [
    ("clusters", {"n_clusters": 7}),
    ("clusters-many", {"n_clusters": 20}),
    ("clusters-random", {"n_clusters": 7, "init": "random", "n_init": 2}),
]:
    models = [KMeans(random_state=seed, **parameters).fit(clouds) for seed in SEEDS]
    add(name, [(model.transform(clouds).min(axis=1) ** 2).sum() / whole for model in models])
outlier = np.array([[4.0, -4.0, 4.0, -4.0, 4.0]])
for name, parameters in [
    ("isolation", {}),
    ("isolation-share", {"contamination": 0.05, "max_samples": 0.5}),
    ("isolation-few", {"max_features": 2, "bootstrap": True}),
]:
    models = [IsolationForest(random_state=seed, **parameters).fit(x[:LEARNS]) for seed in SEEDS]
    scores = [model.score_samples(np.vstack([x[:200], outlier])) for model in models]
    add(f"{name}-mean", [score[:200].mean() for score in scores])
    add(f"{name}-spread", [np.sqrt(((score[:200] - score[:200].mean()) ** 2).sum()) for score in scores])
    add(f"{name}-outlier", [score[200] for score in scores])
    add(f"{name}-found", [(model.predict(x[:LEARNS]) < 0).mean() for model in models])
Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")
