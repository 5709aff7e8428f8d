"""Results as files that other programs read: CSV, JSON, COCO, LabelMe and iBUG's .pts.

Coordinates are px from the upper left corner of the photo, turned as its EXIF says, and pixel edges
have whole numbers: (0.5, 0.5) is the middle of the first pixel. ``.pts`` alone counts from 1, as
that format's readers expect: there (1, 1) is the middle of the first pixel. Left and right are the
person's own. Every file is written atomically.
"""
import csv
import os

import facekp
from facekp import files
from facekp.keypoints import COLUMNS, KEYPOINTS
from facekp.predict.records import CONVENTIONS, as_json

CSV_COLUMNS = ("file", "frame", "timestamp", "face_id", "success", "confidence", "box_x", "box_y",
               "box_w", "box_h", *COLUMNS, *(f"{name}_confidence" for name in KEYPOINTS))
"""`confidence` is the detector's score, empty where nothing was detected; those of the keypoints
follow their coordinates."""

SKELETON = (("left_eye_inner_corner", "left_eye_center"),
            ("left_eye_center", "left_eye_outer_corner"),
            ("right_eye_inner_corner", "right_eye_center"),
            ("right_eye_center", "right_eye_outer_corner"),
            ("left_eyebrow_inner_end", "left_eyebrow_outer_end"),
            ("right_eyebrow_inner_end", "right_eyebrow_outer_end"),
            ("mouth_left_corner", "mouth_center_top_lip"),
            ("mouth_center_top_lip", "mouth_right_corner"),
            ("mouth_right_corner", "mouth_center_bottom_lip"),
            ("mouth_center_bottom_lip", "mouth_left_corner"))
"""Pairs of keypoints that a drawing connects."""


def write_csv(path, records):
    """One row for each face; a photo without a face has one row with success = 0.

    Parameters
    ----------
    path : path
    records : iterable of Record
    """
    # a file name that is no UTF-8 is written as it is
    with files.replacing(path, "w", encoding="utf-8", errors="surrogateescape",
                         newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for record in records:
            video = ["" if value is None else value for value in (record.frame, record.timestamp)]
            for number, face in enumerate(record.faces):
                score = "" if face.score is None else f"{face.score:.4f}"
                writer.writerow([record.file, *video, number, 1, score]
                                + [f"{value:.3f}" for value in face.box]
                                + [f"{value:.3f}" for value in face.keypoints.ravel()]
                                + [f"{value:.4f}" for value in face.confidence])
            if not record.faces:
                row = [record.file, *video, "", 0]
                writer.writerow(row + [""] * (len(CSV_COLUMNS) - len(row)))


def write_json(path, records, metadata):
    """All photos with their faces, scores, keypoints and confidences by name.

    Parameters
    ----------
    path : path
    records : iterable of Record
    metadata : dict of str -> str, of the net
    """
    files.write_json(path, {"facekp": facekp.__version__, "net": metadata,
                            "coordinates": CONVENTIONS,
                            "photos": [as_json(record) for record in records]})


def write_coco(path, records):
    """COCO's keypoint annotations; every keypoint is marked visible (2).

    Parameters
    ----------
    path : path
    records : iterable of Record
    """
    skeleton = [[KEYPOINTS.index(name) + 1 for name in pair] for pair in SKELETON]
    images, annotations = [], []
    for number, record in enumerate(records, 1):
        images.append({"id": number, "file_name": record.file, "width": record.size[0],
                       "height": record.size[1]})
        for face in record.faces:
            x, y, w, h = (round(float(value), 3) for value in face.box)
            points = [[round(float(px), 3), round(float(py), 3), 2] for px, py in face.keypoints]
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": 1, "iscrowd": 0,
                "bbox": [x, y, w, h], "area": w * h, "num_keypoints": len(KEYPOINTS),
                "keypoints": sum(points, []), "score": face.score})
    files.write_json(path, {
        "info": {"description": f"keypoints found by facekp {facekp.__version__}; {CONVENTIONS}"},
        "licenses": [], "images": images, "annotations": annotations,
        "categories": [{"id": 1, "name": "face", "supercategory": "person",
                        "keypoints": list(KEYPOINTS), "skeleton": skeleton}]})


def write_labelme(path, record):
    """LabelMe's annotation of one photo: a point for each keypoint, a group for each face.

    Parameters
    ----------
    path : path
    record : Record
    """
    folder = os.path.dirname(os.path.realpath(path))  # ".." is what is above it on the disk
    shapes = [{"label": name, "points": [[round(float(value), 3) for value in point]],
               "group_id": number, "shape_type": "point", "flags": {}, "description": ""}
              for number, face in enumerate(record.faces)
              for name, point in zip(KEYPOINTS, face.keypoints)]
    files.write_json(path, {
        "version": "5.0.1", "flags": {}, "shapes": shapes, "imageData": None,
        "imagePath": os.path.relpath(record.path, folder),
        "imageWidth": record.size[0], "imageHeight": record.size[1]})


def write_pts(path, face):
    """iBUG's .pts of one face; (1, 1) is the middle of the first pixel.

    Parameters
    ----------
    path : path
    face : Face
    """
    rows = "".join(f"{x + 0.5:.3f} {y + 0.5:.3f}\n" for x, y in face.keypoints)
    files.write_text(path, f"version: 1\nn_points: {len(KEYPOINTS)}\n{{\n{rows}}}\n")
