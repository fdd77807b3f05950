"""An exported file in onnxruntime-web, by the JavaScript of docs/deploy.md, against onnxruntime.

Where it lies is told by the variable KWS_ONNXRUNTIME_WEB: a folder in which `npm install
onnxruntime-web` has been run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from exported_chain import make_sound, make_spotter

from kws.export import export_spotter
from kws.runtime import Model

DOCS = Path(__file__).resolve().parents[2] / "docs" / "deploy.md"
PROGRAM = """
import fs from "node:fs";
const [model, sound, sizes] = process.argv.slice(2);
const bytes = fs.readFileSync(sound);
const samples = new Float32Array(Uint8Array.from(bytes).buffer);
const feed = await open(new Uint8Array(fs.readFileSync(model)));
for (let stream = 0; stream < 2; stream++) {
  let start = 0;
  for (const size of JSON.parse(sizes)) {
    const isLast = start + size >= samples.length;
    const found = await feed(samples.slice(start, start + size), isLast);
    console.log(JSON.stringify({ dims: found.dims, data: Array.from(found.data) }));
    start += size;
  }
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a program in JavaScript finds onnxruntime-web."""
    installed = Path(os.environ.get("KWS_ONNXRUNTIME_WEB", "")) / "node_modules"
    if not shutil.which("node") or not (installed / "onnxruntime-web").is_dir():
        pytest.skip(
            "needs node, and KWS_ONNXRUNTIME_WEB: a folder with npm's onnxruntime-web in it"
        )
    path = tmp_path_factory.mktemp("web")
    (path / "node_modules").symlink_to(installed.resolve())
    (block,) = re.findall(r"```js\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (path / "program.mjs").write_text(block + PROGRAM, encoding="utf-8")
    return path


@pytest.mark.parametrize("confidence", ["ordered", "chen"])
@pytest.mark.parametrize("is_int8", [False, True], ids=["float32", "int8"])
def test_the_browsers_runtime_agrees(folder: Path, confidence: str, is_int8: bool) -> None:
    sound = make_sound(3.0)
    path = folder / "model.onnx"
    export_spotter(
        make_spotter(confidence=confidence), path, calibration=[sound] if is_int8 else None
    )
    sizes = [100, 0, 1280, 1280, 1280, 160, 160, 77, 5000, 16000, 1280, 320]
    sizes.append(len(sound) - sum(sizes))
    sound.tofile(folder / "sound.f32")
    finished = subprocess.run(
        ["node", "program.mjs", "model.onnx", "sound.f32", json.dumps(sizes)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    lines = [json.loads(line) for line in finished.stdout.splitlines()]
    found = [np.reshape(line["data"], line["dims"]) for line in lines]
    assert len(found) == 2 * len(sizes)  # the second stream begins anew after the first one's end
    model = Model.load(path)
    state, start = model.init_state(), 0
    for i, size in enumerate(sizes):
        start += size
        scores = model.run(sound[None, start - size : start], state, start == len(sound))
        state = scores.next_state
        for ours in (found[i], found[len(sizes) + i]):
            assert ours.shape == scores.confidences.shape
            np.testing.assert_allclose(ours, scores.confidences, rtol=0, atol=1e-5)
