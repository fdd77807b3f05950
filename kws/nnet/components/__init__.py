"""The component types, one family per file; importing them fills the registry."""

from kws.nnet.components.affine import (
    AffineComponent,
    AffineComponentPreconditioned,
    AffineComponentPreconditionedOnline,
    BlockAffineComponent,
    BlockAffineComponentPreconditioned,
    UpdatableComponent,
)
from kws.nnet.components.convolutional import Convolutional1dComponent, MaxpoolingComponent
from kws.nnet.components.dropout import AdditiveNoiseComponent, DropoutComponent
from kws.nnet.components.nonlinearity import (
    LogSoftmaxComponent,
    NormalizeComponent,
    RectifiedLinearComponent,
    SigmoidComponent,
    SoftmaxComponent,
    TanhComponent,
)
from kws.nnet.components.splice import SpliceComponent, SpliceMaxComponent

__all__ = [
    "AdditiveNoiseComponent",
    "AffineComponent",
    "AffineComponentPreconditioned",
    "AffineComponentPreconditionedOnline",
    "BlockAffineComponent",
    "BlockAffineComponentPreconditioned",
    "Convolutional1dComponent",
    "DropoutComponent",
    "LogSoftmaxComponent",
    "MaxpoolingComponent",
    "NormalizeComponent",
    "RectifiedLinearComponent",
    "SigmoidComponent",
    "SoftmaxComponent",
    "SpliceComponent",
    "SpliceMaxComponent",
    "TanhComponent",
    "UpdatableComponent",
]
