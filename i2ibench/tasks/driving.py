"""Tasks of street scenes that users have to get themselves: Cityscapes, GTA5, INIT."""

from __future__ import annotations

from i2ibench.task import Files, Level, Need, Resolution, Task
from i2ibench.tasks.labels import CITYSCAPES
from i2ibench.tasks.measures import CONTENT, DISTRIBUTIONS, DIVERSITY, LABELS, LIKELIHOOD, PAIRS

_CITYSCAPES_LICENCE = "research and other non-commercial use after registration; no redistribution (as documented)"
_CITYSCAPES_CITATION = (
    "Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016, arXiv:1604.01685"
)
_CITYSCAPES_SPLITS = (
    "Of the official training cities Bochum and Ulm validate (191 photos), the other 16 train; the official validation "
    "(Frankfurt, Lindau, Munster) tests, as is the field's habit, because labels of the official test are not public. "
    "No city is in two splits"
)

CITYSCAPES_LABEL2PHOTO = Task(
    name="cityscapes-label2photo",
    title="label map of a street to its photo",
    description=(
        "Photos from a car in European cities by day, 1024x2048, with fine label and instance maps. The source is the "
        "label map in the colours of all 35 classes; labels are the 19 that are evaluated, others ignored. Pictures "
        f"and maps are resized whole; only 256x256 changes proportions. {_CITYSCAPES_SPLITS}. Photos within a city can "
        "show one street twice. pix2pix and CUT use copies that were made smaller and stored as JPEG, which is "
        "another protocol."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS, Need.LABELS, Need.INSTANCES}),
    resolutions=(Resolution(256, 512), Resolution(128, 256), Resolution(256, 256), Resolution(512, 1024)),
    splits={"train": 2784, "val": 191, "test": 500},
    data=Files(
        layout="cityscapes",
        obtain="Register with Cityscapes and unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip.",
    ),
    labels=CITYSCAPES,
    metrics=DISTRIBUTIONS | PAIRS | LABELS | LIKELIHOOD,
    source="Cityscapes, fine annotations",
    licence=_CITYSCAPES_LICENCE,
    citation=_CITYSCAPES_CITATION,
)

CITYSCAPES_VIDEO = Task(
    name="cityscapes-video",
    title="label maps of a drive to its video",
    description=(
        "Snippets of 30 frames at 17 frames a second from the drives of Cityscapes. Only one frame of each was "
        "labelled by hand, so label maps are those of a segmenter that users run, as vid2vid does: a score depends on "
        "that segmenter. The source is the label map in colours. "
        f"{_CITYSCAPES_SPLITS}. A snippet is a sequence; snippets of a city can follow each other."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS, Need.LABELS, Need.VIDEO}),
    resolutions=(Resolution(256, 512), Resolution(128, 256), Resolution(512, 1024)),
    splits={"train": 83520, "val": 5730, "test": 15000},
    data=Files(
        layout="cityscapes-sequences",
        obtain=(
            "Register with Cityscapes and unpack leftImg8bit_sequence_trainvaltest.zip (324 GB); write label maps of "
            "its train and val by a segmenter to a folder 'predicted' of the same tree."
        ),
    ),
    labels=CITYSCAPES,
    segmenter="cityscapes-label2photo",
    metrics=DISTRIBUTIONS | PAIRS | LABELS | LIKELIHOOD,
    source="Cityscapes, snippets of frames; label maps by the user's segmenter",
    licence=_CITYSCAPES_LICENCE,
    citation=_CITYSCAPES_CITATION,
)

GTA2CITYSCAPES = Task(
    name="gta2cityscapes",
    title="street of the game GTA V to photo in the manner of Cityscapes",
    description=(
        "Frames of a game, 1052x1914, with label maps of the classes of Cityscapes, to photos from a car in European "
        "cities. Unpaired: translations keep the frame's labels, and are compared with photos as a set. Frames are "
        "split by the download's split.mat; without it blocks of 100 consecutive frames are shared out by a hash, and "
        "counts differ. Target photos are the official train without Bochum and Ulm, these two cities for validation, "
        "and the official test, whose photos need no labels here. A few labels have ids outside the table and are "
        "ignored; some lie a few pixels off. Consecutive frames show the same streets, so splits of frames are not "
        "splits of places. Label classes are distributed otherwise than in the photos: a set distance punishes "
        "keeping them."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.LABELS}),
    resolutions=(Resolution(256, 512), Resolution(128, 256)),
    splits={"train": 12403, "val": 6382, "test": 6181},
    targets={"train": 2784, "val": 191, "test": 1525},
    data=Files(
        layout="gta5",
        obtain=(
            "Playing for Data offers images, labels and split.mat (in read_mapping.zip) for download: put them in a "
            "folder 'gta5', beside a folder 'cityscapes' with leftImg8bit_trainvaltest.zip unpacked."
        ),
    ),
    labels=CITYSCAPES,
    segmenter="cityscapes-label2photo",
    metrics=DISTRIBUTIONS | LABELS | CONTENT,
    source="Playing for Data (GTA5) and Cityscapes",
    licence=f"GTA5: research and education only, pictures of a game that others own; Cityscapes: {_CITYSCAPES_LICENCE}",
    citation=(
        "Richter et al., Playing for Data: Ground Truth from Computer Games, ECCV 2016, arXiv:1608.02192; "
        f"{_CITYSCAPES_CITATION}"
    ),
)


def _init(target: str, splits: dict[str, int]) -> Task:
    """The task from sunny to another condition."""
    return Task(
        name=f"init-sunny2{target}",
        title=f"street by sunshine to the same street {_CONDITIONS[target]}",
        description=(
            f"Street photos, 1208x1920 and larger, by condition: sunny and {target}, with boxes of cars, persons and "
            "traffic signs. Unpaired. The data set's own annotation files are not read: boxes come from a plain CSV, "
            "JSON or Pascal VOC files that any detector writes, so scores depend on which boxes they are. Counts are "
            "the documented numbers of pictures with the documented shares of 85 and 15 in a hundred for training and "
            "test, of training pictures one in 20 for validation by a hash of the name: expect others. Pictures are "
            "frames of drives: unless option scene finds the drive in the names, frames of one drive train and "
            "validate, and where the test folder shares drives with training it leaks too."
        ),
        level=Level.NORMAL,
        gives=frozenset({Need.BOXES}),
        resolutions=(Resolution(256, 384), Resolution(128, 192)),
        splits=_SUNNY,
        targets=splits,
        data=Files(
            layout="init",
            options={"source": "sunny", "target": target},
            obtain="Ask the authors of INIT for the data set by their form (research only); add files of boxes.",
        ),
        metrics=DISTRIBUTIONS | CONTENT | DIVERSITY,
        source="INIT",
        licence="research only, on request (as documented)",
        citation="Shen et al., Towards Instance-level Image-to-Image Translation, CVPR 2019, arXiv:1905.01744",
    )


_CONDITIONS = {"night": "at night", "rainy": "in rain", "cloudy": "under clouds"}
_SUNNY = {"train": 40103, "val": 2111, "test": 7449}

INIT_SUNNY2NIGHT = _init("night", {"train": 19831, "val": 1044, "test": 3684})
INIT_SUNNY2RAINY = _init("rainy", {"train": 4878, "val": 257, "test": 906})
INIT_SUNNY2CLOUDY = _init("cloudy", {"train": 60777, "val": 3199, "test": 11290})
