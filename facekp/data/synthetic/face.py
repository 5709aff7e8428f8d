"""The painted face: skin, eyes, brows, mouth and beard in (u, v), and where its keypoints are."""
import numpy as np

from .head import bump, points, positive, project, ramp, smooth
from .texture import noise


def over(below, tone, cover):
    """Paint `tone` over `below` where `cover` is 1."""
    return below + (tone - below) * cover


def edge(distance):
    """Cover of a shape from the signed distance inside it, in px: one px of soft edge."""
    return ramp(distance + np.float32(0.5))


def paint(t, surface):
    """Albedo (n, 96, 96) of the head without its hair, and the part that light does not shade."""
    u, v = surface.u, surface.v
    s = np.abs(u)
    mottled = noise(u * np.float32(0.14) + t.seed, v * np.float32(0.14))
    albedo = t.skin * (1 + np.float32(0.035) * mottled)
    albedo = albedo * (1 - _creases(t, u, s, v))
    albedo = _beard(t, u, s, v, albedo)
    albedo = _mouth(t, u, v, albedo)
    albedo = _brows(t, u, s, v, albedo)
    return _eyes(t, u, s, v, albedo)


def _creases(t, u, s, v):
    """Darkening by folds, nostrils and wrinkles."""
    nostril = bump((s - 0.42 * t.nose_w) / 2.9, (v - t.nose_v - 5.2) / 1.9)
    wing = bump((s - 1.12 * t.nose_w) / 2.0, (v - t.nose_v - 1.0) / 5.0)
    under_nose = bump(u / 8, (v - t.nose_v - 8.0) / 3.0)
    down = (v - t.nose_v) / (t.mouth_v - t.nose_v + 2)
    fold_u = 8.2 + (13.0 - 4.5 * down) * down + 2.0 * t.smile
    fold = bump((s - fold_u) / 2.2, (down - 0.55) / 0.62)
    bag = bump((s - t.eye_u + 1) / 9, (v - t.eye_v - 5.5) / 2.2)
    hollow = bump((s - t.eye_u + 5.5) / 6.5, (v - t.eye_v + 2) / 6)
    lines = bump(u / 24, 0) * bump(0, _sawtooth((v + 30) / 5.0)) * bump(0, (v + 27) / 11)
    between = t.frown * bump((s - 3.4) / 1.5, (v + 13.5) / 5)
    corner = bump((s - t.mouth_u - 0.8) / 2.6, (v - t.mouth_v - t.corner) / 2.6)
    fold_depth = 0.02 + 0.12 * positive(t.smile) + 0.2 * t.age * t.age
    return (
        0.62 * nostril + 0.2 * wing + 0.16 * under_nose + 0.18 * corner + fold_depth * fold
        + (0.05 + 0.15 * t.age) * bag + 0.14 * hollow + 0.16 * t.age * lines + 0.12 * between
    )


def _sawtooth(x):
    return (x - np.floor(x)) * 2 - 1


def _beard(t, u, s, v, albedo):
    grain = noise(u * np.float32(0.6) + t.seed, v * np.float32(0.6))
    low = v - t.mouth_v
    border = 7.5 + t.gap * ramp(2 - s / 10) - 13 * smooth((s - 11) / 8) - 24 * ramp((s - 18) / 16)
    beard = smooth((low - border + grain) / 5)
    top = 9.0 - 0.012 * s * s - 2.5 * bump(s / 3, 0)
    lip = smooth((low + top + grain) / 3.5) * ramp((2 - low + 0.5 * s) / 3)
    lip = lip * smooth((t.mouth_u + 3 - s) / 4)
    whiskers = np.maximum(beard * t.beard, lip * t.moustache)
    shaved = smooth((low - border + 5) / 12) * t.stubble
    cover = np.maximum(whiskers * ramp(np.float32(0.95) + np.float32(0.25) * grain), shaved)
    tone = np.minimum(t.hair, 0.8 * t.skin) * (1 + np.float32(0.35) * grain)
    return over(albedo, tone, cover)


def mouth_lines(t, x):
    """v of the top edge, upper inner, lower inner and bottom edge at x in [-1, 1] of the width."""
    arc = positive(1 - x * x)
    middle = t.mouth_v + t.corner * (1 - arc)
    upper, lower = middle - 0.3 * t.gap * arc, middle + 0.7 * t.gap * arc
    bow = 1 - 0.22 * positive(1 - np.abs(x) * 5)
    top = upper - t.lip_upper * bow * arc
    bottom = lower + t.lip_lower * arc * (1.2 - 0.2 * arc)
    return top, upper, lower, bottom


def _mouth(t, u, v, albedo):
    x = u / t.mouth_u
    top, upper, lower, bottom = mouth_lines(t, x)
    inside = ramp((1 - np.abs(x)) * t.mouth_u)
    lips = edge(np.minimum(v - top, bottom - v)) * inside
    shade = 0.86 + 0.18 * edge(v - (upper + lower) / 2)
    albedo = over(albedo, t.skin * t.lip_tone * shade, lips * np.float32(0.85))
    cavity = edge(np.minimum(v - upper, lower - v)) * inside * ramp(t.gap)
    albedo = over(albedo, np.float32(0.06) + np.float32(0.1) * t.skin, cavity)
    tooth = _sawtooth(u / 3.6)
    gap_line = 1 - 0.22 * ramp((np.abs(tooth) - 0.75) * 4)
    white = (0.92 - 0.45 * x * x) * gap_line
    teeth_h = np.minimum(t.gap * (0.55 + 0.45 * (t.smile > 0.4)), 4.5)
    teeth = edge(np.minimum(v - upper, upper + teeth_h - v)) * cavity * ramp((0.86 - np.abs(x)) * 8)
    albedo = over(albedo, white, teeth * t.teeth)
    line = bump(0, (v - upper) / 1.4) * ramp((1.06 - np.abs(x)) * 6)
    return albedo * (1 - np.float32(0.6) * line * (1 - 0.5 * ramp(t.gap)))


def brow_line(t, s):
    """v of the middle of an eyebrow at distance s from the face's middle."""
    x = (s - t.brow_u0) / (t.brow_u1 - t.brow_u0)
    past = positive(x - np.float32(0.6))  # beyond the highest point it falls faster
    arch = 1 - (x - 0.6) * (x - 0.6) * np.float32(1 / 0.36) - past * past * np.float32(3.47)
    return t.brow_v + t.frown * 1.2 * (1 - x) + t.brow_drop * x - t.brow_arch * arch


def _brows(t, u, s, v, albedo):
    x = ramp((s - t.brow_u0) / (t.brow_u1 - t.brow_u0))
    thick = t.brow_h * (1.0 - 0.75 * x * x)
    ends = np.minimum(s - t.brow_u0, t.brow_u1 - s)
    inside = np.minimum(thick - np.abs(v - brow_line(t, s)), ends)
    grain = noise(s * np.float32(0.7) + v * np.float32(0.5) + t.seed, v * np.float32(0.5))
    cover = ramp(inside * np.float32(0.7) + np.float32(0.5) + np.float32(0.15) * grain)
    return over(albedo, t.brow_tone, cover * (np.float32(0.72) + np.float32(0.16) * grain))


def lid_lines(t, x):
    """v of the upper and lower lid's edge at x in [-1, 1] from the inner to the outer corner."""
    arc = positive(1 - x * x)
    axis = t.eye_v - t.eye_tilt * x + 1.0
    return axis - t.lid_upper * arc * (1.05 - 0.1 * x), axis + t.lid_lower * arc * (1 + 0.15 * x)


def _eyes(t, u, s, v, albedo):
    x = (s - t.eye_u) / t.eye_w
    upper, lower = lid_lines(t, x)
    near = ramp((1.25 - np.abs(x)) * 4)
    crease = bump(0, (v - upper + 2.6) / 1.6) * near * (0.24 + 0.1 * t.age)
    albedo = albedo * (1 - crease) * (1 + 0.06 * bump(x / 1.2, (v - upper + 4.5) / 3))
    opening = edge(np.minimum(v - upper, lower - v)) * ramp((1 - np.abs(x)) * t.eye_w)
    side = np.sign(u)
    dx, dy = s - t.eye_u - side * t.gaze_u, v - t.eye_v - t.gaze_v
    radius = np.sqrt(dx * dx + dy * dy)
    white = (0.55 + 0.33 * t.skin) * (1 - 0.25 * x * x)
    white = white * (0.75 + 0.25 * ramp((v - upper) / 2.2))  # the upper lid's shadow
    eye = over(white, t.iris * (0.75 + 0.12 * radius), edge(3.5 - radius))
    eye = over(eye, 0.4 * t.iris, bump(0, (radius - 3.4) / 0.9) * np.float32(0.7))
    eye = over(eye, np.float32(0.03), edge(1.7 - radius))
    albedo = over(albedo, eye, opening)
    lash = bump(0, (v - upper) / (1.25 + 0.35 * x)) * near * (0.8 - 0.1 * t.masculine)
    albedo = over(albedo, np.float32(0.06), lash * ramp((1.12 - np.abs(x)) * 6))
    albedo = albedo * (1 - 0.22 * bump(0, (v - lower) / 1.3) * near)
    glint_u = side * np.sign(t.light_x) * np.float32(1.1)
    glint = bump((dx - glint_u) / 1.3, (dy + 1.2) / 1.3) * opening
    return albedo, opening, glint * np.float32(0.75)


def labels(t):
    """The exact places (n, 15, 2) in px of the 15 points of `facekp.keypoints.KEYPOINTS`."""
    u, v = keypoints_on_head(t)
    return project(t, points(t, u, v))


def keypoints_on_head(t):
    """The coordinates u and v (n, 15) of the 15 points on the head."""
    t = t.reshaped(-1, 1)
    zero = np.zeros_like(t.eye_u)
    upper, lower = lid_lines(t, zero)
    left = [(t.eye_u, (np.minimum(upper, lower - 3) + lower) / 2)]  # a shut eye's centre is higher
    for x in (-1.0, 1.0):  # inner, outer corner
        left.append((t.eye_u + x * t.eye_w, lid_lines(t, zero + x)[0]))
    for u in (t.brow_u0, t.brow_u1):
        left.append((u, brow_line(t, u)))
    (eye_l, eye_r), inner, outer, brow_inner, brow_outer = [((u, v), (-u, v)) for u, v in left]
    top, _, _, bottom = mouth_lines(t, zero)
    corner = t.mouth_v + t.corner
    uv = [eye_l, eye_r, inner[0], outer[0], inner[1], outer[1],
          brow_inner[0], brow_outer[0], brow_inner[1], brow_outer[1], (zero, t.nose_v),
          (t.mouth_u, corner), (-t.mouth_u, corner), (zero, top), (zero, bottom)]
    return [np.concatenate(part, 1) for part in zip(*uv)]
