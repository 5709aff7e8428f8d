"""Hair: a shell around the head, where on it hair grows, strands, and long hair beside the face."""
import numpy as np

from .head import Surface, bump, ramp, smooth
from .texture import noise


def strands(t, u, v):
    """Noise that runs along the hair: combed from the parting, or curled."""
    du, dv = u - t.part_u, v + 52
    angle = du / (np.abs(du) + np.abs(dv) + 3)  # a stand-in for the polar angle, without atan
    radius = (np.abs(du) + np.abs(dv)) * np.float32(0.05)
    combed = noise(angle * 34 + t.seed, radius + t.seed)
    curls = noise(u * np.float32(0.3) + t.seed, v * np.float32(0.3))
    return combed + (curls - combed) * t.curly


def hairline(t, u, v, front):
    """Signed distance in px inside the hair (positive) of points on the head."""
    round_the_side = smooth((1 - front - t.temple) * 3.5)
    line = t.hair_v + (t.sideburn - t.hair_v) * round_the_side
    line = line - t.recede * bump((np.abs(u) - 20) / 12, 0) * (1 - round_the_side)
    fringe = t.jag * noise(u * np.float32(0.22) + t.seed, t.seed)
    return line + fringe - v


def fullness(t, v):
    """Mean height in px of the hair above the head; men's hair is cut shorter at the sides."""
    return t.hair_h * (1 - np.float32(0.6) * t.masculine * smooth((v + 36) / 26))


def thickness(t, u, v):
    """Height in px of the shell above the ellipsoid."""
    tufts = 1 + (np.float32(0.08) + np.float32(0.3) * t.curly) * noise(
        u * np.float32(0.16) + t.seed, v * np.float32(0.16))
    return 0.8 + fullness(t, v) * tufts


def shell(t, x, y):
    """The hair's surface, its tone, its cover over the head and its cover behind the head."""
    surface = Surface(t, x, y, thickness, n_iterations=2)
    u, v = surface.u, surface.v
    grain = strands(t, u, v)
    overhang = np.float32(0.7) * fullness(t, v)
    inside = hairline(t, u, v, surface.front) + overhang
    cover = ramp(inside * np.float32(0.5) + np.float32(0.45) + grain * np.float32(0.4))
    cover = cover * surface.cover * (1 - t.bald * np.float32(0.3))
    behind = ramp(hairline(t, *surface.rim) * np.float32(0.5) + overhang)
    behind = behind * surface.cover * (1 - t.bald)
    sheen = bump((v + 36) / 15, u / 44) * (t.hair * np.float32(0.4) + np.float32(0.03))
    return surface, t.hair * (1 + np.float32(0.42) * grain) + sheen * (1 + grain), cover, behind


def scalp(t, u, v, front, albedo):
    """Darken the skin of the head under and just below the hair."""
    root = smooth((hairline(t, u, v, front) + 3) / 5) * (1 - np.float32(0.6) * t.bald)
    return albedo + (np.minimum(t.hair, albedo) - albedo) * np.float32(0.75) * root


def curtain(t, x, y, inner, outer, top):
    """Cover and tone of long hair hanging beside the face, in px of the unscaled camera frame."""
    wave = 1.6 * noise(y * np.float32(0.06) + t.seed, t.seed)
    across = np.abs(x + wave)
    below = ramp((y - top) / 34)
    outer = outer * np.sqrt(below * (2 - below))
    cover = smooth((across - inner) / 2) * smooth((outer - across) / 3)
    grain = noise(across * np.float32(0.55) + t.seed, y * np.float32(0.035))
    middle = ramp((across - inner) / np.maximum(outer - inner, 1))
    shade = 0.55 + 1.2 * middle * (1 - 0.75 * middle)
    return cover, t.hair * (1 + np.float32(0.45) * grain) * shade
