"""What attention costs: parameters, multiplications, and bytes saved for the backward pass.

Times are not measured here, because equal runs give equal rows; ``--time`` of the module's command
prints them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from fixbench.systems.event_detector._gates import count_parameters
from fixbench.systems.event_detector._head import Predictions
from fixbench.systems.event_detector._model import Detector, Neck, parameter_counts
from fixbench.systems.event_detector._options import AttentionOptions, ModelOptions, published
from fixbench.systems.event_detector._rows import Rows
from fixbench.training import generator

__all__ = ["DOCUMENTED", "cost_values", "example_maps", "saved_bytes"]

#: As documented.
DOCUMENTED = AttentionOptions(spatial="on", temporal="global_buffer", channel="on")


def cost_values(options: ModelOptions, rows: int, height: int, width: int) -> dict[str, float]:
    """Metric → value, of pyramid, attention and head on ``rows`` frames of that many pixels.

    ``on`` is the attention of ``options`` or, where that is off, the documented one.
    """
    values: dict[str, float] = {}
    on = options.attention if options.attention.any else DOCUMENTED
    for name, attention in (("off", AttentionOptions()), ("on", on)):
        chosen = options.model_copy(update={"attention": attention})
        neck = Neck(chosen, 0)
        maps = example_maps(chosen, rows, height, width)
        with FlopCounterMode(display=False) as counter:
            neck(maps, Rows.alone(rows))
        values[f"operations/{name}"] = float(counter.get_total_flops())
        values[f"saved_bytes/{name}"] = float(saved_bytes(neck, maps))
        with torch.device("meta"):
            counts = parameter_counts(Detector(chosen, 0))
        values[f"parameters/{name}"] = float(sum(counts.values()))
        if name == "on":
            for part, count in counts.items():
                values[f"parameters/on/{part}"] = float(count)
        with torch.device("meta"):
            whole = Detector(published("base", classes=8, attention=attention), 0)
        values[f"parameters_published/{name}"] = float(count_parameters(whole))
    for metric in ("operations", "saved_bytes", "parameters", "parameters_published"):
        off = values[f"{metric}/off"]
        values[f"{metric}_added"] = (values[f"{metric}/on"] - off) / off
    return values


def example_maps(options: ModelOptions, rows: int, height: int, width: int) -> list[Tensor]:
    """Random maps of the backbone."""
    draw = generator(0, "cost/maps")
    return [
        torch.randn(rows, channels, height // stride, width // stride, generator=draw)
        for channels, stride in zip(options.channels, options.strides, strict=True)
    ]


def saved_bytes(neck: nn.Module, maps: list[Tensor]) -> int:
    """Bytes of the distinct storages that autograd keeps, parameters and buffers left out.

    Args:
        neck: takes maps of the backbone and `Rows`, as `Neck` does.
    """
    # Held, so that no storage is freed and its address used again.
    held: list[Tensor] = [*neck.parameters(), *neck.buffers()]
    own = {tensor.untyped_storage().data_ptr() for tensor in held}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
            held.append(tensor)
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        predictions: Predictions = neck(maps, Rows.alone(len(maps[0])))
    held.append(predictions.boxes)
    return sum(kept.values())
