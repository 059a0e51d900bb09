from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from i2ibench import registry, weights
from i2ibench.adapter import Shape
from i2ibench.adapters.vid2vid import Vid2Vid
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch
from i2ibench.models.vid2vid import Vid2Vid as Model
from i2ibench.task import LabelTable, Need, Resolution

LABELS = LabelTable(name="test", names=("sky", "road", "car"), palette=((0, 0, 255), (128, 64, 128), (0, 0, 142)))
TINY = {"ngf": "4", "blocks": "2", "ndf": "4", "perceptual": "untrained"}


def shape(height: int, width: int, labels: LabelTable | None = LABELS) -> Shape:
    return Shape(resolution=Resolution(height, width), labels=labels)


class TestFit:
    def test_small_fits_the_embedded_video_task(self) -> None:
        task = registry.task("streets-video")
        config = Vid2Vid.configure("small")
        Vid2Vid.refuse(task, config)
        for resolution in task.resolutions:
            with torch.device("meta"):
                assert isinstance(Vid2Vid.build(config, Shape.of(task, resolution)), Model)
        assert Vid2Vid.augmentation(config).frames < 16  # the frames of its sequences

    def test_paper_fits_cityscapes_with_estimated_flow(self) -> None:
        task = registry.task("cityscapes-video")
        with pytest.raises(BenchError, match="gives no flow, which vid2vid with flow=given needs"):
            Vid2Vid.refuse(task, Vid2Vid.configure("paper", {"use_instances": "false"}))
        config = Vid2Vid.configure("paper", {"use_instances": "false", "flow": "raft"})
        Vid2Vid.refuse(task, config)
        with torch.device("meta"):
            Vid2Vid.build(config, Shape.of(task, task.resolutions[0]))
        assert Vid2Vid.augmentation(config).frames == 29  # whole snippets of 30

    def test_labels_of_targets_are_refused_with_a_way_out(self) -> None:
        task = registry.task("streets-video").model_copy(update={"to_labels": True})
        with pytest.raises(BenchError, match=r"those of its targets.*--set use_labels=false"):
            Vid2Vid.refuse(task, Vid2Vid.configure("small"))
        Vid2Vid.refuse(task, Vid2Vid.configure("small", {"use_labels": "false", "use_instances": "false"}))

    @pytest.mark.parametrize(
        ("settings", "labels", "told"),
        [
            ({}, None, "needs a task with labels.*--set use_labels=false"),
            ({"foreground": "[1, 3]"}, LABELS, r"foreground=\[1, 3\] names class 3, .* 0 to 2"),
        ],
    )
    def test_classes_that_the_task_lacks(
        self, settings: Mapping[str, str], labels: LabelTable | None, told: str
    ) -> None:
        with pytest.raises(BenchError, match=told):
            Vid2Vid.build(Vid2Vid.configure("small", settings), shape(64, 64, labels))

    @pytest.mark.parametrize(
        ("settings", "least"),
        [
            ({}, 16),
            ({"perceptual": "none", "halvings": "4"}, 32),
            ({"halvings": "4", "scales_spatial": "2"}, 64),
            ({"discriminator_scales": "5"}, 32),
            ({"first": "still", "still_halvings": "4"}, 32),
        ],
    )
    def test_the_smallest_pictures_train(self, settings: Mapping[str, str], least: int) -> None:
        """What is said to fit does; half of it is refused."""
        config = Vid2Vid.configure("small", {**TINY, **settings, "frames_start": "3", "frames_max": "3"})
        with pytest.raises(BenchError, match=rf"at least {least} pixels|multiples of \d+"):
            Vid2Vid.build(config, shape(least // 2, least))
        method = Vid2Vid.build(config, shape(least, least))

        def frame() -> Batch:
            maps = torch.zeros(1, least, least, dtype=torch.long)
            picture = torch.zeros(1, 3, least, least)
            return Batch(("a",), picture, picture, labels=maps, instances=maps, flow=picture[:, :2])

        last = frame()
        batch = Batch(**{**vars(last), "frames": tuple(frame() for _ in range(Vid2Vid.augmentation(config).frames))})
        for method.fraction in (0.0, 0.99):
            for update in method.updates(batch, 0):
                assert torch.isfinite(update.loss)  # type: ignore[union-attr]


class TestCard:
    def test_goes_one_by_one_with_batch_norm_alone(self) -> None:
        for norm, alone in (("batch", True), ("instance", False)):
            assert Vid2Vid.card_for(Vid2Vid.configure("small", {"norm": norm})).one_by_one == alone
        assert Vid2Vid.card.history == 2

    def test_needs_follow_settings(self) -> None:
        assert set(Vid2Vid.needs(Vid2Vid.configure("paper"))) == {Need.LABELS, Need.INSTANCES, Need.FLOW}
        assert set(Vid2Vid.needs(Vid2Vid.configure("pictures", {"flow": "raft"}))) == set()

    @pytest.mark.parametrize(("first", "frames"), [("still", 9), ("generated", 7)])
    def test_sequences_have_two_real_frames_before_those_made(self, first: str, frames: int) -> None:
        augmentation = Vid2Vid.augmentation(Vid2Vid.configure("small", {"first": first, "frames_max": "8"}))
        assert augmentation.frames == frames
        assert augmentation.mirror


class Training:
    """Hands out tensors instead of files."""

    def __init__(self, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
        self.tensors = tensors
        self.fitted: list[Any] = []

    def load(self, name: str, into: Callable[[Mapping[str, Tensor]], None]) -> None:
        into(self.tensors[name])

    def fit(self, method: Any) -> None:
        self.fitted.append(method)


class TestWeights:
    def test_names(self) -> None:
        assert Vid2Vid.weights(Vid2Vid.configure("paper")) == ("vgg19",)
        assert Vid2Vid.weights(Vid2Vid.configure("small", {"flow": "raft"})) == ("vgg16", "raft_small")
        assert Vid2Vid.weights(Vid2Vid.configure("small", {"perceptual": "none"})) == ()

    def test_card_of_raft_is_torchvisions(self) -> None:
        card = weights.CARDS["raft_small"]
        assert card.url is not None
        assert card.url().endswith(card.file)
        assert card.sha256 in card.file
        assert card.on_demand

    def test_training_estimates_with_raft(self) -> None:
        from torchvision.models.optical_flow import raft_small

        config = Vid2Vid.configure("small", {**TINY, "flow": "raft"})
        method = Vid2Vid.build(config, shape(32, 32))
        assert isinstance(method, Model)
        parameters = sum(p.numel() for p in method.parameters())
        training = Training({"raft_small": raft_small().state_dict()})
        Vid2Vid.train(method, training)
        assert training.fitted == [method]
        assert method.estimate_flow is not None
        assert sum(p.numel() for p in method.parameters()) == parameters  # it is not part of what is trained
