// A file as the pixels of a photo, the way up that its EXIF says.

/** What a user reads when a photo cannot be used. */
export class Problem extends Error {}

/** {name, width, height, pixels, scale}: px of the photo; ImageData whose px are `scale` large. */
export async function readPhoto(file, name, { maxPixels, canvasPixels }) {
  if (!file.size) throw new Problem(`${name}: is empty. Give another file.`);
  const address = URL.createObjectURL(file);
  try {
    const image = new Image();
    try {
      await new Promise((resolve, reject) => {
        Object.assign(image, { onload: resolve, onerror: reject, src: address });
      });
      checkSize(image.naturalWidth, image.naturalHeight, name, maxPixels); // before it is unpacked
      await image.decode();
    } catch (error) {
      throw error instanceof Problem ? error : new Problem(`${name}: ${await whyNot(file)}`);
    }
    return { name, ...pixelsOf(image, image.naturalWidth, image.naturalHeight, canvasPixels) };
  } finally {
    URL.revokeObjectURL(address);
  }
}

function checkSize(width, height, name, maxPixels) {
  if (!width || !height) throw new Problem(`${name}: has no pixels. Give another file.`);
  if (width * height <= maxPixels) return;
  throw new Problem(`${name}: has ${Math.round(width * height / 1e6)} megapixels, but at most `
    + `${Math.round(maxPixels / 1e6)} can be used. Give a smaller copy.`);
}

/** {width, height, pixels, scale} of an image or a video's frame, in so many pixels at most. */
export function pixelsOf(source, width, height, most) {
  const shrink = Math.min(1, Math.sqrt(most / (width * height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(width * shrink));
  canvas.height = Math.max(1, Math.floor(height * shrink));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#fff"; // what is transparent is white
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, 0, 0, canvas.width, canvas.height);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
  return { width, height, pixels, scale: [width / canvas.width, height / canvas.height] };
}

/** Why a browser may not have read a file, by its first bytes. */
async function whyNot(file) {
  const head = new Uint8Array(await file.slice(0, 12).arrayBuffer());
  const text = String.fromCharCode(...head);
  if (/^....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)/s.test(text)) {
    return "is a HEIC photo, which this browser cannot read (Safari can). Save it as JPEG, or take "
      + "photos as \"most compatible\" in the phone's settings of the camera.";
  }
  if (/^(II\*\0|MM\0\*)/.test(text)) {
    return "is a TIFF picture, which this browser cannot read. Save it as PNG or JPEG; facekp "
      + "predict reads it as it is.";
  }
  if (/^(\xff\xd8|\x89PNG|GIF8|BM|RIFF)/.test(text)) {
    return "is damaged, or too large for this browser. Give another copy.";
  }
  return "is no picture that this browser can read. Give a JPEG, PNG or WebP file.";
}
