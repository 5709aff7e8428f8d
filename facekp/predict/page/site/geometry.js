// facekp/predict/geometry.py: from a photo to the crop that the net expects, and back.
import { resize, roundHalfEven, turn } from "./pillow.js";

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The middle of points. */
const middleOf = (points) => [mean(points.map((p) => p[0])), mean(points.map((p) => p[1]))];

/** Turn (x, y) clockwise where y points down. */
export function turned([x, y], degrees) {
  const c = Math.cos((degrees * Math.PI) / 180);
  const s = Math.sin((degrees * Math.PI) / 180);
  return [c * x - s * y, s * x + c * y];
}

/** The geometry with the package's own numbers, from settings.json. */
export class Geometry {
  constructor({ size, flip, geometry }) {
    Object.assign(this, geometry, { size, flip });
    const [x, y] = middleOf(this.means);
    this.meansMiddle = [x, y];
    this.M = this.means.map((p) => [p[0] - x, p[1] - y]);
    this.spread = this.M.reduce((sum, [mx, my]) => sum + mx * mx + my * my, 0);
  }

  rollOf(five) {
    const [x, y] = middleOf(five);
    let sine = 0;
    let cosine = 0;
    five.forEach((point, k) => {
      const [u, v] = [point[0] - x, point[1] - y];
      sine += this.M[k][0] * v - this.M[k][1] * u;
      cosine += this.M[k][0] * u + this.M[k][1] * v;
    });
    return (Math.atan2(sine, cosine) * 180) / Math.PI;
  }

  cropOf(five) {
    let roll = this.rollOf(five);
    if (Math.abs(roll) <= this.upright) roll = 0;
    const middle = middleOf(five);
    let a = 0;
    five.forEach((point, k) => {
      const [u, v] = turned([point[0] - middle[0], point[1] - middle[1]], -roll);
      a += this.M[k][0] * u + this.M[k][1] * v;
    });
    a /= this.spread;
    const half = (this.size - 1) / 2;
    const aside = turned(this.meansMiddle.map((value) => a * (half - value)), roll);
    return { x: middle[0] + aside[0], y: middle[1] + aside[1], side: this.size * a, roll };
  }

  toPhoto(points, crop) {
    const half = (this.size - 1) / 2;
    const scale = crop.side / this.size;
    return points.map(([x, y]) => {
      const [u, v] = turned([(x - half) * scale, (y - half) * scale], crop.roll);
      return [u + crop.x, v + crop.y];
    });
  }

  moved(crop, other) {
    const aside = (Math.hypot(other.x - crop.x, other.y - crop.y) * this.size) / crop.side;
    return aside > this.movedPx || Math.abs(other.side / crop.side - 1) > this.movedShare;
  }

  cut(gray, crop) {
    const side = crop.side * (crop.roll ? Math.SQRT2 : 1); // the upright square around a turned one
    const margin = Math.ceil(2 * Math.max(crop.side / this.size, 1)) + 1;
    const x0 = Math.floor(crop.x - side / 2) - margin;
    const y0 = Math.floor(crop.y - side / 2) - margin;
    const around = cutOut(gray, x0, y0, Math.ceil(side) + 2 * margin + 1);
    const [left, top] = [crop.x - side / 2 - x0, crop.y - side / 2 - y0];
    const box = [left, top, left + side, top + side];
    if (!crop.roll) return resize(around, this.size, this.size, "bicubic", { box });
    const fine = roundHalfEven(this.size * Math.SQRT2 * this.oversample);
    const square = resize(around, fine, fine, "bicubic", { box });
    const size = this.size * this.oversample;
    const step = (fine * crop.side) / side / size;
    const [a, d] = turned([step, 0], crop.roll);
    const [b, e] = turned([0, step], crop.roll);
    const matrix = [a, b, fine / 2 - ((a + b) * size) / 2, d, e, fine / 2 - ((d + e) * size) / 2];
    return resize(turn(square, size, matrix), this.size, this.size, "bicubic");
  }

  withContrast(image) {
    const values = Array.from(image.data);
    const level = mean(values);
    const spread = Math.sqrt(mean(values.map((value) => (value - level) ** 2)));
    if (this.leastSpread <= spread && this.darkest <= level) return image;
    const [usualLevel, usualSpread] = this.usual;
    const gain = usualSpread / Math.max(spread, 1);
    const data = Uint8ClampedArray.from(values, // rounds halves to even, as numpy's rint
      (value) => (value - level) * gain + usualLevel);
    return { ...image, data };
  }

  /** Points (30 numbers) of a mirror image as points of the picture itself. */
  mirroredBack(y) {
    return this.flip.map((column, k) => (k % 2 ? y[column] : this.size - 1 - y[column]));
  }
}

/** n x n pixels of a gray picture; beyond its edge the outermost pixels go on. */
function cutOut(gray, x0, y0, n) {
  const data = new Uint8Array(n * n);
  const columns = Int32Array.from({ length: n }, (_, i) => inside(x0 + i, gray.width));
  for (let y = 0; y < n; y++) {
    const row = inside(y0 + y, gray.height) * gray.width;
    for (let x = 0; x < n; x++) data[y * n + x] = gray.data[row + columns[x]];
  }
  return { width: n, height: n, channels: 1, data };
}

const inside = (index, size) => Math.min(Math.max(index, 0), size - 1);
