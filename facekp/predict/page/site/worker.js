// Finds keypoints beside the page, so that the page stays responsive.
import * as ort from "./runtime/ort.wasm.min.mjs";
import { Detector } from "./detector.js";
import { Finder } from "./find.js";
import { fromCanvas } from "./pillow.js";

const BATCH = 64; // crops at a time, as in Python

ort.env.wasm.wasmPaths = new URL("runtime/", self.location.href).href;
ort.env.wasm.numThreads = 1; // several need headers that few servers send
ort.env.logLevel = "error";

async function load() {
  const answer = await fetch("settings.json");
  const settings = await answer.json();
  const open = (name) => ort.InferenceSession.create(`models/${name}.onnx`,
    { executionProviders: ["wasm"], logSeverityLevel: 3 });
  const faces = await open("centerface");
  const points = await open("keypoints");
  const detector = new Detector(settings.detector, async (width, height, planes) => {
    const input = new ort.Tensor("float32", planes, [1, 3, height, width]);
    const outputs = await faces.run({ [faces.inputNames[0]]: input });
    return faces.outputNames.map((name) => outputs[name]);
  });
  return new Finder(settings, detector, (crops) => keypoints(points, crops));
}

async function keypoints(session, crops) {
  const found = [];
  for (let start = 0; start < crops.length; start += BATCH) {
    const some = crops.slice(start, start + BATCH);
    const { width, height } = some[0];
    const values = new Float32Array(some.length * width * height);
    some.forEach((crop, k) => values.set(Float32Array.from(crop.data, (gray) => gray / 255),
      k * width * height));
    const input = new ort.Tensor("float32", values, [some.length, 1, height, width]);
    const outputs = await session.run({ [session.inputNames[0]]: input });
    const { data, dims } = outputs[session.outputNames[0]];
    for (let k = 0; k < some.length; k++) {
      found.push(Array.from(data.subarray(k * dims[1], (k + 1) * dims[1])));
    }
  }
  if (!found.flat().every(Number.isFinite)) throw new Error("the net finds no finite numbers");
  return found;
}

const finder = load();
finder.then(() => postMessage({ ready: true }),
  (error) => postMessage({ ready: false, why: String(error.message ?? error) }));

self.onmessage = async ({ data: { id, image, options } }) => {
  try {
    const faces = await (await finder).find(fromCanvas(image), options);
    postMessage({ id, faces });
  } catch (error) {
    postMessage({ id, why: String(error.message ?? error) });
  }
};
