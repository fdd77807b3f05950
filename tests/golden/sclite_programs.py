"""NIST's sclite and sc_stats, for golden files and for tests where they are installed.

python tests/golden/sclite_programs.py   # makes tests/golden/sclite anew
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent / "sclite"
SCTK = shutil.which("sctk")
SMALL = "abcdefgh"
PHONES = [
    "aa",
    "ax-h",
    "axr",
    "b",
    "bcl",
    "d",
    "dcl",
    "eh",
    "en",
    "eng",
    "epi",
    "h#",
    "hv",
    "ix",
    "iy",
    "kcl",
    "nx",
    "pau",
    "q",
    "s",
    "t",
    "tcl",
    "ux",
    "w",
    "zh",
]
Sequences = dict[str, list[str]]


def write_trn(path: Path, sequences: Sequences) -> None:
    lines = (f"{' '.join(tokens)} ({name})\n" for name, tokens in sequences.items())
    path.write_text("".join(lines))


def sclite(folder: Path, reference: str, hypothesis: str) -> tuple[dict[str, str], str]:
    """sclite's alignments of two .trn files in `folder`.

    Returns:
        every utterance's edits (C, S, D, I), and the file that sc_stats reads.
    """
    words = ["-r", reference, "trn", "-h", hypothesis, "trn", Path(hypothesis).stem]
    _run(folder, "sclite", *words, "-i", "spu_id", "-s", "-o", "sgml")
    sgml = (folder / f"{hypothesis}.sgml").read_text()
    (folder / f"{hypothesis}.sgml").unlink()
    pattern = r'<PATH id="\((\S+)\)".*>\n(.*)\n?</PATH>'
    edits = {
        name: "".join(edit[0] for edit in re.split(r":(?=[CSDI],)", path) if edit)
        for name, path in re.findall(pattern, sgml)
    }
    return edits, sgml


def matched_pairs(folder: Path, first_sgml: str, second_sgml: str) -> tuple[int, float]:
    """sc_stats' matched-pairs test of two systems: segments, and Z of first minus second."""
    words = ["sc_stats", "-p", "-t", "mapsswe", "-v", "-r", "none", "-n", "out"]
    _run(folder, *words, text=first_sgml + second_sgml)
    (report,) = folder.glob("out*.mapsswe")
    told = re.search(r"# segs: (\d+)\).*\(Z Stat: (\S+)\)", report.read_text())
    report.unlink()
    assert told is not None
    return int(told[1]), float(told[2])


def random_pairs(generator: np.random.Generator, count: int) -> tuple[Sequences, Sequences]:
    """References and hypotheses that have nothing to do with each other, many of them short."""
    reference, hypothesis = {}, {}
    for index in range(count):
        tokens = SMALL[: generator.choice([1, 2, 3, 8])]
        name = f"r{index % 3}-{index:03d}"
        reference[name] = _draw(generator, tokens, int(generator.integers(1, 15)))
        hypothesis[name] = _draw(generator, tokens, int(generator.integers(0, 15)))
    return reference, hypothesis


def recognised(
    generator: np.random.Generator, count: int
) -> tuple[Sequences, Sequences, Sequences]:
    """References and what two recognisers make of them; all end in `end`.

    So no insertion is the last edit: sc_stats passes over those of the second system alone.
    """
    reference = {}
    vocabularies: list[list[str]] = [list(SMALL[:2]), list(SMALL), PHONES]
    for index in range(count):
        tokens = vocabularies[index % 3]
        drawn = _draw(generator, tokens, int(generator.integers(1, 30)))
        reference[f"s{index % 4}-{index:03d}"] = [*drawn, "end"]
    systems = [
        {
            name: [*_damaged(generator, vocabularies[index % 3], tokens[:-1], share), "end"]
            for index, (name, tokens) in enumerate(reference.items())
        }
        for share in (0.2, 0.3)
    ]
    return reference, systems[0], systems[1]


def _draw(generator: np.random.Generator, tokens: list[str] | str, length: int) -> list[str]:
    return [tokens[i] for i in generator.integers(len(tokens), size=length)]


def _damaged(
    generator: np.random.Generator, tokens: list[str], spoken: list[str], share: float
) -> list[str]:
    heard = []
    for token in spoken:
        chance = generator.random()
        if chance < share:
            heard += _draw(generator, tokens, int(generator.integers(0, 3)))
        else:
            heard.append(token)
    return heard


def _run(folder: Path, *words: str, text: str = "") -> None:
    assert SCTK is not None
    done = subprocess.run(
        [SCTK, *words], cwd=folder, input=text, capture_output=True, text=True, check=False
    )
    assert "Successful Completion" in done.stdout or done.returncode == 0, done.stdout + done.stderr


def main() -> None:
    HERE.mkdir(exist_ok=True)
    generator = np.random.default_rng(20261121)
    pairs = random_pairs(generator, 200)
    systems = recognised(generator, 90)
    for name, sequences in zip(("random_ref", "random_hyp"), pairs, strict=True):
        write_trn(HERE / f"{name}.trn", sequences)
    for name, sequences in zip(("ref", "first", "second"), systems, strict=True):
        write_trn(HERE / f"{name}.trn", sequences)
    edits, sgml = {}, {}
    for reference, hypothesis in (
        ("random_ref", "random_hyp"),
        ("ref", "first"),
        ("ref", "second"),
    ):
        edits[hypothesis], sgml[hypothesis] = sclite(HERE, f"{reference}.trn", f"{hypothesis}.trn")
    segments, z = matched_pairs(HERE, sgml["first"], sgml["second"])
    found = {"edits": edits, "matched_pairs": {"segments": segments, "z": z}}
    (HERE / "sclite.json").write_text(json.dumps(found, indent=0) + "\n")


if __name__ == "__main__":
    main()
