"""What a training can be told in a file of `--key=value` lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kws.config import (
    Check,
    ConfigError,
    between,
    key,
    keys_of,
    non_negative,
    one_of,
    parse_options,
    positive,
    proportion,
)
from kws.data.augmentation import AugmentOptions
from kws.data.draws import ExampleOptions
from kws.detection.detector import MOST_REFRACTORY_S

MAX_PROCESSES = 256
MAX_WINDOW_FRAMES = 1000
# beyond these floats run out
_rate = between(1e-12, 1e30)
_weight = between(0, 1e6)


@dataclass(frozen=True)
class TrainOptions:
    """The loop: objective, optimizer and its schedule, what is kept.

    A learning rate here multiplies the gradient of a loss that is a mean over frames; with
    `optimizer=natural-gradient` that of a sum over the minibatch's frames, as in Kaldi, so that
    Kaldi's rates can be used. (For the same step of SGD at minibatches of 128 frames, Kaldi's rate
    is 128 times smaller.)
    """

    objective: str = key(
        "ce: cross-entropy of labelled frames; max-pool: the best frame of each unit learns",
        default="ce",
        check=one_of("ce", "max-pool"),
    )
    units_per_word: int = key("units each word is cut into", default=1, check=between(1, 20))
    num_epochs: int = key("epochs to train", default=20, check=positive)
    optimizer: str = key(
        "sgd (with momentum), adamw, muon (of the weight matrices; of biases adamw), or "
        "natural-gradient (Kaldi's, with the keys of the Preconditioned components; the others "
        "plainly; gradients are summed over the minibatch, so learning rates are Kaldi's)",
        default="adamw",
        check=one_of("sgd", "adamw", "muon", "natural-gradient"),
    )
    initial_effective_lrate: float = key(
        "learning rate at the beginning, of the components with the largest learning-rate in the "
        "network's config; the others keep their ratio to them",
        default=0.002,
        check=_rate,
    )
    final_effective_lrate: float = key(
        "learning rate at the end; it decays exponentially", default=0.0001, check=_rate
    )
    warmup_share: float = key(
        "share of the training during which the learning rate first rises linearly from 0",
        default=0.02,
        check=proportion,
    )
    momentum: float = key("of sgd", default=0.9, check=proportion)
    natural_gradient_momentum: float = key(
        "of natural-gradient, as Kaldi's nnet3 counts it: a step is (1 - momentum) times the sum "
        "of the changes so far, each momentum times the one after it; learning rates stay the same",
        default=0.0,
        check=Check("must be 0 or greater and less than 1", lambda value: 0 <= value < 1),
    )
    weight_decay: float = key(
        "share of the weights taken away per step and learning rate",
        default=0.0,
        check=between(0, 1000),
    )
    max_grad_norm: float = key(
        "longer gradients are shortened to this; 0: not", default=5.0, check=non_negative
    )
    average_decay: float = key(
        "the model that is kept is the exponential moving average of the parameters with this "
        "decay per step; 0: the parameters themselves",
        default=0.99,
        check=proportion,
    )
    num_jobs_nnet: int = key(
        "processes that learn at the same time, each from jobs of its own and with so many times "
        "the learning rate; after each job the parameters become their mean, as in Kaldi",
        default=1,
        check=between(1, MAX_PROCESSES),
    )
    max_models_combine: int = key(
        "the model that is kept is a combination of so many at most, the means of the parameters "
        "over parts of the last iterations, with weights chosen on the dev set; 0: it is not",
        default=0,
        check=non_negative,
    )
    num_iters_final: int = key(
        "last iterations that are combined (num-jobs-nnet jobs each), two thirds of all at most; "
        "0: those of an epoch",
        default=0,
        check=non_negative,
    )
    adjust_priors: bool = key(
        "at the end, keep the outputs' mean posteriors over training frames in the model, for "
        "decoders; takes some 2 % of the training's time at most",
        default=True,
    )
    select: str = key(
        "the epoch that is kept: last, or best (least loss on the dev set)",
        default="last",
        check=one_of("last", "best"),
    )
    chunks_per_minibatch: int = key("cross-entropy: chunks per step", default=128, check=positive)
    minibatch_size: int = key(
        "cross-entropy: frames that are learnt per step, about, as Kaldi counts it (128 or 256); "
        "0: chunks-per-minibatch chunks of chunk-frames",
        default=0,
        check=non_negative,
    )
    utterances_per_minibatch: int = key("max-pool: utterances per step", default=32, check=positive)
    learn_every: int = key(
        "learn at every so manieth output frame only, another first one in each step; neighbours "
        "teach nearly the same, and a network whose Splices have offsets that are multiples of it "
        "is trained in so much less time",
        default=1,
        check=positive,
    )
    filler_weight: float = key(
        "weight of the mean over filler frames, relative to that over keyword frames (ce: of each "
        "filler frame)",
        default=1.0,
        check=_weight,
    )
    augment: bool = key(
        "change each utterance at random whenever it is drawn; false: features are computed once",
        default=True,
    )
    realign_epochs: tuple[int, ...] = key(
        "epochs, counted from 1, at whose start word times that are no exact ones (of a data "
        "dir's ctm) are found anew with the network as it is then, such as 2:4",
        default=(),
        check=Check("must be 1 or greater", lambda value: all(epoch > 0 for epoch in value)),
    )
    num_hidden_layers: int = key(
        "hidden layers in the end, when --network is a folder (one is in nnet.config): "
        "replace.1.config, ... add one each, then hidden.config as often as need be; 0: each file "
        "once",
        default=0,
        check=between(0, 1000),
    )
    add_layers_period: int = key(
        "iterations between two new layers, the first of which comes after one; an iteration is a "
        "job, or num-jobs-nnet of them: set their size too (Kaldi's are of 400000 frames)",
        default=2,
        check=positive,
    )
    seed: int = key("decides everything random", default=0, check=non_negative)
    num_threads: int = key(
        "threads of the training process; the workers that prepare features come on top",
        default=1,
        check=between(1, MAX_PROCESSES),
    )
    checkpoint_minutes: float = key(
        "a checkpoint is written after every epoch and when this much time has passed",
        default=2.0,
        check=positive,
    )


@dataclass(frozen=True)
class MaxPoolOptions:
    """What the max-pooling objective looks at."""

    hard_weight: float = key(
        "weight of each utterance's worst frames, in addition to the mean over filler frames",
        default=1.0,
        check=_weight,
    )
    hard_frames: int = key("how many worst frames per utterance", default=10, check=positive)
    slack_s: float = key(
        "a keyword whose time is known is looked for so much before its start and after its end, "
        "seconds",
        default=0.3,
        check=non_negative,
    )
    margin_before_s: float = key(
        "frames so much before the first chosen one learn filler, seconds",
        default=0.5,
        check=non_negative,
    )
    margin_after_s: float = key(
        "frames so much after the last chosen one learn filler, seconds",
        default=1.0,
        check=non_negative,
    )


@dataclass(frozen=True)
class PosteriorOptions:
    """How the detector will read the network's outputs; kept in the model."""

    w_smooth: int = key(
        "frames that posteriors are averaged over", default=30, check=between(1, MAX_WINDOW_FRAMES)
    )
    w_max: int = key(
        "frames in which a keyword's units are looked for",
        default=100,
        check=between(1, MAX_WINDOW_FRAMES),
    )
    confidence: str = key(
        "chen: the units in any order; ordered: one after the other",
        default="chen",
        check=one_of("chen", "ordered"),
    )
    refractory_s: float = key(
        "a keyword that fired is silent for this long, seconds",
        default=1.0,
        check=Check(
            f"must lie between 0 and {MOST_REFRACTORY_S:g}",
            lambda value: 0 <= value <= MOST_REFRACTORY_S,
        ),
    )


@dataclass(frozen=True)
class AllOptions:
    """Everything that a training's option file may hold."""

    train: TrainOptions = field(default_factory=TrainOptions)
    max_pool: MaxPoolOptions = field(default_factory=MaxPoolOptions)
    examples: ExampleOptions = field(default_factory=ExampleOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    posterior: PosteriorOptions = field(default_factory=PosteriorOptions)

    def __post_init__(self) -> None:
        every, length = self.train.learn_every, self.examples.chunk_frames
        if self.train.objective == "ce" and every > length:
            raise ConfigError(
                f"learn-every={every} is above chunk-frames={length}: a chunk would have no frame "
                "to learn; lower the one or raise the other"
            )

    def groups(self) -> tuple[Any, ...]:
        """The objects that declare the keys."""
        return self.train, self.max_pool, self.examples, self.augment, self.posterior

    def values(self) -> dict[str, str]:
        """Every option with its value, as `--key` and its text."""
        values = {}
        for group in self.groups():
            cls: type = type(group)
            for declared in keys_of(cls).values():
                values[f"--{declared.name}"] = declared.format(getattr(group, declared.attribute))
        return values


def parse_train_options(text: str, source: str) -> AllOptions:
    """The options in Kaldi's `--key=value` lines.

    Args:
        text: the lines.
        source: the file's name, for error messages.

    Raises:
        ConfigError: an unknown option, a value that breaks its rule, or two that do not fit.
    """
    classes = (TrainOptions, MaxPoolOptions, ExampleOptions, AugmentOptions, PosteriorOptions)
    parsed = parse_options(text, source, classes)
    try:
        return AllOptions(*parsed)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
