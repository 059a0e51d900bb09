"""CUT and FastCUT: Contrastive Learning for Unpaired Image-to-Image Translation.

Park, Efros, Zhang, Zhu. ECCV 2020, arXiv 2007.15651. Networks, losses and their weights as in the authors' PyTorch
code; FastCUT is another config.

Deliberate deviations:
- The projections are built with the other networks, not at the first batch, which is trained on once like any other.
- The schedules of 200 + 200 and 150 + 50 epochs are stretched over the budget.
- Training pictures are cropped at random to the end; the published code resizes them to the size of the crop while the
  learning rate falls.
- The contrastive terms of sources and targets are averaged, as in the published code; the paper adds them.
- SinCUT, the variant for a single picture, and pooling in place of the projections are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss
from i2ibench.models.layers.antialiased_patchgan import AntialiasedPatchDiscriminator
from i2ibench.models.layers.antialiased_resnet import AntialiasedResNet, feature_names
from i2ibench.models.layers.patch_nce import PatchProjection, draw_positions, patch_nce, patches_at
from i2ibench.models.layers.patchgan import PatchDiscriminator
from i2ibench.models.layers.schedules import constant_then_linear
from i2ibench.models.layers.settings import check_adam, check_choices, check_epochs, check_least, check_not_negative
from i2ibench.models.layers.weights import Init, initialize_weights
from i2ibench.models.method import Batch, Method, Update, frozen, required


@dataclass(frozen=True)
class CUTConfig:
    """The defaults are CUT's. FastCUT is nce_weight=10, identity=false, flip_equivariance=true and 150 + 50 epochs."""

    blocks: int = 9
    """Residual blocks of the generator."""
    ngf: int = 64
    """Channels after the generator's first convolution."""
    antialias: bool = True
    """Generator and discriminator halve through low-pass filters."""
    antialias_up: bool = True
    """The generator doubles through them."""
    n_layers: int = 3
    """Halvings of the discriminator: 1, 2, 3 see 18, 40, 84 pixels, and 16, 34, 70 where they are not antialiased."""
    ndf: int = 64
    """Channels after the discriminator's first convolution."""
    gan_weight: float = 1.0
    nce_weight: float = 1.0
    identity: bool = True
    """Half the contrastive weight goes to targets and their own translations."""
    flip_equivariance: bool = False
    """The generator's input is mirrored in half of the steps, and its output's features back."""
    nce_layers: tuple[str, ...] = ("picture", "halving1", "halving2", "block1", "block5")
    """The generator's features that patches are compared by: see `AntialiasedResNet`."""
    num_patches: int = 256
    """Patches that are compared at each of them, or all there are."""
    mlp: bool = True
    """Features are compared after a trained projection."""
    netf_nc: int = 256
    """Channels of the projections."""
    nce_t: float = 0.07
    """The temperature, tau."""
    init: Init = "xavier"
    init_gain: float = 0.02
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    constant_epochs: int = 200
    decay_epochs: int = 200
    load_scale: float = 286 / 256
    """Training pictures are resized by this and cropped back at random."""
    crop: int = 0
    """Side of the square windows that they are cropped to instead; 0: of the pictures' size."""
    mirror: bool = True
    """Training pictures are mirrored with probability 1/2, apart in the two domains."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network, loss or schedule can be made of."""
        check_choices(self, init=Init)
        check_least(self, blocks=1, ngf=1, n_layers=1, ndf=1, num_patches=2, netf_nc=1)
        check_not_negative(self, "nce_weight", "init_gain", "constant_epochs", "decay_epochs", "crop")
        check_epochs(self, "constant_epochs", "decay_epochs")
        check_adam(self, "beta1", "beta2")
        for field in ("gan_weight", "nce_t"):
            if not getattr(self, field) > 0:
                raise ValueError(f"{field} must be positive, found {getattr(self, field)}")
        names = feature_names(self.blocks)
        if not self.nce_layers or len(set(self.nce_layers)) < len(self.nce_layers) or set(self.nce_layers) - set(names):
            raise ValueError(
                f"nce_layers must be some of {', '.join(names)} with blocks={self.blocks}, each once, found "
                f"{', '.join(self.nce_layers) or 'none'}"
            )
        if self.load_scale < 1:
            raise ValueError(f"load_scale must be at least 1, or no crop fits, found {self.load_scale}")

    @property
    def compared(self) -> tuple[str, ...]:
        """The features that patches are compared by; none where that has no weight."""
        return self.nce_layers if self.nce_weight else ()


class CUT(Method):
    """A generator, a discriminator of targets, and a projection for each feature map that patches are compared by."""

    def __init__(self, config: CUTConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = AntialiasedResNet(3, config.blocks, config.ngf, config.antialias, config.antialias_up)
        self.discriminator = build_discriminator(config)
        width = config.netf_nc if config.mlp else None
        self.projections = nn.ModuleList(
            PatchProjection(self.generator.channels[name], width) for name in config.compared
        )
        initialize_weights(self, config.init, config.init_gain)

    def optimizers(self) -> dict[str, Optimizer]:
        """Three Adams: `discriminator`, `generator` and, where they have parameters, `projections`."""
        lr, betas = self.config.lr, (self.config.beta1, self.config.beta2)
        parameters = {
            name: list(self.get_submodule(name).parameters()) for name in ("discriminator", "generator", "projections")
        }
        return {name: Adam(trained, lr, betas, fused=True) for name, trained in parameters.items() if trained}

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """The factor of epoch e = 1 + floor(fraction * 400), all optimisers': 1 - max(0, e - 200) / 201, never 0."""
        return constant_then_linear(fraction, self.config.constant_epochs, self.config.decay_epochs)

    def updates(self, batch: Batch, step: int) -> Iterator[Update | tuple[Update, ...]]:
        """The discriminator's step, then generator and projections together, against the discriminator as it then is.

        The generator has not moved since it translated, so its features on that way are the keys; only where it was
        given a mirrored input are those of the input itself computed anew.
        """
        config = self.config
        source, target = batch.source, required(batch.target, "targets", "cut")
        with_identity = config.identity and bool(config.compared)
        pictures = torch.cat([source, target]) if with_identity else source
        # drawn on the CPU, since the answer decides what is run
        mirrored = config.flip_equivariance and bool(torch.rand(()) < 0.5)
        translated, keys = self.generator.with_features(pictures.flip(3) if mirrored else pictures, config.compared)
        fake = translated[: len(source)]

        yield Update("discriminator", self.discriminator_loss(fake.detach(), target))

        with frozen(self.discriminator):
            adversarial = adversarial_loss(self.discriminator(fake).float(), True, "lsgan")
        loss, logs = config.gan_weight * adversarial, {"adversarial": adversarial.detach()}
        if config.compared:
            queries = self.generator.features(translated, config.compared)
            if mirrored:
                queries = [query.flip(3) for query in queries]
                with torch.no_grad():
                    keys = self.generator.features(pictures, config.compared)
            parts = [slice(len(source)), slice(len(source), None)] if with_identity else [slice(None)]
            terms = [self.contrastive([q[part] for q in queries], [k[part] for k in keys]) for part in parts]
            loss = loss + config.nce_weight * torch.stack(terms).mean()
            logs |= {name: term.detach() for name, term in zip(("nce", "identity"), terms, strict=False)}
        update = Update("generator", loss, logs)
        yield (update, Update("projections", loss)) if config.compared and config.mlp else update

    def discriminator_loss(self, fake: Tensor, real: Tensor) -> Tensor:
        """Half of what the discriminator loses on translations and on targets, least squares."""
        on_fake, on_real = self.discriminator(torch.cat([fake, real])).float().split([len(fake), len(real)])
        return (adversarial_loss(on_fake, False, "lsgan") + adversarial_loss(on_real, True, "lsgan")) / 2

    def contrastive(self, queries: Sequence[Tensor], keys: Sequence[Tensor]) -> Tensor:
        """PatchNCE (equation 4), the mean over the feature maps `[B, C, H, W]` of translations and their inputs.

        Each map's positions are drawn from the global generator, the same for queries, keys and all pictures. Nothing
        is learnt by way of the keys.
        """
        losses = []
        for projection, query, key in zip(self.projections, queries, keys, strict=True):
            positions = draw_positions(query, self.config.num_patches)
            # first, or autocast would keep weights that were cast without gradients
            found = projection(patches_at(query, positions))
            with torch.no_grad():
                own = projection(patches_at(key, positions))
            losses.append(patch_nce(found, own, self.config.nce_t))
        return torch.stack(losses).mean()

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate; nothing is drawn, and all samples are the same."""
        out: Tensor = self.generator(batch.source)
        return out.float()


def build_discriminator(config: CUTConfig) -> nn.Module:
    """The discriminator of targets: 3 channels to a map of logits."""
    if config.antialias:
        return AntialiasedPatchDiscriminator(3, config.ndf, config.n_layers)
    return PatchDiscriminator(3, config.ndf, config.n_layers, "instance")
