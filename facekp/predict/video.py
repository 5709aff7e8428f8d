"""Videos and cameras, frame by frame, where OpenCV is installed."""
from facekp.predict.images import PhotoError
from facekp.predict.paths import CAMERA, VIDEO_SUFFIXES
from facekp.predict.records import Record
from facekp.text import shown_path


def is_video(path):
    """Whether a path is a video's or a camera's."""
    return path.startswith(CAMERA) or path.lower().endswith(VIDEO_SUFFIXES)


def records(name, path, finder):
    """The faces in each frame. A camera's frames end when the user presses Ctrl-C.

    Parameters
    ----------
    name : str, in the results
    path : str, a video file, or ``camera:0``
    finder : facekp.predict.Finder

    Yields
    ------
    Record, with frame (from 0) and timestamp (s)

    Raises
    ------
    PhotoError
        If OpenCV is not installed, or cannot read it.
    """
    try:
        import cv2
    except ImportError:
        raise PhotoError(f"{shown_path(path)}: videos and cameras need OpenCV; install it (pip "
                         "install opencv-python-headless), or give photos") from None
    camera = path.startswith(CAMERA)
    if camera and not path[len(CAMERA):].isdecimal():
        raise PhotoError(f"{shown_path(path)}: found no number of a camera, expected one, like "
                         f"{CAMERA}0")
    source = cv2.VideoCapture(int(path[len(CAMERA):]) if camera else path)
    try:
        number = 0
        while True:
            there, frame = source.read()
            if not there:
                break
            seconds = source.get(cv2.CAP_PROP_POS_MSEC) / 1000  # of the frame that was read
            faces = finder(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            yield Record(name, path, (frame.shape[1], frame.shape[0]), faces, number,
                         round(seconds, 4))
            number += 1
    except KeyboardInterrupt:
        if not camera:
            raise
    finally:
        source.release()
    if not number:
        raise PhotoError(f"{shown_path(path)}: OpenCV reads no frame of it; give a video that it "
                         "can read, or plug the camera in")
