"""What is in a street scene, in metres, without a word on how it looks when rendered.

A straight street runs along Z (forward); X points right and Y up from the ground. The camera stands at X = 0, Z = 0,
from where it starts when the scene moves. Traffic keeps to the right. `i2ibench.data.worlds.layout` draws scenes,
`i2ibench.data.worlds.motion` moves them; renderers read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

RGB = tuple[float, float, float]
"""A linear-light colour, 0 to 1."""
LANE = 3.3
"""Width of a driving lane in metres."""


class Label(IntEnum):
    """The classes of the streets world: the Cityscapes train ids."""

    ROAD = 0
    SIDEWALK = 1
    BUILDING = 2
    WALL = 3
    FENCE = 4
    POLE = 5
    TRAFFIC_LIGHT = 6
    TRAFFIC_SIGN = 7
    VEGETATION = 8
    TERRAIN = 9
    SKY = 10
    PERSON = 11
    RIDER = 12
    CAR = 13
    TRUCK = 14
    BUS = 15
    TRAIN = 16
    MOTORCYCLE = 17
    BICYCLE = 18


VEHICLES = frozenset({Label.CAR, Label.TRUCK, Label.BUS, Label.TRAIN})
"""The classes that are boxes with ends and sides."""


class Heading(Enum):
    """Where an actor faces: down the street, towards the camera, or across it to the left or right."""

    AWAY = "away"
    TOWARD = "toward"
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True)
class Camera:
    """A pinhole camera. Picture coordinates are in picture heights from the centre, x right and y down."""

    height: float
    focal: float
    """Focal length in picture heights."""
    vanishing_x: float
    """Where the street vanishes."""
    horizon_y: float
    x: float = 0.0
    """Where the camera is, `height` above the ground."""
    z: float = 0.0


@dataclass(frozen=True)
class Light:
    """Sun, sky and air."""

    sun: tuple[float, float, float]
    """Unit vector to the sun."""
    sun_colour: RGB
    """Irradiance of a surface that faces the sun; dim under an overcast sky."""
    ambient: RGB
    zenith: RGB
    horizon: RGB
    cloud_cover: float
    """0 clear to 1 overcast."""
    haze: float
    """Extinction per metre."""
    wetness: float
    """0 dry to 1: wet ground is darker and mirrors the sky."""


@dataclass(frozen=True)
class Road:
    """The ground: a carriageway between kerbs, strips beside it, and perhaps a crossing street."""

    left: float
    """X of the left kerb, negative."""
    right: float
    lanes: int
    """Lanes of oncoming traffic; the camera drives in the only other one, around X = 0."""
    parking: tuple[bool, bool]
    """Whether there is a parking lane at the left and right kerb."""
    verge: tuple[float, float]
    """Width of the grass strip between kerb and sidewalk on the left and right, 0 for none."""
    sidewalk: tuple[float, float]
    """Width of the sidewalk, left and right."""
    lines: tuple[tuple[float, bool], ...]
    """X of each lane line and whether it is dashed."""
    yellow: bool
    """Colour of the centre line."""
    crossing: tuple[float, float] | None
    """Near and far Z of a street that crosses."""
    crosswalk: float | None
    """Near Z of a zebra crossing, 3 m deep."""
    rails: float | None
    """X of the middle of a tram track."""
    end: float
    """Z at which the street ends in a backdrop."""

    def frontage(self, side: int) -> float:
        """Distance of the outer edge of the sidewalk on `side` (-1 left, 1 right) from X = 0."""
        at = 0 if side < 0 else 1
        return (self.right if side > 0 else -self.left) + self.verge[at] + self.sidewalk[at]


@dataclass(frozen=True)
class Building:
    """A box along the street with a facade to the street and one to the camera."""

    x: float
    """Signed X of the facade along the street; the building extends outward from it."""
    z: tuple[float, float]
    eaves: float
    roof: float
    """Height of the roof above the eaves; 0 for a flat one."""
    storey: float
    bay: float
    """Distance of neighbouring windows."""
    window: tuple[float, float]
    """Width and height of a window as shares of bay and storey."""
    ground_floor: float
    """Height of a ground floor of shops; 0 for none."""
    material: int
    """0 plaster, 1 brick, 2 concrete panels, 3 glass."""
    colour: RGB
    trim: RGB
    roof_colour: RGB
    key: int


@dataclass(frozen=True)
class Barrier:
    """A wall, fence or hedge along the street."""

    label: Label
    x: float
    z: tuple[float, float]
    height: float
    style: int
    """Walls: 0 brick, 1 concrete, 2 stone. Fences: 0 pickets, 1 railings, 2 mesh, 3 boards."""
    colour: RGB
    key: int


@dataclass(frozen=True)
class Tree:
    """A trunk and a crown, or a bush where the trunk is 0."""

    x: float
    z: float
    trunk: float
    """Height at which the crown begins."""
    radius: tuple[float, float]
    """Half width and half height of the crown."""
    colour: RGB
    bark: RGB
    key: int
    bare: bool = False
    """Branches without leaves."""

    @property
    def middle(self) -> float:
        """Height of the crown's middle."""
        return self.trunk + self.radius[1] * 0.85 if self.trunk else self.radius[1] * 0.8


@dataclass(frozen=True)
class Backdrop:
    """What closes the view at the street's end."""

    trees: bool
    """A wood; else a row of houses."""
    height: float
    colour: RGB
    key: int


@dataclass(frozen=True)
class Post:
    """A pole with what hangs on it."""

    x: float
    z: float
    height: float
    width: float
    colour: RGB
    arm: float = 0.0
    """Signed length of a horizontal arm at the top, towards the road."""
    light: int | None = None
    """State of a traffic light: 0 red, 1 amber, 2 green."""
    sign: int | None = None
    """Shape of a traffic sign: an index into the renderer's signs."""
    sign_height: float = 2.2
    """Y of the sign's or light's lower edge."""
    sign_size: float = 0.8


@dataclass(frozen=True)
class Actor:
    """A vehicle, person, rider or two-wheeler standing on the ground."""

    label: Label
    x: float
    """X of the middle."""
    z: float
    """Z of the end nearest to the camera."""
    heading: Heading
    width: float
    height: float
    length: float
    variant: int
    colours: tuple[RGB, RGB, RGB]
    """Body or upper clothing, second colour or trousers, third colour or hair."""
    key: int
    moved: tuple[float, float] = (0.0, 0.0)
    """How far along X and Z the actor has come since its sequence began; its texture moves along."""
    parked: bool = False
    """Whether it stands even when the scene moves."""

    def footprint(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The X and Z that the body takes up, without elbows and handlebars."""
        box = self.label in VEHICLES
        across = box and self.heading in (Heading.LEFT, Heading.RIGHT)
        half, depth = (self.length / 2, self.width) if across else (self.width / 2, self.length)
        if not box:
            half = half * 0.6
        return (self.x - half, self.x + half), (self.z, self.z + depth)


@dataclass(frozen=True)
class Scene:
    """One street scene. Tuples are in no particular order; renderers sort by depth."""

    key: int
    """Hash of (seed, index), for what renderers draw beyond the description."""
    camera: Camera
    light: Light
    road: Road
    grass: RGB
    asphalt: float
    """Reflectance of the carriageway."""
    paving: RGB
    buildings: tuple[Building, ...]
    barriers: tuple[Barrier, ...]
    garden_trees: tuple[Tree, ...]
    """Behind the barriers."""
    street_trees: tuple[Tree, ...]
    """On the sidewalks and verges."""
    backdrop: Backdrop
    posts: tuple[Post, ...]
    actors: tuple[Actor, ...]
    """A rider's vehicle comes right before the rider and shares its position."""
    frame: int | None = None
    """Which frame of a sequence this is, below 256; None for a scene on its own."""
