"""Networks made of components that Kaldi's config text describes."""

from kws.nnet.blocks import compute_in_blocks, compute_utterances
from kws.nnet.component import COMPONENTS, Component
from kws.nnet.model_file import ModelFile, is_model_file, read_model, write_model
from kws.nnet.network_folder import NetworkConfig, full_network, parse_network, read_network
from kws.nnet.nnet import Nnet, NnetState, resize_output

__all__ = [
    "COMPONENTS",
    "Component",
    "ModelFile",
    "NetworkConfig",
    "Nnet",
    "NnetState",
    "compute_in_blocks",
    "compute_utterances",
    "full_network",
    "is_model_file",
    "parse_network",
    "read_model",
    "read_network",
    "resize_output",
    "write_model",
]
