"""StyleGAN's face to the harness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from i2ibench.adapter import Adapter, Augmentation, MethodCard, Paper, Shape
from i2ibench.errors import BenchError
from i2ibench.task import Level, Resolution

if TYPE_CHECKING:
    from i2ibench.models.method import Method
    from i2ibench.models.stylegan import StyleGANConfig

SMALL = {"base": 1024, "max_dim": 64, "code_dim": 64, "mapping_layers": 4}


class StyleGAN(Adapter):
    """A GAN of one domain: what DeepI2I's variant on StyleGAN starts from, and no translator."""

    card = MethodCard(
        name="stylegan",
        title="StyleGAN",
        paper=Paper(
            title="A Style-Based Generator Architecture for Generative Adversarial Networks",
            authors="Tero Karras, Samuli Laine, Timo Aila",
            venue="CVPR",
            year=2019,
            arxiv="1812.04948",
        ),
        levels=frozenset({Level.WEAK}),
        resolution=Resolution(256, 256),
        stochastic=True,
        starts=("deepi2i_stylegan",),
        deviations=(
            "published as a generator of pictures: as a translator it draws one of the target domain and ignores its "
            "source and the class asked for",
            "the real pictures are the task's targets, with pictures=both its sources too; the StyleGAN that DeepI2I "
            "transfers is of neither of its domains, but of human faces (FFHQ)",
            "networks and training of Rosinality's PyTorch version, which DeepI2I transfers, at 256x256, where the "
            "paper's main results are of 1024x1024: noise is shared by both layers of a size and comes before the "
            "nonlinearity, which comes before the norm; its losses are WGAN-GP, or R1 (loss=r1)",
            "networks are of their final size from the start, not grown from 8x8 by phases of 600,000 pictures; rates "
            "are the same at all sizes",
            "longer pictures have longer maps; each pass flips its own coin for the mixing of styles",
            "pictures are drawn without truncation, by the average of the generator's weights, and values beyond "
            "[-1, 1] are cut",
            "the small preset is narrower, with half of the mapping network's layers",
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {}, "small": SMALL}
    batch_size: ClassVar[Mapping[str, int]] = {"paper": 32, "small": 8}

    @classmethod
    def config(cls) -> type[StyleGANConfig]:
        """`StyleGANConfig`."""
        from i2ibench.models.stylegan import StyleGANConfig

        return StyleGANConfig

    @classmethod
    def build(cls, config: StyleGANConfig, shape: Shape) -> Method:
        """The GAN for pictures of `shape`. Raises `BenchError` where there are no networks for them."""
        from i2ibench.models.stylegan import StyleGAN as Model

        check_pictures("stylegan", shape.resolution)
        return Model(config, *shape.resolution)

    @classmethod
    def augmentation(cls, config: StyleGANConfig) -> Augmentation:
        """Mirroring."""
        return Augmentation(mirror=config.mirror)


def check_pictures(name: str, resolution: Resolution) -> None:
    """Raise `BenchError` where there are no networks of StyleGAN, as `name` has them, for pictures of `resolution`."""
    from i2ibench.models.layers.stylegan_layout import BOTTOM, SIDES

    side, known = min(resolution), ", ".join(map(str, SIDES[:-1])) + f" or {SIDES[-1]}"
    if side not in SIDES:
        raise BenchError(
            f"{name} has networks for pictures whose shorter side is {known} pixels, and the task's are {resolution}: "
            "choose another resolution"
        )
    if max(resolution) % (side // BOTTOM):
        raise BenchError(
            f"{name} for pictures of the shorter side {side} needs sides that are multiples of {side // BOTTOM}, and "
            f"the task's are {resolution}: choose another resolution"
        )
