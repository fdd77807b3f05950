"""What the reader of a document has before the first command: tiny, and learnt in seconds.

Words are tones (`WORDS`), so that a network of a few hundred parameters tells them apart. Where a
document wants phones, the words serve: to a GMM a tone is as good as a vowel.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from documents import ROOT, Block, Reader

from kws.audio import write_audio
from kws.data import Utterance, Word, write_data_dir

RATE = 16000
WORDS = ("computer", "jarvis", "view", "glass", "hey", "marvin", "hello", "there", "stop")
PHONES = ("aa", "iy", "s", "sh")
FREQUENCIES = {
    name: 300 * 1.4**number for names in (WORDS, PHONES) for number, name in enumerate(names)
}
TEXTS = ("computer", "hello there", "view glass", "jarvis", "there stop", "hello computer")
NETWORK = """SpliceComponent input-dim=40 left-context=6 right-context=2
AffineComponentPreconditionedOnline input-dim=360 output-dim=16 param-stddev=0.05 bias-stddev=0
RectifiedLinearComponent dim=16
NormalizeComponent dim=16
AffineComponentPreconditionedOnline input-dim=16 output-dim=4 bias-stddev=0
SoftmaxComponent dim=4
"""
FEW = "--utterances-per-epoch=64\n--utterances-per-job=8\n--augment=false\n"
TINY = {  # options of short trainings, by the file that they are appended to
    "tiny.conf": ("train_max_pool.conf", FEW + "--num-epochs=5\n--initial-effective-lrate=0.02\n"),
    "tiny_kaldi.conf": (
        "train_kaldi.conf",
        FEW + "--num-epochs=1\n--add-layers-period=1\n--max-models-combine=2\n",
    ),
    "tiny_am.conf": (
        "timit/train_dnn.conf",
        "--num-epochs=1\n--frames-per-job=300\n--add-layers-period=1\n",
    ),
}
# the checkout, but for what is a user's
CHECKOUT = ("benchmarks", "conf", "docs", "kws", "local", "recipes", "tests")


def link_checkout(folder: Path) -> None:
    """Let a folder look as a clone of the project does, without copying it."""
    for path in ROOT.iterdir():
        if path.name in CHECKOUT or (path.is_file() and not path.name.startswith(".")):
            (folder / path.name).symlink_to(path)
    for name, (source, more) in TINY.items():
        text = (ROOT / "conf" / source).read_text(encoding="utf-8")
        (folder / name).write_text(text + more, encoding="utf-8")
    (folder / "tiny.config").write_text(NETWORK, encoding="utf-8")


def said(text: str, seed: int) -> tuple[np.ndarray, list[tuple[float, float, str]]]:
    """A recording of tones, and when each word begins and ends in seconds: (S,) at 16 kHz."""
    random = np.random.default_rng(seed)
    parts, times, now_s = [np.zeros(round(random.uniform(0.2, 0.5) * RATE))], [], 0.0
    for word in text.split():
        now_s = sum(map(len, parts)) / RATE
        size = round(random.uniform(0.3, 0.45) * RATE)
        phase = 2 * np.pi * FREQUENCIES[word] * random.uniform(0.97, 1.03) * np.arange(size) / RATE
        parts.append(random.uniform(3000, 9000) * np.sin(phase) * np.hanning(size) ** 0.3)
        times.append((now_s, now_s + size / RATE, word))
        parts.append(np.zeros(round(random.uniform(0.03, 0.06) * RATE)))
    parts.append(np.zeros(round(random.uniform(0.3, 0.5) * RATE)))
    samples = np.concatenate(parts)
    return samples + random.normal(0, 20, len(samples)), times


def write_takes(folder: Path, text: str, count: int, seed: int, name: str = "take") -> None:
    """Recordings of one text, as files of a folder."""
    for number in range(count):
        samples, _ = said(text, seed + number)
        write_audio(folder / f"{name}{number}.wav", samples, RATE)


def write_data(path: Path, texts: Sequence[str], seed: int, *, times: bool = True) -> None:
    """A data dir with audio and word times in it, under names that hold in every copy of it."""
    utterances, words = [], []
    for number, text in enumerate(texts):
        name = f"{path.name}{number % 4}-{number:03}"
        samples, of_words = said(text, seed + number)
        write_audio(path / f"{name}.wav", samples, RATE)
        utterances.append(Utterance(name, name.partition("-")[0], text, str(path / f"{name}.wav")))
        words += [Word(name, *of_word) for of_word in of_words]
    write_data_dir(path, utterances, ctm=words if times else [])


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Text files by their path."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


STOCK = """
kws features --config conf/fbank40.conf data/train exp/feats/train
kws train --data data/train --dev-data data/dev --network tiny.config --features conf/fbank40.conf \
  --keywords "computer,jarvis,view glass" --config tiny.conf --exp exp/default
kws evaluate --model exp/default/final.kws --dev data/dev --test data/test --out exp/default/eval
kws export exp/default/final.kws jarvis.onnx
kws init tiny.config 0.kws --num-outputs 3
kws copy 0.kws words.raw
kws features --config conf/mfcc13_speaker.conf data/train exp/mfcc/train
kws features --config conf/mfcc13_speaker.conf data/dev exp/mfcc/dev
kws train-gmm --totgauss 40 data/train exp/mfcc/train exp/mono
kws make-graph --data data/train exp/mono/final.mdl exp/mono/graph
kws align --gmm exp/mono/final.mdl --feats exp/mfcc/train --write-ali ark:exp/mono/ali.ark \
  data/train exp/mono/ali.ctm
kws decode --gmm exp/mono/final.mdl --lm-weights 1:2 exp/mono/graph exp/mfcc/dev exp/dnn/decode_dev
kws features --config conf/fbank40_speaker.conf data/train exp/fbank/train
kws features --config conf/fbank40_speaker_deltas.conf data/train exp/deltas
kws train-am --feats exp/fbank/train --ali ark:exp/mono/ali.ark --network tiny.config \
  --transition-model exp/mono/final.mdl --config tiny_am.conf --exp exp/hybrid
kws copy exp/hybrid/final.kws exp/nnet2/final.mdl
kws posteriors --divide-by-priors --apply-log exp/hybrid/final.kws scp:exp/fbank/train/feats.scp \
  ark:loglikes.ark
"""
# more names of what the stock holds: what a document calls it, and what it is
ALSO = {
    "detector.onnx": "jarvis.onnx",
    "final.kws": "exp/default/final.kws",
    "exp/final.kws": "exp/default/final.kws",
    "exp/tdnn_max_pool": "exp/default",
    "exp/deep_kws_ce": "exp/default",
    "exp/optimizers/muon_0.002": "exp/default",
    "exp/optimizers/sgd_0.1": "exp/default",
    "exp/tri/final.mdl": "exp/mono/final.mdl",
    "final.mdl": "exp/nnet2/final.mdl",
    "trigram.arpa": "exp/mono/graph/lm.arpa",
    "ali.1.ark": "exp/mono/ali.ark",
    "feats.scp": "exp/feats/train/feats.scp",
    "cmvn.stats": "exp/feats/train/cmvn.stats",
    "fbank.scp": "exp/feats/train/feats.scp",
    "exp/train.ctm": "data/train/ctm",
    "exp/few/data": "data",
    "exp/few/feats": "exp/feats/train",
    "exp/few/train.ctm": "data/train/ctm",
    "exp/few/dev.ctm": "data/dev/ctm",
    "exp/decode/text": "exp/dnn/decode_dev/lm1/text",
    "other/text": "exp/dnn/decode_dev/lm2/text",
    "exp/decode/ctm": "data/timit/dev/ctm",
    "phones.ctm": "data/train/ctm",
    "aligned/train": "data/train",
    "raw": "data/timit/dev",
    **{f"data/{name}": "data/train" for name in ("all", "mine", "stream", "librispeech")},
    **{f"data/train_{name}": f"data/{name}" for name in ("words", "others")},
}


def make_stock(folder: Path, programs: Path) -> None:
    """A folder with all that the examples of `--help` name.

    Args:
        folder: to fill.
        programs: kws and python.
    """
    link_checkout(folder)
    for number, name in enumerate(("train", "dev", "test")):
        write_data(folder / "data" / name, TEXTS * 4, 1000 * number)
    make_more_data(folder)
    make_corpora(folder)
    reader = Reader(folder, programs)
    for command in Block("", "", "", STOCK).commands():
        reader.run(command)
    for name, source in ALSO.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (folder / source).is_dir():
            shutil.copytree(folder / source, folder / name, dirs_exist_ok=True)
        else:
            shutil.copyfile(folder / source, folder / name)


def make_more_data(folder: Path) -> None:
    """Sets of other texts, single recordings, transcripts."""
    write_data(folder / "data/timit/dev", ("aa iy", "s aa", "iy s iy"), 5000)
    write_data(folder / "data/speech", ("hello there", "stop"), 5900)
    write_data(folder / "data/words", ("computer", "jarvis"), 6000)
    write_data(folder / "data/others", ("hello", "there"), 6100)
    for number, role in enumerate(("train", "dev", "test")):
        write_data(folder / "pos" / role, ("computer", "jarvis", "view glass") * 3, 7000 + number)
        write_data(folder / "neg" / role, ("hello there",) * 8, 7100 + number)
        write_data(folder / "noise" / role, ("", ""), 7200 + number)
    write_data(folder / "data/noise", ("", ""), 7300)
    for number, name in enumerate(("words", "others", "esc10", "noise_misc", "rir_mini")):
        text = {"words": "computer", "others": "hello there"}.get(name, "")
        write_data(folder / "sets" / name, (text,) * 3, 7600 + 10 * number)
        if name != "rir_mini":
            ids = (folder / "sets" / name / "utt2spk").read_text().split()[::2]
            lists = dict(zip(("train", "dev", "test"), ids, strict=True))
            write_files(
                folder / "sets" / name / "lists", {f"{k}.txt": f"{v}\n" for k, v in lists.items()}
            )
    for name, text in (("recording", "hello jarvis there view glass"), ("missed", "computer")):
        write_audio(folder / f"{name}.wav", said(text, 7400)[0], RATE)
        write_audio(folder / f"{name}.flac", said(text, 7400)[0], RATE)
    shutil.copyfile(folder / "recording.wav", folder / "kitchen.wav")
    write_takes(folder / "test", "jarvis", 2, 7500)
    spoken = {"a": "view glass", "b": "computer", "c": "hello there"}
    lines = {name: f"{text} (spk1_{name})\n" for name, text in spoken.items()}
    write_files(
        folder,
        {
            "wav.scp": f"recording {folder}/recording.wav\nmissed {folder}/missed.wav\n",
            "lexicon.txt": "".join(f"{word.upper()} {' '.join(word)}\n" for word in WORDS),
            "words.map": "".join(f"{word} {word}\n" for word in WORDS),
            "data/all/lists/dev.txt": "train0-000\ntrain1-001\n",
            "ref.trn": "".join(lines.values()),
            "dnn.trn": "".join(lines.values()),
            "convnet.trn": "".join(lines.values()).replace("glass", "hello"),
        },
    )


def make_corpora(folder: Path) -> None:
    """Corpora in the layouts that local's programs prepare."""
    write_takes(folder / "rec/view_glass", "view glass", 8, 8000, "anna_")
    write_takes(folder / "rec/jarvis", "jarvis", 8, 8100, "ben_")
    write_takes(folder / "rec/other", "hello there", 8, 8200, "carl_")
    for number, word in enumerate(("computer", "jarvis")):
        name = "speech_commands_v0.02"
        write_takes(folder / name / word, word, 6, 8300 + number, "0a_nohash_")
    speakers = ("TRAIN/DR1/FCJF0", "TRAIN/DR1/MCPM0", "TEST/DR1/FAKS0", "TEST/DR1/MDAB0")
    for number, speaker in enumerate(speakers):
        write_sentences(folder / "TIMIT" / speaker, 9000 + 10 * number)
    for number, speaker in enumerate(("dr1-fvmh0", "dr6-fapb0", "dr5-madd0")):
        write_sentences(folder / "nltk_data/corpora/timit" / speaker, 9100 + 10 * number)


def write_sentences(folder: Path, seed: int) -> None:
    """What one speaker of TIMIT reads, with the times of the phones."""
    for number, phones in enumerate(("aa iy sh", "s aa s iy", "sh iy aa s", "iy s sh aa")):
        samples, times = said(phones, seed + number)
        stem = folder / f"SX{number}"
        write_audio(stem.with_suffix(".wav"), samples, RATE)
        ends = [round(begin_s * RATE) for begin_s, _, _ in times] + [round(times[-1][1] * RATE)]
        bounds = [0, *ends, len(samples)]
        labels = ["h#", *(phone for _, _, phone in times), "h#"]
        rows = zip(bounds[:-1], bounds[1:], labels, strict=True)
        lines = "".join(f"{begin} {end} {label}\n" for begin, end, label in rows)
        stem.with_suffix(".phn").write_text(lines)
