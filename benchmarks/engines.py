"""One engine on one recording, in a process of its own; `benchmarks/streaming.py` starts it.

    python benchmarks/engines.py ENGINE MODEL SAMPLES.raw TIMES CHUNK_MS...

SAMPLES.raw holds 16-bit mono samples at 16 kHz, which are fed TIMES times over. Printed is one JSON
object: seconds of processor time per second of audio for each chunk, start-up (import and load),
resident memory. It imports nothing but what the engine needs, so that it also runs in an
environment without kws.
"""

from __future__ import annotations

import array
import ctypes
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RATE = 16000
Samples = Any  # whatever the engine takes, cut by samples
Engine = tuple[Callable[["array.array[int]"], Samples], Callable[[Samples], object]]


def kws(model: str) -> Engine:
    """Samples to events of an exported file."""
    numpy = importlib.import_module("numpy")
    detector = importlib.import_module("kws.runtime").Detector(model, thresholds=0.5)
    return lambda samples: numpy.array(samples, dtype=numpy.int16), detector.process


def porcupine(model: str) -> Engine:
    """Porcupine takes frames of 512 samples (32 ms) only: smaller chunks wait for one another."""
    engine = importlib.import_module("pvporcupine").create(keywords=[model])
    pending: array.array[int] = array.array("h")

    def feed(chunk: array.array[int]) -> None:
        pending.extend(chunk)
        while len(pending) >= 512:
            engine.process(pending[:512])
            del pending[:512]

    return lambda samples: samples, feed


def pocketsphinx(model: str) -> Engine:
    """PocketSphinx with its English model, searching one key phrase."""
    module = importlib.import_module("pocketsphinx")
    decoder = module.Decoder(keyphrase=model, kws_threshold=1e-20, lm=None, loglevel="FATAL")
    decoder.start_utt()
    return lambda samples: memoryview(samples), lambda chunk: decoder.process_raw(bytes(chunk))


def openwakeword(model: str) -> Engine:
    """openWakeWord works in steps of 80 ms."""
    numpy = importlib.import_module("numpy")
    resources = Path(importlib.import_module("openwakeword").__file__ or "").parent / "resources"
    (path,) = resources.glob(f"models/{model}*.onnx")
    engine = importlib.import_module("openwakeword.model").Model([str(path)])
    return lambda samples: numpy.array(samples, dtype=numpy.int16), engine.predict


def snowboy(model: str) -> Engine:
    """Snowboy's model "snowboy" from the folder `model`, built as snowboy.cc says."""
    library = ctypes.CDLL(f"{model}/libsnowboy.so")
    library.snowboy_new.restype = ctypes.c_void_p
    resources = [f"{model}/resources/{name}".encode() for name in ("common.res", "snowboy.umdl")]
    detector = ctypes.c_void_p(library.snowboy_new(*resources))

    def feed(chunk: array.array[int]) -> None:
        address, num_samples = chunk.buffer_info()
        library.snowboy_run(detector, ctypes.c_void_p(address), num_samples)

    return lambda samples: samples, feed


ENGINES = {e.__name__: e for e in (kws, porcupine, pocketsphinx, openwakeword, snowboy)}
LEAST_MS = {"openwakeword": 80}  # what an engine waits for anyway


def memory_mb(field: str) -> float:
    """VmRSS, resident now, or VmHWM, at the most so far; Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def measure(name: str, model: str, path: str, times: int, chunks_ms: list[int]) -> dict[str, Any]:
    """Load, then feed the recording `times` times per chunk length."""
    cpu, wall = time.process_time(), time.perf_counter()
    prepare, feed = ENGINES[name](model)
    start = {"start_cpu_s": time.process_time() - cpu, "start_s": time.perf_counter() - wall}
    recorded = array.array("h", Path(path).read_bytes())
    samples, num_samples = prepare(recorded), len(recorded)
    load: dict[str, float] = {}
    for chunk_ms in chunks_ms:
        if chunk_ms < LEAST_MS.get(name, 0):
            continue
        size = chunk_ms * RATE // 1000
        for begin in range(0, min(RATE, num_samples), size):
            feed(samples[begin : begin + size])  # brings code and data into the caches
        cpu = time.process_time()
        for _ in range(times):
            for begin in range(0, num_samples, size):
                feed(samples[begin : begin + size])
        load[str(chunk_ms)] = (time.process_time() - cpu) * RATE / (times * num_samples)
    return {**start, "load": load, "rss_mb": memory_mb("VmRSS"), "most_mb": memory_mb("VmHWM")}


if __name__ == "__main__":
    engine, model, path, times, *chunks = sys.argv[1:]
    print(json.dumps(measure(engine, model, path, int(times), [int(ms) for ms in chunks])))
