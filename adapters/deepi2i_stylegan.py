"""The face to the harness of DeepI2I's variant on StyleGAN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Shape
from i2ibench.adapters.deepi2i import DeepI2I
from i2ibench.adapters.stylegan import SMALL, check_pictures
from i2ibench.errors import BenchError
from i2ibench.task import Level, Resolution, Task

if TYPE_CHECKING:
    from i2ibench.models.deepi2i_stylegan import DeepI2IStyleGANConfig
    from i2ibench.models.method import Method

_ANEW = {"transfer": False, "fusion_weight": 1.0, "fusion_finest": 0.1}


class DeepI2IStyleGAN(Adapter):
    """Translation to one domain by a GAN that knows how to draw: a picture's maps steer its generator."""

    card = MethodCard(
        name="deepi2i_stylegan",
        title="DeepI2I on StyleGAN",
        paper=DeepI2I.card.paper,
        levels=frozenset({Level.WEAK}),
        resolution=Resolution(256, 256),
        stochastic=True,
        deviations=(
            "the GAN to start from is any that is named: a run of stylegan, whose pictures are a task's own, or a file "
            "of Rosinality's code; the published one is of human faces (FFHQ), of neither domain",
            "sources are translated to the target domain as a whole: a class asked for is not read",
            "alignment lasts for a share of the budget, where the code has 500 iterations of a number not fixed",
            "optimisers start anew; the encoder has no head",
            "besides 256 pixels there are 32 to 1024: maps are read at 64, or a quarter of the shorter side where that "
            "is less, down to 4; the largest have weight 0, as the published ones at 64, so their adaptor learns "
            "nothing",
            "each pass flips its own coin for the mixing of styles; longer pictures have longer maps; values beyond "
            "[-1, 1] are cut",
            "transfer=false trains all networks anew, which the authors' code has on BigGAN alone; scratch and small "
            "presets do so, with its weights: 1, and 0.1 at the largest size",
            "small presets are narrower, with half of the mapping network's layers",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "scratch": _ANEW,
        "small": {**SMALL, **_ANEW},
        "small_transfer": {**SMALL, "alignment": 0.02},
    }
    batch_size: ClassVar[Mapping[str, int]] = {"paper": 32, "scratch": 32, "small": 8, "small_transfer": 8}

    @classmethod
    def config(cls) -> type[DeepI2IStyleGANConfig]:
        """`DeepI2IStyleGANConfig`."""
        from i2ibench.models.deepi2i_stylegan import DeepI2IStyleGANConfig

        return DeepI2IStyleGANConfig

    @classmethod
    def build(cls, config: DeepI2IStyleGANConfig, shape: Shape) -> Method:
        """The method for pictures of `shape`. Raises `BenchError` where there are no networks for them."""
        from i2ibench.models.deepi2i_stylegan import DeepI2IStyleGAN as Model

        check_pictures("deepi2i_stylegan", shape.resolution)
        return Model(config, *shape.resolution)

    @classmethod
    def augmentation(cls, config: DeepI2IStyleGANConfig) -> Augmentation:
        """Mirroring."""
        return Augmentation(mirror=config.mirror)

    @classmethod
    def weights(cls, config: DeepI2IStyleGANConfig) -> tuple[str, ...]:
        """The trained GAN."""
        return (config.gan,) if config.gan else ()

    @classmethod
    def refuse(cls, task: Task, config: DeepI2IStyleGANConfig) -> None:
        """Raise `BenchError` where there is no GAN to transfer."""
        super().refuse(task, config)
        if config.transfer and not config.gan:
            raise BenchError(
                "deepi2i_stylegan starts from a trained StyleGAN, and none is named: train one (i2ibench pretrain "
                f"stylegan {task.name} --budget ...) or take a published one (i2ibench weights add), then --set "
                "gan=NAME; or use --set transfer=false (presets scratch and small), which trains all networks anew"
            )
