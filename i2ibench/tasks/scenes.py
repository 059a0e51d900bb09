"""Tasks of labelled scenes of all kinds that users have to get themselves: ADE20K, COCO-Stuff."""

from __future__ import annotations

from i2ibench.task import Files, Level, Need, Resolution, Task
from i2ibench.tasks.measures import DISTRIBUTIONS, LABELS, LIKELIHOOD, PAIRS
from i2ibench.tasks.scenes_labels import ADE20K_LABELS, COCO_STUFF_LABELS

_RESIZED = (
    "Photos and maps are resized to a square whatever their proportions, as SPADE does in tests. The colours are those "
    "of Pascal VOC's map, as the set defines none"
)

ADE20K_LABEL2PHOTO = Task(
    name="ade20k-label2photo",
    title="label map of a scene to its photo",
    description=(
        "Photos of scenes in and out of doors with maps of 150 classes (scene parsing edition); what is none of them "
        f"is ignored. The source is the label map in colours. {_RESIZED}. The official validation tests, as is the "
        "field's habit; the 1,000 training pictures whose names have the lowest hashes validate. Photos are single web "
        "pictures; near-duplicates between splits were not looked for."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS, Need.LABELS}),
    resolutions=(Resolution(256, 256), Resolution(128, 128)),
    splits={"train": 19210, "val": 1000, "test": 2000},
    data=Files(layout="ade20k", obtain="MIT offers ADEChallengeData2016.zip for download: unpack it."),
    labels=ADE20K_LABELS,
    metrics=DISTRIBUTIONS | PAIRS | LABELS | LIKELIHOOD,
    source="ADE20K, scene parsing challenge 2016",
    licence="annotations BSD-3-Clause; photos for non-commercial research and education (as documented)",
    citation="Zhou et al., Scene Parsing through ADE20K Dataset, CVPR 2017",
)

COCO_STUFF_LABEL2PHOTO = Task(
    name="coco-stuff-label2photo",
    title="label map of things and stuff to its photo",
    description=(
        "Web photos of everyday scenes (COCO 2017) with maps of 182 classes, 11 of which are in no picture. The source "
        f"is the label map in colours. {_RESIZED}. The official val2017 tests, as is the field's habit; the 2,000 "
        "training pictures whose names have the lowest hashes validate. SPADE also uses instance maps, made from the "
        "annotations: option instances reads them where they were made, and this task does not give them. "
        "Near-duplicates between splits were not looked for."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS, Need.LABELS}),
    resolutions=(Resolution(256, 256), Resolution(128, 128)),
    splits={"train": 116287, "val": 2000, "test": 5000},
    data=Files(
        layout="coco-stuff",
        obtain=(
            "COCO offers train2017.zip and val2017.zip, COCO-Stuff stuffthingmaps_trainval2017.zip: unpack the first "
            "two in a folder 'images', the third in a folder 'annotations'."
        ),
    ),
    labels=COCO_STUFF_LABELS,
    metrics=DISTRIBUTIONS | PAIRS | LABELS | LIKELIHOOD,
    source="COCO 2017 and COCO-Stuff",
    licence="annotations CC BY 4.0; photos under the terms of Flickr and their owners (as documented)",
    citation="Caesar et al., COCO-Stuff: Thing and Stuff Classes in Context, CVPR 2018, arXiv:1612.03716",
)
