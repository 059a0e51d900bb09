"""Names to adapters, tasks, layouts and metrics. Lazy: a name costs an import only when it is asked for.

Other packages add theirs by entry points in the groups `i2ibench.adapters`, `i2ibench.tasks`, `i2ibench.layouts`,
`i2ibench.metrics` and `i2ibench.extractors`, each `name = "module:attribute"`; a name of ours cannot be taken. Tasks
that users made from a card of their own are known by name once they are prepared.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from i2ibench import own_tasks
from i2ibench.errors import BenchError, nearest

if TYPE_CHECKING:
    from i2ibench.adapter import Adapter
    from i2ibench.metrics.metric import Metric
    from i2ibench.metrics.networks import ExtractorCard
    from i2ibench.task import Task

_ADAPTERS = {
    "identity": "i2ibench.adapters.identity:Identity",
    "pix2pix": "i2ibench.adapters.pix2pix:Pix2Pix",
    "bicyclegan": "i2ibench.adapters.bicyclegan:BicycleGAN",
    "pix2pixhd": "i2ibench.adapters.pix2pixhd:Pix2PixHD",
    "spade": "i2ibench.adapters.spade:SPADE",
    "vid2vid": "i2ibench.adapters.vid2vid:Vid2Vid",
    "c_glow": "i2ibench.adapters.c_glow:CGlow",
    "glow": "i2ibench.adapters.glow:Glow",
    "dual_glow": "i2ibench.adapters.dual_glow:DualGlow",
    "full_glow": "i2ibench.adapters.full_glow:FullGlow",
    "hierarchy_flow": "i2ibench.adapters.hierarchy_flow:HierarchyFlow",
    "munit": "i2ibench.adapters.munit:MUNIT",
    "drit": "i2ibench.adapters.drit:DRIT",
    "drit_multi": "i2ibench.adapters.drit_multi:DRITMulti",
    "init": "i2ibench.adapters.init:INIT",
    "unit": "i2ibench.adapters.unit:UNIT",
    "ugatit": "i2ibench.adapters.ugatit:UGATIT",
    "nicegan": "i2ibench.adapters.nicegan:NICEGAN",
    "iegan": "i2ibench.adapters.iegan:IEGAN",
    "cyclegan": "i2ibench.adapters.cyclegan:CycleGAN",
    "simgan": "i2ibench.adapters.simgan:SimGAN",
    "cut": "i2ibench.adapters.cut:CUT",
    "stargan": "i2ibench.adapters.stargan:StarGAN",
    "starganv2": "i2ibench.adapters.starganv2:StarGANv2",
    "funit": "i2ibench.adapters.funit:FUNIT",
    "biggan": "i2ibench.adapters.biggan:BigGAN",
    "deepi2i": "i2ibench.adapters.deepi2i:DeepI2I",
    "stylegan": "i2ibench.adapters.stylegan:StyleGAN",
    "deepi2i_stylegan": "i2ibench.adapters.deepi2i_stylegan:DeepI2IStyleGAN",
}
_TASKS = {
    "ade20k-label2photo": "i2ibench.tasks.scenes:ADE20K_LABEL2PHOTO",
    "aerial-denoise": "i2ibench.tasks.strong:AERIAL_DENOISE",
    "aerial-lowlight": "i2ibench.tasks.strong:AERIAL_LOWLIGHT",
    "aerial2map": "i2ibench.tasks.strong:AERIAL2MAP",
    "aerial2relief": "i2ibench.tasks.strong:AERIAL2RELIEF",
    "afhq": "i2ibench.tasks.manyclass:AFHQ",
    "afhq-cat2dog": "i2ibench.tasks.unpaired:AFHQ_CAT2DOG",
    "animal-faces": "i2ibench.tasks.manyclass:ANIMAL_FACES",
    "camvid-label2photo": "i2ibench.tasks.paired:CAMVID_LABEL2PHOTO",
    "cat2dog": "i2ibench.tasks.unpaired:CAT2DOG",
    "cats-and-dogs": "i2ibench.tasks.unpaired:CATS_AND_DOGS",
    "celeba": "i2ibench.tasks.manyclass:CELEBA",
    "cityscapes-label2photo": "i2ibench.tasks.driving:CITYSCAPES_LABEL2PHOTO",
    "cityscapes-video": "i2ibench.tasks.driving:CITYSCAPES_VIDEO",
    "coco-stuff-label2photo": "i2ibench.tasks.scenes:COCO_STUFF_LABEL2PHOTO",
    "coco2wikiart": "i2ibench.tasks.art:COCO2WIKIART",
    "creatures-cat2dog": "i2ibench.tasks.weak:CREATURES_CAT2DOG",
    "creatures-fewshot": "i2ibench.tasks.weak:CREATURES_FEWSHOT",
    "creatures-many": "i2ibench.tasks.weak:CREATURES_MANY",
    "digits": "i2ibench.tasks.weak:DIGITS",
    "edges2handbags": "i2ibench.tasks.paired:EDGES2HANDBAGS",
    "edges2shoes": "i2ibench.tasks.paired:EDGES2SHOES",
    "facades": "i2ibench.tasks.paired:FACADES",
    "gta2cityscapes": "i2ibench.tasks.driving:GTA2CITYSCAPES",
    "horse2zebra": "i2ibench.tasks.unpaired:HORSE2ZEBRA",
    "init-sunny2cloudy": "i2ibench.tasks.driving:INIT_SUNNY2CLOUDY",
    "init-sunny2night": "i2ibench.tasks.driving:INIT_SUNNY2NIGHT",
    "init-sunny2rainy": "i2ibench.tasks.driving:INIT_SUNNY2RAINY",
    "lol": "i2ibench.tasks.paired:LOL",
    "map2aerial": "i2ibench.tasks.strong:MAP2AERIAL",
    "maps": "i2ibench.tasks.paired:MAPS",
    "monet2photo": "i2ibench.tasks.unpaired:MONET2PHOTO",
    "nabirds": "i2ibench.tasks.manyclass:NABIRDS",
    "photo2painting": "i2ibench.tasks.normal:PHOTO2PAINTING",
    "portrait": "i2ibench.tasks.unpaired:PORTRAIT",
    "selfie2anime": "i2ibench.tasks.unpaired:SELFIE2ANIME",
    "sidd": "i2ibench.tasks.paired:SIDD",
    "streets-day2night": "i2ibench.tasks.normal:STREETS_DAY2NIGHT",
    "streets-label2photo": "i2ibench.tasks.strong:STREETS_LABEL2PHOTO",
    "streets-photo2label": "i2ibench.tasks.strong:STREETS_PHOTO2LABEL",
    "streets-sim2real": "i2ibench.tasks.strong:STREETS_SIM2REAL",
    "streets-summer2winter": "i2ibench.tasks.normal:STREETS_SUMMER2WINTER",
    "streets-video": "i2ibench.tasks.video:STREETS_VIDEO",
    "summer2winter-yosemite": "i2ibench.tasks.unpaired:SUMMER2WINTER_YOSEMITE",
    "uecfood256": "i2ibench.tasks.manyclass:UECFOOD256",
    "vangogh2photo": "i2ibench.tasks.unpaired:VANGOGH2PHOTO",
}
_LAYOUTS = {
    "ade20k": "i2ibench.data.layouts.scenes:ADE20K",
    "attributes": "i2ibench.data.layouts.attributes:Attributes",
    "camvid": "i2ibench.data.layouts.camvid:CamVid",
    "cityscapes": "i2ibench.data.layouts.cityscapes:Cityscapes",
    "cityscapes-sequences": "i2ibench.data.layouts.cityscapes_sequences:CityscapesSequences",
    "class-folders": "i2ibench.data.layouts.classes:ClassFolders",
    "coco-stuff": "i2ibench.data.layouts.scenes:CocoStuff",
    "domains": "i2ibench.data.layouts.domains:Domains",
    "gta5": "i2ibench.data.layouts.gta5:GTA5",
    "hub": "i2ibench.data.layouts.hub:Hub",
    "init": "i2ibench.data.layouts.init:INIT",
    "nabirds": "i2ibench.data.layouts.boxed_classes:NABirds",
    "paired-folders": "i2ibench.data.layouts.pairs:PairedFolders",
    "sequences": "i2ibench.data.layouts.sequences:Sequences",
    "shards": "i2ibench.data.layouts.shards:Shards",
    "side-by-side": "i2ibench.data.layouts.pairs:SideBySide",
    "style": "i2ibench.data.layouts.style:Style",
    "uecfood256": "i2ibench.data.layouts.boxed_classes:UECFood256",
}
_EXTRACTORS = {
    "inception-v3-compat": "i2ibench.metrics.networks:INCEPTION",
    "inception_torchvision": "i2ibench.metrics.networks:INCEPTION_TORCHVISION",
    "efficientnet_lite0": "i2ibench.metrics.networks:EFFICIENTNET_LITE0",
    "dinov2_vits14": "i2ibench.metrics.networks:DINOV2_VITS14",
    "dinov2_vitb14": "i2ibench.metrics.networks:DINOV2_VITB14",
    "dinov2_vitl14": "i2ibench.metrics.networks:DINOV2_VITL14",
}
_FAMILIES = {
    "fd": "i2ibench.metrics.frechet:fd",
    "kd": "i2ibench.metrics.kernel:kd",
    "prdc": "i2ibench.metrics.manifold:prdc",
    "mfd": "i2ibench.metrics.per_class:mfd",
    "mkd": "i2ibench.metrics.per_class:mkd",
    "artfd": "i2ibench.metrics.artfid:artfd",
}
"""Metrics that exist on every extractor but Inception, where they have names of their own: `fd_<extractor>`..."""
_METRICS = {
    "fid": "i2ibench.metrics.frechet:FID",
    "kid": "i2ibench.metrics.kernel:KID",
    "prdc": "i2ibench.metrics.manifold:PRDC",
    "mfid": "i2ibench.metrics.per_class:MFID",
    "mkid": "i2ibench.metrics.per_class:MKID",
    "lpips": "i2ibench.metrics.lpips:LPIPS",
    "lpips_vgg": "i2ibench.metrics.lpips:LPIPSVGG",
    "lpips_source": "i2ibench.metrics.lpips:LPIPSSource",
    "ssim": "i2ibench.metrics.ssim:SSIM",
    "ssim_y": "i2ibench.metrics.ssim:SSIMY",
    "ssim_source": "i2ibench.metrics.ssim:SSIMSource",
    "psnr": "i2ibench.metrics.psnr:PSNR",
    "psnr_y": "i2ibench.metrics.psnr:PSNRY",
    "psnr_source": "i2ibench.metrics.psnr:PSNRSource",
    "structure_vgg16": "i2ibench.metrics.structure:StructureVGG16",
    "gmsd_source": "i2ibench.metrics.gradients:GMSDSource",
    "artfd_inception": "i2ibench.metrics.artfid:ArtFDInception",
    "psp": "i2ibench.metrics.psp:PSP",
    "objects": "i2ibench.metrics.objects:Objects",
    "palette": "i2ibench.metrics.palette:Palette",
    "diversity_bicyclegan": "i2ibench.metrics.diversity:DiversityBicycleGAN",
    "diversity_munit": "i2ibench.metrics.diversity:DiversityMUNIT",
    "diversity_stargan2": "i2ibench.metrics.diversity:DiversityStarGAN2",
    "pose": "i2ibench.metrics.pose:Pose",
    "rc": "i2ibench.metrics.recognition:RC",
    "fc": "i2ibench.metrics.recognition:FC",
    "is_classifier": "i2ibench.metrics.inception_score:InceptionScore",
    "cis": "i2ibench.metrics.inception_score:ConditionalInceptionScore",
    "warping_error": "i2ibench.metrics.warping:WarpingError",
    "bpd": "i2ibench.metrics.bpd:BPD",
}


def methods() -> list[str]:
    """Names of all methods."""
    return sorted(_table("adapters"))


def tasks(own: bool = True) -> list[str]:
    """Names of all tasks, without versions; `own` ones too, that users made from a card of theirs."""
    return sorted({*_table("tasks"), *(own_tasks.remembered() if own else ())})


def layouts() -> list[str]:
    """Names of all layouts of data sets on disk."""
    return sorted(_table("layouts"))


def metrics() -> list[str]:
    """Names of all metrics, those of every family on every extractor too."""
    others = [name for name in _table("extractors") if name != "inception-v3-compat"]
    return sorted({*_table("metrics"), *(f"{family}_{name}" for family in _FAMILIES for name in others)})


def adapter(name: str) -> type[Adapter]:
    """The adapter of method `name`. Raises `BenchError` with the nearest names where there is none."""
    found: type[Adapter] = _load("adapters", "method", name)
    return found


def task(name: str) -> Task:
    """The task `name` or `name@version`. Raises `BenchError` on an unknown name or another version."""
    bare, _, version = name.partition("@")
    own = {} if bare in _table("tasks") else own_tasks.remembered()
    found: Task = own.get(bare) or _load("tasks", "task", bare, own)
    if version and version != str(found.version):
        raise BenchError(f"task {bare!r} is at version {found.version}, not {version}: name {found.id!r}")
    return found


def layout(name: str) -> type[Any]:
    """The layout `name`, a class as `data.layouts.layout.Layout` says. Raises `BenchError`."""
    found: type[Any] = _load("layouts", "layout", name)
    return found


def metric(name: str) -> type[Metric]:
    """The metric `name`. Raises `BenchError` with the nearest names where there is none."""
    family, _, extractor = name.partition("_")
    if name not in _table("metrics") and name in metrics():
        return _attribute(_FAMILIES[family])(extractor)  # type: ignore[no-any-return]
    found: type[Metric] = _load("metrics", "metric", name, metrics())
    return found


def extractor(name: str) -> ExtractorCard:
    """The card of the feature extractor `name`. Raises `BenchError` with the nearest names where there is none."""
    found: ExtractorCard = _load("extractors", "extractor", name)
    return found


def extractors() -> list[str]:
    """Names of all feature extractors."""
    return sorted(_table("extractors"))


@lru_cache
def _table(group: str) -> dict[str, str]:
    ours = {
        "adapters": _ADAPTERS,
        "tasks": _TASKS,
        "layouts": _LAYOUTS,
        "metrics": _METRICS,
        "extractors": _EXTRACTORS,
    }[group]
    others = {point.name: point.value for point in entry_points(group=f"i2ibench.{group}")}
    return {**others, **ours}


def _load(group: str, kind: str, name: str, more: Iterable[str] = ()) -> Any:
    table = _table(group)
    if name not in table:
        raise BenchError(
            f"there is no {kind} {name!r}: {nearest(name, dict.fromkeys([*table, *more]))} (i2ibench list {kind}s)"
        )
    return _attribute(table[name])


def _attribute(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
