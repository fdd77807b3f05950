"""`kws export`: a model as one ONNX file that needs no PyTorch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.cli.many_values import ManyValuesCommand
from kws.cli.shared_options import MAX_OVERSHOOT_S, ChannelOption, MaxOvershoot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np

    from kws.audio import Channel
    from kws.data import DataDir

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(cls=ManyValuesCommand)
def export(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A keyword model, such as EXP/final.kws.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    int8: Annotated[
        bool, typer.Option("--int8", help="Weights and activations of affine layers in 8 bits.")
    ] = False,
    calibration: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR|FILE...",
            help="For --int8: audio as it will be heard, data dirs or sound files; it comes last.",
        ),
    ] = None,
    opset: Annotated[
        int | None, typer.Option(metavar="N", help="Version of ONNX's operators (18).")
    ] = None,
    allow_commands: Annotated[
        bool, typer.Option("--allow-commands", help="Run the commands that wav.scp holds.")
    ] = False,
    max_overshoot: MaxOvershoot = MAX_OVERSHOOT_S,
    channel: ChannelOption = None,
) -> None:
    """Write a keyword model as one ONNX file, from samples to confidences.

    `kws detect`, `kws listen` and `kws.runtime` take the file; so does any program with
    onnxruntime. `kws verify` compares it with the model. With --int8 the file is less than half as
    large; what that costs on the calibration audio is printed, and kept in the file's card.

    \b
    Examples:
      kws export exp/default/final.kws detector.onnx
      kws export exp/default/final.kws small.onnx --int8 --calibration data/dev
    """
    from kws.data import read_data_dir
    from kws.errors import InputError
    from kws.export import DEFAULT_OPSET, export_spotter
    from kws.spotter import Spotter

    if int8 and not calibration:
        raise InputError("--int8 needs --calibration: a data dir or sound files as it will hear")
    if calibration and not int8:
        raise InputError("--calibration is for --int8; give both or neither")
    if out.is_dir():
        raise InputError(f"{out}: is a directory; name a file")
    if out.suffix == ".kws":
        raise InputError(f"{out}: names a model, not an exported file; end it in .onnx")
    spotter = Spotter.load(model)
    audio = None
    if calibration:
        read = partial(
            read_data_dir,
            allow_commands=allow_commands,
            max_overshoot_s=max_overshoot,
            channel=channel,
        )
        audio = list(_audio(calibration, spotter.sample_rate, read, channel))
    loss = export_spotter(
        spotter, out, opset=DEFAULT_OPSET if opset is None else opset, calibration=audio
    )
    if loss is not None:
        print(
            f"int8 on {loss['calibration_s']:.1f} s of audio: confidences differ by "
            f"{loss['largest_confidence_difference']:.4f} at most, "
            f"{loss['mean_confidence_difference']:.6f} on average"
        )
        if "events" in loss:
            print(f"{loss['events_that_differ']} event(s) differ, of {loss['events']}")
            if not loss["events"]:
                print(
                    "no keyword was detected in it, so this is what 8 bits cost the background: "
                    "give --calibration recordings that hold the keywords too"
                )
    print(f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB)")


def _audio(
    values: Sequence[str], sample_rate: int, read: Callable[[Path], DataDir], channel: Channel
) -> Iterator[np.ndarray]:
    """The samples of all utterances of data dirs, and of sound files."""
    from kws.audio import read_audio

    for path in map(Path, values):
        if path.is_dir():
            data = read(path)
            for utterance in data.utterances:
                yield data.load(utterance, sample_rate).samples
        else:
            yield read_audio(path, sample_rate=sample_rate, channel=channel).samples
