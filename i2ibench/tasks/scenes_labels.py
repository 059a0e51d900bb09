"""Class tables of ADE20K scene parsing and COCO-Stuff.

Names are those of the data sets' own lists (of ADE20K's synonyms the first). The sets define no colours; these are the
colour map of Pascal VOC, in which each id has another colour and black is left to ignored pixels.
"""

from __future__ import annotations

from i2ibench.task import LabelTable

_ADE20K = (
    "wall, building, sky, floor, tree, ceiling, road, bed, windowpane, grass, cabinet, sidewalk, person, earth, door, "
    "table, mountain, plant, curtain, chair, car, water, painting, sofa, shelf, house, sea, mirror, rug, field, "
    "armchair, seat, fence, desk, rock, wardrobe, lamp, bathtub, railing, cushion, base, box, column, signboard, "
    "chest of drawers, counter, sand, sink, skyscraper, fireplace, refrigerator, grandstand, path, stairs, runway, "
    "case, pool table, pillow, screen door, stairway, river, bridge, bookcase, blind, coffee table, toilet, flower, "
    "book, hill, bench, countertop, stove, palm, kitchen island, computer, swivel chair, boat, bar, arcade machine, "
    "hovel, bus, towel, light, truck, tower, chandelier, awning, streetlight, booth, television receiver, airplane, "
    "dirt track, apparel, pole, land, bannister, escalator, ottoman, bottle, buffet, poster, stage, van, ship, "
    "fountain, conveyer belt, canopy, washer, plaything, swimming pool, stool, barrel, basket, waterfall, tent, bag, "
    "minibike, cradle, oven, ball, food, step, tank, trade name, microwave, pot, animal, bicycle, lake, dishwasher, "
    "screen, blanket, sculpture, hood, sconce, vase, traffic light, tray, ashcan, fan, pier, crt screen, plate, "
    "monitor, bulletin board, shower, radiator, glass, clock, flag"
)

_COCO_THINGS = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, street sign, "
    "stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, hat, "
    "backpack, umbrella, shoe, eye glasses, handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, "
    "baseball bat, "
    "baseball glove, skateboard, surfboard, tennis racket, bottle, plate, wine glass, cup, fork, knife, spoon, bowl, "
    "banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed, "
    "mirror, dining table, window, desk, toilet, door, tv, laptop, mouse, remote, keyboard, cell phone, microwave, "
    "oven, toaster, sink, refrigerator, blender, book, clock, vase, scissors, teddy bear, hair drier, toothbrush, "
    "hair brush"
)

_COCO_STUFF = (
    "banner, blanket, branch, bridge, building-other, bush, cabinet, cage, cardboard, carpet, ceiling-other, "
    "ceiling-tile, cloth, clothes, clouds, counter, cupboard, curtain, desk-stuff, dirt, door-stuff, fence, "
    "floor-marble, floor-other, floor-stone, floor-tile, floor-wood, flower, fog, food-other, fruit, furniture-other, "
    "grass, gravel, ground-other, hill, house, leaves, light, mat, metal, mirror-stuff, moss, mountain, mud, napkin, "
    "net, paper, pavement, pillow, plant-other, plastic, platform, playingfield, railing, railroad, river, road, rock, "
    "roof, rug, salad, sand, sea, shelf, sky-other, skyscraper, snow, solid-other, stairs, stone, straw, "
    "structural-other, table, tent, textile-other, towel, tree, vegetable, wall-brick, wall-concrete, wall-other, "
    "wall-panel, wall-stone, wall-tile, wall-wood, water-other, waterdrops, window-blind, window-other, wood"
)


def _names(listed: str) -> tuple[str, ...]:
    return tuple(listed.split(", "))


def _colours(count: int) -> tuple[tuple[int, int, int], ...]:
    """Colours 1 to `count` of Pascal VOC's map: bit k of red, green and blue, from the top, is bit 3k + 0, 1, 2."""
    return tuple(
        (
            sum((number >> 3 * bit & 1) << 7 - bit for bit in range(3)),
            sum((number >> 3 * bit + 1 & 1) << 7 - bit for bit in range(3)),
            sum((number >> 3 * bit + 2 & 1) << 7 - bit for bit in range(3)),
        )
        for number in range(1, count + 1)
    )


ADE20K_LABELS = LabelTable(name="ade20k", names=_names(_ADE20K), palette=_colours(150))
"""The 150 classes of scene parsing; class k is value k + 1 in the annotations."""

COCO_STUFF_LABELS = LabelTable(
    name="coco-stuff",
    names=_names(_COCO_THINGS) + _names(_COCO_STUFF),
    palette=_colours(182),
    things=frozenset(range(91)),
)
"""The 91 things of COCO (11 of which are in no picture) and 91 kinds of stuff, by the values of the maps."""
