"""Measure foretell beside the ceiling and the peers, and print the results as Markdown.

Usage: `python bench/run.py [--quick] [PART...]`, where PART is any of: throughput, latency, whole, start, kernels,
scaling, locust, costs, overload.

The machine should do nothing else meanwhile. All servers run at the same time on the same cores, but only one is
loaded at a time; rounds go over the servers in turn, so that a drift of the machine touches all of them.
"""

import argparse
import contextlib
import csv
import dataclasses
import json
import math
import operator
import os
import pathlib
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import psutil

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
MODELS = BENCH / "models"
PEERS = BENCH / "peers"
CONNECTIONS = 64
KERNELS = MODELS / "kernels"
# The model of the whole request: one that takes long enough to be felt.
BOOSTED = "xgb-1000x8"
PARTS = ["throughput", "latency", "whole", "start", "kernels", "scaling", "locust", "costs", "overload"]


@dataclasses.dataclass
class Effort:
    """How long each measurement takes."""

    rounds: int
    seconds: int
    starts: int
    locust_seconds: int


FULL = Effort(rounds=3, seconds=4, starts=20, locust_seconds=60)
QUICK = Effort(rounds=1, seconds=2, starts=3, locust_seconds=20)


class Binaries:
    """Our programs as they are shipped."""

    def __init__(self):
        command = ["cargo", "build", "--profile", "dist", "--package", "foretell-cli", "--package", "foretell-bench"]
        messages = subprocess.run(
            [*command, "--message-format=json-render-diagnostics"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        artifacts = (json.loads(line) for line in messages.splitlines())
        paths = [artifact["executable"] for artifact in artifacts if artifact.get("executable")]
        by_name = {pathlib.Path(path).name: path for path in paths}
        self.foretell, self.ceiling, self.load = (by_name[name] for name in ("foretell", "ceiling", "load"))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclasses.dataclass
class Server:
    """A server process, its children included, with one model behind `POST /predict`."""

    name: str
    model: str
    command: list[str]
    port: int
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    process: subprocess.Popen | None = None
    key: str | None = None

    def start(self):
        self.process = subprocess.Popen(
            self.command,
            cwd=PEERS,
            env=os.environ | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=30)

    def ask(self, path, body=None):
        """The answer's bytes; any connection or status error is an `OSError`."""
        headers = {"Content-Type": "application/json"} | ({"X-API-Key": self.key} if self.key else {})
        url = f"http://127.0.0.1:{self.port}{path}"
        data = body and body.encode()
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
            return answer.read()

    def await_answer(self, path, body=None, seconds=120, pause=0.05):
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.ask(path, body)
            except OSError as error:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise SystemExit(f"{self.name} does not answer: {error}") from error
                time.sleep(pause)

    def megabytes(self):
        """Resident memory; what processes share counts once."""
        parent = psutil.Process(self.process.pid)
        processes = [parent, *parent.children(recursive=True)]
        if len(processes) == 1:
            return parent.memory_info().rss / 1e6
        return sum(process.memory_full_info().pss for process in processes) / 1e6


@contextlib.contextmanager
def running(servers):
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            if server.process:
                server.stop()


def model_file(model):
    return KERNELS / model / "model.joblib" if model == BOOSTED else MODELS / f"{model}.joblib"


def one_row(model):
    from sklearn.datasets import load_breast_cancer

    if model == BOOSTED:
        with open(KERNELS / model / "rows.csv", newline="") as file:
            row = [float(cell) for cell in list(csv.reader(file))[1]]
        return json.dumps({"data": [row]})
    row = load_breast_cancer().data[0].tolist() if model == "cancer" else [4.8, 3, 1.4, 0.3]
    return json.dumps({"data": [row]})


def foretell(binaries, model, name="foretell", flags=(), settings=None):
    port = free_port()
    command = [binaries.foretell, "serve", str(model_file(model)), "--port", str(port), *flags]
    # The peers run without a log of requests too.
    return Server(name, model, command, port, {"FORETELL_LOG__REQUESTS": "off"} | (settings or {}))


def ceiling(binaries, model, size):
    port = free_port()
    return Server("ceiling", model, [binaries.ceiling, str(port), str(size)], port)


def peers(model):
    # Two workers have both processors: more threads in each would only stand in each other's way.
    environment = {"MODEL": str(model_file(model)), "OMP_THREAD_LIMIT": "1"}
    python = [sys.executable, "-m"]

    def uvicorn(app, port):
        return [*python, "uvicorn", f"{app}:app", "--port", str(port), "--workers", "2", "--no-access-log"]

    port = free_port()
    yield Server("FastAPI", model, uvicorn("fastapi_app", port), port, environment)
    port = free_port()
    if model == BOOSTED:
        environment = {"MODEL": str(KERNELS / model / "model.onnx")}
        yield Server("onnxruntime", model, uvicorn("onnx_app", port), port, environment)
        return
    flask = [*python, "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "flask_app:app"]
    yield Server("Flask", model, flask, port, environment)


def answer_size(binaries, model):
    with running([foretell(binaries, model)]) as [server]:
        return len(server.await_answer("/predict", one_row(model)))


def close(one, other):
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-6)


def check_same_answers(servers):
    """A fast wrong answer would be worth nothing: foretell's must be the library's."""
    for model in {server.model for server in servers}:
        answers = {
            server.name: json.loads(server.ask("/predict", one_row(model)))
            for server in servers
            if server.model == model and server.name != "ceiling"
        }
        expected = answers["FastAPI"]
        for name, answer in answers.items():
            for key in ("prediction", "probability"):
                # onnxruntime adds up the trees in another order.
                same = close if name == "onnxruntime" else operator.eq
                if not same(answer[key], expected[key]):
                    raise SystemExit(f"{name} and FastAPI disagree on {model}: {answer} and {expected}")


def wrk(server, seconds, connections=CONNECTIONS, prefix=()):
    command = [*prefix, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", PEERS / "post.lua"]
    environment = os.environ | {"BODY": one_row(server.model)} | ({"KEY": server.key} if server.key else {})
    output = subprocess.run(
        [*command, f"http://127.0.0.1:{server.port}/predict"],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return json.loads(next(line for line in output.splitlines() if line.startswith("RESULT ")).removeprefix("RESULT "))


def at_rate(binaries, server, rate, seconds, connections=CONNECTIONS, prefix=()):
    address = f"127.0.0.1:{server.port}"
    command = [*prefix, binaries.load, address, "/predict", str(rate), str(seconds), str(connections)]
    command.append(one_row(server.model))
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def median_of(runs):
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def measure_servers(binaries, effort, with_latency, models=("iris", "cancer")):
    servers = []
    for model in models:
        servers += [ceiling(binaries, model, answer_size(binaries, model)), foretell(binaries, model), *peers(model)]
    with running(servers):
        for server in servers:
            server.await_answer("/predict", one_row(server.model))
            wrk(server, 1)
        check_same_answers(servers)
        runs = {id(server): [] for server in servers}
        for round_ in range(effort.rounds):
            for server in servers:
                note(f"round {round_ + 1} of {effort.rounds}: {server.name} on {server.model}")
                runs[id(server)].append(wrk(server, effort.seconds))
        results = []
        for server in servers:
            result = median_of(runs[id(server)]) | {"server": server.name, "model": server.model}
            result["failures"] = sum(run["failures"] for run in runs[id(server)])
            result["megabytes"] = server.megabytes()
            if with_latency:
                note(f"half of the maximum rate: {server.name} on {server.model}")
                half = [at_rate(binaries, server, result["rate"] / 2, effort.seconds) for _ in range(effort.rounds)]
                result["half"] = median_of(half)
            results.append(result)
    return results


def await_written(server):
    while b"\nforetell_log_waiting_bytes 0\n" not in server.ask("/metrics"):
        time.sleep(0.1)


def measure_costs(binaries, effort):
    """What the record of every prediction, API keys and rate limits cost the iris service."""
    with tempfile.TemporaryDirectory() as folder:
        recorded = ["--data", f"{folder}/recorded"]
        guarded = ["--data", f"{folder}/guarded"]
        limits = {
            "FORETELL_SERVER__RATE_LIMIT__PER_KEY": "1000000/s",
            "FORETELL_SERVER__RATE_LIMIT__PER_ADDRESS": "1000000/s",
        }
        servers = [
            foretell(binaries, "iris", "without"),
            foretell(binaries, "iris", "full record", recorded, {"FORETELL_PREDICTION_LOG__MODE": "full"}),
            foretell(binaries, "iris", "keys and limits", guarded, {"FORETELL_SERVER__AUTH": "keys"} | limits),
        ]
        make_key = [binaries.foretell, "keys", "create", "bench", "--json", *guarded]
        servers[2].key = json.loads(subprocess.run(make_key, check=True, stdout=subprocess.PIPE).stdout)["key"]
        with running(servers):
            for server in servers:
                server.await_answer("/predict", one_row("iris"))
                wrk(server, 1)
            rounds = []
            for _ in range(2 * effort.rounds):
                rounds.append([wrk(server, effort.seconds) for server in servers])
                # What still waits to be written must not slow down what is measured next.
                await_written(servers[1])
            half = min(runs[0]["rate"] for runs in rounds) / 2
            # The client of fixed rates sends no key.
            paced = []
            for _ in range(effort.rounds):
                paced.append([at_rate(binaries, server, half, effort.seconds) for server in servers[:2]])
                await_written(servers[1])
    for index, server in enumerate(servers):
        result = {"name": server.name} | median_of([runs[index] for runs in rounds])
        # Of neighbours in time, so that a drift of the machine cancels out.
        for key in ("rate", "p99_us"):
            result[f"{key} ratio"] = statistics.median(runs[index][key] / runs[0][key] for runs in rounds)
        if index < 2:
            result["half p99_us"] = statistics.median(runs[index]["p99_us"] for runs in paced)
            result["half p99_us ratio"] = statistics.median(runs[index]["p99_us"] / runs[0]["p99_us"] for runs in paced)
        yield result


def measure_overload(binaries, effort):
    """A slow model on a processor of its own, asked for more than it can give by a client on another."""
    server = foretell(binaries, "slow", settings={"FORETELL_SERVER__WORKERS": "1"})
    server.command = ["taskset", "--cpu-list", "0", *server.command]
    client = ["taskset", "--cpu-list", "1"]
    with running([server]):
        server.await_answer("/predict", one_row("slow"))
        capacity = wrk(server, effort.seconds, 4, client)["rate"]
        for times, connections in [(0.05, 64), (2, 256), (4, 256), (10, 64), (10, 256)]:
            note(f"{times} times the capacity, {connections} connections")
            seconds = 5 * effort.seconds if times < 1 else effort.seconds
            result = at_rate(binaries, server, times * capacity, seconds, connections, client)
            yield {"times": times, "connections": connections, "capacity": capacity} | result


def measure_start(binaries, effort):
    """Milliseconds from before the process is made until it says that it is ready."""
    times = []
    for _ in range(effort.starts):
        begin = time.perf_counter()
        with running([foretell(binaries, "iris")]) as [server]:
            server.await_answer("/health/ready", pause=0.0005)
            times.append((time.perf_counter() - begin) * 1e3)
            megabytes = server.megabytes()
    return {"median_ms": statistics.median(times), "worst_ms": max(times), "megabytes": megabytes}


def fit_boosted():
    subprocess.run([sys.executable, PEERS / "kernels.py", KERNELS, "--fit", BOOSTED], check=True)


def bench_command(binaries, place):
    files = [place / name for name in ("model.json", "model.txt", "model.joblib")]
    model = next(path for path in files if path.exists())
    return [binaries.foretell, "bench", model, place / "rows.csv", "--json"]


def measure_scaling(binaries):
    """Batches of 100 000 rows on one thread and on all, and one row, which stays on the thread that asked."""
    for name in (BOOSTED, "svc-rbf", "mlp-64x64", "logistic"):
        place = KERNELS / name
        if not (place / "rows.csv").exists():
            subprocess.run([sys.executable, PEERS / "kernels.py", KERNELS, "--fit", name], check=True)
        command = [*bench_command(binaries, place), "--batch", "100000"]
        runs = {}
        for threads in (1, os.cpu_count()):
            done = subprocess.run([*command, "--threads", str(threads)], check=True, stdout=subprocess.PIPE)
            runs[threads] = json.loads(done.stdout)
        yield name, runs


def measure_kernels(binaries):
    output = subprocess.run(
        [sys.executable, PEERS / "kernels.py", KERNELS], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    results = [json.loads(line) for line in output.splitlines()]
    for place in sorted(path for path in KERNELS.iterdir() if path.is_dir()):
        command = [*bench_command(binaries, place), "--threads", "1"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            results.append({"model": place.name, "library": "foretell"} | json.loads(done.stdout))
        else:
            results.append({"model": place.name, "library": "foretell", "refused": done.stderr.strip()})
    return results


def measure_locust(binaries, effort):
    port = free_port()
    command = [binaries.foretell, "serve", "--config", str(ROOT / "examples/iris/foretell.toml"), "--port", str(port)]
    server = Server("foretell", "iris", command, port)
    with running([server]), tempfile.TemporaryDirectory() as folder:
        server.await_answer("/health/ready")
        arguments = ["--headless", "-u", "1000", "-r", "100", "-t", f"{effort.locust_seconds}s", "--only-summary"]
        subprocess.run(
            [sys.executable, "-m", "locust", "-f", ROOT / "examples/iris/locustfile.py", *arguments]
            + ["--host", f"http://127.0.0.1:{port}", "--csv", f"{folder}/run"],
            check=True,
            stdout=sys.stderr,
        )
        with open(f"{folder}/run_stats.csv", newline="") as file:
            total = next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")
    return {
        "requests": int(total["Request Count"]),
        "failures": int(total["Failure Count"]),
        "mean_ms": float(total["Average Response Time"]),
        "p50_ms": float(total["50%"]),
        "p99_ms": float(total["99%"]),
    }


def note(text):
    print(text, file=sys.stderr, flush=True)


def table(header, rows):
    print(f"| {' | '.join(header)} |")
    print("|---|" + "---:|" * (len(header) - 1))
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()


def print_servers(results):
    rates = {(result["server"], result["model"]): result["rate"] for result in results}
    header = [
        "server, model",
        "requests a second",
        "of the ceiling",
        "times FastAPI",
        "p50 ms",
        "p99 ms",
        "failures",
        "MB",
    ]
    if "half" in results[0]:
        header += ["p99 ms at half the rate"]
    rows = []
    for result in results:
        model = result["model"]
        row = [
            f"{result['server']}, {model}",
            f"{result['rate']:.0f}",
            f"{result['rate'] / rates['ceiling', model]:.3f}",
            f"{result['rate'] / rates['FastAPI', model]:.1f}",
            f"{result['p50_us'] / 1e3:.2f}",
            f"{result['p99_us'] / 1e3:.2f}",
            f"{result['failures']}",
            f"{result['megabytes']:.1f}",
        ]
        if "half" in result:
            row.append(f"{result['half']['p99_us'] / 1e3:.2f}")
        rows.append(row)
    table(header, rows)


def print_costs(results):
    keys = ["rate", "rate ratio", "p50_us", "p99_us", "p99_us ratio", "half p99_us", "half p99_us ratio", "failures"]
    table(
        ["iris service", *(key.replace("_us", ", us").replace("half", "at half the rate") for key in keys)],
        [
            [result["name"]]
            + [
                "" if key not in result else f"{result[key]:.3f}" if "ratio" in key else f"{result[key]:.0f}"
                for key in keys
            ]
            for result in results
        ],
    )


def print_overload(results):
    results = list(results)
    alone = results[0]["p99_us"]
    rows = [
        [
            f"{result['times']} times, {result['connections']} connections",
            f"{result['rate'] / result['capacity']:.2f}",
            f"{result['p99_us'] / 1e3:.2f}",
            f"{result['p99_us'] / alone:.2f}",
            f"{result['refused']}",
            f"{result['refused_p99_us'] / 1e3:.2f}",
            f"{result['failures']}",
        ]
        for result in results
    ]
    header = ["asked, of the capacity", "answered, of the capacity", "p99 ms", "times the first", "refused"]
    table([*header, "p99 ms of refusals", "failures"], rows)


def print_kernels(results):
    ours = {result["model"]: result for result in results if result["library"] == "foretell"}
    rows = []
    for result in results:
        if "refused" in result:
            rows.append([f"{result['model']}, foretell", f"refused: {result['refused']}", "", "", ""])
            continue
        own = ours.get(result["model"], {})
        ratio = [f"{result[key] / own[key]:.2f}" if key in own else "" for key in ("one_row_us", "batch_row_us")]
        times = [f"{result['one_row_us']:.1f}", f"{result['batch_row_us']:.3f}"]
        rows.append([f"{result['model']}, {result['library']}", *times, *ratio])
    header = ["model, library", "one row, us", "of 1000 rows, us a row", "one row / foretell", "1000 rows / foretell"]
    table(header, sorted(rows))


def print_scaling(results):
    rows = []
    for name, runs in results:
        alone, all_threads = runs[1], runs[max(runs)]
        rates = [f"{run['batch_row_us']:.4f}" for run in (alone, all_threads)]
        ratio = alone["batch_row_us"] / all_threads["batch_row_us"]
        singles = [f"{run['one_row_us']:.2f}" for run in (alone, all_threads)]
        rows.append([f"{name}, {max(runs)} threads", *rates, f"{ratio:.2f}", *singles])
    header = ["model", "of 100000 rows, us a row, one thread", "all threads", "times faster"]
    table([*header, "one row, us, one thread", "all threads"], rows)


def machine():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{len(names)} x {names[0] if names else platform.processor()}, {platform.system()} {platform.release()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="short runs, to try the script")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="what to measure: all by default")
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else FULL
    parts = arguments.parts or PARTS

    binaries = Binaries()
    if not (MODELS / "slow.joblib").exists():
        subprocess.run([sys.executable, PEERS / "models.py", MODELS], check=True)
    print(f"Machine: {machine()}\n")
    if "throughput" in parts or "latency" in parts:
        print_servers(measure_servers(binaries, effort, "latency" in parts))
    if "whole" in parts:
        fit_boosted()
        print_servers(measure_servers(binaries, effort, True, [BOOSTED]))
    if "start" in parts:
        print(f"Start: {json.dumps(measure_start(binaries, effort))}\n")
    if "kernels" in parts:
        print_kernels(measure_kernels(binaries))
    if "scaling" in parts:
        print_scaling(measure_scaling(binaries))
    if "locust" in parts:
        print(f"Locust: {json.dumps(measure_locust(binaries, effort))}\n")
    if "costs" in parts:
        print_costs(measure_costs(binaries, effort))
    if "overload" in parts:
        print_overload(measure_overload(binaries, effort))


main()
