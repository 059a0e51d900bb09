from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vid2vid_cases import CLASSES, SMALL, build, encoded, example, target_of

from i2ibench.models.layers.semantics import one_hot
from i2ibench.models.layers.video_generator import Generated
from i2ibench.models.layers.warping import warp
from i2ibench.models.method import Batch, Update
from i2ibench.models.vid2vid import Vid2Vid, masked_l1


class TestLosses:
    """Against formulas written out, on what the networks are before their steps."""

    def test_masked_l1_by_hand(self) -> None:
        a = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 2, 2)
        confidence = torch.tensor([1.0, 0.0, 1.0, 0.0]).reshape(1, 1, 2, 2)
        assert masked_l1(a, torch.zeros_like(a), confidence).item() == (1 + 3) / 4
        assert masked_l1(a.expand(1, 3, 2, 2), torch.ones(1, 3, 2, 2), confidence).item() == 3 * 2 / 12

    @pytest.mark.parametrize("first", ["generated", "still"])
    def test_the_generators(self, first: str) -> None:
        method = build(first=first)
        lead = method.config.lead
        batch = example(lead + 4)
        updates = [
            update for update in method.updates(batch, 0) if update.optimizer == "generator"
        ]  # none is performed
        frames = [*(batch.frames or ()), batch]
        made = self.made(method, frames)
        for number, update in enumerate(updates):
            expected = self.expected(method, frames, made, number)
            for name, value in expected.items():
                assert update.logs[name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-6), (number, name)
            assert set(update.logs) == set(expected)
            assert update.loss.item() == pytest.approx(sum(value.item() for value in expected.values()), rel=1e-4)
        assert "flow" not in updates[0].logs or lead
        assert "trust" not in updates[-1].logs or first == "generated"
        assert "temporal_adversarial_0" in updates[-1].logs

    def test_the_discriminators(self) -> None:
        method = build()
        batch = example(4)
        frames = [*(batch.frames or ()), batch]
        made = self.made(method, frames)
        found = [update for update in method.updates(batch, 0) if update.optimizer != "generator"]
        pictures = [update.loss.item() for update in found if update.optimizer == "discriminator"]
        for number, loss in enumerate(pictures):
            source = encoded(frames[number])
            fakes = [judged(method.discriminator, source, one, False) for one in (made[number].final, made[number].raw)]
            real = judged(method.discriminator, source, target_of(frames[number]), True)
            assert loss == pytest.approx((sum(fakes) + 2 * real) / 2, rel=1e-4)
        temporal = [update.loss.item() for update in found if update.optimizer == "temporal_0"]
        assert len(temporal) == 2  # the third frame's and the fourth's
        fake, real = self.triplets(frames, made, 3)
        expected = (judged(method.temporal[0], fake, real=False) + judged(method.temporal[0], real, real=True)) / 2
        assert temporal[1] == pytest.approx(expected, rel=1e-4)

    def test_the_still_pictures(self) -> None:
        method = build(first="still")
        batch = example(6)
        assert batch.frames is not None
        updates = list(method.updates(batch, 0))[:2]
        assert [update.optimizer for update in updates] == ["still", "still_discriminator"]
        source = torch.cat([one_hot(frame.labels, CLASSES) for frame in batch.frames[:2] if frame.labels is not None])
        real = torch.cat([target_of(frame) for frame in batch.frames[:2]])
        assert method.still is not None
        assert method.still_discriminator is not None
        fake = method.still(source)
        adversarial = judged(method.still_discriminator, source, fake, True)
        assert updates[0].logs["still_adversarial"].item() == pytest.approx(adversarial, rel=1e-4)
        on_fake = judged(method.still_discriminator, source, fake, False)
        on_real = judged(method.still_discriminator, source, real, True)
        assert updates[1].loss.item() == pytest.approx((on_fake + on_real) / 2, rel=1e-4)

    def test_perceptual_is_that_of_final_and_raw(self) -> None:
        method = build(perceptual="untrained", frames_start=3, frames_max=3)
        batch = example(3)
        frames = [*(batch.frames or ()), batch]
        updates = [update for update in method.updates(batch, 0) if update.optimizer == "generator"]
        for frame, made, update in zip(frames, self.made(method, frames), updates, strict=True):
            with torch.no_grad():
                expected = 10 * sum(method.perceptual(one, target_of(frame)) for one in (made.final, made.raw))
            assert update.logs["perceptual"].item() == pytest.approx(float(expected), rel=1e-4)

    def test_no_gradient_of_the_generators_loss_stays_in_discriminators(self) -> None:
        method = build()
        first = next(iter(method.updates(example(4), 0)))
        assert isinstance(first, Update)
        first.loss.backward()
        for judge in (method.discriminator, method.temporal):
            assert all(p.grad is None and p.requires_grad for p in judge.parameters())

    def test_the_discriminators_gradient_is_that_of_its_loss(self) -> None:
        """Its pass over what is real is shared with the generator's loss, before which it was made."""
        method = build()
        batch = example(4)
        frames = [*(batch.frames or ()), batch]
        made, source = self.made(method, frames)[0], encoded(frames[0])
        maps = [
            (scale[-1], label)
            for picture, label in ((made.raw, 0.0), (target_of(frames[0]), 1.0))
            for scale in method.discriminator(torch.cat([source, picture], 1))
        ]
        loss = torch.stack([torch.square(one - label).mean() for one, label in maps]).sum()
        expected = torch.autograd.grad(loss, list(method.discriminator.parameters()))
        updates = iter(method.updates(batch, 0))
        generator, discriminator = next(updates), next(updates)
        assert isinstance(generator, Update)
        assert isinstance(discriminator, Update)
        generator.loss.backward()
        discriminator.loss.backward()
        for parameter, gradient in zip(method.discriminator.parameters(), expected, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)

    def made(self, method: Vid2Vid, frames: list[Batch]) -> list[Generated]:
        """All frames one after another, of networks that are not stepped."""
        lead = method.config.lead
        past = [torch.zeros(1, 3, 16, 16)] * 2 if not lead else [target_of(frame) for frame in frames[:2]]
        found = []
        for number in range(lead, len(frames)):
            sources = torch.cat([encoded(frames[max(number - back, 0)]) for back in (2, 1, 0)], 1)
            with torch.no_grad():
                one = method.generator(sources, torch.cat(past[-2:], 1), scales=1, moved=number > 0)
            found.append(one)
            past.append(one.final)
        return found

    def triplets(self, frames: list[Batch], made: list[Generated], number: int) -> tuple[Tensor, Tensor]:
        """The made frames `number` - 2 to `number`, all frames made, with flows in pixels over 20."""
        flows = []
        for frame in frames[number - 1 : number + 1]:
            assert frame.flow is not None
            flows.append(frame.flow.nan_to_num(0) / 20)
        fake = torch.cat([*(one.final for one in made[number - 2 : number + 1]), *flows], 1)
        return fake, torch.cat([*(target_of(frame) for frame in frames[number - 2 : number + 1]), *flows], 1)

    def expected(self, method: Vid2Vid, frames: list[Batch], made: list[Generated], number: int) -> dict[str, Tensor]:
        lead = method.config.lead
        frame, one = frames[lead + number], made[number]
        source, target = encoded(frame), target_of(frame)
        losses = {
            "adversarial": torch.tensor(
                sum(judged(method.discriminator, source, picture, True) for picture in (one.final, one.raw))
            ),
            "features": sum(
                matched(method.discriminator, torch.cat([source, picture], 1), torch.cat([source, target], 1))
                for picture in (one.final, one.raw)
            ),
        }
        if number >= 2:
            fake, real = self.triplets(frames[lead:], made, number)
            losses["temporal_adversarial_0"] = torch.tensor(judged(method.temporal[0], fake, real=True))
            losses["temporal_features_0"] = matched(method.temporal[0], fake, real)
        if one.flow is None:
            return losses
        before = target_of(frames[lead + number - 1])
        assert frame.flow is not None
        flow = frame.flow.nan_to_num(0)
        good = ~frame.flow.isnan().any(1) & ((warp(before, flow) - target).square().sum(1) < 0.02)
        assert 0.5 < good.float().mean() < 1
        confidence = good[:, None].float()
        made_before = made[number - 1].final if number else before
        losses["flow"] = 10 * (confidence * (one.flow - flow).abs()).mean()
        losses["flow_warp"] = 10 * (confidence * (warp(before, one.flow) - target).abs()).mean()
        losses["warp"] = 10 * (confidence * (one.final - warp(made_before, flow)).abs()).mean()
        if method.config.first == "generated":
            losses["trust"] = (confidence * one.weight).mean()
        return losses


def judged(judge: nn.Module, *inputs: Tensor, real: bool | None = None) -> float:
    """The sum over scales of the mean squared distance to 1 or 0, `real` or the last input."""
    if real is None:
        *inputs, real = inputs  # type: ignore[assignment]
    with torch.no_grad():
        maps = [scale[-1] for scale in judge(torch.cat(list(inputs), 1))]
    return sum(F.mse_loss(one, torch.full_like(one, float(bool(real)))).item() for one in maps)


def matched(judge: nn.Module, fake: Tensor, real: Tensor) -> Tensor:
    """Feature matching of two scales, weighted by 10."""
    with torch.no_grad():
        pairs = [
            (one, other)
            for scales in zip(judge(fake), judge(real), strict=True)
            for one, other in list(zip(*scales, strict=True))[:-1]
        ]
    stages = SMALL["n_layers"] + 1
    assert len(pairs) == 2 * stages
    return 10 * sum((one - other).abs().mean() for one, other in pairs) * (4 / stages) / 2  # type: ignore[return-value]
