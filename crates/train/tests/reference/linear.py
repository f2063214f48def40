"""Writes linear.txt: what scikit-learn's linear models learn of a small table."""

from pathlib import Path

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.svm import LinearSVC, LinearSVR

MASK = (1 << 64) - 1


def noise(at: int) -> float:
    """Numbers that look random, from 0 to 1: the same as in linear.rs."""
    x = (at + 1) * 0x9E3779B97F4A7C15 & MASK
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return ((x ^ (x >> 31)) >> 11) / (1 << 53)


x = np.array([noise(at) for at in range(1200)]).reshape(400, 3)
y = x[:, 0] * x[:, 1] + 2.0 * x[:, 2]
noisy = y + 0.4 * np.array([noise(at) for at in range(2000, 2400)])
weights = np.array([0.5 + noise(at) for at in range(3000, 3400)])
classes = noisy.astype(int) % 3


def line(name: str, *parts: np.ndarray) -> str:
    """One line: a name and the numbers after it."""
    numbers = [number for part in parts for number in np.ravel(part)]
    return " ".join([name, *(repr(float(number)) for number in numbers)])


def logistic(codes: np.ndarray, **parameters) -> LogisticRegression:
    """Logistic regression that is iterated to the end."""
    solver = "newton-cg" if parameters.get("penalty", None) in (None, "l2") else "saga"
    model = LogisticRegression(solver=solver, tol=1e-12, max_iter=200000, random_state=0, **parameters)
    return model.fit(x, codes, weights)


lines = []
for name, alpha, intercept in [("ridge", 1.0, True), ("ridge-origin", 0.25, False)]:
    model = Ridge(alpha=alpha, fit_intercept=intercept).fit(x, y, weights)
    lines.append(line(name, model.predict(x)[:20]))
for name, codes, parameters in [
    ("binary", (noisy > 1.3).astype(int), {}),
    ("binary-origin", (noisy > 1.3).astype(int), {"C": 10.0, "fit_intercept": False}),
    ("softmax", classes, {"C": 3.0}),
    *(
        (f"{name}-{penalty or 'none'}".replace("elasticnet", "both"), codes, {"penalty": penalty, **parameters})
        for name, codes in [("binary", (noisy > 1.3).astype(int)), ("softmax", classes)]
        for penalty, parameters in [
            ("l1", {"C": 0.1}),
            ("elasticnet", {"C": 0.2, "l1_ratio": 0.7}),
            (None, {}),
        ]
    ),
]:
    model = logistic(codes, **parameters)
    lines.append(line(name, model.predict_proba(x)[:20]))
exact = {"tol": 1e-13, "max_iter": 1000000}
for name, model in [
    ("linear", LinearRegression()),
    ("linear-origin", LinearRegression(fit_intercept=False)),
    ("lasso", Lasso(alpha=0.01, **exact)),
    ("elastic-net", ElasticNet(alpha=0.05, l1_ratio=0.25, **exact)),
]:
    lines.append(line(name, model.fit(x, y, weights).predict(x)[:20]))
# The third column is the sum of the others: many solutions fit as well, and the shortest is taken.
dependent = np.column_stack([x[:, 0], x[:, 1], x[:, 0] + x[:, 1]])
lines.append(line("linear-dependent", LinearRegression().fit(dependent, y, weights).predict(dependent)[:20]))
for name, columns, codes in [
    ("lda-binary", x, (noisy > 1.3).astype(int)),
    ("lda", x, classes),
    ("lda-dependent", dependent, classes),
]:
    lines.append(line(name, LinearDiscriminantAnalysis().fit(columns, codes).predict_proba(columns)[:20]))
lines.append(line("bayes", GaussianNB().fit(x, classes, weights).predict_proba(x)[:20]))
for name, model in [
    ("bernoulli", BernoulliNB(alpha=0.25, binarize=0.5)),
    ("bernoulli-even", BernoulliNB(binarize=0.3, fit_prior=False)),
]:
    lines.append(line(name, model.fit(x, classes, weights).predict_proba(x)[:20]))
two = QuadraticDiscriminantAnalysis().fit(x, (noisy > 1.3).astype(int))
lines.append(line("qda-binary", two.decision_function(x)[:20]))
lines.append(line("qda", QuadraticDiscriminantAnalysis().fit(x, classes).predict_proba(x)[:20]))
regular = QuadraticDiscriminantAnalysis(priors=[0.25, 0.25, 0.5], reg_param=0.3).fit(x, classes)
lines.append(line("qda-regular", regular.decision_function(x)[:20]))
exact = {"tol": 1e-11, "max_iter": 10000000, "dual": True, "random_state": 0}
for name, codes, parameters in [
    ("svc-squared", (noisy > 1.3).astype(int), {}),
    ("svc-hinge", (noisy > 1.3).astype(int), {"loss": "hinge", "intercept_scaling": 5.0, "C": 0.5}),
    ("svc-three", classes, {"fit_intercept": False}),
]:
    model = LinearSVC(**parameters, **exact).fit(x, codes, weights)
    lines.append(line(name, model.decision_function(x)[:20]))
for name, parameters in [
    ("svr", {}),
    ("svr-wide", {"epsilon": 0.3, "C": 0.5}),
    ("svr-squared", {"epsilon": 0.1, "loss": "squared_epsilon_insensitive"}),
]:
    lines.append(line(name, LinearSVR(**parameters, **exact).fit(x, noisy, weights).predict(x)[:20]))
Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")
