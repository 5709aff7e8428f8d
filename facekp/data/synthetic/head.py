"""The head: a star-shaped surface over an ellipsoid, its pose, and where keypoints lie on it.

Head coordinates are in px of an average frontal picture: x to the subject's left (right in the
picture), y down, z towards the camera, origin at the ellipsoid's centre. A point of the surface is
named by (u, v): the x and y of its direction on the unrelieved ellipsoid. Everything that is drawn
on a face is drawn in (u, v), and every keypoint is a point (u, v), so picture and labels move and
foreshorten together.

Arrays of pixels only see ``+ - * /``, ``sqrt``, ``abs``, ``floor``, minimum and maximum, which IEEE
arithmetic defines to the last bit: the same seed gives the same bytes on any machine.
"""
import numpy as np

DEPTH = 42.0  # relief is given in px at the front of the face


def positive(x):
    """max(x, 0); NumPy's maximum takes several times longer than these three operations."""
    return (x + np.abs(x)) * np.float32(0.5)


def bump(x, y):
    """Smooth hill of height 1 at the origin that ends at radius 1."""
    q = positive(1 - x * x - y * y)
    return q * q


def ramp(x):
    """Clip x to [0, 1]."""
    return np.clip(x, 0, 1)


def smooth(x):
    """Clip x to [0, 1] with flat ends."""
    x = ramp(x)
    return x * x * (3 - 2 * x)


def face_relief(t, u, v):
    """Height in px of nose, brows, cheeks, lips and chin above the ellipsoid at (u, v)."""
    s = np.abs(u)
    h = 2.2 * t.brow_ridge * bump((s - 14) / 20, (v + 15) / 8)
    h -= t.socket * bump((s - t.eye_u) / 13, (v - t.eye_v) / 9)
    h += 2.4 * bump((s - t.eye_u) / 9, (v - t.eye_v) / 6)
    h += t.cheek * bump((s - 23) / 15, (v - 13) / 16)
    h += t.jaw * bump((s - 22) / 15, (v - 33) / 18)
    # nose: a ridge that rises and widens from the bridge to the tip, a ball and two wings
    along = ramp((v - t.bridge_v) / (t.nose_v - t.bridge_v))
    end = smooth((t.nose_v + 7 - np.float32(0.05) * s * s - v) / 11)
    width = t.nose_w * (0.62 + 0.6 * along * along)
    ridge = (2.5 + (t.nose_h - 2.5) * along) * smooth((v - t.bridge_v + 8) / 8) * end
    h += ridge * bump(s / width, 0)
    h += 4.4 * bump(s / 7, (v - t.nose_v + 0.3) / 7)
    h += 3.6 * bump((s - 0.72 * t.nose_w) / (0.55 * t.nose_w), (v - t.nose_v - 1.5) / 5)
    # muzzle, lips, chin
    m = t.mouth_v
    h += 4.8 * bump(u / 28, (v - m) / 24)
    h += 1.2 * bump(u / (t.mouth_u + 1), (v - m + 1.6) / 3.4)
    h += 1.6 * bump(u / (t.mouth_u - 2), (v - m - 3 - t.gap) / 3.6)
    h -= 1.1 * bump(u / 12, (v - m - 9 - t.gap) / 4)
    h += 6.5 * bump(u / t.chin_w, (v - 46 - 0.5 * t.gap) / 15)
    return h


def rotation(yaw, pitch, roll):
    """Rotation matrices (n, 3, 3) from head to camera, angles in radians."""
    cy, sy, cp, sp, cr, sr = [f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin)]
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)

    def stack(*entries):
        return np.stack(entries, -1).reshape(-1, 3, 3)

    about_y = stack(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    about_x = stack(one, zero, zero, zero, cp, sp, zero, -sp, cp)
    about_z = stack(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    return about_z @ about_x @ about_y


def points(t, u, v):
    """Head coordinates (n, k, 3) of the surface points (u, v), each (n, k)."""
    t = t.reshaped(-1, 1)
    x, y = u / t.width, v / t.height
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0))
    unit = np.stack([x * t.width, y * t.height, z * t.depth], -1)
    return (1 + face_relief(t, u, v) / DEPTH)[..., None] * unit


def project(t, xyz):
    """Picture coordinates (n, k, 2) in px of head coordinates (n, k, 3)."""
    xy = (t.rotation[:, None, :2] * xyz[:, :, None]).sum(-1)
    return xy * t.scale.reshape(-1, 1, 1) + t.shift[:, None]


class Surface:
    """What each pixel sees of the head: (u, v), how far round the side, depth and coverage.

    Found by iterating the closed-form crossing of the ray with the ellipsoid grown by the relief
    at the last crossing, from the outside inwards.

    Attributes
    ----------
    u, v, front : (n, 96, 96) float32; front is 1 facing forward, 0 at the side, -1 at the back.
    depth : (n, 96, 96) float32, camera z in px before scaling
    cover : (n, 96, 96) float32 in [0, 1], part of the pixel that the head fills
    rim : u, v and front of the direction in which the ray passes nearest to the middle
    """

    def __init__(self, t, x, y, relief, n_iterations=4):
        radii = (t.width, t.height, t.depth)
        r = t.rotation.astype(np.float32)[..., None, None]
        q = [(r[:, 0, k] * x + r[:, 1, k] * y) / radii[k] for k in range(3)]
        e = [r[:, 2, k] / radii[k] for k in range(3)]
        ee = e[0] * e[0] + e[1] * e[1] + e[2] * e[2]
        nearest = -(q[0] * e[0] + q[1] * e[1] + q[2] * e[2]) / ee
        q = [qk + ek * nearest for qk, ek in zip(q, e)]
        miss = q[0] * q[0] + q[1] * q[1] + q[2] * q[2]  # squared distance of the ray
        far = np.sqrt(miss)
        self.rim = (q[0] / far * t.width, q[1] / far * t.height, q[2] / far)
        growth = np.float32(1.12)
        for _ in range(n_iterations):
            step = np.sqrt(positive(growth * growth - miss) / ee)
            norm = np.sqrt(miss + step * step * ee)
            self.u = (q[0] + e[0] * step) / norm * t.width
            self.v = (q[1] + e[1] * step) / norm * t.height
            self.front = (q[2] + e[2] * step) / norm
            growth = 1 + relief(t, self.u, self.v) / DEPTH
        self.depth = nearest + np.sqrt(positive(growth * growth - miss) / ee)
        self.cover = ramp((growth - far) * 40 * t.scale + 0.5)
