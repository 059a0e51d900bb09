"""From a canvas and a backdrop to a picture: light on fur and feathers, and a camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from i2ibench.data.worlds.creatures.light import Light, sunlight
from i2ibench.data.worlds.creatures.patterns import noise, step
from i2ibench.data.worlds.creatures.pose import SLOPE, Pose
from i2ibench.data.worlds.creatures.solids import SAMPLES, Canvas
from i2ibench.data.worlds.creatures.vectors import unit
from i2ibench.data.worlds.noise import Floats, Stream, hash_uniform

F = np.float32


def photograph(canvas: Canvas, shone: Floats, light: Light, pose: Pose, rng: Stream) -> NDArray[np.uint8]:
    """The picture, uint8 `[H, W, 3]`, of a canvas in front of the backdrop's light `shone` `[3, H, W]`."""
    covered = canvas.covered()
    rows, columns = shone.shape[1:]
    radiance = np.zeros((3, covered.size), np.float32)
    radiance[:, covered.ravel()] = _lit(canvas, light, pose)
    radiance = radiance.reshape(3, *covered.shape)
    total, count = np.zeros_like(shone), np.zeros((rows, columns), np.float32)
    for down in range(SAMPLES):
        for across in range(SAMPLES):
            total += radiance[:, down::SAMPLES, across::SAMPLES]
            count += covered[down::SAMPLES, across::SAMPLES]
    share = F(1 / (SAMPLES * SAMPLES))
    linear = total * share + shone * (F(1) - count * share)
    return _developed(linear, light, rng)


def _lit(canvas: Canvas, light: Light, pose: Pose) -> Floats:
    """Linear light `[3, N]` of the samples that see the animal."""
    index = np.flatnonzero(canvas.depth > F(-8))
    x, y = canvas.across[index % canvas.columns], canvas.up[index // canvas.columns]
    z = canvas.depth[index]
    colour, (gloss, fur, _) = canvas.colour[:, index], canvas.finish[:, index]
    rough = fur * F(0.30)
    nx = canvas.normal[0, index] + rough * noise(x * F(130), y * F(130), 5)
    ny = canvas.normal[1, index] + rough * noise(x * F(130), y * F(130), 91)
    nz = canvas.normal[2, index]
    size = F(1) / np.sqrt(nx * nx + ny * ny + nz * nz + F(1e-9))
    nx, ny, nz = nx * size, ny * size, nz * size

    sun = light.sun
    facing = nx * F(sun[0]) + ny * F(sun[1]) + nz * F(sun[2])
    soft = F(0.12) + fur * F(0.22)
    direct = np.maximum((facing + soft) / (F(1) + soft), F(0))
    direct = direct * (F(0.25) + F(0.75) * sunlight(pose, light, x, y, z, 0.75))
    above = y - F(pose.ground) + z * F(SLOPE)
    near_ground = F(0.55) + F(0.45) * step(-0.02, 0.14, above)
    upward = F(0.5) + ny * F(0.5)
    grazing = F(1) - np.maximum(nz, F(0))
    rim = grazing * grazing * grazing * (F(0.10) + fur * F(0.40)) * (F(0.45) + F(0.55) * upward)
    crease = F(0.62) + F(0.38) * np.maximum(nz, F(0))
    half = unit((sun[0], sun[1], sun[2] + 1.0))
    shine = np.maximum(nx * F(half[0]) + ny * F(half[1]) + nz * F(half[2]), F(0))
    for _ in range(4):
        shine = shine * shine
    shine = shine * shine * F(0.6) * gloss + shine * F(0.12) * gloss
    found = np.empty_like(colour)
    for channel in range(3):
        low, high = light.bounce[channel] * 0.55, light.sky[channel]
        ambient = (F(low) + F(high - low) * upward) * near_ground * crease
        found[channel] = colour[channel] * (ambient + F(light.direct[channel]) * direct)
        found[channel] += rim * (colour[channel] + F(0.12)) * F(light.sky[channel] + 0.5 * light.direct[channel])
        found[channel] += shine * F(light.direct[channel])
    return found


def _developed(linear: Floats, light: Light, rng: Stream) -> NDArray[np.uint8]:
    """Expose, compress highlights, add noise of the sensor, and quantise."""
    _, height, width = linear.shape
    warm = rng.uniform(-0.05, 0.05)
    balance = [light.exposure * (1 + warm), light.exposure, light.exposure * (1 - warm)]
    linear = linear * np.array(balance, np.float32)[:, None, None]
    tone = linear * (F(1) + linear * F(0.22)) / (F(0.82) + linear * F(0.55))
    picture = np.sqrt(np.clip(tone, F(0), F(1)))
    pixel = np.arange(height * width, dtype=np.int64).reshape(height, width)
    channel = np.arange(3, dtype=np.int64)[:, None, None]
    key = rng.integer(0, 1 << 23)
    grain = hash_uniform(key, pixel[None], channel) + hash_uniform(key, pixel[None], channel + 3) - F(1)
    picture = picture + grain * F(rng.uniform(0.003, 0.032))
    levels = np.clip(picture * F(255) + F(0.5), F(0), F(255)).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))
