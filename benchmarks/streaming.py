"""What detection costs: whole chain from samples to events, one thread, against other engines.

    python benchmarks/streaming.py deep_kws.onnx tdnn.onnx [--peers-python PEERS/bin/python]

Seconds of processor time per second of audio for chunks of 10, 20, 80 and 320 ms, resident memory,
start-up (import and load) and size; then where the time of a call goes, against a floor: what
onnxruntime takes for a graph of the same inputs and outputs that does nothing, and for the
network's matrix products alone; then how many streams one core serves in batches.

Every engine runs in a process of its own on one core, in turns, so that a busy machine slows all of
them alike; printed are the median and, in brackets, the best of the rounds. The audio is the
synthetic speech of tests/golden, repeated. Other engines are those that `pip install` brings:
`pip install pvporcupine==1.9.5 pocketsphinx openwakeword==0.4.0` (the last openWakeWord that
carries models), in an environment of their own if you like, and Snowboy, built as snowboy.cc says;
one that is not there is said to be skipped.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx.parser
import typer

from kws.audio import read_audio
from kws.inference import onnxruntime
from kws.runtime import Detector, Model, Stream, process_batch

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "wav"
NAMES = ("spk1-hello", "spk1-computer", "spk2-hello", "spk2-lights", "spk3-computer")
RATE = 16000
CHUNKS_MS = (10, 20, 80, 320)
PERIOD_S = (
    9.6  # of audio that is repeated, a multiple of all chunks: a minute would count as memory
)
BATCHES = (1, 8, 32, 64)
PEERS = {"porcupine": "jarvis", "pocketsphinx": "computer", "openwakeword": "hey_jarvis"}
PACKAGES = {"porcupine": "pvporcupine"}
Results = dict[str, list[dict[str, Any]]]


def speech() -> np.ndarray:
    """`PERIOD_S` of speech at 16 kHz: (S,) int16."""
    waves = np.concatenate([read_audio(GOLDEN / f"{name}.wav").samples for name in NAMES])
    return np.resize(waves, round(PERIOD_S * RATE)).astype(np.int16)


def one_core() -> None:
    """Run this process, and those that it starts, on the last core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def has_package(python: str, engine: str) -> bool:
    """Whether an environment has the engine's package."""
    command = f"import importlib.util as u; raise SystemExit(u.find_spec({engine!r}) is None)"
    return subprocess.run([python, "-c", command], check=False).returncode == 0


def measure_engines(
    models: list[Path],
    peers: dict[str, str],
    python: str,
    samples: np.ndarray,
    times: int,
    rounds: int,
) -> Results:
    """All engines in turns.

    Args:
        models: exported files.
        peers: engines and their models.
        python: the program that has the peers.
        samples: (S,) int16.
        times: that they are fed in a turn.
        rounds: turns of each.

    Returns:
        what `engines.py` has printed for each chunk size, for kws also for all in one process.
    """
    script = str(Path(__file__).with_name("engines.py"))
    turns = {f"kws {model.stem}": (sys.executable, "kws", str(model)) for model in models}
    turns |= {name: (python, name, model) for name, model in peers.items()}
    results: Results = {name: [] for name in turns}
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.NamedTemporaryFile(suffix=".raw") as raw:
        Path(raw.name).write_bytes(samples.tobytes())
        for _ in range(rounds):
            for name, (program, engine, model) in turns.items():
                # programs feed chunks of one size: each size has a process of its own
                together = [CHUNKS_MS] if engine == "kws" else []
                for chunks in [*((ms,) for ms in CHUNKS_MS), *together]:
                    command = [program, script, engine, model, raw.name, str(times)]
                    results[name].append(printed_by([*command, *map(str, chunks)], environment))
    return results


def printed_by(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """The object that a program prints in its last line."""
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if finished.returncode:
        raise SystemExit(f"{' '.join(command)}: {finished.stderr.strip()}")
    printed: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return printed


def print_engines(results: Results, models: list[Path]) -> None:
    """A table of markdown."""
    sizes = {f"kws {model.stem}": model.stat().st_size / 1e6 for model in models}
    print("| engine |" + "".join(f" {ms} ms |" for ms in CHUNKS_MS), end="")
    print(" RSS, MB | RSS of all sizes, MB | start-up, s | file, MB |")
    print("|---" * (len(CHUNKS_MS) + 5) + "|")
    for name, runs in results.items():
        alone = [run for run in runs if len(run["load"]) <= 1]
        cells = [name]
        for ms in CHUNKS_MS:
            loads = [run["load"][str(ms)] for run in alone if str(ms) in run["load"]]
            cells.append(f"{median(loads):.5f} ({min(loads):.5f})" if loads else "")
        cells.append(f"{max(run['most_mb'] for run in alone):.0f}")
        together = [run["most_mb"] for run in runs if len(run["load"]) > 1]
        cells.append(f"{max(together):.0f}" if together else "")
        cells.append(f"{median([run['start_cpu_s'] for run in runs]):.2f}")
        cells.append(f"{sizes[name]:.3f}" if name in sizes else "")
        print(f"| {' | '.join(cells)} |")


def median(values: list[float]) -> float:
    """Of one number per round."""
    return statistics.median(values)


def session(graph: str) -> Callable[..., Any]:
    """`run` of a graph in onnx's text form, as kws.runtime makes its own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {graph}')
    run: Callable[..., Any] = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    ).run
    return run


def idle_graph(state_size: int) -> str:
    """The inputs and outputs of an exported file, and nothing done."""
    return f"""idle (float[N, S] samples, float[N, {state_size}] state, bool flush)
        => (float[N, S] confidences, float[N, S] smoothed, bool posteriors,
            float[N, {state_size}] next_state) {{
      confidences = Identity (samples) smoothed = Identity (samples)
      posteriors = Identity (flush) next_state = Identity (state) }}"""


def affine_dims(network: str) -> list[tuple[int, int]]:
    """Inputs and outputs of the affine components of a network's config text."""
    affine = r"^Affine\S* .*\binput-dim=(\d+) .*\boutput-dim=(\d+)"
    return [(int(i), int(o)) for i, o in re.findall(affine, network, re.MULTILINE)]


def product_graph(network: str) -> str:
    """The network's matrix products, each on copies of the product before it."""
    dims = affine_dims(network)
    body, value, have = "", "x", dims[0][0]
    for n, (input_dim, output_dim) in enumerate(dims):
        if have < input_dim:
            copies = ", ".join([value] * (input_dim // have))
            body += f"in{n} = Concat <axis = 1> ({copies})\n"
            value = f"in{n}"
        body += f"""shape{n} = Constant <value_ints = [{input_dim}, {output_dim}]> ()
            w{n} = ConstantOfShape <value = float[1] {{0.01}}> (shape{n})
            y{n} = MatMul ({value}, w{n})\n"""
        value, have = f"y{n}", output_dim
    return f"products (float[T, {dims[0][0]}] x) => (float[T, {have}] {value}) {{ {body} }}"


def taken_us(call: Callable[[], object], count: int) -> float:
    """Microseconds of processor time of a call, the best of five."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(count):
            call()
        best = min(best, time.process_time() - start)
    return best / count * 1e6


def print_floor(path: Path, samples: np.ndarray, calls: int) -> None:
    """Where the time of one call goes, in microseconds, over so many calls."""
    model = Model.load(path)
    network, size = model.metadata.network, model.metadata.state_size
    idle, products = session(idle_graph(size)), session(product_graph(network))
    nothing = session("g (float[N, S] x) => (float[N, S] y) { y = Identity (x) }")
    outputs = ["confidences", "smoothed", "posteriors", "next_state"]
    dim = affine_dims(network)[0][0]
    print(f"\n{path.stem}, microseconds per call (best of five):\n")
    print("| chunk | samples to events | its graph | idle call | matrix products | of the floor |")
    print("|---|---|---|---|---|---|")
    for ms in CHUNKS_MS:
        count = ms * RATE // 1000
        detector = Detector(path, thresholds=0.5)  # a program with chunks of one size
        detector.process(samples[: 2 * RATE])
        chunk, state = samples[:count], detector.state
        block = chunk[None].astype(np.float32)
        feed = {"samples": block, "state": state, "flush": np.array(False)}
        x = np.ones((ms // 10, dim), np.float32)
        whole = taken_us(lambda: detector.process(chunk), calls)  # noqa: B023
        graph = taken_us(lambda: model.run(block, state, is_settled=True), calls)  # noqa: B023
        idle_us = taken_us(lambda: idle(outputs, feed), calls)  # noqa: B023
        plain = taken_us(lambda: nothing(None, {"x": x}), calls)  # noqa: B023
        product_us = taken_us(lambda: products(None, {"x": x}), calls) - plain  # noqa: B023
        floor = idle_us + product_us
        print(
            f"| {ms} ms | {whole:.1f} | {graph:.1f} | {idle_us:.1f} | {product_us:.1f} | "
            f"{whole / floor:.1f} |"
        )


def print_batches(path: Path, samples: np.ndarray) -> None:
    """How many streams one core serves, 80 ms at a time."""
    model = Model.load(path)
    size = 80 * RATE // 1000
    cells = []
    for num_streams in BATCHES:
        streams = [Stream(model, 0.5) for _ in range(num_streams)]
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            for begin in range(0, len(samples), size):
                process_batch(streams, [samples[begin : begin + size]] * num_streams)
            best = min(best, time.process_time() - start)
        cells.append(f"{num_streams * PERIOD_S / best:.0f}")
    print(f"| {path.stem} | {' | '.join(cells)} |")


def main(
    models: Annotated[list[Path], typer.Argument(help="What `kws export` wrote.")],
    peers_python: Annotated[
        str, typer.Option(help="Python of the environment that has the other engines.")
    ] = sys.executable,
    snowboy: Annotated[
        Path, typer.Option(help="Folder of Snowboy's sources with libsnowboy.so in it.")
    ] = Path("snowboy"),
    rounds: Annotated[int, typer.Option(help="Times that each takes its turn.")] = 5,
    seconds: Annotated[int, typer.Option(help="Seconds of audio.")] = 60,
    calls: Annotated[int, typer.Option(help="Calls whose time is taken together.")] = 3000,
) -> None:
    """Measure and print tables."""
    one_core()
    samples, times = speech(), max(1, round(seconds / PERIOD_S))
    there = {
        name: model
        for name, model in PEERS.items()
        if has_package(peers_python, PACKAGES.get(name, name))
    }
    if (snowboy / "libsnowboy.so").exists():
        there["snowboy"] = str(snowboy)
    else:
        print(f"SKIPPED: {snowboy}/libsnowboy.so does not exist")
    print(f"onnxruntime {onnxruntime.__version__}, load of the machine {os.getloadavg()[0]:.1f}")
    for name in PEERS.keys() - there.keys():
        print(f"SKIPPED: {name} is not installed in {peers_python}")
    print(f"\nseconds of processor time per second of audio, {rounds} rounds:\n")
    results = measure_engines(models, there, peers_python, samples, times, rounds)
    print_engines(results, models)
    for model in models:
        print_floor(model, samples, calls)
    print("\nstreams per core, in batches of 80 ms:\n")
    print("| network |" + "".join(f" {n} |" for n in BATCHES))
    print("|---" * (len(BATCHES) + 1) + "|")
    for model in models:
        print_batches(model, samples)


if __name__ == "__main__":
    typer.run(main)
