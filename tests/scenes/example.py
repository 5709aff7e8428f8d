"""The page's example, facekp/predict/page/site/example.jpg: five drawn people.

    PYTHONPATH=.:tests python -m scenes.example
"""
from PIL import Image
from scene_tools import crowd

from facekp import files
from facekp.predict.page.build import SITE

PEOPLE = [(190, 240, 62, 0), (480, 260, 52, -9), (770, 235, 66, 14), (330, 480, 44, 24),
          (640, 490, 48, -4)]

if __name__ == "__main__":
    with files.replacing(SITE / "example.jpg") as file:
        Image.fromarray(crowd(960, 640, PEOPLE, seed=7)[0]).save(file, "JPEG", quality=85)
