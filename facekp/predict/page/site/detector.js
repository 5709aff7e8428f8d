// facekp/predict/detector.py: where the faces of a photo are, by CenterFace.
import { resize, rotate, roundHalfEven } from "./pillow.js";

/** Intersection over union of two boxes [x, y, width, height]. */
function overlap(a, b) {
  const common = [0, 1].map((k) => Math.max(
    Math.min(a[k] + a[k + 2], b[k] + b[k + 2]) - Math.max(a[k], b[k]), 0));
  const area = common[0] * common[1];
  return area / Math.max(a[2] * a[3] + b[2] * b[3] - area, 1e-9);
}

const best = (faces) => Math.max(0, ...faces.map((face) => face.score));

export class Detector {
  /** run(width, height, planes) gives the net's four outputs as {data, dims}. */
  constructor(settings, run) {
    Object.assign(this, settings);
    this.run = run;
  }

  /** The faces {box, score, five} of an RGB picture; `fast` as in Python. */
  async find(image, fast = false) {
    const longest = Math.max(image.width, image.height);
    let found = await this.look(image, this.sides[0]);
    const seenAt = Math.min(1, this.sides[0] / longest);
    const small = found.some((face) => face.box[3] * seenAt < this.small);
    const large = longest > this.sides[1] && !fast;
    if (best(found) < this.sure || small || large) {
      found = this.distinct([...found, ...(await this.look(image, this.sides[1], 2))]);
    }
    if (!found.length) found = await this.withMargin(image);
    if (best(found) < this.sure) {
      const lying = await this.lookTurned(image);
      if (best(lying) > best(found) + this.better) found = lying;
    }
    return found;
  }

  /** The faces in a copy whose longer side is `side` px at most, and `larger` times at most. */
  async look(image, side, larger = 1) {
    const scale = Math.min(larger, side / Math.max(image.width, image.height));
    const [width, height] = [image.width, image.height].map(
      (length) => Math.max(1, roundHalfEven(length * scale)));
    const small = resize(image, width, height, "bilinear", { reducingGap: 2 });
    const [w, h] = [width, height].map((length) => Math.ceil(length / 32) * 32);
    const planes = new Float32Array(3 * w * h);
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          planes[(c * h + y) * w + x] = small.data[(y * width + x) * 3 + c];
        }
      }
    }
    const outputs = await this.run(w, h, planes);
    return this.distinct(this.decoded(outputs, [image.width / width, image.height / height]));
  }

  decoded([heat, scale, offset, landmarks], [ratioX, ratioY]) {
    const [rows, columns] = heat.dims.slice(2);
    const n = rows * columns;
    const found = [];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const at = row * columns + column;
        const score = heat.data[at];
        if (!(score >= this.minScore)) continue;
        const h = Math.exp(scale.data[at]) * this.stride;
        const w = Math.exp(scale.data[n + at]) * this.stride;
        const y = (row + offset.data[at] + 0.5) * this.stride - h / 2;
        const x = (column + offset.data[n + at] + 0.5) * this.stride - w / 2;
        const five = [0, 1, 2, 3, 4].map((k) => [
          (x + landmarks.data[(2 * k + 1) * n + at] * w) * ratioX,
          (y + landmarks.data[2 * k * n + at] * h) * ratioY]);
        found.push({ box: [x * ratioX, y * ratioY, w * ratioX, h * ratioY], score, five });
      }
    }
    return found;
  }

  /** The best of each group of detections that overlap. */
  distinct(faces) {
    const kept = [];
    for (const face of [...faces].sort((a, b) => b.score - a.score)) {
      if (kept.every((other) => overlap(face.box, other.box) < this.overlap)) kept.push(face);
    }
    return kept;
  }

  async withMargin(image) {
    const left = Math.floor(image.width / 4) + 1;
    const top = Math.floor(image.height / 4) + 1;
    const gray = resize(image, 1, 1, "box").data;
    const scale = Math.min(1, this.sides[0] / Math.max(image.width, image.height));
    const [width, height, x, y] = [image.width, image.height, left, top].map(
      (length) => roundHalfEven(length * scale));
    const small = resize(image, Math.max(1, width), Math.max(1, height), "bilinear",
      { reducingGap: 2 });
    const wide = framed(small, x, y, gray);
    const ratio = [image.width / small.width, image.height / small.height];
    return (await this.look(wide, this.sides[0])).map(({ box, score, five }) => ({
      score,
      box: [(box[0] - x) * ratio[0], (box[1] - y) * ratio[1], box[2] * ratio[0], box[3] * ratio[1]],
      five: five.map((point) => [(point[0] - x) * ratio[0], (point[1] - y) * ratio[1]]),
    }));
  }

  /** The faces in the photo turned by quarters, of the turn in which one is surest. */
  async lookTurned(image) {
    let faces = [];
    for (const degrees of [90, 270, 180]) {
      const found = await this.look(rotate(image, degrees), this.sides[0]);
      if (best(found) > best(faces)) {
        faces = found.map((face) => turnedBack(face, degrees, image));
      }
    }
    return faces;
  }
}

/** A picture with x px of one colour at its left and right, and y px above and below. */
function framed(image, x, y, colour) {
  const width = image.width + 2 * x;
  const height = image.height + 2 * y;
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = colour[i % 3];
  for (let row = 0; row < image.height; row++) {
    const begin = row * image.width * 3;
    data.set(image.data.subarray(begin, begin + image.width * 3), ((row + y) * width + x) * 3);
  }
  return { width, height, channels: 3, data };
}

/** A face of the turned picture where it is in the picture itself. */
function turnedBack({ box, score, five }, degrees, { width, height }) {
  const back = ([x, y]) => (degrees === 90 ? [width - y, x]
    : degrees === 270 ? [y, height - x] : [width - x, height - y]);
  const a = back([box[0], box[1]]);
  const b = back([box[0] + box[2], box[1] + box[3]]);
  const corner = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  return { score, five: five.map(back),
    box: [...corner, Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1])] };
}
