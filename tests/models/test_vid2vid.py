from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from fingerprint import Digest, fill_by_cosine, input_by_cosine
from torch import Tensor, nn
from vid2vid_cases import CLASSES, SMALL, build, encoded, example, perform, sequence, target_of

from i2ibench.models.layers.boundaries import boundaries
from i2ibench.models.layers.norms import translating
from i2ibench.models.layers.pyramid import halved
from i2ibench.models.layers.semantics import one_hot
from i2ibench.models.layers.warping import warp
from i2ibench.models.method import Batch, Update
from i2ibench.models.vid2vid import Vid2Vid, Vid2VidConfig, stage_of


def count(module: nn.Module | None) -> int:
    assert module is not None
    return sum(parameter.numel() for parameter in module.parameters())


class TestParity:
    def test_coarse_generator_of_streets(self) -> None:
        """Against the published network filled by rule: 35 classes and boundaries, in labels of blocks."""
        config = Vid2VidConfig(**{**SMALL, "ngf": 16, "halvings": 2, "blocks": 4, "foreground": (26,)})
        method = Vid2Vid(config, 35)
        fill_by_cosine(method.generator)
        rows, columns = torch.meshgrid(torch.arange(32), torch.arange(64), indexing="ij")
        labels = ((rows // 16) * 3 + columns // 16)[None]
        instances = ((rows // 12) * 100 + columns // 20)[None]
        frames = input_by_cosine(3, 3, 32, 64)
        source = torch.cat([one_hot(labels, 35), boundaries(instances)], 1)
        with torch.no_grad():
            made = method.generator(torch.cat([source] * 3, 1), torch.cat([frames[:1], frames[1:2]], 1), scales=1)
        expected = Digest(6144, 0.003621, 0.579911, 0.659523, (-0.478952, 0.012767, 0.818973))
        Digest.by_cosine(made.raw).assert_close(expected)

        # the method hands its network just that
        batch = Batch(("2",), frames[2:], labels=labels, instances=instances)
        past = tuple(dataclasses.replace(batch, target=frames[i : i + 1]) for i in (0, 1))
        found = method.translate(dataclasses.replace(batch, frames=past), seed=0)
        torch.testing.assert_close(found, made.final.clamp(-1, 1))


class TestNetworks:
    @pytest.mark.parametrize(
        ("settings", "parameters"),
        [
            ({}, 45_693_699),
            ({"still_halvings": 4}, 182_543_619),
            ({"still_ngf": 32, "still_halvings": 4, "still_enhancers": 1}, 182_852_355),
        ],
    )
    def test_still_generators_are_the_published_ones(self, settings: dict[str, Any], parameters: int) -> None:
        with torch.device("meta"):
            method = Vid2Vid(Vid2VidConfig(foreground=(26,), ngf=16, **settings), 35)
        assert count(method.still) == parameters

    def test_discriminators_of_streets_are_the_published_ones(self) -> None:
        with torch.device("meta"):
            method = Vid2Vid(Vid2VidConfig(ngf=16, scales_spatial=2, discriminator_scales=3), 35)
        assert count(method.discriminator) == 8_410_179
        assert [count(judge) for judge in method.temporal] == [8_330_307] * 2

    def test_weights_are_drawn_and_biases_kept(self) -> None:
        method = build(ngf=16, norm="batch")
        weights = torch.cat([m.weight.flatten() for m in method.generator.modules() if isinstance(m, nn.Conv2d)])
        assert weights.std().item() == pytest.approx(0.02, rel=0.05)
        assert any(
            m.bias.abs().max() > 0.01 for m in method.modules() if isinstance(m, nn.Conv2d) and m.bias is not None
        )


class TestUpdates:
    def test_order(self) -> None:
        frame = ["generator", "discriminator"]
        found = [update.optimizer for update in perform(build(), example(4))]
        assert found == [*frame, *frame, *frame, "temporal_0", *frame, "temporal_0"]
        found = [update.optimizer for update in perform(build(first="still"), example(6))]
        still = ["still", "still_discriminator"]
        assert found == [*still, *frame, *frame, *frame, "temporal_0", *frame, "temporal_0"]

    def test_the_second_temporal_discriminator_comes_with_the_seventh_frame(self) -> None:
        method = build(scales_temporal=2, frames_start=8, frames_max=8)
        found = [update.optimizer for update in perform(method, example(8))]
        counts = [found.count(name) for name in ("generator", "discriminator", "temporal_0", "temporal_1")]
        assert counts == [8, 8, 6, 2]

    @pytest.mark.parametrize("first", ["generated", "still"])
    def test_each_step_touches_its_own_network_alone(self, first: str) -> None:
        method = build(first=first)
        networks = {name: network for name, network in method.named_children() if name != "perceptual"}
        owners = {"temporal_0": "temporal"}
        before: dict[str, list[Tensor]] = {}
        for update in perform(method, example(6)):
            if before:
                moved = {
                    name
                    for name, network in networks.items()
                    if any(not torch.equal(p, q) for p, q in zip(network.parameters(), before[name], strict=True))
                }
                assert moved == {owners.get(update.optimizer, update.optimizer)}
            before = {name: [p.detach().clone() for p in network.parameters()] for name, network in networks.items()}

    def test_a_sequence_begins_anywhere_in_the_example(self) -> None:
        method = build(frames_start=4, frames_max=8)
        batch = example(8)
        assert [update.optimizer for update in method.updates(batch, 0)].count("generator") == 4
        seen = set()
        for draw in range(30):
            torch.manual_seed(draw)
            names = [frame.names[0] for frame in method._sequence(batch, stage_of(method.config, 0.0))]
            start = int(names[0].removeprefix("0-"))
            assert names == [f"0-{number}" for number in range(start, start + 4)]
            seen.add(names[0])
        assert seen == {f"0-{start}" for start in range(5)}

    def test_refuses_sequences_without_a_triplet(self) -> None:
        with pytest.raises(ValueError, match=r"first=still and scales_temporal=1 trains on 5 frames .* found 4"):
            next(iter(build(first="still").updates(example(4), 0)))

    @pytest.mark.parametrize("lacking", ["labels", "instances", "flow", "target"])
    def test_needs(self, lacking: str) -> None:
        batch = example(4)
        frames = tuple(dataclasses.replace(frame, **{lacking: None}) for frame in batch.frames or ())
        with pytest.raises(ValueError, match=f"vid2vid.* reads {lacking}"):
            list(perform(build(), dataclasses.replace(batch, frames=frames)))

    def test_estimated_flow_takes_the_place_of_the_datas(self) -> None:
        given, estimated = build(), build(flow="raft")
        batch = example(4)
        bare = dataclasses.replace(
            batch, flow=None, frames=tuple(dataclasses.replace(frame, flow=None) for frame in batch.frames or ())
        )
        with pytest.raises(ValueError, match="set estimate_flow"):
            next(iter(estimated.updates(bare, 0)))
        flow = torch.zeros(1, 2, 16, 16)
        flow[:, 0] = -1
        flow[..., 0] = float("nan")
        estimated.estimate_flow = lambda earlier, later: flow
        losses = [
            [update.loss.item() for update in perform(method, one)]
            for method, one in ((given, batch), (estimated, bare))
        ]
        assert losses[0] == losses[1]
        assert "estimate_flow" not in "".join(estimated.state_dict())

    def test_learns_the_flow_of_a_sliding_texture(self) -> None:
        method = build(lr=2e-3, frames_start=3, frames_max=3, first="still", warp_weight=0.0, feature_weight=0.0)
        optimizers = method.optimizers()
        batch = example(5)
        errors = []
        for step in range(40):
            for update in method.updates(batch, step):
                assert isinstance(update, Update)
                optimizers[update.optimizer].zero_grad()
                update.loss.backward()
                optimizers[update.optimizer].step()
                if update.optimizer == "generator":
                    errors.append(update.logs["flow"].item())
        assert sum(errors[-3:]) < sum(errors[:3]) / 4


class TestGrowth:
    PAPER = Vid2VidConfig()
    FINE = Vid2VidConfig(scales_spatial=3, discriminator_scales=4)

    def test_sequences_double_every_five_epochs_up_to_the_clips_length(self) -> None:
        frames = [stage_of(self.PAPER, (epoch - 1) / 20).frames for epoch in range(1, 21)]
        assert frames == [6] * 5 + [12] * 5 + [24] * 5 + [28] * 5

    @pytest.mark.parametrize(("after", "rate"), [(0, 2e-4), (10, 2e-4), (11, 1.8e-4), (15, 1e-4), (19, 2e-5)])
    def test_published_rates(self, after: int, rate: float) -> None:
        method = build()
        for optimizer in ("generator", "discriminator"):
            assert 2e-4 * method.learning_rate(optimizer, 0, after / 20) == pytest.approx(rate)
        assert method.learning_rate("temporal_0", 0, after / 20) == 1

    def test_rates_halve_with_each_finer_generator(self) -> None:
        method = build(scales_spatial=2)
        assert method.learning_rate("generator", 0, 0.5) == 0.5
        assert method.learning_rate("temporal_0", 0, 0.99) == 0.5
        assert method.learning_rate("generator", 0, 0.49) < 0.2  # the end of the first stage
        assert method.learning_rate("still", 0, 0.49) == 1

    def test_each_generator_has_its_share_and_learns_alone_at_first(self) -> None:
        stages = [stage_of(self.FINE, epoch / 60) for epoch in range(60)]
        assert [stage.scale for stage in stages] == [0] * 20 + [1] * 20 + [2] * 20
        assert [stage.newest_alone for stage in stages] == [False] * 20 + [True] * 10 + [False] * 10 + [True] * 5 + [
            False
        ] * 15
        assert stage_of(self.FINE, 1.0).scale == 2

    def test_stages_train_at_their_own_size(self) -> None:
        method = build(scales_spatial=2, frames_start=3, frames_max=3)
        batch = example(3, side=32)
        sizes = []
        for fraction, learns in ((0.0, {"0"}), (0.5, {"1"}), (0.9, {"0", "1"})):
            method.zero_grad()
            method.fraction = fraction
            first = next(iter(method.updates(batch, 0)))
            assert isinstance(first, Update)
            first.loss.backward()
            found = {name.split(".")[1] for name, p in method.generator.named_parameters() if p.grad is not None}
            assert found == learns
            walk_size: list[torch.Size] = []
            hook = method.discriminator.scales[-1].register_forward_pre_hook(
                lambda _, args, into=walk_size: into.append(args[0].shape[2:])
            )
            next(iter(method.updates(batch, 0)))
            hook.remove()
            sizes.append(walk_size[0])
        assert set(sizes) == {torch.Size([16, 16])}  # each scale of a discriminator keeps its pictures' size

    def test_coarse_stages_see_halved_pictures_and_flow(self) -> None:
        method = build(scales_spatial=2, frames_start=3, frames_max=3, n_layers=1)
        batch = example(3, side=32)
        updates = [update for update in method.updates(batch, 0) if update.optimizer == "generator"]
        frames = [*(batch.frames or ()), batch]
        small = [
            dataclasses.replace(frame, source=halved(frame.source), target=halved(target_of(frame))) for frame in frames
        ]
        coarse = [halved(encoded(frame)) for frame in frames]
        with torch.no_grad():
            zeros = torch.zeros(1, 3, 16, 16)
            first = method.generator(torch.cat([coarse[0]] * 3, 1), torch.cat([zeros] * 2, 1), scales=1, moved=False)
            second = method.generator(
                torch.cat([coarse[0], coarse[0], coarse[1]], 1), torch.cat([zeros, first.final], 1), scales=1
            )
        assert frames[1].flow is not None
        flow = frames[1].flow[:, :, ::2, ::2] / 2
        before, now = target_of(small[0]), target_of(small[1])
        seen = ~flow.isnan().any(1, keepdim=True)
        good = seen & ((warp(before, flow.nan_to_num(0)) - now).square().sum(1, keepdim=True) < 0.02)
        expected = 10 * ((second.flow - flow.nan_to_num(0)).abs() * good).mean()
        assert updates[1].logs["flow"].item() == pytest.approx(expected.item(), rel=1e-4)


class TestTranslation:
    def rolled(self, method: Vid2Vid, frames: list[Batch], chunks: tuple[int, ...]) -> Tensor:
        """A sequence in chunks, each read back as 8-bit pictures from what was written."""
        written: list[Tensor] = []
        place = 0
        for length in chunks:
            for frame in frames[place : place + length]:
                start = len(written) - min(2, len(written))
                past = tuple(
                    dataclasses.replace(frames[i], target=written[i].float() / 127.5 - 1)
                    for i in range(start, len(written))
                )
                bare = dataclasses.replace(frame, target=None, frames=past or None)
                written.append(((method.translate(bare, seed=0) + 1) * 127.5).round().to(torch.uint8))
            place += length
        return torch.stack(written)

    @pytest.mark.parametrize("first", ["generated", "still"])
    @pytest.mark.parametrize("norm", ["batch", "instance"])
    def test_does_not_depend_on_chunks_or_neighbours(self, first: str, norm: str) -> None:
        method = build(first=first, norm=norm)
        frames = sequence(7, pictures=2)
        expected = self.rolled(method, frames, (7,))
        for update in perform(build(first=first, norm=norm), example(6)):  # trainings elsewhere are no matter
            assert update.loss.isfinite()
        for chunks in ((1, 1, 1, 1, 1, 1, 1), (3, 4), (2, 5)):
            assert torch.equal(expected, self.rolled(method, frames, chunks))
        alone = self.rolled(method, [frame[1] for frame in frames], (4, 3))
        assert (expected[:, 1:].int() - alone.int()).abs().max() <= 1
        assert not torch.equal(expected[2], expected[3])

    def test_generated_first_frames(self) -> None:
        method = build()
        frames = sequence(3)
        sources = [encoded(frame) for frame in frames]
        zeros = torch.zeros(1, 3, 16, 16)
        with torch.no_grad():
            first = method.generator(torch.cat([sources[0]] * 3, 1), torch.cat([zeros] * 2, 1), scales=1, moved=False)
            second = method.generator(
                torch.cat([sources[0], sources[0], sources[1]], 1), torch.cat([zeros, first.final], 1), scales=1
            )
        torch.testing.assert_close(method.translate(frames[0], seed=0), first.raw)
        past = dataclasses.replace(frames[0], target=first.final)
        found = method.translate(dataclasses.replace(frames[1], frames=(past,)), seed=0)
        torch.testing.assert_close(found, second.final)

    def test_still_first_frames(self) -> None:
        method = build(first="still")
        frames = sequence(3)
        assert method.still is not None
        for frame, past in ((frames[0], None), (frames[1], (frames[0],))):
            found = method.translate(dataclasses.replace(frame, frames=past), seed=0)
            assert frame.labels is not None
            with torch.no_grad():
                torch.testing.assert_close(found, method.still(one_hot(frame.labels, CLASSES)))
        third = method.translate(dataclasses.replace(frames[2], frames=tuple(frames[:2])), seed=0)
        assert frames[2].labels is not None
        with torch.no_grad():
            assert not torch.allclose(third, method.still(one_hot(frames[2].labels, CLASSES)))

    @pytest.mark.parametrize("first", ["generated", "still"])
    def test_goes_on_from_given_frames(self, first: str) -> None:
        method = build(first=first)
        *earlier, last = sequence(3)
        with torch.no_grad():
            sources = torch.cat([encoded(frame) for frame in (*earlier, last)], 1)
            past = torch.cat([target_of(frame) for frame in earlier], 1)
            made = method.generator(sources, past, scales=1)
        found = method.translate(dataclasses.replace(last, frames=tuple(earlier)), seed=0)
        torch.testing.assert_close(found, made.final.clamp(-1, 1))

    def test_batch_norm_reads_the_present_frame_and_records_nothing(self) -> None:
        method = build(norm="batch").train()
        *earlier, last = sequence(3, pictures=2)
        batch = dataclasses.replace(last, frames=tuple(earlier))
        before = {name: value.clone() for name, value in method.state_dict().items()}
        found = method.translate(batch, seed=0)
        assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
        assert all(module.training for module in method.modules())
        one = batch[0]
        sources = torch.cat([encoded(frame) for frame in (*(one.frames or ()), one)], 1)
        past = torch.cat([target_of(frame) for frame in one.frames or ()], 1)
        with torch.no_grad(), translating(method.generator, dropout=False, batch_statistics=True):
            made = method.generator(sources, past, scales=1)
        torch.testing.assert_close(found[:1], made.final.clamp(-1, 1))

    def test_pictures_as_sources(self) -> None:
        method = build(use_labels=False, use_instances=False)
        assert method.generator.channels == 3
        *earlier, last = sequence(3)
        bare = [dataclasses.replace(frame, labels=None, instances=None) for frame in (*earlier, last)]
        found = method.translate(dataclasses.replace(bare[2], frames=tuple(bare[:2])), seed=0)
        changed = dataclasses.replace(bare[2], source=-bare[2].source, frames=tuple(bare[:2]))
        assert not torch.equal(found, method.translate(changed, seed=0))


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("norm", "none"),
            ("first", "none"),
            ("flow", "flownet2"),
            ("perceptual", "alexnet"),
            ("scales_spatial", 0),
            ("blocks", 0),
            ("frames_start", 0),
            ("flow_weight", -1.0),
            ("decay_epochs", -1),
            ("lr", 0.0),
            ("beta1", 1.0),
            ("ngf", 7),
            ("frames_max", 6),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            Vid2VidConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_what_does_not_go_together(self) -> None:
        with pytest.raises(ValueError, match="foreground must be empty without use_labels"):
            Vid2VidConfig(use_labels=False)
        with pytest.raises(ValueError, match="discriminator_scales must be at least scales_spatial, 3"):
            Vid2VidConfig(scales_spatial=3)
        with pytest.raises(ValueError, match="fixed_epochs must have a number"):
            Vid2VidConfig(scales_spatial=2, fixed_epochs=())
        with pytest.raises(ValueError, match=r"constant_epochs \+ decay_epochs must be at least 1"):
            Vid2VidConfig(constant_epochs=0, decay_epochs=0)

    def test_two_rates(self) -> None:
        optimizers = build(ttur=True).optimizers()
        found = {name: (o.param_groups[0]["lr"], o.param_groups[0]["betas"]) for name, o in optimizers.items()}
        assert found == {
            "generator": (1e-4, (0.0, 0.9)),
            "discriminator": (4e-4, (0.0, 0.9)),
            "temporal_0": (2e-4, (0.5, 0.999)),
        }
        assert math.isclose(build().optimizers()["generator"].param_groups[0]["lr"], 2e-4)
