// Boxes, lines and points over a picture.

/** Draw faces on a canvas whose pixels are 1 / scale of the photo's; `chosen` is [face, point]. */
export function drawFaces(pen, faces, skeleton, scale, { numbers = false, chosen } = {}) {
  pen.lineJoin = "round";
  faces.forEach(({ box, keypoints }, face) => {
    const [x, y, w, h] = box.map((value, k) => value / scale[k % 2]);
    const points = keypoints.map(([px, py]) => [px / scale[0], py / scale[1]]);
    const thick = Math.max(1, w / 120);
    pen.lineWidth = thick;
    pen.strokeStyle = "#ffc800";
    pen.strokeRect(x, y, w, h);
    pen.strokeStyle = "#00a0ff";
    pen.beginPath();
    for (const [from, to] of skeleton) {
      pen.moveTo(...points[from]);
      pen.lineTo(...points[to]);
    }
    pen.stroke();
    points.forEach((point, k) => drawPoint(pen, point, Math.max(2, w / 48),
      chosen && chosen[0] === face && chosen[1] === k));
    if (numbers && faces.length > 1) drawNumber(pen, face + 1, x, y, Math.max(12, w / 8));
  });
}

function drawPoint(pen, [x, y], radius, chosen) {
  pen.beginPath();
  pen.arc(x, y, chosen ? 2.2 * radius : radius, 0, 2 * Math.PI);
  pen.fillStyle = chosen ? "#ffc800" : "#ff2828";
  pen.fill();
  pen.lineWidth = Math.max(0.75, radius / 3);
  pen.strokeStyle = "#fff";
  pen.stroke();
}

function drawNumber(pen, number, x, y, size) {
  pen.font = `600 ${size}px system-ui, sans-serif`;
  const width = pen.measureText(number).width + size * 0.5;
  const top = Math.max(0, y - size * 1.25);
  pen.fillStyle = "#ffc800";
  pen.fillRect(x, top, width, size * 1.25);
  pen.fillStyle = "#000";
  pen.textBaseline = "middle";
  pen.fillText(number, x + size * 0.25, top + size * 0.66);
}
