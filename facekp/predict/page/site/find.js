// facekp/predict/find.py: the keypoints of all faces of a photo.
import { Geometry, turned } from "./geometry.js";
import { toGray } from "./pillow.js";

const LIVE_SIDE = 320; // px: a camera's picture is looked at once, small, as the next comes at once

export class Finder {
  /** net(crops) gives 30 numbers for each gray crop, px of the crop. */
  constructor(settings, detector, net) {
    this.geometry = new Geometry(settings);
    this.five = settings.geometry.five;
    this.detected = settings.find.detected;
    this.trustPx = settings.find.trustPx;
    this.detector = detector;
    this.net = net;
  }

  /** Faces {box, score, keypoints (15 pairs), confidence (15)}, the largest first. */
  async find(image, { fast = false, live = false } = {}) {
    const places = live ? await this.detector.look(image, LIVE_SIDE)
      : await this.detector.find(image, fast);
    if (!places.length) return [];
    const crops = places.map((place) => this.cropDetected(place.five));
    const found = await this.keypoints(toGray(image), crops, fast || live);
    const area = ({ box }) => box[2] * box[3];
    return places.map(({ box, score }, k) => ({ box, score, ...found[k] }))
      .sort((a, b) => area(b) - area(a));
  }

  cropDetected(five) {
    const crop = this.geometry.cropOf(five);
    const [x, y, grow] = this.detected;
    const aside = turned([crop.side * x, crop.side * y], crop.roll);
    return { x: crop.x + aside[0], y: crop.y + aside[1], side: crop.side * grow, roll: crop.roll };
  }

  async keypoints(gray, crops, fast) {
    const first = await this.pass(gray, crops);
    if (fast) return first.map((points, k) => this.summary([points], crops[k]));
    const again = first.map((points, k) => this.cropAgain(mean(points), crops[k]));
    const second = await this.pass(gray, again);
    return first.map((points, k) => this.summary(
      [points, second[k]], crops[k], this.geometry.moved(crops[k], again[k])));
  }

  /** For each crop two times 15 points of the photo: in the crop, and in its mirror image. */
  async pass(gray, crops) {
    const images = crops.map((crop) => this.geometry.withContrast(this.geometry.cut(gray, crop)));
    const y = await this.net([...images, ...images.map(mirror)]);
    return crops.map((crop, k) => [y[k], this.geometry.mirroredBack(y[k + crops.length])].map(
      (numbers) => this.geometry.toPhoto(pairs(numbers), crop)));
  }

  /** The crop by the points found in `crop`; that one, if they make no sense. */
  cropAgain(points, crop) {
    const next = this.geometry.cropOf(this.five.map((k) => points[k]));
    return crop.side / 2 < next.side && next.side < 2 * crop.side ? next : crop;
  }

  summary(passes, crop, alone = false) {
    const all = passes.flat();
    const middle = mean(all);
    const confidence = middle.map((point, k) => {
      const squares = all.map((points) => (points[k][0] - point[0]) ** 2
        + (points[k][1] - point[1]) ** 2);
      const spread = Math.sqrt(squares.reduce((sum, value) => sum + value, 0) / all.length);
      return Math.exp((-spread * this.geometry.size) / crop.side / this.trustPx);
    });
    return { keypoints: alone ? mean(passes[passes.length - 1]) : middle, confidence };
  }
}

const pairs = (numbers) => Array.from({ length: numbers.length / 2 },
  (_, k) => [numbers[2 * k], numbers[2 * k + 1]]);

/** The mean of several lists of points. */
const mean = (lists) => lists[0].map((_, k) => [0, 1].map(
  (axis) => lists.reduce((sum, points) => sum + points[k][axis], 0) / lists.length));

function mirror({ width, height, channels, data }) {
  const back = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const x = i % width;
    back[i] = data[i - x + width - 1 - x];
  }
  return { width, height, channels, data: back };
}
