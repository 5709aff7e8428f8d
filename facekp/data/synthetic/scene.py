"""The picture: background, shoulders, neck, ears, the lit head, hair, glasses."""
import numpy as np

from facekp.keypoints import SIZE

from . import face, hair
from .face import edge, over
from .head import Surface, bump, face_relief, positive, project, ramp, smooth
from .texture import noise


def _axes(t):
    """Unscaled camera x and y (n, 96, 96) of the pixels' centres, from the head's middle."""
    grid = np.arange(SIZE, dtype=np.float32)
    shift = t.shift.astype(np.float32)
    x = (grid[None, None, :] - shift[:, :1, None]) / t.scale
    y = (grid[None, :, None] - shift[:, 1:, None]) / t.scale
    return np.broadcast_arrays(x, y)


def _place(t, x, y, z):
    """Unscaled camera x and y (n, 1, 1) of head points given as arrays or numbers."""
    xyz = np.stack([np.broadcast_to(a, t.width.shape)[:, :, 0] for a in (x, y, z)], -1)
    xy = (project(t, xyz) - t.shift[:, None]) / t.scale.reshape(-1, 1, 1)
    xy = xy.astype(np.float32)
    return xy[:, :, :1], xy[:, :, 1:]


def _normal(depth, scale):
    """Unit normals x, y, z from the depth's slope."""
    slope_x, slope_y = np.empty_like(depth), np.empty_like(depth)
    slope_x[:, :, 1:-1] = depth[:, :, 2:] - depth[:, :, :-2]
    slope_x[:, :, 0], slope_x[:, :, -1] = slope_x[:, :, 1], slope_x[:, :, -2]
    slope_y[:, 1:-1] = depth[:, 2:] - depth[:, :-2]
    slope_y[:, 0], slope_y[:, -1] = slope_y[:, 1], slope_y[:, -2]
    nx, ny = slope_x * (-scale / 2), slope_y * (-scale / 2)
    nz = 1 / np.sqrt(nx * nx + ny * ny + 1)
    return nx * nz, ny * nz, nz


def _light(t):
    norm = np.sqrt(t.light_x ** 2 + t.light_y ** 2 + 1)
    return t.light_x / norm, t.light_y / norm, 1 / norm


def _shadow(t, depth, n_steps=6, step_px=3.0):
    """How far each point lies below the light's grazing height over its surroundings, in [0, 1]."""
    lx, ly, lz = (a.ravel() for a in _light(t))
    hidden = np.zeros_like(depth)
    margin = int(n_steps * step_px) + 1
    for i in range(len(depth)):
        padded = np.pad(depth[i], margin, mode="edge")
        flat = float(np.sqrt(lx[i] ** 2 + ly[i] ** 2)) + 1e-6
        for k in range(1, n_steps + 1):
            dx = int(np.floor(k * step_px * lx[i] / flat + 0.5)) + margin
            dy = int(np.floor(k * step_px * ly[i] / flat + 0.5)) + margin
            climb = np.float32(k * step_px / t.scale[i].item() * lz[i] / flat)
            over_it = padded[dy:dy + SIZE, dx:dx + SIZE] - depth[i] - climb
            np.maximum(hidden[i], over_it, out=hidden[i])
    return smooth(hidden / 5)


def _blurred(a, radius):
    """Mean over a square of side 2 * radius + 1, by sums of shifted copies (exact order)."""
    for axis in (1, 2):
        pad = [(0, 0)] * 3
        pad[axis] = (radius, radius)
        p = np.pad(a, pad, mode="edge")
        total = np.zeros_like(a)
        for k in range(2 * radius + 1):
            total += p[:, k:k + SIZE] if axis == 1 else p[:, :, k:k + SIZE]
        a = total / (2 * radius + 1)
    return a


def draw(t):
    """Gray images (n, 96, 96) float32, 0 black to 1 white, of the people of `t`."""
    x, y = _axes(t)
    picture = _background(t, x, y)
    head = Surface(t, x, y, face_relief)
    picture, neck_depth = _body(t, x, y, picture)
    cap, tone, above, behind = hair.shell(t, x, y)
    tone = tone * _shading(t, cap.depth, np.float32(0))[0]
    picture = over(picture, tone * np.float32(0.9), behind)
    picture = _ears(t, x, y, picture)
    depth = over(neck_depth, head.depth, (head.cover > 0.5).astype(np.float32))
    shadow = _shadow(t, depth)
    lit, gloss = _shading(t, head.depth, shadow)
    albedo, eye, glint = face.paint(t, head)
    albedo = hair.scalp(t, head.u, head.v, head.front, albedo)
    shade = over(lit, 0.55 + 0.45 * lit, eye)
    look = albedo * shade + gloss * (1 - eye) + glint
    picture = picture * (1 - 0.45 * shadow * (1 - head.cover) * (neck_depth > -30))
    picture = over(picture, look, head.cover)
    picture = over(picture, tone, above)
    picture = _locks(t, x, y, picture)
    return _glasses(t, x, y, picture)


def _shading(t, depth, shadow):
    nx, ny, nz = _normal(depth, t.scale)
    lx, ly, lz = _light(t)
    facing = positive(nx * lx + ny * ly + nz * lz)
    direct = facing * (1 - 0.75 * shadow)
    fill = t.fill * positive(nz - nx * np.sign(lx)) * np.float32(0.6)
    hollow = np.clip((_blurred(depth, 4) - depth) * np.float32(0.045), -0.12, 0.3)
    half = np.sqrt(lx * lx + ly * ly + (lz + 1) * (lz + 1))
    shine = positive((nx * lx + ny * ly + nz * (lz + 1)) / half)
    for _ in range(4):
        shine = shine * shine
    lit = (t.ambient * (0.75 + 0.25 * nz) + (1.08 - t.ambient) * direct + fill) * (1 - hollow)
    return lit, t.gloss * shine * (1 - shadow)


def _background(t, x, y):
    wall = t.back + t.back_tilt * (x * np.float32(0.012))
    wall = wall + t.back_texture * noise(x * np.float32(0.05) + t.seed, y * np.float32(0.035))
    return ramp(wall)


def _body(t, x, y, picture):
    """Long hair behind, shoulders, neck; returns the picture and the depth of what it shows."""
    cx, cy = _place(t, 0, 30, -16)
    across = x - 0.5 * cx
    outer = 30 + t.hair_h + t.lock_w + 6 * ramp((y + 20) / 50)
    cover, tone = hair.curtain(t, across, y, np.float32(-1), outer, -58 - t.hair_h)
    picture = over(picture, tone * np.float32(0.8), cover * t.long_hair)
    neck_w = 22 + 3.5 * t.masculine
    bend = (across - 0.3 * cx) / neck_w
    neck = edge(neck_w - np.abs(across - 0.3 * cx)) * ramp(y - 8)
    round_z = np.sqrt(positive(1 - bend * bend))
    lx, _, lz = _light(t)
    lit = t.ambient + (1 - t.ambient) * positive(bend * lx + round_z * lz)
    picture = over(picture, t.skin * np.float32(0.8) * lit, neck)
    aside = np.abs(across)
    line = 46 + t.collar + 0.35 * positive(aside - 20) - 9 * bump(0, (aside - 24) / 9)
    folds = noise(x * np.float32(0.12) + t.seed, y * np.float32(0.12))
    cloth = t.cloth * (0.9 + 0.12 * folds) * (1 - 0.35 * bump(0, (y - line) / 2.5))
    shoulders = edge((y - line) * np.float32(0.8))
    picture = over(picture, cloth, shoulders)
    depth = over(np.float32(-60), 16 * round_z - 16, neck)
    return picture, over(depth, np.maximum(depth, np.float32(-12)), shoulders)


def _ears(t, x, y, picture):
    for side in (-1, 1):
        cx, cy = _place(t, side * (t.width - 0.3), 2.0, -5.0)
        turned = 1 + side * t.rotation[:, 2, :1, None].astype(np.float32) * 1.3
        w, h = 4.2 * turned, 9.5
        lean = side * 0.22
        ex = (x - cx - lean * (cy - y)) / w
        ey = (y - cy) / h
        r = np.sqrt(ex * ex + ey * ey)
        lx, _, _ = _light(t)
        lit = t.ambient + 0.25 + 0.3 * side * lx
        tone = t.skin * lit * (0.95 - 0.45 * bump((ex + 0.1 * side) / 0.75, (ey + 0.1) / 0.65))
        picture = over(picture, tone, edge((1 - r) * 5) * (1 - t.long_hair))
        drop = bump((x - cx + 2 * side) / 2.2, (y - cy - 11.5) / 2.6)
        picture = over(picture, np.float32(0.95), ramp(2 * drop) * t.earring)
    return picture


def _locks(t, x, y, picture):
    """Long hair in front of the ears."""
    cx, _ = _place(t, 0, 0, 12)
    outer = t.lock_u + t.hair_h + t.lock_w
    cover, tone = hair.curtain(t, x - cx, y, t.lock_u, outer, -50 - t.hair_h)
    return over(picture, tone, cover * t.long_hair)


def _segment(t, x, y, side):
    """Cover of the arm of the glasses from the frame's corner to the ear."""
    height = t.eye_v * 1.05 - 2
    ax, ay = _place(t, side * (t.eye_u + t.lens_w), height, t.depth + 3)
    bx, by = _place(t, side * (t.width + 1), height + 1.5, 2.0)
    dx, dy = bx - ax, by - ay
    along = ramp(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy))
    px, py = x - ax - along * dx, y - ay - along * dy
    return edge(0.4 * t.frame_w - np.sqrt(px * px + py * py))


def _glasses(t, x, y, picture):
    if not t.glasses.any():
        return picture
    r = t.rotation.astype(np.float32)[..., None, None]
    plane_z = t.depth + 3
    along = (plane_z - r[:, 0, 2] * x - r[:, 1, 2] * y) / r[:, 2, 2]
    gx = np.abs(r[:, 0, 0] * x + r[:, 1, 0] * y + r[:, 2, 0] * along)
    gy = r[:, 0, 1] * x + r[:, 1, 1] * y + r[:, 2, 1] * along - t.eye_v * 1.05
    ex, ey = (gx - t.eye_u - 0.5) / t.lens_w, (gy - 1.5) / t.lens_h
    e2x, e2y = ex * ex, ey * ey
    oval = np.sqrt(e2x + e2y)
    box = np.sqrt(np.sqrt(e2x * e2x + e2y * e2y))
    rim = over(box, oval, t.lens_round)
    distance = (1 - rim) * 0.5 * (t.lens_w + t.lens_h)
    frame = edge(t.frame_w / 2 - np.abs(distance))
    bridge_h = gy + 2.2 + 0.12 * (4 - gx) * ramp(4 - gx)
    bridge = edge(t.frame_w / 2 - np.abs(bridge_h)) * ramp(t.eye_u + 0.5 - t.lens_w - gx + 1)
    arms = [_segment(t, x, y, side) for side in (-1, 1)]
    cover = np.maximum(np.maximum(frame, bridge), np.maximum(*arms)) * t.glasses
    inside = edge(distance) * t.glasses
    streak = bump(0, (ex + ey * 0.6 - 0.2) / 0.7)
    picture = picture * (1 - 0.05 * inside) + inside * t.glare * streak
    below = bump(0, (distance + 1.5) / 1.6) * t.glasses
    return over(picture * (1 - 0.18 * below), t.frame_tone, cover * np.float32(0.92))
