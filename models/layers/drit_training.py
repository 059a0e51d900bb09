"""How DRIT++ is trained, between two domains as of several (Lee et al., arXiv 1905.01270): its shared settings, rates
and optimisers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.drit_discriminators import smallest_content
from i2ibench.models.layers.schedules import epoch_of
from i2ibench.models.layers.settings import check_adam, check_choices, check_epochs, check_least, check_not_negative
from i2ibench.models.method import inference

Style = Literal["sampled", "exemplar"]
Posterior = Literal["sampled", "mean"]


@dataclass(frozen=True)
class DRITTraining:
    """The settings of both, at their published values for domains of one shape: windows of 216x216 out of 256x256."""

    concat: bool = True
    """Attributes are drawn from Gaussians and concatenated to features; else they are numbers that are mixed in, for
    domains that differ in shapes."""
    mode_seeking: bool = True
    """Translations of two draws of attributes shall differ, as in DRIT++ for two domains; DRIT is without."""
    dim: int = 64
    """Channels after the first convolution of encoders."""
    nz: int = 8
    """Numbers of attributes."""
    n_res: int = 3
    """Residual blocks in content encoder and generator, beside one more at either side."""
    mlp_dim: int = 256
    """Without `concat`: width of the network that makes what is mixed in."""
    attribute_halvings: int = 4
    """Halvings in an attribute encoder."""
    dis_dim: int = 64
    """Channels after a discriminator's first convolution."""
    n_layers: int = 4
    """Strided convolutions of a discriminator."""
    spectral: bool = False
    """Spectral norm in the discriminators of pictures."""
    content_layers: int = 3
    """Strided convolutions of the content discriminator."""
    content_kernel: int = 7
    """Side of those convolutions: contents of 16x16 can be judged with two of 3x3."""
    content_gan_weight: float = 1.0
    """Of contents' telling nothing of their domain; 0: there is no content discriminator."""
    recon_weight: float = 10.0
    """Of a picture's reconstruction from its own content and attributes."""
    cycle_weight: float = 10.0
    """Of a picture's reconstruction from the contents and attributes of translations."""
    content_weight: float = 0.01
    """Of contents' mean square."""
    kl_weight: float = 0.01
    """Of attributes' divergence from N(0, I), or without `concat` their mean square."""
    latent_weight: float = 10.0
    """Of the recovery of drawn attributes from translations."""
    ms_weight: float = 1.0
    """Of mode seeking."""
    d_iter: int = 3
    """One of so many steps is a full one, the others are the content discriminator's alone."""
    content_clip: float = 5.0
    """The norm that the content discriminator's gradient is clipped to; 0: it is not."""
    lr: float = 1e-4
    content_lr: float = 4e-5
    """The content discriminator's."""
    beta1: float = 0.5
    beta2: float = 0.999
    weight_decay: float = 1e-4
    """As an L2 penalty, added to the gradient."""
    constant_epochs: int = 600
    decay_epochs: int = 600
    load_scale: float = 1.0
    """Training pictures are resized by this before windows are cropped."""
    crop: int = 216
    """Side of the square windows that are trained on; 0: of the pictures' size."""
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2."""
    style: Style = inference("sampled")  # noqa: RUF009  (it makes a dataclass field)
    """Attributes are drawn from N(0, I), or are those of exemplars."""
    posterior: Posterior = inference("sampled")  # noqa: RUF009
    """With `concat`, an exemplar's attributes are drawn from their Gaussian, as published, or are its mean."""
    synchronized: bool = inference(False)
    """Sample number n has the same draw for all sources."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(self, style=Style, posterior=Posterior)
        check_least(self, dim=1, nz=1, n_res=1, mlp_dim=1, attribute_halvings=1, dis_dim=1, n_layers=1)
        check_least(self, content_layers=0, content_kernel=2, d_iter=1, crop=0)
        check_not_negative(self, "content_gan_weight", "recon_weight", "cycle_weight", "content_weight", "kl_weight")
        check_not_negative(self, "latent_weight", "content_clip", "weight_decay", "constant_epochs", "decay_epochs")
        check_epochs(self, "constant_epochs", "decay_epochs")
        check_adam(self, "beta1", "beta2")
        if not self.content_lr > 0:
            raise ValueError(f"content_lr must be positive, found {self.content_lr}")
        if not self.ms_weight > 0:
            raise ValueError(f"ms_weight must be positive, or mode_seeking false, found {self.ms_weight}")
        if self.load_scale < 1:
            raise ValueError(f"load_scale must be at least 1, or no crop fits, found {self.load_scale}")

    @property
    def multiple(self) -> int:
        """What both sides of a picture must be multiples of."""
        return 4

    @property
    def smallest_encoded(self) -> int:
        """The least side of a picture that encoders and generators can do with."""
        return max(8, 1 << self.attribute_halvings)

    @property
    def smallest_content(self) -> int:
        """The least side of a picture whose content can be judged."""
        least = smallest_content(self.content_layers, self.content_kernel) if self.content_gan_weight > 0 else 1
        return 4 * least - 3  # published as 209; halved twice, rounding up

    def optimizers(self, networks: Mapping[str, nn.Module | None]) -> dict[str, Optimizer]:
        """An Adam with an L2 penalty for each of `networks` that there is, by its name."""
        betas, rates = (self.beta1, self.beta2), {"content_discriminator": self.content_lr}
        return {
            name: Adam(one.parameters(), rates.get(name, self.lr), betas, weight_decay=self.weight_decay, fused=True)
            for name, one in networks.items()
            if one is not None
        }

    def rate(self, fraction: float) -> float:
        """The factor on learning rates in epoch e = 0, 1 ...: 1 - max(0, e - 600) / 601."""
        epoch = epoch_of(fraction, self.constant_epochs + self.decay_epochs) - 1
        return 1.0 - max(0, epoch - self.constant_epochs) / (self.decay_epochs + 1)

    def weighted(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The sum of `losses`, each by the weight of its name, or of that without a 2; adversarial terms have none."""
        weights = {name: getattr(self, f"{name.removesuffix('2')}_weight", 1.0) for name in losses}
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def initialize(method: nn.Module) -> None:
    """Draw convolutions' weights from N(0, 0.02); biases and linear layers stay as PyTorch draws them."""
    for parameter in method.parameters():
        if parameter.dim() == 4:
            nn.init.normal_(parameter, 0.0, 0.02)


def detached(losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What is logged of `losses`."""
    return {name: loss.detach() for name, loss in losses.items()}
