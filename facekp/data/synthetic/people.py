"""Who is in the picture: every random trait of a batch of people, drawn once.

Lengths are px of an average frontal picture in the head's (u, v) coordinates (see ``head``), grays
are 0 (black) to 1 (white). The averages put the 15 points where a tight, roughly eye-aligned crop
of a frontal face has them: eye centres 36.7 px apart and 37 px below the top edge, and so on. The
spreads are chosen so that the mean face misses the points by about 3.2 px (root mean square), as it
does on the contest's complete images.
"""
import numpy as np

from .head import points, project, rotation

EYE_MIDDLE = (47.9, 37.0)  # where the crop puts the middle between the eyes, px


class Traits:
    """Named arrays, one value for each person, shaped (n, 1, 1) to broadcast over pixels."""

    def reshaped(self, *shape):
        """The same traits in another shape, for example (-1, 1) to broadcast over points."""
        other = Traits()
        for name, values in vars(self).items():
            if values.ndim == 3 and values.shape[1:] == (1, 1):
                setattr(other, name, values.reshape(shape))
        return other


def draw_people(rng, n, spread=1.0):
    """Draw the traits of n people; `spread` widens pose, size and position."""

    def normal(mean, std, low=-np.inf, high=np.inf):
        return np.clip(rng.normal(mean, std, (n, 1, 1)), low, high)

    def uniform(low, high):
        return rng.uniform(low, high, (n, 1, 1))

    def chance(p):
        return rng.random((n, 1, 1)) < p

    t = Traits()
    t.seed = uniform(0, 64)  # where in the textures this person looks
    _shape(t, normal, uniform, chance)
    _expression(t, normal, uniform, chance)
    _hair(t, normal, uniform, chance)
    _accessories_and_place(t, normal, uniform, chance)
    _pose(t, normal, spread)
    for name, values in vars(t).items():
        if name != "rotation":
            setattr(t, name, values.astype(np.float32))
    return t


def _shape(t, normal, uniform, chance):
    t.masculine = chance(0.58) * 1.0
    t.age = uniform(0, 1) ** 2
    t.width = normal(36.6 + 0.9 * t.masculine, 1.3)
    t.height = normal(50.0, 1.2)
    t.depth = normal(42.0, 1.5)
    t.brow_ridge = normal(0.5 + 0.8 * t.masculine, 0.3, 0.1)
    t.socket = normal(4.2, 0.7)
    t.cheek = normal(2.2, 0.7)
    t.jaw = normal(2.4 + 1.6 * t.masculine, 1.2)
    t.chin_w = normal(20 + 2 * t.masculine, 1.5)
    t.eye_u = normal(19.2, 0.65)
    t.eye_v = normal(-6.3, 0.5)
    t.eye_w = normal(7.05, 0.4)  # half the distance between the corners
    t.eye_tilt = normal(0.3, 0.6)  # outer corner above the inner one
    t.iris = uniform(0.08, 0.45)
    t.nose_v = normal(11.2, 2.0)
    t.bridge_v = normal(-10.0, 1.0)
    t.nose_h = normal(9.3, 1.2, 6.5)
    t.nose_w = normal(7.4 + 0.7 * t.masculine, 0.7)
    t.mouth_v = normal(30.6, 1.7)
    t.brow_u0 = normal(8.4, 1.5)
    t.brow_u1 = normal(32.4, 1.0, 29, 34.5)
    t.brow_v = normal(-13.7, 1.5)
    t.brow_arch = normal(3.2, 1.0, 1)
    t.brow_drop = normal(1.0, 1.0)  # outer end below the inner one
    t.brow_h = normal(1.5 + 0.6 * t.masculine, 0.3, 0.9)
    t.skin = np.where(chance(0.17), uniform(0.32, 0.55), uniform(0.6, 0.85))
    t.lip_tone = normal(0.8 - 0.14 * (1 - t.masculine), 0.06, 0.5, 0.95)
    t.lip_upper = normal(3.9, 0.6, 1.4)
    t.lip_lower = normal(3.1 - 0.5 * t.masculine, 0.7, 2.0)


def _expression(t, normal, uniform, chance):
    t.smile = np.where(chance(0.4), uniform(0.4, 1.0), normal(0, 0.12))
    smiles = t.smile > 0.4
    opened = chance(0.28 + 0.37 * smiles)
    t.gap = np.where(opened, np.where(smiles, uniform(1.8, 5.5), uniform(1, 11)), 0.0)
    t.mouth_u = normal(13.8 + 3.4 * t.smile - 0.25 * t.gap * ~smiles, 1.3, 9)
    t.corner = normal(-0.9 - 2.2 * t.smile, 0.6)  # height of the mouth's corners, down is positive
    t.teeth = np.where(smiles, 1.0, chance(0.5))
    t.lid_upper = normal(3.6 - 0.5 * t.smile, 0.55, 1.2)
    t.lid_lower = normal(2.1 - 0.4 * t.smile, 0.3, 1.0)
    t.closed = chance(0.02) * 1.0
    t.lid_upper = np.where(t.closed > 0, -1.6, t.lid_upper)
    t.brow_v = t.brow_v + normal(0, 0.8)
    t.frown = np.maximum(normal(-0.3, 0.6), 0)
    t.gaze_u = normal(0, 1.0, -2.6, 2.6)
    t.gaze_v = normal(0, 0.35)


def _hair(t, normal, uniform, chance):
    style = uniform(0, 1)
    woman = t.masculine < 0.5
    t.bald = ~woman & (style < 0.14)
    t.long_hair = np.where(woman, style > 0.42, style > 0.94)
    t.fringe = (~t.bald & chance(np.where(woman, 0.38, 0.22))) * 1.0
    t.curly = (~t.bald & chance(0.16)) * 1.0
    t.hair_v = np.where(t.fringe > 0, normal(-25, 3.0, -34, -20), normal(-36 - 4 * t.age, 2.6))
    t.hair_v = np.where(t.bald, normal(-70, 4), t.hair_v)
    t.hair_h = uniform(3, 8) + 2 * (1 - t.masculine) + 5 * t.curly
    t.hair_h = np.where(t.bald, uniform(0.3, 1.0), t.hair_h)
    t.sideburn = np.where(woman, normal(-6, 3), normal(4, 5, -8, 16))
    t.temple = normal(0.50 + 0.05 * t.masculine, 0.05)  # how far round the side hair begins
    t.recede = np.where(t.masculine > 0, uniform(0, 6) * (0.4 + t.age), 0)
    t.part_u = np.where(chance(0.4), normal(0, 3), np.where(chance(0.5), 1, -1) * uniform(8, 22))
    t.jag = uniform(0.8, 2.5) + 2.5 * t.fringe + 1.5 * t.curly
    gray = chance(0.2 + 0.5 * (t.age > 0.6))
    t.hair = np.where(gray, uniform(0.45, 0.85), uniform(0.04, 0.34))
    t.hair = np.where(t.skin < 0.5, uniform(0.03, 0.12), t.hair)
    t.lock_u = normal(33.0, 2.0)
    t.lock_w = uniform(9, 20)
    t.long_hair = t.long_hair * 1.0
    t.bald = t.bald * 1.0
    t.brow_tone = np.minimum(t.hair * 0.8, 0.5 * t.skin)
    t.beard = np.where((t.masculine > 0) & chance(0.22), uniform(0.45, 0.95), 0.0)
    t.stubble = np.where((t.masculine > 0), uniform(0, 0.28), 0.0)
    t.moustache = np.where((t.masculine > 0) & chance(0.12), uniform(0.6, 0.95), t.beard)


def _accessories_and_place(t, normal, uniform, chance):
    t.glasses = chance(0.17) * 1.0
    t.lens_w = uniform(11.5, 14.5)
    t.lens_h = uniform(8.0, 12.0)
    t.lens_round = uniform(0, 1)
    t.frame_w = uniform(0.9, 2.2)
    t.frame_tone = np.where(chance(0.7), uniform(0.03, 0.25), uniform(0.5, 0.8))
    t.glare = chance(0.4) * uniform(0.1, 0.5)
    t.earring = (chance(0.35) & (t.masculine < 0.5)) * 1.0
    t.cloth = np.where(chance(0.5), uniform(0.03, 0.3), uniform(0.3, 0.95))
    t.collar = uniform(-6, 10)
    t.back = np.where(chance(0.4), uniform(0.75, 1.0), uniform(0.05, 0.8))
    t.back_tilt = normal(0, 0.12)
    t.back_texture = uniform(0, 0.25) ** 1.5
    # light: direction towards it, camera axes (x right, y down, z to the camera)
    t.light_x = normal(0, 0.5)
    t.light_y = normal(-0.55, 0.25)
    t.ambient = uniform(0.38, 0.66)
    t.gloss = uniform(0, 0.22)
    t.fill = uniform(0, 0.25)
    t.gain = normal(1.0, 0.18, 0.5, 1.35)
    t.contrast = normal(1.0, 0.12)
    t.blur = uniform(0, 1) ** 2
    t.noise = uniform(0.3, 3.0)
    t.jpeg = uniform(0, 1)


def _pose(t, normal, spread):
    # beyond these angles parts of the face hide others, which the surface cannot draw
    turn = 0.5 + 0.5 * spread
    yaw = normal(0, 0.155 * turn, -0.42, 0.42).ravel()
    pitch = normal(0, 0.145 * turn, -0.30, 0.30).ravel()
    roll = normal(0, 0.072 * turn).ravel()
    t.rotation = rotation(yaw, pitch, roll)
    t.scale = normal(1.0, 0.066 * spread, 0.75, 1.25)
    t.shift = np.zeros((len(yaw), 2))
    eye_u = t.eye_u[:, 0] * np.array([1.0, -1.0])
    eyes = project(t, points(t, eye_u, np.broadcast_to(t.eye_v[:, 0], eye_u.shape)))
    jitter = np.concatenate([normal(0, 1.3 * spread), normal(0, 1.7 * spread)], 1)[..., 0]
    t.shift = np.array(EYE_MIDDLE) + jitter - eyes.mean(1)
