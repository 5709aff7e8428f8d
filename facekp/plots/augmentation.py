"""What a net is trained on: faces as they are, and as augmentation changes them."""
import matplotlib.pyplot as plt

from facekp.plots.faces import draw_face
from facekp.plots.style import FULL_WIDTH, printed


@printed
def augmented_faces(X, y_px, title):
    """One row per face: as it is, and then as it is in several epochs, with its keypoints.

    Parameters
    ----------
    X : float array (n_faces, n_versions, 1, 96, 96) in [0, 1]
        The first version is the face as it is.
    y_px : float array (n_faces, n_versions, 30), px
        Keypoints that are NaN, since they left the image, are left out.
    title : str

    Returns
    -------
    matplotlib Figure
    """
    rows, columns = len(X), len(X[0])
    side = FULL_WIDTH / columns
    figure, axes = plt.subplots(rows, columns, squeeze=False,
                                figsize=(FULL_WIDTH, rows * side + 0.6))
    figure.set_layout_engine("constrained", w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
    for row, images, keypoints in zip(axes, X, y_px):
        for panel, image, y in zip(row, images, keypoints):
            draw_face(panel, image, y_true_px=y)
            panel.axis("off")
    for column, panel in enumerate(axes[0]):
        panel.set_title(f"epoch {column}" if column else "as it is", pad=2)
    figure.suptitle(title)
    return figure
