"""Fit models with `foretell train` and today's libraries on the same tables, and print time, metric and memory.

Usage: `python train.py FORETELL [--rows N] [NAME...]`. Every fit is a process of its own with as many threads as there
are processors; the time is that of fitting alone, without reading the table, which is told beside it: megabytes of
CSV a second.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
import pandas

THREADS = os.cpu_count()


def table(rows, columns, classes, seed=0):
    """Numbers, with a target that is a noisy, not linear function of some of them."""
    random = numpy.random.default_rng(seed)
    x = random.normal(size=(rows, columns)).round(4)
    score = x[:, 0] * x[:, 1] + numpy.sin(2 * x[:, 2]) + 0.5 * x[:, 3] + random.normal(scale=0.5, size=rows)
    y = (score > 0).astype(int) if classes else score.round(5)
    return x, y


def libraries(name):
    """What today's libraries fit for each name."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "gradient-boosting":
        from lightgbm import LGBMClassifier
        from xgboost import XGBClassifier

        shared = {"n_estimators": 100, "learning_rate": 0.1, "n_jobs": THREADS}
        yield "XGBoost", XGBClassifier(tree_method="hist", max_depth=6, **shared)
        yield "LightGBM", LGBMClassifier(num_leaves=64, max_depth=6, verbose=-1, **shared)
    elif name == "random-forest":
        yield "scikit-learn", RandomForestClassifier(100, n_jobs=THREADS, random_state=0)
    elif name == "mlp":
        network = MLPClassifier((100,), max_iter=20, random_state=0, tol=0)
        yield "scikit-learn", make_pipeline(StandardScaler(), network)
    elif name == "logistic":
        yield "scikit-learn", LogisticRegression(max_iter=1000)
    elif name == "lda":
        yield "scikit-learn", LinearDiscriminantAnalysis()
    elif name == "ridge":
        yield "scikit-learn", Ridge()


FLAGS = {
    "gradient-boosting": ["n_estimators=100", "learning_rate=0.1", "max_depth=6"],
    "random-forest": ["n_estimators=100"],
    "mlp": ["hidden_layer_sizes=[100]", "max_iter=20", "tol=0"],
    "logistic": [],
    "lda": [],
    "ridge": [],
}
ROWS = {"random-forest": 100_000, "mlp": 100_000}


def peak(process="self"):
    """Megabytes that a process has had at most; `ru_maxrss` would count those of the one that forked it."""
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return max((int(line.split()[1]) / 1e3 for line in status.splitlines() if line.startswith("VmHWM")), default=0)


def fit_library(name, which, path):
    """In a process of its own: prints seconds, metric and megabytes."""
    data = numpy.load(path)
    x, y, held_x, held_y = (data[key] for key in ("x", "y", "held_x", "held_y"))
    model = dict(libraries(name))[which]
    begin = time.perf_counter()
    model.fit(x, y)
    seconds = time.perf_counter() - begin
    from sklearn.metrics import r2_score, roc_auc_score

    metric = r2_score(held_y, model.predict(held_x)) if name == "ridge" else None
    if metric is None:
        metric = roc_auc_score(held_y, model.predict_proba(held_x)[:, 1])
    print(json.dumps({"seconds": seconds, "metric": metric, "megabytes": peak()}))


def fit_foretell(binary, name, folder):
    command = [binary, "train", folder / "train.csv", "--target", "y", "--model", name, "--test-size", "0", "--json"]
    command += ["-o", folder / "model.foretell"]
    for flag in FLAGS[name]:
        command += ["--param", flag]
    megabytes = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            # At the end of a process nothing is left to read.
            megabytes = max(megabytes, peak(process.pid))
            time.sleep(0.02)
        done = json.loads(process.stdout.read())
    scored = [binary, "score", folder / "model.foretell", folder / "held.csv", "--target", "y", "--json"]
    metrics = json.loads(subprocess.run(scored, check=True, stdout=subprocess.PIPE).stdout)
    metric = metrics["r2" if name == "ridge" else "roc_auc"]
    training = done["training"]
    return {
        "seconds": training["seconds"],
        "metric": metric,
        "megabytes": megabytes,
        "read": (folder / "train.csv").stat().st_size / 1e6 / training["seconds_reading"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("foretell")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the largest tables")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", choices=[[], *FLAGS])
    arguments = parser.parse_intermixed_args()
    if arguments.child:
        fit_library(*arguments.child)
        return
    print("| model, rows x 30 | library | seconds | times foretell's | AUC or R2 of others | MB | CSV MB/s |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for name in arguments.names or FLAGS:
        rows = min(arguments.rows, ROWS.get(name, arguments.rows))
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place)
            x, y = table(rows + 100_000, 30, name != "ridge")
            numpy.savez(folder / "data.npz", x=x[:rows], y=y[:rows], held_x=x[rows:], held_y=y[rows:])
            frame = pandas.DataFrame(x, columns=[f"f{column}" for column in range(30)]).assign(y=y)
            frame[:rows].to_csv(folder / "train.csv", index=False)
            frame[rows:].to_csv(folder / "held.csv", index=False)
            del x, y, frame
            results = {"foretell": fit_foretell(arguments.foretell, name, folder)}
            for library, _ in libraries(name):
                command = [sys.executable, __file__, "-", "--child", name, library, folder / "data.npz"]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
                results[library] = json.loads(done.stdout)
        own = results["foretell"]["seconds"]
        for library, result in results.items():
            megabytes = f"{result['megabytes']:.0f}" if result["megabytes"] else ""
            read = f"{result['read']:.0f}" if "read" in result else ""
            print(
                f"| {name}, {rows} | {library} | {result['seconds']:.2f} | {result['seconds'] / own:.2f} "
                f"| {result['metric']:.4f} | {megabytes} | {read} |",
                flush=True,
            )


main()
