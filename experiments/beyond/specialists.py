"""Nets for groups of keypoints, each started from the weights of one net for all of them.

The idea and the six groups are those of Daniel Nouri's tutorial on this contest (2014). Each net is
trained on the images that have some keypoint of its group, and its first weights are those of the
last variant of all_labels.py, which is trained before them. The ensemble `combined` takes each
keypoint from its specialist. Expected: 0.2 px better than the one net on synthetic faces; part of
it is more training, as each specialist has as many epochs again as the net that it starts from.

On one core, twenty minutes for a group that all images have, and a quarter of that for the others.
"""
from facekp.augmentation import RECIPE
from facekp.experiment import Ensemble, Experiment, Variant, change
from facekp.settings import Settings

GROUPS = {
    "eye-centers": ("left_eye_center", "right_eye_center"),
    "nose-tip": ("nose_tip",),
    "mouth": ("mouth_left_corner", "mouth_right_corner", "mouth_center_top_lip"),
    "bottom-lip": ("mouth_center_bottom_lip",),
    "eye-corners": ("left_eye_inner_corner", "left_eye_outer_corner", "right_eye_inner_corner",
                    "right_eye_outer_corner"),
    "eyebrows": ("left_eyebrow_inner_end", "left_eyebrow_outer_end", "right_eyebrow_inner_end",
                 "right_eyebrow_outer_end"),
}


def settings(learning_rate, **more):
    return Settings("small_vgg", optimizer="adam", learning_rate=learning_rate, epochs=20,
                    batch_size=64, split="grouped", augment=RECIPE, schedule=("cosine",),
                    labels="all", heads="each", **more)


SPECIALISTS = Experiment(
    name="specialists",
    title="Specialists for groups of keypoints",
    order=1400,
    variants={
        "all": Variant(settings(0.0007), "one net for all keypoints"),
        **{name: Variant(settings(0.0003, points=points, start="all-labels/each"),
                         name.replace("-", " ")) for name, points in GROUPS.items()},
    },
    shares={"all": ("all-labels", "each")},
    ensembles={"combined": Ensemble(tuple(GROUPS), "specialists together")},
    quick_epochs=1,
    claims=(change("Specialists instead of one net for all keypoints", "all", "combined"),),
)

if __name__ == "__main__":
    raise SystemExit(SPECIALISTS.main())
