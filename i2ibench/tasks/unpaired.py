"""Tasks of two domains without pairs that users have to get the pictures of."""

from __future__ import annotations

from i2ibench.task import Files, Fit, Level, Resolution, Task
from i2ibench.tasks.measures import CONTENT, DISTRIBUTIONS, DIVERSITY, DIVERSITY_MUNIT, DIVERSITY_STARGAN2

_CYCLEGAN = (
    "Zhu et al., Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, ICCV 2017, "
    "arXiv:1703.10593"
)
_DRIT = "Lee et al., Diverse Image-to-Image Translation via Disentangled Representations, ECCV 2018, arXiv:1808.00948"
_UGATIT = "Kim et al., U-GAT-IT, ICLR 2020, arXiv:1907.10830"
_CARVED = (
    "Of either domain's training pictures a tenth, those whose names have the lowest hashes, validates; test pictures "
    "are the archive's. Nearly equal pictures can be in two splits, as nobody has looked for them"
)
_SIZES = (Resolution(256, 256), Resolution(128, 128), Resolution(64, 64))
_ARCHIVE = "Download {} from the data sets of CycleGAN and unpack it."

CAT2DOG = Task(
    name="cat2dog",
    title="cat to dog, heads",
    description=(
        "DRIT's set, not AFHQ's: heads of cats (Birman) and dogs (husky, samoyed) cut out of web pictures, 216x216; "
        f"resized whole. {_CARVED}. With 100 test pictures a side FID is heavily biased: compare KID."
    ),
    level=Level.WEAK,
    gives=frozenset(),
    resolutions=(Resolution(256, 256), Resolution(216, 216), Resolution(128, 128), Resolution(64, 64)),
    splits={"train": 694, "val": 77, "test": 100},
    targets={"train": 1138, "val": 126, "test": 100},
    data=Files(layout="domains", obtain="Download the cat2dog set that DRIT's repository names and unpack it."),
    metrics=DISTRIBUTIONS | DIVERSITY,
    source="web pictures collected for DRIT",
    licence="not stated; web pictures",
    citation=_DRIT,
)

CATS_AND_DOGS = Task(
    name="cats-and-dogs",
    title="cat to dog, whole photos",
    description=(
        "A folder of household photos of cats (A) and dogs (B) of all kinds, cut to the middle, 128x128 JPEG, 1,000 a "
        "side for training and 500 for test. Not DRIT's cat2dog nor AFHQ's, whose heads are aligned: here pose, size "
        f"and background vary widely and people are in some. {_CARVED}."
    ),
    level=Level.WEAK,
    gives=frozenset(),
    resolutions=(Resolution(128, 128), Resolution(64, 64)),
    splits={"train": 900, "val": 100, "test": 500},
    targets={"train": 900, "val": 100, "test": 500},
    data=Files(
        layout="domains",
        obtain="Put photos of cats in trainA and testA, of dogs in trainB and testB; another choice is another set.",
    ),
    metrics=DISTRIBUTIONS | DIVERSITY,
    source="a public set of photos of cats and dogs",
    licence="research use (as documented)",
)

HORSE2ZEBRA = Task(
    name="horse2zebra",
    title="horse to zebra",
    description=(
        "CycleGAN's set: photos of ImageNet, 256x256, some of them grey. The documentation says 939 horses and 1,177 "
        "zebras for training; the archive has 1,067 and 1,334, with 120 and 140 for test, and counts here are the "
        f"archive's. {_CARVED}. With so few test pictures FID is heavily biased: compare KID."
    ),
    level=Level.WEAK,
    gives=frozenset(),
    resolutions=_SIZES,
    splits={"train": 961, "val": 106, "test": 120},
    targets={"train": 1201, "val": 133, "test": 140},
    data=Files(layout="domains", obtain=_ARCHIVE.format("horse2zebra.zip")),
    metrics=DISTRIBUTIONS | CONTENT,
    source="ImageNet, in the archive of CycleGAN",
    licence="non-commercial research (ImageNet's terms, as documented)",
    citation=_CYCLEGAN,
)

SUMMER2WINTER_YOSEMITE = Task(
    name="summer2winter-yosemite",
    title="Yosemite in summer to Yosemite in winter",
    description=(
        "CycleGAN's set: photos of Yosemite from Flickr, 256x256, summer (A) and winter (B). The documentation says "
        "1,273 and 854 for training; the archive has 1,231 and 962, with 309 and 238 for test, and counts here are the "
        f"archive's. {_CARVED}; the valley's famous views are in all splits."
    ),
    level=Level.NORMAL,
    gives=frozenset(),
    resolutions=_SIZES,
    splits={"train": 1108, "val": 123, "test": 309},
    targets={"train": 866, "val": 96, "test": 238},
    data=Files(layout="domains", obtain=_ARCHIVE.format("summer2winter_yosemite.zip")),
    metrics=DISTRIBUTIONS | CONTENT | DIVERSITY_MUNIT,
    source="Flickr, in the archive of CycleGAN",
    licence="research use; photos stay their owners' (as documented)",
    citation=_CYCLEGAN,
)

MONET2PHOTO = Task(
    name="monet2photo",
    title="painting by Monet to photo",
    description=(
        "CycleGAN's set: paintings by Monet (A) and landscape photos from Flickr (B), 256x256. The documentation says "
        "1,074 paintings and 6,853 photos; the archive has 1,072 and 6,287 for training, 121 and 751 for test, and "
        "counts here are the archive's. DRIT pairs Monet with summer in Yosemite instead, which is another set. "
        f"{_CARVED}; Monet painted many subjects several times."
    ),
    level=Level.NORMAL,
    gives=frozenset(),
    resolutions=_SIZES,
    splits={"train": 965, "val": 107, "test": 121},
    targets={"train": 5659, "val": 628, "test": 751},
    data=Files(layout="domains", obtain=_ARCHIVE.format("monet2photo.zip")),
    metrics=DISTRIBUTIONS | CONTENT,
    source="Wikiart.org and Flickr, in the archive of CycleGAN",
    licence="research use; photos stay their owners' (as documented)",
    citation=_CYCLEGAN,
)

VANGOGH2PHOTO = Task(
    name="vangogh2photo",
    title="painting by van Gogh to photo",
    description=(
        "CycleGAN's set: paintings by van Gogh (A) and landscape photos from Flickr (B), 256x256. The documentation "
        "says 401 paintings and 6,853 photos; the archive has 400 and 6,287 for training, 400 and 751 for test, and "
        "counts here are the archive's. As many paintings test as train, so they may be the same: a method may have "
        f"seen the test's sources, though not as pairs, and never its photos. {_CARVED}."
    ),
    level=Level.NORMAL,
    gives=frozenset(),
    resolutions=_SIZES,
    splits={"train": 360, "val": 40, "test": 400},
    targets={"train": 5659, "val": 628, "test": 751},
    data=Files(layout="domains", obtain=_ARCHIVE.format("vangogh2photo.zip")),
    metrics=DISTRIBUTIONS | CONTENT,
    source="Wikiart.org and Flickr, in the archive of CycleGAN",
    licence="research use; photos stay their owners' (as documented)",
    citation=_CYCLEGAN,
)

SELFIE2ANIME = Task(
    name="selfie2anime",
    title="selfie to face of an anime character",
    description=(
        "U-GAT-IT's set: selfies of women (A) and faces of female anime characters (B), 256x256. One copy in "
        f"circulation has A and B swapped: look at the preview. {_CARVED}. With 100 test pictures a side FID is "
        "heavily biased: compare KID."
    ),
    level=Level.WEAK,
    gives=frozenset(),
    resolutions=_SIZES,
    splits={"train": 3060, "val": 340, "test": 100},
    targets={"train": 3060, "val": 340, "test": 100},
    data=Files(layout="domains", obtain="Download selfie2anime.zip, which U-GAT-IT's repository names, and unpack it."),
    metrics=DISTRIBUTIONS,
    source="web pictures collected for U-GAT-IT",
    licence="research use only; web pictures (as documented)",
    citation=_UGATIT,
)

PORTRAIT = Task(
    name="portrait",
    title="photo of a face to painted portrait",
    description=(
        "DRIT's set, also called photo2portrait: photos of CelebA (A) and portraits from WikiArt (B). Documented are "
        "6,452 and 1,811 for training, 751 and 400 for test. Pictures are resized whole; those that are not square "
        f"lose their proportions. {_CARVED}, and a person or painter can be in several splits."
    ),
    level=Level.WEAK,
    gives=frozenset(),
    resolutions=_SIZES,
    splits={"train": 5807, "val": 645, "test": 751},
    targets={"train": 1630, "val": 181, "test": 400},
    data=Files(layout="domains", obtain="Download the portrait set that DRIT's repository names and unpack it."),
    metrics=DISTRIBUTIONS | DIVERSITY,
    source="CelebA and WikiArt, collected for DRIT",
    licence="non-commercial research (terms of CelebA and WikiArt, as documented)",
    citation=_DRIT,
)

AFHQ_CAT2DOG = Task(
    name="afhq-cat2dog",
    title="cat to dog, aligned faces",
    description=(
        "Cats and dogs of AFHQ (StarGAN v2), version 1: faces, 512x512, aligned by their eyes, resized whole. Not "
        "DRIT's cat2dog. Its val, or its test where there is one, tests; version 2 was resized by a better filter and "
        f"has other counts. {_CARVED}. Scores are against test pictures; StarGAN v2's own protocol compares with "
        "training pictures, ten outputs a source, and its numbers cannot be set beside these."
    ),
    level=Level.WEAK,
    gives=frozenset(),
    resolutions=_SIZES,
    splits={"train": 4638, "val": 515, "test": 500},
    targets={"train": 4266, "val": 473, "test": 500},
    data=Files(
        layout="domains",
        options={
            "source": "cat",
            "target": "dog",
            "folder": "{split}/{domain}",
            "splits": {"train": "train", "test": ("test", "val")},
        },
        fit=Fit.COVER,
        obtain="Download AFHQ (afhq.zip), which the repository of StarGAN v2 names, and unpack it.",
    ),
    metrics=DISTRIBUTIONS | DIVERSITY_STARGAN2,
    source="AFHQ",
    licence="CC BY-NC 4.0 (as documented)",
    citation="Choi et al., StarGAN v2: Diverse Image Synthesis for Multiple Domains, CVPR 2020, arXiv:1912.01865",
)
