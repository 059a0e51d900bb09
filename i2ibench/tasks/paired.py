"""Paired tasks that users have to get the pictures of: labels, edges, maps, and degraded photos."""

from __future__ import annotations

from i2ibench.task import Files, Level, Need, Resolution, Task
from i2ibench.tasks.labels import CAMVID
from i2ibench.tasks.measures import DISTRIBUTIONS, DIVERSITY, DIVERSITY_MUNIT, LABELS, LIKELIHOOD, PAIRS

_PIX2PIX = "Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017, arXiv:1611.07004"
_ARCHIVE = "Download {} from the data sets of pix2pix and unpack it."

FACADES = Task(
    name="facades",
    title="label picture of a facade to its photo",
    description=(
        "The CMP facades as pix2pix distributes them: JPEG of 256x512, the photo left, twelve label colours right. The "
        "source is the label picture: JPEG has blurred its colours, so no label ids are made of it. The official "
        "splits hold different facades, mostly of Prague. With 106 test pictures FID is heavily biased: compare KID."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS}),
    resolutions=(Resolution(256, 256), Resolution(128, 128)),
    splits={"train": 400, "val": 100, "test": 106},
    data=Files(layout="side-by-side", options={"source": "right"}, obtain=_ARCHIVE.format("facades.tar.gz")),
    metrics=DISTRIBUTIONS | PAIRS | LIKELIHOOD | DIVERSITY,
    source="CMP Facade Database, in the archive of pix2pix",
    licence="research use (as documented)",
    citation=f"Tylecek and Sara, Spatial Pattern Templates for Recognition of Objects, GCPR 2013; {_PIX2PIX}",
)

MAPS = Task(
    name="maps",
    title="aerial photo of New York to its map",
    description=(
        "Pairs from Google Maps as pix2pix distributes them: JPEG of 600x1200, the photo left, the map right; resized "
        "whole. The archive's val is the test; of its train a tenth, those whose names have the lowest hashes, "
        "validates. Official train and val lie apart along a latitude; validation pictures may border training ones, "
        "as they are carved from one area. pix2pix loads at 286x286 and crops to 256x256, which is augmentation."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS}),
    resolutions=(Resolution(256, 256), Resolution(128, 128)),
    splits={"train": 987, "val": 109, "test": 1098},
    data=Files(
        layout="side-by-side",
        options={"source": "left", "splits": {"train": "train", "test": "val"}},
        obtain=_ARCHIVE.format("maps.tar.gz"),
    ),
    metrics=DISTRIBUTIONS | PAIRS | LIKELIHOOD | DIVERSITY,
    source="Google Maps, in the archive of pix2pix",
    licence="not stated; pictures of Google Maps",
    citation=_PIX2PIX,
)

EDGES2SHOES = Task(
    name="edges2shoes",
    title="edges of a shoe to its photo",
    description=(
        "Photos of shoes on white with their edges, found by a network (HED) and thinned, as pix2pix distributes them: "
        "JPEG of 256x512, the edges left. The archive's val is the test; of its train one in a hundred, those whose "
        "names have the lowest hashes, validates. One shoe photographed from several sides can be in two splits."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS}),
    resolutions=(Resolution(256, 256), Resolution(128, 128), Resolution(64, 64)),
    splits={"train": 49327, "val": 498, "test": 200},
    data=Files(
        layout="side-by-side",
        options={"source": "left", "splits": {"train": "train", "test": "val"}, "one_in": 100},
        obtain=_ARCHIVE.format("edges2shoes.tar.gz"),
    ),
    metrics=DISTRIBUTIONS | PAIRS | LIKELIHOOD | DIVERSITY | DIVERSITY_MUNIT,
    source="UT Zappos50K, in the archive of pix2pix",
    licence="academic, non-commercial use (as documented)",
    citation=f"Yu and Grauman, Fine-Grained Visual Comparisons with Local Learning, CVPR 2014; {_PIX2PIX}",
)

EDGES2HANDBAGS = Task(
    name="edges2handbags",
    title="edges of a handbag to its photo",
    description=(
        "Photos of handbags from a shop with their edges, found by a network (HED) and thinned, as pix2pix distributes "
        "them: JPEG of 256x512, the edges left. The archive's val is the test; of its train one in two hundred, those "
        "whose names have the lowest hashes, validates. Nearly equal products can be in two splits."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS}),
    resolutions=(Resolution(256, 256), Resolution(128, 128), Resolution(64, 64)),
    splits={"train": 137875, "val": 692, "test": 200},
    data=Files(
        layout="side-by-side",
        options={"source": "left", "splits": {"train": "train", "test": "val"}, "one_in": 200},
        obtain=_ARCHIVE.format("edges2handbags.tar.gz"),
    ),
    metrics=DISTRIBUTIONS | PAIRS | LIKELIHOOD | DIVERSITY | DIVERSITY_MUNIT,
    source="Amazon product photos of iGAN, in the archive of pix2pix",
    licence="not stated; product photos",
    citation=f"Zhu et al., Generative Visual Manipulation on the Natural Image Manifold, ECCV 2016; {_PIX2PIX}",
)

LOL = Task(
    name="lol",
    title="photo in low light to the same in normal light",
    description=(
        "LOL, version 1: pairs of short and long exposures of 400x600. eval15 is the test; of our485 a tenth, those "
        "whose names have the lowest hashes, validates; a scene can be in both. The field scores at 400x600, PSNR and "
        "SSIM on RGB, and some papers after matching the mean brightness of the truth, which these scores do not. At "
        "other sizes pictures are resized whole. 15 test pictures are too few for distances between sets."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS}),
    resolutions=(Resolution(400, 600), Resolution(256, 384), Resolution(128, 192)),
    splits={"train": 437, "val": 48, "test": 15},
    data=Files(
        layout="paired-folders",
        options={
            "source": "{split}/low",
            "target": "{split}/high",
            "splits": {"train": "our485", "test": "eval15"},
        },
        obtain="Get the LOL data set (LOLdataset.zip, version 1) from its authors' page and unpack it.",
    ),
    metrics=PAIRS | LIKELIHOOD,
    source="LOL, version 1",
    licence="research use (as documented)",
    citation="Wei et al., Deep Retinex Decomposition for Low-Light Enhancement, BMVC 2018, arXiv:1808.04560",
)

SIDD = Task(
    name="sidd",
    title="noisy photo of a phone to the same without noise",
    description=(
        "SIDD, sRGB: photos of ten scenes by five phones under several lights and sensitivities, with noise-free "
        "partners. Of every picture the middle 256x256 is taken at its own scale, as resizing averages noise away; so "
        "128x128 is for trials only. The 320 pairs of the medium set train; of their 160 numbers, which begin the "
        "names, a tenth validates. The 1,280 validation blocks of 256x256 test, as is the field's habit. All splits "
        "show the same ten scenes. Pairs cut to pieces beforehand give more training windows, and other counts."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS}),
    resolutions=(Resolution(256, 256), Resolution(128, 128)),
    splits={"train": 288, "val": 32, "test": 1280},
    data=Files(
        layout="paired-folders",
        options={
            "source": "{split}/noisy",
            "target": "{split}/gt",
            "splits": {"train": "train", "test": "val"},
            "drop": "(?i)_?(noisy|gt)",
            "group": "^[0-9]+",
            "middle": (256, 256),
        },
        obtain=(
            "Get SIDD-Medium (sRGB) and the validation blocks from the authors' page; put noisy and clean pictures in "
            "train/noisy, train/gt, val/noisy and val/gt, the blocks of the two .mat files as PNG."
        ),
    ),
    metrics=PAIRS | LIKELIHOOD,
    source="Smartphone Image Denoising Dataset",
    licence="MIT (as documented)",
    citation="Abdelhamed et al., A High-Quality Denoising Dataset for Smartphone Cameras, CVPR 2018",
)

CAMVID_LABEL2PHOTO = Task(
    name="camvid-label2photo",
    title="label map of a street to its photo",
    description=(
        "Frames of drives through Cambridge in the split of the SegNet tutorial, 360x480, with 11 classes and void. "
        "The source is the label map in the classes' colours, void black; labels are the 11 ids, void ignored. "
        "Pictures are resized whole, labels by the nearest pixel. Frames are a second apart: neighbours are alike, and "
        "the official splits share drives. All of validation is of a drive that also trains (0016E5), 62 of the 233 "
        "test frames likewise (0001TP); the other 171 are of a drive of their own (Seq05VD)."
    ),
    level=Level.STRONG,
    gives=frozenset({Need.PAIRS, Need.LABELS}),
    resolutions=(Resolution(192, 256), Resolution(96, 128), Resolution(360, 480)),
    splits={"train": 367, "val": 101, "test": 233},
    data=Files(layout="camvid", obtain="Download the folder CamVid of the SegNet tutorial."),
    labels=CAMVID,
    metrics=DISTRIBUTIONS | PAIRS | LABELS | LIKELIHOOD,
    source="CamVid, in the SegNet tutorial",
    licence="research, non-commercial use (as documented)",
    citation=(
        "Brostow et al., Semantic Object Classes in Video: A High-Definition Ground Truth Database, Pattern "
        "Recognition Letters 2009; Badrinarayanan et al., SegNet, TPAMI 2017, arXiv:1511.00561"
    ),
)
