"""Lying snow: how much of each surface is white."""

from __future__ import annotations

import numpy as np

from i2ibench.data.worlds.canvas import Canvas, Material
from i2ibench.data.worlds.materials import windows
from i2ibench.data.worlds.noise import Floats, lookup
from i2ibench.data.worlds.sampling import Gathered, instances
from i2ibench.data.worlds.scene import VEHICLES, Label, Scene
from i2ibench.data.worlds.shade import F, Samples
from i2ibench.data.worlds.stencil import Part

_WHITE = (0.90, 0.92, 0.96)
_SLUSH = (0.47, 0.48, 0.50)


def cover(colour: Floats, scene: Scene, canvas: Canvas, gathered: Gathered, depth: float) -> Floats:
    """Reflectance `[3, N]` of the samples under snow of `depth`, 0 to 1."""
    s, material = gathered.samples, gathered.material
    white = _WHITE
    if material is Material.ROAD:
        share, white = _road(s, scene, depth), _SLUSH
    elif material is Material.PAVING:
        trodden = lookup("cloud", s.x * F(20), s.z * F(14)) + F(0.5) * lookup("leaf", s.x * F(18), s.z * F(18))
        bank = _bank(s, scene)
        share = np.clip(F(0.25 + 0.7 * depth) + trodden * F(1.1) + bank, F(0.1), F(0.97))
    elif material is Material.GRASS:
        share = np.clip(F(0.45 + 0.9 * depth) + F(0.8) * lookup("leaf", s.x * F(9), s.z * F(9)), F(0.1), F(0.98))
    elif material is Material.FACADE:
        share = _facade(s, scene, canvas, depth)
    elif material in (Material.WALL, Material.FENCE):
        top = np.clip((s.y - s.numbers[4] + F(0.10 + 0.10 * depth)) * F(30), F(0), F(1))
        foot = np.clip((F(0.22 * depth) + F(0.2) * lookup("leaf", s.u * F(9), s.y * F(9)) - s.y) * F(9), F(0), F(1))
        share = np.maximum(top, foot)
    elif material is Material.LEAVES:
        up = (s.y - s.numbers[4]) / s.numbers[6]
        clumps = lookup("leaf", s.u * F(17) + s.numbers[3] * F(31), s.y * F(17))
        share = np.clip(up * F(0.9) + clumps * F(1.5) + F(0.7 * depth - 0.45), F(0), F(0.94))
    else:
        share = _things(s, scene, canvas, depth)
    grain = F(0.94) + F(0.10) * lookup("cloud", s.u * F(30), s.y * F(30) + s.z * F(30))
    covered = np.empty_like(colour)
    for channel in range(3):
        covered[channel] = colour[channel] + (F(white[channel]) * grain - colour[channel]) * share
    return covered


def _road(s: Samples, scene: Scene, depth: float) -> Floats:
    """Ploughed: slush between the wheel tracks and banks along the kerbs."""
    tracks = np.abs((s.x + F(16.5)) * F(1 / 3.3) - np.floor((s.x + F(16.5)) * F(1 / 3.3)) - F(0.5))
    tracks = np.abs(tracks - F(0.24))  # two wheels to a lane
    patches = lookup("cloud", s.x * F(26), s.z * F(8)) + F(0.6) * lookup("leaf", s.x * F(24), s.z * F(10))
    slush = np.clip(tracks * F(3.5) - F(0.42) + patches * F(0.9) + F(0.35 * depth), F(0), F(0.85))
    share: Floats = np.maximum(slush, np.clip(_bank(s, scene) * F(2.2), F(0), F(2)))
    return share


def _bank(s: Samples, scene: Scene) -> Floats:
    """The bank that ploughs leave along the kerbs, 0 to 1."""
    from_kerb = np.minimum(np.abs(s.x - F(scene.road.left)), np.abs(s.x - F(scene.road.right)))
    ragged = F(0.35) * lookup("leaf", s.x * F(12), s.z * F(12))
    bank: Floats = np.clip((F(0.5) + ragged - from_kerb) * F(2.5), F(0), F(1))
    if scene.road.crossing:
        near, far = scene.road.crossing
        bank = np.where((s.z > F(near)) & (s.z < F(far)), F(0), bank)
    return bank


def _facade(s: Samples, scene: Scene, canvas: Canvas, depth: float) -> Floats:
    """Roofs, sills and the edge of flat roofs."""
    n, y = s.numbers, s.y
    tilted = np.array([surface.normal[1] > 0.2 for surface in canvas.surfaces])[s.surface]
    eaves = n[15]
    patches = lookup("cloud", s.u * F(14) + n[18], y * F(30))
    roof = (tilted | (n[19] == 0)) & (y > eaves)
    share = np.where(roof, np.clip(F(0.5 + 0.9 * depth) + patches * F(1.2), F(0), F(0.96)), F(0))
    ledge = ((y > eaves - F(0.14)) & (y <= eaves)) | windows(s, scene).sill
    covered: Floats = np.where(ledge, F(0.9), share)
    return covered


def _things(s: Samples, scene: Scene, canvas: Canvas, depth: float) -> Floats:
    """Tops of vehicles, and branches."""
    surfaces = canvas.surfaces
    level = np.array([surface.normal[1] > 0.9 for surface in surfaces])[s.surface]
    label = np.array([surface.label for surface in surfaces], np.int32)[s.surface]
    vehicle = np.isin(label, [int(kind) for kind in VEHICLES])
    actors = instances(scene)
    heights = [actors[each.instance].height if each.instance in actors else 100.0 for each in surfaces]
    near_top = s.y > np.array(heights, np.float32)[s.surface] - F(0.05 + 0.08 * depth)
    patches = lookup("leaf", s.u * F(14) + s.dirt * F(7), s.y * F(14))
    share = np.where(vehicle & level, np.clip(F(0.4 + 0.4 * depth) + patches, F(0), F(0.9)), F(0))
    share = np.where(vehicle & ~level & near_top, F(0.9), share)
    bark = (s.part == Part.BARK) & (label == int(Label.VEGETATION))
    branches = np.clip(patches * F(1.6) + F(0.5 * depth - 0.15), F(0), F(0.85))
    covered: Floats = np.where(bark, branches * np.clip((s.y - F(0.6)) * F(0.5), F(0), F(1)), share)
    return covered
