"""All classes of Cityscapes, of which 19 are evaluated: ids, train ids and colours, as data.

From the definitions that Cityscapes publishes with its scripts.
"""

from __future__ import annotations

from typing import NamedTuple


class CityscapesClass(NamedTuple):
    """A class as the data set's files know it."""

    id: int
    """Pixel value in `_labelIds.png`."""
    name: str
    train_id: int
    """Id among the evaluated classes (`labels.CITYSCAPES`); 255 is ignored, -1 is in no picture."""
    category: str
    has_instances: bool
    """Pixels of its objects are `id * 1000 + number` in `_instanceIds.png`."""
    colour: tuple[int, int, int]
    """RGB in `_color.png`; not unique."""


CITYSCAPES_CLASSES = (
    CityscapesClass(0, "unlabeled", 255, "void", False, (0, 0, 0)),
    CityscapesClass(1, "ego vehicle", 255, "void", False, (0, 0, 0)),
    CityscapesClass(2, "rectification border", 255, "void", False, (0, 0, 0)),
    CityscapesClass(3, "out of roi", 255, "void", False, (0, 0, 0)),
    CityscapesClass(4, "static", 255, "void", False, (0, 0, 0)),
    CityscapesClass(5, "dynamic", 255, "void", False, (111, 74, 0)),
    CityscapesClass(6, "ground", 255, "void", False, (81, 0, 81)),
    CityscapesClass(7, "road", 0, "flat", False, (128, 64, 128)),
    CityscapesClass(8, "sidewalk", 1, "flat", False, (244, 35, 232)),
    CityscapesClass(9, "parking", 255, "flat", False, (250, 170, 160)),
    CityscapesClass(10, "rail track", 255, "flat", False, (230, 150, 140)),
    CityscapesClass(11, "building", 2, "construction", False, (70, 70, 70)),
    CityscapesClass(12, "wall", 3, "construction", False, (102, 102, 156)),
    CityscapesClass(13, "fence", 4, "construction", False, (190, 153, 153)),
    CityscapesClass(14, "guard rail", 255, "construction", False, (180, 165, 180)),
    CityscapesClass(15, "bridge", 255, "construction", False, (150, 100, 100)),
    CityscapesClass(16, "tunnel", 255, "construction", False, (150, 120, 90)),
    CityscapesClass(17, "pole", 5, "object", False, (153, 153, 153)),
    CityscapesClass(18, "polegroup", 255, "object", False, (153, 153, 153)),
    CityscapesClass(19, "traffic light", 6, "object", False, (250, 170, 30)),
    CityscapesClass(20, "traffic sign", 7, "object", False, (220, 220, 0)),
    CityscapesClass(21, "vegetation", 8, "nature", False, (107, 142, 35)),
    CityscapesClass(22, "terrain", 9, "nature", False, (152, 251, 152)),
    CityscapesClass(23, "sky", 10, "sky", False, (70, 130, 180)),
    CityscapesClass(24, "person", 11, "human", True, (220, 20, 60)),
    CityscapesClass(25, "rider", 12, "human", True, (255, 0, 0)),
    CityscapesClass(26, "car", 13, "vehicle", True, (0, 0, 142)),
    CityscapesClass(27, "truck", 14, "vehicle", True, (0, 0, 70)),
    CityscapesClass(28, "bus", 15, "vehicle", True, (0, 60, 100)),
    CityscapesClass(29, "caravan", 255, "vehicle", True, (0, 0, 90)),
    CityscapesClass(30, "trailer", 255, "vehicle", True, (0, 0, 110)),
    CityscapesClass(31, "train", 16, "vehicle", True, (0, 80, 100)),
    CityscapesClass(32, "motorcycle", 17, "vehicle", True, (0, 0, 230)),
    CityscapesClass(33, "bicycle", 18, "vehicle", True, (119, 11, 32)),
    CityscapesClass(-1, "license plate", -1, "vehicle", False, (0, 0, 142)),
)
"""In the order of their ids, licence plates last."""

TRAIN_IDS = {label.id: label.train_id for label in CITYSCAPES_CLASSES}
"""Train id by id."""
ID_COLOURS = tuple(label.colour for label in CITYSCAPES_CLASSES if label.id >= 0)
"""Colour by id."""
