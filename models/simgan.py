"""SimGAN: Learning from Simulated and Unsupervised Images through Adversarial Training.

Shrivastava, Pfister, Tuzel, Susskind, Wang, Webb. CVPR 2017, arXiv 1612.07828. There is no code of the authors. A
refiner makes synthetic pictures look real and keeps what they show; a discriminator judges local patches, on current
and earlier refined pictures. `CycleGANBaseline` is another method of the same name: what the CycleGAN paper compares.

A step of training is one step of one network, so that each has new pictures: first `pretrain_refiner` steps of the
refiner and `pretrain_discriminator` of the discriminator alone, then rounds of `k_g` and `k_d` (algorithm 1).

Deliberate deviations:
- Pictures have three channels, also grey ones.
- What the paper does not fix: the weight of self-regularisation is 0.01 on each picture's sum, the history has room for
  50 batches, the first weights are Xavier's, uniform, and biases 0.
- Steps of the discriminator alone see current pictures only and leave the history empty.
- `adam` and `clip_norm` are additions; the latter bounds the gradients of all parameters together.
- The baseline's weight of L1 is not published: it is that of CycleGAN's reconstructions. Its schedule is stretched over
  the budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer

from i2ibench.models.layers.adversarial import adversarial_loss
from i2ibench.models.layers.history_buffer import HistoryBuffer
from i2ibench.models.layers.image_pool import ImagePool
from i2ibench.models.layers.patchgan import PatchDiscriminator
from i2ibench.models.layers.refiner import Layout, LocalDiscriminator, Refiner
from i2ibench.models.layers.resnet import ResNet
from i2ibench.models.layers.schedules import constant_then_linear
from i2ibench.models.layers.settings import check_adam, check_choices, check_epochs, check_least, check_not_negative
from i2ibench.models.layers.weights import initialize_weights
from i2ibench.models.method import Batch, Method, Update, frozen, required

Networks = Literal["simgan", "cyclegan"]
Psi = Literal["identity", "mean_colour", "derivatives"]
Objective = Literal["lsgan", "vanilla"]
OptimizerKind = Literal["sgd", "adam"]
Turn = Literal["pretrain_refiner", "pretrain_discriminator", "refiner", "discriminator"]


@dataclass(frozen=True)
class SimGANConfig:
    """The defaults are those of the paper's eyes, 35x55 pixels."""

    networks: Networks = "simgan"
    """`cyclegan`: not the paper's refiner but the CycleGAN paper's baseline, a preset with settings of its own."""
    width: int = 64
    """Channels of the refiner, or after the first convolution of the baseline's ResNet."""
    blocks: int = 4
    """Residual blocks: of the eyes 4, of the hands 10, of the baseline 9."""
    kernel: int = 3
    """Side of the refiner's filters: of the eyes 3, of the hands 7."""
    discriminator: Layout = "eyes"
    """Filters and strides of the refiner's discriminator: a location is 4 pixels (`eyes`) or 32 (`hands`)."""
    psi: Psi = "identity"
    """What refined and synthetic pictures are compared by."""
    self_weight: float = 0.01
    """Lambda, of self-regularisation: of the sum over each picture, or in the baseline of the mean."""
    pretrain_refiner: int = 1000
    """First steps, of self-regularisation alone."""
    pretrain_discriminator: int = 200
    """Steps of the discriminator alone after them."""
    k_g: int = 2
    """Steps of the refiner a round: 2 as first published; 50 in the author's words and, it seems, in the later text."""
    k_d: int = 1
    """Steps of the discriminator a round."""
    history: int = 25_600
    """Earlier refined pictures kept, 4 bytes a number, in checkpoints too; 0: none. Of the baseline's pool, 50."""
    optimizer: OptimizerKind = "sgd"
    lr: float = 1e-3
    beta1: float = 0.9
    """Adam's."""
    beta2: float = 0.999
    clip_norm: float = 0.0
    """Gradients of a step are clipped to this norm; 0: they are not. Where the published rate diverges, as it may on
    losses that are sums over each picture, 5 holds it."""
    constant_epochs: int = 1
    decay_epochs: int = 0
    """Of how many equal shares of the budget the learning rate falls in, after the constant ones."""
    n_layers: int = 3
    """Strided convolutions of the baseline's patch discriminator."""
    ndf: int = 64
    """Channels after its first convolution."""
    objective: Objective = "lsgan"
    """The baseline's; the refiner's is the cross-entropy."""
    load_scale: float = 1.0
    """Training pictures are resized by this and cropped back at random."""
    mirror: bool = False
    """Training pictures are mirrored with probability 1/2."""

    def __post_init__(self) -> None:
        """Raise `ValueError` on a value that no network or schedule can be made of."""
        check_choices(
            self, networks=Networks, discriminator=Layout, psi=Psi, optimizer=OptimizerKind, objective=Objective
        )
        check_least(self, width=1, blocks=1, k_g=1, k_d=1, n_layers=1, ndf=1)
        check_not_negative(self, "self_weight", "pretrain_refiner", "pretrain_discriminator", "history", "clip_norm")
        check_not_negative(self, "constant_epochs", "decay_epochs")
        check_epochs(self, "constant_epochs", "decay_epochs")
        check_adam(self, "beta1", "beta2")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, or a picture has no middle to keep, found {self.kernel}")
        if self.load_scale < 1:
            raise ValueError(f"load_scale must be at least 1, or no crop fits, found {self.load_scale}")
        if self.networks == "simgan" and self.pretrain_refiner and not self.self_weight:
            raise ValueError(
                "self_weight must be positive, or pretrain_refiner=0: nothing else is trained then, found 0"
            )
        if self.networks == "cyclegan" and (
            self.optimizer != "adam" or self.pretrain_refiner or self.pretrain_discriminator
        ):
            raise ValueError(
                "networks=cyclegan must have optimizer=adam, no pretraining and other settings of its own, found the "
                "refiner's: use the preset cyclegan_baseline or small_cyclegan_baseline"
            )


class SimGAN(Method):
    """A refiner, a discriminator of local patches and the history of what was refined."""

    def __init__(self, config: SimGANConfig, height: int, width: int) -> None:
        """For pictures of `height` x `width` pixels, which the history stores."""
        super().__init__()
        self.config = config
        self.refiner = Refiner(3, config.width, config.blocks, config.kernel)
        self.discriminator = LocalDiscriminator(3, config.discriminator)
        self.history = HistoryBuffer(config.history, 3, height, width)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def optimizers(self) -> dict[str, Optimizer]:
        """`refiner` and `discriminator`, by SGD without momentum or by Adam."""
        return {name: self._optimizer(self.get_submodule(name)) for name in ("refiner", "discriminator")}

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """Constant, unless epochs of decay are set."""
        return constant_then_linear(fraction, self.config.constant_epochs, self.config.decay_epochs)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The one step of the network whose turn it is at `step`."""
        turn = turn_of(self.config, step)
        clip_norm = self.config.clip_norm or None
        if turn in ("pretrain_discriminator", "discriminator"):
            real = required(batch.target, "targets", "simgan")
            loss = self.discriminator_loss(batch.source, real, history=turn == "discriminator")
            yield Update("discriminator", loss, clip_norm=clip_norm)
            return
        refined = self.refiner(batch.source)
        losses = self.refiner_losses(batch.source, refined, adversarial=turn == "refiner")
        logs = {name: loss.detach() for name, loss in losses.items()}
        logs["l1"] = F.l1_loss(refined.detach(), batch.source)
        yield Update("refiner", torch.stack(list(losses.values())).sum(), logs, clip_norm=clip_norm)

    def refiner_losses(self, synthetic: Tensor, refined: Tensor, *, adversarial: bool = True) -> dict[str, Tensor]:
        """What the refiner loses, weighted: `adversarial`, if asked, and `self_regularization`, if it has a weight."""
        losses: dict[str, Tensor] = {}
        if adversarial:
            with frozen(self.discriminator):
                losses["adversarial"] = local_adversarial_loss(self.discriminator(refined), refined=False)
        if self.config.self_weight > 0:
            distance = (characteristics(refined, self.config.psi) - characteristics(synthetic, self.config.psi)).abs()
            losses["self_regularization"] = self.config.self_weight * distance.float().sum((1, 2, 3)).mean()
        return losses

    def discriminator_loss(self, synthetic: Tensor, real: Tensor, *, history: bool = True) -> Tensor:
        """What the discriminator loses on real pictures and refined ones, half of them from the `history`, if asked."""
        with torch.no_grad():
            refined = self.refiner(synthetic)
        if history:
            refined = self.history.mix(refined)
        on_refined = local_adversarial_loss(self.discriminator(refined), refined=True)
        return on_refined + local_adversarial_loss(self.discriminator(real), refined=False)

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Refine pictures of any size; nothing is drawn."""
        out: Tensor = self.refiner(batch.source)
        return out.float()

    def _optimizer(self, network: nn.Module) -> Optimizer:
        config = self.config
        if config.optimizer == "adam":
            return Adam(network.parameters(), config.lr, (config.beta1, config.beta2), fused=True)
        return SGD(network.parameters(), config.lr)


class CycleGANBaseline(Method):
    """What the CycleGAN paper (arXiv 1703.10593, section 5.1.2) compares as SimGAN, in one direction.

    CycleGAN's own generator and discriminator, with its pool, and L1 to the input instead of cycles.
    """

    def __init__(self, config: SimGANConfig, height: int, width: int) -> None:
        """For pictures of `height` x `width` pixels, which the pool stores."""
        super().__init__()
        self.config = config
        self.generator = ResNet(3, 3, config.blocks, config.width)
        self.discriminator = PatchDiscriminator(3, config.ndf, config.n_layers, "instance")
        self.pool = ImagePool(config.history, height, width)
        initialize_weights(self)

    def optimizers(self) -> dict[str, Optimizer]:
        """Two Adams, `generator` and `discriminator`."""
        lr, betas = self.config.lr, (self.config.beta1, self.config.beta2)
        return {
            name: Adam(self.get_submodule(name).parameters(), lr, betas, fused=True)
            for name in ("generator", "discriminator")
        }

    def learning_rate(self, optimizer: str, step: int, fraction: float) -> float:
        """CycleGAN's: the factor of epoch e = 1 + floor(fraction * 200) is 1 - max(0, e - 100) / 101."""
        return constant_then_linear(fraction, self.config.constant_epochs, self.config.decay_epochs)

    def updates(self, batch: Batch, step: int) -> Iterator[Update]:
        """The generator's step, then the discriminator's on the same pictures' translations, through the pool."""
        config, clip_norm = self.config, self.config.clip_norm or None
        source, target = batch.source, required(batch.target, "targets", "simgan")
        fake = self.generator(source)

        with frozen(self.discriminator):
            loss = adversarial_loss(self.discriminator(fake).float(), True, config.objective)
        logs = {"adversarial": loss.detach()}
        if config.self_weight > 0:
            distance = F.l1_loss(characteristics(fake, config.psi), characteristics(source, config.psi))
            logs["self_regularization"] = distance.detach()
            loss = loss + config.self_weight * distance
        yield Update("generator", loss, logs, clip_norm=clip_norm)

        on_real = adversarial_loss(self.discriminator(target).float(), True, config.objective)
        earlier = self.pool.exchange(fake)
        on_fake = adversarial_loss(self.discriminator(earlier).float(), False, config.objective)
        yield Update("discriminator", (on_real + on_fake) / 2, clip_norm=clip_norm)

    @torch.no_grad()
    def translate(self, batch: Batch, *, seed: int, sample: int = 0) -> Tensor:
        """Translate; nothing is drawn."""
        out: Tensor = self.generator(batch.source)
        return out.float()


def turn_of(config: SimGANConfig, step: int) -> Turn:
    """Whose turn `step` is, 0-based (algorithm 1)."""
    if step < config.pretrain_refiner:
        return "pretrain_refiner"
    step -= config.pretrain_refiner
    if step < config.pretrain_discriminator:
        return "pretrain_discriminator"
    step -= config.pretrain_discriminator
    return "refiner" if step % (config.k_g + config.k_d) < config.k_g else "discriminator"


def local_adversarial_loss(logits: Tensor, *, refined: bool) -> Tensor:
    """The cross-entropy of `[B, 2, h, w]`, class 0 real and class 1 refined: sum over locations, mean over the batch.

    Equation 1 for the discriminator; for the refiner, that its pictures are real (equation 3).
    """
    truth = torch.full((len(logits), *logits.shape[2:]), int(refined), device=logits.device)
    return F.cross_entropy(logits.float(), truth, reduction="none").sum((1, 2)).mean()


def characteristics(pictures: Tensor, psi: Psi) -> Tensor:
    """The features of `[B, 3, H, W]` that a refiner is to keep: pixels, means of colours, or derivatives along x and y.

    Derivatives are differences of neighbours, 0 across the right and the lower border.
    """
    if psi == "mean_colour":
        return pictures.mean(1, keepdim=True)
    if psi == "derivatives":
        along_x = F.pad(pictures.diff(dim=3), (0, 1))
        along_y = F.pad(pictures.diff(dim=2), (0, 0, 0, 1))
        return torch.cat([along_x, along_y], 1)
    return pictures
