// What was found: the photo with its points, tables, and files to save.
import { drawFaces } from "./draw.js";

const element = (name, content = "", attributes = {}) => {
  const made = Object.assign(document.createElement(name), attributes);
  if (typeof content === "string") made.textContent = content;
  else made.append(...content);
  return made;
};

const button = (text, onclick) => element("button", text, { type: "button", onclick });

/** "right eye, inner corner" is easier read than right_eye_inner_corner. */
const spoken = (name) => name.replaceAll("_", " ");

export const counted = (n) => (n === 0 ? "no face" : n === 1 ? "1 face" : `${n} faces`);

/** The article of a photo {name, width, height, pixels, scale, faces}. */
export function article(photo, settings) {
  const canvas = element("canvas");
  const caption = photo.faces.length
    ? `${photo.width} × ${photo.height} pixels, ${counted(photo.faces.length)}`
      + (photo.faces.length > 1 ? ", the largest first" : "")
    : `${photo.width} × ${photo.height} pixels. There is no face, or none that the detector is `
      + "sure of. Faces should be upright, sharp and at least 16 pixels high.";
  const draw = drawer(canvas, photo, settings);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${photo.name} with ${counted(photo.faces.length)}`
    + (photo.faces.length ? " and the keypoints; the tables below hold them" : ""));
  draw();
  const tables = photo.faces.map((face, number) => faceDetails(face, number, settings, draw));
  if (tables.length === 1) tables[0].open = true;
  const buttons = photo.faces.length ? [element("div", [
    button("Save the picture (PNG)", () => canvas.toBlob(
      (blob) => save(blob, `${stem(photo.name)}-keypoints.png`))),
    button("Save the numbers (CSV)", () => save(csv([photo], settings),
      `${stem(photo.name)}-keypoints.csv`)),
  ], { className: "buttons" })] : [];
  return element("article", [element("h3", photo.name),
    element("figure", [canvas, element("figcaption", caption)]), ...tables, ...buttons]);
}

/** A function that draws the photo and its faces on a canvas, with one point enlarged if given. */
function drawer(canvas, { pixels, scale, faces }, { skeleton, longestSide }) {
  const whole = document.createElement("canvas");
  whole.width = pixels.width;
  whole.height = pixels.height;
  whole.getContext("2d").putImageData(pixels, 0, 0);
  const shrink = Math.min(1, longestSide / Math.max(pixels.width, pixels.height));
  canvas.width = Math.max(1, Math.round(pixels.width * shrink));
  canvas.height = Math.max(1, Math.round(pixels.height * shrink));
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(whole, 0, 0, canvas.width, canvas.height);
  const photo = document.createElement("canvas"); // the small copy, to draw again upon
  photo.width = canvas.width;
  photo.height = canvas.height;
  photo.getContext("2d").drawImage(canvas, 0, 0);
  const ratio = [(pixels.width / canvas.width) * scale[0],
    (pixels.height / canvas.height) * scale[1]];
  return (chosen) => {
    pen.drawImage(photo, 0, 0);
    drawFaces(pen, faces, skeleton, ratio, { numbers: true, chosen });
  };
}

function faceDetails({ keypoints, confidence, score }, number, settings, draw) {
  const row = (name, k) => element("tr", [
    element("th", spoken(name), { scope: "row" }),
    ...[keypoints[k][0].toFixed(1), keypoints[k][1].toFixed(1), confidence[k].toFixed(2)].map(
      (text) => element("td", text)),
  ], { onpointerenter: () => draw([number, k]), onpointerleave: () => draw() });
  const head = element("tr", ["keypoint", "x", "y", "confidence"].map(
    (text) => element("th", text, { scope: "col" })));
  return element("details", [
    element("summary", `Face ${number + 1}: the detector's score is ${score.toFixed(2)}`),
    element("table", [
      element("caption", `Keypoints of face ${number + 1}, pixels of the photo`),
      element("thead", [head]), element("tbody", settings.keypoints.map(row))]),
  ]);
}

/** The rows that `facekp predict` writes, as a file. */
export function csv(photos, { columns }) {
  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = [columns.join(",")];
  for (const { name, faces } of photos) {
    faces.forEach(({ box, score, keypoints, confidence }, number) => lines.push([
      quoted(name), "", "", number, 1, score.toFixed(4),
      ...[...box, ...keypoints.flat()].map((value) => value.toFixed(3)),
      ...confidence.map((value) => value.toFixed(4))].join(",")));
    if (!faces.length) {
      lines.push([quoted(name), "", "", "", 0, ...Array(columns.length - 5).fill("")].join(","));
    }
  }
  return new Blob([`${lines.join("\n")}\n`], { type: "text/csv" });
}

export function save(blob, name) {
  const link = element("a", "", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

const stem = (name) => name.replace(/\.[^.]*$/, "") || "photo";
