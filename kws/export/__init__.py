"""A spotter in one ONNX file."""

from kws.export.graph import DEFAULT_OPSET, OPSETS
from kws.export.spotter import export_spotter, quantized_model, spotter_model

__all__ = ["DEFAULT_OPSET", "OPSETS", "export_spotter", "quantized_model", "spotter_model"]
