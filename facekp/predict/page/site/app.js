// The page: takes photos, asks the worker for faces, shows them.
import { Camera } from "./camera.js";
import { Client } from "./client.js";
import { Problem, readPhoto } from "./photo.js";
import { article, counted, csv, save } from "./results.js";

const at = (id) => document.getElementById(id);
const photos = []; // what was shown, for all numbers in one file
const client = new Client();
let settings;
let camera;

// ---- what the user reads ---------------------------------------------------------------------

function say(text, busy = false) {
  at("status").textContent = text;
  at("status").classList.toggle("busy", busy);
}

function complain(error) {
  const text = error instanceof Problem ? error.message
    : `Something went wrong (${error.message}). Load the page again, or use another browser.`;
  at("problems").append(Object.assign(document.createElement("p"), { textContent: text }));
}

function aboutNets({ net }) {
  const error = net.valid_rmse_px?.split(", ").map((text) => Number(text).toFixed(2)).join(", ");
  const faces = net.data?.startsWith("synthetic") ? net.data
    : `faces of Kaggle's contest Facial Keypoints Detection (${net.data ?? "source not named"})`;
  const rows = [
    ["Keypoints", `a net trained with facekp on ${faces}`],
    ["How good", error ? `${error} pixels (root mean square) on faces that were not used for `
      + "training, where a face fills 96 × 96 pixels" : "not known"],
    ["Not measured", "on faces seen from the side, on covered faces, and on children"],
    ["Faces", "CenterFace (Xu et al. 2019, arXiv 1911.03599), trained on WIDER FACE"],
  ];
  at("about").append(...rows.flatMap(([name, text]) => [
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: text })]));
}

// ---- photos ----------------------------------------------------------------------------------

const inPhoto = (faces, [x, y]) => faces.map((face) => ({
  ...face, box: face.box.map((value, k) => value * (k % 2 ? y : x)),
  keypoints: face.keypoints.map((point) => [point[0] * x, point[1] * y]) }));

/** A name that no photo has that is shown: of two, the second gets a number, as in Python. */
function freeName(name) {
  const [, stem, suffix = ""] = name.match(/^(.*?)(\.[^.]*)?$/s);
  let free = name;
  for (let k = 2; photos.some((photo) => photo.name === free); k++) free = `${stem}-${k}${suffix}`;
  return free;
}

async function show(photo) {
  const { data, width, height } = photo.pixels;
  const faces = await client.find(new ImageData(data.slice(), width, height));
  photo.faces = inPhoto(faces, photo.scale);
  photo.name = freeName(photo.name); // pasted pictures are all image.png
  photos.push(photo);
  at("results").hidden = false;
  at("photos").append(article(photo, settings));
  delete photo.pixels; // the article keeps what it draws
  return photo;
}

let last = Promise.resolve(); // photos are shown one after the other

function showAll(files) {
  last = last.then(() => showEach(files));
  return last;
}

async function showEach(files) {
  at("problems").replaceChildren();
  const shown = [];
  for (const [k, file] of files.entries()) {
    const name = file.name || "pasted picture";
    say(files.length > 1 ? `Looking at ${name}, ${k + 1} of ${files.length} …`
      : `Looking at ${name} …`, true);
    try {
      shown.push(await show(await readPhoto(file, name, settings)));
    } catch (error) {
      complain(error);
    }
  }
  sayWhatWasFound(shown, files.length - shown.length);
}

function sayWhatWasFound(shown, problems) {
  const faces = shown.reduce((sum, photo) => sum + photo.faces.length, 0);
  const where = shown.length === 1 ? shown[0].name : `${shown.length} photos`;
  const files = problems === 1 ? "1 file was" : `${problems} files were`;
  const left = problems ? ` ${files} left out.` : "";
  if (!shown.length) {
    say(problems ? "" : "No photo was given. Choose some, or drop them here.");
    return;
  }
  say(`${where}: ${counted(faces)}.${left}`);
  at("photos").children[photos.length - shown.length]?.scrollIntoView({ block: "start" });
}

async function showExample() {
  try {
    const answer = await fetch("example.jpg");
    await showAll([new File([await answer.blob()], "example (drawn people).jpg")]);
  } catch (error) {
    complain(error);
  }
}

// ---- the camera ------------------------------------------------------------------------------

async function startCamera() {
  at("problems").replaceChildren();
  at("camera").disabled = true; // a second click would get a second stream, which nobody stops
  say("The browser asks whether this page may use the camera …", true);
  try {
    await camera.start(stopCamera);
    at("live").hidden = false;
    say("The camera is on.");
    at("take").focus();
    await camera.follow();
  } catch (error) {
    stopCamera();
    say("");
    complain(error);
  }
}

function stopCamera() {
  camera.stop();
  at("live").hidden = true;
  at("camera").disabled = false;
  say("The camera is off.");
  at("camera").focus();
}

async function takePicture() {
  say("Looking at the camera's picture …", true);
  const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
  const photo = { name: `camera ${time}`, ...camera.frame() };
  last = last.then(() => show(photo)).then((shown) => sayWhatWasFound([shown], 0), (error) => {
    say("");
    complain(error);
  });
  await last;
}

// ---- start -----------------------------------------------------------------------------------

const controls = ["choose", "camera", "example"];

function listen() {
  at("choose").onclick = () => at("files").click();
  at("files").onchange = async () => {
    await showAll([...at("files").files]);
    at("files").value = ""; // the same file again is a change, too
  };
  at("example").onclick = showExample;
  at("camera").onclick = startCamera;
  at("stop").onclick = stopCamera;
  at("take").onclick = takePicture;
  at("save-all").onclick = () => save(csv(photos, settings), "keypoints.csv");
  at("clear").onclick = () => {
    photos.length = 0;
    at("photos").replaceChildren();
    at("results").hidden = true;
    say("");
    at("choose").focus();
  };
  addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData.files.length) showAll([...clipboardData.files]);
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    at("drop").classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) at("drop").classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    at("drop").classList.remove("over");
    showAll([...event.dataTransfer.files]);
  });
}

async function start() {
  for (const id of controls) at(id).disabled = true;
  say("Loading the nets …", true);
  settings = await (await fetch("settings.json")).json();
  aboutNets(settings);
  if (typeof WebAssembly !== "object") {
    throw new Problem("This browser has no WebAssembly, which runs the nets. Use another one.");
  }
  await client.start();
  camera = new Camera(at("video"), at("points"), settings,
    (pixels) => client.find(pixels, { live: true }));
  listen();
  for (const id of controls) at(id).disabled = false;
  say("Ready.");
}

start().catch((error) => {
  say("");
  complain(error instanceof Problem ? error : new Problem(
    `The nets cannot be loaded (${error.message}). Load the page again; the server must send all `
    + "of its files."));
});
