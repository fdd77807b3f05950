"""`kws info`: what a network, a model or an exported file is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kws.features import FeatureOptions
    from kws.nnet import ModelFile, Nnet

MAX_CARD_WIDTH = 100
MOST = 1e300  # of a number in a file that anyone may have written


def info(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG|MODEL",
            help="A network's config, a folder of them, a model file, what kws export wrote, or a "
            "raw network or .mdl of Kaldi.",
        ),
    ],
) -> None:
    """Show a network's components, size and context.

    Of a model also what it detects, with which features and thresholds, how long a keyword waits
    for a longer one that begins with it, and its priors and transition model. Multiplies are
    multiplications by a parameter or an entry of a fixed matrix, for one frame. Of a folder whose
    files add layers (see `kws train --network`) the network with each file used once is shown. Of
    an exported file (its name ends in .onnx; without PyTorch) what it takes, what it detects, and
    its latency: from the centre of a frame to the last sample that its confidence waits for. Exits
    with 0, or with 2 after one line that says what is wrong.

    Examples:
      kws info conf/deep_kws.config
      kws info conf/convnet_accel2
      kws info exp/default/final.kws
      kws info jarvis.onnx
      kws info exp/nnet2/final.mdl
    """
    if path.suffix.lower() == ".onnx":
        _print_exported(path)
    else:
        _print_with_torch(path)


def _print_exported(path: Path) -> None:
    from kws.runtime import Model

    model = Model.load(path)
    metadata = model.metadata
    look_ahead = model.look_ahead_frames()
    latency_s = (
        (metadata.first_samples + look_ahead * metadata.frame_shift) / metadata.sample_rate
    ) - metadata.frame_offset_s
    print(f"exported detector: {metadata.weights} weights, {path.stat().st_size / 1e6:.2f} MB")
    print(f"sample rate: {metadata.sample_rate} Hz")
    print(
        f"frames: every {_ms(metadata.frame_shift_s)}, the centre of the first at "
        f"{_ms(metadata.frame_offset_s)}"
    )
    print(f"latency: {_ms(latency_s)} (look-ahead {look_ahead} frames)")
    print(f"state: {metadata.state_size} values per stream")
    print("network:")
    for line in metadata.network.splitlines():
        print(f"  {_short(line)}")
    _print_detector(
        metadata.features,
        {
            "units": metadata.units,
            "keywords": [{"name": k.name, "units": k.units} for k in metadata.keywords],
            "thresholds": metadata.operating_points,
            "posterior": metadata.posterior,
            "refractory_s": metadata.refractory_s,
            "card": metadata.card,
            "word_times": {name: {} for name in metadata.word_offsets},
        },
        metadata.frame_shift_s,
    )


def _ms(time_s: float) -> str:
    return f"{1000 * time_s:g} ms"


def _print_with_torch(path: Path) -> None:
    """A config, a model or a file of Kaldi."""
    import torch

    from kws.config import parse_config
    from kws.errors import InputError
    from kws.features import parse_feature_options
    from kws.kaldi import is_kaldi_model
    from kws.kaldi.conversion import read_any_model
    from kws.nnet import Nnet, full_network, is_model_file, read_network

    if path.is_dir() or not (is_model_file(path) or is_kaldi_model(path)):
        network = read_network(path)
        if not network.first:  # Kaldi makes a network of it; but there is nothing to tell
            raise InputError(f"{path}: holds no component; write one per line")
        nnet = full_network(network, torch.Generator().manual_seed(0))
        _print_network(nnet, None)
        return
    model = read_any_model(path)
    if not parse_config(model.network, str(path)):
        raise InputError(f"{path}: its network holds no component; make the model again")
    nnet = Nnet.from_tensors(model.network, str(path), model.tensors)
    options = parse_feature_options(model.features, str(path)) if model.features else None
    _print_network(nnet, options)
    frame_shift_s = None if options is None else options.frame_shift_s
    _print_detector(model.features, model.metadata, frame_shift_s)
    _print_acoustic(model, path)


def _print_network(nnet: Nnet, options: FeatureOptions | None) -> None:
    header = ("", "component", "input", "output", "parameters", "multiplies", "context")
    rows: list[tuple[str, ...]] = [header]
    for index, component in enumerate(nnet.components):
        sizes = (component.input_dim, component.output_dim)
        work = (component.num_parameters, component.num_multiplies)
        name, context = type(component).__name__, _brief(component.context)
        rows.append((str(index), name, *map(str, (*sizes, *work)), context))
    total = (str(nnet.num_parameters), str(nnet.num_multiplies))
    rows.append(("", "total", str(nnet.input_dim), str(nnet.output_dim), *total, ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        cells = [
            text.ljust(width) if column in (1, 6) else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    frames = [("left-context", nnet.left_context), ("right-context", nnet.right_context)]
    for name, count in frames:
        time = f" ({count * options.frame_shift_s * 1000:g} ms)" if options is not None else ""
        print(f"{name}: {count} frames{time}")


def _brief(context: tuple[int, ...]) -> str:
    """A component's offsets, as first..last when none between them is left out."""
    if len(context) > 3 and context[-1] - context[0] == len(context) - 1:
        return f"{context[0]}..{context[-1]}"
    return "" if context == (0,) else ":".join(map(str, context))


def _print_detector(
    features: str, metadata: Mapping[str, Any], frame_shift_s: float | None
) -> None:
    """What a model or an exported file detects, and how."""
    units = metadata.get("units", [])
    thresholds = metadata.get("thresholds", {})
    print("\nfeatures: " + (" ".join(features.split()) or "none (a network alone)"))
    if "pdfs" not in metadata:
        print("units: " + (", ".join(units) or "none"))
    if "pdfs" not in metadata and not metadata.get("keywords"):
        print("keywords: none")
    nested = _nested(metadata, frame_shift_s)
    for keyword in metadata.get("keywords", []):
        name = keyword["name"]
        parts = ", ".join(units[unit] if unit < len(units) else "?" for unit in keyword["units"])
        print(
            f"keyword {name}: units {parts}; {_threshold(thresholds.get(name))}; "
            f"{_word_times(metadata.get('word_times', {}).get(name))}{nested.get(name, '')}"
        )
    for name in ("posterior", "refractory_s"):
        if name in metadata:
            print(f"{name}: {_short(metadata[name])}")
    for name, value in metadata.get("card", {}).items():
        print(f"card {name}: {_short(value)}")


def _print_acoustic(model: ModelFile, path: Path) -> None:
    """What a model has for decoding and for Kaldi."""
    from kws.kaldi.conversion import priors_of, transitions_of

    if "pdfs" in model.metadata:
        print(f"pdfs: {_short(model.metadata['pdfs'])}")
    priors = priors_of(model, str(path))
    if priors is not None:
        lowest, highest = float(priors.min()), float(priors.max())
        total = float(priors.double().sum())
        print(f"priors: {len(priors)}, from {lowest:.6g} to {highest:.6g}, sum {total:.6g}")
    transitions = transitions_of(model, str(path))
    if transitions is not None:
        print(
            f"transition model: {len(transitions.phones)} phones, "
            f"{len(transitions.tuples)} transition states, "
            f"{transitions.num_transitions} transitions, {transitions.num_pdfs} pdfs"
        )


def _nested(metadata: Mapping[str, Any], frame_shift_s: float | None) -> dict[str, str]:
    """Of each keyword inside longer ones, when it is told and how long it waits for them."""
    from kws.detection import Nesting

    names = [keyword["name"] for keyword in metadata.get("keywords", [])]
    nesting = Nesting(names, metadata.get("posterior", {}).get("w_max", 0))
    told = {}
    for number, longer in nesting.longer.items():
        told[names[number]] = f"; no event inside {_listed(names, longer)}"
        if frame_shift_s is not None and (begun := nesting.waits.get(number)):
            told[names[number]] += (
                f": waits for {_listed(names, begun)} until at most "
                f"{nesting.w_max * frame_shift_s:.3g} s after its trigger"
            )
    return told


def _listed(names: Sequence[str], numbers: Sequence[int]) -> str:
    return " or ".join(repr(names[number]) for number in numbers)


def _threshold(entry: dict[str, Any] | None) -> str:
    """A threshold and what was measured when it was solved."""
    if entry is None:
        return "no threshold"
    text = f"threshold {entry['threshold']:g}"
    if all(_is_number(entry.get(name)) for name in ("hours", "fa_per_hour", "fa_per_hour_upper")):
        text += (
            f", solved on {entry['hours']:.3g} h: {entry['fa_per_hour']:.3g} false alarms per hour"
            f" (95 %: below {entry['fa_per_hour_upper']:.3g})"
        )
    if _is_number(entry.get("miss_rate")):
        text += f", {100 * entry['miss_rate']:.3g} % misses"
    return text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= MOST


def _word_times(entry: dict[str, Any] | None) -> str:
    """How well the times of a keyword's words were met."""
    if entry is None:
        return "word times unknown"
    if "within" not in entry:
        return "word times known"
    return f"word times within 0.15 s for {entry['within']} of {entry['words']} words"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= MAX_CARD_WIDTH else text[: MAX_CARD_WIDTH - 3] + "..."
