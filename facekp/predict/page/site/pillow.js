// What facekp.predict does to pictures with Pillow, to the bit: resize, reduce, turn, gray.
// A picture is {width, height, channels, data}: bytes, channels next to each other.

const PRECISION = 22; // bits behind the point of a weight, as in Pillow's Resample.c

const FILTERS = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: bicubicWeight },
};

function bicubicWeight(x) {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Python's round(): halves go to the even neighbour. */
export function roundHalfEven(x) {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

const clip = (value) => (value < 0 ? 0 : value > 255 ? 255 : value);

/** For each output pixel along an axis: the first input pixel, how many, and their weights. */
function weightsAlong(inSize, begin, end, outSize, { support, weight }) {
  const scale = Math.fround(end - begin) / outSize;
  const wide = Math.max(scale, 1);
  const reach = support * wide;
  const size = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(outSize);
  const count = new Int32Array(outSize);
  const weights = new Int32Array(outSize * size);
  const exact = new Float64Array(size);
  for (let out = 0; out < outSize; out++) {
    const center = begin + (out + 0.5) * scale;
    const low = Math.max(0, Math.trunc(center - reach + 0.5));
    const n = Math.min(inSize, Math.trunc(center + reach + 0.5)) - low;
    let sum = 0;
    for (let k = 0; k < n; k++) {
      exact[k] = weight((k + low - center + 0.5) * (1 / wide));
      sum += exact[k];
    }
    for (let k = 0; k < n; k++) {
      const share = sum ? exact[k] / sum : exact[k];
      weights[out * size + k] = Math.trunc((share < 0 ? -0.5 : 0.5) + share * 2 ** PRECISION);
    }
    first[out] = low;
    count[out] = n;
  }
  return { first, count, weights, size };
}

function resizeRows(image, width, rowBegin, rowEnd, along) {
  const { channels } = image;
  const height = rowEnd - rowBegin;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const row = (y + rowBegin) * image.width * channels;
    for (let x = 0; x < width; x++) {
      const from = row + along.first[x] * channels;
      for (let c = 0; c < channels; c++) {
        let sum = 1 << (PRECISION - 1);
        for (let k = 0; k < along.count[x]; k++) {
          sum += image.data[from + k * channels + c] * along.weights[x * along.size + k];
        }
        data[(y * width + x) * channels + c] = clip(sum >> PRECISION);
      }
    }
  }
  return { width, height, channels, data };
}

function resizeColumns(image, height, along, rowBegin) {
  const length = image.width * image.channels;
  const data = new Uint8Array(length * height);
  const sums = new Int32Array(length);
  for (let y = 0; y < height; y++) {
    sums.fill(1 << (PRECISION - 1));
    for (let k = 0; k < along.count[y]; k++) {
      const weight = along.weights[y * along.size + k];
      const row = (along.first[y] + k - rowBegin) * length;
      for (let i = 0; i < length; i++) sums[i] += image.data[row + i] * weight;
    }
    for (let i = 0; i < length; i++) data[y * length + i] = clip(sums[i] >> PRECISION);
  }
  return { width: image.width, height, channels: image.channels, data };
}

/** Image.resize((width, height), filter, box, reducing_gap). */
export function resize(image, width, height, filter, { box, reducingGap } = {}) {
  box ??= [0, 0, image.width, image.height];
  if (reducingGap) {
    const x = Math.trunc((box[2] - box[0]) / width / reducingGap) || 1;
    const y = Math.trunc((box[3] - box[1]) / height / reducingGap) || 1;
    if (x > 1 || y > 1) {
      image = reduce(image, x, y); // the box is the whole picture wherever a gap is given
      box = [0, 0, box[2] / x, box[3] / y];
    }
  }
  const [left, top, right, bottom] = box.map(Math.fround);
  if (width !== image.width || left !== 0 || right !== width) {
    const across = weightsAlong(image.width, left, right, width, FILTERS[filter]);
    const down = weightsAlong(image.height, top, bottom, height, FILTERS[filter]);
    const begin = down.first[0];
    const end = down.first[height - 1] + down.count[height - 1];
    const narrow = resizeRows(image, width, begin, end, across);
    const same = height === image.height && top === 0 && bottom === height;
    return same ? narrow : resizeColumns(narrow, height, down, begin);
  }
  if (height === image.height && top === 0 && bottom === height) return image;
  const down = weightsAlong(image.height, top, bottom, height, FILTERS[filter]);
  return resizeColumns(image, height, down, 0);
}

/** Image.reduce((factorX, factorY)): means of blocks; those at the edges may be smaller. */
export function reduce(image, factorX, factorY) {
  const { channels } = image;
  const width = Math.ceil(image.width / factorX);
  const height = Math.ceil(image.height / factorY);
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const rows = Math.min(factorY, image.height - y * factorY);
    for (let x = 0; x < width; x++) {
      const columns = Math.min(factorX, image.width - x * factorX);
      const n = rows * columns;
      const share = Math.floor(2 ** 24 / n);
      for (let c = 0; c < channels; c++) {
        let sum = n >> 1;
        for (let j = 0; j < rows; j++) {
          const from = ((y * factorY + j) * image.width + x * factorX) * channels + c;
          for (let i = 0; i < columns; i++) sum += image.data[from + i * channels];
        }
        data[(y * width + x) * channels + c] = Math.floor((sum * share) / 2 ** 24);
      }
    }
  }
  return { width, height, channels, data };
}

const cubic = (a, b, c, d, t) =>
  b + t * (c - a + t * (2 * (a - b) + c - d + t * (b - a - c + d)));

/** image.transform((size, size), AFFINE, matrix, BICUBIC) of a gray picture. */
export function turn(image, size, [a, b, c, d, e, f]) {
  const { width, height } = image;
  const data = new Uint8Array(size * size);
  const row = new Float64Array(4);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const u = a * (x + 0.5) + b * (y + 0.5) + c;
      const v = d * (x + 0.5) + e * (y + 0.5) + f;
      if (u < 0 || v < 0 || u >= width || v >= height) continue; // black
      const left = Math.floor(u - 0.5);
      const top = Math.floor(v - 0.5);
      for (let j = 0; j < 4; j++) {
        const at = Math.min(Math.max(top - 1 + j, 0), height - 1) * width;
        const pixel = (i) => image.data[at + Math.min(Math.max(left - 1 + i, 0), width - 1)];
        row[j] = cubic(pixel(0), pixel(1), pixel(2), pixel(3), u - 0.5 - left);
      }
      data[y * size + x] = clip(Math.trunc(cubic(row[0], row[1], row[2], row[3], v - 0.5 - top)));
    }
  }
  return { width: size, height: size, channels: 1, data };
}

/** image.transpose(ROTATE_90), ROTATE_180 or ROTATE_270: counter-clockwise. */
export function rotate(image, degrees) {
  const { width, height, channels } = image;
  const [w, h] = degrees === 180 ? [width, height] : [height, width];
  const data = new Uint8Array(image.data.length);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [u, v] = degrees === 90 ? [width - 1 - y, x]
        : degrees === 270 ? [y, height - 1 - x] : [width - 1 - x, height - 1 - y];
      for (let c = 0; c < channels; c++) {
        data[(y * w + x) * channels + c] = image.data[(v * width + u) * channels + c];
      }
    }
  }
  return { width: w, height: h, channels, data };
}

/** image.convert("L") of an RGB picture. */
export function toGray({ width, height, data }) {
  const gray = new Uint8Array(width * height);
  for (let i = 0; i < gray.length; i++) {
    gray[i] = (data[3 * i] * 19595 + data[3 * i + 1] * 38470 + data[3 * i + 2] * 7471 + 0x8000)
      >> 16;
  }
  return { width, height, channels: 1, data: gray };
}

/** The RGB picture of a canvas's RGBA bytes; the canvas is opaque. */
export function fromCanvas({ width, height, data }) {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0, k = 0; i < rgb.length; k++) {
    rgb[i++] = data[k++];
    rgb[i++] = data[k++];
    rgb[i++] = data[k++];
  }
  return { width, height, channels: 3, data: rgb };
}
