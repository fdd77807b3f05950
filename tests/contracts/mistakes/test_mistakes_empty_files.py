"""Files that are empty, or hold nothing of what a command asks for: status 2 and one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from mistakes_world import Case, World
from runtime_level import write_level

CONTENTS = {
    "empty": b"",
    "blank": b"\n\n# nothing\n",
    "zeros": bytes(3000),
    "garbage": bytes(range(255, 0, -1)) * 12,
}
NO_MODEL = "{}: not a kws model, or damaged (...); make it again"
NO_ONNX = "{}: not an ONNX file that onnxruntime ... loads (...); give what `kws export` writes"
NO_TEXT = "{}:1: byte 0xff is not UTF-8 (but perhaps UTF-16); convert the file to UTF-8"
NO_COMPONENT = "{}: holds no component; write one per line"
NETWORK = {"empty": NO_COMPONENT, "blank": NO_COMPONENT, "zeros": NO_MODEL, "garbage": NO_TEXT}


def cases() -> list[Case]:
    found = []
    for kind, content in CONTENTS.items():
        commands = {
            f"info {kind}.kws": NO_MODEL,
            f"info {kind}.onnx": NO_ONNX,
            **{f"info {kind}.{suffix}": NETWORK[kind] for suffix in ("config", "mdl", "raw")},
            # Kaldi makes a network of no component as well
            **(
                {f"init {kind}.config made.kws": NETWORK[kind].replace(NO_MODEL, "{}...")}
                if NETWORK[kind] != NO_COMPONENT
                else {}
            ),
            **{f"copy {kind}.{s} made.kws": NO_MODEL for s in ("kws", "onnx", "mdl", "raw", "txt")},
            f"detect {kind}.kws sound.wav": NO_MODEL,
            f"detect {kind}.onnx sound.wav": NO_ONNX,
            f"listen {kind}.onnx": NO_ONNX,
            f"explain {kind}.onnx sound.wav": NO_ONNX,
            f"export {kind}.kws made.onnx": NO_MODEL,
            f"verify {kind}.kws level.onnx sound.wav": NO_MODEL,
            f"verify final.kws {kind}.onnx sound.wav": NO_ONNX,
            f"posteriors {kind}.mdl scp:feats.scp ark:made.ark": NO_MODEL,
            f"evaluate --model {kind}.kws --test data --out made": NO_MODEL,
            f"detect level.onnx {kind}.wav": "{}: is ...",
            f"explain level.onnx {kind}.wav": "{}: is ...",
        }
        for command, line in commands.items():
            name = next(word for word in command.split() if word.startswith(f"{kind}."))
            found.append(Case(command, command, line.format(name), {name: content}))
    return found


@pytest.mark.parametrize("case", cases(), ids=str)
def test_a_file_of_nothing(case: Case, world: World) -> None:
    world.check(case)


@pytest.fixture(autouse=True)
def _level(world: World) -> None:
    write_level(Path("level.onnx"))
