from __future__ import annotations

import torch

from i2ibench.models.layers.glow_prior import Priors
from i2ibench.models.layers.multiscale import Split


def priors() -> Priors:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Priors([2, 4]).double()
        for parameter in made.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return made


def levels() -> tuple[Split, Split]:
    stream = torch.Generator().manual_seed(1)
    kept, split, top = (
        torch.randn(3, channels, side, side, generator=stream, dtype=torch.float64)
        for channels, side in ((2, 4), (2, 4), (4, 2))
    )
    return Split(kept, split), Split(None, top)


def test_they_start_standard_normal() -> None:
    mean, log_std = Priors([2]).of(0, torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4))
    assert mean.shape == log_std.shape == (3, 2, 4, 4)
    assert not mean.any()
    assert not log_std.any()


def test_log_density_is_that_of_normals_read_off_what_is_kept_and_off_zeros() -> None:
    made, (split, top) = priors(), levels()
    expected = torch.zeros(3, dtype=torch.float64)
    for conv, read, latent in (
        (made[0], split.kept, split.latent),
        (made[1], torch.zeros_like(top.latent), top.latent),
    ):
        mean, log_std = conv(read).chunk(2, 1)
        expected += torch.distributions.Normal(mean, log_std.exp()).log_prob(latent).sum((1, 2, 3))
    torch.testing.assert_close(made.log_density((split, top)), expected)


def test_a_sample_of_no_noise_is_the_mean() -> None:
    made, (split, top) = priors(), levels()
    for level, (kept, latent) in enumerate((split, top)):
        mean, log_std = made.of(level, kept, latent)
        torch.testing.assert_close(made.sample(level, kept, torch.zeros_like(latent)), mean)
        torch.testing.assert_close(made.sample(level, kept, latent), mean + log_std.exp() * latent)
