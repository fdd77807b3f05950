"""Mistakes in files of options, and on the command line."""

from __future__ import annotations

import pytest
from mistakes_world import TRAIN, TRAIN_OPTIONS, Case, World


def feature(name: str, lines: str, line: str) -> Case:
    return Case(name, "features --config bad.conf data out", line, {"bad.conf": lines})


def training(name: str, lines: str, line: str) -> Case:
    return Case(name, TRAIN, line, {"train.conf": TRAIN_OPTIONS + lines})


CASES = [
    feature(
        "an unknown option",
        "--num-mel-bin=40\n",
        "bad.conf:1: unknown key num-mel-bin, did you mean num-mel-bins?",
    ),
    feature(
        "an option without dashes",
        "num-mel-bins=40\n",
        "bad.conf:1: 'num-mel-bins=40' is not of the form --key=value",
    ),
    feature(
        "a value out of range",
        "--num-mel-bins=0\n",
        "bad.conf:1: num-mel-bins=0: num-mel-bins must lie between 3 and 1000",
    ),
    feature(
        "a word for a number",
        "--sample-frequency=16k\n",
        "bad.conf:1: sample-frequency=16k: sample-frequency must be a number, such as 0.01",
    ),
    feature(
        "a number that is none",
        "--frame-length=nan\n",
        "bad.conf:1: frame-length=nan: frame-length must be greater than 0",
    ),
    feature(
        "an infinite one",
        "--frame-shift=inf\n",
        "bad.conf:1: frame-shift=inf: frame-shift must be a finite number",
    ),
    feature(
        "a bad bool",
        "--snip-edges=maybe\n",
        "bad.conf:1: snip-edges=maybe: snip-edges must be true or false",
    ),
    feature(
        "frequencies beyond half the rate",
        "# mel\n--high-freq=9000\n",
        "bad.conf: low-freq=20, high-freq=9000 (that is 9000 Hz): they must obey 0 "
        "<= low-freq < high-freq <= 8000, half of sample-frequency",
    ),
    feature(
        "an unknown window",
        "--window-type=hann\n",
        "bad.conf:1: window-type=hann: window-type must be one of hamming, "
        "hanning, povey, rectangular, sine, blackman",
    ),
    feature(
        "an unknown type of CMVN",
        "--cmvn=sliding\n",
        "bad.conf:1: cmvn=sliding: cmvn must be one of none, global, speaker, utterance",
    ),
    feature(
        "an unknown type of features",
        "--feature-type=plp\n",
        "bad.conf:1: feature-type=plp: feature-type must be one of fbank, mfcc",
    ),
    feature(
        "an option of another type of features",
        "--feature-type=mfcc\n--use-power=false\n",
        "bad.conf: feature-type=mfcc has no option use-power; remove it or choose another "
        "--feature-type",
    ),
    feature(
        "more cepstral coefficients than mel bins",
        "--feature-type=mfcc\n--num-ceps=40\n",
        "bad.conf: num-ceps=40: there are no more cepstral coefficients than mel bins, "
        "num-mel-bins=23; take fewer of them or more mel bins",
    ),
    feature(
        "a column that there is not",
        "--num-mel-bins=8\n--skip-dims=0:8\n",
        "bad.conf: skip-dims: there is no column 8; the features have columns 0 to 7",
    ),
    feature(
        "a mel bank beyond gigabytes",
        "--frame-length=1e9\n",
        "bad.conf: frame-length=1e+09, frame-shift=10 (ms) at 16000 Hz: a frame and a shift have "
        "at most 65536 samples; make them shorter",
    ),
    feature(
        "deltas that reach over minutes",
        "--delta-order=9\n--delta-window=900\n",
        "bad.conf: delta-order=9, delta-window=900: the deltas reach over order times window "
        "frames, at most 1000; lower one of them",
    ),
    Case(
        "a mel bank that the random warps do not fit",
        TRAIN,
        "feats.conf: vtln-low=100, vtln-high=7500 (in Hz, offsets from half the sample rate "
        "resolved): with vtln-warp=0.85 they must lie in order between low-freq=125 and "
        "high-freq=8000; change these, or the range from vtln-warp-min=0.85 to vtln-warp-max=1.2 "
        "that training draws from (1 to 1: none)",
        {"feats.conf": "--num-mel-bins=8\n--low-freq=125\n", "train.conf": "--num-epochs=1\n"},
    ),
    Case(
        "a mel bin that a random warp empties",
        TRAIN,
        "feats.conf: num-mel-bins=...: mel bin ... is empty with vtln-warp=...: no FFT bin of "
        "62.5 Hz lies in it; take fewer mel bins; change these, or the range from "
        "vtln-warp-min=0.5 to vtln-warp-max=2 that training draws from (1 to 1: none)",
        {
            "feats.conf": "--num-mel-bins=44\n--frame-length=16\n--high-freq=7900\n",
            "train.conf": "--num-epochs=1\n--vtln-warp-min=0.5\n--vtln-warp-max=2\n",
        },
    ),
    training(
        "chunks that lack the frames to be learnt",
        "--learn-every=2\n--chunk-frames=1\n",
        "train.conf: learn-every=2 is above chunk-frames=1: a chunk would have no frame to learn; "
        "lower the one or raise the other",
    ),
    training(
        "more processes than a machine has",
        "--num-jobs-nnet=2147483647\n",
        "train.conf:4: num-jobs-nnet=2147483647: num-jobs-nnet must lie between 1 and 256",
    ),
    training(
        "a number that is no float",
        "--filler-weight=1e300\n",
        "train.conf:4: filler-weight=1e300: filler-weight must lie between 0 and 1000000",
    ),
    Case(
        "a missing option file",
        "features --config no.conf data out",
        "no.conf: No such file or directory; name a file that can be read",
    ),
    training(
        "an unknown option of training",
        "--momentom=0.9\n",
        "train.conf:4: unknown key momentom, did you mean momentum?",
    ),
    training(
        "an unknown optimizer",
        "--optimizer=adam\n",
        "train.conf:4: optimizer=adam: optimizer must be one of sgd, adamw, muon, natural-gradient",
    ),
    training(
        "a learning rate that is no number",
        "--initial-effective-lrate=nan\n",
        "train.conf:4: initial-effective-lrate=nan: initial-effective-lrate must "
        "lie between 1e-12 and 1e+30",
    ),
    training(
        "an infinite learning rate",
        "--initial-effective-lrate=inf\n",
        "train.conf:4: initial-effective-lrate=inf: initial-effective-lrate must "
        "lie between 1e-12 and 1e+30",
    ),
    training(
        "a negative learning rate",
        "--final-effective-lrate=-0.1\n",
        "train.conf:4: final-effective-lrate=-0.1: final-effective-lrate must "
        "lie between 1e-12 and 1e+30",
    ),
    training(
        "a share beyond 1",
        "--positive-share=1.5\n",
        "train.conf:4: positive-share=1.5: positive-share must lie between 0 and 1",
    ),
    training(
        "a range the wrong way round",
        "--snr-db-min=20\n--snr-db-max=0\n",
        "train.conf: snr-db-min=20 is above snr-db-max=0; swap them",
    ),
    training(
        "a probability that is nan",
        "--noise-probability=nan\n",
        "train.conf:4: noise-probability=nan: noise-probability must lie between 0 and 1",
    ),
    Case(
        "a bad value on the command line",
        TRAIN + " --optimizer adam",
        "--optimizer adam: it must be one of sgd, adamw, muon, natural-gradient",
    ),
    Case(
        "nan on the command line",
        TRAIN + " --initial-effective-lrate nan",
        "--initial-effective-lrate nan: it must lie between 1e-12 and 1e+30",
    ),
    Case("no epochs", TRAIN + " --num-epochs 0", "--num-epochs 0: it must be greater than 0"),
    Case(
        "words for a number",
        TRAIN + " --num-epochs many",
        "kws train: Invalid value for '--num-epochs': ... (see kws train --help)",
    ),
    Case(
        "a device that does not exist",
        TRAIN + " --device tpu",
        "kws train: Invalid value: --device tpu: must be one of cpu, cuda (see kws train --help)",
    ),
    Case(
        "an option that does not exist",
        "detect --treshold 0.5 final.kws sound.wav",
        "kws detect: No such option: --treshold (Possible options: --threshold) "
        "(see kws detect --help)",
    ),
    Case(
        "a command that does not exist",
        "detekt final.kws sound.wav",
        "kws: No such command 'detekt'. (see kws --help)",
    ),
    Case(
        "an argument that is missing",
        "features data",
        "kws features: Missing argument 'OUT_DIR|WSPECIFIER'. (see kws features --help)",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_options(case: Case, world: World) -> None:
    world.check(case)
