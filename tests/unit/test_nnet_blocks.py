import pytest
import torch

from kws.nnet import Nnet, compute_in_blocks, compute_utterances

NETWORK = """SpliceComponent input-dim=8 left-context=6 right-context=3
AffineComponent input-dim=80 output-dim=16 param-stddev=0.2 bias-stddev=0.3
RectifiedLinearComponent dim=16
SpliceComponent input-dim=16 context=-4:0
AffineComponent input-dim=32 output-dim=4 param-stddev=0.6 bias-stddev=0.3
SoftmaxComponent dim=4
"""


@pytest.mark.parametrize("num_frames", [0, 1, 12, 13, 14, 15, 3000, 3001, 7000])
def test_outputs_in_blocks_are_those_of_the_whole(num_frames):
    nnet = Nnet.from_config(NETWORK, "nnet.config", torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(num_frames)
    features = torch.randn(2, num_frames, 8, generator=generator)
    for pad in (True, False):
        with torch.no_grad():
            expected = nnet(features, pad=pad)
        # float32 matrix products over blocks of another height
        torch.testing.assert_close(
            compute_in_blocks(nnet, features, pad=pad), expected, rtol=0, atol=1e-6
        )


@pytest.mark.parametrize("pad", [True, False])
def test_utterances_computed_together_are_those_of_each_alone(pad):
    nnet = Nnet.from_config(NETWORK, "nnet.config", torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(2)
    # alone; together; one that fills a block by itself, between others; too short without padding
    lengths = [1, 14, 13, 2990, 40, 3001, 5, 2950, 60, 3000, 1]
    utterances = [
        (f"u{number}", torch.randn(length, 8, generator=generator))
        for number, length in enumerate(lengths)
    ]
    outputs = list(compute_utterances(nnet, iter(utterances), pad=pad))
    assert [key for key, _ in outputs] == [key for key, _ in utterances]
    for (_, features), (_, output) in zip(utterances, outputs, strict=True):
        with torch.no_grad():
            expected = nnet(features[None], pad=pad)[0]
        assert not output.requires_grad
        # float32 matrix products over blocks of another height
        torch.testing.assert_close(output, expected, rtol=0, atol=1e-6)


def test_no_utterances_have_no_outputs():
    nnet = Nnet.from_config(NETWORK, "nnet.config", torch.Generator().manual_seed(1))
    assert list(compute_utterances(nnet, [])) == []
