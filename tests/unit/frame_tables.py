"""Tables of features whose pdfs a tiny network finds out: each pdf is a column that is loud."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.kaldi import write_int_vectors, write_matrices

DIM, NUM_PDFS = 5, 4
NETWORK = """SpliceComponent input-dim=5 left-context=2 right-context=1
AffineComponentPreconditionedOnline input-dim=20 output-dim=8 learning-rate=0.01
RectifiedLinearComponent dim=8
DropoutComponent dim=8 dropout-proportion=0.1
AffineComponentPreconditionedOnline input-dim=8 output-dim=2 learning-rate=0.01 param-stddev=0
SoftmaxComponent dim=2
"""
OPTIONS = "--num-epochs=3\n--frames-per-job=150\n--minibatch-size=16\n"


def utterances(
    seed: int, num_utterances: int = 8
) -> dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]]:
    """Features (T, DIM) and pdfs (T,) by utterance; the frame after tells a pdf as well."""
    random = np.random.default_rng(seed)
    found = {}
    for number in range(num_utterances):
        num_frames = 40 + 7 * number
        pdfs = np.repeat(random.integers(0, NUM_PDFS, num_frames), 3)[:num_frames].astype(np.int32)
        features = 0.5 * random.standard_normal((num_frames, DIM)).astype(np.float32)
        features[np.arange(num_frames), pdfs] += 1
        found[f"u{seed}-{number}"] = (features, pdfs)
    return found


def write_tables(folder: Path, name: str, seed: int, num_utterances: int = 8) -> None:
    """Write NAME.feats.ark, NAME.feats.scp and NAME.ali.ark."""
    folder.mkdir(parents=True, exist_ok=True)
    made = utterances(seed, num_utterances)
    table = f"ark,scp:{folder}/{name}.feats.ark,{folder}/{name}.feats.scp"
    with write_matrices(table) as feats, write_int_vectors(f"ark:{folder}/{name}.ali.ark") as ali:
        for utterance, (features, pdfs) in made.items():
            feats.write(utterance, features)
            ali.write(utterance, pdfs)
