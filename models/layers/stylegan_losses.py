"""What StyleGAN's networks lose (Karras et al., arXiv 1812.04948, section 2 and appendix C)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from i2ibench.models.layers.adversarial import adversarial_loss
from i2ibench.models.layers.gradient_penalty import between, full_precision, r1_penalty, wasserstein_penalty

Loss = Literal["wgangp", "r1"]
"""`wgangp`: the critic's mean with the penalty on gradients between pictures (arXiv 1704.00028) and one on its drift
(arXiv 1710.10196, appendix A); `r1`: the logistic loss with R1 on real pictures (arXiv 1801.04406)."""


def discriminator_losses(
    judge: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, *, loss: Loss, penalty: float, drift: float
) -> dict[str, Tensor]:
    """The terms that have a weight, weighted, by name: `real`, `fake`, `drift` and `penalty`.

    `penalty` is the weight of the gradients' penalty, of R1 its gamma; `drift` that of the squared scores of real
    pictures, in `wgangp` alone. Real pictures and fakes are judged apart, as what is said of one depends on its batch.
    """
    losses: dict[str, Tensor] = {}
    if loss == "wgangp":
        on_real = judge(real).float()
        losses["real"] = adversarial_loss(on_real, True, "wgangp")
        losses["fake"] = adversarial_loss(judge(fake).float(), False, "wgangp")
        if drift > 0:
            losses["drift"] = drift * on_real.square().mean()
        if penalty > 0:
            with full_precision(real):
                points = between(real, fake)
                losses["penalty"] = penalty * wasserstein_penalty(judge(points), points)
        return losses
    if penalty > 0:
        with full_precision(real):
            pictures = real.detach().requires_grad_()
            on_real = judge(pictures)
            losses["penalty"] = penalty * r1_penalty(on_real, pictures)
    else:
        on_real = judge(real).float()
    losses["real"] = adversarial_loss(on_real, True, "vanilla")
    losses["fake"] = adversarial_loss(judge(fake).float(), False, "vanilla")
    return losses


def generator_loss(scores: Tensor, loss: Loss) -> Tensor:
    """What the generator loses by its pictures' scores."""
    return adversarial_loss(scores.float(), True, "wgangp" if loss == "wgangp" else "vanilla")
