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
from kws.nnet.components.fixed import (
    FixedAffineComponent,
    FixedBiasComponent,
    FixedLinearComponent,
    FixedScaleComponent,
    ScaleComponent,
)
from kws.nnet.components.grouping import MaxoutComponent, PnormComponent, SumGroupComponent
from kws.nnet.components.nonlinearity import (
    LogSoftmaxComponent,
    NormalizeComponent,
    PowerComponent,
    RectifiedLinearComponent,
    SigmoidComponent,
    SoftHingeComponent,
    SoftmaxComponent,
    TanhComponent,
)
from kws.nnet.components.rearrangement import DctComponent, PermuteComponent
from kws.nnet.components.splice import SpliceComponent, SpliceMaxComponent

__all__ = [
    "AdditiveNoiseComponent",
    "AffineComponent",
    "AffineComponentPreconditioned",
    "AffineComponentPreconditionedOnline",
    "BlockAffineComponent",
    "BlockAffineComponentPreconditioned",
    "Convolutional1dComponent",
    "DctComponent",
    "DropoutComponent",
    "FixedAffineComponent",
    "FixedBiasComponent",
    "FixedLinearComponent",
    "FixedScaleComponent",
    "LogSoftmaxComponent",
    "MaxoutComponent",
    "MaxpoolingComponent",
    "NormalizeComponent",
    "PermuteComponent",
    "PnormComponent",
    "PowerComponent",
    "RectifiedLinearComponent",
    "ScaleComponent",
    "SigmoidComponent",
    "SoftHingeComponent",
    "SoftmaxComponent",
    "SpliceComponent",
    "SpliceMaxComponent",
    "SumGroupComponent",
    "TanhComponent",
    "UpdatableComponent",
]
