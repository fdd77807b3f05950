"""`kws export`: a model as one ONNX file that needs no PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A keyword model, such as EXP/final.kws.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    opset: Annotated[
        int | None, typer.Option(metavar="N", help="Version of ONNX's operators.")
    ] = None,
) -> None:
    """Write a keyword model as one ONNX file, from samples to confidences.

    `kws detect`, `kws listen` and `kws.runtime` take the file; any program with onnxruntime can.

    Examples:
      kws export exp/default/final.kws detector.onnx
    """
    from kws.export import DEFAULT_OPSET, export_spotter
    from kws.spotter import Spotter

    export_spotter(Spotter.load(model), out, opset=DEFAULT_OPSET if opset is None else opset)
