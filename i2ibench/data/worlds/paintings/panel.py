"""What is painted on: colour, thickness of the paint, and the light that falls on it."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.noise import Floats, key_hash
from i2ibench.data.worlds.paintings.heading import gradient
from i2ibench.data.worlds.paintings.planes import RGB, F, blur, mix, texture, tint
from i2ibench.data.worlds.paintings.strokes import Layer


class Panel:
    """A ground of one tone with its weave or tooth, on which layers of strokes are set."""

    def __init__(self, shape: tuple[int, ...], tone: RGB, key: int, tooth: float = 0.03) -> None:
        """`tooth` is how far the ground's texture changes its tone."""
        self.grain = texture("grain", shape, key_hash(key, 90))
        flat = np.zeros((3, *shape), np.float32)
        self.colour: Floats = flat + tint(tone, flat) * (F(1) + self.grain * F(tooth * 2))
        self.thickness: Floats = self.grain * F(0.1)

    def set(self, layer: Layer, colours: Floats, body: float, streaks: float = 0.06, dry: float = 0.0) -> None:
        """Set `layer` in the strokes' `colours` `[3, N]`.

        `body` is the height of the paint, highest along its sides as a brush leaves it; `streaks` how much bristles
        show as light and dark; `dry` the share of the bristles that have run out of paint at a stroke's end.
        """
        seen = layer.covered
        if dry:
            seen = seen & (layer.bristle > F(-1) + (layer.along + F(1)) * F(dry))
        paint = layer.spread(colours) * (F(1) + layer.bristle * F(streaks))
        np.copyto(self.colour, paint, where=seen)
        side = layer.across * layer.across
        height = F(0.55) + F(0.45) * side + layer.bristle * F(0.5) + layer.spread(layer.draw(9)) * F(0.5)
        np.copyto(self.thickness, F(0.3) * self.thickness + height * F(body), where=seen)

    def cover(self, colour: Floats, share: Floats) -> None:
        """Lay `colour` `[3, h, w]` over the panel with opacity `share` `[h, w]`."""
        self.colour = mix(self.colour, colour, share)

    def lit(self, sun: tuple[float, float], strength: float, gloss: float = 0.0) -> Floats:
        """The colour under light from `sun` (right, down): ridges cast light and shade, and shine with `gloss`."""
        across, down = gradient(blur(self.thickness, 1))
        slope = across * F(sun[0]) + down * F(sun[1])
        shade = np.clip(slope * F(-strength), F(-0.45), F(0.45))
        shine = np.clip(shade - F(0.12), F(0), F(1)) * F(gloss)
        seen: Floats = self.colour * (F(1) + shade) + shine
        return seen
