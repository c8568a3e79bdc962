"""Layers that several parts of the model share."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

__all__ = ["Rescale", "convolution", "match_magnitude", "pointwise_mlp"]

#: Over what mean magnitudes are taken: the whole batch (as documented), each sample, or not at all.
Rescale = Literal["batch", "sample", "off"]

_SMALLEST_MEAN = 0.01


def convolution(
    inputs: int,
    outputs: int,
    kernel: int = 1,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: bool = True,
) -> nn.Sequential:
    """2D convolution without bias, batch normalisation (ε 1e-3, momentum 0.03), SiLU.

    These values are documented of the heads, and chosen for all of the 2D model.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03),
    ]
    if activation:
        layers.append(nn.SiLU())
    return nn.Sequential(*layers)


def pointwise_mlp(
    inputs: int, hidden: int, outputs: int, *, gain: float | None, zero_bias: bool = False
) -> nn.Sequential:
    """1 x 1 convolution, GELU, 1 x 1 convolution.

    Args:
        gain: of Glorot's uniform weights; ``None`` for PyTorch's default initialisation.
        zero_bias: biases start at zero instead of PyTorch's default.
    """
    mlp = nn.Sequential(nn.Conv2d(inputs, hidden, 1), nn.GELU(), nn.Conv2d(hidden, outputs, 1))
    for parameter in mlp.parameters():
        if parameter.ndim > 1 and gain is not None:
            nn.init.xavier_uniform_(parameter, gain)
        elif parameter.ndim == 1 and zero_bias:
            nn.init.zeros_(parameter)
    return mlp


def match_magnitude(x: Tensor, target: Tensor, scope: Rescale) -> Tensor:
    """``x`` times mean |target| / mean |x|, neither mean below 0.01, gradients included.

    Both are [B, C, H, W]. With ``scope`` ``"batch"``, as documented, a sample depends on its batch
    mates. The bound is documented of C and of the object context, and chosen for D as well.
    """
    if scope == "off":
        return x

    def magnitude(tensor: Tensor) -> Tensor:
        size = tensor.abs()
        mean = size.mean() if scope == "batch" else size.mean(dim=(1, 2, 3), keepdim=True)
        return mean.clamp(min=_SMALLEST_MEAN)

    return x * (magnitude(target) / magnitude(x))
