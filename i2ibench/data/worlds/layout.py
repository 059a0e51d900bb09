"""Draws street scenes: districts, frontages, furniture and traffic, as a pure function of (seed, index)."""

from __future__ import annotations

from dataclasses import dataclass

from i2ibench.data.worlds import atmosphere
from i2ibench.data.worlds.noise import Stream, key_hash
from i2ibench.data.worlds.scene import LANE, RGB, Backdrop, Barrier, Building, Camera, Label, Post, Road, Scene, Tree
from i2ibench.data.worlds.traffic import draw_actors

_PLASTER: tuple[RGB, ...] = (
    (0.66, 0.56, 0.38), (0.70, 0.66, 0.56), (0.55, 0.32, 0.18), (0.62, 0.44, 0.36), (0.42, 0.46, 0.44),
    (0.72, 0.70, 0.68), (0.58, 0.50, 0.20), (0.36, 0.42, 0.52), (0.50, 0.40, 0.30),
)  # fmt: skip
_BRICK: tuple[RGB, ...] = ((0.34, 0.12, 0.07), (0.27, 0.10, 0.07), (0.42, 0.20, 0.11), (0.38, 0.28, 0.19))
_CONCRETE: tuple[RGB, ...] = ((0.36, 0.35, 0.33), (0.46, 0.45, 0.42), (0.30, 0.31, 0.33), (0.48, 0.42, 0.35))
_GLASS: tuple[RGB, ...] = ((0.14, 0.20, 0.24), (0.20, 0.22, 0.22), (0.10, 0.14, 0.20))
_STONE: tuple[RGB, ...] = ((0.40, 0.36, 0.29), (0.33, 0.32, 0.31), (0.46, 0.40, 0.32))
_FENCE: tuple[tuple[RGB, ...], ...] = (
    ((0.72, 0.72, 0.70), (0.46, 0.27, 0.13), (0.62, 0.56, 0.44)),
    ((0.03, 0.04, 0.035), (0.05, 0.10, 0.07), (0.10, 0.10, 0.11)),
    ((0.36, 0.38, 0.40), (0.08, 0.20, 0.13)),
    ((0.40, 0.22, 0.10), (0.28, 0.17, 0.10), (0.50, 0.38, 0.24)),
)
_LEAVES: tuple[RGB, ...] = (
    (0.075, 0.15, 0.03), (0.055, 0.12, 0.035), (0.10, 0.17, 0.03), (0.13, 0.16, 0.025), (0.05, 0.10, 0.045),
)  # fmt: skip
_AUTUMN: tuple[RGB, ...] = ((0.30, 0.16, 0.025), (0.26, 0.10, 0.02), (0.24, 0.19, 0.03))
_ROOFS: tuple[RGB, ...] = ((0.30, 0.11, 0.06), (0.13, 0.12, 0.13), (0.22, 0.13, 0.09))


@dataclass(frozen=True)
class _District:
    """What a neighbourhood is made of. Weights need not sum to 1."""

    plots: tuple[tuple[str, float], ...]
    storeys: tuple[int, int]
    verge: float
    street_trees: float


_DISTRICTS = (
    (_District((("block", 8), ("yard", 2), ("park", 1)), (3, 7), 0.15, 0.4), 0.32),
    (_District((("house", 7), ("yard", 1), ("park", 1.5), ("block", 0.5)), (1, 3), 0.5, 0.5), 0.28),
    (_District((("block", 5), ("park", 3), ("house", 1), ("yard", 1.5)), (3, 5), 0.5, 0.9), 0.22),
    (_District((("yard", 4), ("park", 3), ("block", 2), ("house", 2)), (1, 4), 0.6, 0.4), 0.18),
)


def draw_scene(seed: int, index: int) -> Scene:
    """The scene `index` of the world `seed`: equal on every machine and independent of what was drawn before."""
    key = key_hash(seed, index)
    rng = Stream(key, 1)
    district = rng.weighted(_DISTRICTS)
    autumn = rng.chance(0.2)
    camera = Camera(rng.uniform(1.55, 2.3), rng.uniform(1.05, 1.4), rng.uniform(-0.28, 0.28), rng.uniform(-0.1, 0.02))
    road = _road(Stream(key, 2), district)
    frontages = [_frontage(Stream(key, 3, at), district, road, side, autumn) for at, side in enumerate((-1, 1))]
    street_trees = _street_trees(Stream(key, 4), district, road, autumn)
    grass = rng.choice(((0.20, 0.27, 0.055), (0.15, 0.24, 0.05), (0.26, 0.27, 0.09), (0.34, 0.27, 0.16)))
    return Scene(
        key=key,
        camera=camera,
        light=atmosphere.draw_light(Stream(key, 5)),
        road=road,
        grass=grass,
        asphalt=rng.uniform(0.075, 0.17),
        paving=rng.choice(((0.36, 0.34, 0.31), (0.30, 0.29, 0.29), (0.40, 0.33, 0.27), (0.42, 0.41, 0.39))),
        buildings=tuple(item for buildings, _, _ in frontages for item in buildings),
        barriers=tuple(item for _, barriers, _ in frontages for item in barriers),
        garden_trees=tuple(item for _, _, trees in frontages for item in trees),
        street_trees=street_trees,
        backdrop=Backdrop(rng.chance(0.5), rng.uniform(7, 16), _leaves(rng, autumn), key_hash(key, 6)),
        posts=_posts(Stream(key, 7), road),
        actors=draw_actors(Stream(key, 8), road),
    )


def _road(rng: Stream, district: _District) -> Road:
    oncoming = rng.integer(1, 2)
    parking = rng.chance(0.6), rng.chance(0.6)
    driving = -(oncoming + 0.5) * LANE, 0.5 * LANE
    left, right = (
        edge + side * (2.2 if wide else 0.3) for edge, side, wide in zip(driving, (-1, 1), parking, strict=True)
    )
    lines = [(-(lane + 0.5) * LANE, lane > 0 or rng.chance(0.6)) for lane in range(oncoming)]
    lines += [(edge, rng.chance(0.3)) for edge, wide in zip(driving, parking, strict=True) if wide]
    crossing = crosswalk = None
    if rng.chance(0.5):
        near = rng.uniform(12, 34)
        crossing = (near, near + rng.uniform(9, 14))
    if rng.chance(0.5):
        crosswalk = crossing[0] - 4.5 if crossing else rng.uniform(8, 22)
    verge = tuple(rng.uniform(1.2, 2.6) if rng.chance(district.verge) else 0.0 for _ in range(2))
    sidewalk = tuple(rng.uniform(1.8, 4.2) for _ in range(2))
    return Road(
        left=left,
        right=right,
        lanes=oncoming,
        parking=parking,
        verge=(verge[0], verge[1]),
        sidewalk=(sidewalk[0], sidewalk[1]),
        lines=tuple(lines),
        yellow=rng.chance(0.3),
        crossing=crossing,
        crosswalk=crosswalk,
        rails=-LANE if rng.chance(0.3) else None,
        end=rng.uniform(60, 140),
    )


def _frontage(
    rng: Stream, district: _District, road: Road, side: int, autumn: bool
) -> tuple[list[Building], list[Barrier], list[Tree]]:
    """The plots along one side of the street, one after the other from the camera to the street's end."""
    buildings: list[Building] = []
    barriers: list[Barrier] = []
    trees: list[Tree] = []
    edge, near = side * road.frontage(side), 1.0 + rng.uniform(0, 4)
    while near < road.end:
        far = near + rng.uniform(9, 22)
        if road.crossing and near < road.crossing[1] and far > road.crossing[0] - 3:
            if near < road.crossing[0] - 7:
                far = road.crossing[0] - 3
            else:
                near = road.crossing[1] + 3
                continue
        plot = rng.weighted(district.plots)
        if plot == "block":
            buildings.append(_building(rng, edge, (near, far), rng.integer(*district.storeys), house=False))
        elif plot == "house":
            setback = edge + side * rng.uniform(2.5, 6)
            buildings.append(_building(rng, setback, (near + 1.5, far - 1.5), rng.integer(1, 2), house=True))
            barriers.append(_barrier(rng, edge, (near, far), autumn))
            trees += _garden(rng, edge, side, (near, far), rng.integer(0, 2), 4.0, autumn)
        else:
            if plot == "yard":
                setback = edge + side * rng.uniform(8, 14)
                buildings.append(_building(rng, setback, (near, far), rng.integer(2, 5), house=False))
            if plot == "yard" or rng.chance(0.6):
                barriers.append(_barrier(rng, edge, (near, far), autumn))
            trees += _garden(rng, edge, side, (near, far), rng.integer(2, 5), 11.0, autumn)
        near = far + (0.0 if plot == "block" and rng.chance(0.8) else rng.uniform(0, 2))
    return buildings, barriers, trees


def _building(rng: Stream, x: float, z: tuple[float, float], storeys: int, *, house: bool) -> Building:
    material = rng.weighted(((0, 5.0), (1, 3.0), (2, 0.0 if house else 2.0), (3, 0.0 if house else 1.0)))
    storey = rng.uniform(2.8, 3.5)
    shops = 0.0 if house or rng.chance(0.45) else rng.uniform(3.4, 4.2)
    window = (rng.uniform(0.3, 0.55), rng.uniform(0.42, 0.62))
    tone = rng.uniform(0.7, 1.1)
    colour = rng.choice((_PLASTER, _BRICK, _CONCRETE, _GLASS)[material])
    return Building(
        x=x,
        z=z,
        eaves=shops + storeys * storey + rng.uniform(0.3, 1.2),
        roof=rng.uniform(2.0, 3.5) if house or rng.chance(0.3) else 0.0,
        storey=storey,
        bay=rng.uniform(1.8, 3.4),
        window=(0.84, 0.8) if material == 3 else window,
        ground_floor=shops,
        material=material,
        colour=(colour[0] * tone, colour[1] * tone, colour[2] * tone),
        trim=rng.choice(((0.7, 0.69, 0.66), (0.5, 0.46, 0.4), (0.16, 0.14, 0.13))),
        roof_colour=rng.choice(_ROOFS),
        key=rng.integer(0, 1 << 20),
    )


def _barrier(rng: Stream, x: float, z: tuple[float, float], autumn: bool) -> Barrier:
    label = rng.weighted(((Label.WALL, 4.0), (Label.FENCE, 4.0), (Label.VEGETATION, 2.0)))
    style = rng.integer(0, 3 if label is Label.FENCE else 2)
    if label is Label.WALL:
        height, colour = rng.uniform(1.3, 2.9), rng.choice((_BRICK, _CONCRETE, _STONE)[style])
    elif label is Label.FENCE:
        height, colour = rng.uniform(1.1, 2.2), rng.choice(_FENCE[style])
    else:
        height, colour = rng.uniform(1.0, 2.2), _leaves(rng, autumn)
    return Barrier(label, x, z, height, style, colour, rng.integer(0, 1 << 20))


def _garden(
    rng: Stream, edge: float, side: int, z: tuple[float, float], count: int, depth: float, autumn: bool
) -> list[Tree]:
    return [_tree(rng, edge + side * rng.uniform(1.2, depth), rng.uniform(*z), autumn) for _ in range(count)]


def _street_trees(rng: Stream, district: _District, road: Road, autumn: bool) -> tuple[Tree, ...]:
    trees = []
    for at, side in enumerate((-1, 1)):
        if not rng.chance(district.street_trees):
            continue
        kerb = (road.right if side > 0 else -road.left) + (road.verge[at] / 2 if road.verge[at] else 0.8)
        z, step = rng.uniform(7, 16), rng.uniform(8, 16)
        while z < min(road.end, 75):
            if not _on_crossing(road, z, 3) and rng.chance(0.85):
                trees.append(_tree(rng, side * kerb, z, autumn))
            z += step * rng.uniform(0.8, 1.2)
    return tuple(trees)


def _tree(rng: Stream, x: float, z: float, autumn: bool) -> Tree:
    bush = rng.chance(0.15)
    radius = rng.uniform(0.6, 1.1) if bush else rng.uniform(1.3, 2.7)
    tall = rng.uniform(0.8, 1.5)
    trunk = 0.0 if bush else rng.uniform(1.8, 3.0)
    bark = rng.choice(((0.10, 0.075, 0.05), (0.14, 0.12, 0.10), (0.07, 0.06, 0.05)))
    return Tree(x, z, trunk, (radius, radius * tall), _leaves(rng, autumn), bark, rng.integer(0, 1 << 20))


def _leaves(rng: Stream, autumn: bool) -> RGB:
    tone, colour = rng.uniform(0.75, 1.35), rng.choice(_AUTUMN if autumn and rng.chance(0.6) else _LEAVES)
    return colour[0] * tone, colour[1] * tone, colour[2] * tone


def _posts(rng: Stream, road: Road) -> tuple[Post, ...]:
    """Street lamps, traffic lights before crossings, and signs."""
    posts: list[Post] = []
    grey = rng.choice(((0.20, 0.21, 0.21), (0.10, 0.11, 0.11), (0.32, 0.33, 0.33), (0.07, 0.12, 0.09)))
    kerbs = {-1: road.left - 0.55, 1: road.right + 0.55}
    for side in (-1, 1):
        if rng.chance(0.6):
            z, step = rng.uniform(7, 20), rng.uniform(16, 26)
            while z < min(road.end, 60):
                if not _on_crossing(road, z, 1):
                    arm = -side * rng.uniform(1.2, 2.4)
                    posts.append(Post(kerbs[side], z, rng.uniform(5.5, 7.5), 0.19, grey, arm))
                z += step
    stop = road.crossing[0] - 1.2 if road.crossing else road.crosswalk
    if stop is not None and rng.chance(0.85):
        state, size = rng.integer(0, 2), rng.uniform(1.15, 1.45)
        for side in (1, -1):
            overhead = rng.chance(0.35)
            height = rng.uniform(5.2, 5.9) if overhead else rng.uniform(3.6, 4.2)
            arm = -side * rng.uniform(2.6, 4.0) if overhead else 0.0
            low = height - size + 0.2 if overhead else height - size
            posts.append(Post(kerbs[side], stop, height, 0.2, grey, arm, light=state, sign_height=low, sign_size=size))
    for side in (-1, 1, 1):
        if rng.chance(0.5):
            z = rng.uniform(6.5, 20)
            if not _on_crossing(road, z, 1):
                low, size = rng.uniform(2.0, 2.7), rng.uniform(0.8, 1.15)
                x = kerbs[side] + side * rng.uniform(0, 0.5)
                shape = rng.integer(0, 7)
                posts.append(Post(x, z, low + size * 0.9, 0.13, grey, sign=shape, sign_height=low, sign_size=size))
    return tuple(posts)


def _on_crossing(road: Road, z: float, margin: float) -> bool:
    return road.crossing is not None and road.crossing[0] - margin < z < road.crossing[1] + margin
