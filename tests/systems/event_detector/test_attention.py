"""The four documented modules: shapes, formulas, memories, controls."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from fixbench.errors import InputError
from fixbench.systems.event_detector._attention import Attention, SmallObjectAttention
from fixbench.systems.event_detector._channel import ScaleAwareChannelAttention
from fixbench.systems.event_detector._gates import Matched, count_parameters
from fixbench.systems.event_detector._options import AttentionOptions, ModelOptions
from fixbench.systems.event_detector._rows import Rows
from fixbench.systems.event_detector._spatial import MultiScaleSpatialAttention
from fixbench.systems.event_detector._temporal import EventTemporalAttention

CHANNELS = [1, 2, 3, 5, 7, 12, 16, 30, 64]


def options(**changes: Any) -> AttentionOptions:
    return AttentionOptions.model_validate(changes)


def temporal(kind: str, channels: int = 4, **changes: Any) -> EventTemporalAttention:
    return EventTemporalAttention(channels, options(temporal=kind, **changes))


# Spatial


@pytest.mark.parametrize("channels", CHANNELS)
def test_every_module_keeps_the_shape_of_any_number_of_channels(channels: int) -> None:
    x = torch.randn(3, channels, 8, 12)
    rows = Rows.alone(3)
    for spatial in ("off", "on", "half", "matched"):
        for kind in ("off", "global_buffer", "per_stream", "shuffled", "half", "matched"):
            module = SmallObjectAttention(channels, options(spatial=spatial, temporal=kind))
            assert module(x, rows).shape == x.shape
    for stride in (4, 8, 16, 32):
        for small in ("clamp", "as_written"):
            channel = ScaleAwareChannelAttention(channels, stride, options(small_channels=small))
            assert channel(x).shape == x.shape


def test_spatial_attention_multiplies_and_adds_its_input() -> None:
    module = MultiScaleSpatialAttention(126, options()).eval()
    x = torch.randn(2, 126, 8, 12)
    record: dict[str, torch.Tensor] = {}
    found = module(x, record)
    gate = record["spatial"]
    assert gate.shape == (2, 1, 8, 12)
    assert ((gate > 0) & (gate < 1)).all()
    assert torch.equal(found, x * gate + x)
    dilations = [scale[0].dilation for scale in module.scales]
    assert dilations == [(1, 1), (2, 2), (4, 4)]
    assert [scale[0].out_channels for scale in module.scales] == [42, 42, 42]
    assert module.narrow[0].weight.shape == (31, 126, 1, 1)


def test_a_gate_of_zero_leaves_the_input() -> None:
    module = MultiScaleSpatialAttention(12, options())
    with torch.no_grad():
        module.map.weight.zero_()
        module.map.bias.fill_(-200.0)
    x = torch.randn(2, 12, 8, 12)
    assert torch.equal(module(x), x)


def test_spatial_attention_reaches_four_cells_far() -> None:
    module = MultiScaleSpatialAttention(12, options(norm="none"))
    x = torch.randn(1, 12, 15, 15, requires_grad=True)
    module.gate(x)[0, 0, 7, 7].backward()
    reached = x.grad[0].abs().sum(dim=0) > 0
    rows, columns = reached.nonzero().T.tolist()
    assert {row - 7 for row in rows} == {column - 7 for column in columns}
    assert {row - 7 for row in rows} <= {-4, -2, -1, 0, 1, 2, 4}
    assert max(rows) == 11


# Temporal


def test_of_a_single_frame_the_convolution_over_time_is_its_middle_slice() -> None:
    module = temporal("per_stream", 5)
    x = torch.randn(2, 5, 4, 6)
    whole = module.time(x[:, :, None])[:, :, 0]
    assert torch.allclose(module._over_time(x, None), whole, atol=1e-6)
    module._over_time(x, None).sum().backward()
    assert not module.time.weight.grad[:, :, [0, 2]].any()


def test_of_a_pair_it_uses_two_slices() -> None:
    module = temporal("per_stream", 5, temporal_input="pair")
    x, before = torch.randn(2, 5, 4, 6), torch.randn(2, 5, 4, 6)
    weight = module.time.weight
    plain = nn.functional.conv2d(x, weight[:, :, 1], module.time.bias)
    plain = plain + nn.functional.conv2d(before, weight[:, :, 0])
    assert torch.allclose(module._over_time(x, before), plain, atol=1e-6)


def test_temporal_attention_combines_its_parts_as_said() -> None:
    for combination in ("residual", "gate"):
        module = temporal("per_stream", 5, combination=combination)
        x = torch.randn(2, 5, 4, 6)
        record: dict[str, torch.Tensor] = {}
        found = module(x, Rows.alone(2), record)
        over_time = module._over_time(x, None)
        motion = module.motion(torch.cat([x, x], dim=1)).sigmoid()
        weights = module.weights(over_time.mean(dim=(2, 3))).sigmoid()
        base = over_time if combination == "residual" else x
        assert torch.allclose(found, x + base * motion * weights[..., None, None], atol=1e-6)
        assert torch.equal(record["motion"], motion)
        assert torch.equal(record["weights"], weights)


class Spy(nn.Module):
    """A motion layer that keeps what it was given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.current, self.previous = x.chunk(2, dim=1)
        return self.current


def seen(module: EventTemporalAttention, x: torch.Tensor, rows: Rows) -> list[float]:
    """The previous frames that a call compares its rows with, frames being constant maps."""
    spy = Spy()
    module.motion = spy  # type: ignore[assignment]
    module(x, rows)
    return spy.previous[:, 0, 0, 0].tolist()


def frames(*values: float) -> torch.Tensor:
    return (
        torch.tensor(values, dtype=torch.float32)[:, None, None, None]
        .expand(-1, 4, 2, 3)
        .contiguous()
    )


def test_the_global_buffer_holds_the_last_call_whatever_its_streams() -> None:
    module = temporal("global_buffer")
    assert seen(module, frames(1, 2), Rows.alone(2)) == [1, 2]
    assert seen(module, frames(3, 4), Rows((7, 8), (True, True))) == [1, 2]
    # Another number of rows: the frames themselves.
    assert seen(module, frames(5, 6, 7), Rows.alone(3)) == [5, 6, 7]
    module.eval()
    assert seen(module, frames(8, 9, 10), Rows.alone(3)) == [5, 6, 7]
    memory = module.previous
    assert memory.calls == 4
    assert memory.mismatches == 2


def test_the_global_buffer_enters_the_state_and_breaks_loading() -> None:
    module = temporal("global_buffer")
    fresh = copy.deepcopy(module)
    keys = set(module.state_dict())
    module(frames(1, 2), Rows.alone(2))
    assert set(module.state_dict()) - keys == {"previous.previous"}
    with pytest.raises(RuntimeError, match=r"Unexpected key.*previous\.previous"):
        fresh.load_state_dict(module.state_dict())


def test_without_detaching_a_second_backward_pass_fails() -> None:
    for detach in (True, False):
        module = temporal("global_buffer", detach=detach)
        layer = nn.Conv2d(4, 4, 1)
        module(layer(frames(1, 2)), Rows.alone(2)).sum().backward()
        second = module(layer(frames(3, 4)), Rows.alone(2)).sum()
        if detach:
            second.backward()
        else:
            with pytest.raises(RuntimeError, match="second time"):
                second.backward()


def test_each_stream_remembers_its_own_frames() -> None:
    module = temporal("per_stream")
    both = Rows((0, 1, 0, 1), (True, True, False, False))
    assert seen(module, frames(1, 2, 3, 4), both) == [1, 2, 1, 2]
    # Ragged: stream 1 alone, then both; a sequence that starts has no previous frame.
    assert seen(module, frames(5), Rows((1,), (False,))) == [4]
    assert seen(module, frames(6, 7), Rows((0, 1), (False, True))) == [3, 7]
    assert seen(module, frames(8, 9), Rows((0, 1), (False, False))) == [6, 7]
    zeros = temporal("per_stream", missing="zeros")
    assert seen(zeros, frames(8, 9), Rows((0, 1), (False, True))) == [0, 0]


def test_what_a_stream_remembers_leaves_the_graph_between_calls_and_not_within() -> None:
    module = temporal("per_stream")
    x = frames(1, 2).requires_grad_()
    module(x, Rows((0, 0), (True, False)))[1].sum().backward()
    assert x.grad[0].abs().sum() > 0
    again = frames(3).requires_grad_()
    module(again, Rows((0,), (False,))).sum().backward()


def test_the_shuffled_control_sees_the_previous_frames_of_others() -> None:
    module = temporal("shuffled")
    both = Rows((0, 1, 0, 1), (True, True, False, False))
    # Row 0 looks at row 1, which starts: that frame itself. Row 2 looks at row 3, row 3 at row 0.
    assert seen(module, frames(1, 2, 3, 4), both) == [2, 1, 2, 1]
    assert seen(module, frames(5, 6), Rows((0, 1), (False, False))) == [4, 3]
    assert seen(module, frames(7), Rows((0,), (False,))) == [5]


def test_memories_can_be_set_aside_and_put_back() -> None:
    for kind in ("global_buffer", "per_stream"):
        module = temporal(kind)
        rows = Rows((0, 1), (False, False))
        seen(module, frames(1, 2), rows)
        memory = module.previous.memory()
        module.previous.remember({})
        assert seen(module, frames(3, 4), rows) == [3, 4]
        module.previous.remember(memory)
        assert seen(module, frames(5, 6), rows) == [1, 2]


def test_an_evaluation_starts_empty_and_gives_back_what_training_remembers() -> None:
    model = {"classes": 3, "embed": 16, "head_width": 16, "partition": [2, 3]}
    rows = Rows((0, 1), (False, False))
    x = [torch.randn(2, c, 64 // s, 96 // s) for c, s in ((32, 8), (64, 16), (128, 32))]
    for kind, leaks in (("per_stream", False), ("global_buffer", True)):
        placed = Attention(
            ModelOptions.model_validate(model | {"attention": {"temporal": kind}}), 0
        )
        fresh = placed(x, rows)
        before = placed.memory()
        with placed.set_aside():
            placed([-y for y in x], rows)
        assert placed.memory().keys() == before.keys() == {8, 16}
        kept = [
            torch.equal(value, before[stride][stream])
            for stride, streams in placed.memory().items()
            for stream, value in streams.items()
        ]
        assert all(kept) != leaks
        with placed.set_aside():
            first = placed(x, rows)
        assert torch.equal(first[0], fresh[0]) != leaks


# Channel


def test_channel_attention_is_squeeze_and_excitation() -> None:
    for stride, hidden in ((4, 4), (8, 4), (16, 8), (32, 8)):
        module = ScaleAwareChannelAttention(64, stride, options())
        assert module.squeeze.out_features == hidden
        x = torch.randn(2, 64, 4, 6)
        pooled = x.flatten(2).mean(dim=2)
        gate = torch.sigmoid(
            torch.relu(pooled @ module.squeeze.weight.T + module.squeeze.bias)
            @ module.excite.weight.T
            + module.excite.bias
        )
        assert torch.allclose(module(x), x * gate[:, :, None, None], atol=1e-6)


def test_fewer_channels_than_the_reduction() -> None:
    x = torch.randn(2, 12, 4, 6)
    constant = ScaleAwareChannelAttention(12, 8, options(small_channels="as_written"))
    assert constant.squeeze.out_features == 0
    assert torch.equal(constant.gate(x), constant.gate(-3 * x))
    clamped = ScaleAwareChannelAttention(12, 8, options())
    assert clamped.squeeze.out_features == 1
    with pytest.raises(InputError, match=r"12; expected at least 16 channels at stride 8"):
        ScaleAwareChannelAttention(12, 8, options(small_channels="refuse"))


# Controls and placement


def test_controls_without_a_gate() -> None:
    x = torch.randn(2, 12, 4, 6)
    rows = Rows.alone(2)
    half = SmallObjectAttention(12, options(spatial="half"))
    assert torch.equal(half(x, rows), 1.5 * x)
    assert count_parameters(half) == 0
    module = SmallObjectAttention(12, options(temporal="half"))
    assert isinstance(module.temporal, EventTemporalAttention)
    assert torch.equal(module(x, rows), x + 0.5 * module.temporal._over_time(x, None))


@pytest.mark.parametrize("channels", [32, 64, 128, 256])
def test_matched_controls_have_as_many_parameters(channels: int) -> None:
    for name in ("spatial", "temporal"):
        documented = options(**{name: "on" if name == "spatial" else "per_stream"})
        wanted = count_parameters(SmallObjectAttention(channels, documented))
        control = SmallObjectAttention(channels, options(**{name: "matched"}))
        assert count_parameters(control) == pytest.approx(wanted, abs=channels + 1)
    wanted = count_parameters(ScaleAwareChannelAttention(channels, 8, options()))
    assert count_parameters(Matched(channels, wanted)) == pytest.approx(wanted, abs=channels + 1)


def test_integration_only_where_both_are_on() -> None:
    both = SmallObjectAttention(8, options(spatial="on", temporal="per_stream"))
    assert isinstance(both.integrate, nn.Conv2d)
    for one in ({"spatial": "on"}, {"temporal": "per_stream"}):
        assert SmallObjectAttention(8, options(**one)).integrate is None


def test_integration_can_start_as_the_identity() -> None:
    x = torch.randn(2, 8, 4, 6)
    both = {"spatial": "half", "temporal": "half", "integration": "identity"}
    module = SmallObjectAttention(8, options(**both))
    alone = SmallObjectAttention(8, options(temporal="half"))
    alone.temporal = module.temporal
    expected = alone(1.5 * x, Rows.alone(2))
    assert torch.allclose(module(x, Rows.alone(2)), expected, atol=1e-6)


def _placed(scales: int, **changes: Any) -> tuple[list[str], list[str]]:
    model = ModelOptions.model_validate(
        {
            "classes": 3,
            "embed": 16,
            "head_width": 16,
            "partition": [2, 3],
            "scales": scales,
            "attention": {"spatial": "on", "channel": "on"} | changes,
        }
    )
    placed = Attention(model, 0)
    return list(placed.small_objects), list(placed.channels)


def test_attention_stands_where_the_document_has_it() -> None:
    assert _placed(3) == (["8", "16"], ["8", "16", "32"])
    assert _placed(4) == (["4", "8"], ["4", "8", "16", "32"])
    assert _placed(3, strides=[32], channel_strides=[8]) == (["32"], ["8"])
    assert _placed(3, strides=[], channel="off") == ([], [])
