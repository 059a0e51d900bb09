"""Tasks of style transfer that users have to get the pictures of themselves."""

from __future__ import annotations

from i2ibench.task import Files, Fit, Level, Resolution, Task
from i2ibench.tasks.measures import CONTENT, DISTRIBUTIONS, STYLE

COCO2WIKIART = Task(
    name="coco2wikiart",
    title="photo to a painting of the same content",
    description=(
        "Web photos of everyday scenes (COCO 2017) as contents, paintings from WikiArt in 27 folders of styles as "
        "styles. Unpaired: any content goes with any style. The shorter side is resized and the middle cut out, so "
        "proportions stay. Contents: train2017, of which the 1,000 whose names have the lowest hashes validate, and "
        "val2017 for test. Styles: of all paintings those with the lowest hashes, 1,000 for validation and 1,000 for "
        "test; a painter can be in several splits, and so can copies of a painting filed under two styles. WikiArt "
        "circulates in several editions; counts are those of ArtGAN's, 81,444 paintings. Set distances do not see "
        "which style was asked for."
    ),
    level=Level.NORMAL,
    gives=frozenset(),
    resolutions=(Resolution(256, 256), Resolution(512, 512), Resolution(128, 128)),
    splits={"train": 117287, "val": 1000, "test": 5000},
    targets={"train": 79444, "val": 1000, "test": 1000},
    data=Files(
        layout="style",
        options={"content": {"train": "coco/train2017", "test": "coco/val2017"}, "style": {"train": "wikiart"}},
        fit=Fit.COVER,
        obtain=(
            "COCO offers train2017.zip and val2017.zip: unpack them in a folder 'coco'. The ArtGAN project offers "
            "WikiArt: unpack it as a folder 'wikiart' with a folder for each style."
        ),
    ),
    metrics=DISTRIBUTIONS | CONTENT | STYLE,
    source="COCO 2017 and WikiArt",
    licence="COCO photos under the terms of Flickr and their owners; WikiArt non-commercial research (as documented)",
    citation=(
        "Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014, arXiv:1405.0312; Tan et al., Improved "
        "ArtGAN for Conditional Synthesis of Natural Image and Artwork, TIP 2019, arXiv:1708.09533"
    ),
)
