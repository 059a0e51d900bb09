"""Which metrics are legal for a task, and why: groups that cards put together in the order of a board's columns."""

from __future__ import annotations

DISTRIBUTIONS = {
    "fid": "translations and real targets are two sets of one domain; the field's own figure, but biased on small sets",
    "kid": "the same two sets, without bias in the number of pictures",
    "fd_efficientnet_lite0": "the same two sets, by a network that ships with a package",
    "kd_efficientnet_lite0": "the same, without bias in the number of pictures; ranks where Inception cannot be had",
}
"""For every task with a set of real targets."""

MANIFOLD = {
    "prdc": "the same two sets, fidelity and diversity apart",
    "prdc_efficientnet_lite0": "the same, by a network that ships with a package",
}
"""Beside `DISTRIBUTIONS`, where a method may give up diversity for fidelity."""

PER_CLASS = {
    "mfid": "each class asked for against the real pictures of that class; biased, as classes are small sets",
    "mkid": "the same, without bias in the number of pictures",
    "mfd_efficientnet_lite0": "the same two sets a class, by a network that ships with a package",
    "mkd_efficientnet_lite0": "the same, without bias; ranks where Inception cannot be had",
}
"""Where outputs are asked to be of a class. A distance of all classes pooled does not see which one was asked for, and
a copy of the source scores best in it."""

RECOGNITION = {
    "rc": "a classifier of the real classes should find the class that was asked for",
    "fc": "a classifier of the outputs should know the real classes: no class may be translated to one picture",
}
"""Where outputs are asked to be of a class."""

MODES = {
    "is_classifier": "the target domain has classes that translations should reach, each plainly",
    "cis": "translations of one source should reach several of them; 0 for a method that gives one answer",
}
"""For unpaired tasks whose target domain has classes."""

DIVERSITY = {"diversity_bicyclegan": "a source has many right answers, and a method may give several"}
"""Where the answer is open, by BicycleGAN's protocol."""

DIVERSITY_MUNIT = {"diversity_munit": "as MUNIT reports it on this set"}
"""On sets that MUNIT was published on."""

DIVERSITY_STARGAN2 = {"diversity_stargan2": "a source has many right answers in each class asked for"}
"""Among several domains, by StarGAN v2's protocol."""

POSE = {"pose": "the source's exact keypoints must be found again in its translation"}
"""Only where sources come with keypoints, and the task has a reader of its targets' poses."""

STYLE = {
    "artfd_inception": "content kept times style reached, in ArtFID's form on FID's network",
    "artfd_efficientnet_lite0": "the same, by a network that ships with a package",
}
"""Where the style of a set of pictures is transferred to given content."""

PAIRS = {
    "lpips": "every source has one target that its translation should look like",
    "ssim": "the target of each source is known to the pixel",
    "psnr": "the target of each source is known to the pixel",
}
"""Only for paired tasks: elsewhere no picture is the right answer."""

CONTENT = {
    "lpips_source": "no target is the right answer, but the source's content should be seen in its translation",
    "ssim_source": "the same, by the structure of pixels; a copy of the source scores 1, so read it beside the rest",
    "gmsd_source": "the same, by edges",
    "structure_vgg16": "the same, by what is like what within the picture, whatever its colours and textures became",
}
"""For unpaired tasks of strong and normal fidelity: how much of the source is kept."""

LABELS = {"psp": "the source's label map must be found again in its translation"}
"""Only where translations are photos of labelled scenes, which a segmenter of the task can read."""

OBJECTS = {"objects": "each object of the source must be recognised in its translation, however small it is"}
"""Only where translations are photos of labelled scenes whose objects have boxes."""

MOTION = {"warping_error": "the source's exact flow says how each frame's translation should follow from the last"}
"""Only for sequences with flow."""

LABEL_PICTURES = {"palette": "the target is a label picture, whose classes its colours say"}
"""Only where translations are label pictures."""

LIKELIHOOD = {"bpd": "bits that a likelihood method spends on the real target, given its source"}
"""Only where a source has one target to be coded; n/a for methods without a likelihood."""
