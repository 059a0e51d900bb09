"""INIT: Towards Instance-level Image-to-Image Translation.

Shen, Huang, Shi, Xue, Huang. CVPR 2019, arXiv 1905.01744. MUNIT's auto-encoders and discriminators, trained on three
views of each picture: the whole of it, one of its objects (an instance), cropped by its box and enlarged, and the
background, what its boxes leave. A content may be decoded in the style of a view as coarse as its own or coarser, so
that styles of whole pictures and backgrounds are tried on instances and never the reverse:

- content of the whole picture: in the style of the whole, or a drawn one of the other domain;
- content of an instance: in the styles of the instance, the background and the whole, or the one drawn for the whole.

Boxes are read in training only: a translation is MUNIT's, of the whole picture.

There is no published code, and the paper leaves much open. Decided here, and so deliberate deviations where it differs:
- Both views share one auto-encoder for each domain, encoders and decoder; `share_instance_encoder=false` gives
  instances their own. They are judged by a second pair of MUNIT's discriminators.
- All weights, and least squares for the paper's log loss (`objective="vanilla"`), are MUNIT's for street scenes without
  its perceptual term; those of instances equal those of whole pictures.
- An instance is one box a picture and step, all with a shorter side of at least `least_side` pixels equally likely,
  resized to 120x120 in every data set. A picture that has none has no instance terms in that step: they are sums over
  instances divided by the pictures of the batch, which nothing else makes up for.
- The background is the picture with its boxes filled with 0, and gives its style alone.
- An instance decoded in the style of its picture or background must give back, encoded again, its content and that
  style, and with this content and its own style itself. In the picture's style it is also judged, at half weight for
  generator and discriminator; where a discriminator takes reals against it, those too weigh half.
- An instance is translated in the style that was drawn for its picture.
- Codes that others are compared with take gradients too, as MUNIT's contents do.
- Styles are not swapped between a picture and its half-sized version, which the paper has as an option.
- MUNIT's schedule is stretched over the budget, whatever the budget is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from i2ibench.models.layers.exhibits import Exhibit, judged
from i2ibench.models.layers.instance_crops import Crop, drawn_crops, instance_pictures, without_instances
from i2ibench.models.layers.instance_views import Instances, rows_of
from i2ibench.models.layers.settings import check_least, check_not_negative
from i2ibench.models.layers.styled_autoencoder import StyledAutoEncoder
from i2ibench.models.layers.unnormed_discriminator import UnnormedDiscriminator, smallest_side
from i2ibench.models.layers.views import View, Weights, recovery_losses
from i2ibench.models.method import Batch, Update, frozen, required
from i2ibench.models.munit import MUNIT, MUNITConfig, build_discriminator, build_generator


@dataclass(frozen=True)
class INITConfig(MUNITConfig):
    """MUNIT's settings and those of instances. The defaults are MUNIT's for street scenes without its perceptual term,
    and the paper's size of instances."""

    recon_x_cyc_weight: float = 10.0
    """Of a picture's reconstruction from the content of its translation and its own style."""
    share_instance_encoder: bool = True
    """Instances and whole pictures of a domain have one auto-encoder; otherwise each its own."""
    instance_scales: int = 3
    """Scales at which an instance is judged."""
    instance_size: int = 120
    """Side in pixels to which an instance is resized."""
    least_side: int = 24
    """Pixels of the shorter side of a box, from which on it gives an instance."""
    instance_gan_weight: float = 1.0
    instance_recon_x_weight: float = 10.0
    """Of an instance's reconstruction: from its own codes, and with the content that its decodings in coarser styles
    of its picture have."""
    instance_recon_s_weight: float = 1.0
    """Of the recovery of the style from the translation and from decodings in coarser styles."""
    instance_recon_c_weight: float = 1.0
    """Of the recovery of the content from these."""
    instance_recon_x_cyc_weight: float = 10.0
    """Of an instance's reconstruction from the content of its translation and its own style."""
    background_weight: float = 1.0
    """Of the decoding of instances in the background's style, relative to that in the picture's."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        super().__post_init__()
        check_least(self, instance_scales=1, least_side=1)
        check_not_negative(self, *(f"instance_{name}_weight" for name in Weights._fields), "background_weight")
        if self.gan_weight == 0 < self.instance_gan_weight:
            raise ValueError("gan_weight must be positive where instance_gan_weight is, found 0")
        if self.with_instances:
            self._check_instance_size()

    def _check_instance_size(self) -> None:
        least = max(self.smallest_encoded, smallest_side(self.n_layers, self.instance_scales))
        if self.instance_size % self.multiple or self.instance_size < least:
            raise ValueError(
                f"instance_size must be a multiple of {self.multiple} (n_downsample={self.n_downsample}) and at least "
                f"{least} (style_downsample={self.style_downsample}, n_layers={self.n_layers}, "
                f"instance_scales={self.instance_scales}), found {self.instance_size}"
            )

    @property
    def instance_weights(self) -> Weights:
        """Those of the losses of instances."""
        return Weights(*(getattr(self, f"instance_{name}_weight") for name in Weights._fields))

    @property
    def with_instances(self) -> bool:
        """Whether any loss reads instances."""
        return sum(self.instance_weights) > 0


class INIT(MUNIT):
    """MUNIT's auto-encoder and discriminator for each domain, a (the sources') and b (the targets'), and one more
    discriminator for each, of instances."""

    config: INITConfig

    def __init__(self, config: INITConfig) -> None:
        super().__init__(config)  # first, so that under the same seed MUNIT's networks have the same weights
        self.instance_discriminator_a = build_discriminator(config, config.instance_scales)
        self.instance_discriminator_b = build_discriminator(config, config.instance_scales)
        shared = config.share_instance_encoder
        self.instance_generator_a = None if shared else build_generator(config)
        self.instance_generator_b = None if shared else build_generator(config)

    @property
    def generators(self) -> Sequence[StyledAutoEncoder]:
        """Those of both domains, and of their instances where these have their own."""
        own = self.instance_generator_a, self.instance_generator_b
        return *super().generators, *(generator for generator in own if generator is not None)

    @property
    def discriminators(self) -> Sequence[UnnormedDiscriminator]:
        """Those of both domains and granularities."""
        return *super().discriminators, self.instance_discriminator_a, self.instance_discriminator_b

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The discriminators' step, then the auto-encoders' with newly drawn styles (section 3, after MUNIT's 3.1)."""
        a, b = self.views(batch)
        instances = self.instances(a, b, batch)

        if self.config.gan_weight > 0:
            styles = self.drawn_styles(batch)
            losses = self.instance_discriminator_losses(*instances, *styles)
            losses |= self.discriminator_losses(a, b, *styles)
            yield self.update("discriminator", losses)

        styles = self.drawn_styles(batch)
        with frozen(*self.discriminators):
            losses = self.generator_losses(a, b, *styles)
            losses |= self.instance_generator_losses(*instances, *styles)
        yield self.update("generator", losses)

    def weight(self, name: str) -> float:
        """The weight of the loss of that name."""
        return self.config.instance_gan_weight if name.startswith("instance_discriminator") else super().weight(name)

    def instances(self, a: View, b: View, batch: Batch) -> tuple[Instances | None, Instances | None]:
        """The instances of both domains' whole pictures; None where a domain has none or no loss reads them.

        Raises `ValueError` where losses read them and the batch is without boxes.
        """
        if not self.config.with_instances:
            return None, None
        of_a = required(batch.boxes, "boxes", "init")
        of_b = required(batch.target_boxes, "boxes of targets", "init")
        crops = drawn_crops([*of_a, *of_b], self.config.least_side)  # at once, as reading them waits for their device
        in_a, in_b = self._instance_generators
        return (
            self._instances(a, in_a, of_a, crops[: len(of_a)]),
            self._instances(b, in_b, of_b, crops[len(of_a) :]),
        )

    def instance_discriminator_losses(
        self, instances_a: Instances | None, instances_b: Instances | None, styles_a: Tensor, styles_b: Tensor
    ) -> dict[str, Tensor]:
        """What each discriminator of instances loses, if it has a weight, by its name, not weighted.

        It is to be asked before `discriminator_losses`: here decodings take gradients and there none, and autocast may
        keep a weight's first cast for all of a block.
        """
        if not self.config.instance_gan_weight > 0:
            return {}
        objective, (in_a, in_b) = self.config.objective, self._instance_generators
        of_a, of_b = _own_exhibits(instances_a), _own_exhibits(instances_b)
        of_a += _translated_exhibits(instances_b, in_a, styles_a)
        of_b += _translated_exhibits(instances_a, in_b, styles_b)
        return {
            "instance_discriminator_a": judged(self.instance_discriminator_a, objective, of_a),
            "instance_discriminator_b": judged(self.instance_discriminator_b, objective, of_b),
        }

    def instance_generator_losses(
        self, instances_a: Instances | None, instances_b: Instances | None, styles_a: Tensor, styles_b: Tensor
    ) -> dict[str, Tensor]:
        """The instances' terms that have a weight, by its name, both domains' together, not weighted."""
        in_a, in_b = self._instance_generators
        on_a, on_b = self.instance_discriminator_a, self.instance_discriminator_b
        losses_a = self._decoded_losses(instances_a, instances_b, in_a, on_a, styles_a)
        losses_b = self._decoded_losses(instances_b, instances_a, in_b, on_b, styles_b)
        return {f"instance_{name}": value + losses_b[name] for name, value in losses_a.items()}

    def _decoded_losses(
        self,
        own: Instances | None,
        other: Instances | None,
        generator: StyledAutoEncoder,
        discriminator: UnnormedDiscriminator,
        styles: Tensor,
    ) -> dict[str, Tensor]:
        """The terms of the instances that are decoded in one domain, 0 where there are none.

        Its `own` are decoded in their own styles and in coarser ones, the `other` domain's in `styles`, drawn for their
        pictures.
        """
        weights, exhibits = self.config.instance_weights, []
        losses = {name: styles.new_zeros(()) for name, weight in weights._asdict().items() if weight > 0}

        def add(terms: Mapping[str, Tensor]) -> None:
            losses.update({name: losses[name] + value for name, value in terms.items()})

        if other is not None and weights.of_translations > 0:
            drawn = rows_of(styles, other.rows)
            fakes = View(generator, generator.decode(other.view.content, drawn))
            add(recovery_losses(other.view, fakes, drawn, weights, [other.share]))
            exhibits.append(Exhibit(fakes.pictures, True, other.share))
        if own is not None and weights.recon_x > 0:
            add({"recon_x": own.share * F.l1_loss(own.reconstruction, own.view.pictures)})
        if own is not None and weights.of_coarser_styles > 0:
            coarser = own.in_coarser_styles, own.coarser_styles
            add(recovery_losses(own.view, *coarser, weights, own.parts, "recon_x"))
        if own is not None and weights.gan > 0:
            exhibits.append(Exhibit(own.in_whole_styles, True, own.share / 2))
        if weights.gan > 0:
            add({"gan": judged(discriminator, self.config.objective, exhibits)})
        return losses

    @property
    def _instance_generators(self) -> tuple[StyledAutoEncoder, StyledAutoEncoder]:
        return self.instance_generator_a or self.generator_a, self.instance_generator_b or self.generator_b

    def _instances(
        self, whole: View, generator: StyledAutoEncoder, boxes: Sequence[Tensor], crops: Sequence[Crop | None]
    ) -> Instances | None:
        config = self.config
        rows = [row for row, crop in enumerate(crops) if crop is not None]
        if not rows:
            return None
        view = View(generator, instance_pictures(whole.pictures, crops, config.instance_size))
        backgrounds = None
        if config.background_weight > 0 and config.instance_weights.of_coarser_styles > 0:
            left = torch.stack([without_instances(whole.pictures[row], boxes[row]) for row in rows])
            backgrounds = View(whole.generator, left)
        return Instances(whole, view, rows, backgrounds, config.background_weight)


def _own_exhibits(own: Instances | None) -> list[Exhibit]:
    """For the discriminator of instances: reals, and their decodings in the styles of their pictures."""
    if own is None:
        return []
    # reals count once against translations and half against these decodings
    crossed = Exhibit(own.in_whole_styles.detach(), False, own.share / 2)
    return [Exhibit(own.view.pictures, True, own.share * 3 / 2), crossed]


@torch.no_grad()
def _translated_exhibits(other: Instances | None, generator: StyledAutoEncoder, styles: Tensor) -> list[Exhibit]:
    """For the same: the other domain's instances, translated in the styles drawn for their pictures."""
    if other is None:
        return []
    fakes = generator.decode(other.view.content, rows_of(styles, other.rows))
    return [Exhibit(fakes, False, other.share)]
