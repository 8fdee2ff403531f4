"""Single facts beside the training table: the machine's peak, start-up times, prediction speed.

    python benchmarks/facts.py FACT

Each runs in a process of its own and prints a JSON object. The threads and the core are those that
the caller has set; `training_speed.py` sets one of each.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Callable

import numpy as np

from jobs import JOBS, weights


def best_of(repetitions: int, run: Callable[[], object], inner: int = 1) -> float:
    """Seconds of the quickest repetition, a run each."""
    best = float("inf")
    for _ in range(repetitions):
        started = time.perf_counter()
        for _ in range(inner):
            run()
        best = min(best, time.perf_counter() - started)
    return best / inner


def peak() -> dict:
    """GFLOP/s of independent multiply-adds in registers: what no program can exceed."""
    from quickprop.native import jit
    from quickprop.native.ir import FunctionWriter, Value, int64, literal, module_text, vector_type

    machine = jit.host_machine()
    type_ = vector_type("float", machine.lanes(4))
    chains, unrolled, turns = 12, 4, 200_000
    w = FunctionWriter("peak", [("x", "ptr"), ("n", "i64")])
    a = w.load(Value("%x", "ptr"), type_, 4)
    start = [literal(k + 1.0, type_) for k in range(chains)]
    loop = w.open_loop(int64(0), Value("%n", "i64"), int64(1), start)
    sums = loop.carried
    for _ in range(unrolled):
        sums = [w.fma(a, a, total) for total in sums]
    result = w.close_loop(loop, sums)
    total = result[0]
    for other in result[1:]:
        total = w.fadd(total, other)
    w.store(total, Value("%x", "ptr"), 4)
    text = module_text([w.finish()], w.declarations, machine.attributes)
    _, code = jit.load(text, lambda: (text, {}), ("peak",))
    run = code.function("peak", None, ctypes.c_void_p, ctypes.c_int64)
    memory = np.full(64, 0.1, np.float32)
    seconds = best_of(20, lambda: run(memory.ctypes.data, turns))
    lanes = machine.lanes(4)
    return {"gflops": 2e-9 * turns * unrolled * chains * lanes / seconds, "lanes": lanes}


def import_time() -> dict:
    """Seconds of ``import quickprop``, the interpreter's own start apart."""
    started = time.perf_counter()
    import quickprop  # noqa: F401

    return {"seconds": time.perf_counter() - started}


def predict() -> dict:
    """The second network on 100,000 rows and on one row, beside ONNX Runtime."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    from quickprop import Activation, Dense, Network, function

    job = JOBS[1]
    layers = []
    for width in job.sizes[1:-1]:
        layers += [Dense(width), Activation("relu")]
    network = Network([*layers, Dense(job.sizes[-1])], job.sizes[0])
    names = [str(parameter.name) for parameter in network.parameters]
    network.set_weights(dict(zip(names, [a for pair in weights(job) for a in pair], strict=True)))
    ours = function(network.inputs, network.output())

    nodes, initial, current = [], [], "x"
    for k, (w, b) in enumerate(weights(job)):
        initial += [numpy_helper.from_array(w, f"w{k}"), numpy_helper.from_array(b, f"b{k}")]
        nodes.append(helper.make_node("Gemm", [current, f"w{k}", f"b{k}"], [f"z{k}"]))
        current = f"z{k}"
        if k < len(job.sizes) - 2:
            nodes.append(helper.make_node("Relu", [current], [f"h{k}"]))
            current = f"h{k}"
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, job.sizes[0]])],
        [helper.make_tensor_value_info(current, TensorProto.FLOAT, [None, job.sizes[-1]])],
        initial,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        onnx.ModelProto.SerializeToString(model), settings, providers=["CPUExecutionProvider"]
    )
    many = np.random.default_rng(0).normal(size=(100_000, job.sizes[0])).astype(np.float32)
    one = many[:1].copy()
    apart = float(np.abs(ours(many) - session.run(None, {"x": many})[0]).max())
    found = {"difference": apart}
    # Turn about, so that what else the machine does hits both.
    for name, rows, inner in (("many", many, 1), ("one", one, 300)):
        feed = {"x": rows}
        times = {"quickprop": float("inf"), "onnxruntime": float("inf")}
        for _ in range(15):
            times["quickprop"] = min(
                times["quickprop"], best_of(1, lambda rows=rows: ours(rows), inner)
            )
            times["onnxruntime"] = min(
                times["onnxruntime"], best_of(1, lambda feed=feed: session.run(None, feed), inner)
            )
        found[name] = times
    return found


def iris() -> dict:
    """Train on iris for 200 epochs; the caller times the whole process."""
    import quickprop
    from quickprop.data import sample_path
    from quickprop.data.tables import read_table

    frame = read_table(sample_path("iris"))
    numbers = np.stack([frame[name].to_numpy() for name in frame.columns[:-1]], axis=1)
    names = frame[frame.columns[-1]].to_list()
    classes = sorted(set(names))
    codes = np.array([classes.index(name) for name in names], np.int32)
    x = ((numbers - numbers.mean(axis=0)) / numbers.std(axis=0)).astype(np.float32)
    from quickprop.train import fit

    network = quickprop.Network(
        [quickprop.Dense(16), quickprop.Activation("relu"), quickprop.Dense(3)], 4
    )
    history = fit(
        network, x, codes, loss=quickprop.CrossEntropy(), epochs=200, patience=None, batch_size=32
    )
    right = float((network.predict(x).argmax(axis=1) == codes).mean())
    return {"epochs": len(history.epochs), "accuracy": right, "training": history.seconds}


FACTS = {"peak": peak, "import": import_time, "predict": predict, "iris": iris}

if __name__ == "__main__":
    try:
        print(json.dumps(FACTS[sys.argv[1]]()))
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
