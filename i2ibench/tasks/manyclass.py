"""Tasks of many classes in one pool that users have to get the pictures of: any class to any other."""

from __future__ import annotations

from i2ibench.task import Files, Fit, Level, Need, Resolution, Task
from i2ibench.tasks.measures import DIVERSITY_STARGAN2, PER_CLASS, RECOGNITION

_SIZES = (Resolution(128, 128), Resolution(64, 64), Resolution(256, 256))
_MIDDLE = "The shorter side is resized and the middle cut out"

AFHQ = Task(
    name="afhq",
    title="face of a cat, dog or wild animal to one of another of these",
    description=(
        "AFHQ (StarGAN v2), version 1: faces, 512x512, aligned by their eyes, resized. Its val, or its test where "
        "there is one, tests; of its train a tenth, those whose names have the lowest hashes, validates. Version 2 was "
        "resized by a better filter and has other counts. Pictures were taken from the web; nearly equal ones can be "
        "in two splits. Scores are against test pictures; StarGAN v2's own protocol compares with training pictures, "
        "ten outputs a source, and its numbers cannot be set beside these."
    ),
    level=Level.WEAK,
    gives=frozenset({Need.CLASSES}),
    resolutions=(Resolution(256, 256), Resolution(128, 128), Resolution(64, 64)),
    splits={"train": 13167, "val": 1463, "test": 1500},
    data=Files(
        layout="class-folders",
        options={"splits": {"train": "train", "test": ("test", "val")}, "classes": ("cat", "dog", "wild")},
        fit=Fit.COVER,
        obtain="Download AFHQ (afhq.zip), which the repository of StarGAN v2 names, and unpack it.",
    ),
    classes=("cat", "dog", "wild"),
    metrics=PER_CLASS | RECOGNITION | DIVERSITY_STARGAN2,
    source="AFHQ",
    licence="CC BY-NC 4.0 (as documented)",
    citation="Choi et al., StarGAN v2: Diverse Image Synthesis for Multiple Domains, CVPR 2020, arXiv:1912.01865",
)

ANIMAL_FACES = Task(
    name="animal-faces",
    title="face of an animal to one of another of 149 kinds",
    description=(
        "FUNIT's crops of animals of ImageNet, a folder for each of 149 kinds; classes are numbered by folder name. "
        f"{_MIDDLE}. All kinds are in all splits, as in DeepI2I: of all pictures a tenth, those whose names have the "
        "lowest hashes, tests, and of the rest a tenth validates. FUNIT instead holds 30 whole kinds out, which is "
        "few-shot and another task. ImageNet has nearly equal photos, which can be in two splits."
    ),
    level=Level.WEAK,
    gives=frozenset({Need.CLASSES}),
    resolutions=_SIZES,
    splits={"train": 95163, "val": 10573, "test": 11748},
    data=Files(
        layout="class-folders",
        options={"folder": ".", "pattern": "n[0-9]{8}"},
        fit=Fit.COVER,
        obtain=(
            "With ImageNet (ILSVRC 2012, train) in hand, make the crops by the script and coordinates in FUNIT's "
            "repository, and give the folder that holds the 149 folders."
        ),
    ),
    classes=tuple(f"kind {number}" for number in range(1, 150)),
    metrics=PER_CLASS | RECOGNITION | DIVERSITY_STARGAN2,
    source="ImageNet, cropped by FUNIT's coordinates",
    licence="non-commercial research (ImageNet's terms, as documented)",
    citation="Liu et al., Few-Shot Unsupervised Image-to-Image Translation, ICCV 2019, arXiv:1905.01723",
)

NABIRDS = Task(
    name="nabirds",
    title="bird to one of another of 555 categories",
    description=(
        "Photos of North American birds in 555 visual categories (species, some by sex or age), cut to the bird's box; "
        f"classes are numbered by folder name. {_MIDDLE}. The official test; of the official train a tenth, those "
        "whose names have the lowest hashes, validates. A photographer can be in several splits. DeepI2I splits the "
        "same photos nine to one."
    ),
    level=Level.WEAK,
    gives=frozenset({Need.CLASSES}),
    resolutions=_SIZES,
    splits={"train": 21537, "val": 2392, "test": 24633},
    data=Files(
        layout="nabirds",
        fit=Fit.COVER,
        obtain="Ask the Cornell Lab of Ornithology for NABirds, agree to its terms and unpack it.",
    ),
    classes=tuple(f"category {number}" for number in range(1, 556)),
    metrics=PER_CLASS | RECOGNITION | DIVERSITY_STARGAN2,
    source="NABirds V1",
    licence="non-commercial research and education, no redistribution (as documented)",
    citation="Van Horn et al., Building a Bird Recognition App and Large Scale Dataset, CVPR 2015",
)

UECFOOD256 = Task(
    name="uecfood256",
    title="dish to one of another of 256 kinds",
    description=(
        "Photos of dishes, most of them Japanese, cut to the dish's box; class k is the folder k + 1, whose name is in "
        f"category.txt. {_MIDDLE}. There is no official split: of all photos a tenth, those whose numbers have the "
        "lowest hashes, tests, and of the rest a tenth validates. A photo with several dishes is whole in one split. "
        "Counts are those of 31,395 dishes one a photo; with several in some they differ by a few."
    ),
    level=Level.WEAK,
    gives=frozenset({Need.CLASSES}),
    resolutions=_SIZES,
    splits={"train": 25431, "val": 2825, "test": 3139},
    data=Files(
        layout="uecfood256",
        fit=Fit.COVER,
        obtain="Download dataset256.zip from the page of UEC FOOD 256 and unpack it.",
    ),
    classes=tuple(f"dish {number}" for number in range(1, 257)),
    metrics=PER_CLASS | RECOGNITION | DIVERSITY_STARGAN2,
    source="UEC FOOD 256",
    licence="research use only (as documented)",
    citation="Kawano and Yanai, Automatic Expansion of a Food Image Dataset Leveraging Existing Categories, ECCVW 2014",
)

CELEBA = Task(
    name="celeba",
    title="face to one of another sex or age",
    description=(
        "CelebA, aligned, 178x218: faces in four classes by the attributes Male and Young, all pictures in one of "
        f"them. {_MIDDLE}. The official partition, in which no person is in two splits. Attributes were judged by "
        "people from pictures: they say how a face was seen, not who it is. StarGAN tests on 2,000 pictures of a split "
        "of its own."
    ),
    level=Level.WEAK,
    gives=frozenset({Need.CLASSES}),
    resolutions=_SIZES,
    splits={"train": 162770, "val": 19867, "test": 19962},
    data=Files(
        layout="attributes",
        options={"classes": ("Male", "Young")},
        fit=Fit.COVER,
        obtain=(
            "Download img_align_celeba.zip, list_attr_celeba.txt and list_eval_partition.txt from CelebA's page and "
            "unpack them to one folder."
        ),
    ),
    classes=("old woman", "old man", "young woman", "young man"),
    metrics=PER_CLASS | RECOGNITION | DIVERSITY_STARGAN2,
    source="CelebA",
    licence="non-commercial research (as documented)",
    citation="Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015, arXiv:1411.7766",
)
