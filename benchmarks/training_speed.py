"""How fast networks train, as ratios against the peers, in one run, one thread each.

    python benchmarks/training_speed.py [--rows 1,2,3,4] [--rounds 3] [--out FILE]

Every peer trains the same job (`jobs.py`) in a process of its own on one core; rounds are taken in
turn, so that what else the machine does hits all alike, and the best round of each counts. Beside
the table: the machine's multiply-add peak, compile times, start-up, prediction against ONNX
Runtime.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from jobs import JOBS, TARGETS

HERE = Path(__file__).parent
PEERS = ("torch", "sklearn", "jax")
NAMES = {"torch": "PyTorch", "sklearn": "scikit-learn", "jax": "JAX", "quickprop": "quickprop"}
PACKAGES = ("quickprop", "numpy", "llvmlite", "scikit-learn", "torch", "jax", "onnxruntime")
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "QUICKPROP_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def run(script: str, *arguments: str, cache: str | None = None) -> dict:
    """The JSON object that a script prints, and the wall-clock time of its process."""
    environment = os.environ | ONE_THREAD
    if cache is not None:
        environment["QUICKPROP_CACHE_DIR"] = cache
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    seconds = time.perf_counter() - started
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"missing": reason, "process": seconds}
    return json.loads(lines[-1]) | {"process": seconds}


def cpu_name() -> str:
    """What the processor calls itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Installed versions of everything compared."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def best(rounds: list[dict]) -> dict:
    """The quickest round, or what was missing."""
    done = [result for result in rounds if "step" in result]
    return min(done, key=lambda result: result["step"]) if done else rounds[0]


def train(numbers: list[int], rounds: int) -> list[dict]:
    """Microseconds a step of everybody for every job."""
    rows = []
    for number in numbers:
        results: dict[str, list[dict]] = {name: [] for name in ("quickprop", *PEERS)}
        for _ in range(rounds):
            for name, found in results.items():
                found.append(run("peers.py", name, str(number)))
        row = {name: best(found) for name, found in results.items()}
        rows.append({"job": JOBS[number].name, "number": number, "results": row})
        print(f"  measured {JOBS[number].name}", file=sys.stderr, flush=True)
    return rows


def show_training(rows: list[dict], peak: float | None) -> None:
    """The table of ratios."""
    print("\ntimes faster than the peer (target, and what the peak allows where that is less),")
    print("microseconds a step, loss reached by quickprop and the peers\n")
    print("| network, batch | quickprop | " + " | ".join(NAMES[p] for p in PEERS) + " | losses |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        job, ours = JOBS[row["number"]], row["results"]["quickprop"]
        if "step" not in ours:
            print(f"| {job.name} | missing: {ours['missing']} |")
            continue
        speed = job.flops / ours["step"] / 1e3
        share = f", {100 * speed / peak:.0f} % of peak" if peak else ""
        cells = [f"{ours['step']:.4g} us ({speed:.0f} GFLOP/s{share})"]
        losses = [f"{ours['loss']:.4f}"]
        for peer, target in zip(PEERS, TARGETS[row["number"]], strict=True):
            theirs = row["results"][peer]
            if "step" not in theirs:
                cells.append("missing")
                losses.append("-")
                continue
            ratio = theirs["step"] / ours["step"]
            # Nobody multiplies faster than the peak, which bounds what could be reached here.
            bound = theirs["step"] * peak * 1e3 / job.flops if peak else math.inf
            goal = f"{target}x" if bound >= target else f"{target}x, {bound:.2f}x at the peak"
            cells.append(f"{ratio:.2f}x ({goal}), {theirs['step']:.4g} us")
            losses.append(f"{theirs['loss']:.4f}")
        print(f"| {job.name} | " + " | ".join(cells) + f" | {' '.join(losses)} |")


def start_up(numbers: list[int], rounds: int) -> dict:
    """Compile times cold and from the cache, import, and iris from process start."""
    found: dict = {"graph": {}, "cold": {}, "cached": {}}
    for number in [n for n in numbers if n < 3]:
        cold, warm = [], []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as cache:
                cold.append(run("peers.py", "quickprop", str(number), cache=cache))
                warm.append(run("peers.py", "quickprop", str(number), cache=cache))
        name = JOBS[number].name
        found["graph"][name] = min(r.get("graph", 9.0) for r in warm)
        found["cold"][name] = min(r.get("compile", 9.0) for r in cold)
        found["cached"][name] = min(r.get("compile", 9.0) for r in warm)
    imports = [run("facts.py", "import") for _ in range(rounds)]
    found["import"] = min(r.get("seconds", 9.0) for r in imports)
    run("facts.py", "iris")
    found["iris"] = min(
        (run("facts.py", "iris") for _ in range(rounds)), key=lambda r: r["process"]
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="1,2,3,4", help="rows of the table to measure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "training_speed.json")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        # Every process started from here stays on this core.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    numbers = [int(part) - 1 for part in options.rows.split(",") if part]
    machine = {"cpu": cpu_name(), "system": platform.platform(), "versions": versions()}
    print(f"{machine['cpu']}, one thread on one core")
    print(", ".join(f"{name} {version}" for name, version in machine["versions"].items()))

    peaks = [run("facts.py", "peak")]
    rows = train(numbers, options.rounds)
    peaks.append(run("facts.py", "peak"))
    peak = max((p["gflops"] for p in peaks if "gflops" in p), default=None)
    show_training(rows, peak)
    if peak:
        print(f"\nmultiply-add peak of one core, measured: {peak:.0f} GFLOP/s")

    begin = start_up(numbers, options.rounds)
    for name in begin["cold"]:
        cold, cached = begin["cold"][name], begin["cached"][name]
        print(
            f"compile {name}: {cold:.3f} s cold (0.25), {cached:.3f} s from the cache (0.03); "
            f"{begin['graph'][name]:.3f} s to build the network and its graph before"
        )
    print(f"import quickprop: {begin['import']:.3f} s (0.2)")
    print(f"process start to iris trained, 200 epochs: {begin['iris']['process']:.2f} s (1)")

    prediction = run("facts.py", "predict")
    if "many" in prediction:
        many, one = prediction["many"], prediction["one"]
        print(
            f"predict 100,000 rows of 20-64-64-5: {many['quickprop'] * 1e3:.2f} ms, "
            f"{many['onnxruntime'] / many['quickprop']:.2f}x ONNX Runtime (2x); one row: "
            f"{one['quickprop'] * 1e6:.2f} us, {one['onnxruntime'] / one['quickprop']:.2f}x (1x)"
        )
    else:
        print(f"predict against ONNX Runtime: missing ({prediction.get('missing')})")

    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": machine, "peak_gflops": peak, "training": rows, "start_up": begin,
        "predict": prediction,
    }  # fmt: skip
    options.out.write_text(json.dumps(document, indent=1))
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
